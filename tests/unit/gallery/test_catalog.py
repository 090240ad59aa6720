"""The catalog: records read and committed, and when no page can link a photo any more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gallery import catalog, keys
from gallery.memory import MemoryStore
from gallery.record import (
    AlbumRecord,
    Card,
    PhotoRecord,
    SeenCard,
    Shown,
    UnreadableRecord,
)
from gallery.store import PreconditionFailed

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
KEY = "photos/a/b/tram.jpg"
RECORD = keys.record(KEY)
OLD = "0" * 16
NEW = "1" * 16


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def photo(digest: str = NEW) -> PhotoRecord:
    return PhotoRecord(key=KEY, status="ready", digest=digest, updated=NOON)


def test_a_record_is_committed_over_the_state_it_was_made_from(store: MemoryStore) -> None:
    nothing = catalog.load(store, RECORD)
    assert (nothing.record, nothing.etag) == (None, None)
    etag = catalog.commit(store, RECORD, photo(OLD), None)
    found = catalog.load(store, RECORD)
    assert (found.record, found.etag) == (photo(OLD), etag)
    catalog.commit(store, RECORD, photo(NEW), found.etag)
    for stale in (None, etag):
        with pytest.raises(PreconditionFailed):
            catalog.commit(store, RECORD, photo(OLD), stale)
    assert catalog.load(store, RECORD).record == photo(NEW)


def test_rubbish_is_overwritten_by_the_same_compare_and_swap(store: MemoryStore) -> None:
    etag = store.put(RECORD, b"rubbish", content_type="x").etag
    found = catalog.load(store, RECORD)
    assert (found.record, found.etag) == (None, etag)
    with pytest.raises(PreconditionFailed):
        catalog.commit(store, RECORD, photo(), None)
    catalog.commit(store, RECORD, photo(), found.etag)
    assert catalog.load(store, RECORD).record == photo()


def test_a_later_version_is_never_overwritten(store: MemoryStore) -> None:
    store.put(RECORD, b'{"version": 2}', content_type="x")
    with pytest.raises(UnreadableRecord):
        catalog.load(store, RECORD)
    store.put(keys.album_record("a"), b'{"version": 2}', content_type="x")
    with pytest.raises(UnreadableRecord):
        catalog.load_album(store, "a")


def test_a_record_is_never_cached(store: MemoryStore) -> None:
    catalog.commit(store, RECORD, photo(), None)
    stored = store.objects[RECORD]
    assert (stored.content_type, stored.cache_control) == ("application/json", "no-cache")


def publish(
    store: MemoryStore,
    slug: str,
    *,
    shown: dict[str, Shown] | None = None,
    below: dict[str, str] | None = None,
    linked: dict[str, str] | None = None,
    inputs: str = "its digest",
) -> str:
    """Commit an album's record, over whatever is there; its ETag."""
    was = catalog.load_album(store, slug)
    cards = {
        child: SeenCard(etag=etag, card=Card(slug=child, path=child, title=child))
        for child, etag in (below or {}).items()
    }
    album = AlbumRecord(
        kind="album" if slug else "site",
        slug=slug,
        inputs=inputs,
        shown=shown or {},
        albums=cards,
        linked=linked or {},
        updated=NOON,
    )
    return catalog.commit(store, keys.album_record(slug), album, was.etag)


class Gallery:
    """The photo's record, and the pages of its album, of the album above and of the site,
    each committed from exactly the one before; those of ``unfinished`` without its inputs."""

    def __init__(self, store: MemoryStore, unfinished: str | None = None) -> None:
        self.store = store
        inputs = {slug: "" if slug == unfinished else "digest" for slug in ("a/b", "a", "")}
        self.record = catalog.commit(store, RECORD, photo(), None)
        self.own = publish(
            store, "a/b", shown={"tram.jpg.json": Shown.of(self.record, photo())},
            linked={KEY: NEW}, inputs=inputs["a/b"],
        )  # fmt: skip
        self.above = publish(store, "a", below={"a/b": self.own}, inputs=inputs["a"])
        below = {"a": self.above, "a/b": self.own}
        self.site = publish(store, "", below=below, inputs=inputs[""])

    def unlinked(self, digest: str = OLD) -> bool:
        return catalog.unlinked(self.store, photo(), self.record, digest)


def test_what_no_committed_page_links_is_unlinked(store: MemoryStore) -> None:
    assert Gallery(store).unlinked()


def test_what_the_pages_link_is_not(store: MemoryStore) -> None:
    gallery = Gallery(store)
    assert not gallery.unlinked(NEW)
    site = {"a": gallery.above, "a/b": gallery.own}
    publish(store, "", below=site, linked={KEY: OLD})
    assert not gallery.unlinked()


def test_pages_made_from_another_record_do_not_count(store: MemoryStore) -> None:
    gallery = Gallery(store)
    assert not catalog.unlinked(store, photo(), "another etag", OLD)
    publish(store, "a/b", shown={"tram.jpg.json": Shown.of("another etag", photo())})
    assert not gallery.unlinked()
    publish(store, "a/b")
    assert not gallery.unlinked()


@pytest.mark.parametrize("slug", ["a/b", "a", ""])
def test_pages_that_were_never_committed_may_link_anything(store: MemoryStore, slug: str) -> None:
    gallery = Gallery(store)
    store.delete(keys.album_record(slug))
    assert not gallery.unlinked()


@pytest.mark.parametrize("slug", ["a/b", "a", ""])
def test_pages_that_are_still_being_written_may_link_anything(
    store: MemoryStore, slug: str
) -> None:
    assert not Gallery(store, unfinished=slug).unlinked()


def test_every_page_above_must_have_seen_the_commit_below(store: MemoryStore) -> None:
    gallery = Gallery(store)
    publish(store, "", below={"a": gallery.above, "a/b": "an older one"})
    assert not gallery.unlinked()
    publish(store, "", below={"a": "an older one", "a/b": gallery.own})
    assert not gallery.unlinked()
    publish(store, "", below={"a/b": gallery.own})
    assert not gallery.unlinked()
    publish(store, "", below={"a": gallery.above, "a/b": gallery.own})
    assert gallery.unlinked()
    publish(store, "a", below={"a/b": "an older one"})
    assert not gallery.unlinked()
