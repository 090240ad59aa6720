"""The queues from outside: how much waits in them, what was given up on, and giving it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gallery.events import NotUnderstood, parse
from safelight.problem import Problem
from safelight.stack import Deployment

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_SOURCES = {"thumbnail_dlq": "thumbnail", "publish_dlq": "publish"}


@dataclass(frozen=True)
class Depth:
    """How many messages a queue holds, approximately, as all that SQS tells.

    ``in_flight`` are received and not yet deleted, ``delayed`` not yet to be had.
    """

    url: str
    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.in_flight + self.delayed


@dataclass(frozen=True)
class DeadLetter:
    """A message that was given up on.  ``about`` says what it is about, or why it is not
    understood; ``body`` is as it was sent."""

    queue: str
    id: str
    receives: int
    about: str
    body: str


def depths(deployment: Deployment) -> dict[str, Depth]:
    """The depth of each queue, by its name in :data:`safelight.stack.QUEUES`.

    Queues are asked in the order in which work flows, so that nothing that moves on meanwhile
    is missed: what leaves the first is seen in the second.
    """
    sqs = deployment.sqs()
    return {name: _depth(sqs, url) for name, url in deployment.queues.items()}


def _depth(sqs: SQSClient, url: str) -> Depth:
    try:
        found = sqs.get_queue_attributes(
            QueueUrl=url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )["Attributes"]
    except ClientError as error:
        raise Problem(f"The queue {url} cannot be asked: {error}. `make up` mends it.") from error
    return Depth(
        url=url,
        visible=int(found.get("ApproximateNumberOfMessages", 0)),
        in_flight=int(found.get("ApproximateNumberOfMessagesNotVisible", 0)),
        delayed=int(found.get("ApproximateNumberOfMessagesDelayed", 0)),
    )


def dead_letters(deployment: Deployment, name: str, *, most: int = 10) -> list[DeadLetter]:
    """A look at up to ``most`` messages of the dead-letter queue ``name``, which stay in it."""
    found: dict[str, DeadLetter] = {}
    sqs = deployment.sqs()
    while len(found) < most:
        before = len(found)
        for message in _receive(sqs, deployment.queues[name], hidden=0):
            letter = DeadLetter(
                queue=name,
                id=message["MessageId"],
                receives=int(message.get("Attributes", {}).get("ApproximateReceiveCount", 0)),
                about=_about(message["Body"]),
                body=message["Body"],
            )
            found.setdefault(letter.id, letter)
        if len(found) == before:
            break
    return list(found.values())[:most]


def _about(body: str) -> str:
    try:
        parsed = parse(body)
    except NotUnderstood as error:
        return f"not understood: {error}"
    return ", ".join(dict.fromkeys(hint.key for hint in parsed.hints)) or "; ".join(parsed.notes)


def redrive(deployment: Deployment, name: str) -> int:
    """Give the dead letters of queue ``name`` back to the queue they came from; how many.

    A message is sent before it is deleted: interrupted, it may come twice, which does no harm,
    and is never lost.
    """
    source, target = deployment.queues[name], deployment.queues[_SOURCES[name]]
    sqs = deployment.sqs()
    moved = 0
    # Not SQS's own StartMessageMoveTask: of the emulators only some have it, and one way that
    # is the same, and tested, everywhere is worth more than a few requests.
    while messages := _receive(sqs, source, hidden=60):
        for message in messages:
            attributes: Mapping[str, Any] = message.get("MessageAttributes", {})
            sqs.send_message(
                QueueUrl=target, MessageBody=message["Body"], MessageAttributes=attributes
            )
            sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
            moved += 1
    return moved


def discard(deployment: Deployment, name: str) -> int:
    """Forget the dead letters of queue ``name``; how many there were."""
    sqs = deployment.sqs()
    gone = 0
    while messages := _receive(sqs, deployment.queues[name], hidden=60):
        for message in messages:
            sqs.delete_message(
                QueueUrl=deployment.queues[name], ReceiptHandle=message["ReceiptHandle"]
            )
            gone += 1
    return gone


def _receive(sqs: SQSClient, url: str, *, hidden: int) -> list[Any]:
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=hidden,
        # A long poll asks all of SQS's servers; a short one a sample, and may miss messages
        # (SQS developer guide, "Short and long polling").
        WaitTimeSeconds=1,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
    )
    return list(answer.get("Messages", []))
