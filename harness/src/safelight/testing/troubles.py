"""Bad days for any pipeline: objects come into a bucket, a handler makes something of each.

:func:`bad_days` plays a handler through every trouble in :data:`TROUBLES` and tells which laws
it breaks.  The laws need to know nothing of what is made: a plain day, on which nothing goes
wrong, shows what ought to be there, and every other day must end with the same.

``originals``
    Nothing but the user writes where the user's objects are.
``outputs``
    What is there in the end is what a plain day would have made of the same objects.
``letters``
    Dead letters are exactly those messages that nobody could understand.
``settles``
    The queue runs empty.
``replay``
    Everything is delivered once more, and no byte changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from botocore.exceptions import EndpointConnectionError

from gallery.events import NotUnderstood, parse
from gallery.memory import Call
from safelight.fixtures import load
from safelight.simulation.clock import VirtualClock
from safelight.simulation.laws import LawBroken
from safelight.simulation.sqs import VirtualQueue
from safelight.testing.mapping import EventSourceMapping, FunctionDied, Handler
from safelight.testing.s3 import VirtualS3

BUCKET = "photos"

Make = Callable[[VirtualS3], Handler]
"""Makes the handler under test, with the virtual S3 for its client."""


@dataclass(frozen=True)
class Broken:
    """A law that a handler broke, on which bad day, and what was seen."""

    trouble: str
    law: str
    what: str


@dataclass
class Pipeline:
    """A bucket, a queue and the handler between them.

    ``inbox`` is where the user's objects are; everything else in the bucket is the handler's.
    """

    make: Make
    inbox: str
    deletes: bool = True
    receives: int = 3
    batch: int = 10
    clock: VirtualClock = field(default_factory=VirtualClock)

    def __post_init__(self) -> None:
        self.s3 = VirtualS3(self.clock)
        self.queue = VirtualQueue("queue", self.clock, visibility=60, max_receives=self.receives)
        events = ("ObjectCreated:*", "ObjectRemoved:*") if self.deletes else ("ObjectCreated:*",)
        self.s3.notify(self.queue, BUCKET, prefix=self.inbox, events=events)
        self.mapping = EventSourceMapping(self.queue, self.make(self.s3), batch=self.batch)
        self.originals: dict[str, bytes] = {}
        self._handling = False

    def put(self, name: str, body: bytes) -> None:
        """The user puts, or overwrites, an object in the inbox."""
        self.originals[self.inbox + name] = body
        self.s3.put_object(Bucket=BUCKET, Key=self.inbox + name, Body=body)

    def delete(self, name: str) -> None:
        """The user deletes an object from the inbox."""
        del self.originals[self.inbox + name]
        self.s3.delete_object(Bucket=BUCKET, Key=self.inbox + name)

    def drain(self) -> None:
        """Let the handler work until the queue is empty."""
        self.mapping.drain()

    def made(self) -> dict[str, bytes]:
        """What the handler has made: everything outside the inbox."""
        return {
            key: body
            for key, body in self.s3.objects(BUCKET).items()
            if not key.startswith(self.inbox)
        }

    def inside(self) -> dict[str, bytes]:
        """What is in the inbox."""
        return {
            key: body for key, body in self.s3.objects(BUCKET).items() if key.startswith(self.inbox)
        }


Trouble = Callable[[Pipeline, Mapping[str, bytes]], None]

TROUBLES: dict[str, Trouble] = {}
"""Each bad day by its name.  It plays a pipeline, given objects by name."""


def _trouble(name: str) -> Callable[[Trouble], Trouble]:
    def add(trouble: Trouble) -> Trouble:
        TROUBLES[name] = trouble
        return trouble

    return add


def _put_all(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    for name, body in objects.items():
        pipeline.put(name, body)


@_trouble("a plain day")
def _plain(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    _put_all(pipeline, objects)
    pipeline.drain()


@_trouble("every message twice")
def _twice(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    _put_all(pipeline, objects)
    for each in list(pipeline.s3.told):
        pipeline.s3.again(each)
    pipeline.drain()


@_trouble("a duplicate an hour later")
def _later(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    _plain(pipeline, objects)
    pipeline.clock.advance(timedelta(hours=1))
    for each in list(pipeline.s3.told):
        pipeline.s3.again(each)
    pipeline.drain()


@_trouble("out of order")
def _out_of_order(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    pipeline.s3.holding = True
    for name, body in objects.items():
        pipeline.put(name, body + b", and older")
        pipeline.put(name, body)
    pipeline.s3.deliver(newest_first=True)
    pipeline.drain()


@_trouble("odd keys")
def _odd_keys(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    for name, body in objects.items():
        for odd in ODD:
            pipeline.put(odd.format(name), body)
    pipeline.drain()


@_trouble("odd keys, as LocalStack writes them")
def _odd_keys_of_localstack(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    pipeline.s3 = VirtualS3(pipeline.clock)
    pipeline.s3.notify(pipeline.queue, BUCKET, prefix=pipeline.inbox, dialect="localstack")
    pipeline.mapping.handler = pipeline.make(pipeline.s3)
    _odd_keys(pipeline, objects)


ODD = (
    "with space/{0}",
    "1+1 {0}",
    "100% %41 {0}",
    "caf\u00e9 {0}",
    "cafe\u0301 {0}",
    "q?a&b=c#d {0}",
)
"""Names that come mangled in events."""


@_trouble("deleted before the message comes")
def _deleted_first(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    pipeline.s3.holding = True
    _put_all(pipeline, objects)
    gone = next(iter(objects))
    pipeline.delete(gone)
    pipeline.s3.deliver()
    pipeline.drain()


@_trouble("deleted, and put again")
def _recreated(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    pipeline.s3.holding = True
    _put_all(pipeline, objects)
    again = next(iter(objects))
    pipeline.delete(again)
    pipeline.put(again, objects[again])
    # The delete's message comes last.
    pipeline.s3.held.append(pipeline.s3.held.pop(-2))
    pipeline.s3.deliver()
    pipeline.drain()


@_trouble("overwritten while it is being read")
def _overwritten(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    name = next(iter(objects))
    seen = False

    def overwrite(call: Call) -> None:
        nonlocal seen
        if not seen and call == Call("get", pipeline.inbox + name, "after"):
            seen = True
            pipeline.put(name, objects[name])

    for other, body in objects.items():
        pipeline.put(other, body if other != name else body + b", and older")
    pipeline.s3.hook = overwrite
    pipeline.drain()


@_trouble("poison among good ones")
def _poison(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    _put_all(pipeline, objects)
    poison = load("truncated").event["Records"][0]["body"]
    pipeline.queue.send(poison)
    pipeline.drain()


@_trouble("S3's test event")
def _test_event(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    _put_all(pipeline, objects)
    pipeline.queue.send(load("test-event").event["Records"][0]["body"])
    pipeline.drain()


@contextmanager
def _at(pipeline: Pipeline, number: int, error: BaseException, phase: str) -> Iterator[list[int]]:
    """Raise at the handler's call ``number``, once; yields how many calls there were."""
    calls = [0]

    def hook(call: Call) -> None:
        if call.phase != phase:
            return
        calls[0] += 1
        if calls[0] == number:
            raise error

    pipeline.s3.hook = hook
    try:
        yield calls
    finally:
        pipeline.s3.hook = None


def _at_every_call(
    pipeline: Pipeline, objects: Mapping[str, bytes], error: BaseException, phase: str
) -> None:
    """Play the same day again and again, with the trouble at another call each time."""
    number = 0
    while True:
        number += 1
        day = Pipeline(pipeline.make, pipeline.inbox, pipeline.deletes, 10, pipeline.batch)
        _put_all(day, objects)
        with _at(day, number, error, phase) as calls:
            day.drain()
        if calls[0] < number:
            return
        for broken in broken_laws(day):
            raise LawBroken(broken.law, f"at call {number}: {broken.what}")


@_trouble("the function dies at any of its calls")
def _dies(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    _at_every_call(pipeline, objects, FunctionDied(), "before")


@_trouble("any call fails, and its answer is lost")
def _lost(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    error = EndpointConnectionError(endpoint_url="https://s3.example")
    _at_every_call(pipeline, objects, error, "before")
    _at_every_call(pipeline, objects, error, "after")


@_trouble("everything comes again")
def _again(pipeline: Pipeline, objects: Mapping[str, bytes]) -> None:
    _plain(pipeline, objects)
    before = pipeline.made()
    for each in list(pipeline.s3.told):
        pipeline.s3.again(each)
    pipeline.drain()
    after = pipeline.made()
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            raise LawBroken("replay", f"a replay of all notifications changed {key!r}")


# Laws -------------------------------------------------------------------------------------


def plain_day(pipeline: Pipeline) -> list[bytes]:
    """What a plain day makes of the originals that are there, each under a plain name and alone:
    all that was made, without names, sorted."""
    made: list[bytes] = []
    for number, (_, body) in enumerate(sorted(pipeline.originals.items())):
        day = Pipeline(pipeline.make, pipeline.inbox, pipeline.deletes)
        day.put(f"plain-{number}.jpg", body)
        try:
            day.drain()
        except LawBroken:
            continue
        made += day.made().values()
    return sorted(made)


def broken_laws(pipeline: Pipeline) -> list[LawBroken]:
    """The laws that a day has broken, now that it is over."""
    found: list[LawBroken] = []
    inside = pipeline.inside()
    for key in sorted(inside.keys() | pipeline.originals.keys()):
        if inside.get(key) != pipeline.originals.get(key):
            what = "is gone" if key not in inside else "was written"
            found.append(LawBroken("originals", f"{key!r} {what}, and not by the user"))
            break
    good = [letter.about for letter in pipeline.queue.dead if not _is_poison(letter.body)]
    if good:
        found.append(
            LawBroken(
                "letters", f"{len(good)} good messages are dead-lettered, one about {good[0]!r}"
            )
        )
    have, ought = sorted(pipeline.made().values()), plain_day(pipeline)
    if have != ought:
        found.append(
            LawBroken(
                "outputs",
                f"{len(have)} things were made of {len(pipeline.originals)} originals, which are "
                f"not the {len(ought)} that a plain day makes of them",
            )
        )
    return found


def _is_poison(body: str) -> bool:
    try:
        parse(body)
    except NotUnderstood:
        return True
    return False


def bad_days(
    make: Make,
    objects: Mapping[str, bytes],
    *,
    inbox: str,
    deletes: bool = True,
    only: Sequence[str] = (),
) -> list[Broken]:
    """Play every bad day, or ``only`` these; the laws that were broken.

    ``make`` is called for each day anew.  ``objects`` are what the user puts, by name; ``inbox``
    is the prefix they are put under.  ``deletes``: whether the queue is told of deletes too.
    """
    found: list[Broken] = []
    for name in only or TROUBLES:
        pipeline = Pipeline(make, inbox, deletes)
        try:
            TROUBLES[name](pipeline, objects)
            broken = broken_laws(pipeline)
        except LawBroken as error:
            broken = [error]
        found += [Broken(name, each.law, each.what) for each in broken]
    return found
