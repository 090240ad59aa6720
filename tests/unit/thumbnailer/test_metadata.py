"""What a person reads: cameras, exposures, dates and words, good and bad."""

from __future__ import annotations

import struct
from typing import Any

import piexif
import pytest

from thumbnailer import exif, iptc, metadata, wording, xmp

EXIF = piexif.ExifIFD


def people(image: dict[int, Any] | None = None, photo: dict[int, Any] | None = None) -> Any:
    return metadata.for_people(exif.read(piexif.dump({"0th": image or {}, "Exif": photo or {}})))


def raw(photo: dict[int, tuple[int, int, bytes]]) -> exif.Block:
    """A block whose entries are as no library would write them."""
    return exif.Block("<", {}, {code: exif.Tag(*entry) for code, entry in photo.items()})


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("NIKON CORPORATION", "NIKON D3400", "nikon d3400"),
        ("Canon", "Canon EOS 5D Mark IV", "canon eos 5d mark iv"),
        ("Apple", "iPhone 11 Pro Max", "apple iphone 11 pro max"),
        ("OLYMPUS IMAGING CORP.", "E-M5", "olympus e-m5"),
        ("OLYMPUS OPTICAL CO.,LTD", "C3040Z", "olympus c3040z"),
        ("EASTMAN KODAK COMPANY", "KODAK DX4330 DIGITAL CAMERA", "kodak dx4330"),
        ("Hewlett-Packard", "HP PhotoSmart C812 (V09.33)", "hp photosmart c812"),
        ("SEIKO EPSON CORP.", "PhotoPC 3000Z", "epson photopc 3000z"),
        ("CASIO COMPUTER CO.,LTD", "QV-3000EX", "casio qv-3000ex"),
        ("FUJI PHOTO FILM CO., LTD.", "FinePix40i", "fujifilm finepix40i"),
        ("Asahi Optical Co.,Ltd", "PENTAX Optio330", "pentax optio330"),
        ("RICOH IMAGING COMPANY, LTD.", "PENTAX K-1", "pentax k-1"),
        ("HMD Global", "Nokia 8.3 5G", "nokia 8.3 5g"),
        ("SONY\0\0\0\0", "DSC-H9   ", "sony dsc-h9"),
        ("Canon", "", "canon"),
        ("", "QV-10", "qv-10"),
        ("Unknown", "----", None),
        ("\x01\x02", "\xff\xfe\xfd", None),
        ("", "", None),
    ],
)
def test_cameras(make: str, model: str, camera: str | None) -> None:
    found = people({271: make.encode("latin-1"), 272: model.encode("latin-1")})
    assert found.camera == camera


def test_the_line() -> None:
    found = people(
        {271: b"NIKON CORPORATION", 272: b"NIKON D3400"},
        {
            EXIF.FocalLength: (350, 10),
            EXIF.FNumber: (18, 10),
            EXIF.ExposureTime: (10, 600),
            EXIF.ISOSpeedRatings: 800,
        },
    )
    assert found.line == "nikon d3400 · 35mm · ƒ1.8 · 1/60s · ISO 800"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ((1, 60), "1/60s"), ((10, 600), "1/60s"), ((16, 1000), "1/62s"), ((25, 10), "2.5s"),
        ((30, 1), "30s"), ((1, 2), "1/2s"), ((4, 10), "0.4s"), ((1, 8000), "1/8000s"),
        ((1, 1), "1s"), ((0, 1), None), ((0, 0), None), ((1, 0), None), ((4_294_967_295, 1), None),
    ],
)  # fmt: skip
def test_shutters(value: tuple[int, int], shown: str | None) -> None:
    assert people(photo={EXIF.ExposureTime: value}).shutter == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [((18, 10), "ƒ1.8"), ((2, 1), "ƒ2"), ((11, 1), "ƒ11"), ((95, 100), "ƒ0.9"), ((0, 1), None),
     ((0, 0), None), ((4_294_967_295, 1), None)],
)  # fmt: skip
def test_apertures(value: tuple[int, int], shown: str | None) -> None:
    assert people(photo={EXIF.FNumber: value}).aperture == shown


def test_apex_values_stand_in() -> None:
    found = people(photo={EXIF.ApertureValue: (2, 1), EXIF.ShutterSpeedValue: (6, 1)})
    assert (found.aperture, found.shutter) == ("ƒ2", "1/64s")
    found = people(photo={EXIF.ApertureValue: (0, 0), EXIF.ShutterSpeedValue: (-2_000_000, 1)})
    assert (found.aperture, found.shutter) == (None, None)


@pytest.mark.parametrize(
    ("value", "shown"),
    [((350, 10), "35mm"), ((425, 100), "4.2mm"), ((6000, 10), "600mm"), ((0, 1), None),
     ((5, 0), None), ((4_294_967_295, 1), None)],
)  # fmt: skip
def test_focal_lengths(value: tuple[int, int], shown: str | None) -> None:
    assert people(photo={EXIF.FocalLength: value}).focal_length == shown


def test_sensitivities() -> None:
    assert people(photo={EXIF.ISOSpeedRatings: 800}).iso == 800
    assert people(photo={EXIF.ISOSpeedRatings: (0, 200)}).iso == 200
    assert people(photo={EXIF.ISOSpeedRatings: 0}).iso is None
    assert people(photo={EXIF.ISOSpeedRatings: 65_535}).iso is None
    high = {EXIF.ISOSpeedRatings: 65_535, EXIF.RecommendedExposureIndex: 102_400}
    assert people(photo=high).iso == 102_400
    assert metadata.for_people(raw({0x8827: (2, 8, b"ISO 400\0")})).iso == 400
    assert metadata.for_people(raw({0x8827: (9, 1, struct.pack("<i", -3))})).iso is None


@pytest.mark.parametrize(
    ("photo", "lens"),
    [
        ({EXIF.LensModel: b"EF50mm f/1.8 II"}, "EF50mm f/1.8 II"),
        ({EXIF.LensModel: b"----"}, None),
        ({EXIF.LensModel: b"0.0 mm f/0.0"}, None),
        ({EXIF.LensSpecification: ((18, 1), (55, 1), (35, 10), (56, 10))}, "18-55mm ƒ3.5-5.6"),
        ({EXIF.LensSpecification: ((50, 1), (50, 1), (18, 10), (18, 10))}, "50mm ƒ1.8"),
        ({EXIF.LensSpecification: ((50, 1), (50, 1), (0, 0), (0, 0))}, "50mm"),
        ({EXIF.LensSpecification: ((0, 0), (0, 0), (0, 0), (0, 0))}, None),
    ],
)
def test_lenses(photo: dict[int, Any], lens: str | None) -> None:
    assert people(photo=photo).lens == lens


def test_more_has_no_serial_numbers_and_no_empty_values() -> None:
    found = people(
        {315: b"Ada", 33432: b"(c) Ada\0Ed", 305: b" \x00"},
        {
            EXIF.ExposureBiasValue: (-7, 10),
            EXIF.Flash: 25,
            EXIF.MeteringMode: 5,
            EXIF.ExposureProgram: 99,
            EXIF.WhiteBalance: 0,
            EXIF.FocalLengthIn35mmFilm: 52,
            EXIF.BodySerialNumber: b"12345678",
            EXIF.CameraOwnerName: b"Ada L.",
        },
    )
    assert found.more == {
        "Exposure bias": "−0.7 EV",
        "Flash": "fired",
        "Metering": "pattern",
        "White balance": "auto",
        "35 mm equivalent": "52mm",
        "Artist": "Ada",
        "Copyright": "(c) Ada · Ed",
    }


@pytest.mark.parametrize("kind", [2, 5, 7, 11, 12])
@pytest.mark.parametrize("code", [0x829A, 0x829D, 0x8827, 0x9202, 0x9204, 0x920A, 0xA405, 0xA432])
def test_no_type_of_any_value_shows_what_is_none(code: int, kind: int) -> None:
    data = {11: struct.pack("<f", float("nan")), 12: struct.pack("<d", float("-inf"))}.get(
        kind, bytes(8)
    )
    found = metadata.for_people(raw({code: (kind, 1 if kind in {5, 11, 12} else 8, data)}))
    assert (found.line, found.lens, found.more) == ("", None, {})


# ── Dates ───────────────────────────────────────────────────────────────────────────────────


def taken(image: dict[int, Any], photo: dict[int, Any]) -> tuple[str, str | None] | None:
    block = exif.read(piexif.dump({"0th": image, "Exif": photo}))
    found = metadata.read(block, xmp.Packet(), iptc.Caption()).taken
    return None if found is None else (found.local, found.offset)


def test_the_original_date_comes_first() -> None:
    photo = {
        EXIF.DateTimeOriginal: b"2024:05:01 12:00:00",
        EXIF.DateTimeDigitized: b"2024:05:02 12:00:00",
        EXIF.OffsetTimeOriginal: b"+02:00",
        EXIF.OffsetTimeDigitized: b"+03:00",
    }
    assert taken({306: b"2024:05:03 12:00:00"}, photo) == ("2024-05-01T12:00:00", "+02:00")
    photo[EXIF.DateTimeOriginal] = b"0000:00:00 00:00:00"
    assert taken({306: b"2024:05:03 12:00:00"}, photo) == ("2024-05-02T12:00:00", "+03:00")


def test_the_date_of_change_counts_only_where_a_camera_signed() -> None:
    assert taken({306: b"2024:05:03 12:00:00"}, {}) is None
    signed = {306: b"2024:05:03 12:00:00", 271: b"Kodak"}
    assert taken(signed, {}) == ("2024-05-03T12:00:00", None)


def test_a_date_in_xmp_stands_in() -> None:
    packet = xmp.Packet(date="2011-07-09T10:11:12+01:00")
    found = metadata.read(exif.Block(), packet, iptc.Caption()).taken
    assert found is not None
    assert (found.local, found.offset) == ("2011-07-09T10:11:12", "+01:00")


# ── Words ───────────────────────────────────────────────────────────────────────────────────


def words(image: dict[int, Any], photo: dict[int, Any] | None = None) -> tuple[Any, Any]:
    block = exif.read(piexif.dump({"0th": image, "Exif": photo or {}}))
    found = metadata.read(block, xmp.Packet(), iptc.Caption())
    return found.title, found.description


@pytest.mark.parametrize(
    "text",
    ["OLYMPUS DIGITAL CAMERA", "SONY DSC", "DCIM", "Camera", "KONICA MINOLTA DIGITAL CAMERA",
     "Exif_JPEG_PICTURE", "<Digimax i6 PMP, Samsung #1>", "oznorCO", "        ", "\0\0", "DSC_0001",
     "charset=Ascii", "default", "---", "null"],
)  # fmt: skip
def test_what_firmware_writes_is_no_description(text: str) -> None:
    assert words({270: text.encode()}) == (None, None)


@pytest.mark.parametrize("text", ["Mexico", "The cat on the roof", "Łódź, 1998", "Disco", "海"])
def test_what_a_person_writes_is(text: str) -> None:
    assert words({270: text.encode()}) == (None, text)


def test_texts_of_the_explorer_are_utf_16() -> None:
    title = tuple("Skógafoss\0".encode("utf-16-le"))
    assert words({0x9C9B: title}) == ("Skógafoss", None)


def test_a_comment_loses_the_name_of_its_encoding() -> None:
    assert words({}, {37510: b"ASCII\0\0\0At the lake"}) == (None, "At the lake")
    assert words({}, {37510: b"UNICODE\0" + "Am See dort".encode("utf-16-be")})[1] == "Am See dort"
    assert words({}, {37510: bytes(200)}) == (None, None)
    assert words({}, {37510: b"ASCII\0\0\0filter: 0; fileterIntensity: 0.0;"}) == (None, None)


def test_a_description_that_repeats_the_title_is_left_out() -> None:
    title = tuple("The lake\0".encode("utf-16-le"))
    assert words({0x9C9B: title, 270: b"The lake"}) == ("The lake", None)


def test_iptc_and_xmp_captions() -> None:
    blob = b"\x1c\x02\x05\x00\x04Lake\x1c\x02\x78\x00\x09At the sh\x1c\x02"
    assert iptc.read(blob) == iptc.Caption("Lake", "At the sh")
    assert iptc.read(b"\x1c\x02\x05\xff\xff") == iptc.Caption()
    packet = xmp.read(
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        b'xmlns:dc="http://purl.org/dc/elements/1.1/" '
        b'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
        b'photoshop:DateCreated="1998-04-12T10:00:00">'
        b'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Harbour &amp; sea</rdf:li></rdf:Alt>'
        b"</dc:title><dc:description><rdf:Alt><rdf:li>Early</rdf:li></rdf:Alt></dc:description>"
        b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    assert packet == xmp.Packet("Harbour & sea", "Early", "1998-04-12T10:00:00", False)
    found = metadata.read(exif.Block(), packet, iptc.Caption("Other", "Later"))
    assert (found.title, found.description) == ("Harbour & sea", "Early")


@pytest.mark.parametrize(
    ("raw_text", "text"),
    [
        (b"Caf\xc3\xa9", "Café"),
        (b"Caf\xe9", "Café"),
        ("CafÃ©".encode(), "Café"),
        (b"\xc3\xa9t\xc3", "ét"),
        ("Straße 海".encode()[:-1], "Straße "),
        (b"a\0b", "a"),
        (bytes(range(160, 255)), ""),
    ],
)
def test_encodings(raw_text: bytes, text: str) -> None:
    assert wording.decode(raw_text) == text


def test_what_does_not_show_is_cleaned_away() -> None:
    assert wording.clean("a\x07b\u202ec\ud800 \x85d") == "a b c d"
    assert wording.clean("x" * 500) == "x" * 199 + "…"
    assert wording.clean("one\r\n\r\n\r\ntwo\n", 100, lines=True) == "one\n\ntwo"
    assert wording.clean(" \u200b\ufeff ") is None
