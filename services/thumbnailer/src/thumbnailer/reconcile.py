"""The photo reconciler: what happens to one photo, top to bottom.

It is told that an original's state may have changed.  It looks at the record and the
original as they are *now*, works out what ought to be there, and makes it so.  No bytes and
no boto3 here: the store and the craft are ports.

The rules it keeps (``docs/architecture.md`` has them all; the simulation breaks each of them
and shows the law that falls):

* The record is read **before** the original.  Whoever changes the record in between makes our
  commit fail; read the other way round, an old original could be committed over a new one.
* Who finds the record right changes nothing, and so stops nobody, though we may be about to
  commit something older over it (the original was overwritten, and put back as it was): every
  commit is followed by one more look at what it was made from.
* What the owner lets visitors take is read after the record, too, and looked at once more after
  the commit; and a change of it is told to every photo, by whoever committed it, even after a
  crash (``TextRecord.untold``).
* Renditions are put, always, before the record that names them is committed.  They are never
  taken as there because somebody else may have put them: the sweep may be removing those.
* A rendition is deleted only after the record says, by compare-and-swap, that its set is
  *retired*; and a retired set's names are not used again until nobody can be deleting any
  more (``lease``).  A photo that comes back meanwhile gets names with a salt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from gallery import catalog, keys
from gallery.batch import Done, Outcome, Retry, Task, backoff
from gallery.catalog import Version
from gallery.clock import Clock
from gallery.keys import Kind, Original
from gallery.originals import Originals, chosen_by, stricter
from gallery.record import (
    PhotoRecord,
    Record,
    Rendition,
    RenditionSet,
    Source,
    Stripped,
    TextRecord,
)
from gallery.store import ObjectInfo, ObjectStore, PreconditionFailed
from thumbnailer.darkroom import DarkroomCrash, Developed, Rejection
from thumbnailer.development import Work

RENDITION_TYPE = "image/jpeg"
COPY_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif"}
"""The media types of stripped copies, by the endings of their names."""
FOREVER = "public, max-age=31536000, immutable"

_ATTEMPTS = 6
_SALTS = 8
_MAX_TEXT = 64 * 1024
_SETTINGS_RECORD = keys.record(keys.SETTINGS)


class Craft(Protocol):
    """What makes renditions of an original: :class:`thumbnailer.studio.Studio`, or a fake."""

    limits: str
    """Of the limits; a rejected photo is tried again when they change."""

    def fingerprint(self, *, originals: Originals) -> str:
        """Of all that changes the bytes of a set of renditions: settings, the renderer's version,
        and what visitors may take (a stripped copy of the original may be one of the set)."""

    def develop(
        self, store: ObjectStore, original: ObjectInfo, *, originals: Originals
    ) -> AbstractContextManager[Work | Rejection]:
        """The original's renditions and facts, from exactly the version ``original``, where
        visitors may take what ``originals`` says: a stripped copy among it.

        Raises :class:`gallery.store.PreconditionFailed` if that version is no longer there,
        and :class:`thumbnailer.darkroom.DarkroomCrash` where the decoder died.
        """


@dataclass(frozen=True)
class Terms:
    """How long things are waited for.

    ``early``: a "created" hint younger than this is not believed that there is no object.
    ``superseded``: renditions no longer current are kept this long.  ``cached``: and this long
    after the pages that linked them were replaced: no cache keeps a document longer.
    ``lease``: no run of a function lasts longer.  ``tombstone``: the sweep removes tombstones
    after this.
    """

    early: timedelta = timedelta(seconds=60)
    superseded: timedelta = timedelta(days=1)
    cached: timedelta = timedelta(minutes=10)
    lease: timedelta = timedelta(minutes=15)
    tombstone: timedelta = timedelta(days=7)


def nobody(slug: str) -> None:
    """Where no cache stands before the bucket, nobody is told."""
    del slug


@dataclass(frozen=True)
class World:
    """What the reconciler works in.

    ``removed`` is told an album's slug when renditions of it have been deleted: a cache may
    still have them (:mod:`thumbnailer.cache`).  ``originals`` is what visitors may take by the
    template's say; ``look_at_all`` asks for every photo to be looked at.
    """

    store: ObjectStore
    craft: Craft
    clock: Clock
    terms: Terms = Terms()
    removed: Callable[[str], None] = nobody
    originals: Originals = "public"
    look_at_all: Callable[[], object] = lambda: None


def reconcile(world: World, task: Task) -> Outcome:
    """Make the record and renditions of the original ``task.name`` what they ought to be.

    Idempotent.  Raises :class:`gallery.store.StoreError` where the store cannot be reached
    and :class:`gallery.record.UnreadableRecord` for a record of a later version.
    """
    original = keys.classify(task.name)
    if original.kind is Kind.SKIPPED:
        return Done(f"skipped: {original.reason}")
    for _ in range(_ATTEMPTS):
        try:
            return _attempt(world, original, task)
        except PreconditionFailed:
            # Somebody changed the record or the original under us: look again.
            continue
        except DarkroomCrash as crash:
            return Retry(backoff(task.receives), f"the decoder died, to be tried again: {crash}")
    return Retry(backoff(task.receives), "others keep changing this photo")


def _attempt(world: World, original: Original, task: Task) -> Outcome:
    record_key = keys.record(original.key)
    was = catalog.load(world.store, record_key)
    there = world.store.head(original.key)
    if there is None:
        return _absent(world, record_key, was, task)
    if was.record is not None and was.record.removing_since is not None:
        # The sweep is about to delete this tombstone, unconditionally, since conditional
        # deletes are not to be had everywhere.  What we committed now it could delete.
        left = was.record.removing_since + world.terms.lease - world.clock.now()
        if left > timedelta(0):
            after = _seconds(left) if task.receives > 4 else backoff(task.receives)
            return Retry(min(after, _seconds(left)), "its old tombstone is being removed")
    if original.kind is Kind.PHOTO:
        return _photo(world, record_key, was, there, task)
    return _text(world, original, record_key, was, there)


def _absent(world: World, record_key: str, was: Version[Record], task: Task) -> Outcome:
    if task.age is not None and task.age < world.terms.early:
        # Rule 4: "created", and it is not there.  It may be late (replication, an emulator),
        # or gone again, which its own event will say.
        left = _seconds(world.terms.early - task.age)
        # Grow, but be through with it well before the queue's last receive.
        after = left if task.receives >= 6 else min(left, 2 ** (task.receives - 1))
        return Retry(max(1, after), "created, but not there yet")
    record = was.record
    if record is None:
        return Done("absent, and was never recorded")
    if record.status == "deleted":
        if isinstance(record, PhotoRecord) and record.superseded:
            return _collect(world, record_key, record, was.etag)
        if isinstance(record, TextRecord) and record.untold:
            return _tell(world, record_key, record, was.etag, None)
        return Done("absent, as recorded")
    now = world.clock.now()
    if isinstance(record, TextRecord):
        gone = TextRecord(
            kind=record.kind, key=record.key, status="deleted", source=record.source, updated=now
        )
        tombstone: Record = _untold(gone, was)
    else:
        tombstone = PhotoRecord(
            key=record.key,
            status="deleted",
            source=record.source,
            superseded=_superseded(record, None, now),
            retired=record.retired,
            updated=now,
        )
    _commit(world, record_key, tombstone, was, None)
    if isinstance(tombstone, TextRecord) and tombstone.untold:
        raise PreconditionFailed(record.key, "now its change is to be told")
    return Done("deleted: a tombstone committed")


def _photo(
    world: World, record_key: str, was: Version[Record], there: ObjectInfo, task: Task
) -> Outcome:
    record = was.record if isinstance(was.record, PhotoRecord) else None
    choice = choose(world)
    if record is not None and current(world.craft, record, there, originals=choice.originals):
        return Done("unchanged")
    retired = record.retired if record is not None else ()
    digest = _unused_digest(world, there, retired, originals=choice.originals)
    if digest is None:
        return Retry(_seconds(world.terms.lease), "all names for this version are being retired")
    with ExitStack() as table:
        work = _develop(world, there, task, table, originals=choice.originals)
        new = _record_of(world, record, there, digest, work)
    _commit(world, record_key, new, was, there)
    if not _still(world, choice):
        # Who was told of the change meanwhile may have found the record as it was before.
        raise PreconditionFailed(there.key, "the owner changed what visitors may take")
    count = len(new.renditions)
    if new.status == "rejected":
        return Done(f"rejected: {new.reason}")
    return Done(f"ready: {count} rendition{'s' if count != 1 else ''}")


def _record_of(
    world: World,
    record: PhotoRecord | None,
    there: ObjectInfo,
    digest: str,
    work: Work | Rejection,
) -> PhotoRecord:
    """The record of what was made of the original, once its renditions are put."""
    retired = record.retired if record is not None else ()
    now = world.clock.now()
    source = Source(etag=there.etag, size=there.size, last_modified=there.last_modified)
    if isinstance(work, Rejection):
        return PhotoRecord(
            key=there.key,
            status="rejected",
            reason=work.reason,
            source=source,
            digest=_rejection_digest(world.craft, there),
            superseded=_superseded(record, None, now),
            retired=retired,
            updated=now,
        )
    developed = work.developed
    return PhotoRecord(
        key=there.key,
        status="ready",
        source=msgspec.structs.replace(
            source,
            width=developed.source_width,
            height=developed.source_height,
            format=developed.format,
            has_location=developed.has_location,
        ),
        digest=digest,
        renditions=_put(world.store, there.key, digest, developed),
        exif=developed.exif,
        taken=developed.taken,
        title=developed.title,
        description=developed.description,
        placeholder=developed.placeholder,
        stripped=_put_copy(world.store, there.key, digest, work),
        superseded=_superseded(record, digest, now),
        retired=retired,
        updated=now,
    )


def _put_copy(store: ObjectStore, key: str, digest: str, work: Work) -> Stripped | None:
    developed = work.developed
    if developed.recipe is None or work.copy is None:
        return Stripped(reason=developed.unstripped) if developed.unstripped else None
    ending = developed.recipe.ending
    name = keys.stripped(key, digest, ending)
    made = store.upload(name, work.copy, content_type=COPY_TYPES[ending], cache_control=FOREVER)
    return Stripped(key=name, bytes=made.size)


@dataclass(frozen=True)
class Choice:
    """What the owner lets visitors take; ``etag`` is that of the settings' record."""

    originals: Originals
    etag: str | None


def choose(world: World) -> Choice:
    """The stricter of what the template and the settings file ask for.

    A settings record that cannot be read may have asked for the strictest.
    """
    found = catalog.load(world.store, _SETTINGS_RECORD)
    asked: Originals = "public" if found.etag is None else "private"
    if isinstance(found.record, TextRecord):
        asked = chosen_by(found.record)
    return Choice(stricter(world.originals, asked), found.etag)


def _still(world: World, choice: Choice) -> bool:
    """Whether the settings' record is the one that told of the choice."""
    there = world.store.head(_SETTINGS_RECORD)
    return (there.etag if there is not None else None) == choice.etag


def _commit(
    world: World, record_key: str, new: Record, was: Version[Record], seen: ObjectInfo | None
) -> None:
    """Commit the record that was made of the original as it was ``seen``, and look once more.

    Whoever found the record right meanwhile had nothing to change, and so did not stop us: there
    was none and the original was gone, or the original was back as the record had it.
    """
    catalog.commit(world.store, record_key, new, was.etag)
    there = world.store.head(new.key)
    if (there.etag if there else None) != (seen.etag if seen else None):
        raise PreconditionFailed(new.key, "changed meanwhile")


def _develop(
    world: World, there: ObjectInfo, task: Task, table: ExitStack, *, originals: Originals
) -> Work | Rejection:
    """What becomes of the original; the copy can be read until ``table`` is cleared."""
    try:
        return table.enter_context(world.craft.develop(world.store, there, originals=originals))
    except DarkroomCrash as crash:
        # Once may be the machine's fault, three times is the photo's.
        if task.receives < 3:
            raise
        return Rejection(str(crash))


def _put(store: ObjectStore, key: str, digest: str, developed: Developed) -> tuple[Rendition, ...]:
    renditions = []
    for image in developed.images:
        name = keys.rendition(key, digest, image.width)
        store.put(name, image.data, content_type=RENDITION_TYPE, cache_control=FOREVER)
        renditions.append(
            Rendition(key=name, width=image.width, height=image.height, bytes=len(image.data))
        )
    return tuple(renditions)


def current(craft: Craft, record: PhotoRecord, there: ObjectInfo, *, originals: Originals) -> bool:
    """Whether ``record`` is what ought to be recorded of the original ``there``, where visitors
    may take what ``originals`` says."""
    if record.source is None or record.source.etag != there.etag:
        return False
    if record.status == "ready":
        fingerprint = craft.fingerprint(originals=originals)
        return any(
            record.digest == keys.digest(there.etag, fingerprint, salt) for salt in range(_SALTS)
        )
    if record.status == "rejected":
        return record.digest == _rejection_digest(craft, there)
    return False


def _rejection_digest(craft: Craft, there: ObjectInfo) -> str:
    # What cannot be rendered cannot be stripped either: it need not be tried again for that.
    return keys.digest(there.etag, f"{craft.fingerprint(originals='public')} {craft.limits}")


def _unused_digest(
    world: World, there: ObjectInfo, retired: tuple[RenditionSet, ...], *, originals: Originals
) -> str | None:
    barred = {gone.digest for gone in retired}
    fingerprint = world.craft.fingerprint(originals=originals)
    for salt in range(_SALTS):
        digest = keys.digest(there.etag, fingerprint, salt)
        if digest not in barred:
            return digest
    return None


def _superseded(
    record: PhotoRecord | None, current_digest: str | None, now: datetime
) -> tuple[RenditionSet, ...]:
    """The sets to keep for the pages that may still link them."""
    if record is None:
        return ()
    kept = list(record.superseded)
    if record.status == "ready":
        kept.append(RenditionSet(digest=record.digest, since=now))
    return tuple(old for old in kept if old.digest != current_digest)


def _collect(world: World, record_key: str, record: PhotoRecord, etag: str | None) -> Outcome:
    """Remove a deleted photo's renditions, if no page links them any more (rule 5)."""
    if etag is None or not all(
        catalog.unlinked(world.store, record, etag, old.digest) for old in record.superseded
    ):
        return Done("deleted: its renditions stay until the pages are committed without it")
    digests = [old.digest for old in record.superseded]
    retire(world, record_key, record, etag, digests)
    return Done("deleted: its renditions are removed")


def retire(
    world: World, record_key: str, record: PhotoRecord, etag: str, digests: Iterable[str]
) -> None:
    """Remove the rendition sets ``digests``: first say so in the record, then delete.

    Raises :class:`gallery.store.PreconditionFailed` if the record has changed; then nothing
    has been deleted.
    """
    gone = set(digests)
    now = world.clock.now()
    kept = tuple(old for old in record.retired if old.digest not in gone)
    retired = msgspec.structs.replace(
        record,
        superseded=tuple(old for old in record.superseded if old.digest not in gone),
        retired=kept + tuple(RenditionSet(digest=digest, since=now) for digest in sorted(gone)),
    )
    catalog.commit(world.store, record_key, retired, etag)
    delete_renditions(world.store, record_key, gone)
    world.removed(keys.album_of_record(record_key))


def delete_renditions(store: ObjectStore, record_key: str, digests: Iterable[str]) -> int:
    """Delete the renditions of these sets; how many there were.  They must be retired."""
    place = record_key[len(keys.RECORDS) : -len(".json")]
    count = 0
    for digest in sorted(digests):
        for found in list(store.list(f"{keys.THUMBS}{place}.{digest}-")):
            name = keys.parse_rendition(found.key)
            # "a.jpg.<digest>-1.jpg" begins other photos' names too.
            if name is not None and (name.record, name.digest) == (record_key, digest):
                store.delete(found.key)
                count += 1
    return count


def _text(
    world: World,
    original: Original,
    record_key: str,
    was: Version[Record],
    there: ObjectInfo,
) -> Outcome:
    record = was.record
    if (
        isinstance(record, TextRecord)
        and record.status != "deleted"
        and record.source is not None
        and record.source.etag == there.etag
    ):
        if record.untold:
            return _tell(world, record_key, record, was.etag, there)
        return Done("unchanged")
    source = Source(etag=there.etag, size=there.size, last_modified=there.last_modified)
    new = TextRecord(
        kind="settings" if original.kind is Kind.SETTINGS else "text",
        key=there.key,
        status="ready",
        source=source,
        updated=world.clock.now(),
    )
    if there.size > _MAX_TEXT:
        reason = f"a text of {there.size:,} bytes; at most {_MAX_TEXT:,} are read: shorten it"
        new = msgspec.structs.replace(new, status="rejected", reason=reason)
    else:
        found = world.store.get(there.key)
        if found is None or found.info.etag != there.etag:
            raise PreconditionFailed(there.key, "overwritten meanwhile")
        try:
            new = msgspec.structs.replace(new, text=found.body.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            reason = f"not UTF-8 text (byte {error.start}): save it as UTF-8"
            new = msgspec.structs.replace(new, status="rejected", reason=reason)
    new = _untold(new, was)
    _commit(world, record_key, new, was, there)
    if new.untold:
        raise PreconditionFailed(there.key, "now its change is to be told")
    return Done(f"{new.kind}: {new.reason or 'committed'}")


def _untold(new: TextRecord, was: Version[Record]) -> TextRecord:
    """``new``, with a note if photos must be told of it: it changes what visitors may take, or
    an earlier change has not been told yet."""
    if new.kind != "settings":
        return new
    former = was.record if isinstance(was.record, TextRecord) else None
    before: Originals = chosen_by(former)
    if former is None and was.etag is not None:
        before = "private"  # as long as nobody could read it, it was taken so
    untold = (former is not None and former.untold) or chosen_by(new) != before
    return msgspec.structs.replace(new, untold=untold)


def _tell(
    world: World, record_key: str, record: TextRecord, etag: str | None, there: ObjectInfo | None
) -> Outcome:
    """Have every photo looked at, because what visitors may take has changed; then commit that
    this was done.  Who dies in between leaves the note, and the message comes again."""
    world.look_at_all()
    told = msgspec.structs.replace(record, untold=False)
    _commit(world, record_key, told, Version(record, etag), there)
    return Done(f"{record.kind}: every photo is told")


def _seconds(span: timedelta) -> int:
    return max(1, int(span.total_seconds() + 0.999))
