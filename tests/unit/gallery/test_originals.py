"""The choice of what visitors may take."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gallery import keys
from gallery.originals import (
    FROM_LOOSE_TO_STRICT,
    chosen_by,
    chosen_in,
    from_environment,
    is_choice,
    stricter,
)
from gallery.record import TextRecord


def test_the_stricter_one_wins_whoever_asks_for_it() -> None:
    """Whichever of the two it is."""
    assert stricter("public", "stripped") == "stripped"
    assert stricter("private", "stripped") == "private"
    for one, other in itertools.product(FROM_LOOSE_TO_STRICT, repeat=2):
        assert stricter(one, other) == stricter(other, one)
        assert stricter(one, one) == one
        assert stricter("private", other) == "private"
        assert stricter("public", other) == other


def test_the_environment_tells_what_the_template_asks_for() -> None:
    """And public where there is no template."""
    assert from_environment({}) == from_environment({"SAFELIGHT_ORIGINALS": " "}) == "public"
    for choice in FROM_LOOSE_TO_STRICT:
        assert from_environment({"SAFELIGHT_ORIGINALS": choice}) == choice


def settings(status: Literal["ready", "rejected", "deleted"], text: str = "") -> TextRecord:
    """The settings file's record."""
    return TextRecord(
        kind="settings",
        key=keys.SETTINGS,
        status=status,
        text=text,
        updated=datetime(2026, 3, 14, tzinfo=UTC),
    )


def test_the_settings_record_tells_what_the_owner_asks_for() -> None:
    """And one that could not be read may have asked for the strictest."""
    assert chosen_by(None) == chosen_by(settings("deleted")) == "public"
    assert chosen_by(settings("ready", "title: x\noriginals: stripped\n")) == "stripped"
    assert chosen_by(settings("rejected")) == "private"


@given(st.text())
def test_no_text_that_speaks_of_originals_is_taken_for_silence(rest: str) -> None:
    """Whatever stands around it, "private" is never read as public."""
    # Unless it says it once more, if need be in escapes.
    assume(not any(mark in rest.casefold() for mark in ("original", "\\")))
    assert chosen_in(f"originals: private\n{rest}") == "private"


def test_a_choice_that_there_is_not_is_an_error() -> None:
    """A typing error must not publish what was to be private."""
    assert not is_choice("privat")
    with pytest.raises(ValueError, match=r"privat.*must be public, stripped, private"):
        from_environment({"SAFELIGHT_ORIGINALS": "privat"})
