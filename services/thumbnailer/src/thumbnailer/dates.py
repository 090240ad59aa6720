"""Dates as metadata has them: which texts are one, and which dates nobody can believe.

All functions here are pure and know no present: a date is believed or not by itself.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

# Years that a date may have.  The first photograph was taken in 1826 or 1827.
_FIRST_YEAR, _LAST_YEAR = 1826, 2099

# What a clock shows that was never set: the epochs of Mac OS, Unix and DOS.
_NEVER_SET: Final = frozenset({(1904, 1, 1), (1970, 1, 1), (1980, 1, 1)})

# EXIF says "2024:05:01 12:00:00"; ISO 8601, slashes and missing seconds are met in the wild.
_DATE = re.compile(
    r"\s*(?P<year>\d{4})[:\-/.](?P<month>\d{1,2})[:\-/.](?P<day>\d{1,2})"
    r"(?:[ T]+(?P<hour>\d{1,2})[:.](?P<minute>\d{1,2})(?:[:.](?P<second>\d{1,2})(?:[.,]\d+)?)?"
    r"\s*(?P<offset>Z|[+-]\d{2}:?\d{2})?)?\s*",
)
_OFFSET = re.compile(r"\s*(?P<sign>[+-])(?P<hour>\d{2}):?(?P<minute>\d{2})\s*")


def parse_date(text: str) -> tuple[datetime, str | None] | None:
    """A date as metadata has it, and its offset from UTC (``+02:00``) where it has one.

    ``None`` for what is no date, or one that nobody can believe: blanks, ``0000:00:00``, month
    13, a year before photography, the first second of a clock that was never set.  Hour 24
    (some Android phones write it) is the next day's hour 0, as ISO 8601 has it.
    """
    match = _DATE.fullmatch(text.split("\0")[0])
    if match is None:
        return None
    hour = int(match["hour"] or 0)
    moment = moment_of(
        int(match["year"]),
        int(match["month"]),
        int(match["day"]),
        hour % 24 if hour <= 24 else hour,
        int(match["minute"] or 0),
        int(match["second"] or 0),
    )
    if moment is None:
        return None
    if hour == 24:
        moment += timedelta(days=1)
    return moment, parse_offset(match["offset"] or "")


def moment_of(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> datetime | None:
    """The local time, ``None`` where the calendar or common sense has no such moment."""
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    if (year, month, day) in _NEVER_SET and (hour, minute) == (0, 0):
        return None
    try:
        # Naive on purpose: the camera's own local time.
        return datetime(year, month, day, hour, minute, min(second, 59))
    except ValueError:
        return None


def parse_offset(text: str) -> str | None:
    """An offset from UTC in the form ``+02:00``; ``None`` for what is none (they reach from
    −12:00 to +14:00)."""
    if text.strip() == "Z":
        return "+00:00"
    match = _OFFSET.fullmatch(text.split("\0")[0])
    if match is None:
        return None
    minutes = int(match["hour"]) * 60 + int(match["minute"])
    if int(match["minute"]) > 59 or minutes > (14 if match["sign"] == "+" else 12) * 60:
        return None
    return f"{match['sign']}{match['hour']}:{match['minute']}"


def exif_date(text: str) -> str | None:
    """The date in the form of the Exif standard, ``YYYY:MM:DD HH:MM:SS``; ``None`` for none."""
    found = parse_date(text)
    return None if found is None else found[0].strftime("%Y:%m:%d %H:%M:%S")
