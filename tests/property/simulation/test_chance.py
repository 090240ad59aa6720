"""Seeded chance: the laws hold, and the rare paths were really taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from safelight.scenario import read
from safelight.simulation import PATHS, Paths, episode, play

SEEDS = 4000 if os.environ.get("SAFELIGHT_DEEP") else 900
SCENARIOS = Path(__file__).parents[3] / "fixtures" / "scenarios"


@pytest.fixture(scope="module")
def taken() -> Paths:
    """What a run with fixed seeds came through; it fails at the first law that breaks."""
    paths = Paths()
    for seed in range(SEEDS):
        played = episode(f"test/{seed}")
        assert played.broken is None, f"seed test/{seed}: {played.broken}"
        paths.update(played.paths)
    return paths


LIKELY = (
    "early", "duplicate-after-commit", "overlap", "overwritten", "lost-record", "lost-page",
    "lost-album", "lost-answer", "denied", "crash-between", "crash-publishing", "timed-out",
    "decoder-died", "function-died", "poison", "redriven", "stale-receipt", "barred", "retired",
    "collected", "pending-removal", "tombstone-removed", "album-removed", "page-removed",
    "torn-listing", "lost-notification",
)  # fmt: skip


@pytest.mark.parametrize("path", LIKELY)
def test_chance_comes_through_the_rare_paths(path: str, taken: Paths) -> None:
    assert taken[path] > 0


def test_every_path_is_taken_by_chance_or_by_a_scenario(taken: Paths) -> None:
    paths = Paths(taken)
    for file in sorted(SCENARIOS.glob("*.yaml")):
        paths.update(play(read(file)).paths)

    assert {path for path in PATHS if not paths[path]} == set()


def test_the_same_seed_plays_the_same_episode() -> None:
    first, second, other = episode("one"), episode("one"), episode("two")

    assert first == second
    assert first.scenario.steps != other.scenario.steps
