"""Whatever is pasted is read or refused; nothing else is ever raised."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight import fixtures
from safelight.pasted import Pasted, Refused, read

EVENTS = [json.dumps(fixture.event) for fixture in fixtures.all_fixtures()]

names = st.sampled_from(
    ["Records", "Messages", "body", "Body", "messageId", "s3", "Sns", "Message", "Type", "level",
     "message", "event", "events", "results", "awslogs", "data", "detail", "detail-type", "source",
     "eventSource", "safelight", "requestPayload", "@message", "body_bytes", "message_id"]
)  # fmt: skip
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["aws:s3", "aws:sqs", "aws.s3", "Notification", '{"Records":[]}', "{'a': 1}"])
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=20,
)


def outcome(raw: bytes | str) -> Pasted | str:
    try:
        return read(raw)
    except Refused as refused:
        return str(refused)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_anything(raw: bytes | str) -> None:
    outcome(raw)


@given(values)
def test_json_with_the_right_names(value: object) -> None:
    found = outcome(json.dumps(value))
    if isinstance(found, Pasted):
        assert found.what
        assert found.batches
    outcome(repr(value))


@given(st.sampled_from(EVENTS), st.data())
def test_events_with_something_cut_out(event: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(event)))
    length = data.draw(st.integers(0, 40))
    outcome(event[:start] + event[start + length :])


@pytest.mark.parametrize("wrap", [json.dumps, repr, lambda event: f"INFO\t{event}\nEND"])
def test_the_whole_library_is_read_from_any_log(wrap: object) -> None:
    assert callable(wrap)
    for fixture in fixtures.all_fixtures():
        if not fixture.meta.expect.refused:
            found = outcome(wrap(fixture.event if wrap is repr else json.dumps(fixture.event)))
            assert isinstance(found, Pasted), (fixture.name, found)
