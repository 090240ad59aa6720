"""What a backfill is said to take, held to what the code does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from gallery import keys
from gallery.batch import Task
from gallery.clock import SystemClock
from gallery.memory import Call, MemoryStore
from safelight.estimate import READS, WRITES, Pipeline, estimate, spoken, too_fast
from tests.stack.photograph import photograph
from thumbnailer.reconcile import World, reconcile
from thumbnailer.settings import Settings
from thumbnailer.studio import Studio

FOUR_DAYS = 345_600.0


@pytest.fixture
def studio() -> Iterator[Studio]:
    """The real craft."""
    with Studio(Settings()) as studio:
        yield studio


def test_the_thumbnailers_requests_are_counted(studio: Studio) -> None:
    """Of a photo that is large enough for all three renditions."""
    store = MemoryStore()
    store.put("photos/a.jpg", photograph(2400, 1600, grain=0), content_type="image/jpeg")
    calls: Counter[str] = Counter()

    def watch(call: Call) -> None:
        if call.phase == "before":
            calls[call.op] += 1

    store.hook = watch
    outcome = reconcile(World(store, studio, SystemClock()), Task("photos/a.jpg", (), 1, None))
    assert "3 renditions" in str(outcome)
    assert keys.record("photos/a.jpg") in store.objects
    assert calls["get"] + calls["head"] == READS["thumbnailer"]
    assert calls["put"] == WRITES["thumbnailer"]
    assert set(calls) == {"get", "head", "put"}


def test_a_million_photos() -> None:
    """With the template's own numbers: tens of dollars, and a night."""
    pipeline = Pipeline(at_once=20, retention=FOUR_DAYS, storage=1024)
    found = estimate(1_000_000, 100, pipeline, listed=1_000_000)
    assert found.sending == timedelta(seconds=10_000)
    assert timedelta(hours=8) < found.working < timedelta(hours=12)
    assert 30 < found.total < 80
    assert found.dollars["listing"] == pytest.approx(0.005)
    assert too_fast(found, pipeline) is None


def test_hints_that_the_queue_would_forget_are_refused() -> None:
    """Two at a time would take four days for a million, and that is how long they are kept."""
    pipeline = Pipeline(at_once=2, retention=FOUR_DAYS)
    found = estimate(1_000_000, 100, pipeline)
    better = too_fast(found, pipeline)
    assert better is not None
    assert 2 < better < 3
    assert too_fast(estimate(1_000_000, better, pipeline), pipeline) is None


def test_nothing_takes_nothing() -> None:
    """Not even where much waits already."""
    found = estimate(0, 100, Pipeline(at_once=2, retention=60, backlog=10**6))
    assert (found.total, found.sending, found.working) == (0, timedelta(0), timedelta(0))


def test_a_local_stack_costs_nothing() -> None:
    """But time."""
    found = estimate(1000, 100, Pipeline(at_once=2, retention=FOUR_DAYS, costs=False))
    assert found.total == 0
    assert found.working > found.sending > timedelta(0)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5340, "89 min"), (36_000, "10 h"), (1e6, "12 days")],
)
def test_spans_are_spoken(seconds: float, told: str) -> None:
    """As one would say them."""
    assert spoken(timedelta(seconds=seconds)) == told
