"""The same laws with the real pages: slower, so fewer seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from safelight.scenario import read
from safelight.simulation import broken_law, episode
from safelight.simulation.mutants import mutant, without
from sitegen import pages

SCENARIOS = Path(__file__).parents[3] / "fixtures" / "scenarios"


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few photos a page that pages come and go."""
    monkeypatch.setattr(pages, "PHOTOS_A_PAGE", 2)


def test_every_law_holds() -> None:
    for seed in range(40):
        played = episode(f"pages/{seed}", press=pages)
        assert played.broken is None, f"seed pages/{seed}: {played.broken}"


RULES = ["fence", "page-claim", "sheet-fence", "sheet-of-the-gone", "page-removal"]


@pytest.mark.parametrize("name", [*(f"without-{rule}" for rule in RULES), "two-site-generators"])
def test_a_slow_site_generator_puts_nothing_old(name: str) -> None:
    assert broken_law(read(SCENARIOS / f"{name}.yaml"), press=pages) is None


@pytest.mark.parametrize("rule", RULES)
def test_without_the_rule_it_does(rule: str) -> None:
    with without(mutant(rule)):
        broken = broken_law(read(SCENARIOS / f"without-{rule}.yaml"), press=pages)
    assert broken is not None
    assert broken.law == "linked"
