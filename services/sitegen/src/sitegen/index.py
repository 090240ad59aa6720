"""What other programs read of the site: ``index.json`` lists the albums, and each album's
``~index.json`` its photos.

The types below *are* the format; :func:`schemas` derives the published JSON Schemas
(``docs/schemas/``) from them.  Every URL is absolute if the site's address is known, else
relative to the document it stands in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from gallery import keys
from gallery.originals import Originals
from gallery.record import Card, PhotoRecord
from sitegen.document import FEED_CACHE, JSON, Document
from sitegen.links import Linked, url
from sitegen.photo import Figure, file_name, picture
from sitegen.words import legal, line


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A rendition; ``width`` and ``height`` are pixels, ``bytes`` its size (0: not known)."""

    url: str
    width: int
    height: int
    bytes: int = 0


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """The file that a visitor may take of a photo: the original, a ``copy`` of it without
    private metadata, or the largest ``rendition``; ``path`` is the name to save it under."""

    kind: Literal["original", "copy", "rendition"]
    url: str
    path: str
    bytes: int


class PhotoEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A photo, in the order of its album.

    ``name`` is its file's name, ``url`` its page.  ``taken`` is the camera's local time
    (``YYYY-MM-DDTHH:MM:SS``), ``offset`` that time's offset from UTC, if the file tells;
    ``taken_from`` says what it was read from.  ``camera`` is what the camera was set to, in
    one line.  ``colours`` are a few of the photo's own (``#rrggbb``), row by row.
    """

    name: str
    title: str
    url: str
    caption: str = ""
    taken: str | None = None
    offset: str | None = None
    taken_from: Literal["exif", "filename", "modified"] | None = None
    camera: str = ""
    offered: Offered
    renditions: tuple[Image, ...]
    colours: tuple[str, ...] = ()


class Below(msgspec.Struct, frozen=True, kw_only=True):
    """An album within an album."""

    path: str
    title: str
    url: str
    index: str


class AlbumIndex(msgspec.Struct, frozen=True, kw_only=True):
    """``albums/<path>/~index.json``: an album and its own photos.

    ``inputs`` changes whenever anything that the document links does.  An album that is not
    listed anywhere (hidden, or empty) shows nothing here either.
    """

    version: Literal[1] = 1
    inputs: str
    path: str
    title: str
    url: str
    feed: str
    albums: tuple[Below, ...] = ()
    photos: tuple[PhotoEntry, ...] = ()


class AlbumEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An album.  ``photos`` counts its own, ``total`` those of the albums within it too;
    ``first`` and ``last`` are the days (``YYYY-MM-DD``) of the earliest and the latest."""

    path: str
    title: str
    url: str
    feed: str
    index: str
    photos: int
    total: int
    first: str | None
    last: str | None
    cover: Image | None


class SiteIndex(msgspec.Struct, frozen=True, kw_only=True):
    """``index.json``: every album that is listed, by its path.

    ``inputs`` changes whenever anything of the site does.
    """

    version: Literal[1] = 1
    title: str
    inputs: str
    albums: tuple[AlbumEntry, ...]


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schemas, by file name (``docs/schemas/NAME``)."""
    types = {"site-index.v1.json": SiteIndex, "album-index.v1.json": AlbumIndex}
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **msgspec.json.schema(kind),
        }
        for name, kind in types.items()
    }


def key(slug: str) -> str:
    """The key of an album's index; the top album's is the site's."""
    return f"{keys.album_folder(slug)}~index.json" if slug else "index.json"


def _document(here: str, content: AlbumIndex | SiteIndex, indent: int) -> Document:
    body = msgspec.json.format(msgspec.json.encode(content), indent=indent)
    return Document(here, body + b"\n", JSON, FEED_CACHE)


def of_site(
    title: str, cards: Iterable[Card], base: str | None, fence: str, linked: Linked
) -> Document:
    """The site's index: the albums of these cards."""
    here = key("")
    albums: list[AlbumEntry] = []
    for card in sorted(cards, key=lambda each: each.slug):
        cover = picture(here, card.cover, linked, base) if card.cover else None
        albums.append(
            AlbumEntry(
                path=legal(card.path),
                title=legal(card.title),
                url=url(here, keys.album_page(card.slug), base),
                feed=url(here, keys.album_feed(card.slug), base),
                index=url(here, key(card.slug), base),
                photos=card.photos,
                total=card.total,
                first=card.first,
                last=card.last,
                cover=Image(url=cover.src, width=cover.width, height=cover.height)
                if cover
                else None,
            )
        )
    return _document(here, SiteIndex(title=legal(title), inputs=fence, albums=tuple(albums)), 1)


def of_album(
    *,
    slug: str,
    path: str,
    title: str,
    fence: str,
    children: Iterable[Card],
    photos: Sequence[tuple[PhotoRecord, Figure]],
    originals: Originals,
    base: str | None,
    linked: Linked,
) -> Document:
    """An album's index: these photos, as its pages show them, and these albums within it."""
    here = key(slug)
    entries: list[PhotoEntry] = []
    for record, figure in photos:
        offer = linked.offered(record, originals)
        if offer is None:
            continue
        taken = record.taken
        entries.append(
            PhotoEntry(
                name=legal(file_name(record)),
                title=figure.name,
                url=url(here, keys.photo_page(record.key), base),
                caption=figure.said,
                taken=line(taken.local, 40) if taken else None,
                offset=line(taken.offset, 20) if taken and taken.offset else None,
                taken_from=taken.source if taken else None,
                camera=figure.line,
                offered=Offered(
                    kind=offer.what,
                    url=url(here, offer.key, base),
                    path=legal(offer.path),
                    bytes=offer.bytes,
                ),
                renditions=tuple(
                    Image(
                        url=url(here, each.key, base),
                        width=each.width,
                        height=each.height,
                        bytes=max(0, each.bytes),
                    )
                    for each in linked.renditions(record)
                ),
                colours=tuple(legal(colour) for colour in record.placeholder),
            )
        )
    return _document(
        here,
        AlbumIndex(
            inputs=fence,
            path=legal(path),
            title=line(title),
            url=url(here, keys.album_page(slug), base),
            feed=url(here, keys.album_feed(slug), base),
            albums=tuple(
                Below(
                    path=legal(child.path),
                    title=line(child.title),
                    url=url(here, keys.album_page(child.slug), base),
                    index=url(here, key(child.slug), base),
                )
                for child in sorted(children, key=lambda each: each.slug)
            ),
            photos=tuple(entries),
        ),
        0,
    )
