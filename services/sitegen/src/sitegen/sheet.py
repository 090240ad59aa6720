"""A photo's own page: what it tells beyond what an album tells of the photo.

There may be thousands of them, and an album that changes must not rewrite them all.  So a
sheet has a fence of its own, a digest of what *this* page is made from: the site's settings,
the album's name, the photo's record, its caption, its neighbours' names.  It links no
renditions but its own photo's (its neighbours' it leaves to their pages), so that no sheet
ever holds a link that its own record's version does not vouch for.

A photo that is not shown (deleted, or not fit to be rendered) has a sheet too, which says so
and links nothing but the album: so a sheet is never absent while a run may be about that
still knows the photo.  See :mod:`sitegen.reconcile`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markupsafe import escape

from gallery.record import PhotoRecord, Rendition
from sitegen.document import Document
from sitegen.language import Language
from sitegen.links import Offer, url
from sitegen.photo import Moment, file_name
from sitegen.words import line

_MOST_DETAILS = 60
"""How many further tags a page shows: a file may hold thousands."""


@dataclass(frozen=True)
class Sheet:
    """A page to come: its key, the digest of what it is made from, and how it is drawn."""

    key: str
    inputs: str
    draw: Callable[[], Document] = field(compare=False)


@dataclass(frozen=True)
class Detail:
    """One line of what is known of a photo; ``datetime`` is its machine-readable date."""

    label: str
    text: str
    datetime: str | None = None


@dataclass(frozen=True)
class Copy:
    """One file of the photo, to be linked from elsewhere.

    ``kind`` is ``original``, ``copy`` (of it, stripped) or ``rendition``; ``width`` and
    ``height`` are pixels (0 where they are not known), ``size`` and ``weight`` the same and
    the bytes for people.  ``href`` is absolute if the site's address is known, else relative
    to the page, and so are those in ``markdown`` and ``html``.
    """

    kind: str
    label: str
    width: int
    height: int
    bytes: int
    size: str
    weight: str
    href: str
    markdown: str
    html: str


def digest(*parts: str) -> str:
    """The fence: a digest of these parts, in this order."""
    total = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        total.update(len(raw).to_bytes(8) + raw)
    return total.hexdigest()[:32]


def details(
    record: PhotoRecord, moment: Moment | None, language: Language, *, all_tags: bool
) -> list[Detail]:
    """What is known of the photo, line by line.

    Without ``all_tags`` only those that the languages have words for: none of them tells of
    a place, a serial number or an owner.
    """
    exif, source = record.exif, record.source
    more = [
        (language.tags.get(label, label), language.tags.get(text, text))
        for label, text in exif.more.items()
        if all_tags or label in language.tags
    ]
    found: list[tuple[str, str | None]] = [
        (language["camera"], exif.camera),
        (language["lens"], exif.lens),
        (language["focal_length"], exif.focal_length),
        (language["aperture"], exif.aperture),
        (language["shutter"], exif.shutter),
        (language["iso"], str(exif.iso) if exif.iso is not None else None),
        *more[:_MOST_DETAILS],
    ]
    rows = [Detail(line(label, 80), line(text, 300)) for label, text in found if text]
    rows = [row for row in rows if row.label and row.text]
    if moment is not None:
        rows.insert(0, Detail(language["taken"], moment.text, moment.attribute))
    if source is not None and source.width > 0 and source.height > 0:
        rows.append(Detail(language["dimensions"], _size(source.width, source.height)))
    if source is not None and source.size > 0:
        rows.append(Detail(language["file_size"], language.bytes(source.size)))
    rows.append(Detail(language["file_name"], line(file_name(record))))
    return [row for row in rows if row.text]


def _size(width: int, height: int) -> str:
    return f"{width} × {height}"


_MARKS = re.compile(r"([\\`*_{}\[\]()<>#!|~])")


def copies(
    page: str,
    record: PhotoRecord,
    offer: Offer | None,
    renditions: Sequence[Rendition],
    name: str,
    base: str | None,
    language: Language,
) -> list[Copy]:
    """The photo's files: the original or its stripped copy where that is the ``offer``, then
    each size, the largest first."""
    found: list[Copy] = []
    source = record.source

    def add(kind: str, label: str, key: str, width: int, height: int, weight: int) -> None:
        where = url(page, key, base)
        spelt = _MARKS.sub(r"\\\1", name)
        extent = f' width="{width}" height="{height}"' if width > 0 and height > 0 else ""
        found.append(
            Copy(
                kind=kind,
                label=label,
                width=width,
                height=height,
                bytes=weight,
                size=_size(width, height) if extent else "",
                weight=language.bytes(weight) if weight > 0 else "",
                href=where,
                # In a URL everything that Markdown or HTML would heed is percent-encoded.
                markdown=f"![{spelt}]({where})",
                html=f'<img src="{where}" alt="{escape(name)}"{extent}>',
            )
        )

    if offer is not None and offer.what != "rendition":
        width, height = (source.width, source.height) if source else (0, 0)
        label = language["original" if offer.what == "original" else "stripped_copy"]
        add(offer.what, label, offer.key, width, height, offer.bytes)
    for each in sorted(renditions, key=lambda each: -each.width):
        add(
            "rendition",
            _size(each.width, each.height),
            each.key,
            each.width,
            each.height,
            each.bytes,
        )
    return found
