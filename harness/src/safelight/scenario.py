"""Scenarios: timelines of what people, S3, SQS and faults do to the pipeline.

A scenario is a YAML or JSON file.  There is one form of it for everybody: people write it,
the simulation's random driver and Hypothesis make it up, the shrinker cuts it down, and replay
plays it back.  The types below *are* the form; :func:`schema` derives the published JSON Schema
(``docs/schemas/scenario.v1.json``) from them, and ``docs/scenarios.md`` explains it.

A step names things the way a person does: an original by its key, a message by the key it is
about, a worker by the name it was started under.  No step holds a random number or an
identifier that the run made up, so a step keeps its meaning when others are taken out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

Key = Annotated[str, msgspec.Meta(min_length=1, max_length=1024, description="an object's key")]
Name = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$", description="a name of your choice")
]
Span = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$",
        description="a span of time: 500ms, 30s, 15m, 2h, 1d",
    ),
]
QueueName = Literal["thumbnail", "publish"]
Service = Literal["thumbnailer", "sitegen", "sweep"]
Notifications = Literal["prompt", "held", "lost"]
Dialect = Literal["aws", "localstack"]
Fault = Literal["unavailable", "timeout", "reset", "throttled", "conflict", "lost-race", "denied"]
Finish = Literal["nothing", "settle", "replay", "sweep", "tidy"]


class _Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a scenario: a field that is not known is a mistake."""


class _Step(_Form, frozen=True, kw_only=True, omit_defaults=True, tag_field="do"):
    """A step of the timeline."""


class Put(_Step, frozen=True, kw_only=True, tag="put"):
    """A person puts or overwrites an original.

    Content is text.  ``REJECT`` in it makes it a file that is no photo, ``CRASH`` one that
    kills the decoder, ``KILL`` one that kills the whole function.  ``notify`` says what
    becomes of S3's notification, where it is not what ``notifications`` says.
    """

    key: Key
    content: str = "v1"
    notify: Notifications | None = None


class Announce(_Step, frozen=True, kw_only=True, tag="announce"):
    """The notification of a put arrives before the object can be seen: the put comes later.

    S3 itself has been strongly consistent since December 2020; replication and emulators are
    not, and the hand-made pipelines of before met it daily.
    """

    key: Key


class Delete(_Step, frozen=True, kw_only=True, tag="delete"):
    """A person deletes an original."""

    key: Key
    notify: Notifications | None = None


class Deliver(_Step, frozen=True, kw_only=True, tag="deliver"):
    """S3 delivers a notification that it held: the oldest about ``key``, or the ``newest``.

    ``times: 2`` delivers it twice, as two messages.
    """

    key: Key
    newest: bool = False
    times: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1


class Lose(_Step, frozen=True, kw_only=True, tag="lose"):
    """The notifications about ``key`` that S3 holds are never delivered."""

    key: Key


class Duplicate(_Step, frozen=True, kw_only=True, tag="duplicate"):
    """S3 delivers a notification once more, however long ago it was.

    ``back`` counts the notifications about ``key``: 0 is the latest, 1 the one before it.
    """

    key: Key
    back: Annotated[int, msgspec.Meta(ge=0)] = 0


class Send(_Step, frozen=True, kw_only=True, tag="send"):
    """Somebody puts a message on a queue; ``name`` is what later steps call it."""

    queue: QueueName
    name: Name
    body: str


class Start(_Step, frozen=True, kw_only=True, tag="start"):
    """A worker begins and stands before its first call.

    A thumbnailer or sitegen receives a batch: the messages about the keys in ``take``, in that
    order, else up to ``count`` of those that are visible, oldest first.  ``sweep`` is the
    function that the schedule wakes.
    """

    worker: Name
    service: Service
    take: tuple[str, ...] = ()
    count: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10


class Run(_Step, frozen=True, kw_only=True, tag="run"):
    """A worker runs on: for so many calls, or until it stands before a call, or to its end.

    ``to`` is the beginning of a call as the trace prints it: ``put catalog/photos/a/1.jpg``.
    """

    worker: Name
    calls: Annotated[int, msgspec.Meta(ge=1)] | None = None
    to: str | None = None


class Crash(_Step, frozen=True, kw_only=True, tag="crash"):
    """A worker dies where it stands, or runs on and dies ``before`` or ``after`` a call."""

    worker: Name
    before: str | None = None
    after: str | None = None


class Fail(_Step, frozen=True, kw_only=True, tag="fail"):
    """A worker's call fails: the one it stands before, or the next that begins with ``at``.

    ``after`` means that the call took effect and only its answer was lost.  ``lost-race``
    after the effect is what a client sees that repeats a conditional put by itself: 412, by
    its own first try.
    """

    worker: Name
    error: Fault
    after: bool = False
    at: str | None = None


class Advance(_Step, frozen=True, kw_only=True, tag="advance"):
    """Time passes."""

    by: Span


class Expire(_Step, frozen=True, kw_only=True, tag="expire"):
    """The messages about ``key`` that are in flight or delayed can be received again now.

    SQS delivers at least once: this is also how a message comes to two workers at a time.
    """

    key: str


class Redrive(_Step, frozen=True, kw_only=True, tag="redrive"):
    """A queue's dead letters are sent to it again, as new messages."""

    queue: QueueName


class Sweep(_Step, frozen=True, kw_only=True, tag="sweep"):
    """The sweep begins: the function sends its messages, one a folder, and ends."""


class Renderer(_Step, frozen=True, kw_only=True, tag="renderer"):
    """Thumbnailers that start from now on have other settings, or are of another version."""

    version: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9.-]{1,16}$")]


class Settle(_Step, frozen=True, kw_only=True, tag="settle"):
    """No more trouble: what S3 holds is delivered, workers end, queues run empty, time passes."""


Step = (
    Put | Announce | Delete | Deliver | Lose | Duplicate | Send
    | Start | Run | Crash | Fail
    | Advance | Expire | Redrive | Sweep | Renderer | Settle
)  # fmt: skip


class Expect(_Form, frozen=True, kw_only=True, omit_defaults=True):
    """What must hold at the end, beside the laws.

    ``photos`` gives originals' states in the catalog; ``shown`` the photos that a page links;
    ``dead`` what stays dead-lettered, by key or name; ``reached`` the rare paths that must
    have been taken, at least so often (see ``docs/simulation.md`` for their names).
    """

    photos: dict[str, Literal["ready", "rejected", "deleted", "absent"]] = {}
    shown: dict[str, tuple[str, ...]] = {}
    dead: tuple[str, ...] | None = None
    reached: dict[str, Annotated[int, msgspec.Meta(ge=1)]] = {}


class Scenario(_Form, frozen=True, kw_only=True, omit_defaults=True):
    """A timeline, and what must hold at its end.

    ``notifications`` says what S3 does with a notification: deliver it promptly, hold it for
    a ``deliver`` step, or lose it.  ``dialect`` is how keys are encoded in it.  ``receives`` is
    the queues' maxReceiveCount; ``listing`` how many keys S3 lists at a time.

    ``finish`` is how it ends: with ``nothing``; ``settle`` (the default: the trouble is over,
    and everything must have converged); ``replay`` (then every notification there ever was
    comes again, and nothing may change); ``sweep`` (then the sweep runs until it finds nothing,
    and everything must have converged: with ``notifications: lost`` by the sweep alone); ``tidy``
    (all of that, then time passes, sweeps run, and no garbage may be left).

    ``without`` names a rule of the architecture and ``breaks`` the law that falls when the
    rule is taken away: the scenario is then the proof that the rule is needed.
    """

    scenario: Literal[1]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    about: str = ""
    notifications: Notifications = "prompt"
    dialect: Dialect = "aws"
    receives: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    listing: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1000
    steps: tuple[Step, ...]
    finish: Finish = "settle"
    expect: Expect = Expect()
    without: str | None = None
    breaks: str | None = None


class UnreadableScenario(ValueError):
    """The file is no scenario; the message says where and why."""


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SPAN = re.compile(r"([0-9.]+)(ms|s|m|h|d)")


def span(text: str) -> timedelta:
    """The span of time that ``30s``, ``15m``, ``2h`` or ``1d`` stands for."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no span of time such as 30s, 15m, 2h or 1d")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def spoken(length: timedelta) -> str:
    """A span of time as a scenario writes it: :func:`span` reads it back."""
    thousandths = round(length.total_seconds() * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if thousandths and thousandths % size == 0:
            return f"{thousandths // size}{unit}"
    return f"{thousandths}ms"


def parse(text: str, where: str = "the scenario") -> Scenario:
    """The scenario in YAML or JSON text; raises :class:`UnreadableScenario`."""
    try:
        # JSON is YAML too, but for tabs and a few escapes; try what is stricter first.
        found = msgspec.json.decode(text) if text.lstrip().startswith("{") else None
    except msgspec.DecodeError:
        found = None
    try:
        return msgspec.convert(yaml.safe_load(text) if found is None else found, Scenario)
    except yaml.YAMLError as error:
        raise UnreadableScenario(f"{where}: neither YAML nor JSON: {error}") from error
    except msgspec.ValidationError as error:
        raise UnreadableScenario(f"{where}: {error}") from error


def read(path: Path) -> Scenario:
    """The scenario in a file; raises :class:`UnreadableScenario`."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableScenario(f"{path}: {error}") from error


class _Lines(yaml.SafeDumper):
    """YAML with each step on a line of its own."""


def _folded(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Lines.add_representer(str, _folded)


def write(scenario: Scenario) -> str:
    """The scenario as YAML; :func:`parse` reads the same back."""
    head: dict[str, Any] = msgspec.to_builtins(scenario)
    # Large numbers that equal their default are not left out by msgspec.
    plain = Scenario(scenario=1, name="-", steps=())
    for name in ("receives", "listing"):
        if head.get(name) == getattr(plain, name):
            del head[name]
    steps = head.pop("steps")
    tail: dict[str, Any] = {name: head.pop(name) for name in ("finish", "expect") if name in head}
    # msgspec puts the tag first; PyYAML keeps the order it is given.
    lines = [_yaml(head), "steps:\n", *(f"  - {_flow(step)}\n" for step in steps)]
    if not steps:
        lines[1] = "steps: []\n"
    return "".join([*lines, *([_yaml(tail)] if tail else [])])


def _yaml(value: dict[str, Any]) -> str:
    text: str = yaml.dump(value, Dumper=_Lines, sort_keys=False, allow_unicode=True, width=96)
    return text


def _flow(step: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(
        step, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6
    )
    return text.strip()


def schema() -> dict[str, Any]:
    """The JSON Schema of a scenario (``docs/schemas/scenario.v1.json``)."""
    made: dict[str, Any] = msgspec.json.schema(Scenario)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def steps_of(scenario: Scenario, steps: Sequence[Step]) -> Scenario:
    """The same scenario with other steps."""
    return msgspec.structs.replace(scenario, steps=tuple(steps))
