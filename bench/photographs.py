"""Photographs that nobody took: synthetic, deterministic, and as hard to compress as real ones.

``python -m bench.photographs FILE…`` writes each FILE; its name says what it is, for example
``24mp.jpg``, ``100mp-progressive.jpg``, ``100mp-progressive-444.jpg``, ``100mp-rgba.png``,
``100mp.webp``.  It is a process of its own so that a benchmark which measures the peak memory of
its children does not itself grow (they inherit the mark: Linux, ``fs/exec.c``).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Image.MAX_IMAGE_PIXELS = None

_OCTAVES = 9
_TAKEN = b"2024:05:01 12:00:00"


def photograph(width: int, height: int, seed: int = 7) -> Image.Image:
    """An RGB image with the spectrum of a photo: clouds of every size, and a sensor's noise.

    Natural images have amplitudes that fall with frequency; a factor of 0.62 an octave gives a
    JPEG of some 1.4 bits a pixel at quality 92, as cameras do.  Equal arguments, equal pixels.
    """
    random = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 128, np.float32)
    amplitude = 60.0
    for octave in range(_OCTAVES):
        columns = max(2, min(width, 3 * 2**octave))
        rows = max(2, min(height, columns * height // width + 1))
        grid = random.standard_normal((rows, columns, 3)).astype(np.float32)
        # Brightness varies more than hue does.
        grid = grid.mean(2, keepdims=True) * 1.445 + grid * 0.25
        for band in range(3):
            layer = Image.fromarray(grid[..., band]).resize(
                (width, height), Image.Resampling.BICUBIC
            )
            pixels[..., band] += np.asarray(layer) * np.float32(amplitude)
        amplitude *= 0.62
    pixels += random.standard_normal((height, width, 1)).astype(np.float32) * 3
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def hundred_megapixels() -> Image.Image:
    """12,248 × 8,166 pixels: a quarter of it, mirrored about both axes."""
    quarter = photograph(6124, 4083)
    whole = Image.new("RGB", (12_248, 8_166))
    mirrored = quarter.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for left, part in ((0, quarter), (6124, mirrored)):
        whole.paste(part, (left, 0))
        whole.paste(part.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (left, 4083))
    return whole


def exif() -> bytes:
    """A small EXIF block, as a camera writes it: turned by 90°, with a date."""
    block = Image.Exif()
    block[0x010F], block[0x0110], block[0x0112] = "NIKON CORPORATION", "NIKON D3400", 6
    block.get_ifd(0x8769)[0x9003] = _TAKEN.decode()
    return block.tobytes()


def write(path: Path) -> None:
    """Write the photograph that ``path``'s name describes."""
    match = re.match(r"(24|100)mp(-progressive)?(-444)?(-rgba)?\.(jpg|png|webp)", path.name)
    if match is None:
        raise SystemExit(f"{path.name}: name it like 24mp.jpg or 100mp-progressive.jpg")
    megapixels, progressive, full, alpha, kind = match.groups()
    image = photograph(6000, 4000) if megapixels == "24" else hundred_megapixels()
    if alpha:
        image.putalpha(200)
    formats: dict[str, dict[str, Any]] = {
        "jpg": {
            "quality": 92,
            "progressive": bool(progressive),
            "subsampling": 0 if full else 2,
            "exif": exif(),
        },
        "png": {"compress_level": 1},
        "webp": {"quality": 80, "method": 0},
    }
    image.save(path, **formats[kind])


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(Path(name))
