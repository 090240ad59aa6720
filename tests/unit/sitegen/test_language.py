"""Dates, numbers and counts in each language."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser
from string import Formatter

import pytest

from sitegen import language


@pytest.mark.parametrize(
    ("code", "first", "last", "expected"),
    [
        ("en", date(2015, 9, 13), date(2015, 9, 13), "13 September 2015"),
        ("en", date(2024, 5, 1), date(2024, 5, 8), "1–8 May 2024"),
        ("en", date(2024, 4, 28), date(2024, 5, 3), "28 April – 3 May 2024"),
        ("en", date(2023, 12, 30), date(2024, 1, 2), "30 December 2023 – 2 January 2024"),
        ("en", date(2024, 2, 1), date(2024, 2, 29), "February 2024"),
        ("en", date(2024, 1, 1), date(2024, 12, 31), "2024"),
        ("de", date(2024, 5, 1), date(2024, 5, 8), "1.–8. Mai 2024"),
        ("de", date(2024, 4, 28), date(2024, 5, 3), "28. April – 3. Mai 2024"),
        ("ja", date(2024, 4, 28), date(2024, 5, 3), "2024年4月28日〜5月3日"),
        ("ja", date(2024, 2, 1), date(2024, 2, 29), "2024年2月"),
    ],
)
def test_days(code: str, first: date, last: date, expected: str) -> None:
    assert language.load(code).days(first, last) == expected


def test_the_last_day_there_is() -> None:
    assert language.load("en").days(date(9999, 12, 1), date(9999, 12, 31))


def test_counts() -> None:
    assert language.load("en").count("photos", 1) == "1 photo"
    assert language.load("en").count("photos", 12345) == "12,345 photos"
    assert language.load("de").count("photos", 12345) == "12.345 Fotos"


def test_an_unknown_language_is_english() -> None:
    assert language.load("../../xx").code == "en"


def test_sizes_of_files() -> None:
    said = {code: language.load(code).bytes(4_200_000) for code in language.CODES}
    assert said == {"de": "4,2 MB", "en": "4.2 MB", "ja": "4.2 MB"}
    assert [language.load("en").bytes(size) for size in (7, 1234, 45_678, 2_000_000_000)] == [
        "7 B",
        "1.2 kB",
        "45 kB",
        "2.0 GB",
    ]


@pytest.mark.parametrize("code", language.CODES)
def test_every_language_has_every_word_with_the_same_places(code: str) -> None:
    english, other = language.load("en"), language.load(code)
    assert other.words.keys() == english.words.keys()
    assert other.tags.keys() == english.tags.keys()
    assert len(other.months) == 12
    for name, words in english.words.items():
        if name in ("day", "days", "months", "month", "year", "span"):
            continue  # a date is written in whatever parts the language writes it in
        assert places(other[name]) == places(words), name
    assert all(other.words.values())


def places(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name}


def test_every_word_is_used_and_every_word_used_is_there() -> None:
    folder = language.FOLDER.parent
    sources = [path.read_text("utf-8") for path in [*folder.glob("*.py"), *folder.rglob("*.html")]]
    asked: set[str] = set()
    for text in sources:
        asked |= set(re.findall(r"""(?:\bt|language|words|\))\[['"](\w+)['"]\]""", text))
        asked |= set(re.findall(r"""\b(?:say|_day)\(\s*['"](\w+)['"]""", text))
        for name in re.findall(r"""\bcount\(['"](\w+)['"]""", text):
            asked |= {f"{name}_one", f"{name}_other"}
    there = set(language.load("en").words)
    assert asked - there == set()
    mentioned = {name for text in sources for name in re.findall(r"""['"](\w+)['"]""", text)}
    assert there - asked - mentioned == set()


def test_no_template_has_words_of_its_own() -> None:
    # What is left of a template without its tags, comments and expressions.
    for path in sorted((language.FOLDER.parent / "templates").glob("*.html")):
        text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", " ", path.read_text("utf-8"), flags=re.DOTALL)
        text = re.sub(r"(?:\([a-z-]+: [^)]*\)(?: and )?)+", " ", text)  # of an image's sizes
        said = set(Words(text).found)
        assert said <= {"vw", "rem", "min"}, path.name


class Words(HTMLParser):
    """The words that stand in an HTML text, and in the attributes that are read out."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("alt", "title", "aria-label", "placeholder", "label"):
                self.handle_data(value or "")

    def handle_data(self, data: str) -> None:
        self.found += re.findall(r"[^\W\d_]{2,}", data)
