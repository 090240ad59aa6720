"""Files that are cut, mangled, too large or no photos: rendered as far as it goes, or rejected
with a reason that says what to do."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import piexif
import pytest
from PIL import Image

from thumbnailer.development import Developed
from thumbnailer.renditions import develop
from thumbnailer.settings import MIB, Settings

Draw = Callable[[int, int], Image.Image]
Save = Callable[..., Path]
Opened = Callable[[Developed], list[Image.Image]]
Reason = Callable[..., str]


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


CUT: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {"quality": 90}),
    ("PNG", {}),
    ("TIFF", {}),
]


@pytest.mark.parametrize(("format_", "options"), CUT)
def test_a_photo_cut_at_three_quarters_shows_them_and_grey(
    noise: Draw, save: Save, opened: Opened, format_: str, options: dict[str, Any]
) -> None:
    whole = save(noise(500, 400), "photo", format_, **options)
    small = opened(develop(cut(whole, 0.75), Settings()))[0]
    assert small.size == (500, 400)
    assert small.getpixel((250, 390)) == pytest.approx((128, 128, 128), abs=6)
    # Noise above, plain below.
    upper, lower = small.crop((0, 0, 500, 200)), small.crop((0, 340, 500, 400))
    assert len(set(upper.convert("L").tobytes())) > 100
    assert len(set(lower.convert("L").tobytes())) < 60


def test_a_compressed_tiff_shows_the_strips_before_the_bad_one(
    noise: Draw, save: Save, opened: Opened
) -> None:
    path = save(noise(500, 400), "photo", "TIFF", compression="tiff_adobe_deflate")
    data = bytearray(path.read_bytes())
    with Image.open(path) as image:
        offsets = image.tag_v2[273]  # type: ignore[attr-defined]
    bad = offsets[len(offsets) * 3 // 4]
    data[bad : bad + 40] = bytes(40)
    path.write_bytes(bytes(data))
    small = opened(develop(path, Settings()))[0]
    assert small.getpixel((250, 390)) == pytest.approx((128, 128, 128), abs=6)
    assert len(set(small.crop((0, 0, 500, 200)).convert("L").tobytes())) > 100


@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_a_photo_cut_at_a_quarter_is_rejected(
    noise: Draw, save: Save, rejection: Reason, format_: str
) -> None:
    path = cut(save(noise(500, 400), "photo", format_), 0.25)
    assert "% of the picture can be decoded. Upload it again" in rejection(path)


def test_a_progressive_photo_is_coarser_where_it_is_cut(
    corners: Draw, save: Save, opened: Opened
) -> None:
    path = cut(save(corners(1600, 1200), "p.jpg", "JPEG", progressive=True, quality=95), 0.8)
    small = opened(develop(path, Settings()))[0].convert("RGB")
    assert small.getpixel((450, 400)) == pytest.approx((220, 210, 40), abs=25)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "GIF"])
def test_a_header_alone_is_rejected(
    noise: Draw, save: Save, rejection: Reason, format_: str
) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    path = save(noise(300, 200), "photo", format_)
    path.write_bytes(path.read_bytes()[:60])
    reason = rejection(path)
    assert "damaged" in reason
    assert reason.endswith(".")


@pytest.mark.parametrize("shift", [-7, 3, 90])
def test_a_segment_of_wrong_length_does_not_make_the_preview_the_photo(
    noise: Draw, save: Save, opened: Opened, camera_exif: bytes, shift: int
) -> None:
    data = save(noise(900, 700), "p.jpg", "JPEG", exif=camera_exif).read_bytes()
    at = data.index(b"Exif\0\0") + 60
    mangled = data[:at] + bytes(shift) + data[at:] if shift > 0 else data[:at] + data[at - shift :]
    path = save(noise(1, 1), "p.jpg", "JPEG")
    path.write_bytes(mangled)
    developed = develop(path, Settings())
    assert {developed.source_width, developed.source_height} == {900, 700}
    assert len(set(opened(developed)[0].convert("L").tobytes())) > 100


def test_a_preview_without_its_photo_is_no_photo(
    noise: Draw, save: Save, rejection: Reason, camera_exif: bytes
) -> None:
    path = save(noise(900, 700), "p.jpg", "JPEG", exif=camera_exif)
    data = path.read_bytes()
    path.write_bytes(data[: len(camera_exif) - 20])
    assert "damaged" in rejection(path)


# ── Limits ──────────────────────────────────────────────────────────────────────────────────


def png(width: int, height: int, colour: int) -> bytes:
    """A PNG of any size by its header, with no rows: nothing may get as far as them."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    data = zlib.compress(b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_too_many_pixels_are_rejected_by_the_header(tmp_path: Path, rejection: Reason) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(30_000, 30_000, 0))
    reason = rejection(path)
    assert "900 megapixels (30000 × 30000)" in reason
    assert "SAFELIGHT_MAX_PIXELS=250000000" in reason


def test_too_many_bytes_are_rejected(noise: Draw, save: Save, rejection: Reason) -> None:
    path = save(noise(300, 200), "p.png", "PNG")
    reason = rejection(path, Settings(max_bytes=1000))
    assert "SAFELIGHT_MAX_BYTES=1000" in reason


@pytest.mark.parametrize("format_", ["WEBP", "AVIF", "GIF", "TIFF", "PNG", "HEIF"])
def test_pixels_count_in_every_format(
    noise: Draw, save: Save, rejection: Reason, format_: str
) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    path = save(noise(300, 200), "p", format_)
    assert "(300 × 200)" in rejection(path, Settings(max_pixels=50_000))


def test_memory_is_estimated_before_decoding(tmp_path: Path, rejection: Reason) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png(15_000, 15_000, 6))
    reason = rejection(path)
    assert "MiB of memory" in reason
    assert f"SAFELIGHT_MAX_MEMORY={512 * MIB}" in reason


def test_a_webp_is_measured_before_it_is_opened(tmp_path: Path, rejection: Reason) -> None:
    # Opening a WebP allocates its canvases: 16,000 × 15,000 pixels would be two gigabytes.
    side = (15_999).to_bytes(3, "little") + (14_999).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + side
    path = tmp_path / "large.webp"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body + bytes(64))
    assert "MiB of memory" in rejection(path)


def with_frame(data: bytes, width: int, height: int) -> bytes:
    """A JPEG that claims another size."""
    at = next(i for i in (data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) if i > 0)
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def test_a_baseline_jpeg_needs_less_memory_than_a_progressive_one(
    noise: Draw, save: Save, rejection: Reason
) -> None:
    """200 megapixels: row by row they are nothing, as coefficients they are 600 MB."""
    path = save(noise(64, 64), "p.jpg", "JPEG", progressive=True)
    path.write_bytes(with_frame(path.read_bytes(), 16_320, 12_240))
    assert "MiB of memory" in rejection(path)
    path = save(noise(64, 64), "p.jpg", "JPEG")
    path.write_bytes(with_frame(path.read_bytes(), 16_320, 12_240))
    assert develop(path, Settings()).source_width == 16_320


@pytest.mark.parametrize(
    "packet",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        b"<a>" * 15_000,
        b"\xff\xfe<\0",
    ],
)
def test_hostile_xmp_costs_the_photo_nothing(
    noise: Draw, save: Save, packet: bytes, opened: Opened
) -> None:
    developed = develop(save(noise(300, 200), "p.jpg", "JPEG", xmp=packet), Settings())
    assert developed.title is None
    assert len(opened(developed)) == 1


# ── Not files, not photos ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(40), "camera raw file; add the JPEG beside it"),
        (b"hello, world\n" * 9, "a text file"),
        (bytes(range(128, 256)) * 8, "not a photo of a known format"),
    ],
)
def test_what_is_no_photo_is_named(
    tmp_path: Path, rejection: Reason, content: bytes, words: str
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert words in rejection(path)


def test_what_is_no_file_is_named(tmp_path: Path, rejection: Reason) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    assert "pipe" in rejection(pipe)
    assert "a folder" in rejection(tmp_path)
    assert "no such file" in rejection(tmp_path / "none.jpg")
    assert "cannot be opened" in rejection(tmp_path / "loop.jpg")
    assert "a device" in rejection(Path("/dev/zero"))
    assert "cannot be opened" in rejection(Path("nul\0byte.jpg"))


def test_a_maker_note_of_sixty_kilobytes_costs_nothing(noise: Draw, save: Save) -> None:
    block = piexif.dump({"0th": {271: b"Nikon"}, "Exif": {37500: bytes(65_000)}})
    developed = develop(save(noise(300, 200), "p.jpg", "JPEG", exif=block), Settings())
    assert developed.exif.camera == "nikon"
