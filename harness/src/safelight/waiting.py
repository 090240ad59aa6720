"""Whether the pipeline has come to rest: everything recorded, published, and no queue at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from safelight.listing import side_by_side
from safelight.queues import Depth, dead_letters, depths
from safelight.stack import Deployment
from safelight.survey import Survey, Unfinished, survey

WORKING = ("thumbnail", "publish")
DEAD = ("thumbnail_dlq", "publish_dlq")


@dataclass(frozen=True)
class State:
    """The pipeline at one moment.  ``dead`` tells, of each dead letter looked at, what it is
    about."""

    survey: Survey
    queues: dict[str, Depth]
    dead: tuple[str, ...]

    @property
    def waiting(self) -> int:
        """Messages that are still to be worked off."""
        return sum(self.queues[name].total for name in WORKING)

    @property
    def is_settled(self) -> bool:
        """Nothing is left to do."""
        return not self.survey.unfinished and not self.waiting

    def missing(self) -> list[str]:
        """What is left, a line each, at most a few dozen."""
        lines = [
            f"{name}: {depth.visible} messages waiting, {depth.in_flight} being worked on"
            for name in WORKING
            if (depth := self.queues[name]).total
        ]
        lines += [f"{found.name}: {found.why}" for found in self.survey.unfinished[:20]]
        more = len(self.survey.unfinished) - 20
        if more > 0:
            lines.append(f"… and {more} more")
        return lines

    def first(self) -> Unfinished | None:
        """One of the things that are unfinished."""
        return self.survey.unfinished[0] if self.survey.unfinished else None


def look(deployment: Deployment, seen: Callable[[int], None] = lambda count: None) -> State:
    """How far the pipeline is; ``seen`` is told of the keys that have been listed by now.

    The queues come first: what a message of theirs has set going by now is seen in the bucket,
    and what was not there yet, in the next look.
    """
    queues = depths(deployment)
    store = deployment.store()
    found = survey(store, side_by_side(store, seen))
    dead: list[str] = []
    for name in DEAD:
        if queues[name].visible:
            dead += [f"{name}: {letter.about}" for letter in dead_letters(deployment, name)]
    return State(found, queues, tuple(dead))
