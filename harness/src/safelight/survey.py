"""A survey of the bucket: what lies there, and what its records and pages lack of it.

It reads listings, the album records (which hold the photo records that their pages show), and
those photo records that no album record holds yet.  So it costs requests in proportion to the
albums and to what is unfinished, and not, beyond the listings, to the archive.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gallery import keys, record
from gallery.keys import Kind
from gallery.record import AlbumRecord, PhotoRecord, Record, TextRecord, UnreadableRecord
from gallery.store import ObjectStore
from safelight.listing import Listing


@dataclass(frozen=True)
class Unfinished:
    """Something that is not yet as it ought to be: ``name`` is a key or an album's page."""

    name: str
    why: str


@dataclass(frozen=True)
class Rejected:
    """A photo that cannot be rendered, and why."""

    key: str
    reason: str


@dataclass(frozen=True)
class Survey:
    """What was found.

    ``total`` counts the photos: ``ready`` are rendered and recorded, ``rejected`` cannot be,
    ``pending`` are still to come, or have changed since.  ``texts`` counts album texts,
    captions and settings.  ``skipped`` pairs keys under ``photos/`` of which nothing is made
    with the reason.  ``has_location`` counts ready photos whose original tells where it was
    taken, ``unstripped`` those of which a stripped copy was asked for that cannot be made.
    ``settings`` is the record of the settings file.  ``unfinished`` is empty once records and
    pages show exactly what is there.
    """

    total: int
    ready: int
    pending: int
    rejected: tuple[Rejected, ...]
    texts: int
    skipped: tuple[Rejected, ...]
    has_location: int
    unfinished: tuple[Unfinished, ...]
    unstripped: tuple[Rejected, ...] = ()
    settings: TextRecord | None = None


@dataclass
class _Bucket:
    originals: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    skipped: list[Rejected] = field(default_factory=list)
    records: dict[str, str] = field(default_factory=dict)
    albums: dict[str, str] = field(default_factory=dict)
    album_records: dict[str, AlbumRecord] = field(default_factory=dict)
    unfinished: list[Unfinished] = field(default_factory=list)


def survey(store: ObjectStore, listing: Listing | None = None) -> Survey:
    """Survey the bucket, listed by ``listing`` if ``store`` has a faster way than its own.

    Raises :class:`gallery.store.StoreError`.
    """
    there = _look(store, listing or store.list)
    records = _records(store, there)
    ready, pending, has_location, texts = 0, 0, 0, 0
    rejected: list[Rejected] = []
    unstripped: list[Rejected] = []
    for key, etag in sorted(there.originals.items()):
        found = records.get(keys.record(key))
        why = _lacks(found, etag)
        is_photo = there.kinds[key] is Kind.PHOTO
        if why is not None:
            there.unfinished.append(Unfinished(key, why))
            pending += is_photo
        elif not is_photo:
            texts += 1
        if found is None or why is not None:
            continue
        if found.status == "rejected":
            rejected.append(Rejected(key, found.reason or "no reason was recorded"))
        elif isinstance(found, PhotoRecord):
            ready += 1
            has_location += found.source is not None and found.source.has_location
            if found.stripped is not None and found.stripped.reason:
                unstripped.append(Rejected(key, found.stripped.reason))
    originals = {keys.record(key) for key in there.originals}
    for name, gone in records.items():
        if name not in originals and gone.status != "deleted":
            there.unfinished.append(Unfinished(gone.key, "deleted, and its record is not yet"))
    _compare_albums(there)
    settings = records.get(keys.record(keys.SETTINGS))
    return Survey(
        total=sum(kind is Kind.PHOTO for kind in there.kinds.values()),
        ready=ready,
        pending=pending,
        rejected=tuple(rejected),
        texts=texts,
        skipped=tuple(there.skipped),
        has_location=has_location,
        unfinished=tuple(there.unfinished),
        unstripped=tuple(unstripped),
        settings=settings if isinstance(settings, TextRecord) else None,
    )


def _look(store: ObjectStore, listing: Listing) -> _Bucket:
    there = _Bucket()
    for info in listing(keys.PHOTOS):
        original = keys.classify(info.key)
        if original.kind is Kind.SKIPPED:
            there.skipped.append(Rejected(info.key, original.reason))
        else:
            there.originals[info.key] = info.etag
            there.kinds[info.key] = original.kind
    for info in listing(keys.RECORDS):
        there.records[info.key] = info.etag
    listed = [*listing(keys.ALBUMS), *([site] if (site := store.head(keys.SITE)) else [])]
    for key, found in store.get_many(info.key for info in listed):
        if found is None:
            continue
        slug = "" if key == keys.SITE else keys.slug_of_album_record(key)
        # The ETag of the version that was read, not the listed one: it may have moved on.
        there.albums[slug] = found.info.etag
        try:
            there.album_records[slug] = record.decode_album(found.body, key)
        except UnreadableRecord as error:
            there.unfinished.append(Unfinished(key, str(error)))
    return there


def _records(store: ObjectStore, there: _Bucket) -> dict[str, Record]:
    """Every photo's and text's record, by its key; read only where no album has it."""
    found: dict[str, Record] = {}
    for slug, album in there.album_records.items():
        for name, shown in album.shown.items():
            key = keys.records_of_album(slug) + name
            if there.records.get(key) == shown.etag:
                found[key] = shown.record
    for key, stored in store.get_many(key for key in there.records if key not in found):
        if stored is None:
            continue
        try:
            found[key] = record.decode(stored.body, key)
        except UnreadableRecord as error:
            there.unfinished.append(Unfinished(key, str(error)))
    return found


def _lacks(found: Record | None, etag: str) -> str | None:
    """What the record of the original with this ETag lacks; ``None`` if it is just of it."""
    if found is None:
        return "no record yet"
    if found.status == "deleted":
        return "uploaded again, and not recorded yet"
    if found.source is None or found.source.etag != etag:
        return "overwritten, and not recorded yet"
    return None


def _compare_albums(there: _Bucket) -> None:
    """Find albums whose pages were not made from the records and albums that there are."""
    names: dict[str, dict[str, str]] = {}
    for key, etag in there.records.items():
        slug = keys.album_of_record(key)
        names.setdefault(slug, {})[key[len(keys.records_of_album(slug)) :]] = etag
    for slug in sorted(set(names) | set(there.albums)):
        album = there.album_records.get(slug)
        page = keys.album_page(slug)
        if album is None:
            if slug not in there.albums:
                there.unfinished.append(Unfinished(page, "not published yet"))
            continue
        if not album.inputs:
            there.unfinished.append(Unfinished(page, "is being published"))
        elif {name: shown.etag for name, shown in album.shown.items()} != names.get(slug, {}):
            there.unfinished.append(Unfinished(page, "does not show all its photos yet"))
        if {child: seen.etag for child, seen in album.albums.items()} != _below(there, slug):
            there.unfinished.append(Unfinished(page, "does not show all its albums yet"))
    if there.albums and "" not in there.albums:
        there.unfinished.append(Unfinished(keys.album_page(""), "not published yet"))


def _below(there: _Bucket, slug: str) -> dict[str, str]:
    """The albums that the record of ``slug`` must know of: all for the site, else its own."""
    return {
        child: etag
        for child, etag in there.albums.items()
        if child and (slug == "" or keys.parent(child) == slug)
    }
