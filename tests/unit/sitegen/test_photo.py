"""A photo as a page shows it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gallery.record import PhotoRecord, Rendition, Taken
from sitegen import language
from sitegen.photo import moment, placeholder, shape
from tests.unit.sitegen.specimen import Html, photo


def test_a_placeholder_is_the_photos_colours_row_by_row() -> None:
    page = Html(placeholder(("#000000", "#111111", "#222222", "#333333", "#444444", "#555555")))
    assert page.one("svg").attributes["viewbox"] == "0 0 3 2"
    squares = [(each.attributes["fill"], each.attributes["d"]) for each in page.all("path")]
    assert squares[0] == ("#000000", "M0 0h1v1h-1z")
    assert squares[3] == ("#333333", "M0 1h1v1h-1z")
    assert squares[5] == ("#555555", "M2 1h1v1h-1z")


@pytest.mark.parametrize(
    "colours",
    [
        (),
        ("red",),
        ("#12345",),
        ("#123456", '"><b>'),
        ("#123456\n",),
        ("url(//x)",),
        ("#123456",) * 17,
    ],
)
def test_what_are_no_colours_is_no_placeholder(colours: tuple[str, ...]) -> None:
    assert placeholder(colours) == ""


@pytest.mark.parametrize(
    ("width", "height", "classes"),
    [
        (3, 2, "u1 t5"),
        (4, 3, "u1 t3 h3 m3"),
        (2, 3, "t6 h6 m7"),
        (1, 1, "u1"),
        (1999, 1000, "u1 t9 h9 m9"),
        (1, 100_000, "t1"),
        (100_000, 1, "u9 t9 h9 m9"),
    ],
)
def test_a_shape_in_digits(width: int, height: int, classes: str) -> None:
    assert shape(Rendition(key="", width=width, height=height, bytes=0)) == classes


@pytest.mark.parametrize(
    ("taken", "attribute", "text"),
    [
        ({"local": "2024-05-01T10:20:30"}, "2024-05-01T10:20:30", "1 May 2024, 10:20"),
        (
            {"local": "2024-05-01T10:20:30", "offset": "+05:30"},
            "2024-05-01T10:20:30+05:30",
            "1 May 2024, 10:20",
        ),
        (
            {"local": "2024-05-01T10:20:30", "offset": "+99:99"},
            "2024-05-01T10:20:30",
            "1 May 2024, 10:20",
        ),
        ({"local": "2024-05-01T00:00:00", "source": "filename"}, "2024-05-01", "1 May 2024"),
        ({"local": "2024-05-01T10:20:30", "source": "modified"}, "2024-05-01", "saved 1 May 2024"),
    ],
)
def test_when_a_photo_was_taken(taken: dict[str, Any], attribute: str, text: str) -> None:
    record = _with(photo("photos/a.jpg"), Taken(**{"source": "exif", **taken}))
    found = moment(record, language.load("en"))
    assert found is not None
    assert (found.attribute, found.text) == (attribute, text)


@pytest.mark.parametrize(
    "local", ["0000:00:00 00:00:00", "2024-02-30T10:00:00", "2024-05-01T24:00:00", ""]
)
def test_a_date_that_is_none_is_not_shown(local: str) -> None:
    record = _with(photo("photos/a.jpg"), Taken(local=local, source="exif"))
    assert moment(record, language.load("en")) is None


def _with(record: PhotoRecord, taken: Taken) -> PhotoRecord:
    return msgspec.structs.replace(record, taken=taken)
