"""The queues from outside: how much waits in them, what was given up on, and giving it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gallery.events import NotUnderstood, parse
from safelight.problem import Problem
from safelight.stack import Deployment

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

AWS_ASKED = 3
"""How many times each queue on AWS is asked for its depth."""

_NO_QUEUE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
_TOO_LONG = {"AWS.SimpleQueueService.BatchRequestTooLong", "BatchRequestTooLong"}
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
    is missed: what leaves the first is seen in the second.  On AWS each is asked several
    times, since each answer is put together from some of SQS's servers, and what any of them
    has seen is there ("eventually consistent": SQS API reference, GetQueueAttributes).
    """
    sqs = deployment.sqs()
    times = AWS_ASKED if deployment.is_on_aws else 1
    return {
        name: _most([_depth(sqs, url) for _ in range(times)])
        for name, url in deployment.queues.items()
    }


def _most(answers: Sequence[Depth]) -> Depth:
    return Depth(
        url=answers[0].url,
        visible=max(answer.visible for answer in answers),
        in_flight=max(answer.in_flight for answer in answers),
        delayed=max(answer.delayed for answer in answers),
    )


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
        if error.response.get("Error", {}).get("Code") not in _NO_QUEUE:
            # Expired credentials and the like, which are explained where all commands end.
            raise
        raise Problem(
            f"There is no queue {url}, and there ought to be. `make up` mends a local stack; one "
            "on AWS is mended by `make deploy`."
        ) from error
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


@contextmanager
def peeked(
    deployment: Deployment, name: str, *, most: int = 100, hidden: int = 120
) -> Iterator[list[Any]]:
    """Up to ``most`` messages of the queue ``name`` as SQS hands them out, with all that it
    tells of them.

    They are hidden from others meanwhile, for ``hidden`` seconds at most, and visible again
    afterwards, whatever happens.  Each has been received once more then, which counts.
    """
    sqs, url = deployment.sqs(), deployment.queues[name]
    found: dict[str, Any] = {}
    try:
        while len(found) < most:
            messages = _receive(sqs, url, hidden=hidden, count=min(10, most - len(found)))
            if not messages:
                break
            found |= {message["MessageId"]: message for message in messages}
        yield list(found.values())
    finally:
        _show(sqs, url, list(found.values()))


def _show(sqs: SQSClient, url: str, messages: Sequence[Any]) -> None:
    """Make received messages visible again.  One that is gone by now is nobody's loss."""
    for start in range(0, len(messages), 10):
        sqs.change_message_visibility_batch(
            QueueUrl=url,
            Entries=[
                {
                    "Id": str(number),
                    "ReceiptHandle": message["ReceiptHandle"],
                    "VisibilityTimeout": 0,
                }
                for number, message in enumerate(messages[start : start + 10])
            ],
        )


def forget(deployment: Deployment, name: str, bodies: Set[str]) -> int:
    """Delete those messages of the queue ``name`` whose bodies are these; how many."""
    with peeked(deployment, name) as found:
        ours = [message for message in found if message["Body"] in bodies]
        for start in range(0, len(ours), 10):
            _delete(deployment.sqs(), deployment.queues[name], ours[start : start + 10])
    return len(ours)


def _about(body: str) -> str:
    try:
        parsed = parse(body)
    except NotUnderstood as error:
        return f"not understood: {error}"
    return ", ".join(dict.fromkeys(hint.key for hint in parsed.hints)) or "; ".join(parsed.notes)


def redrive(deployment: Deployment, name: str) -> Iterator[int]:
    """Give the dead letters of queue ``name`` back to the queue they came from; yields how
    many, as it goes on.

    A message is sent before it is deleted: interrupted, it may come twice, which does no harm,
    and is never lost.
    """
    source, target = deployment.queues[name], deployment.queues[_SOURCES[name]]
    sqs = deployment.sqs()
    # Not SQS's own StartMessageMoveTask: of the emulators only some have it, and one way that
    # is the same, and tested, everywhere is worth more than a few requests.
    while messages := _receive(sqs, source, hidden=60):
        sent = _send(sqs, target, messages)
        _delete(sqs, source, sent)
        if len(sent) < len(messages):
            raise Problem(
                f"{target} refused {len(messages) - len(sent)} messages, which stay in {source}. "
                "Try again in a minute."
            )
        yield len(sent)


def discard(deployment: Deployment, name: str) -> Iterator[int]:
    """Forget the dead letters of queue ``name``; yields how many, as it goes on."""
    sqs, url = deployment.sqs(), deployment.queues[name]
    while messages := _receive(sqs, url, hidden=60):
        _delete(sqs, url, messages)
        yield len(messages)


def _send(sqs: SQSClient, url: str, messages: Sequence[Any]) -> list[Any]:
    """Send copies of these messages; those that were taken."""
    entries: list[Any] = [
        {
            "Id": str(number),
            "MessageBody": message["Body"],
            "MessageAttributes": message.get("MessageAttributes", {}),
        }
        for number, message in enumerate(messages)
    ]
    try:
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in _TOO_LONG or len(messages) == 1:
            raise
        # Ten large ones are together more than one request may carry.
        return [sent for message in messages for sent in _send(sqs, url, [message])]
    return [messages[int(entry["Id"])] for entry in answer.get("Successful", [])]


def _delete(sqs: SQSClient, url: str, messages: Sequence[Any]) -> None:
    """Delete received messages.  One that is not deleted comes again, which does no harm."""
    if messages:
        sqs.delete_message_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages)
            ],
        )


def _receive(sqs: SQSClient, url: str, *, hidden: int, count: int = 10) -> list[Any]:
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=count,
        VisibilityTimeout=hidden,
        # A long poll asks all of SQS's servers; a short one a sample, and may miss messages
        # (SQS developer guide, "Short and long polling").
        WaitTimeSeconds=1,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    )
    return list(answer.get("Messages", []))
