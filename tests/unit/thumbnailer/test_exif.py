"""EXIF blocks with one thing wrong each: what is right of them survives, and is well-formed."""

from __future__ import annotations

import struct
from typing import Any

import piexif
import pytest
from PIL import Image

from thumbnailer import exif, metadata
from thumbnailer.exif import Tag

Entries = dict[int, tuple[int, int, bytes]]


def block_of(
    image: Entries, photo: Entries | None = None, gps: Entries | None = None, order: str = "<"
) -> bytes:
    """A block as given: type, count and bytes of each entry, however wrong they are."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    image = dict(image)

    def size(entries: Entries) -> int:
        return 2 + 12 * len(entries) + 4 + sum(len(d) for _, _, d in entries.values() if len(d) > 4)

    if photo is not None:
        image[0x8769] = (4, 1, b"\0\0\0\0")
    if gps is not None:
        image[0x8825] = (4, 1, b"\0\0\0\0")
    photo_at = 8 + size(image)
    gps_at = photo_at + (size(photo) if photo is not None else 0)
    if photo is not None:
        image[0x8769] = (4, 1, struct.pack(order + "I", photo_at))
    if gps is not None:
        image[0x8825] = (4, 1, struct.pack(order + "I", gps_at))
    out = head
    for entries in (image, photo, gps):
        if entries is None:
            continue
        at = len(out) + 2 + 12 * len(entries) + 4
        values = b""
        out += struct.pack(order + "H", len(entries))
        for code in sorted(entries):
            kind, count, data = entries[code]
            out += struct.pack(order + "HHI", code, kind, count)
            if len(data) <= 4:
                out += data.ljust(4, b"\0")
            else:
                out += struct.pack(order + "I", at + len(values))
                values += data
        out += bytes(4) + values
    return b"Exif\0\0" + out


def ascii_(text: str) -> tuple[int, int, bytes]:
    data = text.encode() + b"\0"
    return (2, len(data), data)


def rational(*pairs: tuple[int, int], kind: int = 5, order: str = "<") -> tuple[int, int, bytes]:
    code = order + ("II" if kind == 5 else "ii")
    return (kind, len(pairs), b"".join(struct.pack(code, *pair) for pair in pairs))


GOOD: Entries = {0x010F: ascii_("Canon"), 0x0110: ascii_("Canon EOS 5D")}


def survivors(raw: bytes, **options: Any) -> dict[str, Any]:
    """What a rendition keeps of a block, as piexif reads it; other readers must manage too."""
    made = exif.for_rendition(exif.read(raw), 600, 400, **options)
    pillow = Image.Exif()
    pillow.load(made)
    pillow.get_ifd(0x8769)
    pillow.tobytes()
    loaded: dict[str, Any] = piexif.load(made)
    piexif.dump(loaded)
    return loaded


DEFECTS: dict[str, tuple[Entries, Entries]] = {
    "unknown type": ({0x0131: (99, 1, b"abcd")}, {}),
    "no values": ({0x0131: (2, 0, b"")}, {}),
    "a count of billions": ({0x0131: (2, 4_000_000_000, b"\xff\xff\xff\x7f")}, {}),
    "a count of billions of rationals": ({}, {0x829A: (5, 2_000_000_000, b"\x10\0\0\0")}),
    "an offset beyond the end": ({}, {0x829A: (5, 1, b"\xf0\xff\xff\x7f")}),
    "zero denominator": ({}, {0x829D: rational((0, 0)), 0x829A: rational((1, 0))}),
    "scene type as a short": ({}, {0xA301: (3, 1, b"\1\0"), 0x9101: (3, 4, b"\1\0\2\0\3\0\0\0")}),
    "a date of type undefined": ({}, {0x9003: (7, 20, b"2024:05:01 12:00:00\0")}),
    "a date of zeros": ({0x0132: ascii_("0000:00:00 00:00:00")}, {}),
    "aperture as text": ({}, {0x829D: ascii_("f/2.8")}),
    "a signed exposure time": ({}, {0x829A: rational((1, 60), kind=10)}),
    "ISO as a long": ({}, {0x8827: (4, 1, struct.pack("<I", 800))}),
    "ISO as a list": ({}, {0x8827: (3, 2, struct.pack("<HH", 800, 0))}),
    "text without an end": ({0x0131: (2, 8, b"Firmware")}, {}),
    "text padded with NULs": ({0x0131: (2, 40, b"Firmware".ljust(40, b"\0"))}, {}),
    "a float": ({}, {0x829D: (11, 1, struct.pack("<f", 2.8))}),
    "a float that is none": ({}, {0x829D: (12, 1, struct.pack("<d", float("nan")))}),
    "a location in the Exif directory": ({}, {0x8825: (4, 1, b"\x08\0\0\0")}),
    "a directory that holds itself": ({}, {0xA005: (4, 1, b"\x08\0\0\0")}),
    "a pointer of an unknown kind": ({}, {0x014A: (13, 1, b"\x08\0\0\0")}),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_costs_the_entry_and_no_other(defect: str, order: str) -> None:
    image, photo = DEFECTS[defect]
    if order == ">":  # the same bytes are another defect then
        assert survivors(block_of(image | GOOD, photo, order=order))["0th"][0x010F] == b"Canon"
    kept = survivors(block_of(image | GOOD, photo))
    assert kept["0th"][0x010F] == b"Canon"
    assert kept["0th"][0x0110] == b"Canon EOS 5D"
    assert kept["0th"][0x0112] == 1
    assert kept["GPS"] == {}


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ({0x9003: (7, 20, b"2024:05:01 12:00:00\0")}, b"2024:05:01 12:00:00"),
        ({0x9003: ascii_("2024-05-01T12:00:00.25")}, b"2024:05:01 12:00:00"),
        ({0x829D: ascii_("f/2.8")}, (14, 5)),
        ({0x829A: rational((1, 60), kind=10)}, (1, 60)),
        ({0x8827: (4, 1, struct.pack("<I", 800))}, 800),
        ({0x829D: (12, 1, struct.pack("<d", 2.8))}, (14, 5)),
        ({0xA301: (3, 1, b"\1\0")}, b"\1"),
        ({0x9204: rational((1, 3))}, (1, 3)),
    ],
)
def test_a_wrong_type_is_put_right(entry: Entries, value: Any) -> None:
    (code,) = entry
    assert survivors(block_of(GOOD, entry))["Exif"][code] == value


@pytest.mark.parametrize(
    "entry",
    [
        {0x829D: rational((0, 0))},
        {0x829A: rational((1, 0))},
        {0x9003: ascii_("0000:00:00 00:00:00")},
        {0x9003: ascii_("    :  :     :  :  ")},
        {0x8827: ascii_("auto")},
        {0x829D: (12, 1, struct.pack("<d", float("inf")))},
    ],
)
def test_a_value_that_is_none_is_left_out(entry: Entries) -> None:
    (code,) = entry
    assert code not in survivors(block_of(GOOD, entry))["Exif"]


def test_an_unknown_aperture_of_a_lens_is_no_defect() -> None:
    lens = rational((18, 1), (55, 1), (0, 0), (0, 0))
    assert survivors(block_of(GOOD, {0xA432: lens}))["Exif"][0xA432][:2] == ((18, 1), (55, 1))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II",
        b"Exif\0\0II*\0\x08\0\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\x7f",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"nothing like it" * 20,
        b"Exif\0\0" * 20,
        bytes(100),
    ],
)
def test_nothing_readable_gives_nothing(raw: bytes) -> None:
    block = exif.read(raw)
    assert (block.image, block.photo, block.gps) == ({}, {}, {})
    assert exif.for_rendition(block, 10, 10) == b""
    assert metadata.for_people(block).line == ""


def test_a_prefix_written_twice_is_read() -> None:
    assert exif.read(b"Exif\0\0" + block_of(GOOD)).image[0x010F].data == b"Canon\0"


def test_a_wrong_offset_of_the_first_directory_is_mended() -> None:
    raw = bytearray(block_of(GOOD))
    raw[10:14] = b"\xff\xff\xff\x7f"
    assert exif.read(bytes(raw)).image[0x010F].data == b"Canon\0"


def test_big_tiff_is_read() -> None:
    value = b"Canon\0\0\0"
    entry = struct.pack("<HHQ", 0x010F, 2, 6) + value
    raw = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1) + entry + bytes(8)
    assert exif.read(raw).image[0x010F] == Tag(exif.ASCII, 6, b"Canon\0")


def test_the_location_goes_and_stays_as_asked() -> None:
    gps: Entries = {1: ascii_("N"), 2: rational((38, 1), (43, 1), (0, 1)), 29: (5, 1, bytes(8))}
    raw = block_of(GOOD, {}, gps)
    assert survivors(raw)["GPS"] == {}
    assert survivors(raw, keep_location=True)["GPS"] == {1: b"N", 2: ((38, 1), (43, 1), (0, 1))}


@pytest.mark.parametrize("code", [0x02BC, 0x83BB, 0x8649, 0x8480, 0x85D8, 0x87AF])
def test_what_else_may_hold_a_location_goes(code: int) -> None:
    secret = (7, 24, b"38 43 1 N, 9 8 1 W......")
    made = exif.for_rendition(exif.read(block_of(GOOD | {code: secret}, {code: secret})), 6, 4)
    assert b"38 43" not in made


@pytest.mark.parametrize("room", [65_527, 8192, 400])
def test_the_block_fits_and_blobs_go_first(room: int) -> None:
    raw = block_of(
        GOOD | {0x9C9C: (1, 3000, b"x\0" * 1500)},
        {
            0x927C: (7, 60_000, bytes(60_000)),
            0x9286: (7, 9000, bytes(9000)),
            0x8827: (3, 1, b"d\0"),
        },
    )
    made = exif.for_rendition(exif.read(raw), 600, 400, room=room)
    assert len(made) <= room + 6
    loaded = piexif.load(made)
    assert loaded["0th"][0x010F] == b"Canon"
    assert loaded["Exif"][0x8827] == 100
    assert (0x9286 in loaded["Exif"]) == (room > 9000)
    assert 0x927C not in loaded["Exif"]


def test_a_block_without_room_is_none() -> None:
    assert exif.for_rendition(exif.read(block_of(GOOD)), 600, 400, room=20) == b""


@pytest.mark.parametrize(
    ("text", "number"),
    [("2.8", 2.8), ("f/2.8", 2.8), ("1/60 s", 1 / 60), ("35 mm", 35), ("ISO 800", 800),
     ("1/0", None), ("auto", None), ("", None), ("1e999", None), ("nan", None)],
)  # fmt: skip
def test_numbers_in_words(text: str, number: float | None) -> None:
    found = exif.number_of_text(text)
    assert (None if found is None else float(found)) == (
        None if number is None else pytest.approx(number)
    )
