"""Recording: the event library's events, caught from an emulator.

``python -m safelight.recording --endpoint URL --emulator NAME --release VERSION`` does to a
bucket what people do, catches what reaches a function, takes out what is nobody else's business
(:func:`redact`) and writes fixtures with their sidecars.  What is expected of each is what the
gallery decides about it now: read it before you keep it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gallery import redaction
from safelight.conformance.emulator import Emulator
from safelight.fixtures import (
    BUCKET,
    Recorded,
    Sidecar,
    Topic,
    checksum,
    decide,
    library,
    write,
)
from safelight.problem import Problem

ACCOUNT = redaction.ACCOUNT
ADDRESS = redaction.ADDRESS


def redact(event: dict[str, Any]) -> dict[str, Any]:
    """The event without account ids, principals, addresses, request ids, signatures and
    receipt handles; keys, buckets, times and message ids stay."""
    redacted: dict[str, Any] = redaction.redact(event)
    for number, message in enumerate(redacted.get("Records") or (), 1):
        if isinstance(message, dict) and "receiptHandle" in message:
            message["receiptHandle"] = f"receipt-{number}"
    return checksum(redacted)


Route = Literal["queue", "sns", "sns raw", "eventbridge"]

_CATCHER = """\
import json
import os

import boto3


def handler(event, context):
    sqs = boto3.client("sqs")
    caught = sqs.get_queue_url(QueueName=os.environ["CAUGHT"])["QueueUrl"]
    sqs.send_message(QueueUrl=caught, MessageBody=json.dumps(event))
"""


class Studio:
    """An emulator set up for recording: a bucket, a queue, and a function that catches what
    the queue hands it.

    The mapping from queue to function is off while a take acts, and on once all its messages
    lie in the queue: so they come as one batch.
    """

    def __init__(self, endpoint: str, runtime: str) -> None:
        def client(service: str) -> Any:
            return session.client(service, endpoint_url=endpoint, config=config)

        session: Any = boto3.Session("test", "test", region_name="us-east-1")
        config = Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self.s3 = client("s3")
        self._sqs = client("sqs")
        self._lambda = client("lambda")
        self._sns = client("sns")
        self._events = client("events")
        self._runtime = runtime
        # For an emulator that holds functions to their roles' policies.
        self._role = Emulator("", "", endpoint).role()
        self._url, self._arn = self._queue("safelight-fixtures-thumbnail")
        self._caught, _ = self._queue("safelight-fixtures-caught")
        self._mapping = self._map()
        self._notify: dict[str, Any] = {}

    def _queue(self, name: str) -> tuple[str, str]:
        allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        url = self._sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
        got = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, got["Attributes"]["QueueArn"]

    def _map(self) -> str:
        name = "safelight-fixtures-catcher"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            entry = zipfile.ZipInfo("catcher.py")
            entry.external_attr = 0o644 << 16  # the function's user must be able to read it
            archive.writestr(entry, _CATCHER)
        with contextlib.suppress(self._lambda.exceptions.ResourceNotFoundException):
            self._lambda.delete_function(FunctionName=name)
        self._lambda.create_function(
            FunctionName=name,
            Runtime=self._runtime,
            Role=self._role,
            Handler="catcher.handler",
            Code={"ZipFile": packed.getvalue()},
            Timeout=30,
            Environment={"Variables": {"CAUGHT": "safelight-fixtures-caught"}},
        )
        self._lambda.get_waiter("function_active_v2").wait(FunctionName=name)
        for old in self._lambda.list_event_source_mappings(EventSourceArn=self._arn)[
            "EventSourceMappings"
        ]:
            self._lambda.delete_event_source_mapping(UUID=old["UUID"])
        made = self._lambda.create_event_source_mapping(
            EventSourceArn=self._arn, FunctionName=name, BatchSize=10, Enabled=False
        )
        return str(made["UUID"])

    def record(self, take: Take) -> dict[str, Any]:
        """What a function is handed of ``take``, as it is handed it."""
        self.s3.create_bucket(Bucket=BUCKET)
        try:
            for step in take.before:
                step(self)
            self._notify = self._target(take.route)
            self.attach()
            # The test event that follows must not be among what is caught.
            self._forget(self._url)
            self._forget(self._caught)
            for step in take.steps:
                step(self)
            self._await(take.count)
            return self._catch(take.count)
        finally:
            self._notify = {}
            self.attach()
            self._empty()
            self.s3.delete_bucket(Bucket=BUCKET)

    def attach(self) -> None:
        """(Re-)attach what the take's events go to."""
        self.s3.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration=self._notify
        )

    def _target(self, route: Route) -> dict[str, Any]:
        watched = {
            "Id": "thumbnail",
            "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectRestore:*"],
        }
        if route == "queue":
            return {"QueueConfigurations": [{**watched, "QueueArn": self._arn}]}
        if route == "eventbridge":
            pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [BUCKET]}}}
            rule = "safelight-fixtures"
            self._events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
            self._events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": self._arn}])
            return {"EventBridgeConfiguration": {}}
        name = f"safelight-fixtures-{route.replace(' ', '-')}"
        topic = self._sns.create_topic(Name=name)["TopicArn"]
        self._sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=self._arn,
            Attributes={"RawMessageDelivery": "true" if route == "sns raw" else "false"},
        )
        return {"TopicConfigurations": [{**watched, "TopicArn": topic}]}

    def _receive(self, url: str) -> list[str]:
        answer = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found = answer.get("Messages", [])
        for message in found:
            self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in found]

    def _forget(self, url: str) -> None:
        quiet = 0
        while quiet < 2:
            quiet = 0 if self._receive(url) else quiet + 1

    def _await(self, count: int) -> None:
        for _ in _patience(30, f"{count} messages in the queue"):
            got = self._sqs.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
            if int(got["Attributes"]["ApproximateNumberOfMessages"]) >= count:
                time.sleep(1)  # for those that nobody expects
                return

    def _catch(self, count: int) -> dict[str, Any]:
        caught: list[Any] = []
        self._lambda.update_event_source_mapping(UUID=self._mapping, Enabled=True)
        for _ in _patience(60, f"{count} messages in the function"):
            bodies = self._receive(self._caught)
            for body in bodies:
                caught += json.loads(body)["Records"]
            if len(caught) >= count and not bodies:
                break
        self._lambda.update_event_source_mapping(UUID=self._mapping, Enabled=False)
        return {"Records": caught}

    def _empty(self) -> None:
        # Objects first: MiniStack 1.5.33 lists no versions of a key with a control character.
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for entry in page.get("Contents", []):
                self.s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
            for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                self.s3.delete_object(Bucket=BUCKET, Key=entry["Key"], VersionId=entry["VersionId"])


def _patience(seconds: float, what: str) -> Iterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
        time.sleep(0.2)
    raise Problem(f"Waited {seconds:.0f} s for {what}, in vain.")


# What can be done to the bucket ----------------------------------------------------------

Step = Callable[[Studio], object]


def put(key: str, body: bytes = b"a photo", **more: str) -> Step:
    """PutObject."""
    return lambda studio: studio.s3.put_object(Bucket=BUCKET, Key=key, Body=body, **more)


def delete(key: str) -> Step:
    """DeleteObject."""
    return lambda studio: studio.s3.delete_object(Bucket=BUCKET, Key=key)


def delete_many(*keys: str) -> Step:
    """DeleteObjects."""
    wanted = {"Objects": [{"Key": key} for key in keys]}
    return lambda studio: studio.s3.delete_objects(Bucket=BUCKET, Delete=wanted)


def copy(source: str, key: str) -> Step:
    """CopyObject."""
    return lambda studio: studio.s3.copy_object(
        Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": source}
    )


def keep_versions(studio: Studio) -> None:
    """PutBucketVersioning."""
    studio.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def restore(key: str) -> Step:
    """RestoreObject."""
    wish = {"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}}
    return lambda studio: studio.s3.restore_object(Bucket=BUCKET, Key=key, RestoreRequest=wish)


def multipart(key: str) -> Step:
    """CreateMultipartUpload, UploadPart, CompleteMultipartUpload."""

    def act(studio: Studio) -> None:
        where = {"Bucket": BUCKET, "Key": key}
        upload = {**where, "UploadId": studio.s3.create_multipart_upload(**where)["UploadId"]}
        part = studio.s3.upload_part(**upload, PartNumber=1, Body=b"a photo")
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        studio.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    return act


def post(key: str) -> Step:
    """A browser's form upload (S3 API reference, "POST Object")."""

    def act(studio: Studio) -> None:
        form = studio.s3.generate_presigned_post(BUCKET, key)
        line = "safelight"
        field = '--{}\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
        parts = [field.format(line, name, "", value) for name, value in form["fields"].items()]
        parts.append(field.format(line, "file", '; filename="tram.jpg"', "a photo"))
        request = urllib.request.Request(  # noqa: S310 - the emulator that the caller named
            form["url"],
            data=("".join(parts) + f"--{line}--\r\n").encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={line}"},
        )
        urllib.request.urlopen(request).close()  # noqa: S310 - as above

    return act


# What is recorded ------------------------------------------------------------------------


@dataclass(frozen=True)
class Take:
    """One thing to record: ``steps`` are done to the bucket once ``before`` has made what they
    need; ``count`` messages are to come of them, about ``keys``.  ``how`` says it in words."""

    name: str
    topic: Topic
    teaches: str
    how: str
    steps: tuple[Step, ...]
    keys: tuple[str, ...]
    count: int = 1
    before: tuple[Step, ...] = ()
    route: Route = "queue"


TRAM = "photos/lisbon/tram.jpg"
COPY = "photos/lisbon/tram copy.jpg"
TEN = tuple(f"photos/lisbon/{number}.jpg" for number in range(1, 11))
RAW = "photos/lisbon/IMG+1 2.jpg"

_KEYS: dict[str, tuple[str, str]] = {
    "key-space": ("photos/my album/first light.jpg", "A space comes as `+`."),
    "key-plus": (
        "photos/1+1/IMG+1.jpg",
        "A plus comes as `%2B`. Who does not decode looks for a key that is not there; who "
        "decodes twice looks for one with a space.",
    ),
    "key-percent": (
        "photos/100%/50%25.jpg",
        "A percent sign comes as `%25`. This name holds the text `%25` itself: decode twice, "
        "and it is another key.",
    ),
    "key-unicode-nfc": (
        "photos/caf\u00e9/\u00e9t\u00e9.jpg",
        "Composed letters (NFC), as Linux and Windows name files: `é` is two bytes of UTF-8.",
    ),
    "key-unicode-nfd": (
        "photos/cafe\u0301/e\u0301te\u0301.jpg",
        "Decomposed letters (NFD), as older Macs name files. It looks like `key-unicode-nfc` "
        "and is another object: normalise, and one of the two is never found.",
    ),
    "key-quotes": (
        "photos/o'hara \"the cat\"/it's `here` <b>.jpg",
        "Quotes, backticks and angle brackets, which must survive JSON, HTML and a shell.",
    ),
    "key-url-signs": (
        "photos/q?a&b=c#d;e/@x,y=z$:(1)!*~[2].jpg",
        "Whatever means something in a URL is only part of the name here.",
    ),
    "key-emoji": (
        "photos/\U0001f30a sea/\U0001f469\u200d\U0001f680.jpg",
        "Beyond the basic plane: four bytes of UTF-8, two units of UTF-16; one person here is "
        "three code points.",
    ),
    "key-trailing-dot": (
        "photos/trip to St. Ives./the end..jpg.",
        "Names that end in a dot, and dots in a row: legal in S3, not on every disk.",
    ),
    "key-control": (
        "photos/odd/tab\there\u0001\u007f.jpg",
        "Control characters, of which XML 1.0 cannot say one at all: list with "
        "`encoding-type=url`.",
    ),
    "key-newline": (
        "photos/odd/two\nlines.jpg",
        "A newline, with which a file's name could forge a line in a log.",
    ),
    "key-backslash": (
        "photos/lisbon\\2024\\tram.jpg",
        "Backslashes, from an upload script on Windows: no folders, only part of the name.",
    ),
    "key-1024-bytes": (
        "photos/" + "é" * 500 + "/" + "a" * 12 + ".jpg",
        "The longest key there is: 1,024 bytes of UTF-8. Encoded it is three times as long; and "
        "any name made from it by adding something is too long for S3.",
    ),
    "key-folder-marker": (
        "photos/lisbon/",
        'What a console\'s "create folder" puts: an empty object whose name ends in a slash.',
    ),
}

TAKES: tuple[Take, ...] = (
    Take(
        name="put",
        topic="changes",
        teaches="The plain case: one object put, one message with one record.",
        how="PutObject",
        steps=(put(TRAM),),
        keys=(TRAM,),
    ),
    Take(
        name="put-empty",
        topic="changes",
        teaches="An empty object is an object too. So begins every marker file, and what an "
        "upload that died at once leaves.",
        how="PutObject without a body",
        steps=(put(TRAM, b""),),
        keys=(TRAM,),
    ),
    Take(
        name="post",
        topic="changes",
        teaches="A browser's form upload is `ObjectCreated:Post`: subscribe to "
        "`ObjectCreated:*`, not to `Put` alone.",
        how="POST Object with a presigned form",
        steps=(post(TRAM),),
        keys=(TRAM,),
    ),
    Take(
        name="copy",
        topic="changes",
        teaches="A copy is `ObjectCreated:Copy`. A handler that moves its input within the "
        "bucket sends itself one.",
        how="CopyObject",
        before=(put(TRAM),),
        steps=(copy(TRAM, COPY),),
        keys=(COPY,),
    ),
    Take(
        name="multipart",
        topic="changes",
        teaches="A large upload is `ObjectCreated:CompleteMultipartUpload`, once; its ETag is no "
        "MD5 of the content (it ends in `-1`, the number of parts).",
        how="CreateMultipartUpload, UploadPart, CompleteMultipartUpload",
        steps=(multipart(TRAM),),
        keys=(TRAM,),
    ),
    Take(
        name="overwrite",
        topic="changes",
        teaches="Two puts of one key are two messages; by the time the first is read, only the "
        "second's bytes are there.",
        how="PutObject twice, with different bodies",
        steps=(put(TRAM, b"first"), put(TRAM, b"second")),
        keys=(TRAM,),
        count=2,
    ),
    Take(
        name="delete",
        topic="changes",
        teaches="A delete. On AWS its object has neither size nor eTag; an emulator may write a "
        "size of 0. Rely on neither.",
        how="DeleteObject",
        before=(put(TRAM),),
        steps=(delete(TRAM),),
        keys=(TRAM,),
    ),
    Take(
        name="delete-many",
        topic="changes",
        teaches="DeleteObjects is one call, and a message for each object.",
        how="DeleteObjects of two keys",
        before=(put(TRAM), put(COPY)),
        steps=(delete_many(TRAM, COPY),),
        keys=(TRAM, COPY),
        count=2,
    ),
    Take(
        name="delete-marker",
        topic="changes",
        teaches="In a bucket with versions a delete is `ObjectRemoved:DeleteMarkerCreated`: the "
        "bytes are still there, the key is not.",
        how="DeleteObject in a bucket with versioning",
        before=(keep_versions, put(TRAM)),
        steps=(delete(TRAM),),
        keys=(TRAM,),
    ),
    Take(
        name="recreate",
        topic="changes",
        teaches="Put, deleted and put again: three messages, and the key exists. Who obeys the "
        "delete last loses a photo.",
        how="PutObject, DeleteObject, PutObject",
        steps=(put(TRAM), delete(TRAM), put(TRAM)),
        keys=(TRAM,),
        count=3,
    ),
    Take(
        name="restore",
        topic="changes",
        teaches="A photo in an archive can be read again only after `ObjectRestore:Completed`; "
        "`ObjectRestore:Post` is merely the wish.",
        how="PutObject to GLACIER, then RestoreObject",
        before=(put(TRAM, StorageClass="GLACIER"),),
        steps=(restore(TRAM),),
        keys=(TRAM,),
        count=2,
    ),
    Take(
        name="test-event",
        topic="others",
        teaches="`s3:TestEvent` comes when a queue is attached to a bucket. It has no `Records`: "
        "acknowledge it, or it ends in the dead-letter queue.",
        how="PutBucketNotificationConfiguration",
        steps=(Studio.attach,),
        keys=(),
    ),
    Take(
        name="ten-photos",
        topic="delivery",
        teaches="Ten puts in one batch of ten messages: the most a function gets without a "
        "batching window.",
        how="PutObject of ten keys",
        steps=tuple(put(key) for key in TEN),
        keys=TEN,
        count=10,
    ),
    Take(
        name="sns",
        topic="envelopes",
        teaches="S3 to SNS to SQS: the event is text inside an envelope inside the body. The key "
        "is form-encoded as ever.",
        how="PutObject; the notification goes to a topic, to which the queue subscribes",
        steps=(put(COPY),),
        keys=(COPY,),
        route="sns",
    ),
    Take(
        name="sns-raw",
        topic="envelopes",
        teaches="S3 to SNS to SQS with raw delivery: no envelope, and nothing tells that a topic "
        "was in between.",
        how="as `sns`, the subscription having RawMessageDelivery",
        steps=(put(COPY),),
        keys=(COPY,),
        route="sns raw",
    ),
    Take(
        name="eventbridge",
        topic="envelopes",
        teaches="S3 to EventBridge to SQS. Its keys are not encoded: decode this one, and "
        "`IMG+1 2.jpg` becomes `IMG 1 2.jpg`, which is not there.",
        how="PutObject in a bucket with EventBridge on; a rule's target is the queue",
        steps=(put(RAW),),
        keys=(RAW,),
        route="eventbridge",
    ),
    Take(
        name="eventbridge-delete",
        topic="envelopes",
        teaches="A delete as EventBridge tells it; `deletion-type` says whether a version remains.",
        how="DeleteObject, as `eventbridge`",
        before=(put(RAW),),
        steps=(delete(RAW),),
        keys=(RAW,),
        route="eventbridge",
    ),
    *(
        Take(
            name=name,
            topic="keys",
            teaches=teaches,
            how="PutObject",
            steps=(put(key),),
            keys=(key,),
        )
        for name, (key, teaches) in _KEYS.items()
    ),
)


def dialect(take: Take, emulator: str, event: dict[str, Any]) -> Take:
    """``take`` as another emulator's way to tell what the library has from the first: what it
    teaches is how this ``event`` is told."""
    records = [json.loads(message["body"]) for message in event["Records"]]
    records = [json.loads(body["Message"]) if "Message" in body else body for body in records]
    objects = [found["s3"]["object"] for body in records for found in body.get("Records", [])] + [
        body["detail"]["object"] for body in records if "detail" in body
    ]
    teaches = [f"`{take.name}`, as {emulator} tells it."]
    if any("%20" in found["key"] for found in objects):
        teaches.append("A space is `%20`.")
    if any("detail" in body and unquote(body["detail"]["object"]["key"]) in take.keys
           and body["detail"]["object"]["key"] not in take.keys for body in records):  # fmt: skip
        teaches.append(
            "The key is encoded, which EventBridge's are not on AWS: taken as it is, it names no "
            "object here."
        )
    sequencers = [found.get("sequencer") for found in objects]
    if len(sequencers) > 1 and len(set(sequencers)) == 1:
        teaches.append("All its sequencers are one.")
    return replace(take, topic="dialects", teaches=" ".join(teaches))


def record(
    studio: Studio,
    takes: Sequence[Take],
    folder: Path,
    origin: Callable[[Take], Recorded],
    suffix: str,
    say: Callable[[str], None],
) -> bool:
    """Record ``takes`` into ``folder``, each under its name and ``suffix``; whether all came
    out.  ``say`` is told of each, and where it holds other messages or keys than it should."""
    whole = True
    for take in takes:
        try:
            event = redact(studio.record(take))
        except (ClientError, BotoCoreError, Problem, OSError) as error:
            say(f"{take.name}: not recorded: {error}")
            whole = False
            continue
        expect = decide(event)
        told = dialect(take, origin(take).emulator, event) if suffix else take
        meta = Sidecar(topic=told.topic, teaches=told.teaches, origin=origin(take), expect=expect)
        write(folder, take.name + suffix, event, meta)
        hinted = {key for message in expect.messages for _, key in message.hints}
        text = f"{len(expect.messages)} messages"
        if len(expect.messages) != take.count:
            text += f" instead of {take.count}"
        if hinted != set(take.keys):
            text += f", about {sorted(hinted)} instead of {sorted(take.keys)}"
        say(f"{take.name}: {text}")
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``python -m safelight.recording``."""
    parser = argparse.ArgumentParser(
        prog="python -m safelight.recording",
        description="Record events from an emulator into the event library.",
    )
    parser.add_argument("--endpoint", required=True, metavar="URL")
    parser.add_argument("--emulator", required=True, metavar="NAME")
    parser.add_argument("--release", required=True, metavar="VERSION")
    parser.add_argument("--runtime", default="python3.13", help="of the function that catches")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: the library")
    parser.add_argument("--suffix", default="", help="to the fixtures' names, e.g. localstack")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: every one")
    given = parser.parse_args(arguments)
    unknown = set(given.names) - {take.name for take in TAKES}
    if unknown:
        parser.error(f"nothing is recorded under the name {', '.join(sorted(unknown))}")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    whole = record(
        Studio(given.endpoint, given.runtime),
        [take for take in TAKES if not given.names or take.name in given.names],
        given.out or library(),
        lambda take: Recorded(
            emulator=given.emulator, release=given.release, when=today, how=take.how
        ),
        f"-{given.suffix}" if given.suffix else "",
        print,
    )
    return 0 if whole else 1


if __name__ == "__main__":
    raise SystemExit(main())
