"""A plain craft and a plain press: as little of photos and pages as the protocol needs.

The simulation is about reconcilers, stores and queues.  So a rendition is a line of text that
tells which content it was made from, and a page a few lines with the links that a real page
would have.  Both are pure functions, and quick.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO

from gallery import keys
from gallery.originals import Originals
from gallery.record import Card, Exif, PhotoRecord, TextRecord
from gallery.store import ObjectInfo, ObjectStore
from sitegen.document import Document, page
from sitegen.links import Offer, offered
from sitegen.pages import AlbumInput, Built, SiteInput
from sitegen.sheet import Sheet, digest
from thumbnailer.darkroom import DarkroomCrash, Developed, Rejection
from thumbnailer.development import Image, Recipe, Work

WIDTHS = (300, 600)
PHOTOS_A_PAGE = 2
"""So few that pages come and go."""
LATEST = 2


class FunctionDied(BaseException):
    """The whole function dies, as by running out of memory: nothing can catch it."""


def rendered(content: bytes, fingerprint: str, width: int | None) -> bytes:
    """The bytes of a rendition, or without a width those of a stripped copy."""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    what = f"{width} px" if width is not None else "a copy"
    return f"{what} of {digest} by {fingerprint}".encode()


class PlainCraft:
    """A :class:`thumbnailer.reconcile.Craft` for originals that are text.

    ``REJECT`` in the content makes it no photo, ``CRASH`` kills the decoder, ``KILL`` the
    function.
    """

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.limits = "plain"

    def fingerprint(self, *, originals: Originals) -> str:
        return f"plain-{self.version}-{originals}"

    @contextmanager
    def develop(
        self, store: ObjectStore, original: ObjectInfo, *, originals: Originals
    ) -> Iterator[Work | Rejection]:
        file = BytesIO()
        store.download(original.key, file, if_match=original.etag)
        content = file.getvalue()
        if b"KILL" in content:
            raise FunctionDied
        if b"CRASH" in content:
            raise DarkroomCrash("the decoder died")
        if b"REJECT" in content:
            yield Rejection("not a photo")
            return
        strip = originals == "stripped"
        fingerprint = self.fingerprint(originals=originals)
        copy = rendered(content, fingerprint, None) if strip else b""
        developed = Developed(
            source_width=1200,
            source_height=800,
            format="JPEG",
            has_location=False,
            images=tuple(
                Image(width, width * 2 // 3, rendered(content, fingerprint, width))
                for width in WIDTHS
            ),
            exif=Exif(),
            taken=None,
            title=content.decode("utf-8", "replace"),
            description=None,
            placeholder=(),
            recipe=Recipe("jpg", (copy,)) if strip else None,
        )
        yield Work(developed, BytesIO(copy) if strip else None)


class PlainPress:
    """A :class:`sitegen.reconcile.Press`: pages that are nothing but their links.

    Like the real one it keeps an empty page for an album of which only tombstones are left, and
    writes the fence into every document that links a rendition.
    """

    def fingerprint(self) -> str:
        return "plain"

    def build_album(self, album: AlbumInput) -> Built:
        return _build(album, _photos(album), album.children, [])

    def build_site(self, site: SiteInput) -> Built:
        top = tuple(card for card in site.cards if "/" not in card.slug)
        extra = [photo for card in site.cards for photo in card.latest]
        built = _build(site.root, _photos(site.root), top, extra)
        covers = _newest(
            [card.cover for card in site.cards if card.cover is not None and not card.hidden]
        )
        listing = _document("index.json", site.root.fence, [], list(covers.values()))
        linked = {**built.linked, **{photo.key: photo.digest for photo in covers.values()}}
        return Built((*built.documents, listing), built.card, linked, sheets=built.sheets)


def _offer(album: AlbumInput, photo: PhotoRecord) -> Offer | None:
    return offered(photo, album.settings.originals)


def _photos(album: AlbumInput) -> list[PhotoRecord]:
    return [
        record
        for _, record in sorted(album.records.items())
        if isinstance(record, PhotoRecord) and record.status == "ready"
    ]


def _newest(photos: list[PhotoRecord]) -> dict[str, PhotoRecord]:
    """One record a photo: cards of different ages may show the same one."""
    found: dict[str, PhotoRecord] = {}
    for photo in photos:
        other = found.get(photo.key)
        if other is None or photo.updated > other.updated:
            found[photo.key] = photo
    return found


def _build(
    album: AlbumInput, photos: list[PhotoRecord], below: tuple[Card, ...], extra: list[PhotoRecord]
) -> Built:
    words = [
        record.text
        for _, record in sorted(album.records.items())
        if isinstance(record, TextRecord) and record.kind == "text" and record.status == "ready"
    ]
    gone = any(record.status == "deleted" for record in album.records.values())
    if album.slug and not (photos or below or words or gone):
        return Built((), None, {})
    shown = [card for card in below if card.total and not card.hidden]
    covers = [card.cover for card in shown if card.cover is not None]
    latest = _newest([*photos, *covers, *extra])
    covers = [latest[cover.key] for cover in covers]
    lines = [f"<title>{album.settings.title}</title>", *(f"<p>{text}</p>" for text in words)]
    documents: list[Document] = []
    for number in range(1, 1 + max(1, -(-len(photos) // PHOTOS_A_PAGE))):
        here = keys.album_page(album.slug, number)
        these = photos[(number - 1) * PHOTOS_A_PAGE : number * PHOTOS_A_PAGE]
        links = [
            *(keys.album_page(card.slug) for card in shown if number == 1),
            *(offer.key for photo in these if (offer := _offer(album, photo)) is not None),
        ]
        documents.append(_document(here, album.fence, lines, [*these, *covers], links))
    feed = list(_newest([*photos, *(latest[photo.key] for photo in extra)]).values())
    documents.append(_document(keys.album_feed(album.slug), album.fence, [], feed))
    front = photos[0] if photos else (covers[0] if covers else None)
    card = Card(
        slug=album.slug,
        path=album.slug,
        title=words[0] if words else album.slug,
        photos=len(photos),
        total=len(photos) + sum(card.total for card in shown),
        cover=front,
        latest=tuple(photos[:LATEST]),
    )
    linked = {photo.key: photo.digest for photo in [*photos, *covers, *feed]}
    return Built(tuple(documents), card, linked, sheets=tuple(_sheets(album, photos)))


def _sheets(album: AlbumInput, photos: list[PhotoRecord]) -> Iterator[Sheet]:
    """A page for each photo: its own renditions, and links to its neighbours' pages."""
    for name, record in sorted(album.records.items()):
        if not isinstance(record, PhotoRecord):
            continue
        these = [record] if record.status == "ready" else []
        around: list[str] = []
        if these:
            place = photos.index(record)
            around = [keys.photo_page(each.key) for each in photos[max(0, place - 1) : place + 2]]
            if (offer := _offer(album, record)) is not None:
                around.append(offer.key)
        links = [keys.album_page(album.slug), *around]
        fence = digest(album.settings.title, album.etags[name], *links)
        key = keys.photo_page(record.key)
        lines = [f"<title>{album.settings.title}</title>"]
        yield Sheet(key, fence, partial(_document, key, fence, lines, these, links))


def _document(
    here: str,
    fence: str,
    lines: list[str],
    photos: list[PhotoRecord],
    links: list[str] | None = None,
) -> Document:
    images = [
        f'<img src="{keys.href(here, rendition.key)}">'
        for photo in photos
        for rendition in photo.renditions
    ]
    anchors = [f'<a href="{keys.href(here, target)}">' for target in links or []]
    return page(here, "\n".join([f"<meta name=inputs content={fence}>", *lines, *anchors, *images]))
