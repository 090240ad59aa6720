"""Records to build pages from, and a reader that takes a page apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree as ET

import msgspec

from gallery import keys
from gallery.record import (
    Card,
    Exif,
    PhotoRecord,
    Rendition,
    Source,
    Taken,
    TextRecord,
    encode,
)
from sitegen.document import Document
from sitegen.pages import AlbumInput, Built, SiteInput, build_album, build_site
from sitegen.settings import SiteSettings

NOON = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
FENCE = "fence-5f1c"


def photo(
    key: str,
    *,
    width: int = 3000,
    height: int = 2000,
    taken: str | None = "2024-05-01T10:00:00",
    etag: str = "",
    arrived: datetime = NOON,
    **more: Any,
) -> PhotoRecord:
    """A ready photo as the thumbnailer records it."""
    etag = etag or hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
    digest = keys.digest(etag, "test")
    wide = sorted({max(1, round(edge * width / max(width, height))) for edge in (600, 1200, 2048)})
    record = PhotoRecord(
        key=key,
        status="ready",
        source=Source(etag=etag, size=1_500_000, last_modified=arrived, width=width, height=height),
        digest=digest,
        renditions=tuple(
            Rendition(
                key=keys.rendition(key, digest, across),
                width=across,
                height=max(1, round(across * height / width)),
                bytes=1000,
            )
            for across in wide
        ),
        exif=Exif(line="nikon d3400 · 35mm · ƒ1.8 · 1/60s · ISO 800"),
        taken=Taken(local=taken, source="exif") if taken else None,
        placeholder=("#102030", "#405060", "#708090", "#a0b0c0", "#d0e0f0", "#112233"),
        updated=arrived,
    )
    return msgspec.structs.replace(record, **more)


def words(key: str, text: str, **more: Any) -> TextRecord:
    """A committed text."""
    record = TextRecord(kind="text", key=key, status="ready", text=text, updated=NOON)
    return msgspec.structs.replace(record, **more)


def tombstone(key: str) -> PhotoRecord:
    """What is left of a deleted photo."""
    return PhotoRecord(key=key, status="deleted", updated=NOON)


def album(
    slug: str,
    *records: PhotoRecord | TextRecord,
    children: Iterable[Card] = (),
    settings: SiteSettings | None = None,
    site_url: str | None = None,
) -> AlbumInput:
    """An album of these records, under the names they have in the catalog."""
    named = {keys.record(record.key).rpartition("/")[2]: record for record in records}
    return AlbumInput(
        slug,
        named,
        {name: etag_of(record) for name, record in named.items()},
        tuple(children),
        settings or SiteSettings(),
        FENCE,
        site_url=site_url,
    )


def etag_of(record: PhotoRecord | TextRecord) -> str:
    """The version of a record, as the bucket tells it."""
    return hashlib.md5(encode(record), usedforsecurity=False).hexdigest()


def built(slug: str, *records: PhotoRecord | TextRecord, **more: Any) -> Built:
    """What is built of :func:`album`."""
    return build_album(album(slug, *records, **more))


def card(slug: str, *records: PhotoRecord | TextRecord, **more: Any) -> Card:
    """The card of :func:`album`."""
    found = built(slug, *records, **more).card
    assert found is not None
    return found


def site(
    *records: PhotoRecord | TextRecord,
    cards: Iterable[Card] = (),
    settings: SiteSettings | None = None,
    site_url: str | None = None,
) -> Built:
    """The site whose top album holds these records."""
    cards = tuple(cards)
    top = tuple(each for each in cards if keys.parent(each.slug) == "")
    root = album("", *records, children=top, settings=settings)
    return build_site(SiteInput(root, cards, site_url))


def document(made: Built, key: str) -> Document:
    """The document at ``key``."""
    return {each.key: each for each in made.everything()}[key]


VOID = frozenset({"meta", "link", "img", "br", "hr", "input", "path"})


@dataclass
class Element:
    """An element: its name, its attributes, the text inside it and its descendants."""

    tag: str
    attributes: dict[str, str]
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.parts).split())


class Html(HTMLParser):
    """A page taken apart.  Raises ``AssertionError`` where its tags do not match up."""

    def __init__(self, body: bytes | str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(body.decode("utf-8") if isinstance(body, bytes) else body)
        self.close()
        assert not self._open, f"not closed: {[each.tag for each in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"attribute twice in <{tag}>"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.parts.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """The elements called ``tag`` with these attributes."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            each
            for each in self.elements
            if each.tag == tag and wanted.items() <= each.attributes.items()
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        """The only such element."""
        (found,) = self.all(tag, **attributes)
        return found

    def links(self) -> list[str]:
        """Every URL the page names."""
        found: list[str] = []
        for element in self.elements:
            for name in ("href", "src"):
                if name in element.attributes:
                    found.append(element.attributes[name])
            if "srcset" in element.attributes:
                parts = element.attributes["srcset"].split(", ")
                found += [part.rpartition(" ")[0] for part in parts]
            if element.tag == "input" and element.attributes.get("name") == "photo":
                found.append(element.attributes["value"])
        return found


def html(made: Built, key: str) -> Html:
    """The page at ``key``, taken apart."""
    return Html(document(made, key).body)


def key_of(page: str, link: str) -> str | None:
    """The key a link of ``page`` leads to; ``None`` if it leads off the site."""
    root = "https://site.invalid/deep/er/"
    target = urljoin(root + keys.url_path(page), link)
    if not target.startswith(root):
        return None
    return unquote(urlsplit(target[len(root) :]).path, errors="surrogateescape")


def known_keys(*made: Built, records: Mapping[str, PhotoRecord]) -> set[str]:
    """Every key that these documents and photos are."""
    found = {each.key for one in made for each in one.everything()}
    for record in records.values():
        found.add(record.key)
        found |= {rendition.key for rendition in record.renditions}
    return found


def xml(body: bytes) -> ET.Element:
    """The root of a feed or sitemap."""
    return ET.fromstring(body)  # noqa: S314 - of our own making
