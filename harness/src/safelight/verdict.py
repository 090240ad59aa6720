"""What came of a replay: of each message what was decided and why, and what changed in the bucket.

The same for a handler that was called here and for functions on a stack that were watched, so
that the one can be held against the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gallery.batch import Done, Failed, Outcome, Report, Retry
from gallery.events import NotUnderstood, parse
from gallery.queue import Message
from gallery.store import ObjectInfo, ObjectStore
from safelight.fixtures import Expected

Decision = Literal["done", "ignored", "later", "failed", "unknown"]
"""``done``: the hints were worked off; ``ignored``: there was nothing in it to be done; ``later``:
put off, it comes again; ``failed``: handed back, until its dead-letter queue has it;
``unknown``: nothing was heard of it."""


@dataclass(frozen=True)
class Verdict:
    """What became of one message.

    ``hints`` pair what the event claims with a key; ``tasks`` are each task's name, decision
    and reason, where there were several.  ``heard`` is false where the decision was seen from
    outside only, without a reason.  ``met`` says whether it is as ``expected``; where nothing
    was expected, that it did not fail.
    """

    id: str
    hints: tuple[tuple[str, str], ...]
    decision: Decision
    why: str
    tasks: tuple[tuple[str, str, str], ...] = ()
    notes: tuple[str, ...] = ()
    expected: Expected | None = None
    heard: bool = True

    @property
    def met(self) -> bool:
        """Whether that is as it ought to be."""
        if self.expected is None:
            return self.decision in ("done", "ignored")
        return (
            self.decision == self.expected.outcome
            and self.hints == self.expected.hints
            and (self.expected.says in self.why or not self.heard)
        )

    def unmet(self) -> str:
        """How it differs from what was expected; empty if it does not."""
        if self.met:
            return ""
        if self.expected is None:
            return f"{self.decision}, and nothing is known to be wrong with it"
        if self.decision != self.expected.outcome:
            return f"expected: {self.expected.outcome}"
        if self.hints != self.expected.hints:
            return f"expected hints: {_hints(self.expected.hints)}"
        return f"expected to be told: {self.expected.says}"


def hints_of(body: str) -> tuple[tuple[str, str], ...]:
    """What a body claims, as ``(change, key)``; nothing if it is not understood."""
    try:
        return tuple((hint.change, hint.key) for hint in parse(body).hints)
    except NotUnderstood:
        return ()


def of_report(message: Message, report: Report | None, expected: Expected | None) -> Verdict:
    """The verdict on a message that a handler here has reported on."""
    if report is None:
        return Verdict(
            message.id,
            hints_of(message.body),
            "unknown",
            "nothing was reported of it",
            expected=expected,
        )
    hints = hints_of(message.body)
    decision, why = decided(report.outcome)
    if decision == "done" and not hints:
        decision = "ignored"
    return Verdict(
        id=message.id,
        hints=hints,
        decision=decision,
        why=why,
        tasks=tuple((name, *decided(outcome)) for name, outcome in report.tasks),
        notes=report.notes,
        expected=expected,
    )


def decided(outcome: Outcome) -> tuple[Decision, str]:
    """An outcome in a word, and its reason."""
    match outcome:
        case Done(what=what):
            return "done", what
        case Retry(after=after, why=why):
            return "later", f"{why} (again in {after} s)"
        case Failed(why=why):
            return "failed", why


def _hints(hints: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{change} {key}" for change, key in hints) or "none"


# The bucket ------------------------------------------------------------------------------

Listing = Mapping[str, ObjectInfo]


@dataclass(frozen=True)
class Change:
    """One key's object before and after; ``None`` is absence."""

    key: str
    before: ObjectInfo | None
    after: ObjectInfo | None

    @property
    def sign(self) -> Literal["+", "-", "~"]:
        """Added, removed or overwritten."""
        if self.before is None:
            return "+"
        return "-" if self.after is None else "~"


def listing(store: ObjectStore) -> dict[str, ObjectInfo]:
    """Everything in the bucket."""
    return {info.key: info for info in store.list("")}


def changes(before: Listing, after: Listing) -> list[Change]:
    """What differs, by ETag, in the order of the keys."""
    found = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if (was and was.etag) != (now and now.etag):
            found.append(Change(key, was, now))
    return found


def all_met(verdicts: Sequence[Verdict]) -> bool:
    """Whether every message ended as it ought to."""
    return all(verdict.met for verdict in verdicts)
