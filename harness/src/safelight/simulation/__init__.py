"""The simulation: the whole pipeline in one thread, on its worst days.

Real reconcilers, services, batches and events run against a bucket, queues and a clock that are
virtual.  See ``docs/simulation.md``.
"""

from safelight.simulation.chance import Episode, episode, episodes
from safelight.simulation.laws import LawBroken
from safelight.simulation.mutants import MUTANTS, Mutant, without
from safelight.simulation.paths import PATHS, Paths
from safelight.simulation.search import Outcome, Scope, search
from safelight.simulation.shrink import broken_law, sensible, shrink
from safelight.simulation.timeline import Inapplicable, Missed, Simulation, play

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
    "search",
    "sensible",
    "shrink",
    "without",
]
