"""The site's own words, one file a language (``languages/CODE.toml``), and how each writes
dates and numbers."""

from __future__ import annotations

import calendar
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "languages"

CODES = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
"""The languages there are."""


@dataclass(frozen=True)
class Language:
    """A language: its words by name, with ``{places}`` to fill."""

    code: str
    words: Mapping[str, str]
    months: tuple[str, ...]
    tags: Mapping[str, str]
    """What the thumbnailer says of a photo in English, in this language."""

    def __getitem__(self, name: str) -> str:
        return self.words[name]

    def say(self, name: str, /, **values: object) -> str:
        """The words called ``name``, their places filled."""
        return self.words[name].format(**values)

    def number(self, value: int) -> str:
        """A whole number with its thousands apart."""
        return f"{value:,}".replace(",", self.words["thousands"])

    def count(self, name: str, value: int) -> str:
        """So many of something: ``count("photos", 3)``."""
        form = f"{name}_one" if value == 1 else f"{name}_other"
        return self.say(form, n=self.number(value))

    def bytes(self, size: int) -> str:
        """A file's size as a person reads it: ``4.2 MB``; a kilobyte is 1,000 bytes."""
        for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
            if size >= one:
                if size >= 10 * one:
                    return f"{self.number(size // one)} {unit}"
                return f"{size / one:.1f} {unit}".replace(".", self.words["decimal"])
        return f"{size} B"

    def _day(self, name: str, day: date, /, **more: object) -> str:
        return self.say(
            name, d=day.day, month=self.months[day.month - 1], m=day.month, y=day.year, **more
        )

    def day(self, day: date) -> str:
        """A date, written out."""
        return self._day("day", day)

    def days(self, first: date, last: date) -> str:
        """The days from ``first`` to ``last``, as short as they can be said."""
        if first == last:
            return self.day(first)
        whole_months = first.day == 1 and last.day == calendar.monthrange(last.year, last.month)[1]
        if first.year == last.year:
            if whole_months and (first.month, last.month) == (1, 12):
                return self._day("year", first)
            if first.month == last.month:
                return (
                    self._day("month", first)
                    if whole_months
                    else self._day("days", first, last=last.day)
                )
            return self._day(
                "months",
                first,
                last=last.day,
                last_month=self.months[last.month - 1],
                last_m=last.month,
            )
        return self.say("span", first=self.day(first), last=self.day(last))


@cache
def load(code: str) -> Language:
    """The language ``code``; one that is not there is read as English."""
    if code not in CODES:
        code = "en"
    found = tomllib.loads((FOLDER / f"{code}.toml").read_text("utf-8"))
    return Language(code, found["words"], tuple(found["months"]), found["tags"])
