"""What people paste: an event in whatever it was found, taken out of it, and named.

Events are met in logs, in a dead-letter queue, in a console, in another project's tests.
:func:`read` takes the text as it was copied, unwraps it, and gives back what the handler is to be
handed: batches of messages as Lambda hands them over.  It says what it found, from the outside
in; what is no such event is :class:`Refused` with a reason, and nothing is guessed.

It understands

* what a function receives from SQS; one message of it; a list of messages (as EventBridge
  Pipes hands them on);
* what ``aws sqs receive-message`` and boto3 answer, and a part of it;
* a bare S3 notification, an SNS or EventBridge envelope, ``s3:TestEvent``, Safelight's own hint;
* what Lambda hands to a function that SNS or S3 invokes, and what it sends to a destination;
* log lines: a Safelight function's own, a logged event in JSON or as Python prints it, with or
  without what Lambda writes in front; ``aws logs`` and Logs Insights' answers, a subscription's
  records, packed or not;
* JSON in JSON, JSON lines, several values one after the other.
"""

from __future__ import annotations

import ast
import base64
import binascii
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gallery.events import NotUnderstood, parse
from gallery.queue import Message
from safelight.problem import Problem

MOST = 64 * 1024 * 1024
"""Bytes of a paste; more is a whole log, of which `safelight record --from-logs` is the reader."""

BATCH = 10
"""Messages in a batch, where they came alone: what SQS hands to a function without a window."""

_DEPTH = 12
_QUEUE = "arn:aws:sqs:us-east-1:000000000000:pasted"


class Refused(Problem):
    """This is nothing that can be replayed; the message says what it is, as far as can be told."""


@dataclass(frozen=True)
class Found:
    """One thing to be replayed: ``event`` is what a handler is handed; ``what`` says what it was
    in, from the outside in, and ``whole`` whether it was a batch already."""

    what: tuple[str, ...]
    event: dict[str, Any]
    whole: bool = False


@dataclass(frozen=True)
class Pasted:
    """What a paste held.  ``what`` has a line for each kind of thing; ``notes`` tell what was
    passed over."""

    what: tuple[str, ...]
    batches: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()


def read(raw: bytes | str) -> Pasted:
    """The batches in a paste.  Raises :class:`Refused`."""
    text = decoded(raw) if isinstance(raw, bytes) else raw
    text = text.lstrip("\ufeff").strip()
    if not text:
        raise Refused("There is nothing in it. (`aws sqs receive-message` answers so, too.)")
    reader = _Reader()
    try:
        found = list(reader.text(text, (), 0))
    except RecursionError as error:
        raise Refused("It nests too deep to be an event.") from error
    if not found:
        why = "; ".join(dict.fromkeys(reader.notes)) or "no event is in it"
        raise Refused(f"There is nothing to replay in it: {why}.")
    return Pasted(
        what=tuple(dict.fromkeys(" → ".join(each.what) for each in found)),
        batches=tuple(_batches(found)),
        notes=tuple(dict.fromkeys(reader.notes)),
    )


def decoded(raw: bytes) -> str:
    """The text of a file, whose encoding its first bytes may tell (PowerShell's ``>`` writes
    UTF-16).  Raises :class:`Refused`."""
    if len(raw) > MOST:
        raise Refused(f"It has {len(raw):,} bytes, and a paste {MOST:,} at most.")
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
        (b"\x1f\x8b", "gzip"),
    ):
        if raw.startswith(mark):
            return decoded(_unpacked(raw)) if encoding == "gzip" else _text(raw, encoding)
    return _text(raw, "utf-8")


def _text(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise Refused(f"It is no text in UTF-8 (at byte {error.start}).") from error


def _unpacked(raw: bytes) -> bytes:
    try:
        # A little file may unpack to a terabyte.
        packed = zlib.decompressobj(16 + zlib.MAX_WBITS)
        return packed.decompress(raw, MOST + 1)
    except zlib.error as error:
        raise Refused(f"It looks packed with gzip, and cannot be unpacked: {error}.") from error


def _batches(found: Sequence[Found]) -> Iterator[dict[str, Any]]:
    """Whole batches as they are; loose messages up to ten at a time, under ids of their own."""
    loose: list[dict[str, Any]] = []
    for each in found:
        if each.whole:
            yield each.event
        else:
            loose += each.event["Records"]
    for number, message in enumerate(loose, 1):
        message["messageId"] = message.get("messageId") or f"pasted-{number}"
        message["receiptHandle"] = message.get("receiptHandle") or f"receipt-{number}"
    for start in range(0, len(loose), BATCH):
        yield {"Records": loose[start : start + BATCH]}


def message(
    body: str,
    *,
    identifier: str = "",
    receipt: str = "",
    receives: int = 1,
    sent: datetime | None = None,
    attributes: dict[str, Any] | None = None,
    message_attributes: dict[str, Any] | None = None,
    arn: str = _QUEUE,
) -> dict[str, Any]:
    """A message as a function receives it (Lambda developer guide, "Using Lambda with Amazon
    SQS"); ``attributes`` are SQS's own, over those that ``receives`` and ``sent`` make."""
    stamp = str(int(sent.timestamp() * 1000)) if sent is not None else "0"
    return {
        "messageId": identifier,
        "receiptHandle": receipt,
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(receives),
            "SentTimestamp": stamp,
            "SenderId": "EXAMPLE",
            "ApproximateFirstReceiveTimestamp": stamp,
            **(attributes or {}),
        },
        "messageAttributes": message_attributes or {},
        "md5OfBody": hashlib.md5(
            body.encode("utf-8", "surrogatepass"), usedforsecurity=False
        ).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": (arn.split(":")[3:4] or ["us-east-1"])[0] or "us-east-1",
    }


def received(answer: dict[str, Any], arn: str = _QUEUE) -> dict[str, Any]:
    """A message of ``aws sqs receive-message``'s answer as a function would have received it."""
    body = answer.get("Body")
    own = answer.get("MessageAttributes")
    attributes = answer.get("Attributes")
    return message(
        body if isinstance(body, str) else "",
        identifier=str(answer.get("MessageId") or ""),
        receipt=str(answer.get("ReceiptHandle") or ""),
        attributes={name: str(value) for name, value in attributes.items()}
        if isinstance(attributes, dict)
        else {},
        message_attributes={name: _lower(value) for name, value in own.items()}
        if isinstance(own, dict)
        else {},
        arn=arn,
    )


def _lower(attribute: Any) -> Any:
    """A message attribute as Lambda spells it: ``stringValue``, where SQS has ``StringValue``."""
    if not isinstance(attribute, dict):
        return attribute
    found = {f"{name[:1].lower()}{name[1:]}": value for name, value in attribute.items()}
    return {"stringListValues": [], "binaryListValues": [], **found}


# Reading ---------------------------------------------------------------------------------

_NO_EVENT = "log lines that hold no event were passed over"
_OF_SQS = "an event from SQS, as Lambda hands it to a function"
_ENVELOPES = ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation")


class _Reader:
    """Unwraps, level by level.  Each method yields what it found, and raises :class:`Refused`
    for what it cannot tell; ``notes`` are about what was passed over."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def text(self, text: str, what: tuple[str, ...], depth: int) -> Iterator[Found]:
        """JSON; several of it; or text that has it among other things, as a log does."""
        values, why = _values(text)
        if why is None:
            more = (*what, "several JSON values") if len(values) > 1 else what
            for value in values:
                yield from self.value(value, more, depth, logged=len(values) > 1)
            return
        printed = _printed(text)
        if printed is not None:
            yield from self.value(printed, (*what, "a Python dictionary, printed"), depth)
            return
        found = list(self.among(text, (*what, "text with JSON in it"), depth))
        if not found and not self.notes:
            raise Refused(_not_json(text, why))
        yield from found

    def among(self, text: str, what: tuple[str, ...], depth: int) -> Iterator[Found]:
        """The values that stand in a text, whatever stands around them."""
        place = 0
        while (start := _start(text, place)) is not None:
            value, end = _first(text, start)
            if value is None:
                line = text[start:].splitlines()[0]
                if _EVENT_LIKE.search(text, start, start + 4000):
                    raise Refused(_not_json(text[start:], f"it is cut short or broken at {end}"))
                place = start + max(1, len(line))
                continue
            yield from self.value(value, what, depth + 1, logged=True)
            place = end

    def value(
        self, value: Any, what: tuple[str, ...], depth: int, *, logged: bool = False
    ) -> Iterator[Found]:
        """A JSON value.  In a log, what is no event is passed over."""
        if depth > _DEPTH:
            raise Refused(f"Envelopes within envelopes, more than {_DEPTH} deep.")
        if isinstance(value, str):
            yield from self.text(value.strip(), (*what, "JSON in a JSON text"), depth + 1)
        elif isinstance(value, list):
            if not value:
                raise Refused("It is an empty list.")
            for each in value:
                yield from self.value(each, (*what, "a list"), depth + 1, logged=logged)
        elif isinstance(value, dict):
            yield from self.object(value, what, depth, logged=logged)
        elif logged:
            self.notes.append(_NO_EVENT)
        else:
            raise Refused(f"It is {_kind(value)}, not an event.")

    def object(
        self, found: dict[str, Any], what: tuple[str, ...], depth: int, *, logged: bool
    ) -> Iterator[Found]:
        """A JSON object: the one place that knows what is what."""
        for known in (_of_sqs, _loose, _of_body, _elsewhere):
            one = known(found)
            if one is not None:
                yield replace(one, what=(*what, *one.what))
                return
        if "level" in found or "log_level" in found:
            yield from self.entry(found, what, depth)
            return
        inner = _inside(found)
        if inner is not None:
            name, values = inner
            for each in values:
                log = name.startswith("log")
                if log and isinstance(each, str):
                    yield from self.logged(each, (*what, name), depth + 1)
                else:
                    yield from self.value(each, (*what, name), depth + 1, logged=log or logged)
            return
        if not logged:
            raise Refused(_foreign(found))
        yield from self.entry(found, what, depth)

    def logged(self, text: str, what: tuple[str, ...], depth: int) -> Iterator[Found]:
        """The text of one entry of a log: a line, or a value over several lines."""
        values, why = _values(text)
        if why is None:
            for value in values:
                yield from self.value(value, what, depth, logged=True)
            return
        found = list(self.among(text, what, depth))
        if not found:
            self.notes.append(_NO_EVENT)
        yield from found

    def entry(self, found: dict[str, Any], what: tuple[str, ...], depth: int) -> Iterator[Found]:
        """A structured line of a log, as Powertools and Lambda itself write them."""
        body = found.get("body")
        if isinstance(body, str) and "message_id" in found:
            if "body_bytes" in found:
                raise Refused(
                    f"The log holds only a part of the message {found['message_id']} "
                    f"({found['body_bytes']} bytes); its dead-letter queue has it whole."
                )
            yield Found(
                (*what, "a message that a function logged as failed", _about(body)),
                {"Records": [of_log_line(found)]},
            )
            return
        for name in ("message", "event", "record", "detail", "body", "input"):
            inner = found.get(name)
            if isinstance(inner, dict | list) or (isinstance(inner, str) and _has_value(inner)):
                yield from self._maybe(inner, (*what, "a logged event"), depth + 1)
                return
        is_log = "level" in found or "log_level" in found or "_aws" in found
        self.notes.append(_NO_EVENT if is_log else _foreign(found))

    def _maybe(self, inner: Any, what: tuple[str, ...], depth: int) -> Iterator[Found]:
        try:
            yield from (
                self.logged(inner, what, depth)
                if isinstance(inner, str)
                else self.value(inner, what, depth, logged=True)
            )
        except Refused as refused:
            self.notes.append(f"a log line was passed over: {refused}")


def of_log_line(entry: dict[str, Any]) -> dict[str, Any]:
    """The message of which a Safelight function's log says that it failed (see
    :mod:`gallery.telemetry`), as the function received it, but redacted."""
    receives = entry.get("receives")
    sent = entry.get("sent")
    try:
        moment = datetime.fromisoformat(sent) if isinstance(sent, str) else None
    except ValueError:
        moment = None
    return message(
        str(entry.get("body", "")),
        identifier=str(entry.get("message_id") or ""),
        receives=receives if isinstance(receives, int) else 1,
        sent=moment,
    )


# What is what ------------------------------------------------------------------------------


def _of_sqs(found: dict[str, Any]) -> Found | None:
    records = found.get("Records")
    if not isinstance(records, list) or not records:
        return None
    if not any(_is_message(record) for record in records):
        return None
    bodies = [record.get("body") for record in records if isinstance(record, dict)]
    return Found((_OF_SQS, _about(*bodies)), found, whole=True)


def _is_message(record: Any) -> bool:
    return isinstance(record, dict) and (
        record.get("eventSource") == "aws:sqs" or ("body" in record and "messageId" in record)
    )


def _loose(found: dict[str, Any]) -> Found | None:
    if "Body" in found and ("MessageId" in found or "ReceiptHandle" in found):
        one = received(found)
        return Found(("a message as SQS hands it out", _about(one["body"])), {"Records": [one]})
    if "body" in found and ("messageId" in found or "receiptHandle" in found):
        usual = message("")
        one = {**usual, **found}
        return Found(("a message from SQS", _about(one["body"])), {"Records": [one]})
    return None


def _of_body(found: dict[str, Any]) -> Found | None:
    """What is the body of a message by itself, or one record of it."""
    if isinstance(found.get("s3"), dict) and _is_s3(found.get("eventSource")):
        found = {"Records": [found]}
    records = found.get("Records")
    of_s3 = isinstance(records, list) and any(
        isinstance(record, dict) and _is_s3(record.get("eventSource")) for record in records
    )
    if (
        of_s3
        or found.get("Event") == "s3:TestEvent"
        or found.get("safelight") == 1
        or (found.get("Type") in _ENVELOPES and ("Message" in found or "TopicArn" in found))
        or (found.get("source") == "aws.s3" and "detail" in found)
    ):
        body = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        moment = _moment(found)
        return Found((_about(body),), {"Records": [message(body, sent=moment)]})
    return None


def _is_s3(source: Any) -> bool:
    return isinstance(source, str) and source.endswith(("aws:s3", "aws.s3", ":s3"))


def _moment(found: dict[str, Any]) -> datetime | None:
    """When the event was, for the message's own time."""
    try:
        times = [hint.time for hint in parse(json.dumps(found)).hints if hint.time is not None]
    except NotUnderstood:
        return None
    return min(times, default=None)


def _elsewhere(found: dict[str, Any]) -> Found | None:
    """An SNS event as Lambda hands it over, put as the queue behind the topic has it."""
    records = found.get("Records")
    if not isinstance(records, list) or not records:
        return None
    notices = [
        record["Sns"]
        for record in records
        if isinstance(record, dict) and isinstance(record.get("Sns"), dict)
    ]
    if len(notices) != len(records):
        return None
    bodies = [json.dumps(notice, ensure_ascii=False, separators=(",", ":")) for notice in notices]
    return Found(
        ("an event from SNS, as Lambda hands it to a function", _about(*bodies)),
        {"Records": [message(body) for body in bodies]},
    )


def _inside(found: dict[str, Any]) -> tuple[str, list[Any]] | None:
    """What an envelope holds, and what it is called."""
    lists: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
        ("Messages", "the answer of `aws sqs receive-message`", lambda each: each),
        ("logEvents", "log entries of a subscription", _log_message),
        ("events", "log entries, as `aws logs` answers", _log_message),
        ("results", "log entries, as Logs Insights answers", _insight),
    )
    for name, what, take in lists:
        inner = found.get(name)
        if isinstance(inner, list):
            taken = [take(each) for each in inner]
            if not taken or None in taken:
                if name == "Messages" and not taken:
                    raise Refused("The queue's answer holds no message.")
                continue
            return what, taken
    if isinstance(found.get("@message"), str):
        return "log entry of Logs Insights", [found["@message"]]
    packed = found.get("awslogs")
    if isinstance(packed, dict) and isinstance(packed.get("data"), str):
        return "log data, packed for a subscription", [_subscription(packed["data"])]
    if "requestPayload" in found:
        return "what Lambda sends to a destination", [found["requestPayload"]]
    for name in _WRAPPERS:
        inner = found.get(name)
        if isinstance(inner, dict | list) and len(found) <= 3 and _might_be(inner):
            return f"the field {name}", [inner]
    return None


_WRAPPERS = ("event", "Event", "input", "Input", "payload", "Payload", "message", "Message")


def _might_be(inner: Any) -> bool:
    """Whether there is a point in looking into it."""
    first = inner[0] if isinstance(inner, list) and inner else inner
    fields = ("Records", "Messages", "detail", "Body", "body", "Type", "Event", "s3")
    return isinstance(first, dict) and any(name in first for name in fields)


def _log_message(entry: Any) -> Any:
    return entry.get("message") if isinstance(entry, dict) else None


def _insight(row: Any) -> Any:
    if not isinstance(row, list):
        return None
    for cell in row:
        if isinstance(cell, dict) and cell.get("field") == "@message":
            return cell.get("value")
    return None


def _subscription(data: str) -> Any:
    try:
        raw = _unpacked(base64.b64decode(data, validate=True))
        return json.loads(raw)
    except (binascii.Error, ValueError, gzip.BadGzipFile) as error:
        raise Refused(f"The log data cannot be unpacked: {error}.") from error


_KNOWN_RECORDS = {
    "dynamodb": "a DynamoDB stream",
    "kinesis": "Kinesis",
    "ses": "SES",
    "cf": "CloudFront (Lambda@Edge)",
    "codecommit": "CodeCommit",
    "recordId": "Firehose or Kinesis Analytics",
}
_KNOWN: tuple[tuple[str, str], ...] = (
    ("httpMethod", "a request through API Gateway or a load balancer"),
    ("requestContext", "a request through API Gateway or a function URL"),
    ("getObjectContext", "a request through S3 Object Lambda"),
    ("invocationSchemaVersion", "a task of S3 Batch Operations"),
    ("triggerSource", "a Cognito trigger"),
    ("bootstrapServers", "a batch from Kafka"),
    ("rmqMessagesByQueue", "a batch from RabbitMQ"),
    ("deliveryStreamArn", "a batch from Firehose"),
    ("ResourceProperties", "a request for a CloudFormation resource"),
    ("teaches", "a fixture's sidecar: replay the fixture itself, by its name"),
    ("steps", "perhaps a scenario, but without `scenario: 1`"),
)


def _foreign(found: dict[str, Any]) -> str:
    """Why an object is not to be replayed, as exactly as can be told."""
    records = found.get("Records", found.get("records"))
    if isinstance(records, list):
        if not records:
            return "It has no Records in it: nothing to replay."
        first = records[0] if isinstance(records[0], dict) else {}
        source = first.get("eventSource", first.get("EventSource", found.get("eventSource")))
        for name, what in _KNOWN_RECORDS.items():
            if name in first:
                return f"It is an event from {what}, and no event about an object in S3."
        if source == "s3.amazonaws.com":
            return "It is CloudTrail's log of API calls, and no notification of S3."
        if source is not None:
            return f"It is an event from {_shown(source)}, and no event about an object in S3."
        if "s3" in first:
            return "It looks like a notification of S3, but no eventSource says so: aws:s3."
        return f"Its Records are of no known source (they have {_names(first)})."
    if isinstance(found.get("source"), list) or isinstance(found.get("detail-type"), list):
        return "It is the pattern of an EventBridge rule, and no event."
    if isinstance(found.get("detail-type"), str):
        return (
            f"It is EventBridge's {_shown(found['detail-type'])} from "
            f"{_shown(found.get('source'))}, and no event about an object in S3."
        )
    if isinstance(found.get("eventType"), str) and "Microsoft" in found["eventType"]:
        return "It is an event of Azure's storage, not of S3."
    if found.get("kind") == "storage#object":
        return "It is an event of Google's storage, not of S3."
    if "Records" in found:
        return f"Its Records are {_kind(records)}, not a list."
    for name, what in _KNOWN:
        if name in found:
            return f"It is {what}, and no event about an object in S3."
    if "safelight" in found:
        if found["safelight"] == "sweep":
            return "It is what the schedule sends: `safelight sweep` does the same."
        return f"It is a Safelight hint of version {_shown(found['safelight'])}; this one reads 1."
    return f"It is no event about an object in S3 that is known here (it has {_names(found)})."


def _about(*bodies: Any) -> str:
    """What messages are about, by their first body."""
    kinds = list(dict.fromkeys(_body(body) for body in bodies))
    return kinds[0] if len(kinds) == 1 else " and ".join(kinds[:3]) + (" …" if kinds[3:] else "")


def _body(body: Any, depth: int = 0) -> str:
    try:
        found = json.loads(body) if isinstance(body, str) else body
    except (ValueError, RecursionError):
        return "something that is no JSON"
    if not isinstance(found, dict):
        return f"{_kind(found)}, no event"
    if found.get("Type") in _ENVELOPES:
        if found["Type"] != "Notification":
            return f"SNS's {found['Type']}"
        inner = _body(found.get("Message"), depth + 1) if depth < _DEPTH else "more of it"
        return f"an SNS notification → {inner}"
    if found.get("Event") == "s3:TestEvent":
        return "S3's test event"
    if "safelight" in found:
        return "Safelight's own hint"
    if "detail-type" in found:
        return f"EventBridge's {_shown(found['detail-type'])}"
    records = found.get("Records")
    if isinstance(records, list):
        names = [
            str(record.get("eventName", "without an eventName"))
            for record in records
            if isinstance(record, dict) and _is_s3(record.get("eventSource"))
        ]
        if names:
            told = ", ".join(dict.fromkeys(_plain(name) for name in names[:5]))
            return f"an S3 notification ({told})"
        if any(_is_message(record) for record in records):
            return "an event from SQS"
        if any(isinstance(record, dict) and "Sns" in record for record in records):
            return "an event from SNS"
    return f"JSON that is no event of S3's (it has {_names(found)})"


# Text ------------------------------------------------------------------------------------

_DECODER = json.JSONDecoder()


def _values(text: str) -> tuple[list[Any], str | None]:
    """The JSON values that stand one after the other in ``text``, and why it is not just that."""
    found: list[Any] = []
    place = 0
    while place < len(text):
        try:
            value, end = _DECODER.raw_decode(text, place)
        except json.JSONDecodeError as error:
            return found, f"{error.msg} in line {error.lineno}, column {error.colno}"
        except ValueError as error:
            return found, str(error)
        found.append(value)
        place = end
        while place < len(text) and text[place] in " \t\r\n,\x1e":
            place += 1
    return found, None


def _first(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at ``start``, in JSON or as Python prints it on a line, and where it
    ends; ``None`` and where it breaks off if there is none."""
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        broken = error.pos
    except ValueError:
        broken = start
    end = text.find("\n", start)
    for until in (len(text), end if end > 0 else len(text)):
        printed = _printed(text[start:until].rstrip())
        if printed is not None:
            return printed, until
    return None, broken


def _printed(text: str) -> Any:
    """A dictionary or list as Python prints it (``print(event)``); ``None`` if it is none."""
    if text[:1] not in ("{", "[") or "'" not in text:
        return None
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    try:
        # Sets, bytes and complex numbers are Python's, and no JSON.
        json.dumps(found)
    except (TypeError, ValueError):
        return None
    return found


_START = re.compile(r"""\{\s*["'}]|\[\s*[{"']""")
_EVENT_LIKE = re.compile(r"""["'](?:Records|Messages|detail-type|Body|body|TopicArn)["']""")


def _start(text: str, place: int) -> int | None:
    """Where the next JSON object or list seems to begin; a log level (``[INFO]``) is none."""
    match = _START.search(text, place)
    return match.start() if match is not None else None


def _has_value(text: str) -> bool:
    start = _start(text, 0)
    return start is not None and _first(text, start)[0] is not None


def _not_json(text: str, why: str) -> str:
    if "[Object]" in text or "[Array]" in text:
        return (
            "It is an object as JavaScript prints it, with the inside left out ([Object]). Log "
            "JSON.stringify(event) to have all of it."
        )
    if text.startswith("<"):
        return "It is XML or HTML, not JSON: ask for `--output json`."
    if text.endswith(("…", "...")):
        return f"It is cut short: it ends in dots ({why})."
    return f"It is no JSON: {why}. It begins with {_shown(text)}."


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:79] + "…"


def _plain(name: str) -> str:
    return name if re.fullmatch(r"[\w:*. -]{1,80}", name, re.ASCII) else _shown(name)


def _names(found: dict[str, Any]) -> str:
    return ", ".join(_shown(name) for name in list(found)[:6]) or "nothing"


# Buckets ---------------------------------------------------------------------------------


def bucket_of(messages: Sequence[Message]) -> str | None:
    """The bucket that the messages are about, the first of them; ``None`` if none tells."""
    for each in messages:
        try:
            for hint in parse(each.body).hints:
                return hint.bucket
        except NotUnderstood:
            continue
    return None


def rebucket(body: str, old: str, new: str) -> str:
    """The body with the bucket ``old`` called ``new``, whatever it is wrapped in; all else stays
    as it is written, broken JSON too."""
    name = re.escape(old)
    body = re.sub(
        rf"""((\\*")(?:name|bucket|bucketName|Bucket)\2\s*:\s*\2){name}(?=\2)""",
        lambda match: match[1] + new,
        body,
    )
    return re.sub(
        rf"(\barn:aws[a-z-]*:s3:::){name}(?![a-z0-9.-])", lambda match: match[1] + new, body
    )
