"""When a photo was taken: from the dates in its metadata, else from its name.

Both are pure: neither looks at the clock or at the file.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath

from gallery.record import DateSource, Taken
from thumbnailer import exif
from thumbnailer.dates import moment_of, parse_date, parse_offset


def taken_at(moment: datetime, offset: str | None, source: DateSource) -> Taken:
    """The record's form of a moment."""
    return Taken(local=moment.isoformat(timespec="seconds"), offset=offset, source=source)


def taken_from_exif(block: exif.Block) -> Taken | None:
    """When an EXIF block says that the photo was taken.

    The original date comes first, then the date of digitizing.  ``DateTime`` is when the file
    was *changed*: it counts only where a camera or scanner signed the block, for old ones write
    nothing else.
    """
    candidates = [
        (exif.DATE_ORIGINAL, exif.OFFSET_ORIGINAL, block.photo.get(exif.DATE_ORIGINAL)),
        (exif.DATE_DIGITIZED, exif.OFFSET_DIGITIZED, block.photo.get(exif.DATE_DIGITIZED)),
    ]
    if exif.MAKE in block.image or exif.MODEL in block.image:
        candidates.append((exif.DATE_TIME, exif.OFFSET, block.image.get(exif.DATE_TIME)))
    for _, offset_code, tag in candidates:
        found = parse_date(_plain(tag))
        if found is not None:
            moment, offset = found
            offset = offset or parse_offset(_plain(block.photo.get(offset_code)))
            return taken_at(moment, offset, "exif")
    return None


def _plain(tag: exif.Tag | None) -> str:
    return "" if tag is None else tag.data[:64].decode("latin-1")


_NAME_DATE = (
    r"(?<!\d)(?P<year>(?:19[89]|20\d)\d)(?P<sep>[-_.]?)(?P<month>\d\d)(?P=sep)(?P<day>\d\d)"
)
_NAME_TIME = re.compile(
    _NAME_DATE
    + r"(?:[-_ T.]|\s*(?:at|um|à)\s*|, )?\s*"
    + r"(?P<hour>\d{1,2})(?P<sep2>[-_.:h]?)(?P<minute>[0-5]\d)(?:(?P=sep2)|m)(?P<second>[0-5]\d)"
    + r"(?:\s*(?P<half>[AaPp])\.?[Mm])?",
)
_NAME_DAY = re.compile(_NAME_DATE + r"(?!\d)")
# Messengers name files by milliseconds since 1970: FB_IMG_1589012345678, mmexport1589012345678.
_NAME_EPOCH = re.compile(r"(?<!\d)(?P<milliseconds>1[0-9]{12})(?!\d)")


def taken_from_name(name: str) -> Taken | None:
    """The date in a file's name (``IMG_20240501_120000.jpg``, ``2024-05-01 12.00.00.jpg``,
    ``PXL_…``, ``IMG-20240501-WA0001.jpg``, ``Screenshot_…``), ``None`` if there is none.

    ``name`` may have folders before it; they do not count.  A name with a day alone gives
    midnight.  Pixel phones (``PXL_``) and messengers count in UTC: those have an offset.
    """
    stem = PurePosixPath(name).name
    for match in _NAME_TIME.finditer(stem):
        hour = int(match["hour"])
        if match["half"]:
            if not 1 <= hour <= 12:
                continue
            hour = hour % 12 + (12 if match["half"] in "pP" else 0)
        moment = _named(match, hour, int(match["minute"]), int(match["second"]))
        if moment is not None:
            return taken_at(moment, "+00:00" if stem.startswith("PXL_") else None, "filename")
    for match in _NAME_DAY.finditer(stem):
        moment = _named(match, 0, 0, 0)
        if moment is not None:
            return taken_at(moment, None, "filename")
    epoch = _NAME_EPOCH.search(stem)
    if epoch is not None:
        moment = datetime.fromtimestamp(int(epoch["milliseconds"]) // 1000, UTC)
        return taken_at(moment.replace(tzinfo=None), "+00:00", "filename")
    return None


def _named(match: re.Match[str], hour: int, minute: int, second: int) -> datetime | None:
    return moment_of(
        int(match["year"]), int(match["month"]), int(match["day"]), hour, minute, second
    )
