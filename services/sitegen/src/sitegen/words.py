"""Words that others wrote: made fit to print, put in order, read as a person reads them.

Nothing here escapes anything: that is for the templates, where it is done for every value.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

# What XML 1.0 forbids (no escape helps there) and what an HTML parser calls an error:
# control characters but tab and line ends, lone surrogates, non-characters.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")

# Characters that turn the direction of what follows them, beyond the end of the words they
# stand in: `gnp.‮gpj` reads as another name.  Right-to-left scripts do not need them.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")

_SPACES = re.compile(r"\s+")


def legal(text: str) -> str:
    """``text`` with every character that no XML or HTML document may hold made U+FFFD."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)


def line(text: str, limit: int = 200) -> str:
    """``text`` as one line to print: legal, in one direction, at most ``limit`` characters."""
    # The cut comes first too: a text of megabytes is not worth a pass over all of it.
    text = _SPACES.sub(" ", _TURNS.sub("", legal(text[: 4 * limit]))).strip()
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def name(text: str, limit: int = 200) -> str:
    """A file's or folder's name as :func:`line` makes it; of a name of nothing but spaces or
    invisible marks, what it is in a URL, so that there is something to see."""
    return line(text, limit) or quote(text, safe="", errors="surrogatepass")


def prose(text: str, limit: int) -> str:
    """``text`` as :func:`line` makes it, with its line ends kept."""
    text = _TURNS.sub("", legal(text[: limit + 1].replace("\r\n", "\n").replace("\r", "\n")))
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


Natural = tuple[tuple[int, int, str], ...]

_DIGITS = re.compile(r"([0-9]+)")


def natural(text: str) -> Natural:
    """A sort key in which ``IMG_9`` comes before ``IMG_10``, and case does not matter."""
    parts: list[tuple[int, int, str]] = []
    for number, part in enumerate(_DIGITS.split(text.casefold())):
        if number % 2:
            # Compared by length, then digit by digit: int() refuses thousands of digits.
            digits = part.lstrip("0")
            parts.append((0, len(digits), digits))
        elif part:
            parts.append((1, 0, part))
    return tuple(parts)


Span = tuple[date, date]
"""A first and a last day."""


def span(text: str) -> Span | None:
    """The days that ``2024``, ``2024-05``, ``2024-05-01`` or ``A/B`` of them stand for."""
    first, slash, last = text.strip().partition("/")
    begin = _days(first.strip())
    end = _days(last.strip()) if slash else begin
    if begin is None or end is None or end[1] < begin[0]:
        return None
    return begin[0], end[1]


_DAYS = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?")


def _days(text: str) -> Span | None:
    match = _DAYS.fullmatch(text)
    return _span_of(*match.groups()) if match else None


def _span_of(year: str, month: str | None, day: str | None) -> Span | None:
    try:
        if month is None:
            return date(int(year), 1, 1), date(int(year), 12, 31)
        if day is None:
            last = calendar.monthrange(int(year), int(month))[1]
            return date(int(year), int(month), 1), date(int(year), int(month), last)
        only = date(int(year), int(month), int(day))
    except ValueError:  # calendar.IllegalMonthError is one
        return None
    return only, only


@dataclass(frozen=True)
class Reading:
    """A folder's name as a person reads it."""

    title: str
    days: Span | None = None
    film: bool = False


_GAP = r"(?:[\s_.,–—-]+|$)"
_YEAR_FIRST = re.compile(r"([0-9]{4})[-_.]([0-9]{1,2})(?:[-_.]([0-9]{1,2}))?" + _GAP)
_COMPACT = re.compile(r"((?:19|20)[0-9]{2})([01][0-9])([0-3][0-9])" + _GAP)
_MONTH_FIRST = r"([0-9]{1,2})([-_.])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})"
_AHEAD = re.compile(_MONTH_FIRST + _GAP)
_BEHIND = re.compile(r"[\s_.,–—-]+" + _MONTH_FIRST + r"$")
_FILM = re.compile(r"film[\s_-]+(?=.)", re.IGNORECASE)
_EDGES = " \t_-–—.,"


def _from_numbers(match: re.Match[str]) -> Span | None:
    first, _, second, year = match.groups()
    # Two digits of a year as POSIX reads them: the roll of 4-12-98 is of 1998.
    full = int(year) if len(year) == 4 else int(year) + (1900 if int(year) > 68 else 2000)
    days = _span_of(str(full), first, second)
    # Month first, as the names that this was made for have it; a 21 can only be a day.
    return days or _span_of(str(full), second, first)


def reading(folder: str) -> Reading:
    """A folder's name taken apart: its title, the days it names, whether it is a roll of film.

    ``8-21-21_film_portra-800`` is a roll of *Portra 800*, ``2024-05-01 Lisbon`` is *Lisbon*
    and ``Manistee Backpacking 9_13_15`` is *Manistee Backpacking*.  Any other name is its
    own title, as it was written.
    """
    whole = name(folder)
    rest, days = whole, None
    for pattern in (_YEAR_FIRST, _COMPACT):
        match = pattern.match(whole)
        if match and (days := _span_of(*match.groups())):
            rest = whole[match.end() :]
            break
    if days is None and (match := _AHEAD.match(whole)) and (days := _from_numbers(match)):
        rest = whole[match.end() :]
    if days is None and (match := _BEHIND.search(whole)) and (days := _from_numbers(match)):
        rest = whole[: match.start()]
    rest = rest.strip(_EDGES)
    if film := _FILM.match(rest):
        return Reading(_stock(rest[film.end() :]) or whole, days, film=True)
    if " " not in rest:
        rest = rest.replace("_", " ").strip()
    return Reading(rest or whole, days)


def _stock(text: str) -> str:
    """The name of a film as its box has it: ``portra-800`` → ``Portra 800``."""
    words = re.split(r"[\s_-]+", text.strip(_EDGES))
    return " ".join(
        word.upper() if re.search(r"[0-9]", word) else word[:1].upper() + word[1:] for word in words
    )
