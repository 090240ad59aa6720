"""Batches: one poll's messages, each to its own end.

Both services share it, on Lambda and off.  What it promises:

* A message ends on its own: one that cannot be understood, or whose work fails, takes no
  batch-mate with it.
* Hints about the same thing, in however many messages, are worked off once.
* A message is deleted as soon as its work is done, not when the batch ends: a crash counts
  a receive against every message that is still there, the innocent too (Lambda developer
  guide, "Using Lambda with Amazon SQS").  For the same reason messages that come again are
  worked off last, and each time in another order: if one of them is what crashes, the others
  get through.
* Work that does not fit into the time left is not begun; its messages come back at once.
* What may pass (throttling, an early message) is retried with growing delays.
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gallery.clock import Clock
from gallery.events import Hint, NotUnderstood, parse
from gallery.queue import Message, Queue, QueueError
from gallery.record import UnreadableRecord
from gallery.store import AccessDenied, StoreError


@dataclass(frozen=True)
class Done:
    """The work is done; ``what`` says in a few words what was."""

    what: str


@dataclass(frozen=True)
class Retry:
    """Not now: come back ``after`` seconds."""

    after: int
    why: str


@dataclass(frozen=True)
class Failed:
    """It cannot be done; ``why`` is for the log.  The message comes back after ``after``
    seconds until the queue has enough of it and dead-letters it."""

    why: str
    after: int = 60


Outcome = Done | Retry | Failed


@dataclass(frozen=True)
class Task:
    """One thing to be worked on: ``name`` (a key, or an album), and the hints that ask for it.

    ``receives`` is the highest receive count among their messages, ``age`` the age of the
    *youngest* hint that something was created (``None`` if none says so).
    """

    name: str
    hints: tuple[Hint, ...]
    receives: int
    age: timedelta | None


@dataclass(frozen=True)
class Report:
    """What became of one message.  ``tasks`` pairs each task's name with its outcome."""

    message: Message
    outcome: Outcome
    tasks: tuple[tuple[str, Outcome], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Item:
    message: Message
    open: set[str] = field(default_factory=set)
    ended: list[tuple[str, Outcome]] = field(default_factory=list)
    notes: tuple[str, ...] = ()


def backoff(receives: int, *, base: int = 2, most: int = 300) -> int:
    """Seconds until the next try of a message that has been received ``receives`` times."""
    return min(most, base << min(receives - 1, 16))


class Batch:
    """Works off batches for one service.

    ``work`` does one task.  ``names`` gives a hint's tasks, or a :class:`Done` that says why
    the hint needs none; ``order`` sorts the tasks of a batch by name.  ``ahead`` tells the
    seconds left; work begins only while they are more than ``reserve``.  ``observe`` is given a
    :class:`Report` for each message as it ends.
    """

    def __init__(
        self,
        *,
        bucket: str,
        queue: Queue,
        clock: Clock,
        names: Callable[[Hint], tuple[str, ...] | Done],
        work: Callable[[Task], Outcome],
        observe: Callable[[Report], None],
        reserve: float = 0.0,
        order: Callable[[str], Any] | None = None,
    ) -> None:
        self._bucket = bucket
        self._queue = queue
        self._clock = clock
        self._names = names
        self._work = work
        self._observe = observe
        self._reserve = reserve
        self._order = order

    def run(self, messages: Sequence[Message], ahead: Callable[[], float]) -> list[Report]:
        """Work off ``messages``; the report of each, in the order in which they ended."""
        reports: list[Report] = []
        items: list[_Item] = []
        tasks: dict[str, list[tuple[_Item, Hint]]] = {}
        for message in sorted(messages, key=lambda message: message.receives):
            item = _Item(message)
            items.append(item)
            try:
                self._open(item, tasks)
            except NotUnderstood as error:
                item.ended.append(("", Failed(str(error), after=1)))
            except Exception as error:  # noqa: BLE001 - as in _attempt
                item.ended.append(("", _bug(error)))
            if not item.open:
                reports.append(self._end(item))
        names = sorted(tasks, key=self._order or (lambda name: _turn(tasks, name)))
        for name in names:
            asked = tasks[name]
            if ahead() <= self._reserve:
                outcome: Outcome = Retry(0, "not begun: the time left was too short")
            else:
                outcome = self._attempt(self._task(name, asked))
            for item in items:
                if name in item.open:
                    item.open.discard(name)
                    item.ended.append((name, outcome))
                    if not item.open:
                        reports.append(self._end(item))
        return reports

    def _open(self, item: _Item, tasks: dict[str, list[tuple[_Item, Hint]]]) -> None:
        parsed = parse(item.message.body)
        item.notes = parsed.notes
        named: list[tuple[str, Hint]] = []
        for hint in parsed.hints:
            if hint.bucket != self._bucket:
                raise NotUnderstood(
                    f"an event about bucket {hint.bucket!r:.80}; this stack's is {self._bucket!r}"
                )
            names = self._names(hint)
            if isinstance(names, Done):
                item.ended.append((hint.key, names))
            else:
                named += ((name, hint) for name in names)
        # Only now: a message that is refused as a whole must not leave half its tasks.
        for name, hint in named:
            item.open.add(name)
            tasks.setdefault(name, []).append((item, hint))

    def _task(self, name: str, asked: list[tuple[_Item, Hint]]) -> Task:
        now = self._clock.now()
        ages = [_age(hint, item.message, now) for item, hint in asked if hint.change == "created"]
        return Task(
            name=name,
            hints=tuple(hint for _, hint in asked),
            receives=max(item.message.receives for item, _ in asked),
            age=min(ages) if ages else None,
        )

    def _attempt(self, task: Task) -> Outcome:
        try:
            return self._work(task)
        except AccessDenied as error:
            return Failed(str(error), after=backoff(task.receives))
        except (StoreError, QueueError) as error:
            return Retry(backoff(task.receives), str(error))
        except UnreadableRecord as error:
            return Failed(str(error))
        except Exception as error:  # noqa: BLE001 - a bug with one task is not its batch-mates'
            return _bug(error)

    def _end(self, item: _Item) -> Report:
        outcome = _together(item)
        notes = item.notes
        try:
            if isinstance(outcome, Done):
                self._queue.delete(item.message)
            else:
                self._queue.delay(item.message, outcome.after)
        except QueueError as error:
            # Neither is needed for correctness: undeleted, the message is handed in again
            # (by Lambda deleted anyway); undelayed, it comes after its visibility timeout.
            notes = (*notes, str(error))
        report = Report(item.message, outcome, tuple(item.ended), notes)
        self._observe(report)
        return report


def _turn(tasks: dict[str, list[tuple[_Item, Hint]]], name: str) -> tuple[int, int]:
    """When it is a task's turn: those that have been received for the first time as they
    came, then the others by a lot that is drawn anew every other time and turned round in
    between.  Else what comes after a task that kills the function would come after it
    again, until both are dead-lettered."""
    if all(item.message.receives == 1 for item, _ in tasks[name]):
        return 0, 0
    most = max(item.message.receives for asked in tasks.values() for item, _ in asked)
    lot = hashlib.sha256(f"{most // 2} {name}".encode("utf-8", "surrogatepass")).digest()
    number = int.from_bytes(lot[:8], "big")
    return 1, -number if most % 2 else number


def _bug(error: Exception) -> Failed:
    where = "".join(traceback.format_exception(error)).rstrip()
    return Failed(f"a bug in Safelight, please report it: {where}")


def _together(item: _Item) -> Outcome:
    """A message's outcome: the worst of its tasks'."""
    outcomes = [outcome for _, outcome in item.ended]
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    if failed:
        return failed[0]
    retries = [outcome for outcome in outcomes if isinstance(outcome, Retry)]
    if retries:
        return min(retries, key=lambda outcome: outcome.after)
    if not outcomes:
        return Done("; ".join(item.notes) or "nothing to do")
    return Done("; ".join(dict.fromkeys(getattr(outcome, "what", "") for outcome in outcomes)))


def _age(hint: Hint, message: Message, now: datetime) -> timedelta:
    """How long ago the event was; the older of its own time and the message's, because a
    clock that runs ahead must not make it young for ever.  Unknown is old."""
    times = [moment for moment in (hint.time, message.sent) if moment is not None]
    return now - min(times) if times else timedelta.max


def failures(reports: Sequence[Report]) -> dict[str, list[dict[str, str]]]:
    """The partial batch response that Lambda expects: the messages that are not done."""
    return {
        "batchItemFailures": [
            {"itemIdentifier": report.message.id}
            for report in reports
            if not isinstance(report.outcome, Done)
        ]
    }
