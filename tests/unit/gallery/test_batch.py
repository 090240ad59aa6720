"""Batches: each message to its own end, whatever becomes of the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from gallery.batch import Batch, Done, Failed, Outcome, Report, Retry, Task, backoff, failures
from gallery.events import Hint, encode_key
from gallery.queue import Message, QueueError
from gallery.record import CorruptRecord, UnreadableRecord
from gallery.store import AccessDenied, Conflict, PreconditionFailed, Unavailable

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)


class Noon:
    """It is always noon."""

    def now(self) -> datetime:
        return NOW


@dataclass
class Ledger:
    """A queue that writes down what it is told, among everything else that happens."""

    lines: list[str] = field(default_factory=list)
    broken: bool = False

    def send(self, bodies: object, *, delay: int = 0) -> None:
        raise AssertionError("a batch sends nothing")

    def delete(self, message: Message) -> None:
        self._write(f"delete {message.id}")

    def delay(self, message: Message, seconds: int) -> None:
        self._write(f"delay {message.id} {seconds}")

    def _write(self, line: str) -> None:
        self.lines.append(line)
        if self.broken:
            raise QueueError("the queue is away")


def event(*keys: str, name: str = "ObjectCreated:Put", minutes: int = 1, bucket: str = "b") -> str:
    return json.dumps(
        {
            "Records": [
                {
                    "eventSource": "aws:s3",
                    "eventTime": (NOW - timedelta(minutes=minutes)).isoformat(),
                    "eventName": name,
                    "s3": {"bucket": {"name": bucket}, "object": {"key": encode_key(key)}},
                }
                for key in keys
            ]
        }
    )


TEST_EVENT = json.dumps({"Event": "s3:TestEvent"})


def message(name: str, body: str, receives: int = 1, sent: datetime | None = None) -> Message:
    return Message(name, f"receipt of {name}", body, receives, sent)


@dataclass
class Bench:
    """A batch set up: ``answers`` gives each task's outcome or error, ``Done`` by default."""

    answers: dict[str, Outcome | BaseException] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    tasks: list[Task] = field(default_factory=list)
    observed: list[Report] = field(default_factory=list)
    names: Callable[[Hint], tuple[str, ...] | Done] = lambda hint: (hint.key,)
    order: Callable[[str], object] | None = None
    reserve: float = 0.0

    def work(self, task: Task) -> Outcome:
        self.tasks.append(task)
        self.ledger.lines.append(f"work {task.name}")
        answer = self.answers.get(task.name, Done("made"))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def run(self, *messages: Message, ahead: Callable[[], float] = lambda: 60.0) -> list[Report]:
        return Batch(
            bucket="b",
            queue=self.ledger,
            clock=Noon(),
            names=self.names,
            work=self.work,
            observe=self.observed.append,
            reserve=self.reserve,
            order=self.order,
        ).run(messages, ahead)


def ids(reports: list[Report]) -> set[str]:
    return {failure["itemIdentifier"] for failure in failures(reports)["batchItemFailures"]}


def test_a_poison_takes_none_of_nine_with_it() -> None:
    bench = Bench()
    messages = [message(f"m{n}", event(f"{n}.jpg")) for n in range(10)]
    messages[4] = message("poison", '{"Records": [{"eventSource": "aws:s')
    reports = bench.run(*messages)
    assert ids(reports) == {"poison"}
    assert [task.name for task in bench.tasks] == [f"{n}.jpg" for n in range(10) if n != 4]
    assert sum(line.startswith("delete m") for line in bench.ledger.lines) == 9
    assert "delay poison 1" in bench.ledger.lines
    assert len(reports) == len(bench.observed) == 10


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AccessDenied("k", "403"), Failed),
        (Unavailable("k", "503"), Retry),
        (Conflict("k", "409"), Retry),
        (PreconditionFailed("k", "412"), Retry),
        (QueueError("away"), Retry),
        (UnreadableRecord("version 2"), Failed),
        (CorruptRecord("rubbish"), Failed),
        (ValueError("a bug"), Failed),
        (RecursionError("a bug"), Failed),
        (MemoryError("a bug"), Failed),
    ],
)
def test_an_error_is_its_own_task_s(error: Exception, kind: type[Outcome]) -> None:
    bench = Bench({"bad.jpg": error})
    reports = bench.run(
        message("a", event("a.jpg")), message("bad", event("bad.jpg")), message("z", event("z.jpg"))
    )
    assert ids(reports) == {"bad"}
    (bad,) = [report.outcome for report in reports if report.message.id == "bad"]
    assert type(bad) is kind
    assert not isinstance(bad, Done)
    assert str(error) in bad.why


def test_a_bug_is_reported_with_its_place() -> None:
    (report,) = Bench({"a.jpg": ZeroDivisionError()}).run(message("a", event("a.jpg")))
    assert isinstance(report.outcome, Failed)
    assert "ZeroDivisionError" in report.outcome.why
    assert "test_batch.py" in report.outcome.why


def test_a_crash_is_nobody_s_outcome() -> None:
    bench = Bench({"b.jpg": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        bench.run(message("a", event("a.jpg")), message("b", event("b.jpg")))
    assert bench.ledger.lines == ["work a.jpg", "delete a", "work b.jpg"]


def test_a_bug_in_naming_is_its_own_message_s() -> None:
    def names(hint: Hint) -> tuple[str, ...]:
        if hint.key == "bad.jpg":
            raise ValueError("a bug in naming")
        return (hint.key,)

    bench = Bench(names=names)
    reports = bench.run(message("bad", event("good.jpg", "bad.jpg")), message("z", event("z.jpg")))
    assert ids(reports) == {"bad"}
    assert [task.name for task in bench.tasks] == ["z.jpg"]


def test_hints_about_one_thing_are_worked_off_once() -> None:
    bench = Bench()
    reports = bench.run(
        message("a", event("a.jpg")),
        message("b", event("a.jpg", "b.jpg")),
        message("a", event("a.jpg")),
        message("c", event("a.jpg", "a.jpg")),
    )
    assert [task.name for task in bench.tasks] == ["a.jpg", "b.jpg"]
    assert len(bench.tasks[0].hints) == 5
    assert ids(reports) == set()
    deleted = [line for line in bench.ledger.lines if line.startswith("delete")]
    assert sorted(deleted) == ["delete a", "delete a", "delete b", "delete c"]


def test_a_message_is_deleted_as_soon_as_its_work_is_done() -> None:
    bench = Bench()
    bench.run(
        message("a", event("a.jpg")),
        message("ab", event("a.jpg", "b.jpg")),
        message("c", event("c.jpg")),
    )
    assert bench.ledger.lines == [
        "work a.jpg",
        "delete a",
        "work b.jpg",
        "delete ab",
        "work c.jpg",
        "delete c",
    ]


def test_what_needs_nothing_is_deleted_before_any_work() -> None:
    bench = Bench()
    reports = bench.run(message("a", event("a.jpg")), message("t", TEST_EVENT))
    assert bench.ledger.lines == ["delete t", "work a.jpg", "delete a"]
    assert isinstance(reports[0].outcome, Done)
    assert "test event" in reports[0].outcome.what


def worked(receives: dict[str, int]) -> list[str]:
    """The order in which tasks are worked off, each of a message received so often."""
    bench = Bench()
    bench.run(*(message(name, event(name), count) for name, count in receives.items()))
    return [task.name for task in bench.tasks]


def test_what_comes_for_the_first_time_is_worked_off_first_as_it_came() -> None:
    order = worked({"tired": 4, "c": 1, "weary": 2, "a": 1, "b": 1})
    assert order[:3] == ["c", "a", "b"]
    assert set(order[3:]) == {"tired", "weary"}


def test_whatever_kills_the_function_the_others_get_through() -> None:
    names = [f"{number}.jpg" for number in range(10)]
    for receives in (2, 4):
        rounds = [worked(dict.fromkeys(names, count)) for count in (receives, receives + 1)]
        # Whichever is the killer: what came after it once comes before it the next time.
        assert rounds[0] == rounds[1][::-1]
    assert worked(dict.fromkeys(names, 2)) != worked(dict.fromkeys(names, 4))


def test_a_thing_that_is_asked_for_anew_waits_with_its_older_messages() -> None:
    bench = Bench()
    bench.run(
        message("old", event("a.jpg"), 3),
        message("new", event("a.jpg"), 1),
        message("other", event("b.jpg"), 1),
    )
    assert [task.name for task in bench.tasks] == ["b.jpg", "a.jpg"]


def test_a_service_may_order_its_tasks() -> None:
    bench = Bench(order=lambda name: -len(name))
    bench.run(message("a", event("a")), message("b", event("bbb")), message("c", event("cc")))
    assert [task.name for task in bench.tasks] == ["bbb", "cc", "a"]


def test_a_task_knows_its_receives_and_the_age_of_its_youngest_creation() -> None:
    bench = Bench()
    bench.run(
        message("a", event("a.jpg", minutes=9), 3),
        message("b", event("a.jpg", minutes=5), 2),
        message("c", event("a.jpg", minutes=1, name="ObjectRemoved:Delete"), 7),
        message("d", event("b.jpg", name="ObjectRemoved:Delete")),
    )
    both, removed = sorted(bench.tasks, key=lambda task: task.name)
    assert (both.receives, both.age) == (7, timedelta(minutes=5))
    assert (removed.receives, removed.age) == (1, None)


def test_an_event_is_as_old_as_the_older_of_its_times() -> None:
    bench = Bench()
    bench.run(
        message("clock ahead", event("a.jpg", minutes=-600), sent=NOW - timedelta(hours=2)),
        message("redriven", event("b.jpg", minutes=60), sent=NOW),
    )
    assert [task.age for task in bench.tasks] == [timedelta(hours=2), timedelta(hours=1)]


def test_an_event_without_any_time_is_old() -> None:
    body = json.loads(event("a.jpg"))
    del body["Records"][0]["eventTime"]
    bench = Bench()
    bench.run(message("a", json.dumps(body)))
    assert bench.tasks[0].age == timedelta.max


def test_what_does_not_fit_into_the_time_left_is_not_begun() -> None:
    left = iter([20.0, 10.0, 5.0])
    bench = Bench(reserve=7.5)
    reports = bench.run(
        *(message(str(n), event(f"{n}.jpg")) for n in range(3)), ahead=lambda: next(left)
    )
    assert [task.name for task in bench.tasks] == ["0.jpg", "1.jpg"]
    assert ids(reports) == {"2"}
    # At once: nothing is wrong with it.
    assert bench.ledger.lines[-1] == "delay 2 0"


def test_no_time_at_all_loses_nothing() -> None:
    bench = Bench()
    reports = bench.run(*(message(str(n), event(f"{n}.jpg")) for n in range(3)), ahead=lambda: 0.0)
    assert ids(reports) == {"0", "1", "2"}
    assert bench.tasks == []


def test_a_message_ends_as_its_worst_task_does() -> None:
    answers: dict[str, Outcome | BaseException] = {
        "failed": Failed("no", after=9),
        "later": Retry(30, "busy"),
        "soon": Retry(5, "early"),
    }
    reports = Bench(answers).run(
        message("f", event("done", "later", "failed")),
        message("r", event("later", "soon", "done")),
        message("d", event("done")),
    )
    outcomes = {report.message.id: report.outcome for report in reports}
    assert outcomes == {"f": Failed("no", after=9), "r": Retry(5, "early"), "d": Done("made")}
    assert dict(reports[-1].tasks).keys() <= {"done", "later", "failed", "soon"}


def test_a_strange_bucket_fails_its_message_and_no_work_is_begun_for_it() -> None:
    bench = Bench()
    body = json.loads(event("mine.jpg"))
    body["Records"] += json.loads(event("theirs.jpg", bucket="theirs"))["Records"]
    reports = bench.run(message("x", json.dumps(body)))
    assert ids(reports) == {"x"}
    assert bench.tasks == []
    assert isinstance(reports[0].outcome, Failed)
    assert "theirs" in reports[0].outcome.why


def test_a_hint_may_need_no_task_or_several() -> None:
    def names(hint: Hint) -> tuple[str, ...] | Done:
        if hint.key == "marker/":
            return Done("a folder marker")
        return (hint.key, "") if hint.key == "a/b" else (hint.key,)

    bench = Bench(names=names)
    reports = bench.run(message("m", event("marker/")), message("ab", event("marker/", "a/b")))
    assert [task.name for task in bench.tasks] == ["a/b", ""]
    assert ids(reports) == set()
    assert reports[0].outcome == Done("a folder marker")


def test_a_queue_that_is_away_changes_no_outcome() -> None:
    bench = Bench({"b.jpg": Retry(5, "early")}, ledger=Ledger(broken=True))
    reports = bench.run(message("a", event("a.jpg")), message("b", event("b.jpg")))
    assert ids(reports) == {"b"}
    assert all("the queue is away" in report.notes for report in reports)


@pytest.mark.parametrize(
    ("receives", "seconds"), [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (1000, 300)]
)
def test_delays_grow_to_a_limit(receives: int, seconds: int) -> None:
    assert backoff(receives) == seconds
    (report,) = Bench({"a": Unavailable("a", "503")}).run(message("m", event("a"), receives))
    assert report.outcome == Retry(seconds, "503")


def test_an_empty_batch_is_no_trouble() -> None:
    assert failures(Bench().run()) == {"batchItemFailures": []}
