"""Dates in metadata and in files' names: which are believed, and which are none."""

from __future__ import annotations

import pytest

from thumbnailer.dates import exif_date, parse_date, parse_offset
from thumbnailer.taken import taken_from_name


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024:05:01 12:00:00", "2024-05-01T12:00:00"),
        ("2024-05-01T12:00:00", "2024-05-01T12:00:00"),
        ("2024-05-01T12:00:00.123Z", "2024-05-01T12:00:00"),
        ("2024/05/01 12:00", "2024-05-01T12:00:00"),
        ("2024:05:01", "2024-05-01T00:00:00"),
        ("2024:05:01 24:10:00", "2024-05-02T00:10:00"),
        ("2024:05:01 12:00:60", "2024-05-01T12:00:59"),
        ("2024:05:01 12:00:00\0junk", "2024-05-01T12:00:00"),
        ("1839:08:19 10:00:00", "1839-08-19T10:00:00"),
    ],
)
def test_dates(text: str, moment: str) -> None:
    found = parse_date(text)
    assert found is not None
    assert found[0].isoformat() == moment


@pytest.mark.parametrize(
    "text",
    ["", " ", "0000:00:00 00:00:00", "    :  :     :  :  ", "2024:13:01 12:00:00",
     "2024:02:30 12:00:00", "2024:05:01 25:00:00", "0001:01:01 00:00:00", "9999:12:31 23:59:59",
     "1970:01:01 00:00:00", "1904:01:01 00:00:00", "yesterday", "2024:05:01 12:00:00 PM sharp"],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text) is None
    assert exif_date(text) is None


@pytest.mark.parametrize(
    ("text", "offset"),
    [("+02:00", "+02:00"), ("-0330", "-03:30"), ("Z", "+00:00"), ("+15:00", None), ("-13:00", None),
     ("+01:75", None), ("", None), ("   :  ", None), ("+02:00\0", "+02:00")],
)  # fmt: skip
def test_offsets(text: str, offset: str | None) -> None:
    assert parse_offset(text) == offset


@pytest.mark.parametrize(
    ("name", "local", "offset"),
    [
        ("IMG_20240501_120000.jpg", "2024-05-01T12:00:00", None),
        ("2024-05-01 12.00.00.jpg", "2024-05-01T12:00:00", None),
        ("PXL_20240501_120000123.jpg", "2024-05-01T12:00:00", "+00:00"),
        ("IMG-20240501-WA0001.jpg", "2024-05-01T00:00:00", None),
        ("Screenshot_2024-05-01-12-00-00-123_com.app.jpg", "2024-05-01T12:00:00", None),
        ("Screenshot 2024-05-01 at 1.05.12 PM.png", "2024-05-01T13:05:12", None),
        ("signal-2024-05-01-120000.jpg", "2024-05-01T12:00:00", None),
        ("photo_2024-05-01_12-00-00.jpg", "2024-05-01T12:00:00", None),
        ("20240501.jpg", "2024-05-01T00:00:00", None),
        ("album/2024.05.01/20240502_235959.heic", "2024-05-02T23:59:59", None),
        ("FB_IMG_1714564800000.jpg", "2024-05-01T12:00:00", "+00:00"),
    ],
)
def test_names(name: str, local: str, offset: str | None) -> None:
    found = taken_from_name(name)
    assert found is not None
    assert (found.local, found.offset, found.source) == (local, offset, "filename")


@pytest.mark.parametrize(
    "name",
    ["DSC_0001.jpg", "IMG_20241301.jpg", "20240230.jpg", "120240501.jpg", "202405011.jpg",
     "18500101.jpg", "21000101.jpg", "photo.jpg", "", "2024.jpg", "4-12-98_film.jpg",
     "2024-05.01.jpg", "IMG_99999999_999999.jpg"],
)  # fmt: skip
def test_names_without_a_date(name: str) -> None:
    assert taken_from_name(name) is None
