"""Records: the published schemas, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from gallery import record
from gallery.record import (
    AlbumRecord,
    CorruptRecord,
    PhotoRecord,
    Shown,
    TextRecord,
    UnreadableRecord,
)

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
PHOTO = PhotoRecord(key="photos/a.jpg", status="ready", updated=NOON)


@pytest.mark.parametrize("name", sorted(record.schemas()))
def test_the_published_schema_is_the_code_s(name: str) -> None:
    """``python -m safelight.fixtures publish`` writes them."""
    published = json.loads((ROOT / "docs/schemas" / name).read_text(encoding="utf-8"))
    assert published == json.loads(json.dumps(record.schemas()[name]))
    Draft202012Validator.check_schema(published)


def test_a_record_says_its_version_and_kind() -> None:
    assert json.loads(record.encode(PHOTO)) == {
        "version": 1,
        "kind": "photo",
        "key": "photos/a.jpg",
        "status": "ready",
        "updated": "2026-03-14T12:00:00Z",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"photo"',
        b"\xff\xfe",
        b'{"version": 1}',
        b'{"version": "1"}',
        b'{"version": null}',
        b'{"version": true}',
        b'{"version": 1, "kind": 7}',
        b'{"version": 1, "kind": "video"}',
        b'{"version": 1, "kind": "album"}',
        b'{"version": 1, "kind": "photo", "key": "k", "status": "lost", "updated": '
        b'"2026-01-01T00:00:00Z"}',
        b'{"version": 1, "kind": "photo", "key": "k", "status": "ready", "updated": "yesterday"}',
        b'{"version": 1, "kind": "photo", "key": "\\ud800", "status": "ready", "updated": 1}',
        b'{"version": 1, "kind": "photo", "x": ' + b"[" * 100_000,
        b"[" * 100_000,
        b'{"version": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_record_is_corrupt(body: bytes) -> None:
    with pytest.raises(CorruptRecord, match="the-name"):
        record.decode(body, "the-name")


def test_a_time_without_a_zone_is_corrupt() -> None:
    # It could not be compared with any other: better made anew than met much later.
    body = record.encode(PHOTO).replace(b"12:00:00Z", b"12:00:00")
    with pytest.raises(CorruptRecord):
        record.decode(body)


def test_a_later_version_is_not_corrupt() -> None:
    body = b'{"version": 2, "kind": "photo", "everything": "else"}'
    with pytest.raises(UnreadableRecord, match="update Safelight") as error:
        record.decode(body)
    assert not isinstance(error.value, CorruptRecord)


def test_a_record_of_another_kind_is_corrupt_in_its_place() -> None:
    album = AlbumRecord(kind="album", slug="a", inputs="", updated=NOON)
    words = TextRecord(kind="text", key="photos/index.md", status="ready", updated=NOON)
    with pytest.raises(CorruptRecord, match="album"):
        record.decode(record.encode(album))
    for other in (PHOTO, words):
        with pytest.raises(CorruptRecord, match="belongs"):
            record.decode_album(record.encode(other))


@pytest.mark.parametrize("both", [True, False])
def test_an_album_shows_one_record_at_a_time(both: bool) -> None:
    words = TextRecord(kind="text", key="photos/a.jpg.md", status="ready", updated=NOON)
    album = AlbumRecord(
        kind="album",
        slug="",
        inputs="",
        shown={"a.jpg.json": Shown.of("1", PHOTO)},
        updated=NOON,
    )
    value = json.loads(record.encode(album))
    shown = value["shown"]["a.jpg.json"]
    if both:
        shown["text"] = json.loads(record.encode(words))
    else:
        del shown["photo"]
    with pytest.raises(CorruptRecord, match="either"):
        record.decode_album(json.dumps(value).encode())


def test_equal_records_give_equal_bytes() -> None:
    one = AlbumRecord(kind="album", slug="a", inputs="", linked={"x": "1", "y": "2"}, updated=NOON)
    other = AlbumRecord(
        kind="album", slug="a", inputs="", linked={"y": "2", "x": "1"}, updated=NOON
    )
    assert record.encode(one) == record.encode(other)
