"""What Lambda does with a queue and a function (an "event source mapping").

Received messages become an event, the function is called, and what it answers decides which
messages are deleted (Lambda developer guide, "Using Lambda with Amazon SQS").
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from safelight import pasted
from safelight.simulation.laws import LawBroken
from safelight.simulation.sqs import Letter, VirtualQueue

Handler = Callable[[dict[str, Any], Any], Any]

_PATIENCE = 1000


class FunctionDied(BaseException):
    """The function is gone, as by a timeout or for want of memory: no handler can catch it."""


class Context:
    """What Lambda hands to a function beside the event."""

    function_name = "function"
    memory_limit_in_mb = 128
    aws_request_id = "00000000-0000-0000-0000-000000000000"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:function"

    def __init__(self, seconds: float = 60.0) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds left."""
        return max(0, int((self._end - time.monotonic()) * 1000))


@dataclass(frozen=True)
class Invocation:
    """One call of the function: what it was about, how it ended, and what came of it.

    ``done`` were deleted, ``back`` come again.  ``error`` is what it raised.
    """

    ended: Literal["answered", "raised", "died", "nonsense"]
    done: tuple[str, ...]
    back: tuple[str, ...]
    answer: Any = None
    error: BaseException | None = None


class EventSourceMapping:
    """Hands a queue's messages to ``handler``, up to ``batch`` at a time.

    ``report_failures`` is ``ReportBatchItemFailures``: only then the answer is looked at.  Without
    it, a function that returns has done all.
    """

    def __init__(
        self,
        queue: VirtualQueue,
        handler: Handler,
        *,
        batch: int = 10,
        report_failures: bool = True,
    ) -> None:
        self.queue = queue
        self.handler = handler
        self.batch = batch
        self.report_failures = report_failures

    def poll(self) -> Invocation | None:
        """Call the function once, if there is a message for it."""
        received = self.queue.receive_letters(self.batch)
        if not received:
            return None
        letters = [letter for letter, _ in received]
        event = {"Records": [_record(letter) for letter in letters]}
        about = {letter.id: letter.about for letter in letters}
        try:
            answer = self.handler(event, Context())
        except FunctionDied as error:
            return Invocation("died", (), tuple(about.values()), error=error)
        except Exception as error:  # noqa: BLE001 - whatever a function raises, Lambda goes on
            return Invocation("raised", (), tuple(about.values()), error=error)
        failed = self._failed(answer, set(about))
        if failed is None:
            return Invocation("nonsense", (), tuple(about.values()), answer)
        for _, message in received:
            if message.id not in failed:
                self.queue.delete(message)
        return Invocation(
            "answered",
            tuple(told for name, told in about.items() if name not in failed),
            tuple(told for name, told in about.items() if name in failed),
            answer,
        )

    def _failed(self, answer: Any, there: set[str]) -> set[str] | None:
        """The ids that failed; ``None`` where the answer is none and the whole batch comes
        again."""
        if not self.report_failures or answer is None or answer == {}:
            return set()
        if not isinstance(answer, dict) or "batchItemFailures" not in answer:
            return None
        found: set[str] = set()
        for item in answer["batchItemFailures"] or ():
            name = item.get("itemIdentifier") if isinstance(item, dict) else None
            if not isinstance(name, str) or name not in there:
                return None
            found.add(name)
        return found

    def drain(self) -> list[Invocation]:
        """Call the function until its queue is empty, letting time pass where messages are
        hidden.  Raises :class:`LawBroken` (``settles``) if it never is."""
        made: list[Invocation] = []
        for _ in range(_PATIENCE):
            one = self.poll()
            if one is not None:
                made.append(one)
                continue
            moment = self.queue.next_visible()
            if moment is None:
                return made
            now = self.queue.clock.now()
            advance = getattr(self.queue.clock, "advance", None)
            if advance is None:
                raise TypeError("draining needs a clock that can be advanced: a VirtualClock")
            advance(max(moment - now, timedelta(0)))
        raise LawBroken("settles", f"after {_PATIENCE} calls the queue still holds messages")


def _record(letter: Letter) -> dict[str, Any]:
    return pasted.message(
        letter.body,
        identifier=letter.id,
        receipt=letter.receipt or "",
        receives=letter.receives,
        sent=letter.sent,
    )
