"""The album reconciler: what happens to one album, top to bottom.

It is told that an album's records, or those of an album below, may have changed.  It looks at
the pages there are, the album's record and its inputs as they are *now*, works out what the
pages ought to be, and makes them so.  The site (home page, feed, assets) is the top album,
whose slug is ``""``.

The rules it keeps:

* What it will write (pages, album record) is read **before** what it writes them from.  A
  page is written only over the version seen then, so an older run can never put its page
  over a newer run's: the newer one has changed the page since.
* For that, a page's bytes must never come back as they once were: each carries its inputs'
  digest (the *fence*), and a catalog never returns to a former state.
* Nor may a page be absent where an older run can still write it.  Every run writes an album's
  first page and feed, but the further ones come and go: before one is written it is *claimed*
  (a page that links nothing is put there, and entered in the album record by compare-and-swap),
  and the run looks at everything again.  So nothing that links is ever put where nothing was.
* Pages are compared with what the bucket really holds, not with what was once written.
* The album record is committed last.  What it names in ``linked`` is what the photo reconciler
  must not remove yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol

import msgspec

from gallery import catalog, keys
from gallery.batch import Done, Outcome, Retry, Task, backoff
from gallery.catalog import Version
from gallery.clock import Clock
from gallery.originals import Originals, stricter
from gallery.record import (
    AlbumRecord,
    Card,
    CorruptRecord,
    Exif,
    Page,
    PhotoRecord,
    Record,
    SeenCard,
    Shown,
    decode,
    decode_album,
)
from gallery.store import ObjectStore, PreconditionFailed, put_if
from sitegen import pages
from sitegen.document import Document
from sitegen.document import page as page_document
from sitegen.pages import AlbumInput, Built, SiteInput
from sitegen.settings import parse as parse_settings

_ATTEMPTS = 6
_ASSETS = "assets/"
_UNKNOWN: Final = "originals: private"
"""In place of settings that cannot be read: they may have asked for that."""
_SITE_FILES = ("index.html", "feed.xml", "sitemap.xml", "404.html", "robots.txt", "index.json")


@dataclass(frozen=True)
class Terms:
    """How long things are waited for.

    ``lease``: no run of a function lasts longer.  ``tombstone``: the record of an album that
    is no more goes after this.  ``assets``: former stylesheets and scripts are kept this long,
    for the pages that still link them.
    """

    lease: timedelta = timedelta(minutes=15)
    tombstone: timedelta = timedelta(days=7)
    assets: timedelta = timedelta(days=7)


class Press(Protocol):
    """What makes documents of records: :mod:`sitegen.pages`, or a plain one in its place.

    Pure functions.  Every document that links a rendition holds the input's fence.
    """

    def fingerprint(self) -> str:
        """Of everything but the records that the documents are made from."""

    def build_album(self, album: AlbumInput) -> Built:
        """An album's documents."""

    def build_site(self, site: SiteInput) -> Built:
        """The site's documents."""


@dataclass(frozen=True)
class World:
    """What the reconciler works in.  ``site_url`` is the site's address where it is known,
    with a ``/`` at its end; ``hint`` asks the photo reconciler to look at these originals,
    ``republish`` this one to look at the albums with these records' keys."""

    store: ObjectStore
    clock: Clock
    hint: Callable[[Iterable[str]], None]
    republish: Callable[[Iterable[str]], None]
    site_url: str | None = None
    originals: Originals = "public"
    """What visitors may take by the template's say; the settings may say something stricter."""
    terms: Terms = Terms()
    press: Press = pages


@dataclass(frozen=True)
class _Inputs:
    """What an album's pages are made from, as it was read."""

    shown: dict[str, Shown]
    albums: dict[str, SeenCard]
    settings: str | None
    digest: str
    lost: tuple[str, ...]
    """Originals whose records are gone or unreadable: their reconciler should look."""


def reconcile(world: World, task: Task) -> Outcome:
    """Make the pages and the record of the album ``task.name`` what they ought to be.

    Idempotent.  Raises :class:`gallery.store.StoreError` where the store cannot be reached
    and :class:`gallery.record.UnreadableRecord` for a record of a later version.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _attempt(world, task.name, task)
        except PreconditionFailed:
            # Somebody changed a page or the record under us: look again.
            continue
    return Retry(backoff(task.receives), "others keep changing this album")


def _attempt(world: World, slug: str, task: Task) -> Outcome:
    was = catalog.load_album(world.store, slug)
    there = _pages_there(world.store, slug)
    if was.record is not None and was.record.removing_since is not None:
        left = was.record.removing_since + world.terms.lease - world.clock.now()
        if left > timedelta(0):
            wait = max(1, int(left.total_seconds()))
            after = wait if task.receives > 4 else backoff(task.receives)
            return Retry(min(after, wait), "the album's old record is being removed")
    inputs = _read(world, slug, was.record)
    if not slug and was.record is not None and _settings_of(was.record) != inputs.settings:
        # Every album shows the site's title and menu.
        world.republish([keys.album_record(child) for child in inputs.albums])
    outcome = _publish(world, slug, there, was, inputs)
    world.hint(_to_hint(slug, inputs))
    return outcome


def _publish(
    world: World, slug: str, there: dict[str, str], was: Version[AlbumRecord], inputs: _Inputs
) -> Outcome:
    record = was.record
    if slug and not inputs.shown and not inputs.albums and record is not None:
        if not (record.shown or record.albums or record.pages or there):
            return _remove(world, slug, record, was.etag)
    elif slug and not inputs.shown and not inputs.albums and not there:
        return Done("no such album")
    if (
        record is not None
        and record.inputs == inputs.digest
        and {key: page.etag for key, page in record.pages.items()} == _but_old_assets(there, record)
    ):
        return Done("unchanged")
    built = _build(world, slug, inputs)
    further = [
        document.key
        for document in built.documents
        if document.key not in there and _comes_and_goes(slug, document.key)
    ]
    if further:
        _claim(world, slug, was, inputs, further)
        raise PreconditionFailed(further[0], "claimed: now look again")
    written, kept, removed = 0, 0, 0
    published: dict[str, Page] = {}
    for document in sorted(built.documents, key=_assets_first):
        former = record.pages.get(document.key) if record is not None else None
        page, fresh = _put(world.store, document, there.get(document.key), former)
        published[document.key] = page
        written += fresh
        kept += not fresh
    for key in sorted(set(there) - set(published)):
        if not key.startswith(_ASSETS) or _old(world, key):
            world.store.delete(key)
            removed += 1
    catalog.commit(
        world.store,
        keys.album_record(slug),
        AlbumRecord(
            kind="album" if slug else "site",
            slug=slug,
            inputs=inputs.digest,
            shown=inputs.shown,
            albums=inputs.albums,
            linked=dict(built.linked),
            pages=published,
            card=_slim(built.card, inputs),
            updated=world.clock.now(),
        ),
        was.etag,
    )
    return Done(f"published: {written} written, {kept} unchanged, {removed} removed")


def _comes_and_goes(slug: str, key: str) -> bool:
    """Whether not every run writes this page of the album."""
    return key.endswith(".html") and key.startswith(
        (keys.album_folder(slug) + "~", keys.photo_folder(slug))
    )


def _claim(
    world: World, slug: str, was: Version[AlbumRecord], inputs: _Inputs, further: list[str]
) -> None:
    """Claim pages that are about to come: whoever publishes from now on meets them, or loses
    the album record's compare-and-swap to us and then meets them."""
    former = was.record or AlbumRecord(
        kind="album" if slug else "site", slug=slug, inputs="", updated=world.clock.now()
    )
    claimed = {key: _put(world.store, _way(slug, key, inputs), None, None)[0] for key in further}
    catalog.commit(
        world.store,
        keys.album_record(slug),
        # Without inputs, so that nobody takes the pages for finished.
        msgspec.structs.replace(former, inputs="", pages={**former.pages, **claimed}),
        was.etag,
    )


def _way(slug: str, key: str, inputs: _Inputs) -> Document:
    """The page that only leads to the album's first one."""
    first = keys.href(key, keys.album_page(slug))
    return page_document(
        key,
        f'<!doctype html>\n<meta charset="utf-8">\n<meta name="robots" content="noindex">\n'
        f'<meta name="safelight:inputs" content="{inputs.digest}">\n'
        f'<meta http-equiv="refresh" content="0; url={first}">\n'
        f'<title>…</title>\n<p><a href="{first}">→</a></p>\n',
    )


def _pages_there(store: ObjectStore, slug: str) -> dict[str, str]:
    """The ETags of the pages and files in the bucket that are this album's, by key."""
    there: dict[str, str] = {}
    further = keys.album_folder(slug) + "~"
    if slug:
        first = store.head(keys.album_page(slug))
        if first is not None:
            there[first.key] = first.etag
    else:
        there = {info.key: info.etag for info in store.list("", shallow=True)}
        there = {key: etag for key, etag in there.items() if key in _SITE_FILES}
    for prefix in (further, keys.photo_folder(slug), *((_ASSETS,) if not slug else ())):
        for info in store.list(prefix, shallow=True):
            # "~~…" is an album whose own name begins with "~".
            if not info.key.startswith(further + "~"):
                there[info.key] = info.etag
    return there


def _but_old_assets(there: dict[str, str], record: AlbumRecord) -> dict[str, str]:
    """``there`` without assets that are kept for older pages only."""
    return {
        key: etag
        for key, etag in there.items()
        if key in record.pages or not key.startswith(_ASSETS)
    }


def _old(world: World, key: str) -> bool:
    info = world.store.head(key)
    return info is not None and info.last_modified + world.terms.assets < world.clock.now()


def _read(world: World, slug: str, was: AlbumRecord | None) -> _Inputs:
    shown, lost = _read_records(world, slug, was.shown if was is not None else {})
    albums = _read_cards(world, slug, was.albums if was is not None else {})
    settings_name = keys.record(keys.SETTINGS)[len(keys.RECORDS) :]
    if slug:
        found = world.store.get(keys.record(keys.SETTINGS))
        settings = None if found is None else _text(found.body)
    else:
        entry = shown.get(settings_name)
        settings = _settings_text(entry)
    digest = hashlib.sha256()
    for part in (
        world.press.fingerprint(),
        world.site_url or "",
        world.originals,
        settings or "",
        *(f"{name}\0{entry.etag}" for name, entry in sorted(shown.items())),
        *(f"{child}\0{seen.etag}" for child, seen in sorted(albums.items())),
    ):
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8) + raw)
    return _Inputs(shown, albums, settings, digest.hexdigest()[:32], lost)


def _read_records(
    world: World, slug: str, known: Mapping[str, Shown]
) -> tuple[dict[str, Shown], tuple[str, ...]]:
    """The album's records by name; only those that are new or have changed are read."""
    prefix = keys.records_of_album(slug)
    listed = {info.key: info.etag for info in world.store.list(prefix, shallow=True)}
    shown: dict[str, Shown] = {}
    wanted: list[str] = []
    for key, etag in listed.items():
        old = known.get(key[len(prefix) :])
        if old is not None and old.etag == etag:
            shown[key[len(prefix) :]] = old
        else:
            wanted.append(key)
    # A record that was there and is not: the photo's reconciler makes it anew if it should be.
    lost = [old.record.key for name, old in known.items() if prefix + name not in listed]
    for key, found in world.store.get_many(wanted):
        name = key[len(prefix) :]
        if found is None:
            continue
        try:
            shown[name] = Shown.of(found.info.etag, decode(found.body, key))
        except CorruptRecord:
            # One bad record must not stop the album.
            lost.append(keys.PHOTOS + key[len(keys.RECORDS) : -len(".json")])
    return shown, tuple(lost)


def _read_cards(world: World, slug: str, known: Mapping[str, SeenCard]) -> dict[str, SeenCard]:
    """The cards of the albums right below; for the site, of all albums."""
    prefix = f"{keys.ALBUMS}{slug}/" if slug else keys.ALBUMS
    cards: dict[str, SeenCard] = {}
    wanted: list[str] = []
    for info in world.store.list(prefix, shallow=bool(slug)):
        child = keys.slug_of_album_record(info.key)
        old = known.get(child)
        if old is not None and old.etag == info.etag:
            cards[child] = old
        else:
            wanted.append(info.key)
    for key, found in world.store.get_many(wanted):
        if found is None:
            continue
        child = keys.slug_of_album_record(key)
        try:
            card = decode_album(found.body, key).card
        except CorruptRecord:
            # Its own reconciler overwrites it.
            world.republish([key])
            continue
        cards[child] = SeenCard(
            etag=found.info.etag, card=card or Card(slug=child, path=child, title="", hidden=True)
        )
    return cards


def _text(body: bytes) -> str | None:
    try:
        return _text_of(decode(body, keys.SETTINGS))
    except CorruptRecord:
        return _UNKNOWN


def _settings_text(entry: Shown | None) -> str | None:
    return None if entry is None else _text_of(entry.record)


def _text_of(record: Record) -> str | None:
    if isinstance(record, PhotoRecord) or record.status == "deleted":
        return None
    return record.text if record.status == "ready" else _UNKNOWN


def _settings_of(record: AlbumRecord) -> str | None:
    name = keys.record(keys.SETTINGS)[len(keys.RECORDS) :]
    return _settings_text(record.shown.get(name))


def _build(world: World, slug: str, inputs: _Inputs) -> Built:
    settings, _ = parse_settings(inputs.settings)
    settings = replace(settings, originals=stricter(settings.originals, world.originals))
    below = [seen.card for child, seen in sorted(inputs.albums.items())]
    album = AlbumInput(
        slug=slug,
        records={name: entry.record for name, entry in inputs.shown.items()},
        children=tuple(card for card in below if keys.parent(card.slug) == slug),
        settings=settings,
        fence=inputs.digest,
        site_url=world.site_url,
    )
    if slug:
        return world.press.build_album(album)
    site = SiteInput(root=album, cards=tuple(below), site_url=world.site_url)
    return world.press.build_site(site)


def _put(
    store: ObjectStore, document: Document, etag: str | None, former: Page | None
) -> tuple[Page, bool]:
    """Write a page unless the bucket holds just this; the page, and whether it was written."""
    content = hashlib.sha256(document.body).hexdigest()
    if etag is not None and former is not None and (former.etag, former.content) == (etag, content):
        return former, False
    if etag is not None and etag == hashlib.md5(document.body, usedforsecurity=False).hexdigest():
        # What an interrupted run had written already (an ETag is the MD5 of a plain put).
        return Page(etag=etag, content=content), False
    written = put_if(
        store,
        document.key,
        document.body,
        etag,
        content_type=document.content_type,
        cache_control=document.cache_control,
    )
    return Page(etag=written, content=content), True


def _assets_first(document: Document) -> tuple[int, str]:
    """Nothing is linked before it is there: assets, then photos' pages, then albums'."""
    rank = 0 if document.key.startswith(_ASSETS) else 1 if document.key.startswith("photo/") else 2
    return rank, document.key


def _slim(card: Card | None, inputs: _Inputs) -> Card | None:
    """The card with no more of its cover than others show; the site's record holds it for
    every album there is."""
    if card is None:
        return None
    cover = card.cover
    if cover is not None:
        cover = msgspec.structs.replace(
            cover, exif=Exif(), description=None, superseded=(), retired=()
        )
    return msgspec.structs.replace(card, cover=cover, pending=_pending(inputs))


def _pending(inputs: _Inputs) -> tuple[str, ...]:
    return tuple(
        entry.record.key
        for _, entry in sorted(inputs.shown.items())
        if isinstance(entry.record, PhotoRecord)
        and entry.record.status == "deleted"
        and entry.record.superseded
    )


def _to_hint(slug: str, inputs: _Inputs) -> list[str]:
    """The originals at which the photo reconciler should look.

    Once the site has been committed too, deleted photos' renditions can go, in whichever
    album they are.
    """
    found = list(inputs.lost)
    if not slug:
        found += _pending(inputs)
        for _, seen in sorted(inputs.albums.items()):
            found += seen.card.pending
    return list(dict.fromkeys(found))


def _remove(world: World, slug: str, record: AlbumRecord, etag: str | None) -> Outcome:
    """Remove the record of an album of which nothing is left: mark it, then delete it (see
    ``thumbnailer.sweep`` for why in two steps)."""
    marked, terms = world.clock.now(), world.terms
    if record.updated + terms.tombstone >= marked:
        return Done("an album that is no more")
    catalog.commit(
        world.store,
        keys.album_record(slug),
        msgspec.structs.replace(record, removing_since=marked),
        etag,
    )
    if world.clock.now() - marked <= terms.lease / 2:
        world.store.delete(keys.album_record(slug))
    return Done("the record of an album that is no more is removed")
