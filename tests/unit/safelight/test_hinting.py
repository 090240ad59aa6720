"""Hints on their way to the queue: what is tried again, and what is not."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError

from gallery.events import parse
from safelight import recorded
from safelight.hinting import Hinter
from safelight.problem import Problem
from safelight.recorded import Recorded


class Queue:
    """An SQS that answers each request with the next of ``answers``, and the last for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[list[str]] = []
        self.bodies: list[str] = []

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        entries = request["Entries"]
        self.asked.append([json.loads(entry["MessageBody"])["key"] for entry in entries])
        self.bodies += [entry["MessageBody"] for entry in entries]
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            found: dict[str, Any] = answer(entries)
            return found
        return dict(answer)


def taken(entries: list[Any]) -> dict[str, Any]:
    """All is well."""
    return {"Successful": [{"Id": entry["Id"]} for entry in entries]}


def refused(code: str, status: int = 400) -> ClientError:
    """What SQS says no with."""
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "SendMessageBatch")


def sent(queue: Queue, *keys: str) -> list[float]:
    """Send hints at these keys; how long was slept in between."""
    slept: list[float] = []
    Hinter(queue, "url", "b", "why", sleep=slept.append).send(keys)  # type: ignore[arg-type]
    return slept


def test_what_was_refused_is_sent_again_and_nothing_else() -> None:
    """Entry by entry."""

    def in_part(entries: list[Any]) -> dict[str, Any]:
        return {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError"}]}

    queue = Queue(in_part, taken)
    slept = sent(queue, "photos/a.jpg", "photos/b.jpg")
    assert queue.asked == [["photos/a.jpg", "photos/b.jpg"], ["photos/b.jpg"]]
    assert len(slept) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        refused("RequestThrottled"),
        refused("AWS.SimpleQueueService.OverLimit"),
        refused("", 503),
        refused("ThrottlingException"),
    ],
)
def test_what_may_pass_is_waited_for(trouble: ClientError) -> None:
    """With growing pauses."""
    queue = Queue(trouble, trouble, trouble, taken)
    slept = sent(queue, "photos/a.jpg")
    assert len(queue.asked) == 4
    assert len(slept) == 3
    assert slept[0] < slept[2]


@pytest.mark.parametrize("code", ["AccessDenied", "ExpiredToken", "QueueDoesNotExist"])
def test_what_will_not_pass_ends_it_at_once(code: str) -> None:
    """A person has to see to it."""
    queue = Queue(refused(code, 403))
    with pytest.raises(ClientError):
        sent(queue, "photos/a.jpg")
    assert len(queue.asked) == 1


def test_a_queue_that_goes_on_refusing_is_given_up_on() -> None:
    """What was sent is remembered, and that is said."""
    queue = Queue(refused("RequestThrottled"))
    with pytest.raises(Problem, match=r"RequestThrottled.*same command"):
        sent(queue, "photos/a.jpg")


def test_an_answer_that_says_nothing_is_none() -> None:
    """Neither taken nor refused is not taken."""
    with pytest.raises(Problem, match="no reason"):
        sent(Queue({}), "photos/a.jpg")


def test_a_hint_is_one_whatever_the_key() -> None:
    """The services read it."""
    strange = ["photos/a b+c%20.jpg", "photos/é/\U0001f4f7.jpg", 'photos/"\n\x00.jpg']
    queue = Queue(taken)
    sent(queue, *strange)
    hints = [hint for body in queue.bodies for hint in parse(body).hints]
    assert [(hint.key, hint.change, hint.bucket) for hint in hints] == [
        (key, "changed", "b") for key in strange
    ]


def test_two_records_may_share_half_a_digest() -> None:
    """Both halves count."""

    def alike(key: str) -> bytes:
        return bytes(8) + key.encode()[-13:-5]

    with mock.patch.object(recorded, "_digest", alike):
        found = Recorded(["catalog/photos/12345678.json", "catalog/photos/12345679.json"])
        assert found.has("photos/12345678")
        assert found.has("photos/12345679")
        assert not found.has("photos/12345670")
