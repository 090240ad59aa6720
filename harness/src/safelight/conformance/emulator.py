"""An emulator that runs, as the questions meet it."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from safelight.problem import Problem
from safelight.stack import LOCAL_KEY, LOCAL_SECRET, REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

PATIENCE = 90.0
"""Seconds after which what was to happen is believed not to."""

# So that a queue takes what S3 sends, where policies are enforced.
_ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}


@dataclass(frozen=True)
class Queue:
    """A queue of a question's own."""

    sqs: SQSClient
    url: str
    arn: str

    def receive(self, wait: int = 1, hide: int | None = None) -> list[dict[str, Any]]:
        """Up to ten messages, hidden for ``hide`` seconds."""
        more: dict[str, Any] = {} if hide is None else {"VisibilityTimeout": hide}
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["All"],
            **more,
        )
        return [dict(message) for message in answer.get("Messages", [])]

    def one(self, hide: int | None = None) -> dict[str, Any]:
        """The message that is on its way."""
        for _ in waiting("a message"):
            for message in self.receive(hide=hide):
                return message
        raise AssertionError  # waiting() raises before

    def take(self) -> list[str]:
        """The bodies of up to ten messages, which are gone then."""
        found = self.receive()
        for message in found:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [str(message["Body"]) for message in found]

    def depth(self) -> tuple[int, int, int]:
        """How many messages wait, are in flight, and are delayed."""
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        found: Any = answer["Attributes"]
        of = "ApproximateNumberOfMessages"
        return int(found[of]), int(found[f"{of}NotVisible"]), int(found[f"{of}Delayed"])


@dataclass(frozen=True)
class Emulator:
    """An emulator at ``url``; ``name`` as in :data:`~safelight.conformance.running.NAMES`.

    ``image`` is what its Lambda can be asked to run as an image function.
    """

    name: str
    release: str
    url: str
    image: str = "safelight/thumbnailer:local"
    answered: dict[str, dict[str, str]] = field(default_factory=dict)
    """What was found out for several questions at once, by topic."""
    answering: Lock = field(default_factory=Lock)
    """Held while that is being found out."""

    def client(self, service: Any, key: str = LOCAL_KEY, secret: str = LOCAL_SECRET) -> Any:
        """A boto3 client; nothing that an error says is hidden by retries."""
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            read_timeout=120,
            max_pool_connections=32,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        session = boto3.Session(
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name=REGION,
            # Whose AWS_PROFILE names a profile for somewhere else, or none, means nothing here.
            botocore_session=botocore.session.Session(session_vars={"profile": (None,) * 4}),
        )
        return session.client(service, endpoint_url=self.url, config=config)

    @cached_property
    def s3(self) -> S3Client:
        """Its S3."""
        found: S3Client = self.client("s3")
        return found

    @cached_property
    def sqs(self) -> SQSClient:
        """Its SQS."""
        found: SQSClient = self.client("sqs")
        return found

    def role(self) -> str:
        """The ARN of a role that may do everything, for where roles are held to their policies."""
        iam = self.client("iam")
        name = "question-anything"
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))
        iam.put_role_policy(
            RoleName=name, PolicyName="anything", PolicyDocument=_document(anything)
        )
        return str(iam.get_role(RoleName=name)["Role"]["Arn"])

    @contextmanager
    def bucket(self) -> Iterator[str]:
        """A bucket of the question's own, gone afterwards."""
        name = f"question-{uuid.uuid4()}"
        self.s3.create_bucket(Bucket=name)
        try:
            yield name
        finally:
            with contextlib.suppress(ClientError):
                self._empty(name)
                self.s3.delete_bucket(Bucket=name)

    def _empty(self, bucket: str) -> None:
        # Objects first: MiniStack lists no versions of a key with a control character.
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", []):
                self.s3.delete_object(Bucket=bucket, Key=entry["Key"])
        for versions in self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for found in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
                self.s3.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])

    @contextmanager
    def queue(self, **attributes: str) -> Iterator[Queue]:
        """A queue of the question's own, which anybody may send to."""
        made = self.make_queue(f"question-{uuid.uuid4()}", **attributes)
        try:
            yield made
        finally:
            with contextlib.suppress(ClientError):
                self.sqs.delete_queue(QueueUrl=made.url)

    def make_queue(self, name: str, **attributes: str) -> Queue:
        """A queue that anybody may send to."""
        wanted: Any = {"Policy": _document(_ANYBODY), **attributes}
        url = self.sqs.create_queue(QueueName=name, Attributes=wanted)["QueueUrl"]
        got = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return Queue(self.sqs, url, got["Attributes"]["QueueArn"])


def _document(statement: dict[str, Any]) -> str:
    """A policy of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def waiting(what: str, seconds: float = PATIENCE) -> Iterator[None]:
    """Yield, again and again, until ``seconds`` have passed; then raise :class:`Problem`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
        time.sleep(0.1)
    raise Problem(f"Waited {seconds:.0f} s for {what}, in vain.")
