"""An invocation: an event goes straight to the real handler, in this process, on a scene.

Between the event and the function's own code lies nothing that a debugger would have to step
over: the handler's function is called with the event, as Lambda calls it, and its session has a
bucket in memory and queues that only keep what they are sent.
"""

from __future__ import annotations

import os
import pdb  # noqa: T100 - it is what --pdb asks for
import sys
import time
from bdb import BdbQuit
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gallery.batch import Outcome, Report, Task
from gallery.clock import Clock, SystemClock
from gallery.originals import Originals, from_environment
from gallery.queue import MalformedBatch, Message, messages
from gallery.store import ObjectStore
from safelight.fixtures import Expectation
from safelight.scene import original_of
from safelight.verdict import Change, Verdict, changes, hints_of, listing, of_report
from sitegen import handler as sitegen_handler
from sitegen.service import Service as Sitegen
from sitegen.service import terms as site_terms
from thumbnailer import handler as thumbnailer_handler
from thumbnailer import renditions
from thumbnailer.darkroom import Darkroom, Developed, Rejection
from thumbnailer.development import Rejected
from thumbnailer.reconcile import World
from thumbnailer.service import Service as Thumbnailer
from thumbnailer.service import terms
from thumbnailer.settings import Settings
from thumbnailer.studio import Studio

Function = Literal["thumbnailer", "sitegen"]


class Left(BaseException):
    """The person left the debugger.  No error of a task's, which a batch would catch."""


TIME = 900.0
"""Seconds that a function has here: as long as Lambda allows at most."""


@dataclass(frozen=True)
class Invoked:
    """What came of one event.

    ``answer`` is the handler's, ``refused`` why it took the whole event for no batch.
    ``sent`` counts the messages that it sent, by queue.
    """

    function: Function
    answer: dict[str, Any] | None
    refused: str
    verdicts: tuple[Verdict, ...]
    changes: tuple[Change, ...]
    sent: Mapping[str, int]


def function_for(bodies: Iterable[str]) -> Function:
    """Whose queue S3 would have put these on: by the prefix of the keys they are about."""
    for body in bodies:
        for _, key in hints_of(body):
            return "sitegen" if key.startswith("catalog/") else "thumbnailer"
    return "thumbnailer"


def invoke(
    event: Any,
    function: Function,
    bucket: str,
    store: ObjectStore,
    *,
    expect: Expectation | None = None,
    clock: Clock | None = None,
    environment: Mapping[str, str] = os.environ,
    debug: bool = False,
) -> Invoked:
    """Hand ``event`` to a function's handler, which has its settings from ``environment``.

    With ``debug`` under the debugger: it stops at the handler's first line, and where something
    was raised that the batch would have caught.  What the handler itself raises, and is no
    :class:`MalformedBatch`, is raised.
    """
    clock = clock or SystemClock()
    before = listing(store)
    with _session(function, bucket, store, clock, environment, debug=debug) as session:
        answer, refused = None, ""
        try:
            answer = _call(session, event, debug=debug)
        except MalformedBatch as error:
            refused = str(error)
    return Invoked(
        function=function,
        answer=answer,
        refused=refused,
        verdicts=tuple(_verdicts(session, expect)),
        changes=tuple(changes(before, listing(store))),
        sent={name: len(queue.sent) for name, queue in session.queues.items() if queue.sent},
    )


def set_up_records(
    bodies: Iterable[str],
    bucket: str,
    store: ObjectStore,
    clock: Clock,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Have the thumbnailer make the records that the messages are about, of the originals that
    are there: sitegen's messages are about those."""
    wanted = {original_of(key) for body in bodies for _, key in hints_of(body)}
    with _session("thumbnailer", bucket, store, clock, environment, debug=False) as session:
        for key in sorted(wanted):
            if store.head(key) is not None:
                session.service.work(Task(key, (), 1, None))


class Context:
    """What Lambda hands to a handler beside the event."""

    function_name = "safelight-replay"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:safelight-replay"
    memory_limit_in_mb = 2048
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def __init__(self, seconds: float = TIME) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds left."""
        return max(0, int((self._end - time.monotonic()) * 1000))


@dataclass
class _Queue:
    """A :class:`gallery.queue.Queue` that keeps what it is sent."""

    sent: list[str] = field(default_factory=list)

    def send(self, bodies: Iterable[str], *, delay: int = 0) -> None:
        self.sent += bodies

    def delete(self, message: Message) -> None: ...

    def delay(self, message: Message, seconds: int) -> None: ...


@dataclass
class _Session:
    """What the handlers take their session for."""

    service: Any
    queues: dict[str, _Queue]
    batch: list[Message] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    def run(self, messages: Sequence[Message], ahead: Callable[[], float]) -> list[Report]:
        self.batch = list(messages)
        found: list[Report] = self.service.run(messages, ahead)
        return found


@contextmanager
def _session(
    function: Function,
    bucket: str,
    store: ObjectStore,
    clock: Clock,
    environment: Mapping[str, str],
    *,
    debug: bool,
) -> Iterator[_Session]:
    """As the functions' own sessions are made, but for the bucket and the queues."""
    queues = {"thumbnail": _Queue(), "publish": _Queue()}
    thumbnail, publish = queues["thumbnail"], queues["publish"]
    reports: list[Report] = []
    if function == "sitegen":
        site = Sitegen(
            store,
            clock,
            bucket,
            publish,
            thumbnail,
            reports.append,
            originals=from_environment(environment),
            terms=site_terms(environment),
        )
        _watched(site, debug=debug)
        yield _Session(site, queues, reports=reports)
        return
    settings = Settings.from_env(environment)
    with Studio(settings, darkroom=_OpenDarkroom if debug else Darkroom) as studio:
        world = World(store, studio, clock, terms(environment), originals=settings.originals)
        reserve = settings.max_seconds + 10
        thumbs = Thumbnailer(world, bucket, thumbnail, publish, reports.append, reserve)
        _watched(thumbs, debug=debug)
        yield _Session(thumbs, queues, reports=reports)


class _OpenDarkroom(Darkroom):
    """The darkroom without its door: decoding happens in this process, for the debugger.

    Limits of memory and time are not kept.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._here = settings

    def develop(self, path: Path, *, originals: Originals = "public") -> Developed | Rejection:
        try:
            return renditions.develop(path, self._here, originals=originals)
        except Rejected as rejected:
            return Rejection(rejected.reason)


def _watched(service: Any, *, debug: bool) -> None:
    """With ``debug``, have the debugger look at what a task raised and the batch would catch."""
    if not debug:
        return
    work = service.work

    def watched(task: Task) -> Outcome:
        try:
            outcome: Outcome = work(task)
        except BdbQuit:
            raise Left from None
        except Exception:
            print(f"In the work on {task.name!r} was raised:", file=sys.stderr)
            pdb.post_mortem(sys.exc_info()[2])
            raise
        return outcome

    service.work = watched


def _call(session: _Session, event: Any, *, debug: bool) -> dict[str, Any]:
    is_site = isinstance(session.service, Sitegen)
    answer: Callable[..., dict[str, Any]] = (
        sitegen_handler.answer if is_site else thumbnailer_handler.answer
    )
    if debug:
        answered = pdb.Pdb().runcall(answer, session, event, Context())
        if answered is None:
            raise Left
        return answered
    return answer(session, event, Context())


def _verdicts(session: _Session, expect: Expectation | None) -> Iterator[Verdict]:
    # By identity: the same message twice is two equal messages.
    reports = {id(report.message): report for report in session.reports}
    expected = expect.messages if expect is not None else ()
    for number, message in enumerate(session.batch):
        one = expected[number] if number < len(expected) else None
        yield of_report(message, reports.get(id(message)), one)


def bodies_of(event: Any) -> list[str]:
    """The messages' bodies in an event; none if it is no batch."""
    try:
        return [message.body for message in messages(event)]
    except MalformedBatch:
        return []
