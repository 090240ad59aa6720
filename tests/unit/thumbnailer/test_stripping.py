"""Stripped copies, by example: the same pixels, and nothing that tells of person or place."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import piexif
import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo

from gallery.originals import Originals
from thumbnailer.assembly import assembled
from thumbnailer.darkroom import Darkroom
from thumbnailer.development import Developed, Recipe, Span
from thumbnailer.exif import Block
from thumbnailer.renditions import develop
from thumbnailer.settings import Settings
from thumbnailer.stripping import NotStripped, recipe

pillow_heif.register_heif_opener()

Draw = Callable[[int, int], Image.Image]
Save = Callable[..., Path]

SECRET = b"38 43 01 N 9 08 01 W"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"


def stripped(path: Path) -> bytes:
    """The stripped copy of a file; fails if there is none."""
    made = develop(path, Settings(), originals="stripped")
    assert made.recipe is not None, made.unstripped
    with path.open("rb") as file, assembled(made.recipe, file) as copy:
        data = copy.read()
    assert len(data) == made.recipe.size
    return data


def refusal(path: Path) -> str:
    """Why there is no stripped copy of a file that can be rendered."""
    made = develop(path, Settings(), originals="stripped")
    assert made.recipe is None
    return made.unstripped


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        frames = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            frames.append(image.convert("RGBA").tobytes())
        return b"".join(frames)


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def test_a_photo_as_a_telephone_writes_it(
    corners: Draw, save: Save, camera_exif: bytes, tmp_path: Path
) -> None:
    """Location, maker's note, preview, XMP, IPTC, comment, a second picture and a film behind."""
    plain = save(
        corners(96, 64), "a.jpg", "JPEG", exif=camera_exif, icc_profile=PROFILE, comment=SECRET
    )
    iptc = (
        b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", 12) + b"\x1c\x02\x5a\0\7Lisbon"
    )
    data = plain.read_bytes()
    told = (
        data[:2]
        + segment(0xE1, XMP)
        + segment(0xED, iptc)
        + segment(0xE2, b"MPF\0" + SECRET)
        + segment(0xEB, SECRET)
        + data[2:]
        + data  # a second picture, as of an MPO
        + b"\0\0\0\x18ftypmp42"
        + SECRET
    )
    path = tmp_path / "told.jpg"
    path.write_bytes(told)
    copy = stripped(path)
    assert pixels(copy) == pixels(data)
    for word in (SECRET, b"Lisbon", b"Nikon\0", b"MPF", b"ftyp", b"Photoshop", b"+02:00", b"Ver.1"):
        assert word not in copy, word
    found = piexif.load(copy)
    assert found["GPS"] == {}
    assert found["1st"] == {}
    assert found["thumbnail"] is None
    assert found["0th"][piexif.ImageIFD.Orientation] == 6
    assert found["0th"][piexif.ImageIFD.Model] == b"NIKON D3400"
    assert found["0th"][piexif.ImageIFD.Copyright] == b"Ada\0Editor"
    assert found["Exif"][piexif.ExifIFD.FNumber] == (18, 10)
    assert piexif.ExifIFD.MakerNote not in found["Exif"]
    with Image.open(io.BytesIO(copy)) as image:
        assert image.info["icc_profile"] == PROFILE
        assert "comment" not in image.info
        assert ImageOps.exif_transpose(image).size == (64, 96)


def test_who_owns_which_camera_is_not_told(corners: Draw, save: Save) -> None:
    """Names and serial numbers: 0xA430 to 0xA435, 0x013B, and the time zone."""
    block = piexif.dump(
        {
            "0th": {piexif.ImageIFD.Artist: b"Ada Example", piexif.ImageIFD.HostComputer: b"adas"},
            "Exif": {
                piexif.ExifIFD.CameraOwnerName: b"Ada Example",
                piexif.ExifIFD.BodySerialNumber: b"SN-4711",
                piexif.ExifIFD.LensSerialNumber: b"SN-0815",
                piexif.ExifIFD.ImageUniqueID: b"SN-ffff",
                piexif.ExifIFD.UserComment: b"ASCII\0\0\0Ada",
                piexif.ExifIFD.OffsetTimeOriginal: b"+09:00",
                piexif.ExifIFD.LensModel: b"35.0 mm f/1.8",
            },
        }
    )
    copy = stripped(save(corners(96, 64), "a.jpg", "JPEG", exif=block))
    for word in (b"Ada", b"adas", b"SN-", b"+09:00"):
        assert word not in copy
    assert b"35.0 mm f/1.8" in copy


@pytest.mark.parametrize("originals", ["stripped", "private"])
def test_renditions_and_record_are_as_discreet(
    corners: Draw, save: Save, camera_exif: bytes, originals: Originals
) -> None:
    """What visitors get in place of an original must not tell what that was kept back for."""
    block = piexif.load(camera_exif)
    block["0th"][piexif.ImageIFD.Artist] = b"Ada Example"
    block["Exif"][piexif.ExifIFD.BodySerialNumber] = b"SN-4711"
    del block["GPS"][piexif.GPSIFD.GPSLatitude], block["GPS"][piexif.GPSIFD.GPSLongitude]
    path = save(corners(900, 600), "a.jpg", "JPEG", exif=piexif.dump(block), comment=SECRET)
    plain = develop(path, Settings())
    made = develop(path, Settings(), originals=originals)
    assert b"SN-4711" in plain.images[-1].data  # a rendition keeps its EXIF
    assert plain.exif.more["Artist"] == "Ada Example"
    assert plain.taken is not None
    assert plain.taken.offset == "+02:00"
    for image in made.images:
        for word in (b"Ada Example", b"SN-", b"Nikon\0", b"+02:00", b"Ver.1", SECRET):
            assert word not in image.data
        assert b"NIKON D3400" in image.data
        assert piexif.load(image.data)["0th"][piexif.ImageIFD.Orientation] == 1
    assert "Artist" not in made.exif.more
    assert made.exif.line == plain.exif.line
    assert made.taken is not None
    assert (made.taken.local, made.taken.offset) == (plain.taken.local, None)


@pytest.mark.parametrize("keep", [True, False])
def test_a_location_that_is_to_be_kept_is_kept_there_too(
    corners: Draw, save: Save, camera_exif: bytes, keep: bool
) -> None:
    path = save(corners(900, 600), "a.jpg", "JPEG", exif=camera_exif)
    made = develop(path, Settings(keep_location=keep), originals="private")
    assert bool(piexif.load(made.images[-1].data)["GPS"]) is keep


@pytest.mark.parametrize(
    "options",
    [
        {"progressive": True},
        {"restart_marker_blocks": 1},
        {"quality": 95, "subsampling": 0},
        {"optimize": True, "dpi": (300, 300)},
    ],
    ids=["progressive", "restarts", "fine", "density"],
)
def test_every_kind_of_jpeg(noise: Draw, save: Save, options: dict[str, object]) -> None:
    path = save(noise(120, 80), "a.jpg", "JPEG", comment=SECRET, **options)
    copy = stripped(path)
    assert pixels(copy) == pixels(path.read_bytes())
    assert SECRET not in copy
    # Nothing that is compressed has moved but by what went before it.
    start = path.read_bytes().index(b"\xff\xda")
    assert copy.endswith(path.read_bytes()[start:])


def test_a_jpeg_in_cmyk_keeps_how_its_colours_are_stored(noise: Draw, save: Save) -> None:
    path = save(noise(60, 40).convert("CMYK"), "a.jpg", "JPEG", comment=SECRET)
    copy = stripped(path)
    assert b"Adobe" in copy
    assert pixels(copy) == pixels(path.read_bytes())


def test_previews_of_jfif_go(corners: Draw, save: Save, tmp_path: Path) -> None:
    data = save(corners(96, 64), "a.jpg", "JPEG").read_bytes()
    preview = bytes([10, 10]) + bytes(300)
    jfif = segment(0xE0, b"JFIF\0\1\1\1\0\x48\0\x48" + preview)
    path = tmp_path / "b.jpg"
    path.write_bytes(data[:2] + jfif + segment(0xE0, b"JFXX\0\x13" + SECRET) + data[20:])
    copy = stripped(path)
    assert copy[:20] == b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\1\0\x48\0\x48\0\0"
    assert SECRET not in copy
    assert pixels(copy) == pixels(data)


def test_a_png(corners: Draw, save: Save, camera_exif: bytes, tmp_path: Path) -> None:
    words = PngInfo()
    words.add_text("Location", SECRET.decode())
    words.add_itxt("XML:com.adobe.xmp", SECRET.decode(), zip=False)
    words.add_text("Comment", SECRET.decode() * 9, zip=True)
    image = corners(96, 64).convert("RGBA")
    image.putpixel((0, 0), (1, 2, 3, 4))
    path = save(
        image, "a.png", "PNG", exif=camera_exif, pnginfo=words, icc_profile=PROFILE, dpi=(300, 300)
    )
    late = path.read_bytes()[:-12] + chunk(b"tIME", b"\7\xe8\5\1\x0c\0\0") + chunk(b"IEND", b"")
    path.write_bytes(late + SECRET)
    copy = stripped(path)
    assert pixels(copy) == pixels(late)
    assert [kind for kind, _ in chunks(copy)] == [
        b"IHDR", b"eXIf", b"iCCP", b"pHYs", b"IDAT", b"IEND",
    ]  # fmt: skip
    assert SECRET not in copy
    with Image.open(io.BytesIO(copy)) as found:
        assert found.info["icc_profile"] == PROFILE
        assert found.getexif()[274] == 6
        assert not found.getexif().get_ifd(0x8825)


def test_a_png_with_a_palette_and_a_transparent_colour(tmp_path: Path) -> None:
    image = Image.new("P", (20, 20), 3)
    image.putpalette(bytes(range(256)) * 3)
    image.putpixel((5, 5), 7)
    image.save(tmp_path / "a.png", transparency=3, gamma=1.8)
    data = (tmp_path / "a.png").read_bytes()
    copy = stripped(tmp_path / "a.png")
    assert pixels(copy) == pixels(data)
    assert b"tRNS" in copy


def test_a_png_that_moves(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    path = tmp_path / "a.png"
    words = PngInfo()
    words.add_text("Location", SECRET.decode())
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, pnginfo=words)
    copy = stripped(path)
    assert pixels(copy) == pixels(path.read_bytes())
    assert SECRET not in copy


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        body = data[at + 4 : at + 8 + length]
        assert data[at + 8 + length :][:4] == struct.pack(">I", zlib.crc32(body))
        found.append((body[:4], body[4:]))
        at += 12 + length
    return found


@pytest.mark.parametrize("lossless", [True, False])
def test_a_webp(corners: Draw, save: Save, camera_exif: bytes, lossless: bool) -> None:
    path = save(
        corners(96, 64),
        "a.webp",
        "WEBP",
        lossless=lossless,
        exif=camera_exif,
        xmp=SECRET,
        icc_profile=PROFILE,
    )
    path.write_bytes(path.read_bytes() + SECRET)
    copy = stripped(path)
    assert pixels(copy) == pixels(path.read_bytes())
    assert SECRET not in copy
    assert b"XMP " not in copy
    assert copy[12:16] == b"VP8X"
    assert copy[20] & 0b1100 == 0b1000  # EXIF, and no XMP
    assert struct.unpack("<I", copy[4:8])[0] == len(copy) - 8
    with Image.open(io.BytesIO(copy)) as found:
        assert found.info["icc_profile"] == PROFILE
        assert found.getexif()[274] == 6
        assert not found.getexif().get_ifd(0x8825)


def test_a_webp_without_metadata_is_the_same_again(corners: Draw, save: Save) -> None:
    path = save(corners(96, 64), "a.webp", "WEBP", lossless=True)
    assert stripped(path) == path.read_bytes()


def test_an_animated_webp(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    path = tmp_path / "a.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, xmp=SECRET)
    copy = stripped(path)
    assert pixels(copy) == pixels(path.read_bytes())
    assert SECRET not in copy


def test_a_gif(tmp_path: Path) -> None:
    frames = [Image.new("P", (20, 20), number) for number in range(3)]
    path = tmp_path / "a.gif"
    frames[0].putpalette(bytes(range(256)) * 3)
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=100, loop=3, comment=SECRET
    )
    xmp = b"\x21\xff\x0bXMP DataXMP" + SECRET + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    data = path.read_bytes()
    at = data.index(b"\x21\xff\x0bNETSCAPE")
    path.write_bytes(data[:at] + xmp + data[at:] + SECRET)
    copy = stripped(path)
    assert pixels(copy) == pixels(data)
    assert SECRET not in copy
    assert b"XMP" not in copy
    with Image.open(io.BytesIO(copy)) as found:
        assert found.info["loop"] == 3


@pytest.mark.parametrize(
    ("name", "format_"), [("TIFF", "TIFF"), ("AVIF", "AVIF"), ("HEIC", "HEIF")]
)
def test_of_other_formats_the_largest_rendition_is_offered(
    corners: Draw, save: Save, name: str, format_: str
) -> None:
    reason = refusal(save(corners(96, 64), "a", format_))
    assert reason == (
        f"No stripped copy can be made of a {name} file: the largest rendition is offered in its "
        "place."
    )


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data[:-2], "cut off"),
        (lambda data: data[: len(data) * 3 // 4], "cut off"),
        (lambda data: data[:20] + b"\0\0" + data[20:], "between its parts"),
        (lambda data: data[:20] + segment(0x5C, b"x") + data[20:], "FF5C"),
        (lambda data: data[:-2] + b"\xff\xfe\xff\xff", "beyond its end"),
    ],
    ids=["no end", "half", "gap", "unknown", "too long"],
)
def test_a_damaged_jpeg_is_not_stripped(
    noise: Draw, save: Save, damage: Callable[[bytes], bytes], says: str
) -> None:
    data = damage(save(noise(96, 64), "a.jpg", "JPEG").read_bytes())
    with pytest.raises(NotStripped) as caught:
        recipe(io.BytesIO(data), len(data), "JPEG", Block(), 1)
    assert says in caught.value.reason
    assert caught.value.reason.endswith("the largest rendition is offered in its place.")


def test_a_photo_that_is_cut_off_is_rendered_all_the_same(noise: Draw, save: Save) -> None:
    path = save(noise(96, 64), "a.jpg", "JPEG")
    path.write_bytes(path.read_bytes()[:-2])
    assert "cut off" in refusal(path)


def test_too_many_pieces_are_refused(corners: Draw, save: Save) -> None:
    """A file of nothing but comments costs no time."""
    path = save(corners(96, 64), "a.png", "PNG")
    data = path.read_bytes()
    end = data.index(b"IDAT") - 4
    path.write_bytes(
        data[:end] + (chunk(b"tEXt", b"") + chunk(b"bKGD", b"\0" * 6)) * 11_000 + data[end:]
    )
    assert "too many pieces" in refusal(path)


def test_without_the_wish_nothing_is_stripped(corners: Draw, save: Save) -> None:
    made = develop(save(corners(96, 64), "a.jpg", "JPEG"), Settings())
    assert (made.recipe, made.unstripped) == (None, "")


def test_through_the_darkrooms_door(corners: Draw, save: Save, camera_exif: bytes) -> None:
    """The recipe comes back from the child; what is asked for may differ from photo to photo."""
    path = save(corners(96, 64), "a.jpg", "JPEG", exif=camera_exif)
    with Darkroom(Settings()) as darkroom:
        made = darkroom.develop(path, originals="stripped")
        plain = darkroom.develop(path)
    assert isinstance(made, Developed)
    assert isinstance(plain, Developed)
    assert plain.recipe is None
    assert made.recipe == develop(path, Settings(), originals="stripped").recipe


def test_a_copy_is_read_in_any_way(tmp_path: Path) -> None:
    """As an upload reads it: its size first, then from the beginning, perhaps twice."""
    original = io.BytesIO(b"0123456789")
    recipe = Recipe("jpg", (b"<", Span(2, 3), b"--", Span(8, 2), b">"))
    with assembled(recipe, original) as copy:
        assert copy.seek(0, io.SEEK_END) == recipe.size == 9
        for _ in range(2):
            copy.seek(0)
            assert copy.read() == b"<234--89>"
        for start in range(10):
            copy.seek(start)
            assert copy.read(3) == b"<234--89>"[start : start + 3]
    assert not original.closed
    with assembled(Recipe("jpg", (Span(8, 5),)), original) as torn, pytest.raises(EOFError):
        torn.read()
    with assembled(Recipe("jpg", ()), original) as nothing:
        assert nothing.read() == b""
