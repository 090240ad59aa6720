"""The same laws with the real pages: slower, so fewer seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from safelight.scenario import read
from safelight.simulation import broken_law, episode
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


@pytest.mark.parametrize("name", ["without-fence", "without-page-claim", "two-site-generators"])
def test_a_slow_site_generator_puts_nothing_old(name: str) -> None:
    assert broken_law(read(SCENARIOS / f"{name}.yaml"), press=pages) is None
