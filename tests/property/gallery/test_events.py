"""Whatever SQS hands over: it is understood, or refused in words; and keys come through."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gallery.events import NotUnderstood, Parsed, decode_key, encode_key, hint_body, parse
from gallery.keys import MAX_KEY

# Every character UTF-8 can say, with those that encodings trip over made common.
keys = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("+% /&=?#~*.-_\x00\n\x7fé\u0301")),
    min_size=1,
    max_size=200,
).filter(lambda key: len(key.encode()) <= MAX_KEY)

_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),  # halves of surrogate pairs, too
    st.sampled_from(
        ["aws:s3", "aws:sqs", "aws.s3", "2.1", "s3:TestEvent", "Notification", "Object Created",
         "ObjectCreated:Put", "2026-03-14T12:00:00Z", "%FF", "a+b"]
    ),
)  # fmt: skip
_names = st.one_of(
    st.sampled_from(
        ["Records", "Type", "Message", "Event", "safelight", "detail-type", "detail", "source",
         "eventSource", "eventVersion", "eventTime", "eventName", "s3", "bucket", "object", "name",
         "key", "Sns", "body", "time", "why"]
    ),
    st.text(st.characters(), max_size=3),
)  # fmt: skip
anything = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(_names, inner, max_size=6),
        inner.map(json.dumps),
    ),
    max_leaves=25,
)


def record(key: str) -> dict[str, Any]:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2026-03-14T12:00:00Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "b"}, "object": {"key": key}},
    }


def understood(text: str) -> Parsed | None:
    """What is in ``text``; ``None`` if it is refused as it should be."""
    try:
        return parse(text)
    except NotUnderstood as error:
        reason = str(error)
    assert reason
    assert reason.encode("utf-8")  # it can be logged
    return None


def sound(parsed: Parsed | None) -> None:
    for hint in parsed.hints if parsed is not None else ():
        assert 0 < len(hint.key.encode("utf-8")) <= MAX_KEY
        assert hint.bucket
        assert hint.time is None or hint.time.utcoffset() is not None


@given(keys)
def test_a_key_comes_through_its_encoding(key: str) -> None:
    encoded = encode_key(key)
    assert decode_key(encoded) == key
    assert encoded.isascii()
    assert " " not in encoded


@given(keys)
def test_a_key_comes_through_every_wrapping(key: str) -> None:
    event = json.dumps({"Records": [record(encode_key(key))]})
    envelope = json.dumps({"Type": "Notification", "Message": event})
    bridge = json.dumps(
        {
            "detail-type": "Object Created",
            "source": "aws.s3",
            "detail": {"bucket": {"name": "b"}, "object": {"key": key}},
        }
    )
    own = hint_body("b", key, "because", datetime(2026, 3, 14, tzinfo=UTC))
    for body in (event, envelope, json.dumps({"Type": "Notification", "Message": envelope}),
                 bridge, own):  # fmt: skip
        assert [hint.key for hint in parse(body).hints] == [key]


@given(st.text(st.characters()))
def test_text_is_understood_or_refused(text: str) -> None:
    sound(understood(text))


@given(anything)
def test_json_is_understood_or_refused(value: object) -> None:
    sound(understood(json.dumps(value)))


@given(st.data())
def test_a_broken_event_is_understood_or_refused(data: st.DataObject) -> None:
    """A good event, wrapped, with one part replaced by something else or taken out."""
    event: Any = {"Records": [record("photos/a.jpg"), record("photos/b.jpg")]}
    path: list[Any] = []
    part = event
    while isinstance(part, dict | list) and (not path or data.draw(st.booleans())):
        path.append(
            data.draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
        )
        part = part[path[-1]]
    parent = event
    for step in path[:-1]:
        parent = parent[step]
    if data.draw(st.booleans()):
        parent[path[-1]] = data.draw(anything)
    else:
        del parent[path[-1]]
    sound(understood(json.dumps(event)))
    sound(understood(json.dumps({"Type": "Notification", "Message": json.dumps(event)})))


@given(keys, st.integers(0, 400))
def test_a_truncated_event_is_refused(key: str, cut: int) -> None:
    event = json.dumps({"Records": [record(encode_key(key))]})
    assert understood(event[: min(cut, len(event) - 1)]) is None


@given(keys, st.dictionaries(st.text(min_size=1, max_size=5).map("x-{}".format), anything))
def test_unknown_fields_are_ignored(key: str, more: dict[str, Any]) -> None:
    plain = record(encode_key(key))
    s3 = plain["s3"]
    rich = {
        **more,
        **plain,
        "s3": {**more, **s3, "object": {**more, **s3["object"]}, "bucket": {**more, "name": "b"}},
    }
    assert parse(json.dumps({**more, "Records": [rich]})) == parse(json.dumps({"Records": [plain]}))


@given(st.integers(1, 100_000), st.sampled_from(["[", '{"a":', '{"Records":[', '{"body":']))
def test_nesting_is_refused_at_any_depth(depth: int, opening: str) -> None:
    assert understood(opening * depth) is None
