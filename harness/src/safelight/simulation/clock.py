"""Virtual time: it passes when the simulation says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""When every simulation begins."""

TICK = timedelta(milliseconds=1)
"""How long a call takes.  Two commits never carry the same time, as on AWS they do not."""


class VirtualClock:
    """A :class:`gallery.clock.Clock` that is set by hand.

    ``skew`` is added to it: in an exhaustive search each worker has a clock of its own, so that
    what it writes depends on its own history only.
    """

    def __init__(self, beginning: datetime = BEGINNING) -> None:
        self._now = beginning
        self.skew = timedelta(0)

    def now(self) -> datetime:
        return self._now + self.skew

    def advance(self, by: timedelta) -> None:
        """Let time pass; it never goes back."""
        if by < timedelta(0):
            raise ValueError("time does not go back")
        self._now += by

    def since_beginning(self) -> float:
        """Seconds since the simulation began."""
        return (self._now - BEGINNING).total_seconds()
