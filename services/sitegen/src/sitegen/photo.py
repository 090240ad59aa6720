"""A photo as a page shows it."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from markupsafe import Markup

from gallery import keys
from gallery.originals import Originals
from gallery.record import PhotoRecord, Rendition, Taken
from sitegen import words
from sitegen.language import Language
from sitegen.links import Linked, url
from sitegen.words import Natural, line, natural, prose

EAGER = 3
"""How many photos of a page are loaded at once; the rest when they come near.

More would share a slow line with the first, which is what a visitor waits for."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_MOST_COLOURS = 16
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_OFFSET = re.compile(r"[+-](?:0[0-9]|1[0-4]):[0-5][0-9]|Z")


def taken(record: PhotoRecord) -> datetime | None:
    """The camera's local time when the photo was taken, if the record tells one."""
    return _local(record.taken) if record.taken else None


def _local(moment: Taken) -> datetime | None:
    if not _LOCAL.fullmatch(moment.local):
        return None
    try:
        return datetime.fromisoformat(moment.local)
    except ValueError:
        return None


def dated(record: PhotoRecord) -> datetime | None:
    """When the photo was taken as far as it is known: a file's own age is no such knowledge."""
    if record.taken is None or record.taken.source == "modified":
        return None
    return _local(record.taken)


def arrived(record: PhotoRecord) -> datetime:
    """When the photo came to the archive; making its renditions anew does not change it."""
    return record.source.last_modified if record.source else record.updated


def file_name(record: PhotoRecord) -> str:
    """The name of the photo's file, as it is."""
    return record.key.rpartition("/")[2]


def _by_name(record: PhotoRecord) -> tuple[Natural, str]:
    return natural(file_name(record)), record.key


def in_order(records: Iterable[PhotoRecord], order: str | None = None) -> list[PhotoRecord]:
    """The photos by date taken, those without one after them by name, naturally.

    ``order`` is what an album's text asks for: ``date``, ``name`` or ``newest``.
    """
    by_name = sorted(records, key=_by_name)
    if order == "name":
        return by_name
    moments = [(dated(record), record) for record in by_name]
    # Sorting is stable: photos of the same second stay in the order of their names.
    known = [(moment, record) for moment, record in moments if moment is not None]
    known.sort(key=lambda each: each[0], reverse=order == "newest")
    return [record for _, record in known] + [
        record for moment, record in moments if moment is None
    ]


def anchor(key: str) -> str:
    """The id of the photo on its album's page: the same for as long as it keeps its key."""
    return "p" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def name_of(record: PhotoRecord) -> str:
    """What the photo is called: its title, else its file's name."""
    return (line(record.title) if record.title else "") or words.name(file_name(record))


def shape(rendition: Rendition) -> str:
    """The classes that tell the stylesheet how wide the photo is for its height.

    A page may carry no style of its own under a strict Content-Security-Policy, so the
    number is spelt in digits that the stylesheet adds up: 1.333 is ``u1 t3 h3 m3``.
    """
    ratio = min(max(rendition.width / rendition.height, 0.1), 9.999)
    thousandths = round(ratio * 1000)
    units, tenths = thousandths // 1000, thousandths // 100 % 10
    hundredths, rest = thousandths // 10 % 10, thousandths % 10
    digits = ((units, "u"), (tenths, "t"), (hundredths, "h"), (rest, "m"))
    return " ".join(f"{name}{digit}" for digit, name in digits if digit)


def placeholder(colours: tuple[str, ...]) -> Markup:
    """The photo's own colours as a picture of a few squares, which the stylesheet blurs.

    SVG's presentation attributes are no inline style: a strict policy lets them be.
    """
    if not 0 < len(colours) <= _MOST_COLOURS or not all(
        _COLOUR.fullmatch(each) for each in colours
    ):
        return Markup("")
    columns = math.ceil(math.sqrt(len(colours)))
    rows = math.ceil(len(colours) / columns)
    squares = "".join(
        f'<path fill="{colour}" d="M{number % columns} {number // columns}h1v1h-1z"/>'
        for number, colour in enumerate(colours)
    )
    return Markup(  # noqa: S704 - nothing in it but numbers and checked colours
        f'<svg viewBox="0 0 {columns} {rows}" preserveAspectRatio="none" aria-hidden="true">'
        f"{squares}</svg>"
    )


@dataclass(frozen=True)
class Picture:
    """An image element: what it loads and at which size it lies."""

    src: str
    srcset: str
    width: int
    height: int
    shape: str
    placeholder: Markup


@dataclass(frozen=True)
class Moment:
    """A date for a ``<time>`` element."""

    attribute: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A photo on an album's page."""

    id: str
    name: str
    alt: str
    picture: Picture
    page: str
    """The photo's own page."""
    large: str
    original: str
    """Where what is offered of it lies (see :func:`sitegen.links.offered`)."""
    file: str
    """The path to save that under, where its URL does not tell: else empty."""
    bytes: int
    line: str
    moment: Moment | None
    caption: Markup | str
    said: str
    """The caption or the description as one line of plain words, or nothing."""
    lazy: bool
    first: bool


def picture(
    page: str, record: PhotoRecord, linked: Linked, base: str | None = None
) -> Picture | None:
    """The photo's renditions for an image on ``page``; ``None`` if it has none to link."""
    found = linked.renditions(record)
    if not found:
        return None
    # Old browsers read src alone: the smallest that is good enough for a screen's width.
    plain = next((each for each in found if max(each.width, each.height) >= 600), found[-1])
    largest = found[-1]
    return Picture(
        src=url(page, plain.key, base),
        srcset=", ".join(f"{url(page, each.key, base)} {each.width}w" for each in found)
        if len(found) > 1
        else "",
        width=largest.width,
        height=largest.height,
        shape=shape(largest),
        placeholder=placeholder(record.placeholder),
    )


def moment(record: PhotoRecord, language: Language) -> Moment | None:
    """When the photo was taken, for people and for machines."""
    found = taken(record)
    if found is None or record.taken is None:
        return None
    day = language.day(found.date())
    if record.taken.source == "modified":
        return Moment(found.date().isoformat(), language.say("saved", day=day))
    if record.taken.source == "filename" and (found.hour, found.minute, found.second) == (0, 0, 0):
        return Moment(found.date().isoformat(), day)  # a name with a day in it, and no time
    offset = record.taken.offset or ""
    attribute = found.isoformat() + (offset if _OFFSET.fullmatch(offset) else "")
    return Moment(attribute, language.say("day_time", day=day, time=found.strftime("%H:%M")))


def figure(
    page: str,
    record: PhotoRecord,
    number: int,
    caption: Markup | None,
    said: str,
    language: Language,
    linked: Linked,
    originals: Originals,
) -> Figure | None:
    """The photo as number ``number`` of ``page``, with its caption; ``said`` is it in plain."""
    shown = picture(page, record, linked)
    offer = linked.offered(record, originals)
    if shown is None or offer is None:
        return None
    described = prose(record.description, 1000).strip() if record.description else ""
    name = name_of(record)
    return Figure(
        id=anchor(record.key),
        name=name,
        alt=said or line(described, 300) or name,
        picture=shown,
        page=keys.href(page, keys.photo_page(record.key)),
        large=keys.href(page, linked.renditions(record)[-1].key),
        original=keys.href(page, offer.key),
        file="" if offer.what == "original" else offer.path,
        bytes=offer.bytes,
        line=line(record.exif.line, 160),
        moment=moment(record, language),
        caption=caption if caption else described if described != name else "",
        said=line(said or described, 300),
        lazy=number >= EAGER,
        first=number == 0,
    )


def day_of(record: PhotoRecord) -> date | None:
    """The day the photo was taken, or failing that the day its file was saved."""
    found = dated(record) or taken(record)
    return found.date() if found else None
