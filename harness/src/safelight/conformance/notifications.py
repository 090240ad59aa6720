"""Questions about the events that a bucket sends to a queue."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from safelight.conformance.emulator import Emulator, Queue, waiting
from safelight.conformance.objects import AWKWARD, said, upload_in_parts
from safelight.conformance.question import Topic, refusal

EVENTS = Topic("events", "Events")

_GUIDE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
_STRUCTURE = _GUIDE + "notification-content-structure.html"
_TYPES = _GUIDE + "notification-how-to-event-types-and-destinations.html"
_FILTERS = _GUIDE + "notification-how-to-filtering.html"
_TARGETS = _GUIDE + "EventNotifications.html"
_CONFIGURE = (
    "https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html"
)
_LAST = "zz-last"
"""Once the event of this object has come, so have those of what was done before."""


@dataclass(frozen=True)
class _Watched:
    """A bucket whose events go to a queue."""

    emulator: Emulator
    bucket: str
    queue: Queue

    def put(self, key: str = "a.jpg", body: bytes = b"a photo") -> str:
        """Put an object; its ETag."""
        answer = self.emulator.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return answer["ETag"].strip('"')

    def delete(self, key: str = "a.jpg") -> None:
        """Delete an object."""
        self.emulator.s3.delete_object(Bucket=self.bucket, Key=key)

    def messages(self) -> list[dict[str, Any]]:
        """What the queue has been sent by now, whatever it is about."""
        self.put(_LAST)
        found: list[dict[str, Any]] = []
        for _ in waiting("an event"):
            found += map(json.loads, self.queue.take())
            if any(_key(record) == _LAST for message in found for record in _records(message)):
                # For those that come after it: nothing promises an order.
                found += map(json.loads, self.queue.take())
                return found
        raise AssertionError  # waiting() raises before

    def events(self) -> list[dict[str, Any]]:
        """The records of the events by now."""
        found = [record for message in self.messages() for record in _records(message)]
        return [record for record in found if _key(record) != _LAST]


def _records(message: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = message.get("Records", [])
    return found


def _key(record: dict[str, Any]) -> str:
    return str(record["s3"]["object"]["key"])


@contextmanager
def _watched(emulator: Emulator, rules: list[dict[str, str]] | None = None) -> Iterator[_Watched]:
    with emulator.bucket() as bucket, emulator.queue() as queue:
        watch(emulator, bucket, queue.arn, rules)
        yield _Watched(emulator, bucket, queue)


def watch(
    emulator: Emulator, bucket: str, arn: str, rules: list[dict[str, str]] | None = None
) -> None:
    """Have the bucket tell the queue of what is put and removed."""
    what: dict[str, Any] = {
        "QueueArn": arn,
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
    }
    if rules:
        what["Filter"] = {"Key": {"FilterRules": rules}}
    emulator.s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [what]},  # type: ignore[list-item]
    )


def _names(events: list[dict[str, Any]]) -> str:
    """The events' names, the same ones counted."""
    names = sorted(str(event["eventName"]) for event in events)
    counts = {name: names.count(name) for name in names}
    return (
        ", ".join(
            f"`{name}`" if count == 1 else f"{count} `{name}`" for name, count in counts.items()
        )
        or "none"
    )


def _named(
    name: str, text: str, aws: str | None, source: str = _TYPES
) -> Callable[[Callable[[_Watched], None]], None]:
    """Makes a question of something done to a watched bucket: which events come of it?"""

    def add(act: Callable[[_Watched], None]) -> None:
        def ask(emulator: Emulator) -> str:
            with _watched(emulator) as watched:
                try:
                    act(watched)
                except HTTPError as error:
                    return f"refused: {error.code}"
                return _names(watched.events())

        EVENTS.question(name, text, aws=aws, source=source)(ask)

    return add


@_named("put", "PutObject", "`ObjectCreated:Put`")
def _put(watched: _Watched) -> None:
    watched.put()


@_named("overwrite", "PutObject twice under one key", "2 `ObjectCreated:Put`", _TARGETS)
def _overwrite(watched: _Watched) -> None:
    watched.put(body=b"first")
    watched.put(body=b"second")


@_named("multipart", "A multipart upload of one part", "`ObjectCreated:CompleteMultipartUpload`")
def _multipart(watched: _Watched) -> None:
    upload_in_parts(watched.emulator, watched.bucket, "a.jpg")


@_named("copy", "CopyObject, after the original's put", "`ObjectCreated:Copy`, `ObjectCreated:Put`")
def _copy(watched: _Watched) -> None:
    watched.put()
    watched.emulator.s3.copy_object(
        Bucket=watched.bucket, Key="b.jpg", CopySource={"Bucket": watched.bucket, "Key": "a.jpg"}
    )


@_named("post", "A browser's form upload", "`ObjectCreated:Post`")
def _post(watched: _Watched) -> None:
    form = watched.emulator.s3.generate_presigned_post(watched.bucket, "a.jpg")
    line = "safelight"
    field = '--{}\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
    parts = [field.format(line, name, "", value) for name, value in form["fields"].items()]
    parts.append(field.format(line, "file", '; filename="a.jpg"', "a photo"))
    request = urllib.request.Request(  # noqa: S310 - the emulator that is asked
        form["url"],
        data=("".join(parts) + f"--{line}--\r\n").encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={line}"},
    )
    urllib.request.urlopen(request).close()  # noqa: S310 - as above


@_named("delete", "DeleteObject, after the put", "`ObjectCreated:Put`, `ObjectRemoved:Delete`")
def _delete(watched: _Watched) -> None:
    watched.put()
    watched.delete()


@_named("delete-missing", "DeleteObject of a key that was never there", None)
def _delete_missing(watched: _Watched) -> None:
    watched.delete()


@_named(
    "delete-many",
    "DeleteObjects of two keys, after their puts",
    "2 `ObjectCreated:Put`, 2 `ObjectRemoved:Delete`",
)
def _delete_many(watched: _Watched) -> None:
    watched.put("a.jpg")
    watched.put("b.jpg")
    watched.emulator.s3.delete_objects(
        Bucket=watched.bucket, Delete={"Objects": [{"Key": "a.jpg"}, {"Key": "b.jpg"}]}
    )


@_named(
    "delete-marker",
    "DeleteObject in a bucket with versions, after the put",
    "`ObjectCreated:Put`, `ObjectRemoved:DeleteMarkerCreated`",
)
def _delete_marker(watched: _Watched) -> None:
    watched.emulator.s3.put_bucket_versioning(
        Bucket=watched.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    watched.put()
    watched.delete()


@EVENTS.question(
    "key",
    "The key of `my album/é+ 1%.jpg`",
    aws="`my+album/%C3%A9%2B+1%25.jpg`",
    source=_STRUCTURE,
)
def _encoded_key(emulator: Emulator) -> str:
    with _watched(emulator) as watched:
        watched.put("my album/é+ 1%.jpg")
        return ", ".join(f"`{_key(event)}`" for event in watched.events())


@EVENTS.question(
    "keys-decoded",
    f"{len(AWKWARD)} awkward keys, once they are decoded as a form's values are",
    aws="are the objects'",
    source=_STRUCTURE,
)
def _keys_decoded(emulator: Emulator) -> str:
    with _watched(emulator) as watched:
        for key in AWKWARD:
            watched.put(key)
        told = {unquote_plus(_key(event)) for event in watched.events()}
        lost = [key for key in AWKWARD if key not in told]
    return f"not of {said(lost)}" if lost else "are the objects'"


@EVENTS.question(
    "sequencer",
    "The sequencers of three puts and a delete of one key",
    aws="rise",
    source=_STRUCTURE,
)
def _sequencer(emulator: Emulator) -> str:
    with _watched(emulator) as watched:
        for body in (b"1", b"2", b"3"):
            watched.put(body=body)
        watched.delete()
        by_time = sorted(
            watched.events(), key=lambda event: (event["eventName"], event["eventTime"])
        )
        found = [event["s3"]["object"].get("sequencer") for event in by_time]
    if None in found:
        return "are missing"
    if len(set(found)) == 1:
        return "are one constant"
    # Right-padded, as the page says; puts within a millisecond have no order of their own.
    width = max(map(len, found))
    padded = [sequencer.ljust(width, "0") for sequencer in found]
    rises = len(set(padded)) == 4 and padded[-1] == max(padded)
    return "rise" if rises else "do not rise"


@EVENTS.question("version", "`eventVersion` of a put", aws="`2.1`", source=_STRUCTURE)
def _version(emulator: Emulator) -> str:
    with _watched(emulator) as watched:
        watched.put()
        return ", ".join(f"`{event['eventVersion']}`" for event in watched.events())


@EVENTS.question(
    "about-a-put",
    "What a put's event says of its object",
    aws="`eTag`, `key`, `sequencer`, `size`; size and ETag are true",
    source=_STRUCTURE,
)
def _about_a_put(emulator: Emulator) -> str:
    with _watched(emulator) as watched:
        etag = watched.put(body=b"a photo")
        (event,) = watched.events()
    found = event["s3"]["object"]
    true = (found.get("size"), found.get("eTag")) == (7, etag)
    return _fields(found) + ("; size and ETag are true" if true else "; not all of it true")


@EVENTS.question(
    "about-a-delete",
    "What a delete's event says of its object",
    aws="`key`, `sequencer`",
    source=_STRUCTURE,
)
def _about_a_delete(emulator: Emulator) -> str:
    with _watched(emulator) as watched:
        watched.put()
        watched.delete()
        (event,) = [found for found in watched.events() if "Removed" in found["eventName"]]
    return _fields(event["s3"]["object"])


def _fields(found: dict[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(found))


@EVENTS.question(
    "in-time",
    "When a put's event comes, a read of its object, 20 times",
    aws="finds it",
    source=_GUIDE + "Welcome.html#ConsistencyModel",
)
def _in_time(emulator: Emulator) -> str:
    with _watched(emulator) as watched:
        for number in range(20):
            watched.put(f"{number}.jpg")
            for _ in waiting("an event"):
                told = [_key(r) for m in watched.queue.take() for r in _records(json.loads(m))]
                if told:
                    break
            for key in told:
                try:
                    emulator.s3.head_object(Bucket=watched.bucket, Key=key)
                except ClientError:
                    return "does not always find it"
    return "finds it"


@EVENTS.question(
    "test-event",
    "What a queue is sent when it is attached",
    aws="`Bucket`, `Event`, `HostId`, `RequestId`, `Service`, `Time`",
    source=_GUIDE + "notification-content-structure.html",
)
def _test_event(emulator: Emulator) -> str:
    with _watched(emulator) as watched:
        found = [message for message in watched.messages() if not _records(message)]
    return "; ".join(_fields(message) for message in found) or "nothing"


@EVENTS.question(
    "filters",
    "`photos/a.jpg`, `photos/a.txt` and `a.jpg`, filtered by prefix and suffix",
    aws="`photos/a.jpg`",
    source=_FILTERS,
)
def _filters(emulator: Emulator) -> str:
    rules = [{"Name": "prefix", "Value": "photos/"}, {"Name": "suffix", "Value": ".jpg"}]
    with _watched(emulator, rules) as watched:
        for key in ("photos/a.txt", "a.jpg", "photos/a.jpg"):
            watched.put(key)
        told: list[str] = []
        for _ in waiting("an event"):
            told += [_key(r) for m in watched.queue.take() for r in _records(json.loads(m))]
            if "photos/a.jpg" in told:
                break
        told += [_key(r) for m in watched.queue.take() for r in _records(json.loads(m))]
    return ", ".join(f"`{key}`" for key in sorted(told))


def _configured(emulator: Emulator, *configurations: Any) -> str:
    with emulator.bucket() as bucket:
        try:
            emulator.s3.put_bucket_notification_configuration(
                Bucket=bucket,
                NotificationConfiguration={"QueueConfigurations": list(configurations)},
            )
        except ClientError as error:
            return f"refused: {refusal(error)}"
        return "accepted"


@EVENTS.question(
    "overlap",
    "Two configurations for one event whose prefixes overlap",
    aws="refused: 400 InvalidArgument",
    source=_FILTERS,
)
def _overlap(emulator: Emulator) -> str:
    with emulator.queue() as queue:

        def configuration(prefix: str) -> dict[str, Any]:
            return {
                "QueueArn": queue.arn,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
            }

        return _configured(emulator, configuration("photos/"), configuration("photos/a/"))


@EVENTS.question(
    "fifo-target",
    "A FIFO queue as the target",
    aws="refused: 400 InvalidArgument",
    source=_TYPES,
)
def _fifo_target(emulator: Emulator) -> str:
    queue = emulator.make_queue("question.fifo", FifoQueue="true")
    try:
        wanted = {"QueueArn": queue.arn, "Events": ["s3:ObjectCreated:*"]}
        return _configured(emulator, wanted)
    finally:
        emulator.sqs.delete_queue(QueueUrl=queue.url)


@EVENTS.question(
    "no-target",
    "A queue that is not there as the target",
    aws="refused: 400 InvalidArgument",
    source=_CONFIGURE,
)
def _no_target(emulator: Emulator) -> str:
    with emulator.queue() as queue:
        arn = queue.arn + "-not-there"
    return _configured(emulator, {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]})


@EVENTS.question(
    "eventbridge-key",
    "The key of `IMG+1 2.jpg`, told by EventBridge",
    aws="`IMG+1 2.jpg`",
    source=_GUIDE + "ev-events.html",
)
def _eventbridge_key(emulator: Emulator) -> str:
    events = emulator.client("events")
    with emulator.bucket() as bucket, emulator.queue() as queue:
        pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}}
        events.put_rule(Name=bucket, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=bucket, Targets=[{"Id": "queue", "Arn": queue.arn}])
        emulator.s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        try:
            emulator.s3.put_object(Bucket=bucket, Key="IMG+1 2.jpg", Body=b"")
            told = json.loads(queue.one()["Body"])
            return f"`{told['detail']['object']['key']}`"
        finally:
            events.remove_targets(Rule=bucket, Ids=["queue"])
            events.delete_rule(Name=bucket)
