"""How a sweep begins: one message a folder, those that count first."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest

from gallery import keys
from gallery.clock import SystemClock
from gallery.events import parse
from gallery.memory import Call, MemoryStore
from gallery.queue import Message
from gallery.store import Unavailable
from thumbnailer.reconcile import World
from thumbnailer.service import Service
from thumbnailer.settings import Settings
from thumbnailer.studio import Studio
from thumbnailer.sweep import folders


class Queue:
    """A queue that takes ten at a time, as SQS does."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def send(self, bodies: Iterable[str], *, delay: int = 0) -> None:
        batch: list[str] = []
        for body in bodies:
            batch.append(body)
            if len(batch) == 10:
                self._take(batch)
                batch = []
        self._take(batch)

    def _take(self, batch: list[str]) -> None:
        self.keys += [hint.key for body in batch for hint in parse(body).hints]

    def delete(self, message: Message) -> None:
        raise NotImplementedError

    def delay(self, message: Message, seconds: int) -> None:
        raise NotImplementedError


def put(store: MemoryStore, *names: str) -> None:
    """Objects with these keys."""
    for name in names:
        store.put(name, b"x", content_type="image/jpeg")


@pytest.fixture
def store() -> MemoryStore:
    """Albums of which there is everything, an original, a record, a rendition, and none."""
    found = MemoryStore()
    put(found, "photos/top.jpg", "photos/whole/a.jpg", "photos/new/a.jpg", "photos/dull/.hidden")
    put(found, keys.record("photos/whole/a.jpg"), keys.record("photos/gone/a.jpg"))
    put(found, keys.album_record("whole"), keys.album_record("a/published"), keys.SITE)
    put(found, keys.rendition("photos/left/a.jpg", "0" * 16, 600), "thumbs/odd")
    return found


@pytest.fixture
def queue() -> Queue:
    """The thumbnail queue."""
    return Queue()


@pytest.fixture
def service(store: MemoryStore, queue: Queue) -> Service:
    """The service."""
    world = World(store, Studio(Settings()), SystemClock())
    return Service(world, "b", queue, queue, lambda report: None, math.inf)


EXPECTED = ["", "a/published/", "gone/", "left/", "new/", "whole/"]


def test_every_folder_has_a_message(store: MemoryStore, queue: Queue, service: Service) -> None:
    """One, of whatever there is anything; and the count is true."""
    assert service.begin_sweep() == len(EXPECTED)
    assert sorted(queue.keys) == [f"photos/{name}" for name in EXPECTED]
    assert folders(service.world) == sorted(queue.keys)


def test_who_is_cut_off_has_sent_what_counts(
    store: MemoryStore, queue: Queue, service: Service
) -> None:
    """A function that runs out of time among a million renditions has sent all albums before."""

    def watch(call: Call) -> None:
        if call.op == "list" and call.key == keys.THUMBS:
            raise Unavailable(call.key, "time is up")

    store.hook = watch
    with pytest.raises(Unavailable):
        service.begin_sweep()
    assert sorted(queue.keys) == [f"photos/{name}" for name in EXPECTED if name != "left/"]


def test_what_is_found_again_is_not_sent_again(
    store: MemoryStore, queue: Queue, service: Service
) -> None:
    """However many photos an album has."""
    put(store, *(f"photos/whole/{number}.jpg" for number in range(25)))
    assert service.begin_sweep() == len(EXPECTED)
    assert queue.keys.count("photos/whole/") == 1
