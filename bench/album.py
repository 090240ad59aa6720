"""Albums of synthetic photographs, to be made a gallery of: the same ones every time.

``python -m bench.album FOLDER --photos N --megapixels M``.  A few photographs are drawn
(:mod:`bench.photographs`) and each is written many times, with an EXIF block of its own in front
of the same pixels: nobody who makes thumbnails can tell, and drawing takes longer than all else.
A process of its own, so that what measures its children does not itself grow.
"""

from __future__ import annotations

import argparse
import io
import struct
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from PIL import Image

from bench.photographs import photograph

DRAWN: Final = 6
_SHAPES: Final = (4 / 3, 3 / 2, 3 / 4, 16 / 9, 1.0, 2 / 3)
_BEGIN: Final = datetime(2024, 5, 1, 9, 0)


def _size(megapixels: float, ratio: float) -> tuple[int, int]:
    width = round((megapixels * 1e6 * ratio) ** 0.5)
    return width, round(width / ratio)


def draw(megapixels: float) -> list[bytes]:
    """The photographs without metadata, as JPEGs of quality 92."""
    found = []
    for seed in range(DRAWN):
        out = io.BytesIO()
        size = _size(megapixels, _SHAPES[seed % len(_SHAPES)])
        photograph(*size, seed=seed).save(out, "JPEG", quality=92)
        found.append(out.getvalue())
    return found


def told(pixels: bytes, number: int) -> bytes:
    """A photograph with the EXIF block of its own that a camera would write."""
    block = Image.Exif()
    block[0x010F], block[0x0110], block[0x0112] = "NIKON CORPORATION", "NIKON D3400", 1
    moment = _BEGIN + timedelta(minutes=7 * number)
    photo = block.get_ifd(0x8769)
    photo[0x9003] = moment.strftime("%Y:%m:%d %H:%M:%S")
    photo[0x829A], photo[0x829D], photo[0x8827], photo[0x920A] = 1 / 60, 1.8, 800, 35.0
    data = block.tobytes()
    return pixels[:2] + b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data + pixels[2:]


def write(folder: Path, count: int, megapixels: float, first: int = 0) -> None:
    """Write ``count`` photos, the first of them number ``first``; those there are, are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"DSC_{first + number:04d}.jpg" for number in range(count)]
    if all(path.exists() for path in paths):
        return
    drawn = draw(megapixels)
    for number, path in enumerate(paths, first):
        path.write_bytes(told(drawn[number % len(drawn)], number))


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.album", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, required=True)
    parser.add_argument("--megapixels", type=float, required=True)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    write(options.folder, options.photos, options.megapixels, options.first)
    return 0


if __name__ == "__main__":
    sys.exit(main())
