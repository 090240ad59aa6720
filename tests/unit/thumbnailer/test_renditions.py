"""The renditions themselves: their sizes, pixels, colours and EXIF, read back from their bytes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import piexif
import pillow_heif
import pytest
from PIL import Image, ImageCms

from thumbnailer import colour
from thumbnailer.development import Developed
from thumbnailer.renditions import develop, rendition_sizes
from thumbnailer.settings import Settings

Draw = Callable[[int, int], Image.Image]
Save = Callable[..., Path]
Opened = Callable[[Developed], list[Image.Image]]
Reason = Callable[..., str]

RED, GREEN, BLUE, YELLOW = (200, 30, 30), (30, 160, 40), (40, 50, 200), (220, 210, 40)


def quarters(image: Image.Image) -> list[tuple[int, int, int]]:
    """The colours in the middles of the four quarters."""
    rgb = image.convert("RGB")
    found = []
    for y in (1, 3):
        for x in (1, 3):
            pixel = rgb.getpixel((rgb.width * x // 4, rgb.height * y // 4))
            assert isinstance(pixel, tuple)
            found.append((int(pixel[0]), int(pixel[1]), int(pixel[2])))
    return found


def near(
    one: list[tuple[int, int, int]], other: list[tuple[int, int, int]], tolerance: int = 6
) -> bool:
    return all(
        abs(a - b) <= tolerance
        for first, second in zip(one, other, strict=True)
        for a, b in zip(first, second, strict=True)
    )


# ── Sizes ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((6000, 4000), ((600, 400), (1200, 800), (2048, 1365))),
        ((4000, 6000), ((400, 600), (800, 1200), (1365, 2048))),
        ((2048, 1000), ((600, 293), (1200, 586), (2048, 1000))),
        ((1300, 1000), ((600, 462), (1200, 923), (1300, 1000))),
        ((1200, 900), ((600, 450), (1200, 900))),
        ((500, 300), ((500, 300),)),
        ((1, 1), ((1, 1),)),
        # Names tell renditions apart by width: of slivers only the largest stands.
        ((2, 20_000), ((1, 2048),)),
        ((20_000, 2), ((600, 1), (1200, 1), (2048, 1))),
    ],
)
def test_sizes(size: tuple[int, int], sizes: tuple[tuple[int, int], ...]) -> None:
    assert rendition_sizes(size, (600, 1200, 2048)) == sizes


@pytest.mark.parametrize("size", [(3100, 2070), (2500, 900), (700, 500), (64, 48), (3, 2900)])
def test_renditions_have_the_sizes_that_were_worked_out(
    corners: Draw, save: Save, opened: Opened, size: tuple[int, int]
) -> None:
    developed = develop(save(corners(*size), "photo.jpg", "JPEG"), Settings())
    assert tuple(i.size for i in opened(developed)) == rendition_sizes(size, (600, 1200, 2048))
    assert (developed.source_width, developed.source_height) == size


def test_renditions_are_progressive_jpegs_without_other_metadata(
    corners: Draw, save: Save, opened: Opened, camera_exif: bytes
) -> None:
    path = save(
        corners(900, 600),
        "photo.jpg",
        "JPEG",
        exif=camera_exif,
        comment=b"the place is 38.7 N",
        xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        icc_profile=colour.matrix_profile("Any", colour.DISPLAY_P3, 2.2),
    )
    for image in opened(develop(path, Settings())):
        assert image.format == "JPEG"
        assert image.info.get("progressive")
        assert not {"comment", "xmp", "icc_profile", "photoshop"} & set(image.info)


def test_noise_at_the_highest_quality_fits(noise: Draw, save: Save, opened: Opened) -> None:
    path = save(noise(640, 480), "noise.png", "PNG")
    assert opened(develop(path, Settings(quality=95)))[-1].size == (640, 480)


def test_quality_and_edges_are_settings(noise: Draw, save: Save) -> None:
    path = save(noise(640, 480), "noise.png", "PNG")
    low = develop(path, Settings(edges=(64, 320), quality=30))
    high = develop(path, Settings(edges=(64, 320), quality=90))
    assert [i.width for i in low.images] == [64, 320]
    assert len(low.images[1].data) < len(high.images[1].data)


def test_shrinking_keeps_detail(noise: Draw, save: Save, opened: Opened) -> None:
    """As sharp as one careful reduction of the whole picture, within a tenth."""
    picture = noise(375, 250).resize((3000, 2000), Image.Resampling.BICUBIC)
    best = np.asarray(picture.resize((600, 400), Image.Resampling.LANCZOS).convert("L"), np.float32)
    path = save(picture, "detail.jpg", "JPEG", quality=95)
    small = opened(develop(path, Settings(quality=95)))[0]
    got = np.asarray(small.convert("L"), np.float32)
    assert np.abs(np.diff(got)).mean() > 0.9 * np.abs(np.diff(best)).mean()


# ── Formats ─────────────────────────────────────────────────────────────────────────────────

SAVED: list[tuple[str, str, str, dict[str, Any]]] = [
    ("JPEG", "RGB", "JPEG", {"quality": 92}),
    ("JPEG", "RGB", "JPEG", {"progressive": True, "quality": 92}),
    ("JPEG", "CMYK", "JPEG", {"quality": 92}),
    ("PNG", "RGB", "PNG", {}),
    ("PNG", "RGBA", "PNG", {}),
    ("PNG", "P", "PNG", {}),
    ("PNG", "RGB", "PNG", {"save_all": True}),
    ("WEBP", "RGB", "WEBP", {"quality": 92}),
    ("WEBP", "RGBA", "WEBP", {"lossless": True}),
    ("AVIF", "RGB", "AVIF", {"quality": 90, "speed": 10}),
    ("TIFF", "RGB", "TIFF", {}),
    ("TIFF", "RGB", "TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", "CMYK", "TIFF", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", "RGB", "TIFF", {"save_all": True}),
    ("GIF", "P", "GIF", {}),
    ("HEIF", "RGB", "HEIF", {"quality": 90}),
    ("HEIF", "RGBA", "HEIF", {"quality": 90}),
]


@pytest.mark.parametrize(("name", "mode", "format_", "options"), SAVED)
def test_every_format_is_rendered(
    corners: Draw,
    save: Save,
    opened: Opened,
    name: str,
    mode: str,
    format_: str,
    options: dict[str, Any],
) -> None:
    pillow_heif.register_heif_opener()
    image = corners(800, 600).convert(mode)
    if options.get("save_all"):
        options = {**options, "append_images": [image.transpose(Image.Transpose.ROTATE_180)]}
    # The name says nothing about the content.
    developed = develop(save(image, "photo.dat", format_, **options), Settings())
    assert developed.format == name
    images = opened(developed)
    assert [i.size for i in images] == [(600, 450), (800, 600)]
    assert near(quarters(images[0]), [RED, GREEN, BLUE, YELLOW], 12)


@pytest.mark.parametrize(("format_", "mode"), [("PNG", "LA"), ("PNG", "RGBA"), ("WEBP", "RGBA")])
def test_what_is_transparent_becomes_white(
    save: Save, opened: Opened, format_: str, mode: str
) -> None:
    image = Image.new("RGBA", (200, 100), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (100, 0, 200, 100))
    path = save(image.convert(mode), "photo", format_, lossless=True)
    small = opened(develop(path, Settings()))[0].convert("L")
    assert small.getpixel((20, 50)) == pytest.approx(0, abs=3)
    assert small.getpixel((180, 50)) == pytest.approx(255, abs=3)


def test_a_transparent_colour_of_a_palette_becomes_white(save: Save, opened: Opened) -> None:
    image = Image.new("P", (200, 100), 0)
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.paste(1, (100, 0, 200, 100))
    path = save(image, "photo.png", "PNG", transparency=0)
    small = opened(develop(path, Settings()))[0]
    assert small.getpixel((20, 50)) == pytest.approx((255, 255, 255), abs=3)
    assert small.getpixel((180, 50)) == pytest.approx((200, 0, 0), abs=6)


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_keep_their_brightness(
    save: Save, opened: Opened, format_: str
) -> None:
    ramp = np.tile(np.linspace(0, 65_535, 256).astype(np.uint16), (64, 1))
    small = opened(develop(save(Image.fromarray(ramp), "photo", format_), Settings()))[0]
    assert small.mode == "L"
    for x in (10, 128, 250):
        assert small.getpixel((x, 32)) == pytest.approx(x, abs=3)


def test_a_large_sixteen_bit_picture_is_shrunk_band_by_band(save: Save, opened: Opened) -> None:
    ramp = np.tile(np.linspace(0, 65_535, 5000).astype(np.uint16), (2400, 1))
    small = opened(develop(save(Image.fromarray(ramp), "photo.png", "PNG"), Settings()))[0]
    assert small.size == (600, 288)
    assert small.getpixel((300, 140)) == pytest.approx(128, abs=3)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 255.0), (-40.0, 120.0)])
def test_numbers_become_brightness(save: Save, opened: Opened, low: float, high: float) -> None:
    ramp = np.tile(np.linspace(low, high, 256).astype(np.float32), (64, 1))
    small = opened(develop(save(Image.fromarray(ramp), "photo.tif", "TIFF"), Settings()))[0]
    assert small.getpixel((5, 32)) == pytest.approx(5, abs=4)
    assert small.getpixel((250, 32)) == pytest.approx(250, abs=4)


def adam7(image: Image.Image) -> bytes:
    """An interlaced PNG of an RGB image, which Pillow reads but does not write."""
    pixels = np.asarray(image.convert("RGB"))
    raw = b""
    # PNG specification, third edition, 8.1: first column and row, and the steps.
    for x, y, across, down in (
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):  # fmt: skip
        raw += b"".join(b"\0" + row.tobytes() for row in pixels[y::down, x::across])

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(raw, 0))
        + chunk(b"IEND", b"")
    )


def test_interlaced_png(corners: Draw, tmp_path: Path, opened: Opened) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(adam7(corners(320, 240)))
    assert near(quarters(opened(develop(path, Settings()))[0]), [RED, GREEN, BLUE, YELLOW])


# ── Orientation ─────────────────────────────────────────────────────────────────────────────


def with_orientation(value: Any, kind: int = 3) -> bytes:
    """An EXIF block with nothing but an orientation, of any type."""
    data = struct.pack("<HH", value, 0) if kind == 3 else value
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHI", 0x0112, kind, 1) + data + bytes(4)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1, [RED, GREEN, BLUE, YELLOW]),
        (2, [GREEN, RED, YELLOW, BLUE]),
        (3, [YELLOW, BLUE, GREEN, RED]),
        (4, [BLUE, YELLOW, RED, GREEN]),
        (5, [RED, BLUE, GREEN, YELLOW]),
        (6, [BLUE, RED, YELLOW, GREEN]),
        (7, [YELLOW, GREEN, BLUE, RED]),
        (8, [GREEN, YELLOW, RED, BLUE]),
    ],
)
def test_the_photo_is_turned_upright(
    corners: Draw,
    save: Save,
    opened: Opened,
    value: int,
    shown: list[tuple[int, int, int]],
) -> None:
    path = save(corners(1500, 900), "photo.jpg", "JPEG", exif=with_orientation(value))
    developed = develop(path, Settings())
    upright = (1500, 900) if value < 5 else (900, 1500)
    assert (developed.source_width, developed.source_height) == upright
    for image in opened(developed):
        assert near(quarters(image), shown)
        assert (image.width > image.height) == (value < 5)
        assert image.getexif()[0x0112] == 1


@pytest.mark.parametrize("value", [0, 9, 65_535])
def test_an_orientation_that_is_none_turns_nothing(
    corners: Draw, save: Save, opened: Opened, value: int
) -> None:
    path = save(corners(300, 200), "photo.jpg", "JPEG", exif=with_orientation(value))
    assert near(quarters(opened(develop(path, Settings()))[0]), [RED, GREEN, BLUE, YELLOW])


def test_an_orientation_in_words_turns_nothing(corners: Draw, save: Save, opened: Opened) -> None:
    path = save(corners(300, 200), "photo.jpg", "JPEG", exif=with_orientation(b"top\0", 2))
    assert near(quarters(opened(develop(path, Settings()))[0]), [RED, GREEN, BLUE, YELLOW])


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF"])
def test_every_format_is_turned(corners: Draw, save: Save, opened: Opened, format_: str) -> None:
    block = Image.Exif()
    block[0x0112] = 6
    path = save(corners(300, 200), "photo", format_, exif=block, quality=95)
    developed = develop(path, Settings())
    assert (developed.source_width, developed.source_height) == (200, 300)
    assert near(quarters(opened(developed)[0]), [BLUE, RED, YELLOW, GREEN], 12)


@pytest.mark.parametrize("format_", ["HEIF", "AVIF"])
def test_a_container_that_turns_is_turned_once(
    corners: Draw, save: Save, opened: Opened, format_: str
) -> None:
    pillow_heif.register_heif_opener()
    block = Image.Exif()
    block[0x0112] = 6
    path = save(corners(320, 256), "photo", format_, exif=block.tobytes(), quality=90)
    developed = develop(path, Settings())
    assert (developed.source_width, developed.source_height) == (256, 320)
    assert near(quarters(opened(developed)[0]), [BLUE, RED, YELLOW, GREEN], 12)


# ── Colours ─────────────────────────────────────────────────────────────────────────────────


def srgb(linear: np.ndarray) -> tuple[float, ...]:
    """sRGB (0 to 255) of linear light (0 to 1): IEC 61966-2-1."""
    values = (min(1.0, max(0.0, float(v))) for v in linear)
    return tuple(
        255 * (v * 12.92 if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055) for v in values
    )


# From CSS Color 4, section 18: linear Display P3 and Adobe RGB to linear sRGB (via XYZ, D65).
P3_TO_SRGB = np.array(
    [
        [1.2249402, -0.2249402, 0.0],
        [-0.0420569, 1.0420569, 0.0],
        [-0.0196376, -0.0786361, 1.0982736],
    ]
)
ADOBE_TO_SRGB = np.array(
    [[1.3983557, -0.3983557, 0.0], [0.0, 1.0, 0.0], [0.0, -0.0429290, 1.0429290]]
)


@pytest.mark.parametrize("pixel", [(180, 60, 60), (90, 140, 80), (255, 0, 0), (128, 128, 128)])
def test_display_p3_becomes_srgb(save: Save, opened: Opened, pixel: tuple[int, int, int]) -> None:
    profile = colour.matrix_profile("Display P3", colour.DISPLAY_P3, None)
    path = save(Image.new("RGB", (320, 200), pixel), "photo.png", "PNG", icc_profile=profile)
    value = np.array(pixel) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    expected = srgb(P3_TO_SRGB @ linear)
    got = opened(develop(path, Settings()))[0].getpixel((100, 100))
    assert got == pytest.approx(expected, abs=4)


def test_adobe_rgb_that_only_exif_names_becomes_srgb(save: Save, opened: Opened) -> None:
    block = piexif.dump(
        {"Exif": {piexif.ExifIFD.ColorSpace: 0xFFFF}, "Interop": {1: b"R03"}, "0th": {}}
    )
    pixel = (60, 160, 90)
    path = save(Image.new("RGB", (320, 200), pixel), "p.jpg", "JPEG", exif=block, quality=98)
    linear = (np.array(pixel) / 255) ** colour.ADOBE_GAMMA
    expected = srgb(ADOBE_TO_SRGB @ linear)
    small = opened(develop(path, Settings()))[0]
    assert small.getpixel((100, 100)) == pytest.approx(expected, abs=5)
    assert piexif.load(small.info["exif"])["Exif"][piexif.ExifIFD.ColorSpace] == 1


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_profile_of_another_kind_or_none_at_all_is_dropped(
    save: Save, opened: Opened, mode: str
) -> None:
    image = Image.new("RGB", (320, 200), (90, 120, 60)).convert(mode)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    plain = opened(develop(save(image, "a.tif", "TIFF"), Settings()))[0]
    for profile in (lab, b"not a profile" * 40, bytes(4)):
        path = save(image, "b.tif", "TIFF", icc_profile=profile)
        assert opened(develop(path, Settings()))[0].tobytes() == plain.tobytes()


def test_a_grey_photo_stays_grey(save: Save, opened: Opened) -> None:
    path = save(Image.new("L", (320, 200), 77), "grey.jpg", "JPEG")
    small = opened(develop(path, Settings()))[0]
    assert small.mode == "L"
    assert small.getpixel((5, 5)) == pytest.approx(77, abs=2)


def test_the_placeholder_shows_the_photo_as_it_is_seen(corners: Draw, save: Save) -> None:
    path = save(corners(600, 400), "p.jpg", "JPEG", exif=with_orientation(3), quality=95)
    colours = develop(path, Settings()).placeholder
    assert len(colours) == 6

    def rgb(text: str) -> tuple[int, int, int]:
        return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)

    assert near([rgb(colours[0]), rgb(colours[2])], [YELLOW, BLUE], 10)
    assert near([rgb(colours[3]), rgb(colours[5])], [GREEN, RED], 10)


# ── EXIF ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
def test_exif_survives_in_every_rendition(
    corners: Draw, save: Save, opened: Opened, camera_exif: bytes, format_: str
) -> None:
    pillow_heif.register_heif_opener()
    block: Any = camera_exif
    if format_ == "TIFF":  # Pillow writes a TIFF's tags from its own kind of block only
        block = Image.Exif()
        block.load(camera_exif)
    developed = develop(save(corners(900, 640), "photo", format_, exif=block), Settings())
    assert developed.has_location
    assert developed.exif.line == "nikon d3400 · 35mm · ƒ1.8 · 1/60s · ISO 800"
    assert developed.taken is not None
    assert (developed.taken.local, developed.taken.offset) == ("2024-05-01T12:00:00", "+02:00")
    for image in opened(developed):
        exif = piexif.load(image.info["exif"])
        assert exif["0th"][piexif.ImageIFD.Model] == b"NIKON D3400"
        assert exif["0th"][piexif.ImageIFD.Orientation] == 1
        assert exif["Exif"][piexif.ExifIFD.FNumber] in {(18, 10), (9, 5)}
        assert exif["Exif"][piexif.ExifIFD.DateTimeOriginal] == b"2024:05:01 12:00:00"
        assert exif["Exif"][piexif.ExifIFD.PixelXDimension] == image.width
        assert exif["Exif"][piexif.ExifIFD.PixelYDimension] == image.height
        assert exif["GPS"] == {}
        assert exif["1st"] == {}
        assert exif["thumbnail"] is None
        # Makers repeat the location in their notes.
        assert piexif.ExifIFD.MakerNote not in exif["Exif"]


def test_the_location_stays_where_that_is_wanted(
    corners: Draw, save: Save, opened: Opened, camera_exif: bytes
) -> None:
    path = save(corners(900, 600), "photo.jpg", "JPEG", exif=camera_exif)
    developed = develop(path, Settings(keep_location=True))
    for image in opened(developed):
        exif = piexif.load(image.info["exif"])
        assert exif["GPS"][piexif.GPSIFD.GPSLatitude] == ((38, 1), (43, 1), (1, 1))
        assert exif["Exif"][piexif.ExifIFD.MakerNote].startswith(b"Nikon\0")


def test_a_maker_note_stays_in_the_largest_rendition_alone_where_it_is_large(
    corners: Draw, save: Save, opened: Opened
) -> None:
    block = piexif.dump(
        {"0th": {piexif.ImageIFD.Make: b"Nikon"}, "Exif": {37500: b"Nikon\0" + bytes(40_000)}}
    )
    path = save(corners(900, 600), "photo.jpg", "JPEG", exif=block)
    small, large = (piexif.load(i.info["exif"]) for i in opened(develop(path, Settings())))
    assert 37500 in large["Exif"]
    assert 37500 not in small["Exif"]
    assert small["0th"][piexif.ImageIFD.Make] == b"Nikon"


def test_a_location_in_xmp_alone_is_seen_and_not_kept(
    corners: Draw, save: Save, opened: Opened
) -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        b'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="38,43.1N"/></rdf:RDF>'
        b"</x:xmpmeta>"
    )
    developed = develop(save(corners(300, 200), "p.jpg", "JPEG", xmp=packet), Settings())
    assert developed.has_location
    assert b"GPS" not in developed.images[0].data
    assert not develop(save(corners(300, 200), "p.jpg", "JPEG"), Settings()).has_location


def test_a_photo_without_exif_gets_none(corners: Draw, save: Save, opened: Opened) -> None:
    developed = develop(save(corners(300, 200), "p.jpg", "JPEG"), Settings())
    assert "exif" not in opened(developed)[0].info
    assert developed.taken is None
    assert developed.exif.line == ""


def test_exif_behind_the_pixels_of_a_png_counts(
    corners: Draw, tmp_path: Path, opened: Opened
) -> None:
    out = io.BytesIO()
    corners(300, 200).save(out, "PNG")
    block = with_orientation(6)[6:]
    chunk = b"eXIf" + block
    late = struct.pack(">I", len(block)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path = tmp_path / "photo.png"
    path.write_bytes(out.getvalue()[:-12] + late + out.getvalue()[-12:])
    assert near(quarters(opened(develop(path, Settings()))[0]), [BLUE, RED, YELLOW, GREEN])


def test_a_block_that_pillow_cannot_read_does_not_cost_an_avif(
    corners: Draw, save: Save, opened: Opened, camera_exif: bytes
) -> None:
    path = save(corners(320, 200), "p.avif", "AVIF", exif=camera_exif)
    data = path.read_bytes()
    at = data.index(b"II*\0") if b"II*\0" in data else data.index(b"MM\0*")
    path.write_bytes(data[:at] + b"XX" + data[at + 2 :])
    assert len(opened(develop(path, Settings()))) == 1


def test_equal_files_give_equal_bytes(noise: Draw, save: Save, camera_exif: bytes) -> None:
    path = save(noise(1300, 900), "photo.jpg", "JPEG", exif=camera_exif)
    assert develop(path, Settings()) == develop(path, Settings())
