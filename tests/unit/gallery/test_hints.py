"""Hints as they are sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from gallery.events import Hint, parse
from gallery.hints import send_hints
from gallery.queue import Message

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


class Sent:
    """A queue that keeps what it is sent, and a clock that stands still."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.delays: list[int] = []

    def now(self) -> datetime:
        return NOON

    def send(self, bodies: Iterable[str], *, delay: int = 0) -> None:
        self.bodies += bodies
        self.delays.append(delay)

    def delete(self, message: Message) -> None:
        raise NotImplementedError

    def delay(self, message: Message, seconds: int) -> None:
        raise NotImplementedError


def test_each_key_has_a_hint_of_its_own() -> None:
    """That says why, and of when it is; all are sent at once."""
    sent = Sent()
    send_hints(sent, "b", ["photos/a b.jpg", "photos/é.jpg"], "because", sent, delay=30)
    hints = [hint for body in sent.bodies for hint in parse(body).hints]
    assert hints == [
        Hint("b", key, "changed", NOON, "because", "hint")
        for key in ("photos/a b.jpg", "photos/é.jpg")
    ]
    assert sent.delays == [30]
