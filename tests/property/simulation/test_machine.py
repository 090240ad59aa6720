"""Hypothesis drives the pipeline; a rule taken out is found, shrunk and saved as a scenario."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from safelight.scenario import read
from safelight.simulation import LawBroken, broken_law, without
from safelight.simulation.mutants import mutant
from tests.property.simulation.machine import Pipeline

DEEP = bool(os.environ.get("SAFELIGHT_DEEP"))

EASY = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)


def test_every_law_holds(tmp_path: Path) -> None:
    Pipeline.saved = tmp_path / "found.yaml"
    more = settings(EASY, max_examples=5000, stateful_step_count=80, derandomize=False)
    run_state_machine_as_test(Pipeline, settings=more if DEEP else EASY)


@pytest.mark.parametrize(
    ("rule", "most"), [("record-last", 3), ("albums-above", 3), ("key-decoding", 3)]
)
def test_a_rule_taken_out_is_found_and_saved(rule: str, most: int, tmp_path: Path) -> None:
    Pipeline.saved = tmp_path / "found.yaml"
    removed = mutant(rule)
    given = settings(EASY, phases=(Phase.generate, Phase.shrink))
    with without(removed), pytest.raises(LawBroken) as raised:
        run_state_machine_as_test(Pipeline, settings=given)

    found = read(tmp_path / "found.yaml")
    assert len(found.steps) <= most
    with without(removed):
        broken = broken_law(found)
    assert broken is not None
    assert broken.law == raised.value.law
    assert broken_law(found) is None, "with the rule, the same scenario breaks nothing"
