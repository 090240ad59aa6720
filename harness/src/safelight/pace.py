"""How fast something may go: a token bucket."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Lets through ``rate`` things a second, and after a rest up to ``burst`` at once.

    In any stretch of time no more than ``burst + rate × seconds`` come through.  For one
    thread.  ``rate`` must be above 0.
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not rate > 0 or not burst > 0:
            raise ValueError(f"a rate of {rate} and a burst of {burst}: both must be above 0")
        self.rate = rate
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._tokens = burst
        self._since = clock()

    def take(self, count: int) -> None:
        """Wait until ``count`` more may go; more than a burst is waited for, and let through."""
        self._fill()
        lacking = min(count, self._burst) - self._tokens
        while lacking > 0:
            self._sleep(lacking / self.rate)
            self._fill()
            lacking = min(count, self._burst) - self._tokens
        # Below zero after more than a burst: whoever comes next waits for it.
        self._tokens -= count

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._since) * self.rate)
        self._since = now
