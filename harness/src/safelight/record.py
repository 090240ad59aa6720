"""`safelight record`: a message that made trouble, as a fixture.

From a queue, where it stays, or from the functions' logs.  What is nobody else's business is
taken out; what is expected of it is what the gallery decides about it now.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from rich.markup import escape

from safelight import deployed, pasted
from safelight.fixtures import (
    BUCKET,
    TOPICS,
    Recorded,
    Sidecar,
    decide,
    library,
    write,
)
from safelight.logs import ago, lines
from safelight.problem import Problem
from safelight.queues import peeked
from safelight.recording import redact
from safelight.screen import console, printable
from safelight.stack import FUNCTIONS, QUEUES, Deployment

MOST = 10
"""Messages in a fixture: as many as a function is handed at a time without a window."""

_QUEUE_OF = {"thumbnailer": "thumbnail", "sitegen": "publish"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--queue", choices=QUEUES, help="look into this queue; the messages stay in it"
    )
    source.add_argument(
        "--from-logs",
        action="store_true",
        help="take what the functions' logs say that failed",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="the fixture, FILE.json; its sidecar is FILE.meta.json beside it",
    )
    parser.add_argument(
        "--message",
        action="append",
        default=[],
        metavar="ID",
        help="only the message with this id; may be given several times",
    )
    parser.add_argument(
        "--most",
        type=_count,
        default=MOST,
        metavar="N",
        help=f"at most so many messages, of the oldest (default, and most: {MOST})",
    )
    parser.add_argument(
        "--function", choices=FUNCTIONS, help="with --from-logs: only this function's log"
    )
    parser.add_argument(
        "--since",
        type=ago,
        default=timedelta(hours=1),
        metavar="AGO",
        help="with --from-logs: how far back, such as 10m, 2h, 1d (default: 1h)",
    )
    parser.add_argument(
        "--topic",
        choices=sorted(TOPICS),
        default="delivery",
        help="under which heading of docs/events.md it belongs (default: delivery)",
    )
    parser.add_argument(
        "--teaches", metavar="TEXT", help="what it teaches, in a sentence for the sidecar"
    )
    parser.add_argument("--force", action="store_true", help="write over what is there")
    deployed.arguments(parser)


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST}")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Do it."""
    name = _name(options.out, force=options.force)
    deployment = deployed.chosen(options)
    if options.from_logs:
        found, how = _from_logs(deployment, options)
    else:
        found, how = _from_queue(deployment, options)
    event = redact({"Records": [_ours(record, deployment.bucket) for record in found]})
    expect = decide(event)
    reasons = [message.says for message in expect.messages if message.says]
    emulator, release = _origin(deployment)
    meta = Sidecar(
        topic=options.topic,
        teaches=options.teaches or _teaches(len(found), reasons),
        origin=Recorded(
            emulator=emulator, release=release, when=f"{datetime.now(UTC):%Y-%m-%d}", how=how
        ),
        expect=expect,
    )
    write(options.out.parent, name, event, meta)
    _check(options.out.parent, name)
    for number, message in enumerate(expect.messages, 1):
        hints = ", ".join(f"{change} {key}" for change, key in message.hints) or "no hint"
        says = f": {message.says}" if message.says else ""
        console.print(escape(printable(f"{number}. {hints}: {message.outcome}{says}")))
    console.print(
        escape(
            f"Recorded in {printable(str(options.out))}, redacted; keys, times and message ids are "
            "as they were. Read it, and what is expected in its sidecar, before you keep it."
        )
    )
    if options.out.parent.resolve() == library().resolve():
        console.print("`python -m safelight.fixtures publish` brings docs/events.md up to date.")
    return 0


def _name(out: Path, *, force: bool) -> str:
    """The fixture's name; raises :class:`Problem` for a file it cannot have."""
    if out.suffix != ".json" or out.name.endswith(".meta.json"):
        raise Problem(f"{out} is to be a fixture: its name must end in .json.")
    name = out.name.removesuffix(".json")
    if re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", name) is None:
        raise Problem(f"{name!r} is no fixture's name: small letters, digits and hyphens, please.")
    for path in (out, out.with_name(f"{name}.meta.json")):
        if path.exists() and not force:
            raise Problem(f"{path} is there already. Say another name, or --force.")
    return name


def _from_queue(
    deployment: Deployment, options: argparse.Namespace
) -> tuple[list[dict[str, Any]], str]:
    wanted = set(options.message)
    with peeked(deployment, options.queue) as there:
        found = [each for each in there if not wanted or each["MessageId"] in wanted]
    _miss(wanted - {each["MessageId"] for each in found}, options.queue)
    if not found:
        raise Problem(f"There is nothing in the queue {options.queue} to be recorded.")
    found.sort(key=lambda each: each.get("Attributes", {}).get("SentTimestamp", ""))
    arn = _arn(deployment, options.queue)
    taken = [pasted.received(each, arn) for each in found[: options.most]]
    return taken, f"looked at in the queue {options.queue}"


def _from_logs(
    deployment: Deployment, options: argparse.Namespace
) -> tuple[list[dict[str, Any]], str]:
    wanted = set(options.message)
    functions = [options.function] if options.function else list(FUNCTIONS)
    since = datetime.now(UTC) - options.since
    # The last word on each message: it has been received most often.
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for _, function, line in lines(deployment, functions, since):
        entry = _failure(line)
        if entry is not None and (not wanted or entry["message_id"] in wanted):
            found[entry["message_id"]] = function, entry
    _miss(wanted - found.keys(), "the logs, of what failed")
    cut = [name for name, (_, entry) in found.items() if "body_bytes" in entry]
    whole = {name: one for name, one in found.items() if name not in cut}
    if cut and (wanted or not whole):
        raise Problem(
            f"The log holds only the beginning of {cut[0]}, which is too long for it. Its "
            "dead-letter queue has it whole: --queue."
        )
    if not whole:
        raise Problem(
            "The logs tell of nothing that failed. Look further back (--since 1d), or into a "
            "dead-letter queue (--queue thumbnail_dlq)."
        )
    taken = list(whole.values())[: options.most]
    arns = {function: _arn(deployment, _QUEUE_OF[function]) for function, _ in taken}
    records = []
    for function, entry in taken:
        record = pasted.of_log_line(entry)
        records.append({**record, "eventSourceARN": arns[function]})
    told = " and ".join(dict.fromkeys(function for function, _ in taken))
    return records, f"made from the log of {told}, where it failed"


def _failure(line: str) -> dict[str, Any] | None:
    """What a line of a log tells of a message that failed."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if (
        not isinstance(entry, dict)
        or entry.get("level") != "ERROR"
        or not isinstance(entry.get("body"), str)
        or not isinstance(entry.get("message_id"), str)
    ):
        return None
    return entry


def _miss(missing: Iterable[str], where: str) -> None:
    for name in sorted(missing):
        raise Problem(f"There is no message {name!r:.80} in {where}.")


def _arn(deployment: Deployment, queue: str) -> str:
    answer = deployment.sqs().get_queue_attributes(
        QueueUrl=deployment.queues[queue], AttributeNames=["QueueArn"]
    )
    return answer["Attributes"]["QueueArn"]


def _ours(record: dict[str, Any], bucket: str) -> dict[str, Any]:
    """The message with the library's bucket in place of the stack's."""
    return {**record, "body": pasted.rebucket(record["body"], bucket, BUCKET)}


def _teaches(count: int, reasons: Sequence[str]) -> str:
    what = "A message" if count == 1 else f"{count} messages"
    if not reasons:
        return f"{what} that made trouble once, and must be worked off."
    return f"{what} that must not be worked off: {reasons[0]}"


def _origin(deployment: Deployment) -> tuple[str, str]:
    """What it was recorded from, and of which release."""
    if deployment.is_on_aws:
        return "AWS", deployment.region
    if deployment.stack == "embedded":
        from safelight.ministack import version

        return "MiniStack", version()
    from safelight.docker_stack import running_emulator

    return running_emulator(deployment)


def _check(folder: Path, name: str) -> None:
    """Read back what was written: it keeps to the schema, and is decided as it says."""
    meta = msgspec.json.decode((folder / f"{name}.meta.json").read_bytes(), type=Sidecar)
    event = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    if decide(event) != meta.expect:
        raise Problem(f"{name} is not decided as its sidecar says: please report this.")
