"""The queue: the only door to SQS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_VISIBILITY = 43_200
"""SQS takes visibility timeouts of up to 12 hours, in seconds."""


class QueueError(Exception):
    """A call on the queue failed; it may or may not have taken effect."""


@dataclass(frozen=True)
class Message:
    """A message as it was received.

    ``receives`` counts this receive too; ``sent`` is when it was first sent, ``None`` where
    unknown.  Never dedupe on ``id``: a redriven message has a new one.
    """

    id: str
    receipt: str
    body: str
    receives: int = 1
    sent: datetime | None = None


class Queue(Protocol):
    """One queue.  Every method raises :class:`QueueError`."""

    def send(self, bodies: Iterable[str], *, delay: int = 0) -> None:
        """Send messages, each at least once; ``delay`` in seconds, at most 900."""

    def delete(self, message: Message) -> None:
        """Forget a received message; idempotent."""

    def delay(self, message: Message, seconds: int) -> None:
        """Make a received message visible again ``seconds`` from now."""


class SqsQueue:
    """An SQS queue through boto3."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._sqs = client
        self.url = url

    def send(self, bodies: Iterable[str], *, delay: int = 0) -> None:
        batch: list[Any] = []
        for body in bodies:
            batch.append({"Id": str(len(batch)), "MessageBody": body, "DelaySeconds": delay})
            if len(batch) == 10:
                self._send(batch)
                batch = []
        if batch:
            self._send(batch)

    def _send(self, entries: list[Any]) -> None:
        try:
            answer = self._sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            raise QueueError(f"cannot send to {self.url}: {error}") from error
        failed = answer.get("Failed", [])
        if failed:
            raise QueueError(
                f"{self.url} refused {len(failed)} of {len(entries)} messages: "
                f"{failed[0].get('Message', failed[0].get('Code'))}"
            )

    def delete(self, message: Message) -> None:
        try:
            self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message.receipt)
        except (ClientError, BotoCoreError) as error:
            raise QueueError(f"cannot delete a message in {self.url}: {error}") from error

    def delay(self, message: Message, seconds: int) -> None:
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self.url,
                ReceiptHandle=message.receipt,
                VisibilityTimeout=max(0, min(seconds, MAX_VISIBILITY)),
            )
        except (ClientError, BotoCoreError) as error:
            raise QueueError(f"cannot change the visibility in {self.url}: {error}") from error

    def visibility(self) -> int:
        """The queue's visibility timeout, in seconds."""
        try:
            answer = self._sqs.get_queue_attributes(
                QueueUrl=self.url, AttributeNames=["VisibilityTimeout"]
            )
        except (ClientError, BotoCoreError) as error:
            raise QueueError(f"cannot look at {self.url}: {error}") from error
        return int(answer["Attributes"]["VisibilityTimeout"])

    def receive(self, *, wait: int = 20, count: int = 10) -> list[Message]:
        """Up to ``count`` messages, waiting ``wait`` seconds for the first (a long poll)."""
        try:
            answer = self._sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=count,
                WaitTimeSeconds=wait,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            )
        except (ClientError, BotoCoreError) as error:
            raise QueueError(f"cannot receive from {self.url}: {error}") from error
        return [
            Message(
                id=found["MessageId"],
                receipt=found["ReceiptHandle"],
                body=found["Body"],
                receives=_number(found.get("Attributes", {}).get("ApproximateReceiveCount"), 1),
                sent=_moment(found.get("Attributes", {}).get("SentTimestamp")),
            )
            for found in answer.get("Messages", [])
        ]


class MalformedBatch(ValueError):
    """What the function was handed is not a batch of SQS messages."""


def messages(event: object) -> list[Message]:
    """The messages of the event that Lambda hands to a function with an SQS mapping.

    Raises :class:`MalformedBatch` if a message could not even be reported as failed: a
    partial response with an empty identifier fails the whole batch anyway (Lambda developer
    guide, "Reporting batch item failures").
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        raise MalformedBatch("no SQS event: it has no list of Records")
    found = []
    for number, record in enumerate(records):
        if not isinstance(record, dict):
            raise MalformedBatch(f"Records[{number}] is not an object")
        identifier = record.get("messageId")
        if not isinstance(identifier, str) or not identifier:
            raise MalformedBatch(f"Records[{number}] has no messageId: not a message from SQS")
        attributes = record.get("attributes")
        if not isinstance(attributes, dict):
            attributes = {}
        body = record.get("body")
        found.append(
            Message(
                id=identifier,
                receipt=str(record.get("receiptHandle") or ""),
                # An absent body is not understood later on, by itself.
                body=body if isinstance(body, str) else "",
                receives=_number(attributes.get("ApproximateReceiveCount"), 1),
                sent=_moment(attributes.get("SentTimestamp")),
            )
        )
    return found


def _number(value: object, default: int) -> int:
    try:
        return max(1, int(str(value)))
    except ValueError:
        return default


def _moment(value: object) -> datetime | None:
    """SQS's milliseconds since the epoch as a moment."""
    try:
        return datetime.fromtimestamp(int(str(value)) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
