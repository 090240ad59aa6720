"""The variables that say which stack a service is part of."""

from __future__ import annotations

import pytest

from gallery.environment import MissingVariable, Wiring, seconds

WHOLE = {
    "SAFELIGHT_BUCKET": "b",
    "SAFELIGHT_THUMBNAIL_QUEUE_URL": "http://q/thumbnail",
    "SAFELIGHT_PUBLISH_QUEUE_URL": "http://q/publish",
}


def test_the_wiring_is_read() -> None:
    assert Wiring.from_environment(WHOLE) == Wiring("b", "http://q/thumbnail", "http://q/publish")


@pytest.mark.parametrize("name", sorted(WHOLE))
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_is_named(name: str, value: str | None) -> None:
    broken = {other: text for other, text in WHOLE.items() if other != name}
    if value is not None:
        broken[name] = value
    with pytest.raises(MissingVariable, match=name) as error:
        Wiring.from_environment(broken)
    assert all(other not in str(error.value) for other in WHOLE if other != name)


def test_all_missing_variables_are_named_at_once() -> None:
    with pytest.raises(MissingVariable) as error:
        Wiring.from_environment({})
    assert all(name in str(error.value) for name in WHOLE)


@pytest.mark.parametrize(
    ("text", "value"), [("", 9.0), ("  ", 9.0), ("0", 0.0), (" 2.5 ", 2.5), ("1e3", 1000.0)]
)
def test_seconds_are_read(text: str, value: float) -> None:
    assert seconds({"S": text}, "S", 9.0) == value


def test_seconds_have_a_default() -> None:
    assert seconds({}, "S", 9.0) == 9.0


@pytest.mark.parametrize("text", ["-1", "x", "nan", "inf", "-inf", "1e12", "1 h", "\x00"])
def test_what_is_no_number_of_seconds_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"^S is "):
        seconds({"S": text}, "S", 9.0)
