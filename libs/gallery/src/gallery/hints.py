"""Hints that we send: asking for something of the bucket to be looked at."""

from __future__ import annotations

from collections.abc import Iterable

from gallery.clock import Clock
from gallery.events import hint_body
from gallery.queue import Queue


def send_hints(
    queue: Queue, bucket: str, keys: Iterable[str], why: str, clock: Clock, *, delay: int = 0
) -> None:
    """Send a hint at each of ``keys`` of ``bucket`` to ``queue``, at least once.

    ``why`` says what for, to whoever reads the message; ``delay`` in seconds, at most 900.
    Raises :class:`gallery.queue.QueueError`.
    """
    now = clock.now()
    queue.send((hint_body(bucket, key, why, now) for key in keys), delay=delay)
