"""Every scenario of the library holds, and each removed rule breaks the law that it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from safelight.scenario import read
from safelight.simulation import MUTANTS, Mutant, play
from safelight.simulation.laws import __doc__ as laws
from safelight.simulation.mutants import SPARE, mutant, proof, prove, table
from safelight.simulation.paths import PATHS

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "fixtures" / "scenarios"
FILES = sorted(file for file in FOLDER.glob("*.yaml") if not file.stem.startswith("without-"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_scenario_holds(file: Path) -> None:
    play(read(file))


REPLAYED = [file for file in FILES if read(file).finish == "replay"]


@pytest.mark.parametrize("file", REPLAYED, ids=lambda file: file.stem)
def test_the_replay_of_any_prefix_changes_no_byte(file: Path) -> None:
    """Of the notifications there ever were, from the first one to all."""
    simulation = play(read(file))

    for count in range(1, len(simulation.outbox.history) + 1):
        simulation.replay(count)


@pytest.mark.parametrize("removed", MUTANTS, ids=lambda removed: removed.name)
def test_a_law_breaks_without_the_rule(removed: Mutant) -> None:
    proven = prove(removed, FOLDER)

    print(f"{removed.name}: {proven.law} after {proven.steps} steps: {proven.what}")
    assert proven.law is not None, "no law breaks: is the rule needed at all?"
    assert proven.law == read(proof(removed, FOLDER)).breaks
    assert proven.despite is None, "the law breaks with the rule too"


def test_every_proof_is_of_a_rule() -> None:
    proofs = {read(file).without for file in FOLDER.glob("without-*.yaml")}

    assert proofs == {removed.name for removed in MUTANTS}


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(KeyError, match="gravity"):
        mutant("gravity")


def test_the_page_has_the_table_of_rules() -> None:
    page = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8")

    assert table(FOLDER) in page, "write it anew: safelight simulate --rules"
    for removed in SPARE:
        assert f"`{removed.name}`" in page


def test_the_page_explains_every_law_and_path() -> None:
    page = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8")

    for path, meaning in PATHS.items():
        assert f"| `{path}` | {meaning} |" in page
    for file in FOLDER.glob("without-*.yaml"):
        law = read(file).breaks
        assert f"``{law}``" in (laws or "")
        assert f"| `{law}` |" in page
