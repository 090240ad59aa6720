"""A backfill hints at every original, whatever interrupts it and whatever the queue refuses."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from safelight.backfill import Plan, carry_out
from safelight.checkpoint import Checkpoint, Progress
from safelight.estimate import Pipeline, estimate, too_fast
from safelight.hinting import BATCH, Hinter, batches
from safelight.home import Home
from safelight.pace import Pace
from safelight.problem import Problem
from safelight.recorded import Recorded

JOB = {"bucket": "b"}
KEYS = st.lists(st.integers(0, 9999), max_size=80, unique=True).map(
    lambda numbers: [f"photos/{number:04}.jpg" for number in sorted(numbers)]
)


class Killed(BaseException):
    """Ctrl-C, a lost session, a full disk: whatever ends the command."""


DAYS = ["good", "good", "throttled", "cut off", "killed", "refused", "in part", "other part"]


class Queue:
    """An SQS that has bad days: what each request meets is given, and then only good ones."""

    def __init__(self, days: list[str]) -> None:
        self._days = iter(days)
        self._lock = threading.Lock()
        self.taken: list[str] = []

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        entries: list[Any] = request["Entries"]
        assert 1 <= len(entries) <= BATCH
        with self._lock:
            day = next(self._days, "good")
        if day == "throttled":
            raise ClientError({"Error": {"Code": "RequestThrottled"}}, "SendMessageBatch")
        if day == "cut off":
            # It may have taken effect.
            self._take(entries)
            raise EndpointConnectionError(endpoint_url="https://sqs")
        if day == "killed":
            self._take(entries[: len(entries) // 2])
            raise Killed
        if day == "refused":
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "SendMessageBatch")
        good = {"in part": entries[::2], "other part": entries[1::2]}.get(day, entries)
        self._take(good)
        named = {entry["Id"] for entry in good}
        failed = [{"Id": entry["Id"], "Code": "x"} for entry in entries if entry["Id"] not in named]
        # Of some that it did not take it says nothing at all.
        return {"Successful": [{"Id": entry["Id"]} for entry in good], "Failed": failed[:1]}

    def _take(self, entries: list[Any]) -> None:
        self.taken += [json.loads(entry["MessageBody"])["key"] for entry in entries]


def a_plan(keys: list[str], killed_at: int | None = None) -> Plan:
    """Every key but those that end in 7; the listing may break off."""

    def places(after: str) -> Iterator[tuple[str, str]]:
        for number, key in enumerate(keys):
            if number == killed_at:
                raise Killed
            if key > after:
                yield key, key

    return Plan(places, lambda: iter(keys), lambda key: not key.endswith("7.jpg"), JOB)


ATTEMPTS = st.lists(
    st.tuples(st.lists(st.sampled_from(DAYS), max_size=12), st.none() | st.integers(0, 80)),
    max_size=6,
)


@given(KEYS, ATTEMPTS)
def test_every_key_is_hinted_at_least_once(
    keys: list[str], attempts: list[tuple[list[str], int | None]]
) -> None:
    """However often it is interrupted: it goes on, and misses none; and no other is hinted."""
    wanted = [key for key in keys if a_plan(keys).is_wanted(key)]
    taken: set[str] = set()
    position = ""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Home(Path(folder)), JOB)
        for days, killed_at in [*attempts, ([], None)]:
            queue = Queue(days)
            hinter = Hinter(queue, "url", "b", "why", sleep=lambda seconds: None)  # type: ignore[arg-type]
            begin = checkpoint.load() or Progress(total=len(wanted))
            assert begin.position >= position
            position = begin.position
            # What it will not look at again is in the queue.
            assert {key for key in wanted if key <= position} <= taken
            try:
                plan = a_plan(keys, killed_at)
                carry_out(plan, begin, hinter.send, Pace(1e9, 1e9), checkpoint)
            except (Killed, ClientError, Problem):
                assert checkpoint.path.exists()
            else:
                position = ""
                assert not checkpoint.path.exists()
            taken |= set(queue.taken)
        assert taken == set(wanted)


@given(KEYS)
def test_undisturbed_every_key_is_hinted_once(keys: list[str]) -> None:
    """And the counts are true."""
    plan = a_plan(keys)
    taken: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Home(Path(folder)), JOB)
        sent = carry_out(plan, Progress(), taken.extend, Pace(1e9, 1e9), checkpoint)
    wanted = [key for key in keys if plan.is_wanted(key)]
    assert sorted(taken) == wanted
    assert (sent.hinted, sent.seen) == (len(wanted), len(keys))


@given(KEYS, st.sets(st.integers(0, 80)))
def test_batches_tell_of_every_key(keys: list[str], unwanted: set[int]) -> None:
    """In order, none twice, and where one may go on."""
    dull = {keys[number] for number in unwanted if number < len(keys)}
    found = list(batches(((key, key) for key in keys), lambda key: key not in dull))
    assert [key for batch in found for key in batch.keys] == [k for k in keys if k not in dull]
    assert sum(batch.seen for batch in found) == len(keys)
    ends = [batch.end for batch in found]
    assert ends == sorted(ends)
    assert not keys or ends[-1] == keys[-1]
    for batch in found:
        assert len(batch.keys) <= BATCH
        assert all(key <= batch.end for key in batch.keys)


PIPELINES = st.builds(
    Pipeline,
    at_once=st.integers(1, 1000),
    retention=st.floats(60, 1_209_600),
    backlog=st.integers(0, 10**7),
    memory=st.integers(128, 10_240),
    storage=st.integers(512, 10_240),
    sitegen_memory=st.integers(128, 10_240),
    architecture=st.sampled_from(["arm64", "x86_64"]),
    costs=st.booleans(),
)
HINTS = st.integers(0, 10**8)
RATES = st.floats(0.01, 10_000)


@given(HINTS, RATES, PIPELINES, st.integers(0, 10**8))
def test_an_estimate_makes_sense(hints: int, rate: float, pipeline: Pipeline, listed: int) -> None:
    """Nothing negative; nothing is worked off before it is sent, nor waits longer than all."""
    found = estimate(hints, rate, pipeline, listed=listed)
    assert all(dollars >= 0 for dollars in found.dollars.values())
    assert found.waiting.total_seconds() >= 0
    assert found.sending <= found.working
    assert found.waiting <= found.working
    assert pipeline.costs or found.total == 0


@given(HINTS, HINTS, RATES, PIPELINES)
def test_more_costs_more(few: int, more: int, rate: float, pipeline: Pipeline) -> None:
    """Of money and of time."""
    less, greater = sorted([few, more])
    one, other = (estimate(hints, rate, pipeline) for hints in (less, greater))
    assert one.total <= other.total
    assert one.sending <= other.sending
    assert one.working <= other.working


@given(HINTS, RATES, PIPELINES)
def test_the_rate_that_is_proposed_would_do(hints: int, rate: float, pipeline: Pipeline) -> None:
    """Unless what waits already is too much, or the functions are slower than any rate."""
    better = too_fast(estimate(hints, rate, pipeline), pipeline)
    if better is None or pipeline.backlog or pipeline.a_second < 1:
        return
    assert better < rate
    assert too_fast(estimate(hints, better, replace(pipeline)), pipeline) is None


@given(
    st.floats(0.1, 1000),
    st.floats(0.5, 100),
    st.lists(st.tuples(st.integers(0, 30), st.floats(0, 5)), max_size=40),
)
def test_no_stretch_of_time_sees_more_than_its_share(
    rate: float, burst: float, takes: list[tuple[int, float]]
) -> None:
    """A burst, the rate's share of it, and what one take may be too large by."""
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        assert seconds > 0
        # At least so long: a sleep may take longer, and never returns early.
        now += seconds + 1e-9

    pace = Pace(rate, burst, clock=lambda: now, sleep=sleep)
    through: list[tuple[float, int]] = []
    for count, idle in takes:
        now += idle
        pace.take(count)
        through.append((now, count))
    for first in range(len(through)):
        total = 0
        for moment, count in through[first:]:
            total += count
            allowed = burst + rate * (moment - through[first][0]) + max(0.0, count - burst)
            assert total <= allowed + 1e-3


@given(st.sets(st.text(min_size=1, max_size=8)), st.text(min_size=1, max_size=8))
def test_what_is_recorded_is_known(names: set[str], other: str) -> None:
    """And nothing else."""
    from gallery import keys

    originals = {f"photos/{name}" for name in names}
    found = Recorded(keys.record(key) for key in originals)
    assert len(found) == len({keys.record(key) for key in originals})
    assert all(found.has(key) for key in originals)
    assert found.has(f"photos/{other}") == (f"photos/{other}" in originals)


def test_a_rate_of_nothing_is_refused() -> None:
    """It would wait for ever."""
    with pytest.raises(ValueError):
        Pace(0, 1)
