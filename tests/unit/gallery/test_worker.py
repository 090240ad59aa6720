"""The worker's loop: batch after batch, until it is told to stop or nothing works."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace

import pytest

from gallery import worker
from gallery.batch import Report
from gallery.queue import Message, QueueError
from gallery.worker import Stop, work


class Script:
    """A queue that plays a list of answers; a callable is called, an error raised.  When
    it is at its end, the worker is told to stop."""

    def __init__(self, stop: Stop, *answers: object) -> None:
        self.stop = stop
        self.answers = list(answers)
        self.polls = 0

    def receive(self, *, wait: int = 20, count: int = 10) -> list[Message]:
        self.polls += 1
        answer = self.answers.pop(0) if self.answers else []
        if not self.answers:
            self.stop.asked = True
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer()
        assert isinstance(answer, list)
        return answer


class Scene:
    """Everything around the loop, written down."""

    def __init__(self, *answers: object) -> None:
        self.stop = Stop()
        self.queue = Script(self.stop, *answers)
        self.batches: list[list[str]] = []
        self.left: list[float] = []
        self.idled = 0
        self.complaints: list[str] = []
        self.slept: list[float] = []

    def run(self, batch: Sequence[Message], ahead: Callable[[], float]) -> list[Report]:
        self.batches.append([message.id for message in batch])
        self.left.append(ahead())
        return []

    def idle(self) -> None:
        self.idled += 1

    def work(self, give_up: float = worker.GIVE_UP) -> int:
        return work(
            self.queue,
            self.run,
            visibility=720,
            stop=self.stop,
            idle=self.idle,
            complain=self.complaints.append,
            sleep=self.slept.append,
            give_up=give_up,
        )


def message(name: str) -> Message:
    return Message(name, name, "{}")


@pytest.fixture
def signals() -> Iterator[None]:
    """The process's own way with signals, put back afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_it_works_off_batch_after_batch() -> None:
    scene = Scene([message("a"), message("b")], [], [message("c")])
    assert scene.work() == 0
    assert scene.batches == [["a", "b"], ["c"]]
    assert scene.idled == 3
    assert scene.complaints == []


def test_a_batch_has_its_visibility_timeout_and_no_more() -> None:
    scene = Scene([message("a")])
    scene.work()
    assert 0 < scene.left[0] <= 720


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_it_finish_the_batch_in_hand(number: signal.Signals) -> None:
    def interrupted() -> list[Message]:
        os.kill(os.getpid(), number)
        return [message("in hand")]

    scene = Scene(interrupted, [message("never")], [])
    scene.stop.listen()
    assert scene.work() == 0
    assert scene.batches == [["in hand"]]
    assert scene.queue.polls == 1


def test_a_worker_that_is_told_before_it_begins_does_nothing() -> None:
    scene = Scene([message("never")])
    scene.stop.asked = True
    assert scene.work() == 0
    assert scene.queue.polls == 0


def test_failing_polls_are_repeated_with_growing_pauses() -> None:
    scene = Scene(*[QueueError(f"away {n}") for n in range(7)], [message("back")],
                  QueueError("away again"), [])  # fmt: skip
    assert scene.work() == 0
    assert scene.batches == [["back"]]
    assert scene.complaints == [*(f"away {n}" for n in range(7)), "away again"]
    # One, two, four … at most thirty seconds at a time; then, after a success, one again.
    assert sum(scene.slept) == sum([1, 2, 4, 8, 16, 30, 30, 1])


def test_it_gives_up_when_nothing_has_worked_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(float(n * 100) for n in range(100))
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    scene = Scene(*[QueueError("away")] * 20)
    assert scene.work(give_up=250) == 1
    assert "ending" in scene.complaints[-1]
    assert scene.queue.polls < 10


def test_a_signal_ends_the_pause_after_a_failed_poll() -> None:
    scene = Scene(*[QueueError("away")] * 20)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            scene.stop.asked = True

    scene.queue.stop = Stop()  # only the pause asks
    status = work(
        scene.queue,
        scene.run,
        visibility=720,
        stop=scene.stop,
        idle=scene.idle,
        complain=scene.complaints.append,
        sleep=sleep,
    )
    assert status == 0
    assert len(pauses) == 4
    # ``docker stop`` waits ten seconds, of which a poll may take five.
    assert max(pauses) <= worker.POLL


def test_trouble_between_batches_is_a_failed_poll() -> None:
    scene = Scene([], [], [])

    def idle() -> None:
        scene.idled += 1
        if scene.idled == 1:
            raise QueueError("cannot hint")

    status = work(
        scene.queue, scene.run, visibility=720, stop=scene.stop, idle=idle,
        complain=scene.complaints.append, sleep=scene.slept.append,
    )  # fmt: skip
    assert status == 0
    assert scene.complaints == ["cannot hint"]
    assert scene.queue.polls == 3
