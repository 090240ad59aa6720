"""Words that others wrote, as they are printed, ordered and read."""

from __future__ import annotations

from datetime import date

import pytest

from sitegen.words import Reading, legal, line, natural, prose, reading, span


def day(year: int, month: int, day_: int) -> tuple[date, date]:
    return date(year, month, day_), date(year, month, day_)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("8-21-21_film_portra-800", Reading("Portra 800", day(2021, 8, 21), film=True)),
        ("4-12-98_film_kodak-clas-hr200", Reading("Kodak Clas HR200", day(1998, 4, 12), film=True)),
        ("2023-02-01 film hp5", Reading("HP5", day(2023, 2, 1), film=True)),
        ("film_cinestill-800t", Reading("Cinestill 800T", None, film=True)),
        ("2024-05-01 Lisbon", Reading("Lisbon", day(2024, 5, 1))),
        ("2024_05_01_Lisbon", Reading("Lisbon", day(2024, 5, 1))),
        ("20240501 Lisbon", Reading("Lisbon", day(2024, 5, 1))),
        ("2024-05 Lisbon", Reading("Lisbon", (date(2024, 5, 1), date(2024, 5, 31)))),
        ("Manistee Backpacking 9_13_15", Reading("Manistee Backpacking", day(2015, 9, 13))),
        ("Oslo 21.8.2021", Reading("Oslo", day(2021, 8, 21))),
        ("2024-05-01", Reading("2024-05-01", day(2024, 5, 1))),
        ("2024", Reading("2024")),
        ("Harbour + sea", Reading("Harbour + sea")),
        ("my_trip_to_rome", Reading("my trip to rome")),
        ("road-trip", Reading("road-trip")),
        # What looks like a date and is none stays part of the name.
        ("2024-13-45 odd", Reading("2024-13-45 odd")),
        ("9_31_99 odd", Reading("9_31_99 odd")),
        ("20249999", Reading("20249999")),
        ("filming", Reading("filming")),
        ("film", Reading("film")),
        ("___", Reading("___")),
        (" \u202e", Reading("%20%E2%80%AE")),
    ],
)
def test_a_folder_reads_as_a_person_reads_it(name: str, expected: Reading) -> None:
    assert reading(name) == expected


def test_numbers_in_names_are_ordered_as_numbers() -> None:
    names = ["IMG_10.jpg", "img_9.jpg", "IMG_009b.jpg", "IMG_" + "9" * 9000, "Ä", "a"]
    ordered = sorted(names, key=natural)
    assert ordered == ["a", "img_9.jpg", "IMG_009b.jpg", "IMG_10.jpg", "IMG_" + "9" * 9000, "Ä"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01", day(2024, 5, 1)),
        ("2024-05-01/2024-05-08", (date(2024, 5, 1), date(2024, 5, 8))),
        ("2023/2024-02", (date(2023, 1, 1), date(2024, 2, 29))),
        ("2024-05-08/2024-05-01", None),
        ("2024-02-30", None),
        ("0000-01-01", None),
        ("May 2024", None),
        ("", None),
    ],
)
def test_days_are_read_from_iso_dates_only(text: str, expected: object) -> None:
    assert span(text) == expected


def test_what_no_document_may_hold_is_replaced() -> None:
    assert legal("a\x00b\x0bc\ud800d\ufffee\x85f\tg\nh") == "a�b�c�d�e�f\tg\nh"


def test_a_line_is_one_line_in_one_direction() -> None:
    assert line("  a\n\tb\u202egpj\u2066.x ") == "a bgpj.x"
    assert line("x" * 10_000, 10) == "x" * 9 + "…"
    assert line("x" * 10, 10) == "x" * 10


def test_prose_keeps_its_lines() -> None:
    assert prose("a\r\nb\rc", 100) == "a\nb\nc"
    assert prose("abcdef", 4) == "abc…"
