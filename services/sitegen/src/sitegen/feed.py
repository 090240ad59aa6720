"""Atom feeds: an album's, and the site's.

Dates are the photos' own (when they came to the archive), never the clock's: the same
catalog makes the same bytes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from markupsafe import Markup

from gallery import keys
from gallery.record import PhotoRecord
from sitegen.document import ATOM, FEED_CACHE, Document
from sitegen.language import Language
from sitegen.links import Linked, url
from sitegen.photo import arrived, moment, name_of, picture
from sitegen.words import legal, line

ENTRIES = 50
"""How many photos a feed holds."""

_NAMESPACE = uuid.UUID("5af27b36-5d8e-5c2b-9a5e-3f5b8a1c7d10")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _id(seed: str, what: str) -> str:
    # A name made from the key: it outlives a new title, a new host and a new rendition.
    name = f"{seed}\n{what}".encode("utf-8", "replace").decode()
    return uuid.uuid5(_NAMESPACE, name).urn


def _date(moment_: datetime) -> str:
    if moment_.tzinfo is None:
        moment_ = moment_.replace(tzinfo=UTC)
    return moment_.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def newest(photos: Iterable[PhotoRecord]) -> list[PhotoRecord]:
    """The photos a feed holds, the latest to arrive first."""
    ordered = sorted(photos, key=lambda record: record.key)
    ordered.sort(key=arrived, reverse=True)
    return ordered[:ENTRIES]


def atom(
    *,
    key: str,
    home: str,
    title: str,
    subtitle: str,
    author: str,
    seed: str,
    base: str | None,
    updated: datetime | None,
    fence: str,
    photos: Sequence[PhotoRecord],
    language: Language,
    linked: Linked,
) -> Document:
    """The feed at ``key`` about the page ``home``; each photo's entry leads to its own page.
    URLs are relative unless ``base`` is known.

    ``fence`` makes its bytes, like a page's, never come back as they once were.
    """
    feed = ET.Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": language.code})

    def add(parent: ET.Element, tag: str, said: str = "", **attributes: str) -> ET.Element:
        child = ET.SubElement(parent, tag, attributes)
        child.text = legal(said) or None
        return child

    add(feed, "generator", "Safelight", version=fence)
    shown = newest(record for record in photos if linked.renditions(record))
    latest = max([*(arrived(record) for record in shown), updated or _EPOCH])
    add(feed, "id", _id(seed, key))
    add(feed, "title", title)
    if subtitle:
        add(feed, "subtitle", subtitle)
    add(feed, "updated", _date(latest))
    add(add(feed, "author"), "name", author or title)
    add(feed, "link", rel="self", type="application/atom+xml", href=url(key, key, base))
    add(feed, "link", rel="alternate", type="text/html", href=url(key, home, base))
    for record in shown:
        target = url(key, keys.photo_page(record.key), base)
        element = add(feed, "entry")
        add(element, "id", _id(seed, record.key))
        add(element, "title", name_of(record))
        add(element, "updated", _date(arrived(record)))
        add(element, "link", rel="alternate", type="text/html", href=target)
        add(
            element,
            "content",
            str(_content(key, target, record, base, language, linked)),
            type="html",
        )
    ET.indent(feed, " ")
    body = ET.tostring(feed, encoding="utf-8", xml_declaration=True) + b"\n"
    return Document(key, body, ATOM, FEED_CACHE)


def _content(
    key: str, target: str, record: PhotoRecord, base: str | None, language: Language, linked: Linked
) -> Markup:
    shown = picture(key, record, linked, base)
    out = Markup("")
    if shown:
        name = name_of(record)
        image = Markup('<p><a href="{}"><img src="{}" alt="{}"></a></p>')
        out += image.format(target, shown.src, name)
    when = moment(record, language)
    said = " · ".join(filter(None, (line(record.exif.line, 160), when.text if when else "")))
    described = line(record.description, 1000) if record.description else ""
    for paragraph in (described, said):
        if paragraph:
            out += Markup("<p>{}</p>").format(paragraph)
    return out
