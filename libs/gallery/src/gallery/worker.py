"""The worker: a service without Lambda, on a laptop, a Raspberry Pi or a container host.

It long-polls the queue and works off batches just as the function does.  SIGTERM and SIGINT
let it finish the batch in hand, then it ends with status 0.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Protocol

from gallery.batch import Report
from gallery.queue import Message, QueueError

POLL = 5
"""Seconds of a long poll: as long as an idle worker may take to heed SIGTERM, well within
the ten seconds that ``docker stop`` gives."""

GIVE_UP = 300.0
"""Seconds without a successful poll after which the worker ends with status 1, so that what
supervises it gets to know."""


class Receiver(Protocol):
    """The part of :class:`gallery.queue.SqsQueue` that a worker polls."""

    def receive(self, *, wait: int = 20, count: int = 10) -> list[Message]: ...


class Stop:
    """Set by SIGTERM and SIGINT."""

    def __init__(self) -> None:
        self.asked = False

    def listen(self) -> None:
        """Heed the signals from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._heed)

    def _heed(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def work(
    queue: Receiver,
    run: Callable[[Sequence[Message], Callable[[], float]], list[Report]],
    *,
    visibility: float,
    stop: Stop,
    idle: Callable[[], None],
    complain: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    give_up: float = GIVE_UP,
    beat: Callable[[], None] = lambda: None,
) -> int:
    """Poll and work until ``stop``; the exit status.

    ``run`` is given each batch and the seconds left until its messages would become visible
    to others (``visibility`` seconds after they came).  ``idle`` is called between batches.
    ``complain`` is told of polls that failed; they are repeated with growing pauses.  ``beat``
    is called after each that succeeded.
    """
    failing_since: float | None = None
    pause = 1.0
    while not stop.asked:
        try:
            idle()
            began = time.monotonic()
            batch = queue.receive(wait=POLL)
        except QueueError as error:
            now = time.monotonic()
            failing_since = failing_since or now
            complain(str(error))
            if now - failing_since >= give_up:
                complain(f"no poll succeeded for {give_up:.0f} s: ending")
                return 1
            _rest(pause, sleep, stop)
            pause = min(30.0, pause * 2)
            continue
        failing_since, pause = None, 1.0
        beat()
        if batch:
            run(batch, _countdown(began + visibility))
    return 0


def heartbeat(environment: Mapping[str, str]) -> Callable[[], None]:
    """A ``beat`` that touches the file ``SAFELIGHT_HEARTBEAT``, if that is set: a container's
    health check sees by its age that the worker hears from its queue."""
    path = environment.get("SAFELIGHT_HEARTBEAT", "")
    return Path(path).touch if path else lambda: None


def _rest(seconds: float, sleep: Callable[[float], None], stop: Stop) -> None:
    """Sleep, second by second: a signal does not end a sleep (PEP 475)."""
    while seconds > 0 and not stop.asked:
        sleep(min(1.0, seconds))
        seconds -= 1.0


def _countdown(end: float) -> Callable[[], float]:
    return lambda: end - time.monotonic()
