"""The messages of a Lambda event, and what is no such event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gallery.queue import MalformedBatch, Message, messages


def batch(**changes: Any) -> dict[str, Any]:
    one = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": "{}",
        "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1773489600000"},
        **changes,
    }
    return {"Records": [{name: value for name, value in one.items() if value is not ...}]}


def test_a_message_is_read() -> None:
    sent = datetime(2026, 3, 14, 12, tzinfo=UTC)
    assert messages(batch()) == [Message("m", "r", "{}", 3, sent)]


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "text",
        {},
        {"Records": None},
        {"Records": {}},
        {"Records": "x"},
        {"Records": [None]},
        {"Records": ["x"]},
        batch(messageId=...),
        batch(messageId=""),
        batch(messageId=None),
        batch(messageId=7),
        {"Records": [*batch()["Records"], *batch(messageId="")["Records"]]},
    ],
)
def test_what_could_not_be_reported_as_failed_is_refused_at_once(event: object) -> None:
    with pytest.raises(MalformedBatch):
        messages(event)


def test_an_empty_batch_has_no_messages() -> None:
    assert messages({"Records": []}) == []


@pytest.mark.parametrize("body", [..., None, 7, {}, []])
def test_a_body_that_is_no_text_is_left_for_the_parser_to_refuse(body: object) -> None:
    assert messages(batch(body=body))[0].body == ""


@pytest.mark.parametrize(
    "count", [..., None, "", "x", "0", "-3", "1.5", "1e3", "9" * 5000, [], {}, -1, "NaN", True]
)
def test_a_count_of_receives_that_is_none_is_one(count: object) -> None:
    attributes = {} if count is ... else {"ApproximateReceiveCount": count}
    assert messages(batch(attributes=attributes))[0].receives == 1


@pytest.mark.parametrize(
    "sent", [..., None, "", "x", "1e9", "9" * 30, "-" + "9" * 30, "9" * 5000, [], {}, "nan"]
)
def test_a_time_that_is_none_is_unknown(sent: object) -> None:
    attributes = {} if sent is ... else {"SentTimestamp": sent}
    assert messages(batch(attributes=attributes))[0].sent is None


@pytest.mark.parametrize("attributes", [..., None, [], "x", 7])
def test_no_attributes_are_no_trouble(attributes: object) -> None:
    (found,) = messages(batch(attributes=attributes))
    assert (found.receives, found.sent) == (1, None)


@pytest.mark.parametrize("receipt", [..., None, ""])
def test_no_receipt_is_an_empty_one(receipt: object) -> None:
    assert messages(batch(receiptHandle=receipt))[0].receipt == ""
