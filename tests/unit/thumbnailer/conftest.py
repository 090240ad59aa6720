"""Photos to render, drawn here: a picture whose four corners tell which way up it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import piexif
import pytest
from PIL import Image

from thumbnailer.development import Developed, Rejected
from thumbnailer.renditions import develop
from thumbnailer.settings import Settings

RED, GREEN, BLUE, YELLOW = (200, 30, 30), (30, 160, 40), (40, 50, 200), (220, 210, 40)


@pytest.fixture
def corners() -> Callable[[int, int], Image.Image]:
    """An image with red, green, blue and yellow quarters (left to right, top to bottom)."""

    def draw(width: int, height: int) -> Image.Image:
        image = Image.new("RGB", (width, height), RED)
        middle = (width // 2, height // 2)
        image.paste(GREEN, (middle[0], 0, width, middle[1]))
        image.paste(BLUE, (0, middle[1], middle[0], height))
        image.paste(YELLOW, (*middle, width, height))
        return image

    return draw


@pytest.fixture
def noise() -> Callable[[int, int], Image.Image]:
    """An image of noise, the same every time: what a JPEG can least compress."""

    def draw(width: int, height: int) -> Image.Image:
        pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
        return Image.fromarray(pixels)

    return draw


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Save an image under a name; the extension may lie about the format."""

    def write(image: Image.Image, name: str, format_: str, **options: Any) -> Path:
        path = tmp_path / name
        image.save(path, format_, **options)
        return path

    return write


@pytest.fixture
def rejection() -> Callable[[Path], str]:
    """The reason for which a file is rejected; fails if it is not."""

    def reason(path: Path, settings: Settings | None = None) -> str:
        with pytest.raises(Rejected) as caught:
            develop(path, settings or Settings())
        return caught.value.reason

    return reason


@pytest.fixture
def opened() -> Callable[[Developed], list[Image.Image]]:
    """The renditions, decoded again."""

    def decode(developed: Developed) -> list[Image.Image]:
        images: list[Image.Image] = []
        for image in developed.images:
            decoded = Image.open(io.BytesIO(image.data))
            decoded.load()
            assert decoded.size == (image.width, image.height)
            images.append(decoded)
        return images

    return decode


@pytest.fixture
def camera_exif() -> bytes:
    """An EXIF block as a camera and its GPS write it, with a preview and a maker's note."""
    preview = io.BytesIO()
    Image.new("RGB", (160, 120), BLUE).save(preview, "JPEG")
    return bytes(
        piexif.dump(
            {
                "0th": {
                    piexif.ImageIFD.Make: b"NIKON CORPORATION",
                    piexif.ImageIFD.Model: b"NIKON D3400",
                    piexif.ImageIFD.Orientation: 6,
                    piexif.ImageIFD.Software: b"Ver.1.10",
                    piexif.ImageIFD.DateTime: b"2024:05:02 09:00:00",
                    piexif.ImageIFD.Copyright: b"Ada\0Editor",
                },
                "Exif": {
                    piexif.ExifIFD.ExposureTime: (10, 600),
                    piexif.ExifIFD.FNumber: (18, 10),
                    piexif.ExifIFD.ISOSpeedRatings: 800,
                    piexif.ExifIFD.FocalLength: (350, 10),
                    piexif.ExifIFD.DateTimeOriginal: b"2024:05:01 12:00:00",
                    piexif.ExifIFD.OffsetTimeOriginal: b"+02:00",
                    piexif.ExifIFD.LensModel: b"35.0 mm f/1.8",
                    piexif.ExifIFD.MakerNote: b"Nikon\0" + bytes(range(256)) * 4,
                    piexif.ExifIFD.PixelXDimension: 6000,
                    piexif.ExifIFD.PixelYDimension: 4000,
                },
                "GPS": {
                    piexif.GPSIFD.GPSLatitudeRef: b"N",
                    piexif.GPSIFD.GPSLatitude: ((38, 1), (43, 1), (1, 1)),
                    piexif.GPSIFD.GPSLongitudeRef: b"W",
                    piexif.GPSIFD.GPSLongitude: ((9, 1), (8, 1), (1, 1)),
                },
                "1st": {piexif.ImageIFD.Compression: 6},
                "thumbnail": preview.getvalue(),
            }
        )
    )
