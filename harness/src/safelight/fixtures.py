"""The event library: events exactly as a Lambda function receives them from SQS.

``fixtures/events/NAME.json`` is the event, ``NAME.meta.json`` says where it comes from, what it
teaches and what a handler must decide about each of its messages.  :func:`load` and
:func:`all_fixtures` read it; ``docs/events.md`` lists it; :mod:`safelight.recording` adds to it.

As a command, ``python -m safelight.fixtures tidy`` gives every file its one formatting and
every message its checksum; ``… publish`` writes the index in ``docs/events.md`` and the JSON
Schemas in ``docs/schemas/``.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from gallery import record as records
from gallery.batch import Batch, Done, Failed, Outcome, Report, Task
from gallery.clock import SystemClock
from gallery.events import Hint, NotUnderstood, parse
from gallery.queue import MalformedBatch, Message, messages
from safelight.home import checkout
from safelight.problem import Problem

BUCKET = "safelight-fixtures"
"""The bucket that the library's events are about; an event about another one is a stray."""

SCHEMA = "event-fixture.v1.json"

Topic = Literal["changes", "keys", "dialects", "envelopes", "delivery", "refused", "others"]
TOPICS: dict[Topic, str] = {
    "changes": "What happens to an object",
    "keys": "Keys",
    "dialects": "Emulators' dialects",
    "envelopes": "Envelopes",
    "delivery": "Delivery",
    "refused": "What must be refused",
    "others": "Messages that are not about a change",
}

Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value in a sidecar; a field nobody knows is a mistake in writing."""


class Recorded(_Part, frozen=True, kw_only=True, tag="recorded", tag_field="kind"):
    """Recorded from an emulator, and only redacted since."""

    emulator: Text
    release: Text
    when: Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    how: Text


class Edited(_Part, frozen=True, kw_only=True, tag="edited", tag_field="kind"):
    """Made from another fixture, ``of``; ``changed`` says how they differ."""

    of: Text
    changed: Text


class Written(_Part, frozen=True, kw_only=True, tag="written", tag_field="kind"):
    """Written by hand from what ``source`` (a page, or what was measured) says."""

    source: Text
    url: str | None = None


class Expected(_Part, frozen=True, kw_only=True):
    """What must be decided about one message.

    ``done``: its hints are worked off.  ``ignored``: there is nothing in it to be done, and it
    is acknowledged.  ``failed``: it is handed back, alone.  ``hints`` are ``[change, key]``;
    ``says`` is part of what is said about it.
    """

    outcome: Literal["done", "ignored", "failed"]
    hints: tuple[tuple[Literal["created", "removed", "changed"], Text], ...] = ()
    says: str = ""


class Expectation(_Part, frozen=True, kw_only=True):
    """What must be decided about the whole event: about each message, in their order; or that
    the batch is ``refused`` as a whole, with words that the refusal must hold."""

    messages: tuple[Expected, ...] = ()
    refused: str = ""


class Sidecar(_Part, frozen=True, kw_only=True):
    """What ``NAME.meta.json`` holds."""

    version: Literal[1] = 1
    topic: Topic
    teaches: Text
    origin: Recorded | Edited | Written
    expect: Expectation


@dataclass(frozen=True)
class Fixture:
    """One event of the library.  ``event`` is what a handler is given; make a copy
    (:meth:`fresh`) for a handler that changes it."""

    name: str
    event: dict[str, Any]
    meta: Sidecar

    def fresh(self) -> dict[str, Any]:
        """The event anew, nobody else's."""
        copy: dict[str, Any] = json.loads(json.dumps(self.event))
        return copy


class UnknownFixture(Problem):
    """There is no fixture of that name."""


def library() -> Path:
    """The folder of the library: of the checkout, or inside an installed package."""
    installed = Path(__file__).with_name("event_library")
    return installed if installed.is_dir() else checkout() / "fixtures" / "events"


def scenario_library() -> Path:
    """The folder of the scenarios: of the checkout, or inside an installed package."""
    installed = Path(__file__).with_name("scenario_library")
    return installed if installed.is_dir() else checkout() / "fixtures" / "scenarios"


def scenario_names() -> list[str]:
    """The scenarios' names, sorted."""
    return sorted(path.stem for path in scenario_library().glob("*.yaml"))


def names() -> list[str]:
    """The fixtures' names, sorted."""
    return sorted(path.name.removesuffix(".meta.json") for path in library().glob("*.meta.json"))


def load(name: str) -> Fixture:
    """The fixture ``name``; raises :class:`UnknownFixture`, with the names that come near."""
    if name not in names():
        raise UnknownFixture(unknown(name))
    folder = library()
    meta = msgspec.json.decode((folder / f"{name}.meta.json").read_bytes(), type=Sidecar)
    event = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return Fixture(name, event, meta)


def unknown(name: str) -> str:
    """That there is nothing of that name, and what comes near."""
    near = difflib.get_close_matches(name, [*names(), *scenario_names()], 3)
    return (
        f"There is no fixture {name!r:.80}. "
        + (f"Is it {' or '.join(near)}? " if near else "")
        + "docs/events.md lists them all."
    )


def all_fixtures() -> Iterator[Fixture]:
    """Every fixture, in the order of their names."""
    return (load(name) for name in names())


# What the gallery's own code decides -----------------------------------------------------


def decide(event: object) -> Expectation:
    """What :mod:`gallery` decides about an event: the very code the functions run, over work
    that always succeeds."""
    try:
        batch = messages(event)
    except MalformedBatch as error:
        return Expectation(refused=str(error))
    reports = _run(batch)
    return Expectation(
        messages=tuple(_expected(message, reports[index]) for index, message in enumerate(batch))
    )


def _run(batch: Sequence[Message]) -> list[Report]:
    """The report of each message, in the order of the batch."""
    ended: list[Report] = []

    def work(task: Task) -> Outcome:
        return Done(task.name)

    def one(hint: Hint) -> tuple[str, ...]:
        return (hint.key,)

    Batch(
        bucket=BUCKET,
        queue=_Silent(),
        clock=SystemClock(),
        names=one,
        work=work,
        observe=ended.append,
    ).run(batch, lambda: 60.0)
    # By identity: the same message twice is two equal messages.
    order = {id(message): index for index, message in enumerate(batch)}
    return sorted(ended, key=lambda report: order[id(report.message)])


class _Silent:
    """A queue that nobody listens to."""

    def send(self, bodies: object, *, delay: int = 0) -> None: ...

    def delete(self, message: Message) -> None: ...

    def delay(self, message: Message, seconds: int) -> None: ...


def _expected(message: Message, report: Report) -> Expected:
    try:
        hints = tuple((hint.change, hint.key) for hint in parse(message.body).hints)
    except NotUnderstood:
        hints = ()
    if isinstance(report.outcome, Failed):
        return Expected(outcome="failed", hints=hints, says=report.outcome.why)
    if not hints:
        return Expected(outcome="ignored", says="; ".join(report.notes))
    return Expected(outcome="done", hints=hints)


# Files -----------------------------------------------------------------------------------


def formatted(value: object) -> str:
    """The one formatting of the library's files."""
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def checksum(event: dict[str, Any]) -> dict[str, Any]:
    """The event with each message's ``md5OfBody`` made true."""
    for message in event.get("Records") or ():
        if isinstance(message, dict) and isinstance(message.get("body"), str):
            raw = message["body"].encode("utf-8", "surrogatepass")
            message["md5OfBody"] = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    return event


def write(folder: Path, name: str, event: dict[str, Any], meta: Sidecar) -> None:
    """Write a fixture's two files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(formatted(checksum(event)), encoding="utf-8")
    (folder / f"{name}.meta.json").write_text(_sidecar_text(meta), encoding="utf-8")


def _sidecar_text(meta: Sidecar) -> str:
    value = msgspec.to_builtins(meta)
    for expected in value["expect"]["messages"]:
        for field in ("hints", "says"):
            if not expected[field]:
                del expected[field]
    for field in ("messages", "refused"):
        if not value["expect"][field]:
            del value["expect"][field]
    if value["origin"].get("url", "") is None:
        del value["origin"]["url"]
    return formatted(value)


def tidy(folder: Path) -> None:
    """Rewrite every file in its one formatting, with true checksums."""
    for path in sorted(folder.glob("*.meta.json")):
        name = path.name.removesuffix(".meta.json")
        event = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        write(folder, name, event, msgspec.json.decode(path.read_bytes(), type=Sidecar))


# What is published -----------------------------------------------------------------------

_BEGIN = "<!-- index: written by `python -m safelight.fixtures publish` -->"
_END = "<!-- end of index -->"


def schemas() -> dict[str, dict[str, Any]]:
    """Every JSON Schema that is published in ``docs/schemas/``, by file name: the records',
    the gallery's indexes' and the fixtures' sidecars'."""
    # Whoever tests a pipeline of their own with the library has no gallery installed.
    from sitegen import index as site_index

    fixture = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(Sidecar),
    }
    return {**records.schemas(), **site_index.schemas(), SCHEMA: fixture}


def index() -> str:
    """The tables of ``docs/events.md``, one a topic."""
    lines: list[str] = []
    fixtures = list(all_fixtures())
    for topic, title in TOPICS.items():
        rows = [fixture for fixture in fixtures if fixture.meta.topic == topic]
        if rows:
            lines += [f"### {title}", "", "| fixture | teaches | must end | from |"]
            lines += ["|---|---|---|---|"]
            lines += [
                f"| [`{row.name}`](../fixtures/events/{row.name}.json) "
                f"| {_cell(row.meta.teaches)} | {_ends(row.meta.expect)} "
                f"| {_cell(provenance(row.meta.origin))} |"
                for row in rows
            ]
            lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _ends(expect: Expectation) -> str:
    if expect.refused:
        return "refused as a whole"
    counts: dict[str, int] = {}
    for message in expect.messages:
        counts[message.outcome] = counts.get(message.outcome, 0) + 1
    return ", ".join(
        outcome if len(expect.messages) == 1 else f"{count} {outcome}"
        for outcome, count in counts.items()
    )


def provenance(origin: Recorded | Edited | Written) -> str:
    """Where a fixture comes from, in a few words."""
    if isinstance(origin, Recorded):
        return f"recorded: {origin.emulator} {origin.release}"
    if isinstance(origin, Edited):
        return f"edited: `{origin.of}`, {origin.changed}"
    return (
        f"written: [{origin.source}]({origin.url})" if origin.url else f"written: {origin.source}"
    )


def with_index(page: str) -> str:
    """``docs/events.md`` with its index made true."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise Problem(f"docs/events.md has lost a marker: {_BEGIN} and {_END} enclose its index.")
    return f"{before}{_BEGIN}\n\n{index()}\n{_END}{after}"


def publish(root: Path) -> None:
    """Write everything that is published from the code."""
    for name, schema in schemas().items():
        path = root / "docs" / "schemas" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
    page = root / "docs" / "events.md"
    page.write_text(with_index(page.read_text(encoding="utf-8")), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``python -m safelight.fixtures``."""
    parser = argparse.ArgumentParser(
        prog="python -m safelight.fixtures", description="Keep the event library in order."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("tidy", help="format the files, make the checksums true")
    verbs.add_parser("publish", help="write the index and the JSON Schemas in docs/")
    if parser.parse_args(arguments).verb == "tidy":
        tidy(library())
    else:
        publish(checkout())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
