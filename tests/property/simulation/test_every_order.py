"""Small scopes, every order of events."""

from __future__ import annotations

import os

import pytest

from safelight.simulation import without
from safelight.simulation.mutants import mutant
from safelight.simulation.search import SCOPES, deeper, search

DEEP = bool(os.environ.get("SAFELIGHT_DEEP"))


@pytest.mark.parametrize(
    ("name", "preemptions"),
    [("two-versions", 2), ("came-and-went", 0), ("gone", 1), ("beside", 1)],
)
def test_every_law_holds_in_every_order(name: str, preemptions: int) -> None:
    found = search(SCOPES[name] if DEEP else deeper(SCOPES[name], preemptions))

    assert found.broken is None
    assert found.complete
    assert found.states > 500, "so few states: what was to be interleaved was not"


def test_two_photos_of_two_versions_a_duplicate_and_a_crash() -> None:
    scope = SCOPES["two-photos"]
    found = search(scope if DEEP else deeper(scope, 0), most=3_000_000)

    assert found.broken is None
    assert found.complete
    assert found.ends > 500


@pytest.mark.parametrize(
    ("rule", "scope"),
    [
        ("record-compare-and-swap", "two-versions"),
        ("last-look", "beside"),
        ("salt", "gone"),
        ("page-if-match", "beside"),
    ],
)
def test_a_rule_taken_out_is_found(rule: str, scope: str) -> None:
    with without(mutant(rule)):
        found = search(SCOPES[scope], most=400_000)

    assert found.broken is not None
    assert found.scenario is not None
