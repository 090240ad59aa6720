"""The catalog: records read from and committed to the bucket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from gallery import keys, record
from gallery.record import AlbumRecord, CorruptRecord, PhotoRecord, Record
from gallery.store import ObjectStore, put_if

T = TypeVar("T")

JSON = "application/json"
_NO_CACHE = "no-cache"


@dataclass(frozen=True)
class Version(Generic[T]):
    """What a record's key held when it was read.

    ``etag`` is ``None`` if there was no object; ``record`` is ``None`` then too, and where
    the object is no record at all (it is then overwritten, by the same compare-and-swap).
    """

    record: T | None
    etag: str | None


def load(store: ObjectStore, key: str) -> Version[Record]:
    """The record at ``key``.  Raises :class:`gallery.record.UnreadableRecord` for one of a
    later version: overwriting what a newer Safelight committed would lose it."""
    found = store.get(key)
    if found is None:
        return Version(None, None)
    try:
        return Version(record.decode(found.body, key), found.info.etag)
    except CorruptRecord:
        return Version(None, found.info.etag)


def load_album(store: ObjectStore, slug: str) -> Version[AlbumRecord]:
    """The record of the album ``slug`` (``""``: the site's); errors as :func:`load`."""
    key = keys.album_record(slug)
    found = store.get(key)
    if found is None:
        return Version(None, None)
    try:
        return Version(record.decode_album(found.body, key), found.info.etag)
    except CorruptRecord:
        return Version(None, found.info.etag)


def commit(store: ObjectStore, key: str, new: Record | AlbumRecord, etag: str | None) -> str:
    """Write ``new`` if ``key`` still is at ``etag``; the new ETag.

    Raises :class:`gallery.store.PreconditionFailed` if it is not: start again from the top.
    """
    return put_if(store, key, record.encode(new), etag, content_type=JSON, cache_control=_NO_CACHE)


def unlinked(
    store: ObjectStore,
    photo: PhotoRecord,
    etag: str,
    digest: str,
    by: datetime | None = None,
) -> bool:
    """Whether no page can link the renditions ``digest`` of ``photo`` any more.

    ``etag`` is that of the photo's record.  True only if the album's pages have been
    committed from exactly this record, and the pages of every album above, and the site's,
    from exactly that commit: then whatever an earlier, uncommitted run had written has been
    overwritten too, because publishing compares with what the bucket really holds.

    With ``by``, all of these commits must be older: caches may still hold the pages that were
    there before them.
    """
    record_key = keys.record(photo.key)
    slug = keys.album_of_record(record_key)
    name = record_key[len(keys.records_of_album(slug)) :]
    seen = load_album(store, slug)
    if seen.record is None or not seen.record.inputs or name not in seen.record.shown:
        return False  # without inputs it is a run's that is not through with the pages
    if seen.record.shown[name].etag != etag or seen.record.linked.get(photo.key) == digest:
        return False
    if by is not None and seen.record.updated > by:
        return False
    # A page of each album above shows the album's card; the site's feed shows photos of all.
    own_slug, own_etag = slug, seen.etag
    below_slug, below_etag = slug, seen.etag
    above = keys.parent(slug)
    while above is not None:
        upper = load_album(store, above)
        if upper.record is None or not upper.record.inputs:
            return False
        if upper.record.linked.get(photo.key) == digest:
            return False
        if by is not None and upper.record.updated > by:
            return False
        expected = {below_slug: below_etag} | ({own_slug: own_etag} if above == "" else {})
        for child, child_etag in expected.items():
            card = upper.record.albums.get(child)
            if card is None or card.etag != child_etag:
                return False
        below_slug, below_etag = above, upper.etag
        above = keys.parent(above)
    return True
