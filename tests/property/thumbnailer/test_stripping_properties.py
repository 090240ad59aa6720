"""What holds for every stripped copy: the same pixels, the same colours, nothing private."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
from pathlib import Path
from unittest.mock import patch

import numpy as np
import piexif
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from safelight.home import checkout
from tests.property.thumbnailer.test_renditions_properties import mutated, mutations
from thumbnailer import exif
from thumbnailer.assembly import assembled
from thumbnailer.formats import sniff
from thumbnailer.stripping import NotStripped, recipe

law = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SECRET = b"\x00here it was taken\x00"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
STRIPPED = ["jpeg", "progressive", "png", "webp", "gif"]
PHOTOS = checkout().parent / "shared" / "photos"


def strip(data: bytes) -> bytes:
    """The stripped copy of a file; :class:`NotStripped` where there is none."""
    format_ = sniff(data[:4096])
    assert format_ is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            block = exif.read(image.info.get("exif", b""))
    turn = block.number(block.image.get(exif.ORIENTATION))
    orientation = int(turn) if turn is not None and turn in range(1, 9) else 1
    made = recipe(io.BytesIO(data), len(data), format_, block, orientation)
    with assembled(made, io.BytesIO(data)) as copy:
        found = copy.read()
    assert len(found) == made.size
    return found


def seen(data: bytes) -> tuple[bytes, object, int]:
    """A file as a person sees it: pixels, colour profile, the turn that brings it upright."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return image.convert("RGBA").tobytes(), image.info.get("icc_profile"), turn_of(image)


def turn_of(image: Image.Image) -> int:
    turn = image.getexif().get(274, 1)
    return turn if turn in range(1, 9) else 1


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


private = st.one_of(
    st.tuples(st.integers(0xE0, 0xEF), st.binary(max_size=40)).map(
        lambda given: segment(given[0], given[1] + SECRET)
    ),
    st.binary(max_size=200).map(lambda data: segment(0xFE, data + SECRET)),
    st.just(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET)),
    st.just(segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + SECRET * 100)),
    st.just(segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x13" + SECRET)),
    st.just(segment(0xE2, b"MPF\0" + SECRET)),
    st.just(segment(0xE0, b"JFXX\0\x13" + SECRET)),
)
"""Segments that hold something that a copy must not."""


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    """EXIF blocks with a location, a maker's note, a preview, names and serial numbers."""
    small = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(small, "JPEG", comment=SECRET)
    return bytes(
        piexif.dump(
            {
                "0th": {
                    271: draw(st.sampled_from([b"Canon", b"", b"NIKON CORPORATION"])),
                    274: draw(st.integers(0, 9)),
                    315: SECRET,
                    33432: b"Ada Example",
                },
                "Exif": {
                    33434: (1, draw(st.integers(1, 8000))),
                    36867: b"2024:05:01 12:00:00",
                    37500: draw(st.binary(max_size=2000)) + SECRET,
                    37510: b"ASCII\0\0\0" + SECRET,
                    42032: SECRET,
                    42033: SECRET,
                    42037: SECRET,
                },
                "GPS": {1: b"N", 2: ((38, 1), (43, 1), (1, 1)), 27: SECRET, 29: b"2024:05:01"},
                "1st": {259: 6},
                "thumbnail": small.getvalue(),
            }
        )
    )


@st.composite
def jpegs(draw: st.DrawFn) -> bytes:
    """JPEGs of every make, with private segments wherever such may stand."""
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    mode = draw(st.sampled_from(["RGB", "L", "CMYK"]))
    shape = (height, width, {"RGB": 3, "L": 1, "CMYK": 4}[mode])
    noise = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, shape, np.uint8)
    image = Image.fromarray(noise.squeeze(-1) if mode == "L" else noise, mode)
    options: dict[str, object] = {
        "quality": draw(st.integers(1, 95)),
        "progressive": draw(st.booleans()),
        "optimize": draw(st.booleans()),
        "restart_marker_blocks": draw(st.sampled_from([0, 1, 3])),
    }
    if mode == "RGB":
        options["subsampling"] = draw(st.sampled_from([0, 1, 2]))
    if draw(st.booleans()):
        options["icc_profile"] = PROFILE
    if draw(st.booleans()):
        options["exif"] = draw(blocks())
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    data = out.getvalue()
    for extra in draw(st.lists(private, max_size=5)):
        places = [2, *boundaries(data)]
        at = draw(st.sampled_from(places))
        fill = b"\xff" * draw(st.integers(0, 2))
        data = data[:at] + fill + extra + data[at:]
    return data + draw(st.sampled_from([b"", SECRET, data + SECRET, b"\0" * 30 + SECRET]))


def boundaries(data: bytes) -> list[int]:
    """Where the segments before the first scan end."""
    found: list[int] = []
    at = 2
    while True:
        while data[at + 1] == 0xFF:
            at += 1
        if data[at + 1] == 0xDA:
            return found
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append(at)


@law
@given(data=jpegs(), chunk=st.sampled_from([1, 2, 7, 1 << 20]))
def test_a_copy_looks_the_same_and_tells_nothing(data: bytes, chunk: int) -> None:
    with patch("thumbnailer.stripping._CHUNK", chunk):
        copy = strip(data)
    assert seen(copy) == seen(data)
    assert SECRET not in copy
    assert b"xap" not in copy
    found = piexif.load(copy)
    assert (found["GPS"], found["1st"], found["thumbnail"]) == ({}, {}, None)
    assert 37500 not in found["Exif"]
    assert len(copy) <= len(data) + 64  # a version that the standard asks for
    assert strip(copy) == copy


@pytest.mark.parametrize("name", STRIPPED)
@settings(law, max_examples=60)
@given(changes=mutations)
def test_a_mangled_file_gives_a_copy_or_a_reason(
    photos: dict[str, bytes], name: str, changes: list[tuple[str, float, int]]
) -> None:
    """Never anything else; and if both can be decoded, they show the same."""
    data = mutated(photos[name], changes, 0, len(photos[name]))
    format_ = sniff(data[:4096])
    assume(format_ is not None)
    assert format_ is not None
    try:
        made = recipe(io.BytesIO(data), len(data), format_, exif.Block(), 1)
    except NotStripped:
        return
    with assembled(made, io.BytesIO(data)) as file:
        copy = file.read()
    assert len(copy) == made.size
    assert sniff(copy[:4096]) == format_
    try:
        shown = seen(data)[0]
    except Exception:  # noqa: BLE001 - decoders raise anything
        return
    assert seen(copy)[0] == shown


@law
@given(data=st.binary(max_size=400), name=st.sampled_from(STRIPPED))
def test_noise_behind_a_beginning_gives_a_copy_or_a_reason(
    photos: dict[str, bytes], data: bytes, name: str
) -> None:
    whole = photos[name][:16] + data
    format_ = sniff(whole)
    assert format_ is not None
    with contextlib.suppress(NotStripped):
        recipe(io.BytesIO(whole), len(whole), format_, exif.Block(), 1)


@law
@given(block=blocks(), orientation=st.integers(1, 8))
def test_the_copys_exif_of_itself_is_itself(block: bytes, orientation: int) -> None:
    once = exif.for_copy(exif.read(block), orientation)
    assert once.startswith(b"Exif\0\0")
    assert exif.for_copy(exif.read(once), orientation) == once
    assert SECRET not in once
    loaded = piexif.load(once)
    assert loaded["0th"].get(274, 1) == orientation


@pytest.mark.parametrize(
    "path",
    sorted(path for path in PHOTOS.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png")),
    ids=lambda path: path.name,
)
def test_real_photos(path: Path) -> None:
    """Where the archive's photos are: as cameras, telephones and scanners write them."""
    data = path.read_bytes()
    copy = strip(data)
    assert seen(copy) == seen(data)
    with Image.open(io.BytesIO(copy)) as image:
        tags = image.getexif()
        assert not tags.get_ifd(0x8825)
        assert 0x927C not in tags.get_ifd(0x8769)
        upright = ImageOps.exif_transpose(image).size
    with Image.open(io.BytesIO(data)) as image:
        assert upright == ImageOps.exif_transpose(image).size
        note = image.getexif().get_ifd(0x8769).get(0x927C)
    if isinstance(note, bytes) and len(note) > 64:
        assert note[:64] not in copy
    assert copy.count(b"\xff\xd8\xff") == 1  # no second picture within
    assert strip(copy) == copy
