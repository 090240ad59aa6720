"""Settings from the environment: every variable, good values and bad."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gallery.originals import FROM_LOOSE_TO_STRICT
from thumbnailer.settings import MIB, Settings, SettingsError

GOOD = {
    "SAFELIGHT_EDGES": " 1200, 400,400",
    "SAFELIGHT_QUALITY": "75",
    "SAFELIGHT_KEEP_LOCATION": "yes",
    "SAFELIGHT_ORIGINALS": "stripped",
    "SAFELIGHT_MAX_BYTES": "10M",
    "SAFELIGHT_MAX_PIXELS": "100M",
    "SAFELIGHT_MAX_SECONDS": "2.5",
    "SAFELIGHT_MAX_MEMORY": "1GiB",
}


def test_every_variable_is_read() -> None:
    assert Settings.from_env(GOOD) == Settings(
        edges=(400, 1200),
        quality=75,
        keep_location=True,
        originals="stripped",
        max_bytes=10 * MIB,
        max_pixels=100_000_000,
        max_seconds=2.5,
        max_memory=1024 * MIB,
    )


def test_nothing_set_gives_the_defaults() -> None:
    assert Settings.from_env({}) == Settings()
    assert Settings.from_env(dict.fromkeys(GOOD, " ")) == Settings()


def test_every_variable_is_documented() -> None:
    assert Settings.__doc__ is not None
    for name in GOOD:
        assert f"``{name}``" in Settings.__doc__


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAFELIGHT_EDGES", "wide"), ("SAFELIGHT_EDGES", "0"), ("SAFELIGHT_EDGES", "600,99999"),
        ("SAFELIGHT_EDGES", ","), ("SAFELIGHT_QUALITY", "0"), ("SAFELIGHT_QUALITY", "96"),
        ("SAFELIGHT_QUALITY", "80.5"), ("SAFELIGHT_KEEP_LOCATION", "perhaps"),
        ("SAFELIGHT_MAX_BYTES", "-1"), ("SAFELIGHT_MAX_PIXELS", "0"),
        ("SAFELIGHT_MAX_SECONDS", "nan"), ("SAFELIGHT_MAX_SECONDS", "0"),
        ("SAFELIGHT_MAX_SECONDS", "soon"), ("SAFELIGHT_MAX_MEMORY", "12M"),
        ("SAFELIGHT_MAX_MEMORY", "9" * 30),
    ],
)  # fmt: skip
def test_a_bad_value_is_named_with_what_would_do(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}=.*: give "):
        Settings.from_env({name: value})


def test_a_choice_that_there_is_not_is_an_error_of_the_settings() -> None:
    with pytest.raises(SettingsError, match="SAFELIGHT_ORIGINALS is 'privat'; it must be public"):
        Settings.from_env({"SAFELIGHT_ORIGINALS": "privat"})


def test_what_visitors_may_take_changes_what_is_made() -> None:
    assert len({Settings().fingerprint(originals=each) for each in FROM_LOOSE_TO_STRICT}) == 3
    # Whether one is wanted is decided photo by photo, since the settings file may change it.
    assert Settings(originals="stripped").fingerprint() == Settings().fingerprint()


def test_fingerprints_change_with_what_they_are_of() -> None:
    base = Settings()
    for changed in (
        replace(base, edges=(600,)),
        replace(base, quality=81),
        replace(base, keep_location=True),
    ):
        assert changed.fingerprint() != base.fingerprint()
        assert changed.limits_fingerprint() == base.limits_fingerprint()
    for changed in (
        replace(base, max_bytes=1),
        replace(base, max_pixels=1),
        replace(base, max_seconds=1),
        replace(base, max_memory=200 * MIB),
    ):
        assert changed.fingerprint() == base.fingerprint()
        assert changed.limits_fingerprint() != base.limits_fingerprint()
