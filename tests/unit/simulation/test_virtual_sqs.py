"""The virtual queue does what SQS does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from safelight.testing import VirtualClock, VirtualQueue


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def queue(clock: VirtualClock) -> VirtualQueue:
    return VirtualQueue("photos", clock, visibility=60, max_receives=3)


def test_a_received_message_is_hidden_and_comes_back(
    clock: VirtualClock, queue: VirtualQueue
) -> None:
    queue.send("one", about="one")

    first = queue.receive()
    hidden = queue.receive()
    clock.advance(timedelta(seconds=60))
    second = queue.receive()

    assert [message.receives for message in first] == [1]
    assert hidden == []
    assert [message.receives for message in second] == [2]
    assert first[0].id == second[0].id
    assert first[0].receipt != second[0].receipt


def test_only_the_last_receipt_deletes(clock: VirtualClock, queue: VirtualQueue) -> None:
    queue.send("one", about="one")
    [old] = queue.receive()
    queue.expire("one")
    [new] = queue.receive()

    assert not queue.delete(old)
    assert queue.letters
    assert queue.delete(new)
    assert not queue.letters


def test_too_many_receives_make_a_dead_letter(clock: VirtualClock, queue: VirtualQueue) -> None:
    queue.send("one", about="one")
    for _ in range(3):
        assert queue.receive()
        queue.expire("one")

    assert queue.receive() == []
    assert [letter.about for letter in queue.dead] == ["one"]


def test_a_redriven_message_has_a_new_id(clock: VirtualClock, queue: VirtualQueue) -> None:
    letter = queue.send("one", about="one")
    for _ in range(4):
        queue.receive()
        queue.expire("one")

    assert queue.redrive() == 1
    [again] = queue.receive()
    assert again.id != letter.id
    assert again.receives == 1
    assert queue.dead == []


def test_a_delayed_message_waits(clock: VirtualClock, queue: VirtualQueue) -> None:
    queue.send("one", delay=30)
    [none] = [queue.receive()]
    clock.advance(timedelta(seconds=30))
    [message] = queue.receive()
    queue.delay(message, 5)
    clock.advance(timedelta(seconds=5))

    assert none == []
    assert queue.receive()[0].receives == 2


def test_messages_are_taken_by_what_they_are_about(queue: VirtualQueue) -> None:
    for name in ("one", "two", "three"):
        queue.send(name, about=name)

    taken = queue.receive(take=("three", "one", "four"))

    assert [message.body for message in taken] == ["three", "one"]


def test_time_does_not_go_back(clock: VirtualClock) -> None:
    with pytest.raises(ValueError, match="back"):
        clock.advance(timedelta(seconds=-1))
