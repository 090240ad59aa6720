"""Workers: real services, each in a greenlet, stopped before every call they make.

One thread runs them all, and only the simulation says who runs: the same steps make the same
history, to the byte.  A worker stops *before* each call on the bucket or a queue.  There others
may run, the worker may die, or the call may be told to fail, before or after its effect.  To die
after a call is to die before the next one: nothing that others see lies between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from greenlet import GreenletExit, greenlet

from gallery.batch import Report
from gallery.queue import Message, QueueError
from gallery.store import AccessDenied, Conflict, PreconditionFailed, Unavailable
from safelight.scenario import Fault
from safelight.simulation.sqs import Letter, VirtualQueue

State = Literal["standing", "ended", "died"]


@dataclass(frozen=True)
class Call:
    """A call that a worker is about to make: ``put catalog/photos/a/1.jpg.json``."""

    op: str
    key: str

    def __str__(self) -> str:
        return f"{self.op} {self.key}"


@dataclass(frozen=True)
class Order:
    """How a call shall fail; ``after``: it took effect, and its answer was lost."""

    error: Fault
    after: bool = False


def _store_error(error: Fault, key: str) -> Exception:
    match error:
        case "conflict":
            return Conflict(key, "409: another write is under way")
        case "lost-race":
            return PreconditionFailed(key, "412: somebody else was faster")
        case "denied":
            return AccessDenied(key, "403: access denied")
        case "throttled":
            return Unavailable(key, "503: slow down")
        case "timeout":
            return Unavailable(key, "the read timed out")
        case "reset":
            return Unavailable(key, "the connection was reset")
        case "unavailable":
            return Unavailable(key, "503: service unavailable")


READS = frozenset({"head", "get", "list"})
QUEUE_CALLS = frozenset({"send", "ack", "delay"})


def possible(call: Call, order: Order) -> bool:
    """Whether a call can fail so: only a put knows conflicts, for example."""
    match order.error:
        case "conflict":
            return call.op == "put" and not order.after
        case "lost-race":
            return call.op == "put" and order.after
        case "denied" | "throttled" | "unavailable":
            return not order.after
        case _:
            # A read that took effect and one that did not are the same to everybody.
            return not (order.after and call.op in READS)


@dataclass
class Worker:
    """One run of a function.

    ``letters`` are the messages it received, by id, and ``open`` those it has not acknowledged.
    """

    name: str
    service: str
    started: datetime
    deadline: datetime
    letters: dict[str, Letter] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    messages: list[Message] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    response: dict[str, list[dict[str, str]]] | None = None
    error: BaseException | None = None
    state: State = "standing"
    at: Call | None = None
    calls: int = 0
    last: Call | None = None
    looked: dict[str, str] = field(default_factory=dict)
    """The version of each original as it was when the worker looked at it."""
    skew: timedelta = timedelta(0)
    pace: timedelta = timedelta(0)
    """How its own clock differs from the simulation's, and by how much more with each call."""
    seen: int = 0
    """A digest of all that it was told: a worker's state is a function of that."""
    trouble: bool = False
    """Whether a call of it was made to fail, or it died: its messages have an excuse."""
    told: bool = False
    """Whether its last call's answer was made up."""
    _order: Order | None = None
    _lost: Exception | None = None
    _greenlet: greenlet = field(default_factory=greenlet)

    def begin(self, main: Callable[[], None]) -> None:
        """Run to the first call."""
        self._greenlet = greenlet(main)
        self._switch()

    def step(self, order: Order | None = None) -> None:
        """Make the call it stands before, and run to the next one, or to the end."""
        self._order = order
        self.last = self.at
        self.calls += 1
        self._switch()

    def note(self, answer: tuple[object, ...]) -> None:
        """Take down what a call told it."""
        self.seen = hash((self.seen, answer))

    def die(self) -> None:
        """Die where it stands."""
        if self.state == "standing":
            self.state = "died"
            self.at = None
            self._greenlet.throw(GreenletExit)

    def _switch(self) -> None:
        self.at = None
        try:
            self._greenlet.switch()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            self.error = error
            self.state = "died"
            return
        if self._greenlet.dead:
            self.state = "ended"

    # What follows is called from within the worker's greenlet.

    def stand(self, call: Call) -> None:
        """Stop before a call; raise what it was told to fail with."""
        if self.state == "died":
            raise GreenletExit
        self.at = call
        self.told = False
        self._greenlet.parent.switch()
        order, self._order = self._order, None
        # A call that itself failed, as by a lost race, never came to have its answer lost.
        self._lost = None
        if order is None:
            return
        self.trouble = True
        error: Exception
        if call.op in QUEUE_CALLS:
            error = QueueError(f"{order.error} at {call}")
        else:
            error = _store_error(order.error, call.key)
        if not order.after:
            raise error
        self._lost = error

    def answered(self) -> None:
        """The call took effect; raise if its answer is to be lost."""
        lost, self._lost = self._lost, None
        if lost is not None:
            self.told = True
            raise lost


class Line:
    """A worker's connection to a queue: a :class:`gallery.queue.Queue` that stops it.

    ``told`` is called after each call that took effect, ``stale`` when a message is
    acknowledged by an old receipt.
    """

    def __init__(
        self,
        queue: VirtualQueue,
        worker: Worker,
        told: Callable[[], None],
        stale: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._worker = worker
        self._told = told
        self._stale = stale

    def send(self, bodies: Iterable[str], *, delay: int = 0) -> None:
        waiting: Sequence[str] = list(bodies)
        # Ten at a time, as SQS takes them: the first ten may arrive and the rest not.
        for start in range(0, len(waiting), 10):
            self._worker.stand(Call("send", self._queue.name))
            for body in waiting[start : start + 10]:
                self._queue.send(body, delay=delay)
            self._told()
            self._worker.answered()

    def delete(self, message: Message) -> None:
        self._worker.stand(Call("ack", self._worker.letters[message.id].about))
        if not self._queue.delete(message):
            self._stale()
        self._worker.open.discard(message.id)
        self._told()
        self._worker.answered()

    def delay(self, message: Message, seconds: int) -> None:
        self._worker.stand(Call("delay", self._worker.letters[message.id].about))
        self._queue.delay(message, seconds)
        self._told()
        self._worker.answered()
