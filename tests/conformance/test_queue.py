"""What the services lean on in SQS, on every emulator."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from gallery.queue import Message, QueueError, SqsQueue
from tests.conformance.conftest import Emulator

Make = Callable[..., SqsQueue]


@pytest.fixture
def make(emulator: Emulator) -> Iterator[Make]:
    """Makes queues, with attributes."""
    made: list[str] = []

    def make(**attributes: str) -> SqsQueue:
        answer = emulator.sqs.create_queue(
            QueueName=f"conformance-{uuid.uuid4()}",
            Attributes=attributes,  # type: ignore[arg-type]
        )
        made.append(answer["QueueUrl"])
        return SqsQueue(emulator.sqs, answer["QueueUrl"])

    yield make
    for url in made:
        emulator.sqs.delete_queue(QueueUrl=url)


def arn(emulator: Emulator, queue: SqsQueue) -> str:
    answer = emulator.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])
    return answer["Attributes"]["QueueArn"]


def drain(queue: SqsQueue, count: int) -> list[Message]:
    """``count`` messages, or as many as come before several polls brought none."""
    found: list[Message] = []
    empty = 0
    while len(found) < count and empty < 5:
        new = queue.receive(wait=1)
        empty = 0 if new else empty + 1
        found += new
    return found


def one(queue: SqsQueue) -> Message:
    (message,) = drain(queue, 1)
    return message


@pytest.mark.parametrize("count", [0, 1, 10, 11, 23])
def test_every_message_that_is_sent_arrives(make: Make, count: int) -> None:
    queue = make()
    bodies = [json.dumps({"n": number}) for number in range(count)]
    queue.send(iter(bodies))
    found = drain(queue, count) if count else queue.receive(wait=0)
    assert sorted(message.body for message in found) == sorted(bodies)
    assert len({message.id for message in found}) == count


def test_a_body_arrives_as_it_was(make: Make) -> None:
    queue = make()
    body = (
        json.dumps({"key": 'é\u0301 \U0001f30a "<&> +%\\'}, ensure_ascii=False)
        + "\n\t"
        + "x" * 60_000
    )
    queue.send([body])
    assert one(queue).body == body


def test_a_message_tells_its_receives_and_when_it_was_sent(make: Make) -> None:
    queue = make()
    queue.send(["a"])
    first = one(queue)
    assert first.receives == 1
    assert first.sent is not None
    assert abs(datetime.now(UTC) - first.sent) < timedelta(minutes=5)
    for receives in (2, 3):
        queue.delay(first, 0)
        again = one(queue)
        assert (again.id, again.receives, again.sent) == (first.id, receives, first.sent)
        first = again


def test_a_received_message_is_nobody_else_s(make: Make) -> None:
    queue = make(VisibilityTimeout="60")
    queue.send(["a"])
    one(queue)
    assert queue.receive(wait=1) == []


def test_a_received_message_is_hidden_for_as_long_as_asked(make: Make) -> None:
    queue = make(VisibilityTimeout="1")
    queue.send(["a"])
    message = one(queue)
    queue.delay(message, 600)
    assert queue.receive(wait=2) == []
    queue.delay(message, 1)
    assert one(queue).receives == 2


def test_a_message_whose_timeout_passes_comes_again(make: Make) -> None:
    queue = make(VisibilityTimeout="1")
    queue.send(["a"])
    assert one(queue).receives == 1
    assert one(queue).receives == 2


def test_a_message_that_is_sent_with_a_delay_comes_later(make: Make) -> None:
    queue = make()
    queue.send(["soon"], delay=1)
    queue.send(["late"], delay=900)
    assert one(queue).body == "soon"
    assert queue.receive(wait=1) == []


def test_a_deleted_message_is_gone(make: Make) -> None:
    queue = make(VisibilityTimeout="1")
    queue.send(["a", "b"])
    for message in drain(queue, 2):
        if message.body == "a":
            queue.delete(message)
    assert one(queue).body == "b"


def test_a_delete_of_what_is_deleted_already(make: Make) -> None:
    # SQS API reference, DeleteMessage: deleting a deleted message succeeds.
    queue = make()
    queue.send(["a"])
    message = one(queue)
    queue.delete(message)
    queue.delete(message)


def test_a_queue_tells_its_visibility_timeout(make: Make) -> None:
    assert make(VisibilityTimeout="77").visibility() == 77


def test_an_absurd_delay_is_cut_to_what_sqs_takes(make: Make) -> None:
    queue = make()
    queue.send(["a"])
    queue.delay(one(queue), 10**9)
    assert queue.receive(wait=0) == []


def test_what_is_received_too_often_ends_in_the_dead_letter_queue(
    emulator: Emulator, make: Make
) -> None:
    dead = make()
    policy = {"deadLetterTargetArn": arn(emulator, dead), "maxReceiveCount": 2}
    queue = make(RedrivePolicy=json.dumps(policy))
    queue.send(["poison"])
    for receives in (1, 2):
        message = one(queue)
        assert message.receives == receives
        queue.delay(message, 0)
    assert queue.receive(wait=1) == []
    assert one(dead).body == "poison"


def test_a_redriven_message_comes_to_its_queue_again(emulator: Emulator, make: Make) -> None:
    dead = make()
    policy = {"deadLetterTargetArn": arn(emulator, dead), "maxReceiveCount": 1}
    queue = make(RedrivePolicy=json.dumps(policy))
    queue.send(["once poison"])
    queue.delay(one(queue), 0)
    queue.receive(wait=1)
    emulator.sqs.start_message_move_task(SourceArn=arn(emulator, dead))
    assert one(queue).body == "once poison"
    assert dead.receive(wait=0) == []


def test_a_queue_that_is_not_there_is_an_error(emulator: Emulator, make: Make) -> None:
    queue = SqsQueue(emulator.sqs, make().url + "-not-there")
    message = Message("m", "receipt", "body")
    for call in (
        lambda: queue.send(["a"]),
        lambda: queue.receive(wait=0),
        lambda: queue.delete(message),
        lambda: queue.delay(message, 1),
        queue.visibility,
    ):
        with pytest.raises(QueueError, match="not-there"):
            call()
