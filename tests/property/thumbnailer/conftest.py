"""One small photo of every format, saved once, for the properties to mangle."""

from __future__ import annotations

import io

import numpy as np
import piexif
import pillow_heif
import pytest
from PIL import Image

pillow_heif.register_heif_opener()


@pytest.fixture(scope="session")
def picture() -> Image.Image:
    """96 × 64 pixels, no two corners alike, smooth enough to survive a JPEG."""
    y, x = np.mgrid[0:64, 0:96]
    pixels = np.stack([x * 255 // 96, y * 255 // 64, (x + y) * 255 // 160], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.fixture(scope="session")
def block() -> bytes:
    """An EXIF block with a location and every type of value."""
    return bytes(
        piexif.dump(
            {
                "0th": {271: b"NIKON CORPORATION", 272: b"NIKON D3400", 274: 6, 270: b"A lake"},
                "Exif": {
                    33434: (1, 60),
                    33437: (18, 10),
                    34855: 800,
                    36867: b"2024:05:01 12:00:00",
                    37380: (-1, 3),
                    37386: (35, 1),
                    37500: b"Nikon\0" + bytes(range(200)),
                    37510: b"ASCII\0\0\0By the lake",
                    41729: b"\1",
                },
                "GPS": {
                    1: b"N",
                    2: ((38, 1), (43, 1), (1, 1)),
                    3: b"W",
                    4: ((9, 1), (8, 1), (1, 1)),
                },
            }
        )
    )


@pytest.fixture(scope="session")
def photos(picture: Image.Image, block: bytes) -> dict[str, bytes]:
    """The picture in every format, as bytes."""
    ways: dict[str, tuple[str, dict[str, object]]] = {
        "jpeg": ("JPEG", {"exif": block, "quality": 90}),
        "progressive": ("JPEG", {"progressive": True, "exif": block}),
        "png": ("PNG", {"exif": block}),
        "webp": ("WEBP", {"exif": block}),
        "avif": ("AVIF", {"exif": block, "speed": 10}),
        "tiff": ("TIFF", {}),
        "lzw": ("TIFF", {"compression": "tiff_lzw"}),
        "gif": ("GIF", {}),
        "heif": ("HEIF", {"exif": block}),
    }
    made = {}
    for name, (format_, options) in ways.items():
        out = io.BytesIO()
        picture.save(out, format_, **options)
        made[name] = out.getvalue()
    return made
