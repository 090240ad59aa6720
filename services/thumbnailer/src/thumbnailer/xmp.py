"""XMP packets: the few things that the gallery wants from one.

A packet is XML from a stranger.  It is read with the standard library's expat, which stops at
the first sign of a document type: without one there are no entities, so neither "billion
laughs" nor a reference to a file (Python's documentation, "XML vulnerabilities").
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat

LARGEST: Final = 1024 * 1024
"""Packets with more bytes are not read: they hold editing histories, not captions."""

_DC = "http://purl.org/dc/elements/1.1/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_WANTED: Final = {
    f"{_DC} title": "title",
    f"{_DC} description": "description",
    f"{_EXIF} DateTimeOriginal": "date",
    f"{_PHOTOSHOP} DateCreated": "created",
}


@dataclass(frozen=True)
class Packet:
    """``title`` and ``description`` as written (not cleaned), the first alternative of each;
    ``date`` as written, when the photo was taken; ``has_location``: it names coordinates."""

    title: str = ""
    description: str = ""
    date: str = ""
    has_location: bool = False


# Cheap and greedy: a packet too large, cut off or malformed still tells that it has a place.
_LOCATION = re.compile(rb"GPSL(?:atitude|ongitude)")


def read(data: bytes) -> Packet:
    """What a packet says.  Never raises: of a broken one, what came before the break."""
    plain = data.replace(b"\0", b"") if b"\0" in data[:64] else data
    has_location = _LOCATION.search(plain) is not None
    if len(data) > LARGEST:
        return Packet(has_location=has_location)
    found: dict[str, str] = {}
    # What was read before a break is kept.
    with contextlib.suppress(expat.ExpatError, _Refused, ValueError, LookupError):
        _parse(data.strip(b"\0 \t\r\n"), found)
    return Packet(
        title=found.get("title", ""),
        description=found.get("description", ""),
        date=found.get("date") or found.get("created") or "",
        has_location=has_location,
    )


class _Refused(Exception):
    """The packet has a document type, which no XMP has."""


def _parse(data: bytes, found: dict[str, str]) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    path: list[str] = []
    text: list[str] = []

    def refuse(*_: object) -> None:
        raise _Refused

    def wanted() -> str | None:
        return next((_WANTED[name] for name in reversed(path) if name in _WANTED), None)

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(path) > 100:
            raise _Refused
        path.append(name)
        text.clear()
        for attribute, value in attributes.items():
            if attribute in _WANTED:
                found.setdefault(_WANTED[attribute], value)

    def end(name: str) -> None:
        field = wanted()
        value = "".join(text).strip()
        if field and value and name in {f"{_RDF} li", *_WANTED}:
            found.setdefault(field, value)
        text.clear()
        path.pop()

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.Parse(data, True)
