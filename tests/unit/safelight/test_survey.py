"""The survey: what lies in a bucket, and what its records and pages lack of it."""

from __future__ import annotations

from datetime import UTC, datetime

from gallery import keys, record
from gallery.memory import MemoryStore
from gallery.record import AlbumRecord, Card, PhotoRecord, SeenCard, Shown, Source, Status
from safelight.survey import Unfinished, survey

NOW = datetime(2024, 5, 1, tzinfo=UTC)
JSON = "application/json"


class Bucket:
    """A bucket that is filled as the services would fill it, or not."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    def photo(self, key: str, body: bytes = b"photo") -> str:
        """Upload an original; its ETag."""
        return self.store.put(key, body, content_type="image/jpeg").etag

    def recorded(
        self, key: str, etag: str, status: Status = "ready", *, located: bool = False
    ) -> str:
        """Commit its record; the record's ETag."""
        found = PhotoRecord(
            key=key,
            status=status,
            reason="it is a text" if status == "rejected" else None,
            source=Source(etag=etag, size=5, last_modified=NOW, has_location=located),
            updated=NOW,
        )
        return self.store.put(keys.record(key), record.encode(found), content_type=JSON).etag

    def published(self, slug: str) -> str:
        """Commit an album from the records and albums that there are; its ETag."""
        prefix = keys.records_of_album(slug)
        shown = {
            info.key[len(prefix) :]: Shown.of(
                info.etag, record.decode(self.store.objects[info.key].body)
            )
            for info in self.store.list(prefix, shallow=True)
        }
        albums = {
            child: SeenCard(etag=info.etag, card=Card(slug=child, path=child, title=child))
            for info in self.store.list(f"{keys.ALBUMS}{slug}/" if slug else keys.ALBUMS)
            if not slug or keys.parent(keys.slug_of_album_record(info.key)) == slug
            for child in [keys.slug_of_album_record(info.key)]
        }
        album = AlbumRecord(
            kind="album" if slug else "site",
            slug=slug,
            inputs="its digest",
            shown=shown,
            albums=albums,
            updated=NOW,
        )
        return self.store.put(keys.album_record(slug), record.encode(album), content_type=JSON).etag

    def unfinished(self) -> list[str]:
        """The names of what is unfinished."""
        return sorted(found.name for found in survey(self.store).unfinished)


def settled() -> Bucket:
    """Two albums, one in the other, recorded and published."""
    bucket = Bucket()
    for key in ("photos/a/1.jpg", "photos/a/b/2.jpg"):
        bucket.recorded(key, bucket.photo(key))
    for slug in ("a/b", "a", ""):
        bucket.published(slug)
    return bucket


def test_an_empty_bucket_lacks_nothing() -> None:
    """There is nothing to show."""
    found = survey(MemoryStore())
    assert (found.total, found.unfinished) == (0, ())


def test_a_settled_bucket_lacks_nothing() -> None:
    """Everything recorded, everything shown."""
    found = survey(settled().store)
    assert (found.total, found.ready, found.pending) == (2, 2, 0)
    assert found.unfinished == ()


def test_a_photo_without_a_record_is_pending() -> None:
    """As is one that was overwritten since, or came back."""
    bucket = settled()
    bucket.photo("photos/a/new.jpg")
    bucket.photo("photos/a/1.jpg", b"another")
    found = survey(bucket.store)
    assert (found.total, found.ready, found.pending) == (3, 1, 2)
    assert [one.name for one in found.unfinished] == ["photos/a/1.jpg", "photos/a/new.jpg"]


def test_a_tombstone_of_a_photo_that_is_back_is_pending() -> None:
    """The tombstone is of another time."""
    bucket = Bucket()
    etag = bucket.photo("photos/1.jpg")
    bucket.recorded("photos/1.jpg", etag, "deleted")
    bucket.published("")
    assert bucket.unfinished() == ["photos/1.jpg"]


def test_the_record_of_a_deleted_photo_is_unfinished_until_it_is_a_tombstone() -> None:
    """And the page, until it has seen that."""
    bucket = settled()
    bucket.store.delete("photos/a/1.jpg")
    assert bucket.unfinished() == ["photos/a/1.jpg"]
    bucket.recorded("photos/a/1.jpg", "", "deleted")
    assert bucket.unfinished() == ["albums/a.html"]
    bucket.published("a")
    assert bucket.unfinished() == ["index.html"]
    bucket.published("")
    assert bucket.unfinished() == []


def test_a_changed_record_makes_its_album_unfinished() -> None:
    """The album shows the former one."""
    bucket = settled()
    bucket.recorded("photos/a/b/2.jpg", bucket.photo("photos/a/b/2.jpg", b"another"))
    assert survey(bucket.store).unfinished == (
        Unfinished("albums/a/b.html", "does not show all its photos yet"),
    )


def test_a_changed_album_makes_those_above_unfinished() -> None:
    """The album above shows its card, and the site all cards."""
    bucket = settled()
    bucket.recorded("photos/a/b/2.jpg", bucket.photo("photos/a/b/2.jpg", b"another"))
    bucket.published("a/b")
    assert bucket.unfinished() == ["albums/a.html", "index.html"]
    bucket.published("a")
    bucket.published("")
    assert bucket.unfinished() == []


def test_an_album_that_was_never_published_is_unfinished() -> None:
    """Its photos are recorded all the same."""
    bucket = Bucket()
    bucket.recorded("photos/a/1.jpg", bucket.photo("photos/a/1.jpg"))
    found = survey(bucket.store)
    assert (found.ready, [one.name for one in found.unfinished]) == (1, ["albums/a.html"])


def test_a_site_that_was_never_published_is_unfinished() -> None:
    """Albums alone are no gallery."""
    bucket = Bucket()
    bucket.recorded("photos/a/1.jpg", bucket.photo("photos/a/1.jpg"))
    bucket.published("a")
    assert bucket.unfinished() == ["index.html"]


def test_what_was_removed_from_the_catalog_is_unfinished() -> None:
    """A page that shows a record that is no more must be made anew."""
    bucket = settled()
    bucket.store.delete("photos/a/b/2.jpg")
    bucket.store.delete(keys.record("photos/a/b/2.jpg"))
    assert bucket.unfinished() == ["albums/a/b.html"]


def test_rejected_photos_have_their_reasons() -> None:
    """They are finished: trying again would not help."""
    bucket = Bucket()
    bucket.recorded("photos/1.jpg", bucket.photo("photos/1.jpg"), "rejected")
    bucket.published("")
    found = survey(bucket.store)
    assert [(one.key, one.reason) for one in found.rejected] == [("photos/1.jpg", "it is a text")]
    assert (found.ready, found.pending, found.unfinished) == (0, 0, ())


def test_locations_are_counted() -> None:
    """Of ready photos whose original tells where it was taken."""
    bucket = Bucket()
    bucket.recorded("photos/1.jpg", bucket.photo("photos/1.jpg"), located=True)
    bucket.recorded("photos/2.jpg", bucket.photo("photos/2.jpg"))
    assert survey(bucket.store).has_location == 1


def test_skipped_objects_are_no_photos() -> None:
    """Folder markers and hidden files, each with its reason."""
    bucket = Bucket()
    bucket.photo("photos/a/", b"")
    bucket.photo("photos/a/.hidden.jpg")
    found = survey(bucket.store)
    assert (found.total, len(found.skipped), found.unfinished) == (0, 2, ())
    assert all(one.reason for one in found.skipped)


def test_a_record_nobody_can_read_is_unfinished() -> None:
    """And named, with what is the matter."""
    bucket = settled()
    bucket.store.put(keys.record("photos/a/1.jpg"), b"{", content_type=JSON)
    found = {one.name: one.why for one in survey(bucket.store).unfinished}
    assert "not a record" in found[keys.record("photos/a/1.jpg")]


def test_a_published_record_is_not_read_again() -> None:
    """The survey of a large, settled archive reads one object an album."""
    bucket = settled()
    reads: list[str] = []

    def watch(call: object) -> None:
        if getattr(call, "op", "") == "get" and getattr(call, "phase", "") == "before":
            reads.append(getattr(call, "key", ""))

    bucket.store.hook = watch
    survey(bucket.store)
    assert sorted(reads) == ["catalog/albums/a.json", "catalog/albums/a/b.json", keys.SITE]
