"""Whether WebP or AVIF renditions would earn their place: ``python -m bench.formats``.

Each photo is shrunk to the renditions' sizes.  The JPEG that the thumbnailer makes of it (quality
80, progressive) is compared with the shrunk photo by MS-SSIM, and then the quality is looked for at
which each other format is as near to it.  Told are, beside the JPEG: bytes and CPU seconds
of encoding, and of decoding, at that equal quality.  With ``--by butteraugli`` quality is what
that sees instead.

MS-SSIM is that of Wang, Simoncelli and Bovik ("Multi-scale structural similarity for image quality
assessment", 2003), of the brightness, here computed with numpy.  With the programme ``butteraugli``
(Debian has it) the formats are also compared by that, at the qualities found: it sees colours, too.

``--photos DIR``: photos to measure with; by default those in ``../shared/photos``, else drawn ones.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from bench.photographs import photograph
from safelight.home import checkout

EDGES: Final = (600, 1200, 2048)
QUALITY: Final = 80
_WEIGHTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_RADIUS, _SIGMA = 5, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

Measure = Literal["ms-ssim", "butteraugli"]
Plane = NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """A way to encode a rendition."""

    name: str
    format: str
    options: dict[str, Any]

    def encode(self, image: Image.Image, quality: int) -> bytes:
        out = io.BytesIO()
        image.save(out, self.format, quality=quality, **self.options)
        return out.getvalue()


JPEG: Final = Way("JPEG", "JPEG", {"optimize": True, "progressive": True})
OTHERS: Final = (
    Way("WebP, method 4", "WEBP", {"method": 4}),
    Way("AVIF, speed 8", "AVIF", {"speed": 8, "max_threads": 1}),
    Way("AVIF, speed 6", "AVIF", {"speed": 6, "max_threads": 1}),
)


@dataclass(frozen=True)
class Encoded:
    """One rendition, encoded: at which quality, how near, how large, and what it took."""

    way: str
    edge: int
    quality: int
    similarity: float
    bytes: int
    encode_s: float
    decode_s: float
    butteraugli: float | None = None


def ms_ssim(one: Image.Image, other: Image.Image) -> float:
    """How alike two images of one size are, 1 for the same: MS-SSIM of their brightness."""
    a, b = (np.asarray(each.convert("L"), np.float64) for each in (one, other))
    total = 1.0
    for place, weight in enumerate(_WEIGHTS):
        brightness, structure = _ssim(a, b)
        last = place == len(_WEIGHTS) - 1 or min(a.shape) < 4 * _RADIUS
        total *= float(np.maximum((brightness * structure if last else structure).mean(), 0)) ** (
            weight
        )
        if last:
            break
        a, b = _halved(a), _halved(b)
    return total


def _ssim(a: Plane, b: Plane) -> tuple[Plane, Plane]:
    mean_a, mean_b = _blurred(a), _blurred(b)
    var_a, var_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    both = _blurred(a * b) - mean_a * mean_b
    brightness = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    return brightness, (2 * both + _C2) / (var_a + var_b + _C2)


def _blurred(plane: Plane) -> Plane:
    """The plane under a Gaussian window of 11 × 11, its edges left out."""
    steps = np.arange(-_RADIUS, _RADIUS + 1)
    window = np.exp(-(steps**2) / (2 * _SIGMA**2))
    window /= window.sum()
    width = 2 * _RADIUS + 1
    rows = sum(
        weight * plane[at : plane.shape[0] - width + 1 + at] for at, weight in enumerate(window)
    )
    found: Plane = sum(
        weight * rows[:, at : plane.shape[1] - width + 1 + at] for at, weight in enumerate(window)
    )
    return found


def _halved(plane: Plane) -> Plane:
    even = plane[: plane.shape[0] // 2 * 2, : plane.shape[1] // 2 * 2]
    found: Plane = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    return found


def measured(way: Way, image: Image.Image, edge: int, quality: int) -> Encoded:
    """``image`` encoded at this quality."""
    # Pillow's buffer must hold all that libjpeg writes at a stroke.
    ImageFile.MAXBLOCK = max(65_536, image.width * image.height * 3)
    data, encode_s = _timed(lambda: way.encode(image, quality))
    decoded, decode_s = _timed(lambda: Image.open(io.BytesIO(data)).convert("RGB"))
    return Encoded(
        way.name,
        edge,
        quality,
        ms_ssim(image, decoded),
        len(data),
        encode_s,
        decode_s,
        butteraugli(image, decoded),
    )


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.process_time()
    done = work()
    return done, time.process_time() - begin


def equal(way: Way, image: Image.Image, edge: int, plain: Encoded, by: Measure) -> Encoded:
    """``image`` at the lowest quality at which it is as near to itself as ``plain`` is."""
    low, high = 1, 100
    while low < high:
        middle = (low + high) // 2
        data = way.encode(image, middle)
        if _as_near(image, Image.open(io.BytesIO(data)).convert("RGB"), plain, by):
            high = middle
        else:
            low = middle + 1
    return measured(way, image, edge, low)


def _as_near(image: Image.Image, decoded: Image.Image, plain: Encoded, by: Measure) -> bool:
    if by == "ms-ssim":
        return ms_ssim(image, decoded) >= plain.similarity
    distance = butteraugli(image, decoded)
    if distance is None or plain.butteraugli is None:
        raise SystemExit("bench.formats: butteraugli is not installed (Debian: butteraugli)")
    return distance <= plain.butteraugli


def butteraugli(one: Image.Image, other: Image.Image) -> float | None:
    """The distance of two images as Google's butteraugli sees it; ``None`` without it."""
    program = shutil.which("butteraugli")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.png" for name in "ab"]
        for path, image in zip(paths, (one, other), strict=True):
            image.save(path, compress_level=1)
        done = subprocess.run([program, *paths], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0])


def sources(folder: Path | None, count: int) -> list[Image.Image]:
    """So many photos, upright."""
    folder = folder or checkout().parent / "shared" / "photos"
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        return [photograph(2400, 1600, seed=seed) for seed in range(count)]
    # From all over the folder, not its first album alone.
    chosen = paths[:: max(1, len(paths) // count)][:count]
    return [ImageOps.exif_transpose(Image.open(path)).convert("RGB") for path in chosen]


def run(photos: list[Image.Image], by: Measure, edges: Iterable[int] = EDGES) -> list[Encoded]:
    """Every photo in every size and every way."""
    found: list[Encoded] = []
    for photo in photos:
        for edge in edges:
            if max(photo.size) < edge:
                continue
            image = photo.copy()
            image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
            plain = measured(JPEG, image, edge, QUALITY)
            found.append(plain)
            found += [equal(way, image, edge, plain, by) for way in OTHERS]
    return found


def table(found: list[Encoded]) -> str:
    """The medians as Markdown, each beside the JPEG's."""
    rows = [
        "| | size | quality | bytes | of JPEG's | encode ms | of JPEG's | decode ms "
        "| butteraugli |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for edge in EDGES:
        plain = [each for each in found if each.way == JPEG.name and each.edge == edge]
        for way in (JPEG, *OTHERS):
            these = [each for each in found if each.way == way.name and each.edge == edge]
            if not these:
                continue
            seen = [each.butteraugli for each in these if each.butteraugli is not None]
            cells = [
                way.name,
                f"{edge} px",
                f"{statistics.median(each.quality for each in these):.0f}",
                f"{statistics.mean(each.bytes for each in these):,.0f}",
                f"{_share(these, plain, 'bytes'):.2f}",
                f"{1000 * statistics.mean(each.encode_s for each in these):.0f}",
                f"{_share(these, plain, 'encode_s'):.1f}",
                f"{1000 * statistics.mean(each.decode_s for each in these):.0f}",
                f"{statistics.mean(seen):.1f}" if seen else "",
            ]
            rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _share(these: list[Encoded], plain: list[Encoded], what: str) -> float:
    ours, theirs = (sum(float(getattr(e, what)) for e in each) for each in (these, plain))
    return float(ours / max(1e-9, theirs))


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.formats",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--photos", type=Path, metavar="DIR", help="photos to measure with")
    parser.add_argument("--count", type=int, default=8, metavar="N", help="how many of them (8)")
    parser.add_argument("--by", choices=get_args(Measure), default="ms-ssim", help="what is equal")
    parser.add_argument("--edge", type=int, choices=EDGES, action="append", help="only this size")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    photos = sources(options.photos, options.count)
    found = run(photos, options.by, options.edge or EDGES)
    if options.json:
        print(json.dumps([asdict(each) for each in found], indent=1))
    else:
        print(f"{len(photos)} photos; as near ({options.by}) as a JPEG of quality {QUALITY}\n")
        print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
