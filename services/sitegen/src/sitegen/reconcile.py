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
* A photo's own page has a fence of its own (see :mod:`sitegen.sheet`), because an album that
  changes must not rewrite thousands.  The version of the photo's record is in it, which never
  returns, and the page links no renditions but that photo's: so once it was written from one
  record, no run that knows only an earlier one can put its own over it.  (Its neighbours and
  the album's name may return to what they were, and an older run may then put a page with
  names that are out of date; that run loses the album record, and looks again.)
* Nor may a page be absent where an older run can still write it.  Every run writes an album's
  first page, feed and index, and a page for each photo it has a record of, be it a tombstone:
  such a page says that the photo is gone.  The further pages of an album come and go: before
  one is written it is *claimed* (a page that links nothing is put there, and entered in the
  album record by compare-and-swap), and the run looks at everything again.  So nothing that
  links is ever put where nothing was, unless every run since would have put it there.
* Where a page is removed, because its record or the album is no more, that is said in the album
  record first, by compare-and-swap; until nobody can be removing it any more, whoever needs the
  page again waits.
* Pages are compared with what the bucket really holds, not with what was once written.
* The album record is committed last.  What it names in ``linked`` is what the photo reconciler
  must not remove yet.  A run that has not the time for all of an album's pages enters those it
  has written, without the inputs: the next one goes on from there.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

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
    is_hidden,
)
from gallery.store import ObjectStore, PreconditionFailed, StoredObject, put_if
from sitegen import pages, sitemap
from sitegen.document import Document
from sitegen.document import page as page_document
from sitegen.pages import AlbumInput, Built, SiteInput
from sitegen.settings import ABOUT
from sitegen.settings import parse as parse_settings
from sitegen.sheet import Sheet

_ATTEMPTS = 6
_ASSETS = "assets/"
_FINISH = 10.0
"""Seconds that are kept for an album's own pages and its record."""
_UNKNOWN: Final = "originals: private"
"""In place of settings that cannot be read: they may have asked for that."""
_SITE_FILES = (
    "index.html",
    ABOUT,
    "404.html",
    "feed.xml",
    "index.json",
    "robots.txt",
    sitemap.LIST,
    sitemap.PAGES,
)


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

    Pure functions.  Every document that links a rendition holds the input's fence, every sheet
    one that the version of its own record is part of.
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
    ``republish`` this one to look at the albums with these records' keys.  ``bucket`` is the
    bucket's name, if known; ``ahead`` tells the seconds that are left for a task."""

    store: ObjectStore
    clock: Clock
    hint: Callable[[Iterable[str]], None]
    republish: Callable[[Iterable[str]], None]
    site_url: str | None = None
    originals: Originals = "public"
    """What visitors may take by the template's say; the settings may say something stricter."""
    terms: Terms = Terms()
    press: Press = pages
    bucket: str | None = None
    ahead: Callable[[], float] = lambda: math.inf


@dataclass(frozen=True)
class _Inputs:
    """What an album's pages are made from, as it was read."""

    shown: dict[str, Shown]
    albums: dict[str, SeenCard]
    settings: str | None
    secluded: bool
    """An album above is hidden."""
    digest: str
    lost: tuple[str, ...]
    """Originals whose records are gone or unreadable: their reconciler should look."""
    unread: int
    """How many records there was no time to read."""


def reconcile(world: World, task: Task) -> Outcome:
    """Make the pages and the record of the album ``task.name`` what they ought to be.

    Idempotent.  Raises :class:`gallery.store.StoreError` where the store cannot be reached
    and :class:`gallery.record.UnreadableRecord` for a record of a later version.
    """
    for number in range(_ATTEMPTS):
        try:
            return _attempt(world, task.name, task, thorough=number > 0)
        except PreconditionFailed:
            # Somebody changed a page or the record under us: look again.
            continue
    return Retry(backoff(task.receives), "others keep changing this album")


def _attempt(world: World, slug: str, task: Task, thorough: bool) -> Outcome:
    was = catalog.load_album(world.store, slug)
    there = _pages_there(world.store, slug, None if thorough else was.record)
    if was.record is not None and was.record.removing_since is not None:
        left = was.record.removing_since + world.terms.lease - world.clock.now()
        if left > timedelta(0):
            return _wait(task, left, "the album's old record is being removed")
    inputs = _read(world, slug, was.record)
    if not slug and was.record is not None and _settings_of(was.record) != inputs.settings:
        # Every album shows the site's title and menu.
        world.republish([keys.album_record(child) for child in inputs.albums])
    outcome = _publish(world, task, there, was, inputs)
    world.hint(_to_hint(slug, inputs))
    return outcome


def _wait(task: Task, left: timedelta, why: str) -> Retry:
    wait = max(1, int(left.total_seconds()))
    after = wait if task.receives > 4 else backoff(task.receives)
    return Retry(min(after, wait), why)


def _publish(
    world: World,
    task: Task,
    there: dict[str, str],
    was: Version[AlbumRecord],
    inputs: _Inputs,
) -> Outcome:
    slug = task.name
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
    if inputs.unread:
        _Run(world, slug, there, was).enter(shown=inputs.shown)
        return Retry(0, f"{inputs.unread} records are still to be read")
    built = _build(world, slug, inputs)
    wanted = {each.key for each in built.documents} | {each.key for each in built.sheets}
    if record is not None and (left := _barred(world, record, wanted)) > timedelta(0):
        return _wait(task, left, "a page that is needed again is being removed")
    run = _Run(world, slug, there, was)
    further = [key for key in sorted(wanted - there.keys()) if _comes_and_goes(slug, key)]
    if further:
        run.claim(further, inputs.digest)
        raise PreconditionFailed(further[0], "claimed: now look again")
    # Nothing is linked before it is there: assets, then photos' pages, then albums'.
    run.write(each for each in built.documents if each.key.startswith(_ASSETS))
    if not run.draw(built.sheets):
        run.enter(shown=inputs.shown)
        return Retry(0, f"{len(wanted) - len(run.published)} pages are still to be written")
    run.write(each for each in built.documents if not each.key.startswith(_ASSETS))
    if not run.clear(set(there) - wanted):
        return Retry(backoff(task.receives), "too slow to remove pages safely")
    card = _slim(built.card, inputs)
    if slug and inputs.albums and (run.former.telling or _hidden(card) != _hidden(run.former.card)):
        # First the card, which the albums below read: then they are told to.
        run.enter(card=card, telling=True)
        world.republish(_below(world.store, slug))
    run.enter(
        inputs=inputs.digest,
        shown=inputs.shown,
        albums=inputs.albums,
        linked=dict(built.linked),
        pages=run.published,
        telling=False,
        card=card,
    )
    return Done(
        f"published: {run.written} written, {len(run.published) - run.written} unchanged, "
        f"{run.removed} removed"
    )


def _barred(world: World, record: AlbumRecord, wanted: set[str]) -> timedelta:
    """For how long a page that is wanted may still be removed by others."""
    moments = [since for key, since in record.going.items() if key in wanted]
    return max(moments) + world.terms.lease - world.clock.now() if moments else timedelta(0)


class _Run:
    """One run's writes: the pages it has published so far, and the record it commits over."""

    def __init__(
        self, world: World, slug: str, there: Mapping[str, str], was: Version[AlbumRecord]
    ) -> None:
        self._world = world
        self._there = there
        self._etag = was.etag
        self.former = was.record or AlbumRecord(
            kind="album" if slug else "site", slug=slug, inputs="", updated=world.clock.now()
        )
        self.published: dict[str, Page] = {}
        self.written = 0
        self.removed = 0

    def _take(self, put: Iterable[tuple[str, Page, bool]]) -> None:
        for key, page, fresh in put:
            self.published[key] = page
            self.written += fresh

    def claim(self, further: list[str], fence: str) -> None:
        """Claim pages that are about to come: whoever publishes from now on meets them, or
        loses the album record's compare-and-swap to us and then meets them."""
        self.write(_way(self.former.slug, key, fence) for key in further)
        self.enter()

    def write(self, documents: Iterable[Document]) -> None:
        """Write these documents where the bucket does not hold just them."""

        def put(document: Document) -> tuple[str, Page, bool]:
            former = self.former.pages.get(document.key)
            etag = self._there.get(document.key)
            return document.key, *_put(self._world.store, document, etag, former)

        ordered = sorted(documents, key=lambda each: each.key)
        self._take(self._world.store.together(partial(put, each) for each in ordered))

    def draw(self, sheets: Iterable[Sheet]) -> bool:
        """Draw and write the photos' pages whose inputs have changed, or that are not what was
        written; ``False`` if the time was too short for all of them."""
        sheets = sorted(sheets, key=lambda each: each.key)
        wanting: list[Sheet] = []
        for sheet in sheets:
            former = self.former.pages.get(sheet.key)
            if (
                former is not None
                and former.inputs == sheet.inputs
                and former.etag == self._there.get(sheet.key)
            ):
                self.published[sheet.key] = former
            else:
                wanting.append(sheet)

        def put(sheet: Sheet) -> tuple[str, Page, bool]:
            etag = self._there.get(sheet.key)
            page, fresh = _put(self._world.store, sheet.draw(), etag, None)
            return sheet.key, Page(etag=page.etag, inputs=sheet.inputs), fresh

        calls = (partial(put, each) for each in wanting)
        in_time = itertools.takewhile(lambda _: self._world.ahead() > _FINISH, calls)
        self._take(self._world.store.together(in_time))
        return len(self.published) >= len(sheets) and all(
            each.key in self.published for each in wanting
        )

    def clear(self, keys_: set[str]) -> bool:
        """Remove pages that are not part of the album any more; ``False`` if it took too long
        to say so."""
        old = {key for key in keys_ if key.startswith(_ASSETS)}
        for key in sorted(old):
            if _old(self._world, key):
                self._delete(key)
        # What is claimed before it comes may go, for nothing that links is put where it was,
        # and so may what links no rendition.
        loose = {
            key
            for key in keys_ - old
            if _comes_and_goes(self.former.slug, key) or key.endswith((sitemap.LIST, sitemap.PAGES))
        }
        for key in sorted(loose):
            self._delete(key)
        barred = sorted(keys_ - old - loose)
        if not barred:
            return True
        marked = self._world.clock.now()
        self.enter(going=self._still_going() | dict.fromkeys(barred, marked))
        if self._world.clock.now() - marked > self._world.terms.lease / 2:
            return False
        for key in barred:
            self._delete(key)
        return True

    def _delete(self, key: str) -> None:
        self._world.store.delete(key)
        self.removed += 1

    def _still_going(self) -> dict[str, datetime]:
        now, lease = self._world.clock.now(), self._world.terms.lease
        return {key: since for key, since in self.former.going.items() if since + lease > now}

    def enter(self, **changes: Any) -> None:
        """Commit the album record with these changes.  Unless its inputs are among them it has
        none: so nobody takes the album for finished."""
        usual = {
            "inputs": "",
            "pages": {**self.former.pages, **self.published},
            "going": self._still_going(),
            "removing_since": None,
            "updated": self._world.clock.now(),
        }
        new = msgspec.structs.replace(self.former, **{**usual, **changes})
        self._etag = catalog.commit(self._world.store, keys.album_record(new.slug), new, self._etag)
        self.former = new


def _hidden(card: Card | None) -> bool:
    return card is not None and card.hidden


def _below(store: ObjectStore, slug: str) -> list[str]:
    """The keys of the records of all albums below this one."""
    return [info.key for info in store.list(f"{keys.ALBUMS}{slug}/")]


def _comes_and_goes(slug: str, key: str) -> bool:
    """Whether not every run writes this page of the album."""
    if not slug and key == ABOUT:
        return True  # it may show photos that are in no album
    return key.endswith(".html") and key.startswith(keys.album_folder(slug) + "~")


def _way(slug: str, key: str, fence: str) -> Document:
    """The page that only leads to the album's first one."""
    first = keys.href(key, keys.album_page(slug))
    return page_document(
        key,
        f'<!doctype html>\n<meta charset="utf-8">\n<meta name="robots" content="noindex">\n'
        f'<meta name="safelight:inputs" content="{fence}">\n'
        f'<meta http-equiv="refresh" content="0; url={first}">\n'
        f'<title>…</title>\n<p><a href="{first}">→</a></p>\n',
    )


def _pages_there(store: ObjectStore, slug: str, known: AlbumRecord | None) -> dict[str, str]:
    """The ETags of the pages and files in the bucket that are this album's, by key.

    An album that is known to have had no photos has no pages of photos either: each was
    entered before its photo's record went.  (If it has some all the same, writing fails, and
    the next attempt looks.)
    """
    there: dict[str, str] = {}
    further = keys.album_folder(slug) + "~"
    if slug:
        first = store.head(keys.album_page(slug))
        if first is not None:
            there[first.key] = first.etag
    else:
        there = {info.key: info.etag for info in store.list("", shallow=True)}
        there = {key: etag for key, etag in there.items() if key in _SITE_FILES}
    prefixes = [further]
    if known is None or _has_photos(known):
        prefixes.append(keys.photo_folder(slug))
    if not slug:
        prefixes.append(_ASSETS)
    for prefix in prefixes:
        for info in store.list(prefix, shallow=True):
            # "~~…" is an album whose own name begins with "~".
            if not info.key.startswith(further + "~"):
                there[info.key] = info.etag
    return there


def _has_photos(record: AlbumRecord) -> bool:
    folder = keys.photo_folder(record.slug)
    return any(entry.photo is not None for entry in record.shown.values()) or any(
        key.startswith(folder) for key in record.pages
    )


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
    shown, lost, unread = _read_records(world, slug, was.shown if was is not None else {})
    albums = _read_cards(world, slug, was.albums if was is not None else {})
    settings_name = keys.record(keys.SETTINGS)[len(keys.RECORDS) :]
    if slug:
        found = world.store.get(keys.record(keys.SETTINGS))
        settings = None if found is None else _text(found.body)
    else:
        entry = shown.get(settings_name)
        settings = _settings_text(entry)
    secluded = _secluded(world.store, slug)
    digest = hashlib.sha256()
    for part in (
        world.press.fingerprint(),
        world.site_url or "",
        world.bucket or "",
        str(secluded),
        world.originals,
        settings or "",
        *(f"{name}\0{entry.etag}" for name, entry in sorted(shown.items())),
        *(f"{child}\0{seen.etag}" for child, seen in sorted(albums.items())),
    ):
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8) + raw)
    return _Inputs(shown, albums, settings, secluded, digest.hexdigest()[:32], lost, unread)


def _secluded(store: ObjectStore, slug: str) -> bool:
    """Whether an album above is hidden, as far as its record says so already; its reconciler
    has those below looked at once it does."""
    above = keys.parent(slug)
    while above:
        found = store.get(keys.album_record(above))
        if found is not None and is_hidden(found.body):
            return True
        above = keys.parent(above)
    return False


def _read_records(
    world: World, slug: str, known: Mapping[str, Shown]
) -> tuple[dict[str, Shown], tuple[str, ...], int]:
    """The album's records by name; only those that are new or have changed are read, as long
    as there is time."""
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

    def get(key: str) -> tuple[str, StoredObject | None]:
        return key, world.store.get(key)

    in_time = itertools.takewhile(lambda _: world.ahead() > _FINISH, wanted)
    answered = 0
    for key, found in world.store.together(partial(get, key) for key in in_time):
        name = key[len(prefix) :]
        answered += 1
        if found is None:
            continue
        try:
            shown[name] = Shown.of(found.info.etag, decode(found.body, key))
        except CorruptRecord:
            # One bad record must not stop the album.
            lost.append(keys.PHOTOS + key[len(keys.RECORDS) : -len(".json")])
    return shown, tuple(lost), len(wanted) - answered


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
        etags={name: entry.etag for name, entry in inputs.shown.items()},
        children=tuple(card for card in below if keys.parent(card.slug) == slug),
        settings=settings,
        fence=inputs.digest,
        site_url=world.site_url,
        secluded=inputs.secluded,
        bucket=world.bucket,
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
