"""Dates, numbers and counts in each language."""

from __future__ import annotations

from datetime import date

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
