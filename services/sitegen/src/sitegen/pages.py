"""The pages of an album and of the site: from records to documents, with nothing in between.

Pure functions: the same input makes the same bytes, on any machine, at any time.  Every
link is relative and names an object's key, so that the same pages work behind a CDN, path-style
on an emulator and from a folder on disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

import gallery
from gallery import keys
from gallery.record import Card, PhotoRecord, TextRecord
from sitegen import card, feed, index, language, photo, sheet, sitemap, text
from sitegen.document import HTML, Document, page
from sitegen.links import Linked, newest, original, renditions, url
from sitegen.look import Look
from sitegen.settings import ABOUT, MenuItem, SiteSettings
from sitegen.sheet import Sheet
from sitegen.words import Reading, line, reading

PHOTOS_A_PAGE = 200
CARDS_A_PAGE = 120
NESTED = 8
"""How many sub-albums an album's card names; the rest are on its page."""

# Belt and braces for hosts that send no such header.  `file:` is for a gallery opened from a
# folder, where a browser may take 'self' for nothing at all; a page from the web can load no
# file: URL whatever this says.
POLICY = (
    "default-src 'none'; img-src 'self' file:; style-src 'self' file:; script-src 'self' file:; "
    "font-src 'self' file:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class AlbumInput:
    """Everything an album's pages are made from.

    ``records`` are those of its folder in the catalog, by name, whatever their status, and
    ``etags`` tells the version of each; ``children`` are the cards of its immediate
    sub-albums.  ``fence`` is written into every page as it is, but into a photo's own page
    goes one that is worked out for it (see :mod:`sitegen.sheet`).  ``site_url`` is where the
    site is published, where that is known and the settings do not tell it.  ``secluded``: an
    album above is hidden, and so this one is too.  ``bucket`` is the bucket's name, if known.
    """

    slug: str
    records: Mapping[str, PhotoRecord | TextRecord]
    etags: Mapping[str, str]
    children: tuple[Card, ...]
    settings: SiteSettings
    fence: str
    site_url: str | None = None
    secluded: bool = False
    bucket: str | None = None


@dataclass(frozen=True)
class SiteInput:
    """Everything the home page, the site's feed, sitemap and index are made from.

    ``root`` is the top album; ``cards`` those of all albums, flat.
    """

    root: AlbumInput
    cards: tuple[Card, ...]
    site_url: str | None


@dataclass(frozen=True)
class Built:
    """What was made: the documents, the album's card, and the renditions they link.

    ``card`` is ``None`` for an album that does not exist.  ``linked`` maps each photo to the
    digest of its renditions.  ``sheets`` are the pages of the single photos: there may be
    thousands of them, so each is drawn only when it is asked for.
    """

    documents: tuple[Document, ...]
    card: Card | None
    linked: Mapping[str, str]
    problems: tuple[str, ...] = ()
    sheets: tuple[Sheet, ...] = ()

    def everything(self) -> Iterator[Document]:
        """All documents, the photos' pages drawn."""
        yield from self.documents
        yield from (each.draw() for each in self.sheets)


@dataclass(frozen=True)
class _Link:
    label: str
    href: str
    external: bool = False


@dataclass(frozen=True)
class _CardView:
    """A card as a page shows it."""

    href: str
    title: str
    count: str
    days: str
    film: bool
    cover: photo.Picture | None
    nested: tuple[_Link, ...]
    more: int
    lazy: bool


@dataclass(frozen=True)
class _Contents:
    """An album's records sorted out."""

    path: str
    folder: Reading
    words: text.Words
    texts: Mapping[str, TextRecord]
    photos: tuple[PhotoRecord, ...]
    children: tuple[Card, ...]
    gone: bool
    changed: datetime | None


def _contents(album: AlbumInput) -> _Contents:
    photos: list[PhotoRecord] = []
    texts: dict[str, TextRecord] = {}
    paths: set[str] = set()
    gone = False
    for _, record in sorted(album.records.items()):
        if record.status == "deleted":
            gone = True
        elif isinstance(record, TextRecord):
            if (
                record.kind == "text"
                and record.status == "ready"
                and record.key.startswith(keys.PHOTOS)
            ):
                folder, _, name = record.key[len(keys.PHOTOS) :].rpartition("/")
                if keys.slug(folder) == album.slug:
                    texts[name] = record
                    paths.add(folder)
        elif renditions(record):
            found = original(record.key)
            # A record that lies in another album's folder is not of this one.
            if found and keys.slug(found.album) == album.slug:
                photos.append(record)
                paths.add(found.album)
    # The card of an album that is no more has no title: it keeps nobody's page.
    children = [child for child in album.children if child.title]
    for child in children:
        above = child.path.rpartition("/")[0]
        if keys.slug(above) == album.slug:
            paths.add(above)
    # An over-long path is known by its slug only; its photos, texts and sub-albums tell it.
    path = min(paths, default=album.slug)
    latest = newest(
        [
            *photos,
            *(found for child in children for found in (child.cover, *child.latest) if found),
        ]
    )
    return _Contents(
        path=path,
        folder=reading(path.rpartition("/")[2]),
        words=text.of_album(texts),
        texts=texts,
        photos=tuple(photos),
        children=tuple(_refreshed(child, latest) for child in children),
        gone=gone,
        changed=max((record.updated for record in album.records.values()), default=None),
    )


def _refreshed(card_: Card, latest: Mapping[str, PhotoRecord]) -> Card:
    """The card with each photo as it was last committed."""

    def current(record: PhotoRecord) -> PhotoRecord:
        # The same version elsewhere may be told with less about it.
        return record if latest[record.key].digest == record.digest else latest[record.key]

    return msgspec.structs.replace(
        card_,
        cover=current(card_.cover) if card_.cover else None,
        latest=tuple(current(each) for each in card_.latest),
    )


@cache
def _own_look() -> Look:
    return Look()


@cache
def _own_fingerprint() -> str:
    here = Path(__file__).parent
    shared = Path(gallery.__file__).parent
    files = [
        path
        for folder in ("templates", "assets", "languages")
        for path in (here / folder).iterdir()
    ]
    files += [here / f"{name}.py" for name in CRAFT]
    files += [shared / f"{name}.py" for name in ("keys", "record", "originals", "plainyaml")]
    total = hashlib.sha256()
    for path in sorted(files, key=lambda each: (each.parent.name, each.name)):
        if path.is_file():
            total.update(f"{path.parent.name}/{path.name}\n".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    for library in ("jinja2", "markupsafe", "markdown-it-py", "PyYAML"):
        total.update(f"{library} {version(library)}\n".encode())
    return total.hexdigest()[:16]


def fingerprint(look: Look | None = None) -> str:
    """A digest of everything but the records that the documents are made from.

    It changes when the same records may make other documents: with a template, an asset, a
    language, the code, or a library that writes some of the markup.
    """
    theirs = look.fingerprint if look is not None else ""
    return sheet.digest(_own_fingerprint(), theirs)[:16] if theirs else _own_fingerprint()


CRAFT = (
    "asset",
    "card",
    "document",
    "feed",
    "frontmatter",
    "index",
    "language",
    "links",
    "look",
    "pages",
    "photo",
    "settings",
    "sheet",
    "sitemap",
    "text",
    "words",
)
"""The modules that decide what a document holds."""


class _Builder:
    """One build: the settings' words, the ledger of links, the documents so far."""

    def __init__(
        self, album: AlbumInput, contents: _Contents, base: str | None, look: Look | None
    ) -> None:
        self.album = album
        self.look = look or _own_look()
        self.contents = contents
        self.base = base
        self.settings = album.settings
        self.language = language.load(album.settings.language)
        self.linked = Linked()
        self.seen: list[tuple[PhotoRecord, photo.Figure]] = []
        """The photos of the pages so far."""
        self.site = line(album.settings.named())
        # Of what links the album's own photos only; a photo that goes leaves a tombstone.
        self.own_fence = sheet.digest(
            *(f"{name}\0{etag}" for name, etag in sorted(album.etags.items()))
        )
        self._by_name = {photo.file_name(record): record for record in contents.photos}

    def frame(
        self, here: str, *, feed_title: str | None, fence: str | None = None
    ) -> dict[str, Any]:
        """What every page needs: the assets, the menu, the way home."""
        assets = self.look.assets
        root = keys.href(here, "index.html").removesuffix("index.html")
        return {
            "t": self.language,
            "asset": partial(self._asset, here),
            "bucket": self.album.bucket,
            "settings": self.settings,
            "site": self.site,
            "policy": POLICY,
            "fence": self.album.fence if fence is None else fence,
            "home": keys.href(here, "index.html"),
            "root": root or "./",
            "style": keys.href(here, assets["gallery.css"].key),
            "early": keys.href(here, assets["theme.js"].key),
            "script": keys.href(here, assets["gallery.js"].key),
            "icon": keys.href(here, assets["icon.svg"].key),
            "feed": keys.href(here, keys.album_feed(self.album.slug)) if feed_title else None,
            "feed_title": feed_title,
            "menu": [
                _Link(
                    item.label,
                    item.target if item.external else keys.href(here, item.target),
                    item.external,
                )
                for item in self.menu
            ],
        }

    def _asset(self, here: str, name: str) -> str:
        return keys.href(here, self.look.assets[name].key)

    @property
    def menu(self) -> list[MenuItem]:
        """The settings' menu, but for originals where they are not public, and at its end the
        page about the site, if there is one and the menu does not have it yet."""
        items = [
            item
            for item in self.settings.menu
            if item.external
            or self.settings.originals == "public"
            or not item.target.startswith(keys.PHOTOS)
        ]
        if self.settings.about and not any(item.target == ABOUT for item in items):
            items.append(MenuItem(self.language["about"], ABOUT, external=False))
        return items

    def place(self, here: str) -> text.Place:
        """Where the album's texts stand, for their links."""

        def picture(name: str) -> text.Picture | None:
            record = self._by_name.get(name)
            shown = photo.picture(here, record, self.linked) if record else None
            offer = self.linked.offered(record, self.settings.originals) if record else None
            if shown is None or offer is None:
                return None
            return text.Picture(shown.src, keys.href(here, offer.key), shown.width, shown.height)

        return text.Place(here, self.contents.path, picture)

    def figures(self, here: str, records: Iterable[PhotoRecord]) -> Iterator[photo.Figure]:
        """The photos of one page."""
        place = self.place(here)
        for number, record in enumerate(records):
            shown = self.figure(here, record, number, place)
            if shown:
                self.seen.append((record, shown))
                yield shown

    def figure(
        self, here: str, record: PhotoRecord, number: int, place: text.Place
    ) -> photo.Figure | None:
        """One photo, with its caption and the title that the caption gives it."""
        caption, said = None, ""
        words = text.caption_of(photo.file_name(record), self.contents.texts)
        if words is not None:
            told = text.read(words, text.CAPTION_LIMIT)
            if told.title:
                record = msgspec.structs.replace(record, title=told.title)
            rendered = text.caption(told, place)
            caption, said = rendered.html, rendered.plain
        return photo.figure(
            here,
            record,
            number,
            caption,
            said,
            self.language,
            self.linked,
            self.settings.originals,
        )

    def named(self, record: PhotoRecord) -> str:
        """What the photo is called: by its caption, by itself, by its file."""
        words = text.caption_of(photo.file_name(record), self.contents.texts)
        title = text.read(words, text.CAPTION_LIMIT).title if words is not None else None
        return title or photo.name_of(record)

    def card(self, here: str, card_: Card, nested: Sequence[Card], lazy: bool) -> _CardView:
        """A card as the page ``here`` shows it, naming the albums within it."""
        span = card.span_of(card_)
        return _CardView(
            href=keys.href(here, keys.album_page(card_.slug)),
            title=line(card_.title),
            count=self.language.count("photos", card_.total),
            days=self.language.days(*span) if span else "",
            film=reading(card_.path.rpartition("/")[2]).film,
            cover=photo.picture(here, card_.cover, self.linked) if card_.cover else None,
            nested=tuple(
                _Link(line(each.title), keys.href(here, keys.album_page(each.slug)))
                for each in nested[:NESTED]
            ),
            more=max(0, len(nested) - NESTED),
            lazy=lazy,
        )

    def preview(self, here: str, record: PhotoRecord | None) -> dict[str, Any]:
        """What those show who show links as cards: the page's own absolute address, and the
        photo's largest rendition; nothing while the site's address is not known."""
        found = self.linked.renditions(record) if record is not None and self.base else ()
        largest = found[-1] if found else None
        return {
            "address": url(here, here, self.base) if self.base else None,
            "image": url(here, largest.key, self.base) if largest else None,
            "image_width": largest.width if largest else 0,
            "image_height": largest.height if largest else 0,
            "image_alt": self.named(record) if largest and record is not None else "",
        }

    def pages(
        self,
        template: str,
        photos: Sequence[PhotoRecord],
        cards: Sequence[tuple[Card, Sequence[Card]]],
        feed_title: str | None,
        front: PhotoRecord | None,
        **context: Any,
    ) -> Iterator[Document]:
        """The pages that show so many photos and cards, each a fixed number of both."""
        of = max(1, -(-len(photos) // PHOTOS_A_PAGE), -(-len(cards) // CARDS_A_PAGE))
        for number in range(1, of + 1):
            here = keys.album_page(self.album.slug, number)

            def numbered(other: int, here: str = here) -> str | None:
                return (
                    keys.href(here, keys.album_page(self.album.slug, other))
                    if 1 <= other <= of
                    else None
                )

            these = photos[(number - 1) * PHOTOS_A_PAGE : number * PHOTOS_A_PAGE]
            those = cards[(number - 1) * CARDS_A_PAGE : number * CARDS_A_PAGE]
            html = self.look.render(
                template,
                **self.frame(here, feed_title=feed_title),
                **context,
                crumbs=self.crumbs(here),
                prose=text.render(self.contents.words, self.place(here)) if number == 1 else None,
                figures=list(self.figures(here, these)),
                cards=[
                    self.card(here, each, nested, lazy=place >= photo.EAGER)
                    for place, (each, nested) in enumerate(those)
                ],
                number=number,
                of=of,
                earlier=numbered(number - 1),
                later=numbered(number + 1),
                kind="website",
                **self.preview(here, front),
            )
            yield page(here, html)

    def crumbs(self, here: str) -> list[_Link]:
        """The albums above this one, the outermost first, as their folders' names read."""
        above: list[_Link] = []
        slug = keys.parent(self.album.slug)
        while slug:
            name = reading(slug.rpartition("/")[2]).title
            above.append(_Link(name, keys.href(here, keys.album_page(slug))))
            slug = keys.parent(slug)
        return above[::-1]

    def sitemap(self, photos: Sequence[PhotoRecord]) -> list[Document]:
        """The sitemap of the pages of these photos, if the site's address is known and the
        album has ever had any."""
        if self.base is None or not any(
            isinstance(record, PhotoRecord) for record in self.album.records.values()
        ):
            return []
        key = sitemap.of_photos(self.album.slug)
        return [sitemap.of_pages(key, self.base, (keys.photo_page(each.key) for each in photos))]

    def sheets(self, photos: Sequence[PhotoRecord], title: str, unlisted: bool) -> Iterator[Sheet]:
        """The pages of these photos, in the order of the album, and of those it does not show.

        ``title`` is the album's.
        """
        common = (
            fingerprint(self.look),
            self.base or "",
            self.album.bucket or "",
            repr(self.settings),
            title,
            str(unlisted),
        )
        folder = keys.records_of_album(self.album.slug)
        names = [self.named(record) for record in photos]
        leaves = [keys.photo_page(record.key) for record in photos]
        for number, record in enumerate(photos):
            caption = text.caption_of(photo.file_name(record), self.contents.texts)
            around = [
                (leaves[other], names[other]) if 0 <= other < len(photos) else ("", "")
                for other in (number - 1, number + 1)
            ]
            page_number = 1 + number // PHOTOS_A_PAGE
            inputs = sheet.digest(
                "shown",
                *common,
                self._etag(folder, record.key),
                self._etag(folder, caption.key) if caption is not None else "",
                *around[0],
                *around[1],
                str(page_number),
            )
            draw = partial(
                self._sheet, record, inputs, title, unlisted, around[0], around[1], page_number
            )
            yield Sheet(leaves[number], inputs, draw)
        shown = set(leaves)
        for name, gone in sorted(self.album.records.items()):
            key = keys.photo_folder(self.album.slug) + name.removesuffix(".json") + ".html"
            if isinstance(gone, PhotoRecord) and name.endswith(".json") and key not in shown:
                inputs = sheet.digest("gone", *common, self.album.etags[name])
                yield Sheet(key, inputs, partial(self._gone, key, inputs, title))

    def _etag(self, folder: str, key: str) -> str:
        return self.album.etags[keys.record(key).removeprefix(folder)]

    def _sheet(
        self,
        record: PhotoRecord,
        fence: str,
        title: str,
        unlisted: bool,
        earlier: tuple[str, str],
        later: tuple[str, str],
        page_number: int,
    ) -> Document:
        here = keys.photo_page(record.key)
        figure = self.figure(here, record, 0, self.place(here))
        if figure is None:
            raise ValueError(f"{record.key!r:.200} is not shown: it has no page of its own")
        album = keys.href(here, keys.album_page(self.album.slug, page_number))
        html = self.look.render(
            "photo.html",
            **self.frame(here, feed_title=None, fence=fence),
            title=figure.name,
            figure=figure,
            album=_Link(line(title), f"{album}#{figure.id}"),
            crumbs=[*self.crumbs(here), *self._own_crumb(album, title)],
            details=sheet.details(
                record,
                figure.moment,
                self.language,
                all_tags=self.settings.originals == "public",
            ),
            sizes=sheet.copies(
                here,
                record,
                self.linked.offered(record, self.settings.originals),
                self.linked.renditions(record),
                figure.name,
                self.base,
                self.language,
            ),
            earlier=_Link(line(earlier[1]), keys.href(here, earlier[0])) if earlier[0] else None,
            later=_Link(line(later[1]), keys.href(here, later[0])) if later[0] else None,
            unlisted=unlisted,
            summary=" · ".join(
                said
                for said in (
                    figure.said,
                    figure.line,
                    figure.moment.text if figure.moment else "",
                )
                if said
            ),
            kind="article",
            **(self.preview(here, record) | {"image_alt": figure.alt}),
        )
        return page(here, html)

    def _own_crumb(self, album: str, title: str) -> list[_Link]:
        # The top album is the site itself, whose name stands before all crumbs.
        return [_Link(line(title), album)] if self.album.slug else []

    def _gone(self, here: str, fence: str, title: str) -> Document:
        album = keys.href(here, keys.album_page(self.album.slug))
        html = self.look.render(
            "gone.html",
            **self.frame(here, feed_title=None, fence=fence),
            title=self.language["gone_title"],
            album=_Link(line(title), album),
            crumbs=[*self.crumbs(here), *self._own_crumb(album, title)],
            unlisted=True,
            summary="",
            kind="website",
            **self.preview(here, None),
        )
        return page(here, html)


def build_album(album: AlbumInput, look: Look | None = None) -> Built:
    """The pages and the feed of an album, and its card.

    An album of which only tombstones are left keeps a page that says that it is empty, so
    that links to it do not break; its card counts no photo, and nobody lists it.
    """
    if not album.slug:
        raise ValueError("the top album's page is the home page: build_site makes it")
    contents = _contents(album)
    words = contents.words
    if not (contents.photos or words != text.NOTHING or contents.children or contents.gone):
        return Built((), None, {})
    builder = _Builder(album, contents, _base(album), look)
    here = keys.album_page(album.slug)
    prose = text.render(words, builder.place(here))
    title = words.title or prose.heading or contents.folder.title
    photos = photo.in_order(contents.photos, words.order)
    own = card.make(
        slug=album.slug,
        path=contents.path,
        title=title,
        photos=photos,
        children=contents.children,
        words=words,
        folder=contents.folder,
        changed=contents.changed,
    )
    shown = card.listed(contents.children)
    empty = not photos and not shown
    span = card.span_of(own)
    unlisted = words.hidden or album.secluded or empty
    feed_title = None if unlisted else title
    documents = list(
        builder.pages(
            "album.html",
            photos,
            [(child, ()) for child in shown],
            feed_title,
            own.cover,
            title=title,
            card=own,
            days=builder.language.days(*span) if span else "",
            first=own.first,
            last=own.last,
            film=contents.folder.film,
            empty=empty and not prose.html,
            unlisted=unlisted,
            summary=prose.plain,
        )
    )
    # It is always there, because what comes and goes cannot be fenced: the feed of an album
    # that is not listed has no entries, and no page links it.
    documents.append(
        feed.atom(
            key=keys.album_feed(album.slug),
            home=here,
            title=f"{line(title)} · {builder.site}",
            subtitle=prose.plain,
            author=album.settings.author,
            seed=album.settings.id,
            base=builder.base,
            updated=contents.changed,
            fence=builder.own_fence,
            photos=[] if unlisted else photos,
            language=builder.language,
            linked=builder.linked,
        )
    )
    documents.append(
        index.of_album(
            slug=album.slug,
            path=contents.path,
            title=title,
            fence=builder.own_fence,
            children=[] if unlisted else shown,
            photos=[] if unlisted else builder.seen,
            originals=album.settings.originals,
            base=builder.base,
            linked=builder.linked,
        )
    )
    documents += builder.sitemap([] if unlisted else photos)
    sheets = tuple(builder.sheets(photos, title, unlisted))
    return Built(tuple(documents), own, builder.linked.digests(), words.problems, sheets)


def _base(album: AlbumInput) -> str | None:
    return album.site_url or album.settings.url


def _visible(cards: Iterable[Card]) -> list[Card]:
    """The cards that no album above hides: what lies in a hidden album is as hidden as it."""
    cards = list(cards)
    hidden = {each.slug for each in cards if each.hidden}

    def under(slug: str | None) -> bool:
        while slug:
            if slug in hidden:
                return True
            slug = keys.parent(slug)
        return False

    return [each for each in cards if not under(each.slug)]


def build_site(site: SiteInput, look: Look | None = None) -> Built:
    """The home page, the site's feed, sitemap and index, the page for what is missing, assets."""
    base = site.site_url or _base(site.root)
    cards = {each.slug: each for each in (*site.root.children, *site.cards) if each.slug}
    root = replace(site.root, children=tuple(each for _, each in sorted(cards.items())))
    contents = _contents(root)
    builder = _Builder(root, contents, base, look)
    title = builder.site
    visible = _visible(contents.children)
    # Nothing is lost if an album's parent has no card (yet): it stands where the nearest has.
    places: dict[str, list[Card]] = {}
    known = {each.slug for each in visible}
    for each in card.listed(visible):
        above = keys.parent(each.slug)
        while above and above not in known:
            above = keys.parent(above)
        places.setdefault(above or "", []).append(each)
    top = places.get("", [])
    photos = photo.in_order(contents.photos, contents.words.order)
    words = replace(contents.words, title=title)
    builder.contents = replace(contents, words=words)
    own = card.make(
        slug="",
        path="",
        title=title,
        photos=photos,
        children=top,
        words=contents.words,
        folder=Reading(title),
        changed=contents.changed,
    )
    empty = not photos and not top
    documents = list(
        builder.pages(
            "home.html",
            photos,
            [(each, places.get(each.slug, ())) for each in top],
            title,
            own.cover,
            title=title,
            total=builder.language.count("photos", own.total),
            albums=builder.language.count("albums", len(top)),
            empty=empty,
            unlisted=False,
            summary=line(root.settings.subtitle),
        )
    )
    listed = card.listed(visible)
    latest = {record.key: record for each in listed for record in each.latest}
    documents.append(
        feed.atom(
            key="feed.xml",
            home="index.html",
            title=title,
            subtitle=line(root.settings.subtitle),
            author=root.settings.author,
            seed=root.settings.id,
            base=base,
            updated=max(
                (each.updated for each in listed if each.updated), default=contents.changed
            ),
            fence=root.fence,
            photos=[*photos, *latest.values()],
            language=builder.language,
            linked=builder.linked,
        )
    )
    if base:
        # In an order that a new photo does not change: then neither does the sitemap.
        by_slug = sorted(listed, key=lambda each: each.slug)
        albums = [
            keys.album_page(each.slug, number)
            for each in by_slug
            for number in range(1, 1 + max(1, -(-each.photos // PHOTOS_A_PAGE)))
        ]
        fronts = [each.key for each in documents if each.content_type == HTML]
        fronts += [ABOUT] if root.settings.about else []
        documents.append(sitemap.of_pages(sitemap.PAGES, base, [*fronts, *albums]))
        photographed = [each.slug for each in by_slug if each.photos]
        documents.append(
            sitemap.of_sitemaps(
                base,
                [
                    sitemap.PAGES,
                    *(sitemap.of_photos(slug) for slug in ([""] if photos else [])),
                    *(sitemap.of_photos(slug) for slug in photographed),
                ],
            )
        )
        documents += builder.sitemap(photos)
    documents.append(sitemap.robots(base))
    documents.append(index.of_site(title, listed, base, root.fence, builder.linked))
    documents.append(_missing(builder))
    if root.settings.about:
        documents.append(_about(builder))
    documents += builder.look.assets.values()
    problems = contents.words.problems
    sheets = tuple(builder.sheets(photos, title, unlisted=False))
    return Built(tuple(documents), own, builder.linked.digests(), problems, sheets)


def _about(builder: _Builder) -> Document:
    """The page about the site, where the settings have a text for it."""
    place = builder.place(ABOUT)
    prose = text.render(text.Words(body=builder.settings.about), place)
    html = builder.look.render(
        "about.html",
        **builder.frame(ABOUT, feed_title=None),
        title=prose.heading or builder.language["about"],
        prose=prose,
        crumbs=[],
        unlisted=False,
        summary=prose.plain,
        kind="website",
        **builder.preview(ABOUT, None),
    )
    return page(ABOUT, html)


@dataclass(frozen=True)
class Pages:
    """These functions with a look: what the reconciler publishes with."""

    look: Look

    def fingerprint(self) -> str:
        """As :func:`fingerprint`."""
        return fingerprint(self.look)

    def build_album(self, album: AlbumInput) -> Built:
        """As :func:`build_album`."""
        return build_album(album, self.look)

    def build_site(self, site: SiteInput) -> Built:
        """As :func:`build_site`."""
        return build_site(site, self.look)


def _missing(builder: _Builder) -> Document:
    """The page that is served in place of what is not there, at any depth.

    A relative link would lead somewhere else at each depth.  Where the site's place is known
    its links are absolute; else they begin at the root of the host, because an error page is
    only ever served by a CDN or a website endpoint, and both have the site at their root.
    """
    base = builder.base or "/"

    def at(key: str) -> str:
        return base + keys.url_path(key)

    # It links no rendition, and needs no fence.
    frame = builder.frame("404.html", feed_title=None, fence="")
    assets = builder.look.assets
    frame |= {
        "home": at("index.html"),
        "root": base,
        "style": at(assets["gallery.css"].key),
        "early": at(assets["theme.js"].key),
        "script": None,
        "icon": at(assets["icon.svg"].key),
        "menu": [
            _Link(item.label, item.target if item.external else at(item.target), item.external)
            for item in builder.menu
        ],
    }
    html = builder.look.render(
        "missing.html",
        **frame,
        title=builder.language["missing_title"],
        unlisted=True,
        summary="",
        kind="website",
        **builder.preview("404.html", None),
    )
    return page("404.html", html)
