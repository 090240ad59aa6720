"""Colours: from whatever a photo was made in to sRGB, which is what a JPEG without a profile is.

The conversions work on images that are already small: an order of magnitude cheaper, and
nobody sees a difference.
"""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageCms

Point = tuple[float, float]

WHITE_D65: Final[Point] = (0.3127, 0.3290)
ADOBE_RGB: Final[tuple[Point, Point, Point]] = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
"""Adobe RGB (1998), section 4.3.1: the primaries' chromaticities; its gamma is 563/256."""
ADOBE_GAMMA: Final = 563 / 256
DISPLAY_P3: Final[tuple[Point, Point, Point]] = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
"""SMPTE EG 432-1; with D65 and sRGB's curve it is Apple's Display P3."""
BT_2020: Final[tuple[Point, Point, Point]] = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
"""Rec. ITU-R BT.2020-2, table 3."""

# What Pillow (littlecms) raises for a profile that is broken or does not fit the image.
_UNFIT = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """``image`` in sRGB, mode ``RGB`` or, if it was that, ``L``.

    ``profile`` is the ICC profile its colours are in, or ``None``.  A profile that is broken,
    or made for another kind of image, is dropped: the colours are then taken for sRGB (CMYK
    for plain inks), which is what a viewer without colour management shows.
    """
    mode = "L" if image.mode == "L" else "RGB"
    if image.mode == "LAB":
        return _from_lab(image)
    if profile:
        transform = _transform(profile, image.mode)
        if transform is not None:
            try:
                converted = transform.apply(image)
            except _UNFIT:
                pass  # dropped, as described
            else:
                return converted if converted.mode == mode else converted.convert(mode)
    return image if image.mode == mode else image.convert(mode)


@functools.lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The conversion from ``profile`` to sRGB; ``None`` where none is needed or possible."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if mode == "RGB" and _is_srgb(source):
            return None
        return ImageCms.buildTransform(
            source,
            _srgb(),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            # As Photoshop and browsers do: shadows of inks stay shadows.
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except _UNFIT:
        return None


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile calls itself sRGB: converting to itself would only cost time."""
    try:
        name = ImageCms.getProfileDescription(profile)
    except _UNFIT:
        return False
    return name.strip().lower().startswith("srgb")


@functools.lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _from_lab(image: Image.Image) -> Image.Image:
    try:
        lab = ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(image, lab, _srgb(), outputMode="RGB")
    except _UNFIT:
        converted = None
    # The lightness alone is a photo too.
    return converted if converted is not None else image.getchannel(0).convert("RGB")


def matrix_profile(
    name: str, primaries: Sequence[Point], gamma: float | None, white: Point = WHITE_D65
) -> bytes:
    """An ICC profile (version 2, matrix and curves) of an RGB space.

    ``primaries`` are the chromaticities of red, green and blue, ``gamma`` the exponent of its
    curve, ``None`` for sRGB's.  For photos that name their space but bring no profile.
    """
    columns = _adapted_columns(primaries, white)
    curve = _curve(gamma)
    text = name.encode("ascii")
    description = (
        b"desc\0\0\0\0"
        + struct.pack(">I", len(text) + 1)
        + text
        + b"\0"
        + struct.pack(">II", 0, 0)
        + b"\0\0\0"
        + bytes(67)
    )
    tags = {
        b"desc": description,
        b"cprt": b"text\0\0\0\0public domain\0",
        b"wtpt": _xyz((0.9642, 1.0, 0.8249)),
        b"rXYZ": _xyz(columns[0]),
        b"gXYZ": _xyz(columns[1]),
        b"bXYZ": _xyz(columns[2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table = struct.pack(">I", len(tags))
    body = b""
    start = 128 + 4 + 12 * len(tags)
    for signature, data in tags.items():
        table += struct.pack(">4sII", signature, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s4sI4s4sQI12s48s",
        start + len(body), b"\0\0\0\0", 0x02400000, b"mntr", b"RGB ", b"XYZ ",
        struct.pack(">6H", 2020, 1, 1, 0, 0, 0), b"acsp", b"\0\0\0\0", 0, b"\0\0\0\0",
        b"\0\0\0\0", 0, 0, _xyz((0.9642, 1.0, 0.8249))[8:], bytes(48),
    )  # fmt: skip
    return head[:128] + table + body


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    # IEC 61966-2-1, section 5.2, in 1,024 steps.
    values = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
        for v in (i / 1023 for i in range(1024))
    ]
    points = struct.pack(">1024H", *(round(v * 65535) for v in values))
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + points


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def _adapted_columns(primaries: Sequence[Point], white: Point) -> list[list[float]]:
    """XYZ of the primaries under D50, by the Bradford transform (ICC.1:2022, annex E)."""
    primary = [[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]
    white_xyz = [white[0] / white[1], 1.0, (1 - white[0] - white[1]) / white[1]]
    scale = _solve([[primary[c][r] for c in range(3)] for r in range(3)], white_xyz)
    bradford = [
        [0.8951, 0.2664, -0.1614],
        [-0.7502, 1.7135, 0.0367],
        [0.0389, -0.0685, 1.0296],
    ]
    cone_white = _apply(bradford, white_xyz)
    cone_d50 = _apply(bradford, [0.9642, 1.0, 0.8249])
    adapted = []
    for column, factor in zip(primary, scale, strict=True):
        cone = _apply(bradford, [v * factor for v in column])
        moved = [c * d / w for c, d, w in zip(cone, cone_d50, cone_white, strict=True)]
        adapted.append(_solve(bradford, moved))
    return adapted


def _apply(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def _solve(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    """x with ``matrix`` · x = ``vector``, by Cramer's rule."""

    def determinant(m: Sequence[Sequence[float]]) -> float:
        (a, b, c), (d, e, f), (g, h, i) = m
        return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)

    whole = determinant(matrix)
    return [
        determinant([[*row[:n], v, *row[n + 1 :]] for row, v in zip(matrix, vector, strict=True)])
        / whole
        for n in range(3)
    ]


@functools.lru_cache(maxsize=1)
def adobe_rgb() -> bytes:
    """A profile of Adobe RGB, for photos that only their EXIF says are in it."""
    return matrix_profile("Adobe RGB compatible", ADOBE_RGB, ADOBE_GAMMA)


@functools.lru_cache(maxsize=4)
def coded_primaries(code: int) -> bytes | None:
    """A profile for a colour-primaries code point of ITU-T H.273, table 2 (as HEIF's ``nclx``
    has them): 12 is Display P3, 9 BT.2020.  ``None`` for sRGB's, and for the others, which no
    photo has."""
    if code == 12:
        return matrix_profile("Display P3", DISPLAY_P3, None)
    if code == 9:
        return matrix_profile("BT.2020", BT_2020, None)
    return None
