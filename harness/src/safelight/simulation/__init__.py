"""The simulation: the whole pipeline in one thread, on its worst days.

Real reconcilers, services, batches and events run against a bucket, queues and a clock that are
virtual.  See ``docs/simulation.md``.

Its parts are imported when they are asked for: who only wants a virtual queue for another
pipeline (:mod:`safelight.testing`) needs none of Safelight's services.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from safelight.simulation.chance import Episode, episode, episodes
    from safelight.simulation.laws import LawBroken
    from safelight.simulation.mutants import MUTANTS, Mutant, without
    from safelight.simulation.paths import PATHS, Paths
    from safelight.simulation.search import Outcome, Scope
    from safelight.simulation.shrink import broken_law, sensible
    from safelight.simulation.timeline import Inapplicable, Missed, Simulation, play

_PLACES = {
    "chance": ("Episode", "episode", "episodes"),
    "laws": ("LawBroken",),
    "mutants": ("MUTANTS", "Mutant", "without"),
    "paths": ("PATHS", "Paths"),
    "search": ("Outcome", "Scope"),
    "shrink": ("broken_law", "sensible"),
    "timeline": ("Inapplicable", "Missed", "Simulation", "play"),
}

__all__ = [
    "MUTANTS",
    "PATHS",
    "Episode",
    "Inapplicable",
    "LawBroken",
    "Missed",
    "Mutant",
    "Outcome",
    "Paths",
    "Scope",
    "Simulation",
    "broken_law",
    "episode",
    "episodes",
    "play",
    "sensible",
    "without",
]


def __getattr__(name: str) -> Any:
    for module, names in _PLACES.items():
        if name in names:
            found = getattr(importlib.import_module(f"{__name__}.{module}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
