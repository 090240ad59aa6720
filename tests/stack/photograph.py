"""Photos for the tests: small, different, and with the EXIF a camera would write."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import piexif
from PIL import Image

CAMERA = "NIKON D3400"


def photograph(
    width: int = 900,
    height: int = 600,
    *,
    seed: int = 0,
    orientation: int = 1,
    located: bool = False,
    image_format: str = "JPEG",
    quality: int = 85,
    grain: float = 12.0,
) -> bytes:
    """A photo's file.  Its left half is red and its right half blue, as the pixels lie."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3), dtype=np.float32)
    pixels[:, : width // 2] = (210, 40, 30 + seed % 100)
    pixels[:, width // 2 :] = (30, 40 + seed % 100, 210)
    pixels += random.normal(0, grain, (height, width, 1))
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    out = io.BytesIO()
    exif = _exif(orientation=orientation, located=located)
    image.save(out, image_format, quality=quality, exif=exif)
    return out.getvalue()


def _exif(*, orientation: int, located: bool) -> bytes:
    place: dict[int, Any] = {}
    if located:
        place = {
            piexif.GPSIFD.GPSLatitudeRef: "N",
            piexif.GPSIFD.GPSLatitude: ((38, 1), (42, 1), (4032, 100)),
            piexif.GPSIFD.GPSLongitudeRef: "W",
            piexif.GPSIFD.GPSLongitude: ((9, 1), (7, 1), (4800, 100)),
        }
    dumped: bytes = piexif.dump(
        {
            "0th": {
                piexif.ImageIFD.Make: "NIKON CORPORATION",
                piexif.ImageIFD.Model: CAMERA,
                piexif.ImageIFD.Orientation: orientation,
            },
            "Exif": {
                piexif.ExifIFD.DateTimeOriginal: "2024:05:01 10:12:31",
                piexif.ExifIFD.FNumber: (18, 10),
                piexif.ExifIFD.ExposureTime: (1, 60),
                piexif.ExifIFD.ISOSpeedRatings: 800,
                piexif.ExifIFD.FocalLength: (35, 1),
            },
            "GPS": place,
        }
    )
    return dumped
