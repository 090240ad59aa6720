"""Questions about queues: visibility, receives, dead letters and their way back."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from safelight.conformance.emulator import Emulator, Queue, waiting
from safelight.conformance.question import Topic, outcome, refusal

QUEUES = Topic("queues", "Queues")

_API = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/"
_GUIDE = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
_VISIBILITY = _GUIDE + "sqs-visibility-timeout.html"
_DEAD = _GUIDE + "sqs-dead-letter-queues.html"
_REDRIVE = _GUIDE + "sqs-configure-dead-letter-queue-redrive.html"


def _send(queue: Queue, body: str = "a", **more: Any) -> str:
    """Send a message; its id."""
    return queue.sqs.send_message(QueueUrl=queue.url, MessageBody=body, **more)["MessageId"]


def _hide(queue: Queue, message: dict[str, Any], seconds: int) -> str:
    return outcome(
        lambda: queue.sqs.change_message_visibility(
            QueueUrl=queue.url,
            ReceiptHandle=message["ReceiptHandle"],
            VisibilityTimeout=seconds,
        )
    )


def _delete(queue: Queue, message: dict[str, Any]) -> str:
    return outcome(
        lambda: queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
    )


def _receives(message: dict[str, Any]) -> int:
    return int(message["Attributes"]["ApproximateReceiveCount"])


@QUEUES.question(
    "receive-count",
    "The receive counts of a message that is received three times",
    aws="1, 2, 3",
    source=_API + "API_ReceiveMessage.html",
)
def _receive_count(emulator: Emulator) -> str:
    counts = []
    with emulator.queue() as queue:
        _send(queue)
        for _ in range(3):
            message = queue.one(hide=600)
            counts.append(_receives(message))
            _hide(queue, message, 0)
    return ", ".join(map(str, counts))


@QUEUES.question(
    "same-message",
    "Its id and the time it was sent, each time",
    aws="the same",
    source=_API + "API_ReceiveMessage.html",
)
def _same_message(emulator: Emulator) -> str:
    seen = set()
    with emulator.queue() as queue:
        _send(queue)
        for _ in range(2):
            message = queue.one(hide=600)
            seen.add((message["MessageId"], message["Attributes"]["SentTimestamp"]))
            _hide(queue, message, 0)
    return "the same" if len(seen) == 1 else "others"


@QUEUES.question(
    "hidden",
    "A message in flight, to the next who asks",
    aws="hidden",
    source=_VISIBILITY,
)
def _hidden(emulator: Emulator) -> str:
    with emulator.queue() as queue:
        _send(queue)
        queue.one(hide=600)
        return "seen" if queue.receive() else "hidden"


@QUEUES.question(
    "timeout", "… once its visibility timeout has passed", aws="seen", source=_VISIBILITY
)
def _timeout(emulator: Emulator) -> str:
    with emulator.queue() as queue:
        _send(queue)
        queue.one(hide=1)
        return "seen" if queue.one() else "hidden"


@QUEUES.question(
    "hide-longer",
    "ChangeMessageVisibility to 600 s of a message with 1 s left",
    aws="200, and it stays hidden",
    source=_API + "API_ChangeMessageVisibility.html",
)
def _hide_longer(emulator: Emulator) -> str:
    with emulator.queue() as queue:
        _send(queue)
        end = _hide(queue, queue.one(hide=2), 600)
        return f"{end}, and it {'comes again' if queue.receive(wait=3) else 'stays hidden'}"


@QUEUES.question(
    "hide-absurdly",
    "ChangeMessageVisibility to 43,201 s (twelve hours and a second)",
    aws="400 InvalidParameterValue",
    source=_API + "API_ChangeMessageVisibility.html",
)
def _hide_absurdly(emulator: Emulator) -> str:
    with emulator.queue() as queue:
        _send(queue)
        return _hide(queue, queue.one(hide=600), 43_201)


@QUEUES.question(
    "hide-what-is-seen",
    "ChangeMessageVisibility of a message that is not in flight any more",
    aws="400 MessageNotInflight",
    source=_API + "API_ChangeMessageVisibility.html",
)
def _hide_what_is_seen(emulator: Emulator) -> str:
    with emulator.queue() as queue:
        _send(queue)
        message = queue.one(hide=600)
        _hide(queue, message, 0)
        return _hide(queue, message, 600)


@QUEUES.question(
    "delete",
    "DeleteMessage, and again with the same receipt",
    aws="200, 200",
    source=_API + "API_DeleteMessage.html",
)
def _delete_twice(emulator: Emulator) -> str:
    with emulator.queue() as queue:
        _send(queue)
        message = queue.one(hide=600)
        return f"{_delete(queue, message)}, {_delete(queue, message)}"


@QUEUES.question(
    "delete-late",
    "DeleteMessage with the receipt of a receive before the last",
    aws=None,
    source=_API + "API_DeleteMessage.html",
)
def _delete_late(emulator: Emulator) -> str:
    with emulator.queue() as queue:
        _send(queue)
        first = queue.one(hide=600)
        _hide(queue, first, 0)
        second = queue.one(hide=600)
        end = _delete(queue, first)
        _hide(queue, second, 0)
        return f"{end}, {'kept' if queue.receive() else 'gone'}"


@QUEUES.question(
    "delay",
    "A message sent with a delay of 1 s, one with 900 s",
    aws="the first comes, the second does not",
    source=_GUIDE + "sqs-message-timers.html",
)
def _delay(emulator: Emulator) -> str:
    with emulator.queue() as queue:
        _send(queue, "first", DelaySeconds=1)
        _send(queue, "second", DelaySeconds=900)
        came = [queue.one(hide=600)["Body"], *(m["Body"] for m in queue.receive(hide=600))]
    if came == ["first"]:
        return "the first comes, the second does not"
    return f"{' and '.join(sorted(came))} come"


@QUEUES.question(
    "depth",
    "What is counted of three messages: one waits, one is in flight, one is delayed",
    aws="1, 1, 1",
    source=_API + "API_GetQueueAttributes.html",
)
def _depth(emulator: Emulator) -> str:
    with emulator.queue() as queue:
        _send(queue)
        queue.one(hide=600)
        _send(queue)
        _send(queue, DelaySeconds=900)
        for _ in range(20):
            # The counts are approximate, and may lag.
            if queue.depth() == (1, 1, 1):
                break
        return ", ".join(map(str, queue.depth()))


@QUEUES.question(
    "eleven",
    "SendMessageBatch of eleven messages",
    aws="400 TooManyEntriesInBatchRequest",
    source=_API + "API_SendMessageBatch.html",
)
def _eleven(emulator: Emulator) -> str:
    entries = [{"Id": str(number), "MessageBody": "a"} for number in range(11)]
    with emulator.queue() as queue:
        return outcome(
            lambda: queue.sqs.send_message_batch(
                QueueUrl=queue.url,
                Entries=entries,  # type: ignore[arg-type]
            )
        )


@QUEUES.question(
    "control-character",
    "SendMessage of a body with a control character",
    aws="400 InvalidMessageContents",
    source=_API + "API_SendMessage.html",
)
def _control_character(emulator: Emulator) -> str:
    with emulator.queue() as queue:
        return outcome(
            lambda: queue.sqs.send_message(QueueUrl=queue.url, MessageBody="one \x01 two")
        )


@QUEUES.question(
    "no-queue",
    "SendMessage to a queue that is not there",
    aws="400 NonExistentQueue",
    source=_API + "API_SendMessage.html",
)
def _no_queue(emulator: Emulator) -> str:
    with emulator.queue() as queue:
        url = queue.url + "-not-there"
    return outcome(lambda: emulator.sqs.send_message(QueueUrl=url, MessageBody="a"))


def _poisoned(emulator: Emulator, queue: Queue, dead: Queue) -> dict[str, Any]:
    """A message that was received as often as it may be; what lies in the dead-letter queue."""
    for _ in range(2):
        _hide(queue, queue.one(hide=600), 0)
    queue.receive()
    return dead.one(hide=600)


def _policy(dead: Queue) -> str:
    return json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})


@QUEUES.question(
    "dead-letter",
    "A message that may be received twice, at the third receive",
    aws="is in the dead-letter queue",
    source=_DEAD,
)
def _dead_letter(emulator: Emulator) -> str:
    with emulator.queue() as dead, emulator.queue(RedrivePolicy=_policy(dead)) as queue:
        _send(queue)
        return "is in the dead-letter queue" if _poisoned(emulator, queue, dead) else ""


@QUEUES.question(
    "dead-letter-kept",
    "Its id and the time it was sent, there",
    aws="the same, the same",
    source=_DEAD,
)
def _dead_letter_kept(emulator: Emulator) -> str:
    with emulator.queue() as dead, emulator.queue(RedrivePolicy=_policy(dead)) as queue:
        _send(queue)
        before = queue.one(hide=600)
        _hide(queue, before, 0)
        _hide(queue, queue.one(hide=600), 0)
        queue.receive()
        after = dead.one(hide=600)
    sent = [message["Attributes"]["SentTimestamp"] for message in (before, after)]
    return ", ".join(
        "the same" if one == other else "another"
        for one, other in ((before["MessageId"], after["MessageId"]), sent)
    )


@QUEUES.question(
    "dead-letter-source",
    "`DeadLetterQueueSourceArn` of it",
    aws="the queue it comes from",
    source=_API + "API_ReceiveMessage.html",
)
def _dead_letter_source(emulator: Emulator) -> str:
    with emulator.queue() as dead, emulator.queue(RedrivePolicy=_policy(dead)) as queue:
        _send(queue)
        source = _poisoned(emulator, queue, dead)["Attributes"].get("DeadLetterQueueSourceArn")
        return {None: "missing", queue.arn: "the queue it comes from"}.get(source, "another")


@QUEUES.question(
    "redrive",
    "StartMessageMoveTask from the dead-letter queue",
    aws="it is in its queue again, its receives counted anew",
    source=_REDRIVE,
)
def _redrive(emulator: Emulator) -> str:
    with emulator.queue() as dead, emulator.queue(RedrivePolicy=_policy(dead)) as queue:
        return _moved(emulator, queue, dead, lambda before, after: (
            "its receives counted anew" if _receives(after) == 1 else "its receives kept"
        ))  # fmt: skip


@QUEUES.question(
    "redrive-id",
    "Its id after that",
    aws="it is in its queue again, with a new id",
    source=_REDRIVE,
)
def _redrive_id(emulator: Emulator) -> str:
    with emulator.queue() as dead, emulator.queue(RedrivePolicy=_policy(dead)) as queue:
        return _moved(emulator, queue, dead, lambda before, after: (
            "with a new id" if before["MessageId"] != after["MessageId"] else "with the same id"
        ))  # fmt: skip


def _moved(emulator: Emulator, queue: Queue, dead: Queue, compare: Any) -> str:
    _send(queue)
    before = _poisoned(emulator, queue, dead)
    _hide(dead, before, 0)
    try:
        emulator.sqs.start_message_move_task(SourceArn=dead.arn)
    except ClientError as error:
        return refusal(error)
    for _ in waiting("the dead-letter queue to be empty"):
        if dead.depth() == (0, 0, 0):
            break
    return f"it is in its queue again, {compare(before, queue.one(hide=600))}"
