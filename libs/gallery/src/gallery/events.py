"""Events: anything SQS can hand over, turned into hints.

A *hint* says that the state of one key may have changed, nothing more.  :func:`parse` takes
the body of one SQS message as a function receives it and understands:

* an S3 event notification, version 2.x, with one or several ``Records`` (S3 user guide,
  "Event message structure");
* the same in an SNS envelope, or an envelope in an envelope (SNS developer guide, "Parsing
  message formats"); with raw delivery there is none;
* S3's events as EventBridge sends them, whose keys are **not** encoded (EventBridge guide,
  "Amazon S3 events");
* ``s3:TestEvent``, which S3 sends when a queue is attached;
* Safelight's own hint (:func:`hint_body`), which the sweep and sitegen send.

Anything else raises :class:`NotUnderstood` with a reason: the message is then failed by
itself, so that it reaches the dead-letter queue and no batch-mate is harmed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote_plus, unquote_to_bytes

from gallery.keys import MAX_KEY

Change = Literal["created", "removed", "changed"]
Dialect = Literal["s3", "eventbridge", "hint", "test"]

_MAX_DEPTH = 4


class NotUnderstood(ValueError):
    """The body is not an event about objects; the message says why, for a person."""


@dataclass(frozen=True)
class Hint:
    """The state of ``key`` in ``bucket`` may have changed.

    ``change`` is what the event claimed (``changed`` where it claims nothing); ``time`` is
    when, aware, ``None`` where the event does not tell.  ``name`` is the event's own name.
    """

    bucket: str
    key: str
    change: Change
    time: datetime | None
    name: str
    dialect: Dialect


@dataclass(frozen=True)
class Parsed:
    """What a message holds: its hints, and notes on what in it needs nothing done."""

    hints: tuple[Hint, ...]
    notes: tuple[str, ...] = ()


def parse(body: str) -> Parsed:
    """The hints in the body of one SQS message.

    Raises :class:`NotUnderstood` if any part of it cannot be understood: a message that is
    half understood must not be half forgotten.
    """
    try:
        return _parse(body, 0)
    except RecursionError as error:
        # Wherever it is met: what can just be parsed may be too deep to be shown in a reason.
        raise NotUnderstood("the message's body nests too deep to be an event") from error


def _parse(body: object, depth: int) -> Parsed:
    if depth > _MAX_DEPTH:
        raise NotUnderstood("envelopes within envelopes, more than four deep")
    message = _json(body)
    if message.get("Type") in (
        "Notification",
        "SubscriptionConfirmation",
        "UnsubscribeConfirmation",
    ):
        if message["Type"] != "Notification":
            raise NotUnderstood(
                f"an SNS {message['Type']}: confirm the subscription, or subscribe the queue with "
                "its own ARN, which needs no confirmation"
            )
        return _parse(_text(message, "Message", "an SNS notification"), depth + 1)
    if message.get("Event") == "s3:TestEvent":
        return Parsed((), ("S3's test event (a queue was attached to the bucket)",))
    if "safelight" in message:
        return _own(message)
    if "detail-type" in message or "detail" in message:
        return _eventbridge(message)
    if "Records" in message:
        return _s3(message, depth)
    raise NotUnderstood(
        "no S3 event: none of Records, detail-type, Type or Event is there (it has "
        f"{_names(message)})"
    )


def _json(body: object) -> dict[str, Any]:
    if isinstance(body, dict):
        return body
    if not isinstance(body, str):
        raise NotUnderstood(f"the message's body is {_kind(body)}, not text")
    try:
        message = json.loads(body)
    except ValueError as error:
        raise NotUnderstood(f"the message's body is not JSON: {str(error)[:120]}") from error
    if not isinstance(message, dict):
        raise NotUnderstood(f"the message's body is {_kind(message)}, not an object")
    return message


def _s3(message: dict[str, Any], depth: int) -> Parsed:
    records = message["Records"]
    if not isinstance(records, list):
        raise NotUnderstood(f"Records is {_kind(records)}, not a list")
    hints: list[Hint] = []
    notes: list[str] = []
    for number, record in enumerate(records):
        where = f"Records[{number}]"
        if not isinstance(record, dict):
            raise NotUnderstood(f"{where} is {_kind(record)}, not an object")
        if isinstance(record.get("Sns"), dict):
            # An SNS-to-Lambda event that somebody forwarded to a queue as it was.
            inner = _parse(_text(record["Sns"], "Message", f"{where}.Sns"), depth + 1)
        elif "body" in record and record.get("eventSource") == "aws:sqs":
            # A whole Lambda event, as it is pasted from a log or forwarded by a function.
            inner = _parse(record["body"], depth + 1)
        else:
            inner = Parsed((_s3_record(record, where),))
        hints += inner.hints
        notes += inner.notes
    if not records:
        notes.append("an S3 event without Records")
    return Parsed(tuple(hints), tuple(notes))


def _s3_record(record: dict[str, Any], where: str) -> Hint:
    source = record.get("eventSource")
    # MinIO and others put their own prefix before the ":s3"; EventBridge pipes drop "aws:".
    if not isinstance(source, str) or not source.endswith(("aws:s3", "aws.s3", ":s3")):
        raise NotUnderstood(f"{where}: eventSource is {_shown(source)}, not aws:s3")
    version = record.get("eventVersion", "2.0")
    major = str(version).partition(".")[0]
    if major != "2":
        # S3 user guide: compare the major version for equality.
        raise NotUnderstood(f"{where}: eventVersion {_shown(version)}; this Safelight reads 2.x")
    s3 = record.get("s3")
    if not isinstance(s3, dict):
        raise NotUnderstood(f"{where}.s3 is {_kind(s3)}, not an object")
    bucket = _text(_object(s3, "bucket", where), "name", f"{where}.s3.bucket")
    raw = _text(_object(s3, "object", where), "key", f"{where}.s3.object")
    name = _text(record, "eventName", where)
    return Hint(
        bucket=bucket,
        key=_checked(decode_key(raw), where),
        change=_change(name),
        time=_time(record.get("eventTime"), where),
        name=name,
        dialect="s3",
    )


_EVENTBRIDGE: dict[str, Change] = {
    "Object Created": "created",
    "Object Deleted": "removed",
    "Object Restore Completed": "created",
}


def _eventbridge(message: dict[str, Any]) -> Parsed:
    source, kind = message.get("source"), message.get("detail-type")
    if source != "aws.s3":
        raise NotUnderstood(f"an EventBridge event from {_shown(source)}, not from aws.s3")
    if not isinstance(kind, str):
        raise NotUnderstood(f"detail-type is {_kind(kind)}, not text")
    detail = _object(message, "detail", "the event")
    bucket = _text(_object(detail, "bucket", "detail"), "name", "detail.bucket")
    # EventBridge does not encode keys: decoding would turn "IMG+1" into "IMG 1".
    key = _text(_object(detail, "object", "detail"), "key", "detail.object")
    return Parsed(
        (
            Hint(
                bucket=bucket,
                key=_checked(key, "detail"),
                change=_EVENTBRIDGE.get(kind, "changed"),
                time=_time(message.get("time"), "the event"),
                name=kind,
                dialect="eventbridge",
            ),
        )
    )


def _own(message: dict[str, Any]) -> Parsed:
    version = message["safelight"]
    if version != 1:
        raise NotUnderstood(f"a Safelight hint of version {_shown(version)}; this one reads 1")
    return Parsed(
        (
            Hint(
                bucket=_text(message, "bucket", "the hint"),
                key=_checked(_text(message, "key", "the hint"), "the hint"),
                change="changed",
                time=_time(message.get("time"), "the hint"),
                name=_text(message, "why", "the hint"),
                dialect="hint",
            ),
        )
    )


def hint_body(bucket: str, key: str, why: str, now: datetime) -> str:
    """Safelight's own hint, as the body of a message."""
    return json.dumps(
        {
            "safelight": 1,
            "bucket": bucket,
            "key": key,
            "why": why,
            "time": now.astimezone(UTC).isoformat(timespec="milliseconds"),
        }
    )


def decode_key(raw: str) -> str:
    """The object's key from the form-encoded one in an S3 event.

    S3 encodes as HTML forms do: a space is ``+``, a plus ``%2B``.  LocalStack writes ``%20``
    and moto ``%2F``; the same decoding reads all three.  Raises :class:`NotUnderstood` if
    the bytes are not UTF-8.
    """
    try:
        return unquote_to_bytes(raw.replace("+", " ")).decode("utf-8")
    except UnicodeError as error:
        raise NotUnderstood(f"the key {_shown(raw)} is not UTF-8 when decoded") from error


def encode_key(key: str) -> str:
    """``key`` as S3 writes it in an event: :func:`decode_key` undoes it."""
    return quote_plus(key, safe="/-._*")


def _checked(key: str, where: str) -> str:
    try:
        length = len(key.encode("utf-8"))
    except UnicodeError as error:
        raise NotUnderstood(f"{where}: the key is not valid Unicode") from error
    if not 0 < length <= MAX_KEY:
        raise NotUnderstood(f"{where}: a key of {length} bytes; S3's have 1 to {MAX_KEY}")
    return key


def _change(name: str) -> Change:
    verb = name.removeprefix("s3:")
    if verb.startswith(("ObjectCreated:", "ObjectRestore:Completed")):
        return "created"
    if verb.startswith(("ObjectRemoved:", "LifecycleExpiration:")):
        return "removed"
    return "changed"


def _time(value: object, where: str) -> datetime | None:
    """An ISO 8601 time; ``None`` where there is none.  A naive one is taken for UTC."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise NotUnderstood(f"{where}: its time is {_kind(value)}, not text")
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotUnderstood(f"{where}: its time {_shown(value)} is not ISO 8601") from error


def _object(parent: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    value = parent.get(name)
    if not isinstance(value, dict):
        raise NotUnderstood(f"{where}: {name} is {_kind(value)}, not an object")
    return value


def _text(parent: dict[str, Any], name: str, where: str) -> str:
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise NotUnderstood(f"{where}: {name} is {_kind(value)}, not text")
    return value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean"}
    if value is None:
        return "missing"
    if value == "":
        return "empty"
    return names.get(type(value), "a number")


def _shown(value: object) -> str:
    """``value`` for a message: escaped and short, since nobody vouches for it."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "…"


def _names(message: dict[str, Any]) -> str:
    return ", ".join(_shown(name) for name in list(message)[:5]) or "nothing"
