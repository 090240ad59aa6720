"""What the store in memory has beyond the contract: a clock, hooks and a watcher.

That it keeps the contract is shown in ``tests/conformance/``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gallery.memory import Call, MemoryObject, MemoryStore
from gallery.store import PreconditionFailed, Unavailable


class Ticking:
    """A clock that goes on by a second each time it is looked at."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 14, tzinfo=UTC)

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


def test_time_is_the_clock_s() -> None:
    store = MemoryStore(Ticking())
    first = store.put("a", b"1", content_type="x").last_modified
    store.put("a", b"2", content_type="x")
    info = store.head("a")
    assert info is not None
    assert info.last_modified - first == timedelta(seconds=1)


def test_a_hook_stands_before_and_after_each_call() -> None:
    calls: list[Call] = []
    store = MemoryStore(hook=calls.append)
    store.put("a", b"1", content_type="x")
    store.head("a")
    store.get("a")
    store.peek("a", 1)
    store.delete("a")
    list(store.list("p/"))
    seen = [(call.op, call.key, call.phase) for call in calls]
    assert seen == [
        (op, key, phase)
        for op, key in [("put", "a"), ("head", "a"), ("get", "a"), ("get", "a"), ("delete", "a"),
                        ("list", "p/")]
        for phase in ("before", "after")
    ]  # fmt: skip


@pytest.mark.parametrize(("phase", "there"), [("before", False), ("after", True)])
def test_a_fault_comes_before_the_effect_or_after_it(phase: str, there: bool) -> None:
    def hook(call: Call) -> None:
        if call.op == "put" and call.phase == phase:
            raise Unavailable(call.key, "503")

    store = MemoryStore(hook=hook)
    with pytest.raises(Unavailable):
        store.put("a", b"1", content_type="x")
    assert ("a" in store.objects) is there


def test_a_watcher_is_told_of_what_took_effect_only() -> None:
    told: list[tuple[str, str, bytes | None]] = []

    def watch(verb: str, key: str, there: MemoryObject | None) -> None:
        told.append((verb, key, None if there is None else there.body))

    store = MemoryStore(watcher=watch)
    store.put("a", b"1", content_type="x")
    with pytest.raises(PreconditionFailed):
        store.put("a", b"2", content_type="x", if_none_match=True)
    store.delete("a")
    store.delete("a")
    assert told == [("put", "a", b"1"), ("delete", "a", None), ("delete", "a", None)]


def test_an_object_keeps_its_headers() -> None:
    store = MemoryStore()
    store.put("a", b"1", content_type="image/jpeg", cache_control="immutable")
    assert store.objects["a"].content_type == "image/jpeg"
    assert store.objects["a"].cache_control == "immutable"
