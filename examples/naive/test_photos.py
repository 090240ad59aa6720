"""A pipeline that is not Safelight's, on its bad days.

The naive handler is here to fail: what it breaks is what these tests demand.
"""

from __future__ import annotations

import json

import pytest

from examples.naive.mended import changed
from examples.naive.mended import make as mended
from examples.naive.naive import INBOX
from examples.naive.naive import make as naive
from safelight.testing import (
    TROUBLES,
    EventSourceMapping,
    Fixture,
    VirtualQueue,
    VirtualS3,
    bad_days,
    safelight_events,
)

PHOTOS = {f"{name}.jpg": name.encode() for name in ("tram", "harbour", "tiles")}

# Day by day: the laws that the naive handler breaks.  (That its own deletes wake it again, and
# fail, comes on top where the queue is told of deletes.)
BREAKS = {
    "a plain day": {"originals"},
    "every message twice": {"originals", "letters"},
    "a duplicate an hour later": {"originals", "letters"},
    "out of order": {"originals", "letters", "outputs"},
    "odd keys": {"letters", "outputs"},
    "odd keys, as LocalStack writes them": {"letters", "outputs"},
    "deleted before the message comes": {"letters", "outputs"},
    "deleted, and put again": {"originals", "letters", "outputs"},
    "overwritten while it is being read": {"originals", "letters", "outputs"},
    "poison among good ones": {"originals", "letters"},
    "S3's test event": {"originals", "letters"},
    "the function dies at any of its calls": {"originals"},
    "any call fails, and its answer is lost": {"originals"},
    "everything comes again": {"originals", "letters"},
}


def test_the_naive_handler_works_once(virtual_s3: VirtualS3, virtual_sqs: VirtualQueue) -> None:
    """It made its thumbnail: that is all that was tried before it went live."""
    virtual_s3.notify(virtual_sqs, "photos", prefix=INBOX, events=["ObjectCreated:*"])
    virtual_s3.put_object(Bucket="photos", Key=f"{INBOX}tram.jpg", Body=b"tram")

    EventSourceMapping(virtual_sqs, naive(virtual_s3), report_failures=False).drain()

    assert virtual_s3.objects("photos") == {
        "processed/tram.jpg": b"tram",
        "thumbnails/tram.jpg": b"a thumbnail of tram",
    }


def test_a_duplicate_makes_a_good_message_a_dead_letter(
    virtual_s3: VirtualS3, virtual_sqs: VirtualQueue
) -> None:
    """The photo has been moved: it is not there when the message comes again."""
    virtual_s3.notify(virtual_sqs, "photos", prefix=INBOX, events=["ObjectCreated:*"])
    virtual_s3.put_object(Bucket="photos", Key=f"{INBOX}tram.jpg", Body=b"tram")
    virtual_s3.again(virtual_s3.told[0])

    EventSourceMapping(virtual_sqs, naive(virtual_s3)).drain()

    assert [letter.about for letter in virtual_sqs.dead] == [f"{INBOX}tram.jpg"] * 2


@pytest.mark.parametrize("day", TROUBLES)
def test_every_other_day_the_naive_handler_breaks_a_law(day: str) -> None:
    """Moving the photo breaks one even on a plain day: `aws s3 sync` would upload it again."""
    found = bad_days(naive, PHOTOS, inbox=INBOX, deletes=False, only=[day])

    assert {each.law for each in found} == BREAKS[day], found


@pytest.mark.parametrize("day", TROUBLES)
def test_the_mended_handler_keeps_every_law(day: str) -> None:
    assert bad_days(mended, PHOTOS, inbox=INBOX, only=[day]) == []


@safelight_events(topic=["keys", "changes"], outcome="done")
def test_the_mended_handler_reads_every_key(safelight_event: Fixture) -> None:
    """Over the library: what a message is about is what its sidecar says."""
    expected = safelight_event.meta.expect.messages
    for message, expect in zip(safelight_event.fresh()["Records"], expected, strict=True):
        assert [key for _, key in changed(message["body"])] == [key for _, key in expect.hints]


@safelight_events(topic="delivery", name="poison-*")
def test_poison_takes_no_batch_mate_with_it(
    safelight_event: Fixture, virtual_s3: VirtualS3
) -> None:
    for number in range(1, 11):
        key = f"photos/lisbon/{number}.jpg"
        virtual_s3.put_object(Bucket="safelight-fixtures", Key=key, Body=b"a photo")

    answer = mended(virtual_s3)(safelight_event.fresh(), None)

    assert len(answer["batchItemFailures"]) == 1
    with pytest.raises(json.JSONDecodeError):
        naive(virtual_s3)(safelight_event.fresh(), None)
