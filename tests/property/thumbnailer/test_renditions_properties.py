"""What holds for every file: a rendition or a reason, upright, without its location."""

from __future__ import annotations

import io
import tempfile
import warnings
from pathlib import Path

import numpy as np
import piexif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from thumbnailer.development import Developed, Rejected
from thumbnailer.formats import sniff, unsupported
from thumbnailer.renditions import develop, rendition_sizes
from thumbnailer.settings import Settings

# The session's fixtures are constants, and files take their time.
law = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FORMATS = ["jpeg", "progressive", "png", "webp", "avif", "tiff", "lzw", "gif", "heif"]


def developed(data: bytes, using: Settings | None = None) -> Developed | str:
    """What becomes of a file with these bytes, or the reason why nothing does."""
    with tempfile.NamedTemporaryFile() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.write(data)
        file.flush()
        try:
            return develop(Path(file.name), using or Settings(max_pixels=4_000_000))
        except Rejected as rejected:
            return rejected.reason


def check(made: Developed | str) -> None:
    """Renditions that every reader can read, or a sentence."""
    if isinstance(made, str):
        assert made.endswith(".")
        assert "\n" not in made
        return
    widths = [image.width for image in made.images]
    assert widths == sorted(set(widths))
    assert len(made.placeholder) == 6
    for image in made.images:
        with Image.open(io.BytesIO(image.data)) as decoded:
            decoded.load()
            assert decoded.size == (image.width, image.height)
            block = decoded.info.get("exif")
        if block:
            loaded = piexif.load(block)
            piexif.dump(loaded)
            assert loaded["0th"][274] == 1
            assert loaded["GPS"] == {}
            assert loaded["Exif"][40962] == image.width
    shown = [made.exif.line, made.title or "", made.exif.lens or "", *made.exif.more.values()]
    assert all(c.isprintable() for text in shown for c in text)
    assert not {"nan", "inf"} & set(" ".join(shown).lower().split())


mutations = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "cut", "drop", "insert", "zero"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=12,
)


def mutated(data: bytes, changes: list[tuple[str, float, int]], first: int, last: int) -> bytes:
    """``data`` with each change made somewhere between ``first`` and ``last``."""
    out = bytearray(data)
    for change, share, value in changes:
        at = min(first + int((last - first) * share), len(out) - 1)
        if at < 0:
            break
        if change == "flip":
            out[at] ^= 1 << value % 8
        elif change == "set":
            out[at] = value
        elif change == "cut" and value > 200:
            del out[at:]
        elif change == "drop":
            del out[at : at + value % 20]
        elif change == "insert":
            out[at:at] = bytes([value]) * (value % 20)
        else:
            out[at : at + value % 9] = bytes(len(out[at : at + value % 9]))
    return bytes(out)


@pytest.mark.parametrize("name", FORMATS)
@settings(law, max_examples=100)
@given(changes=mutations)
def test_a_mangled_file_gives_renditions_or_a_reason(
    photos: dict[str, bytes], name: str, changes: list[tuple[str, float, int]]
) -> None:
    check(developed(mutated(photos[name], changes, 0, len(photos[name]))))


@law
@given(data=st.binary(max_size=400))
def test_any_bytes_give_a_reason(data: bytes) -> None:
    made = developed(data)
    check(made)
    assert (sniff(data) is None) == (unsupported(data) is not None)


@law
@given(changes=mutations)
def test_a_mangled_exif_block_never_costs_the_photo(
    photos: dict[str, bytes], changes: list[tuple[str, float, int]]
) -> None:
    """The segment keeps its length, as a block does that a program wrote wrongly."""
    data = photos["jpeg"]
    at = data.index(b"Exif\0\0") + 6
    size = int.from_bytes(data[at - 8 : at - 6], "big") - 8
    inside = mutated(data[at : at + size], changes, 0, size)[:size].ljust(size, b"\0")
    made = developed(data[:at] + inside + data[at + size :])
    assert isinstance(made, Developed)
    assert made.source_width * made.source_height == 96 * 64
    check(made)


@law
@given(noise=st.binary(max_size=600))
def test_no_exif_block_at_all_costs_the_photo(picture: Image.Image, noise: bytes) -> None:
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=b"Exif\0\0" + noise)
    made = developed(out.getvalue())
    assert isinstance(made, Developed)
    check(made)


ORIENTED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@settings(law, max_examples=60)
@given(
    orientation=st.integers(0, 70_000),
    width=st.integers(80, 900),
    height=st.integers(80, 900),
    edge=st.integers(80, 700),
)
def test_renditions_look_like_the_photo_turned_upright(
    picture: Image.Image, orientation: int, width: int, height: int, edge: int
) -> None:
    block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0" + orientation.to_bytes(4, "little")
    source = picture.resize((width, height), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    source.save(out, "JPEG", exif=b"Exif\0\0" + block + bytes(4), quality=95)
    made = developed(out.getvalue(), Settings(edges=(edge,), quality=95))
    assert isinstance(made, Developed)
    turn = ORIENTED.get(orientation)
    upright = source if turn is None else source.transpose(turn)
    assert (made.source_width, made.source_height) == upright.size
    (image,) = made.images
    assert ((image.width, image.height),) == rendition_sizes(upright.size, (edge,))
    with Image.open(io.BytesIO(image.data)) as decoded:
        got = np.asarray(decoded.convert("RGB"), np.int16)
    expected = np.asarray(upright.resize((image.width, image.height)), np.int16)
    assert np.abs(got - expected).mean() < 6
    assert ImageOps.exif_transpose(Image.open(io.BytesIO(image.data))).size == decoded.size


@settings(law, max_examples=60)
@given(
    degrees=st.tuples(*[st.integers(0, 2**32 - 1)] * 3),
    order=st.sampled_from("<>"),
    name=st.sampled_from(["jpeg", "png", "webp"]),
)
def test_a_location_never_survives(
    picture: Image.Image, degrees: tuple[int, int, int], order: str, name: str
) -> None:
    import struct

    point = b"".join(struct.pack(order + "II", value, 7_654_321) for value in degrees)
    directory = struct.pack(order + "HHHII", 1, 2, 5, 3, 44) + bytes(4)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, 1)
    block = head + struct.pack(order + "HHII", 0x8825, 4, 1, 26) + bytes(4) + directory + point
    out = io.BytesIO()
    picture.save(out, name.upper(), exif=b"Exif\0\0" + block)
    made = developed(out.getvalue())
    assert isinstance(made, Developed)
    assert made.has_location
    mark = struct.pack(order + "I", 7_654_321)
    assert mark in out.getvalue()
    assert all(mark not in image.data for image in made.images)


@settings(law, max_examples=20)
@given(name=st.sampled_from(FORMATS), edge=st.integers(16, 96), quality=st.integers(1, 95))
def test_equal_files_and_settings_give_equal_bytes(
    photos: dict[str, bytes], name: str, edge: int, quality: int
) -> None:
    using = Settings(edges=(edge,), quality=quality)
    first, second = developed(photos[name], using), developed(photos[name], using)
    assert isinstance(first, Developed)
    assert first == second


@given(
    width=st.integers(1, 70_000),
    height=st.integers(1, 70_000),
    edges=st.lists(st.integers(16, 16_384), min_size=1, max_size=8).map(
        lambda e: tuple(sorted(set(e)))
    ),
)
def test_sizes_fit_the_edges_and_the_photo(width: int, height: int, edges: tuple[int, ...]) -> None:
    sizes = rendition_sizes((width, height), edges)
    assert sizes
    assert [w for w, _ in sizes] == sorted({w for w, _ in sizes})
    for w, h in sizes:
        assert 1 <= w <= width
        assert 1 <= h <= height
        assert max(w, h) in edges or (w, h) == (width, height)
        # The shape is the photo's, to the pixel that rounding takes.
        assert abs(w * height - h * width) <= max(width, height)
    largest = max(max(size) for size in sizes)
    assert largest == min(max(width, height), edges[-1])
