"""A virtual SQS queue: what SQS promises, and nothing that it does not.

Standard queues: at least once, in no order.  A received message is hidden for the visibility
timeout and comes back unless it is deleted by the receipt of its *last* receive; one that has
been received ``max_receives`` times goes to the dead-letter queue at the next attempt.  A redriven
message has a new id (SQS developer guide, "Dead-letter queues" and "Visibility timeout").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gallery.clock import Clock
from gallery.events import NotUnderstood, parse
from gallery.queue import Message

MAX_DELAY = 900


@dataclass
class Letter:
    """A message in a queue, as SQS keeps it.

    ``about`` is what people call it: the key it is about, or the name it was sent under.
    ``excuses`` counts the receives that ended in a fault which the simulation brought about.
    """

    id: str
    body: str
    about: str
    sent: datetime
    visible_at: datetime
    receives: int = 0
    receipt: str | None = None
    excuses: int = 0
    poison: bool = False
    duplicate: bool = False
    redriven: bool = False


def _about(body: str) -> tuple[str, bool]:
    """What a body is about, and whether it is poison: nothing that can be understood."""
    try:
        parsed = parse(body)
    except NotUnderstood:
        return "poison", True
    return (parsed.hints[0].key if parsed.hints else "nothing"), False


@dataclass
class VirtualQueue:
    """One queue and its dead-letter queue.

    ``visibility`` is in seconds.  :meth:`receive` and the other methods take effect at once;
    where a worker may be interrupted, the simulation stands in between.
    """

    name: str
    clock: Clock
    visibility: float = 5400.0
    max_receives: int = 10
    letters: list[Letter] = field(default_factory=list)
    dead: list[Letter] = field(default_factory=list)
    _made: int = 0

    def send(
        self, body: str, *, delay: float = 0, about: str | None = None, duplicate: bool = False
    ) -> Letter:
        """Put a message on the queue."""
        now = self.clock.now()
        self._made += 1
        told, poison = _about(body)
        letter = Letter(
            id=f"{self.name}-{self._made}",
            body=body,
            about=about or told,
            sent=now,
            visible_at=now + timedelta(seconds=min(delay, MAX_DELAY)),
            poison=poison,
            duplicate=duplicate,
        )
        self.letters.append(letter)
        return letter

    def visible(self) -> list[Letter]:
        """The messages that could be received now, the longest visible first."""
        now = self.clock.now()
        found = [letter for letter in self.letters if letter.visible_at <= now]
        found.sort(key=lambda letter: letter.visible_at)
        return found

    def next_visible(self) -> datetime | None:
        """When the next message can be received; ``None`` if there is none."""
        return min((letter.visible_at for letter in self.letters), default=None)

    def receive(self, count: int = 10, take: Sequence[str] = ()) -> list[Message]:
        """Up to ``count`` visible messages; those about ``take``, in that order, if given."""
        return [message for _, message in self.receive_letters(count, take)]

    def receive_letters(
        self, count: int = 10, take: Sequence[str] = ()
    ) -> list[tuple[Letter, Message]]:
        """:meth:`receive`, each message with the letter behind it."""
        there = self.visible()
        if take:
            chosen: list[Letter] = []
            for about in take:
                found = next(
                    (each for each in there if each.about == about and each not in chosen), None
                )
                if found is not None:
                    chosen.append(found)
        else:
            chosen = there
        received: list[tuple[Letter, Message]] = []
        for letter in chosen:
            if len(received) == count:
                break
            if letter.receives >= self.max_receives:
                self.letters.remove(letter)
                self.dead.append(letter)
                continue
            letter.receives += 1
            letter.receipt = f"{letter.id}#{letter.receives}"
            letter.visible_at = self.clock.now() + timedelta(seconds=self.visibility)
            message = Message(
                id=letter.id,
                receipt=letter.receipt,
                body=letter.body,
                receives=letter.receives,
                sent=letter.sent,
            )
            received.append((letter, message))
        return received

    def _held(self, message: Message) -> Letter | None:
        """The letter, if ``message`` is its last receive: an older receipt does nothing."""
        for letter in self.letters:
            if letter.receipt == message.receipt:
                return letter
        return None

    def delete(self, message: Message) -> bool:
        """Forget a received message; whether its receipt was the last one."""
        letter = self._held(message)
        if letter is not None:
            self.letters.remove(letter)
        return letter is not None

    def delay(self, message: Message, seconds: float) -> None:
        """Make a received message visible ``seconds`` from now."""
        letter = self._held(message)
        if letter is not None:
            letter.visible_at = self.clock.now() + timedelta(seconds=seconds)

    def expire(self, about: str) -> int:
        """Make every hidden message about ``about`` visible now; how many there were."""
        now = self.clock.now()
        hidden = [
            letter for letter in self.letters if letter.about == about and letter.visible_at > now
        ]
        for letter in hidden:
            letter.visible_at = now
        return len(hidden)

    def redrive(self, only: Iterable[Letter] | None = None) -> int:
        """Send the dead letters (or ``only`` these) again, under new ids; how many."""
        going = list(self.dead if only is None else only)
        for letter in going:
            self.dead.remove(letter)
            again = self.send(letter.body, about=letter.about, duplicate=letter.duplicate)
            again.redriven = True
        return len(going)
