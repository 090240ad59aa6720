"""Delivery: messages put on a stack's queue, and what its functions make of them.

What a function decided is read from its log, where each message's id stands; the rest is seen
from outside, as anybody could see it.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from safelight.fixtures import Expected
from safelight.listing import side_by_side
from safelight.logs import lines
from safelight.pasted import rebucket
from safelight.queues import depths
from safelight.stack import Deployment
from safelight.verdict import Change, Decision, Verdict, changes, hints_of

PATIENCE = 60.0
"""Seconds to wait for a function's decision, unless one says otherwise."""

QUEUES = {"thumbnailer": "thumbnail", "sitegen": "publish"}

# A function's clock and ours need not agree.
_SKEW = timedelta(seconds=30)
_QUIET = 1.5
_GONE = 5.0
_WORKED_OFF = "worked off"


@dataclass(frozen=True)
class Sent:
    """A message that was put on the queue under the id ``id``, or why it was not."""

    body: str
    id: str
    refused: str
    expected: Expected | None


@dataclass(frozen=True)
class Delivered:
    """What came of it; ``quiet`` says whether the stack had come to rest when it was looked at."""

    verdicts: tuple[Verdict, ...]
    changes: tuple[Change, ...]
    quiet: bool


def send(
    deployment: Deployment,
    function: str,
    records: Sequence[Mapping[str, Any]],
    expected: Sequence[Expected],
    rename: tuple[str, str] | None,
) -> list[Sent]:
    """Put messages, as a function would receive them, on a function's queue, one after the
    other; their ids are new ones, as SQS gives them.  ``rename`` gives their bucket another name
    first."""
    sqs, url = deployment.sqs(), deployment.queues[QUEUES[function]]
    found = []
    for number, record in enumerate(records):
        body = record.get("body")
        body = body if isinstance(body, str) else ""
        if rename is not None:
            body = rebucket(body, *rename)
        one = expected[number] if number < len(expected) else None
        try:
            answer = sqs.send_message(
                QueueUrl=url,
                MessageBody=body,
                MessageAttributes=_attributes(record.get("messageAttributes")),
            )
        except (ClientError, ParamValidationError) as error:
            found.append(Sent(body, "", f"SQS does not take it: {error}", one))
        else:
            found.append(Sent(body, answer["MessageId"], "", one))
    return found


def _attributes(found: Any) -> Any:
    """Message attributes as SQS takes them, from how Lambda hands them over."""
    taken: dict[str, Any] = {}
    for name, value in found.items() if isinstance(found, dict) else ():
        if not isinstance(value, dict) or not isinstance(value.get("dataType"), str):
            continue
        one: dict[str, Any] = {"DataType": value["dataType"]}
        if isinstance(value.get("stringValue"), str) and value["stringValue"]:
            one["StringValue"] = value["stringValue"]
        elif isinstance(value.get("binaryValue"), str):
            try:
                one["BinaryValue"] = base64.b64decode(value["binaryValue"], validate=True)
            except binascii.Error:
                continue
        if len(one) == 2 and len(taken) < 10:
            taken[name] = one
    return taken


def deliver(
    deployment: Deployment,
    function: str,
    put: Callable[[], list[Sent]],
    *,
    patience: float = PATIENCE,
) -> Delivered:
    """Watch a stack while ``put`` puts messages on ``function``'s queue: until each was decided,
    and the stack has come to rest, but ``patience`` seconds at most for either.

    What others do to the same stack meanwhile is seen too.
    """
    listing = side_by_side(deployment.store())
    before = {info.key: info for info in listing("")}
    since = datetime.now(UTC) - _SKEW
    sent = put()
    heard = _heard(deployment, function, {each.id for each in sent if each.id}, since, patience)
    verdicts = tuple(_verdict(each, heard.get(each.id)) for each in sent)
    # Those that are not done stay on the queue, and are waited for by nobody.
    stay = sum(verdict.decision in ("later", "failed", "unknown") for verdict in verdicts)
    quiet = _rest(deployment, stay, patience)
    after = {info.key: info for info in listing("")}
    return Delivered(verdicts, tuple(changes(before, after)), quiet)


def _heard(
    deployment: Deployment, function: str, ids: set[str], since: datetime, patience: float
) -> dict[str, dict[str, Any]]:
    """The last log line about each of these messages."""
    until = time.monotonic() + patience
    found: dict[str, dict[str, Any]] = {}
    gone: float | None = None
    while True:
        found |= said_of(deployment, [function], ids, since)
        decided = {name for name, entry in found.items() if _decision(entry)[0] != "later"}
        now = time.monotonic()
        if decided >= ids or now >= until:
            return found
        # A line may come late, or (MiniStack 1.5.33, under load) only with the next invocation.
        # But a message that is no longer on its queue was worked off.
        if depths(deployment)[QUEUES[function]].total:
            gone = None
        elif gone is None:
            gone = now
        elif now - gone >= (6 * _GONE if deployment.is_on_aws else _GONE):
            return {name: {"message": _WORKED_OFF} for name in ids} | found
        time.sleep(2.0 if deployment.is_on_aws else 0.3)


def said_of(
    deployment: Deployment, functions: list[str], ids: Set[str], since: datetime
) -> dict[str, dict[str, Any]]:
    """The last line of the functions' logs about each of these messages, where there is one."""
    found: dict[str, dict[str, Any]] = {}
    for _, _, line in lines(deployment, functions, since):
        entry = _entry(line)
        if entry is not None and entry["message_id"] in ids:
            found[entry["message_id"]] = entry
    return found


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("message_id"), str):
        return None
    return entry


def _decision(entry: Mapping[str, Any]) -> tuple[Decision, str]:
    """What a line of :mod:`gallery.telemetry` says was decided, and why."""
    word, _, why = str(entry.get("message", "")).partition(": ")
    match word:
        case "done":
            return "done", why
        case "later":
            return "later", f"{why} (again in {entry.get('after')} s)"
        case "failed":
            return "failed", why
    return "unknown", str(entry.get("message"))


def _verdict(sent: Sent, entry: Mapping[str, Any] | None) -> Verdict:
    hints = hints_of(sent.body)
    if sent.refused:
        return Verdict("", hints, "unknown", sent.refused, expected=sent.expected)
    if entry is None:
        why = "the function's log says nothing of it yet (`safelight logs`)"
        return Verdict(sent.id, hints, "unknown", why, expected=sent.expected)
    if entry["message"] == _WORKED_OFF:
        why = "it is gone from the queue, but no line of the log has come that says more"
        return Verdict(
            sent.id,
            hints,
            "done" if hints else "ignored",
            why,
            expected=sent.expected,
            heard=False,
        )
    decision, why = _decision(entry)
    if decision == "done" and not hints:
        decision = "ignored"
    tasks = entry.get("tasks")
    notes = entry.get("notes")
    return Verdict(
        id=sent.id,
        hints=hints,
        decision=decision,
        why=why,
        tasks=tuple(
            (str(task.get("name")), str(task.get("outcome")), str(task.get("why")))
            for task in (tasks if isinstance(tasks, list) else ())
            if isinstance(task, dict)
        ),
        notes=tuple(map(str, notes)) if isinstance(notes, list) else (),
        expected=sent.expected,
    )


def _rest(deployment: Deployment, stay: int, patience: float) -> bool:
    """Wait until nothing but ``stay`` messages is on the queues, and has not been for a while:
    what one function writes wakes the other a moment later."""
    until = time.monotonic() + patience
    since: float | None = None
    while True:
        found = depths(deployment)
        now = time.monotonic()
        if sum(found[name].total for name in QUEUES.values()) > stay:
            since = None
        elif since is None:
            since = now
        elif now - since >= (5 * _QUIET if deployment.is_on_aws else _QUIET):
            return True
        if now >= until:
            return False
        time.sleep(0.3)
