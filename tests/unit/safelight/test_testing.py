"""`safelight.testing`: the virtual S3, what Lambda does with a queue, the library for pytest."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from safelight import fixtures
from safelight.testing import (
    Call,
    EventSourceMapping,
    Fixture,
    FunctionDied,
    LawBroken,
    Pipeline,
    VirtualClock,
    VirtualQueue,
    VirtualS3,
    bad_days,
    broken_laws,
    chosen,
    safelight_events,
)

# The virtual S3 (tests/conformance/ holds it to S3, as a store) ------------------------------


def told(queue: VirtualQueue) -> list[tuple[str, str]]:
    found = []
    for letter in queue.letters:
        (record,) = json.loads(letter.body)["Records"]
        found.append((record["eventName"], record["s3"]["object"]["key"]))
    return found


def test_it_tells_a_queue_of_what_it_subscribed_to(
    virtual_s3: VirtualS3, virtual_sqs: VirtualQueue
) -> None:
    virtual_s3.notify(virtual_sqs, "b", prefix="in/", suffix=".jpg")
    for key in ("in/a +.jpg", "in/b.txt", "out/c.jpg"):
        virtual_s3.put_object(Bucket="b", Key=key, Body=b"x")
    virtual_s3.put_object(Bucket="another", Key="in/a.jpg")
    virtual_s3.copy_object(Bucket="b", Key="in/d.jpg", CopySource="b/in/a%20%2B.jpg")
    virtual_s3.delete_object(Bucket="b", Key="in/d.jpg")
    virtual_s3.delete_object(Bucket="b", Key="in/never.jpg")

    assert told(virtual_sqs) == [
        ("ObjectCreated:Put", "in/a+%2B.jpg"),
        ("ObjectCreated:Copy", "in/d.jpg"),
        ("ObjectRemoved:Delete", "in/d.jpg"),
    ]


def test_deletes_are_told_only_if_asked_for(
    virtual_s3: VirtualS3, virtual_sqs: VirtualQueue
) -> None:
    virtual_s3.notify(virtual_sqs, "b", events=["ObjectCreated:Put"], dialect="localstack")
    virtual_s3.put_object(Bucket="b", Key="a b.jpg")
    virtual_s3.copy_object(Bucket="b", Key="c.jpg", CopySource={"Bucket": "b", "Key": "a b.jpg"})
    virtual_s3.delete_objects(Bucket="b", Delete={"Objects": [{"Key": "a b.jpg"}]})

    assert told(virtual_sqs) == [("ObjectCreated:Put", "a%20b.jpg")]
    assert virtual_s3.objects("b") == {"c.jpg": b""}


def test_notifications_can_be_held_and_come_in_any_order(
    virtual_s3: VirtualS3, virtual_sqs: VirtualQueue
) -> None:
    virtual_s3.notify(virtual_sqs, "b")
    virtual_s3.holding = True
    for key in ("1", "2", "3"):
        virtual_s3.put_object(Bucket="b", Key=key)
    assert told(virtual_sqs) == []

    assert virtual_s3.deliver(newest_first=True) == 3
    virtual_s3.again(virtual_s3.told[0])

    assert [key for _, key in told(virtual_sqs)] == ["3", "2", "1", "1"]
    assert [letter.duplicate for letter in virtual_sqs.letters] == [False] * 3 + [True]


def test_its_errors_are_botocores(virtual_s3: VirtualS3) -> None:
    with pytest.raises(virtual_s3.exceptions.NoSuchKey) as missing:
        virtual_s3.get_object(Bucket="b", Key="x")
    assert missing.value.response["Error"]["Code"] == "NoSuchKey"
    with pytest.raises(ClientError, match="404"):
        virtual_s3.head_object(Bucket="b", Key="x")
    virtual_s3.put_object(Bucket="b", Key="x", Body="text")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        virtual_s3.put_object(Bucket="b", Key="x", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        virtual_s3.get_object(Bucket="b", Key="x", IfMatch='"another"')
    with pytest.raises(TypeError):
        virtual_s3.put_object(Bucket="b", Key="x", Tagging="a=b")  # type: ignore[call-arg]


def test_files_go_up_and_down(virtual_s3: VirtualS3, tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(b"bytes")
    virtual_s3.upload_file(str(tmp_path / "up"), "b", "x")
    virtual_s3.download_file("b", "x", str(tmp_path / "down"))
    virtual_s3.upload_fileobj(io.BytesIO(b"more"), "b", "y")
    file = io.BytesIO()
    virtual_s3.download_fileobj("b", "y", file)

    assert (tmp_path / "down").read_bytes() == b"bytes"
    assert file.getvalue() == b"more"
    assert virtual_s3.get_object(Bucket="b", Key="x")["Body"].read() == b"bytes"


def test_a_call_that_fails_after_its_effect_has_had_its_effect(
    virtual_s3: VirtualS3, virtual_sqs: VirtualQueue
) -> None:
    def lost(call: Call) -> None:
        if call.phase == "after":
            raise TimeoutError

    virtual_s3.notify(virtual_sqs, "b")
    virtual_s3.hook = lost
    with pytest.raises(TimeoutError):
        virtual_s3.put_object(Bucket="b", Key="x", Body=b"bytes")

    assert virtual_s3.objects("b") == {"x": b"bytes"}
    assert told(virtual_sqs) == [("ObjectCreated:Put", "x")]


def test_a_read_gives_what_was_there_when_it_was_made(virtual_s3: VirtualS3) -> None:
    def overwrite(call: Call) -> None:
        if call == Call("get", "x", "after"):
            virtual_s3.hook = None
            virtual_s3.put_object(Bucket="b", Key="x", Body=b"new")

    virtual_s3.put_object(Bucket="b", Key="x", Body=b"old")
    virtual_s3.hook = overwrite

    assert virtual_s3.get_object(Bucket="b", Key="x")["Body"].read() == b"old"


# What Lambda does ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "ended", "left"),
    [
        (None, "answered", 0),
        ({}, "answered", 0),
        ({"batchItemFailures": []}, "answered", 0),
        ({"batchItemFailures": None}, "answered", 0),
        ({"batchItemFailures": [{"itemIdentifier": "queue-2"}]}, "answered", 1),
        # Whatever is no answer fails the whole batch.
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, "nonsense", 3),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, "nonsense", 3),
        ({"batchItemFailures": [{"itemIdentifier": "of-another-batch"}]}, "nonsense", 3),
        ({"batchItemFailures": [{"id": "queue-2"}]}, "nonsense", 3),
        ({"failures": []}, "nonsense", 3),
        ("all is well", "nonsense", 3),
    ],
)
def test_the_answer_decides_what_is_deleted(
    answer: Any, ended: str, left: int, virtual_sqs: VirtualQueue
) -> None:
    for body in "123":
        virtual_sqs.send(body)

    made = EventSourceMapping(virtual_sqs, lambda event, context: answer).poll()

    assert made is not None
    assert made.ended == ended
    assert len(virtual_sqs.letters) == left


def test_without_reporting_who_returns_has_done_all(virtual_sqs: VirtualQueue) -> None:
    virtual_sqs.send("1")
    answer = {"batchItemFailures": [{"itemIdentifier": "queue-1"}]}
    mapping = EventSourceMapping(virtual_sqs, lambda event, context: answer, report_failures=False)

    mapping.poll()

    assert virtual_sqs.letters == []


@pytest.mark.parametrize("error", [ValueError, FunctionDied])
def test_whoever_raises_has_done_nothing(
    error: type[BaseException], virtual_sqs: VirtualQueue
) -> None:
    def handler(event: dict[str, Any], context: Any) -> None:
        raise error

    for body in "12":
        virtual_sqs.send(body)
    mapping = EventSourceMapping(virtual_sqs, handler)

    made = mapping.drain()

    assert [each.ended for each in made] == ["raised" if error is ValueError else "died"] * 3
    assert len(virtual_sqs.dead) == 2
    assert mapping.poll() is None


def test_the_event_is_as_lambda_shapes_it(virtual_sqs: VirtualQueue) -> None:
    seen: list[dict[str, Any]] = []

    def handler(event: dict[str, Any], context: Any) -> None:
        assert context.get_remaining_time_in_millis() > 0
        seen.append(event)

    for number in range(12):
        virtual_sqs.send(str(number))
    EventSourceMapping(virtual_sqs, handler).drain()

    assert [len(event["Records"]) for event in seen] == [10, 2]
    real = fixtures.load("put").event["Records"][0]
    assert seen[0]["Records"][0].keys() == real.keys()
    assert seen[0]["Records"][0]["attributes"].keys() == real["attributes"].keys()


def test_who_never_ends_breaks_a_law(virtual_clock: VirtualClock) -> None:
    queue = VirtualQueue("queue", virtual_clock, visibility=60, max_receives=10_000)
    queue.send("1")

    with pytest.raises(LawBroken, match="settles"):
        EventSourceMapping(queue, lambda event, context: "nonsense").drain()
    assert virtual_clock.since_beginning() > timedelta(hours=1).total_seconds()


# Bad days --------------------------------------------------------------------------------------


def _writer(body: bytes) -> Any:
    def make(s3: VirtualS3) -> Any:
        def handler(event: dict[str, Any], context: Any) -> None:
            s3.put_object(Bucket="photos", Key="in/a.jpg", Body=body)

        return handler

    return make


def test_whoever_writes_where_the_users_objects_are_is_seen() -> None:
    day = Pipeline(_writer(b"mine"), "in/", deletes=False, receives=3)
    day.s3.notify(VirtualQueue("elsewhere", day.clock), "photos")
    day.put("a.jpg", b"theirs")
    day.mapping.poll()

    assert [law.law for law in broken_laws(day)][:1] == ["originals"]


def test_a_handler_that_counts_is_caught_by_the_replay() -> None:
    """What is made must not depend on how often a message comes."""

    def make(s3: VirtualS3) -> Any:
        seen = [0]

        def handler(event: dict[str, Any], context: Any) -> None:
            for _ in event["Records"]:
                seen[0] += 1
            s3.put_object(Bucket="photos", Key="out/count", Body=str(seen[0]).encode())

        return handler

    found = bad_days(make, {"a": b"x"}, inbox="in/", only=["everything comes again"])

    assert [each.law for each in found] == ["replay"]


# The library -----------------------------------------------------------------------------------


def test_events_are_chosen_by_what_they_are() -> None:
    assert {each.meta.topic for each in chosen(topic="keys")} == {"keys"}
    assert {each.meta.topic for each in chosen(topic=["keys", "dialects"])} == {"keys", "dialects"}
    assert [each.name for each in chosen(name="poison-*")] == ["poison-among-nine"]
    assert all(each.meta.expect.refused for each in chosen(outcome="refused"))
    assert len(chosen()) == len(fixtures.names())
    recorded, edited, written = (len(chosen(origin=each)) for each in
                                 ("recorded", "edited", "written"))  # fmt: skip
    assert recorded + edited + written == len(chosen())


@pytest.mark.parametrize(
    "wish", [{"topic": "cats"}, {"outcome": "fine"}, {"origin": "found"}, {"name": "cat-*"}]
)
def test_a_choice_of_nothing_is_a_mistake(wish: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"cat|fine|found|no event"):
        chosen(**wish)


@safelight_events
def test_without_a_choice_it_is_all_of_them(safelight_event: Fixture) -> None:
    assert safelight_event.name in fixtures.names()


@safelight_events(name="put", argument="recorded")
def test_the_argument_may_have_another_name(recorded: Fixture) -> None:
    assert recorded.name == "put"
