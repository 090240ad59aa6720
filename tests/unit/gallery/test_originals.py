"""The choice of what visitors may take."""

from __future__ import annotations

import itertools

import pytest

from gallery.originals import FROM_LOOSE_TO_STRICT, from_environment, is_choice, stricter


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


def test_a_choice_that_there_is_not_is_an_error() -> None:
    """A typing error must not publish what was to be private."""
    assert not is_choice("privat")
    with pytest.raises(ValueError, match=r"privat.*must be public, stripped, private"):
        from_environment({"SAFELIGHT_ORIGINALS": "privat"})
