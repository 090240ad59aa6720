"""The sweep: converges without any event, and removes what nobody needs any more.

It compares what lies under ``photos/``, ``catalog/photos/`` and ``thumbs/``, one album folder
at a time, hints at every difference and never repairs anything by itself: the reconcilers do
that, as for any other hint.  What it does do itself is the removing, each by the record's
compare-and-swap (see :mod:`thumbnailer.reconcile`):

* renditions that no record names (a worker died between rendition and record), superseded
  ones after their grace, and what an interrupted removal left;
* tombstones past their age, marked first and then deleted.

A folder is swept by a hint whose key ends in ``/``, so that a large archive is swept in
parallel, resumably, by the same queue as everything else.  It reads every record: S3 tells of
no cheaper way to know what a record was committed from (a multipart object's date is that of
its upload's *beginning*), and a million reads cost some forty cents.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from gallery import catalog, keys, record
from gallery.keys import Kind
from gallery.originals import Originals
from gallery.record import PhotoRecord, Record, RenditionSet, TextRecord, UnreadableRecord
from gallery.store import ObjectInfo, PreconditionFailed
from thumbnailer.reconcile import World, choose, current, delete_renditions, retire

FOLDER_WHY = "sweep of a folder"
"""What the message that asks for it says."""


@dataclass(frozen=True)
class Found:
    """What a sweep found.

    ``differing`` are originals (or keys of records) at which the photo reconciler was hinted,
    ``albums`` the slugs of albums at which the album reconciler was; ``removed`` counts
    renditions and tombstones that went.
    """

    differing: tuple[str, ...] = ()
    albums: tuple[str, ...] = ()
    removed: int = 0
    unreadable: tuple[str, ...] = ()


@dataclass
class _Folder:
    """One album folder's objects, by the key of the record they belong to."""

    originals: dict[str, ObjectInfo] = field(default_factory=dict)
    records: dict[str, ObjectInfo] = field(default_factory=dict)
    renditions: dict[str, dict[str, datetime]] = field(default_factory=dict)


def folders(world: World) -> list[str]:
    """The album folders that there is anything of, in order, as keys under ``photos/`` that
    end in ``/`` (of an album whose name had to be shortened: its slug's)."""
    return sorted(folder for stage in stages(world) for folder in stage)


def stages(world: World) -> Iterator[Iterator[str]]:
    """:func:`folders`, as they are found: each once, in stages that are to be gone through one
    after the other.

    A large archive takes thousands of listings.  Who is cut off among them has heard by then of
    the albums that count: the published ones come first, then those with originals, and last
    those of which only renditions are left.
    """
    seen: set[str] = set()

    def new(slugs: Iterable[str]) -> Iterator[str]:
        for slug in slugs:
            if slug not in seen:
                seen.add(slug)
                yield f"{keys.PHOTOS}{slug}/" if slug else keys.PHOTOS

    store = world.store
    albums = (keys.slug_of_album_record(info.key) for info in store.list(keys.ALBUMS))
    yield new(itertools.chain([""], albums))
    yield new(
        keys.slug(info.key[len(keys.PHOTOS) :].rpartition("/")[0])
        for info in store.list(keys.PHOTOS)
        if keys.classify(info.key).kind is not Kind.SKIPPED
    )
    yield new(keys.album_of_record(info.key) for info in store.list(keys.RECORDS))
    names = (keys.parse_rendition(info.key) for info in store.list(keys.THUMBS))
    yield new(keys.album_of_record(name.record) for name in names if name is not None)


def sweep_folder(
    world: World,
    folder: str,
    hint_photo: Callable[[Iterable[str]], None],
    hint_album: Callable[[Iterable[str]], None],
) -> Found:
    """Sweep one folder (a key under ``photos/`` that ends in ``/``).

    ``hint_photo`` is given the originals' keys that differ from their records, ``hint_album``
    the key of the album's record, always: whether its pages are right, sitegen knows.
    """
    slug = folder[len(keys.PHOTOS) :].rstrip("/")
    originals = choose(world).originals
    there = _look(world, slug)
    differing: list[str] = []
    unreadable: list[str] = []
    removed = 0
    names = sorted(set(there.records) | set(there.originals) | set(there.renditions))
    for name, stored in world.store.get_many(names):
        original = there.originals.get(name)
        try:
            seen = None if stored is None else record.decode(stored.body, name)
        except record.CorruptRecord:
            seen = None
        except UnreadableRecord as error:
            unreadable.append(str(error))
            continue
        if original is not None and not _agrees(world, seen, original, originals=originals):
            differing.append(original.key)
        elif original is None and seen is not None and _must_follow(seen):
            differing.append(seen.key)
        try:
            etag = None if stored is None else stored.info.etag
            removed += _remove(world, name, seen, etag, original, there.renditions.get(name, {}))
        except PreconditionFailed:
            # A reconciler is at work on it; the next sweep comes by again.
            continue
    hint_photo(differing)
    hint_album([keys.album_record(slug)])
    return Found(tuple(differing), (slug,), removed, tuple(unreadable))


def sweep_everything(
    world: World,
    hint_photo: Callable[[Iterable[str]], None],
    hint_album: Callable[[Iterable[str]], None],
) -> Iterator[tuple[str, Found]]:
    """Sweep every folder, here and now; yields each folder and what was found in it."""
    for folder in folders(world):
        yield folder, sweep_folder(world, folder, hint_photo, hint_album)


def _look(world: World, slug: str) -> _Folder:
    there = _Folder()
    # Records first: a photo whose record is committed while we look is then seen as
    # differing, which costs a hint, and not the other way round.
    for info in world.store.list(keys.records_of_album(slug), shallow=True):
        there.records[info.key] = info
    for info in world.store.list(f"{keys.THUMBS}{slug}/" if slug else keys.THUMBS, shallow=True):
        name = keys.parse_rendition(info.key)
        if name is not None:
            sets = there.renditions.setdefault(name.record, {})
            sets[name.digest] = max(info.last_modified, sets.get(name.digest, info.last_modified))
    # A shortened slug is no folder of originals: their folder begins like it.
    for info in _originals(world, slug):
        if keys.classify(info.key).kind is not Kind.SKIPPED:
            there.originals[keys.record(info.key)] = info
    return there


def _originals(world: World, slug: str) -> Iterator[ObjectInfo]:
    prefix = f"{keys.PHOTOS}{slug}/" if slug else keys.PHOTOS
    if keys.slug(slug) == slug:
        yield from world.store.list(prefix, shallow=True)
        return
    head = slug.rpartition("~")[0]
    for info in world.store.list(f"{keys.PHOTOS}{head}"):
        if keys.slug(info.key[len(keys.PHOTOS) :].rpartition("/")[0]) == slug:
            yield info


def _agrees(
    world: World, seen: Record | None, original: ObjectInfo, *, originals: Originals
) -> bool:
    if isinstance(seen, PhotoRecord):
        return current(world.craft, seen, original, originals=originals)
    return (
        seen is not None
        and seen.status != "deleted"
        and not seen.untold
        and seen.source is not None
        and seen.source.etag == original.etag
    )


def _must_follow(seen: Record) -> bool:
    """Whether the record of an original that is gone still needs its reconciler."""
    if isinstance(seen, PhotoRecord):
        return seen.status != "deleted" or bool(seen.superseded)
    return seen.status != "deleted" or seen.untold


def _remove(
    world: World,
    name: str,
    seen: Record | None,
    etag: str | None,
    original: ObjectInfo | None,
    sets: dict[str, datetime],
) -> int:
    """Remove what may go of one photo; how many objects went."""
    now, terms = world.clock.now(), world.terms
    if isinstance(seen, TextRecord):
        return _remove_tombstone(world, name, seen, etag)
    if seen is None:
        orphans = [digest for digest, since in sets.items() if since + terms.superseded < now]
        if original is not None or not (orphans or etag is not None):
            # With an original there, its record is about to be made; then the next sweep.
            return 0
        # Nothing was ever committed (or what was is no record).  A tombstone is now, so that
        # a worker who is about to commit one of these sets is stopped by it.
        place = name[len(keys.RECORDS) : -len(".json")]
        seen = PhotoRecord(key=f"{keys.PHOTOS}{place}", status="deleted", updated=now)
        retire_to = msgspec.structs.replace(
            seen, retired=tuple(RenditionSet(digest=digest, since=now) for digest in orphans)
        )
        catalog.commit(world.store, name, retire_to, etag)
        count = delete_renditions(world.store, name, orphans)
        if count:
            world.removed(keys.album_of_record(name))
        return count
    if etag is None:
        return 0
    going = [
        old.digest
        for old in seen.superseded
        if seen.status != "deleted"
        and old.since + terms.superseded < now
        and catalog.unlinked(world.store, seen, etag, old.digest, now - terms.cached)
    ]
    named = {old.digest for old in (*seen.superseded, *seen.retired)}
    if seen.status == "ready":
        named.add(seen.digest)
    going += [
        digest
        for digest, since in sets.items()
        if digest not in named and since + terms.superseded < now
    ]
    # What an interrupted removal left is retired anew: the lease runs from the last time that
    # somebody set out to delete, or another sweep could let it lapse under us.
    going += sorted({old.digest for old in seen.retired} & set(sets))
    if going:
        retire(world, name, seen, etag, going)
        return sum(1 for digest in going if digest in sets)
    lapsed = tuple(old for old in seen.retired if old.since + terms.lease >= now)
    if lapsed != seen.retired:
        # Once more: whoever deleted them may have died before it told of it.
        world.removed(keys.album_of_record(name))
        # Nobody can be deleting these any more: their names may be used again.
        catalog.commit(world.store, name, msgspec.structs.replace(seen, retired=lapsed), etag)
        return 0
    if not seen.superseded and not seen.retired and not sets:
        return _remove_tombstone(world, name, seen, etag)
    return 0


def _remove_tombstone(world: World, name: str, seen: Record, etag: str | None) -> int:
    """Remove a tombstone past its age: mark it by compare-and-swap, then delete it.

    A conditional delete would do in one step, but not every S3 has it.  A reconciler that
    meets a marked tombstone waits, a lease at most, since nobody deletes later than that.
    """
    marked, terms = world.clock.now(), world.terms
    if seen.status != "deleted" or seen.updated + terms.tombstone >= marked:
        return 0
    if isinstance(seen, TextRecord) and seen.untold:
        return 0
    if seen.removing_since is not None and seen.removing_since + terms.lease >= marked:
        return 0
    catalog.commit(world.store, name, msgspec.structs.replace(seen, removing_since=marked), etag)
    if world.clock.now() - marked > terms.lease / 2:
        # This run was held up (a laptop slept): the next sweep marks it anew.
        return 0
    world.store.delete(name)
    return 1
