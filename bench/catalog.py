"""A synthetic catalog: as many records as asked for, the same ones every time.

Albums of 40 to 320 photos, some of them nested by year, with the names, dates, shapes, EXIF
lines and placeholders that real ones have; some with a text, a few photos with captions.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gallery import keys
from gallery.record import (
    Exif,
    PhotoRecord,
    Record,
    Rendition,
    Source,
    Taken,
    TextRecord,
    encode,
)

_PLACES = (
    "Lisbon", "Manistee", "Ōsaka", "Tromsø", "Oaxaca", "Bruges", "Marfa", "Skye", "Trieste",
    "Hobart", "Sapporo", "Valparaíso", "Ghent", "Tbilisi", "Nazaré", "Luleå",
)  # fmt: skip
_FILMS = ("portra-800", "ektar-100", "hp5-plus", "gold-200", "cinestill-800t", "tri-x-400")
_CAMERAS = (
    ("nikon d3400", "35mm"),
    ("fujifilm x-t30", "23mm"),
    ("canon eos r6", "50mm"),
    ("apple iphone 15 pro", "6.8mm"),
)
_WORDS = ("the ferry", "low tide", "before the rain", "a door", "tomatoes", "second morning")
_SHAPES = ((6000, 4000), (4000, 6000), (4032, 3024), (3024, 4032), (5184, 2920), (4000, 4000))
_BEGIN = datetime(2011, 1, 1, tzinfo=UTC)


def _etag(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def photo(key: str, number: int, taken: datetime, chance: random.Random) -> PhotoRecord:
    """A ready photo's record, as the thumbnailer writes it."""
    width, height = chance.choice(_SHAPES)
    etag = _etag(key)
    digest = keys.digest(etag, "bench")
    renditions = []
    for edge in (600, 1200, 2048):
        scale = edge / max(width, height)
        wide, high = round(width * scale), round(height * scale)
        size = wide * high // 6
        name = keys.rendition(key, digest, wide)
        renditions.append(Rendition(key=name, width=wide, height=high, bytes=size))
    camera, lens = chance.choice(_CAMERAS)
    aperture, shutter = chance.choice(("ƒ1.8", "ƒ4", "ƒ8")), chance.choice(("1/60s", "1/500s"))
    iso = chance.choice((100, 400, 800))
    uploaded = taken + timedelta(days=3)
    return PhotoRecord(
        key=key,
        status="ready",
        source=Source(
            etag=etag,
            size=chance.randrange(2_000_000, 14_000_000),
            last_modified=uploaded,
            width=width,
            height=height,
            format="JPEG",
        ),
        digest=digest,
        renditions=tuple(renditions),
        exif=Exif(
            camera=camera,
            focal_length=lens,
            aperture=aperture,
            shutter=shutter,
            iso=iso,
            line=f"{camera} · {lens} · {aperture} · {shutter} · ISO {iso}",
        ),
        taken=Taken(local=taken.strftime("%Y-%m-%dT%H:%M:%S"), source="exif"),
        description=chance.choice(_WORDS) if number % 9 == 0 else None,
        placeholder=tuple(f"#{chance.randrange(1 << 24):06x}" for _ in range(6)),
        updated=uploaded + timedelta(minutes=1),
    )


def text(key: str, words: str, moment: datetime) -> TextRecord:
    """An album's or a photo's text, as the thumbnailer records it."""
    return TextRecord(
        kind="text", key=key, status="ready", digest=_etag(words), text=words, updated=moment
    )


def _album(number: int, day: datetime, chance: random.Random) -> str:
    place = chance.choice(_PLACES)
    if number % 7 == 3:
        return f"{day.month}-{day.day}-{day:%y}_film_{chance.choice(_FILMS)} {number}"
    if number % 3 == 0:
        return f"{day.year}/{day:%Y-%m-%d} {place} {number}"
    return f"{place} {number} {day.month}_{day.day}_{day:%y}"


def records(count: int) -> Iterator[Record]:
    """``count`` photos' records, and those of the texts beside them."""
    chance = random.Random(20240501)
    left, number, day = count, 0, _BEGIN
    while left:
        size = min(left, 200 if number == 0 else chance.randrange(40, 321))
        day += timedelta(days=chance.randrange(1, 30), hours=chance.randrange(12))
        album = _album(number, day, chance)
        for each in range(size):
            taken = day + timedelta(minutes=7 * each)
            key = f"{keys.PHOTOS}{album}/DSC_{each + 1:04d}.JPG"
            yield photo(key, each, taken, chance)
            if each % 40 == 5:
                yield text(f"{key}.md", f"*{chance.choice(_WORDS)}*, again", taken)
        if number % 4 == 0:
            words = f"{chance.choice(_WORDS).capitalize()}, and then {chance.choice(_WORDS)}."
            yield text(f"{keys.PHOTOS}{album}/index.md", words, day)
        left -= size
        number += 1


def write(folder: Path, count: int) -> int:
    """Writes a catalog of ``count`` photos below ``folder``; returns how many files it wrote."""
    files = 0
    for record in records(count):
        path = folder / keys.record(record.key)[len(keys.CATALOG) :]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(record))
        files += 1
    return files
