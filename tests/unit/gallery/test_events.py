"""Events: every shape that SQS can hand over, and what is refused with which words."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from gallery.events import Hint, NotUnderstood, Parsed, decode_key, encode_key, hint_body, parse

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


def record(**changes: Any) -> dict[str, Any]:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2026-03-14T12:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "b"}, "object": {"key": "photos/a+b.jpg"}},
        **changes,
    }


def body(*records: object) -> str:
    return json.dumps({"Records": list(records)})


def sns(message: str, **changes: Any) -> str:
    return json.dumps({"Type": "Notification", "Message": message, **changes})


def refusal(text: str) -> str:
    with pytest.raises(NotUnderstood) as error:
        parse(text)
    return str(error.value)


def test_an_s3_record_is_a_hint() -> None:
    assert parse(body(record())) == Parsed(
        (Hint("b", "photos/a b.jpg", "created", NOON, "ObjectCreated:Put", "s3"),)
    )


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ObjectCreated:Put", "created"),
        ("ObjectCreated:Post", "created"),
        ("ObjectCreated:Copy", "created"),
        ("ObjectCreated:CompleteMultipartUpload", "created"),
        ("ObjectRestore:Completed", "created"),
        ("s3:ObjectCreated:Put", "created"),
        ("ObjectRemoved:Delete", "removed"),
        ("ObjectRemoved:DeleteMarkerCreated", "removed"),
        ("LifecycleExpiration:Delete", "removed"),
        ("LifecycleExpiration:DeleteMarkerCreated", "removed"),
        ("ObjectRestore:Post", "changed"),
        ("ObjectRestore:Delete", "changed"),
        ("LifecycleTransition", "changed"),
        ("ObjectTagging:Put", "changed"),
        ("ObjectCreatedOnceUponATime", "changed"),
    ],
)
def test_a_name_claims_a_change(name: str, change: str) -> None:
    (hint,) = parse(body(record(eventName=name))).hints
    assert (hint.change, hint.name) == (change, name)


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.6", "2.99", "2", 2, 2.1])
def test_every_minor_version_is_read(version: object) -> None:
    assert len(parse(body(record(eventVersion=version))).hints) == 1


@pytest.mark.parametrize("version", ["1.0", "3.0", "22.0", "", None, [], {}, True, "two"])
def test_other_major_versions_are_refused(version: object) -> None:
    assert "eventVersion" in refusal(body(record(eventVersion=version)))


@pytest.mark.parametrize("source", ["aws:s3", "minio:s3", "aws.s3"])
def test_sources_that_speak_s3_are_read(source: str) -> None:
    assert len(parse(body(record(eventSource=source))).hints) == 1


@pytest.mark.parametrize("source", ["aws:sns", "aws:s3control", "", None, 3, ["aws:s3"]])
def test_other_sources_are_refused(source: object) -> None:
    assert "eventSource" in refusal(body(record(eventSource=source)))


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-03-14T12:00:00Z", NOON),
        ("2026-03-14T12:00:00", NOON),
        ("2026-03-14T14:00:00.000+02:00", NOON),
        (None, None),
    ],
)
def test_times_are_read_as_utc(time: str | None, expected: datetime | None) -> None:
    (hint,) = parse(body(record(eventTime=time))).hints
    assert hint.time == expected
    assert hint.time is None or hint.time.tzinfo is UTC


@pytest.mark.parametrize("time", ["noon", "", 0, "0001-01-01T00:00:00+14:00", "\ud800", [], {}])
def test_times_that_are_none_are_refused(time: object) -> None:
    assert "time" in refusal(body(record(eventTime=time)))


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("a+b", "a b"),
        ("a%20b", "a b"),
        ("a%2Bb", "a+b"),
        ("a%2bb", "a+b"),
        ("a%2Fb", "a/b"),
        ("50%25", "50%"),
        ("50%2525", "50%25"),
        ("100%", "100%"),
        ("%zz%4", "%zz%4"),
        ("%C3%A9", "é"),
        ("e%CC%81", "e\u0301"),
        ("é", "é"),
        ("%F0%9F%8C%8A", "\U0001f30a"),
        ("%00%0A", "\x00\n"),
    ],
)
def test_keys_are_form_decoded_once(raw: str, key: str) -> None:
    assert decode_key(raw) == key


@pytest.mark.parametrize("raw", ["%FF", "caf%E9", "%C3", "%ED%A0%80", "\ud800"])
def test_keys_that_are_no_utf_8_are_refused(raw: str) -> None:
    with pytest.raises(NotUnderstood, match="not UTF-8"):
        decode_key(raw)


def test_keys_are_encoded_as_aws_does() -> None:
    # Measured on AWS's own form, see fixtures/events/aws-odd-key.json.
    assert encode_key("photos/my album/é+ 1%.jpg") == "photos/my+album/%C3%A9%2B+1%25.jpg"


@pytest.mark.parametrize(
    ("key", "reason"),
    [("", "key is empty"), ("a" * 1025, "1025 bytes"), ("%C3%A9" * 513, "1026 bytes")],
)
def test_keys_of_impossible_length_are_refused(key: str, reason: str) -> None:
    changed = record(s3={"bucket": {"name": "b"}, "object": {"key": key}})
    assert reason in refusal(body(changed))


def test_several_records_are_several_hints_in_their_order() -> None:
    other = record(s3={"bucket": {"name": "b"}, "object": {"key": "photos/z.jpg"}})
    assert [hint.key for hint in parse(body(record(), other, record())).hints] == [
        "photos/a b.jpg",
        "photos/z.jpg",
        "photos/a b.jpg",
    ]


def test_one_bad_record_spoils_its_message() -> None:
    assert refusal(body(record(), {"eventSource": "aws:s3"})).startswith("Records[1]")


def test_no_records_need_nothing_done() -> None:
    assert parse(body()) == Parsed((), ("an S3 event without Records",))


def test_sns_envelopes_are_opened() -> None:
    assert parse(sns(body(record()))) == parse(body(record()))
    assert parse(sns(sns(body(record())))) == parse(body(record()))


def test_envelopes_end_at_a_depth() -> None:
    text = body(record())
    for _ in range(4):
        text = sns(text)
    assert len(parse(text).hints) == 1
    assert "envelopes" in refusal(sns(text))


def test_whole_events_in_a_body_are_opened() -> None:
    forwarded = body({"messageId": "m", "eventSource": "aws:sqs", "body": body(record())})
    assert parse(forwarded) == parse(body(record()))
    by_topic = body({"EventSource": "aws:sns", "Sns": {"Message": body(record())}})
    assert parse(by_topic) == parse(body(record()))


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_sns_confirmations_are_for_a_person(kind: str) -> None:
    assert kind in refusal(json.dumps({"Type": kind, "Message": "You have chosen …"}))


@pytest.mark.parametrize("message", [None, "", 1, {}, []])
def test_empty_envelopes_are_refused(message: object) -> None:
    assert "Message" in refusal(json.dumps({"Type": "Notification", "Message": message}))


def test_test_events_need_nothing_done() -> None:
    event = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})
    assert parse(event).hints == ()
    assert parse(sns(event)).hints == ()
    assert "test event" in parse(event).notes[0]


def bridged(**changes: Any) -> str:
    event = {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": "2026-03-14T12:00:00Z",
        "detail": {"bucket": {"name": "b"}, "object": {"key": "photos/a+b%20c.jpg"}},
    }
    return json.dumps({**event, **changes})


def test_eventbridge_keys_are_raw() -> None:
    (hint,) = parse(bridged()).hints
    assert hint == Hint("b", "photos/a+b%20c.jpg", "created", NOON, "Object Created", "eventbridge")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("Object Created", "created"),
        ("Object Restore Completed", "created"),
        ("Object Deleted", "removed"),
        ("Object Tags Added", "changed"),
        ("Object Storage Class Changed", "changed"),
    ],
)
def test_eventbridge_kinds(kind: str, change: str) -> None:
    assert parse(bridged(**{"detail-type": kind})).hints[0].change == change


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"source": "aws.ec2"}, "aws.ec2"),
        ({"source": None}, "not from aws.s3"),
        ({"detail-type": 7}, "detail-type"),
        ({"detail": "text"}, "detail is text"),
        ({"detail": {}}, "bucket is missing"),
        ({"detail": {"bucket": {"name": "b"}}}, "object is missing"),
        ({"detail": {"bucket": {"name": "b"}, "object": {"key": "\ud800"}}}, "Unicode"),
    ],
)
def test_other_eventbridge_events_are_refused(changes: dict[str, Any], reason: str) -> None:
    assert reason in refusal(bridged(**changes))


def test_our_own_hint_comes_back() -> None:
    (hint,) = parse(hint_body("b", "photos/a+b%20é.jpg", "because", NOON)).hints
    assert hint == Hint("b", "photos/a+b%20é.jpg", "changed", NOON, "because", "hint")


def test_our_own_hint_is_plain_ascii() -> None:
    # SQS takes only what XML 1.0 can say (SendMessage, "Valid characters").
    assert hint_body("b", "photos/\x01é\n.jpg", "why", NOON).isprintable()
    assert hint_body("b", "photos/\x01é\n.jpg", "why", NOON).isascii()


@pytest.mark.parametrize("version", [0, 2, "1", None, [1], {"v": 1}])
def test_other_versions_of_our_hint_are_refused(version: object) -> None:
    assert "version" in refusal(json.dumps({"safelight": version, "bucket": "b", "key": "k"}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "null",
        "[]",
        "42",
        '"text"',
        "true",
        "{}",
        "{",
        '{"Records": {}}',
        '{"Records": null}',
        '{"Records": [null]}',
        '{"Records": [[]]}',
        '{"Records": ["x"]}',
        '{"Records": [{}]}',
        '{"Event": "s3:OtherEvent"}',
        "\ufeff{}",
        "<xml/>",
        "\x00",
        "\ud800",
        "9" * 5000,
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"Records": [{"eventSource": %s}]}' % ("9" * 5000),
    ],
)
def test_anything_else_is_refused_with_words(text: str) -> None:
    assert len(refusal(text)) > 10


@pytest.mark.parametrize("field", ["eventSource", "eventVersion", "eventTime", "eventName"])
def test_deep_nesting_in_a_field_is_refused_too(field: str) -> None:
    event = json.dumps({"Records": [record(**{field: "DEEP"})]})
    # Somewhere here it can just be parsed, and no longer be printed.
    for depth in range(sys.getrecursionlimit() - 300, sys.getrecursionlimit() + 10):
        assert refusal(event.replace('"DEEP"', "[" * depth + "]" * depth))


def test_a_refusal_is_short_and_safe_to_log() -> None:
    reason = refusal(body(record(eventSource="\x1b[31m\n" * 10_000)))
    assert len(reason) < 300
    assert reason.isprintable()
