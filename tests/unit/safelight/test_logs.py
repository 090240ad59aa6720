"""The functions' logs: every line once, in order, however CloudWatch hands them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from botocore.exceptions import ClientError

from safelight import logs
from safelight.problem import Problem
from safelight.stack import Deployment
from tests.unit.safelight.test_stack import DEPLOYMENT

EPOCH = datetime.fromtimestamp(0, UTC)
Answer = dict[str, Any] | Exception


def event(moment: int, text: str) -> dict[str, Any]:
    """A line as CloudWatch hands it out."""
    return {"eventId": f"{moment}{text}", "timestamp": moment, "message": f"{text}\n"}


def refused(code: str) -> ClientError:
    """CloudWatch's refusal."""
    return ClientError({"Error": {"Code": code}}, "FilterLogEvents")


class Cloud:
    """CloudWatch Logs that answers as it was told, and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept."""
    found: list[float] = []
    monkeypatch.setattr("time.sleep", found.append)
    return found


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The lines of one function, or the first ``count`` that are followed."""

    def lines(cloud: Cloud, count: int | None = None) -> list[str]:
        monkeypatch.setattr(Deployment, "logs", lambda self: cloud)
        on_aws = replace(DEPLOYMENT, endpoint_url=None)
        found = logs._lines(on_aws, ["sitegen"], EPOCH, follow=count is not None)
        return [line for _, _, line in islice(found, count)]

    return lines


def test_pages_are_followed_to_the_end(told: Callable[..., list[str]], slept: list[float]) -> None:
    """An empty one is not the last."""
    cloud = Cloud(
        {"events": [event(2, "b")], "nextToken": "x"},
        {"events": [], "nextToken": "y"},
        {"events": [event(1, "a")]},
    )
    assert told(cloud) == ["a", "b"]
    assert [request.get("nextToken") for request in cloud.asked] == [None, "x", "y"]
    assert slept == []


def test_throttling_is_waited_out(told: Callable[..., list[str]], slept: list[float]) -> None:
    """The page that was refused is asked for again, with growing pauses; no other is."""
    cloud = Cloud(
        {"events": [event(1, "a")], "nextToken": "x"},
        refused("ThrottlingException"),
        refused("ThrottlingException"),
        {"events": [event(2, "b")]},
    )
    assert told(cloud) == ["a", "b"]
    assert [request.get("nextToken") for request in cloud.asked] == [None, "x", "x", "x"]
    assert slept == [1.0, 2.0]


def test_throttling_without_end_is_told(told: Callable[..., list[str]], slept: list[float]) -> None:
    """With what to ask instead."""
    with pytest.raises(Problem, match="--since"):
        told(Cloud(*[refused("ThrottlingException")] * 20))


def test_other_refusals_are_not_waited_out(
    told: Callable[..., list[str]], slept: list[float]
) -> None:
    """And a function that has never run has no log."""
    with pytest.raises(ClientError):
        told(Cloud(refused("AccessDeniedException")))
    assert told(Cloud(refused("ResourceNotFoundException"))) == []
    assert slept == []


def test_following_shows_each_line_once(
    told: Callable[..., list[str]], slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that come late, and those that are handed out again."""
    clock = iter(range(1000, 100_000, 10))
    monkeypatch.setattr("time.time", lambda: next(clock))
    moment = 1_000_000
    cloud = Cloud(
        {"events": [event(moment, "a"), event(moment + 5, "b")]},
        {"events": [event(moment, "a"), event(moment - 9, "late"), event(moment + 5, "b")]},
        {"events": [event(moment + 5, "b"), event(moment + 90_000, "c")]},
    )
    assert told(cloud, 4) == ["a", "b", "late", "c"]
    begins = [request["startTime"] for request in cloud.asked]
    assert begins == [0, 1_000_000 - 60_000, 1_010_000 - 60_000]
    assert all(pause >= 2 for pause in slept)
