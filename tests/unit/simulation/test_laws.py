"""The safety laws, each broken by hand."""

from __future__ import annotations

import pytest

from gallery import keys
from gallery.record import PhotoRecord, Rendition, RenditionSet, Source, encode
from safelight.simulation.clock import BEGINNING, VirtualClock
from safelight.simulation.laws import LawBroken, Safety, links
from safelight.testing import MemoryObject, SimulatedBucket

PHOTO = "photos/a/1.jpg"
RECORD = keys.record(PHOTO)
DIGEST = "0123456789abcdef"
RENDITION = keys.rendition(PHOTO, DIGEST, 300)


class Watched:
    """A bucket whose every change is shown to the laws."""

    def __init__(self) -> None:
        self.bucket = SimulatedBucket(VirtualClock())
        self.safety = Safety(VirtualClock(), self.bucket.objects)
        self.bucket.watcher = self.changed
        self.before: MemoryObject | None = None

    def changed(self, verb: str, key: str, found: MemoryObject | None) -> None:
        self.safety.changed(key, self.before, found, by="t1")

    def put(self, key: str, body: bytes) -> None:
        self.before = self.bucket.objects.get(key)
        self.bucket.put(key, body, content_type="text/plain")

    def delete(self, key: str) -> None:
        self.before = self.bucket.objects.get(key)
        self.bucket.delete(key)

    @property
    def law(self) -> str | None:
        try:
            self.safety.check()
        except LawBroken as error:
            return error.law
        return None


def ready(digest: str = DIGEST, **more: object) -> bytes:
    record = PhotoRecord(
        key=PHOTO,
        status="ready",
        source=Source(etag="v1", size=2, last_modified=BEGINNING),
        digest=digest,
        renditions=(Rendition(key=RENDITION, width=300, height=200, bytes=1),),
        updated=BEGINNING,
    )
    return encode(record)


def deleted() -> bytes:
    gone = (RenditionSet(digest=DIGEST, since=BEGINNING),)
    return encode(PhotoRecord(key=PHOTO, status="deleted", superseded=gone, updated=BEGINNING))


GOOD = b"300 px of v1 by plain-1"
PAGE = f'<img src="../{RENDITION}">'.encode()


@pytest.fixture
def watched() -> Watched:
    found = Watched()
    found.put(RENDITION, GOOD)
    found.put(RECORD, ready())
    found.put("albums/a.html", PAGE)
    assert found.law is None
    return found


def test_an_original_is_written(watched: Watched) -> None:
    watched.put(PHOTO, b"mine")
    assert watched.law == "originals"


def test_a_rendition_is_put_with_other_bytes(watched: Watched) -> None:
    watched.put(RENDITION, b"300 px of v2 by plain-1")
    assert watched.law == "immutable"


def test_a_rendition_is_put_again_as_it_was(watched: Watched) -> None:
    watched.put(RENDITION, GOOD)
    assert watched.law is None


def test_a_named_rendition_is_deleted(watched: Watched) -> None:
    watched.delete(RENDITION)
    assert watched.law == "named"


def test_a_record_names_what_is_not_there() -> None:
    watched = Watched()
    watched.put(RECORD, ready())
    assert watched.law == "named"


def test_a_record_names_what_was_made_of_another_version() -> None:
    watched = Watched()
    watched.put(RENDITION, b"300 px of v2 by plain-1")
    watched.put(RECORD, ready())
    assert watched.law == "named"


def test_a_record_is_deleted_that_is_no_tombstone(watched: Watched) -> None:
    watched.delete(RECORD)
    assert watched.law == "kept"


def test_a_linked_rendition_is_deleted(watched: Watched) -> None:
    watched.put(RECORD, deleted())
    watched.delete(RENDITION)
    assert watched.law == "linked"


def test_a_page_links_what_is_not_there() -> None:
    watched = Watched()
    watched.put("albums/a.html", PAGE)
    assert watched.law == "linked"


def test_a_rendition_goes_that_a_cached_page_links(watched: Watched) -> None:
    watched.put("albums/a.html", b"")
    other = keys.rendition(PHOTO, "f" * 16, 300)
    watched.put(other, GOOD)
    watched.put(RECORD, ready("f" * 16).replace(RENDITION.encode(), other.encode()))
    watched.delete(RENDITION)
    assert watched.law == "cached"


def test_a_deleted_photo_goes_at_once(watched: Watched) -> None:
    watched.put("albums/a.html", b"")
    watched.put(RECORD, deleted())
    watched.delete(RENDITION)
    assert watched.law is None


@pytest.mark.parametrize(
    "body",
    [
        f'<img srcset="../{RENDITION} 300w, x 2x">',
        f"<link href='{RENDITION}'/>",
        f'{{"url":"{RENDITION}"}}',
        f"<media:content url={RENDITION}>",
    ],
)
def test_links_are_found_in_any_format(body: str) -> None:
    assert links(body.encode()) == {RENDITION}


def test_links_are_decoded() -> None:
    key = keys.rendition("photos/a/é +.jpg", DIGEST, 300)
    assert links(f'src="{keys.href("albums/a.html", key)}"'.encode()) == {key}
