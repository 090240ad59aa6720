"""What a photo's three renditions cost: CPU beside libvips, and peak memory.

``python -m bench.renditions [--json] [--rounds N] [--photos N] [--sources DIR]``

CPU: the same copies of one 24-megapixel JPEG, rendered to 2048, 1200 and 600 pixels as
progressive JPEGs of quality 80, by ``thumbnailer render`` and by ``vipsthumbnail``; user and
system seconds of the whole tree of processes, start-up included, in one run and in turns, so
that a slower minute of the machine falls on all.  ``thumbnailer`` also reads and rewrites the
EXIF, and works out the record.

Memory: the peak resident size of the process that decodes, one photo a process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

EDGES: Final = (2048, 1200, 600)
_SAVE: Final = "[Q=80,interlace,optimize_coding]"
_LARGE: Final = (
    "100mp.jpg",
    "100mp-progressive.jpg",
    "100mp-progressive-444.jpg",
    "100mp.png",
    "100mp-rgba.png",
    "100mp.webp",
)

# This process must stay small: its children inherit its peak (see bench.photographs).


@dataclass(frozen=True)
class Cost:
    """CPU seconds (user and system) and peak resident MiB of a command and its children."""

    cpu: float
    peak: int
    output: bytes


def cost(command: list[str], env: dict[str, str] | None = None) -> Cost:
    """Run ``command``; exit status 1 is its own affair, others end the benchmark."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            raise SystemExit(f"{command[0]} ended with status {process.returncode}")
        out.seek(0)
        return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024, out.read())


def _render(files: list[Path], out: Path, *options: str) -> list[str]:
    return [
        sys.executable, "-m", "thumbnailer", "render", *map(str, files), "--out", str(out),
        "--jobs", "1", *options,
    ]  # fmt: skip


def _vips(files: list[Path], out: Path, edge: int) -> list[str]:
    return [
        "vipsthumbnail", *map(str, files), "--size", f"{edge}x{edge}",
        "--output", f"{out}/%s-{edge}.jpg{_SAVE}",
    ]  # fmt: skip


def cpu(photos: list[Path], scratch: Path, rounds: int) -> dict[str, float]:
    """Median CPU seconds a photo of each way to make the three renditions."""
    # One thread: more of them only add to the sum that is measured.
    env = {**os.environ, "VIPS_CONCURRENCY": "1"}
    ours, theirs = scratch / "ours", scratch / "vips"
    theirs.mkdir(exist_ok=True)
    large = [theirs / f"{photo.stem}-{EDGES[0]}.jpg" for photo in photos]
    ways: dict[str, tuple[int, list[list[str]]]] = {
        "thumbnailer render, all photos": (len(photos), [_render(photos, ours)]),
        "thumbnailer render, one photo": (1, [_render(photos[:1], ours)]),
    }
    if shutil.which("vipsthumbnail"):
        ways |= {
            "vipsthumbnail, a command a size, all photos": (
                len(photos),
                [_vips(photos, theirs, edge) for edge in EDGES],
            ),
            "vipsthumbnail, 1200 and 600 from the 2048, all photos": (
                len(photos),
                [
                    _vips(photos, theirs, EDGES[0]),
                    *(_vips(large, theirs, edge) for edge in EDGES[1:]),
                ],
            ),
            "vipsthumbnail, a command a size, one photo": (
                1,
                [_vips(photos[:1], theirs, edge) for edge in EDGES],
            ),
        }
    measured: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (count, commands) in ways.items():
            total = sum(cost(command, env).cpu for command in commands)
            measured[name].append(total / count)
    return {name: statistics.median(values) for name, values in measured.items()}


@dataclass(frozen=True)
class Peak:
    """One large photo: rendered or not, why not, and the peak of the process, MiB."""

    photo: str
    ok: bool
    peak: int
    reason: str | None


def peak(photo: Path, scratch: Path, *options: str) -> Peak:
    """The peak of rendering ``photo``."""
    spent = cost(_render([photo], scratch / "large", *options))
    line: dict[str, Any] = json.loads(spent.output)
    return Peak(photo.name, line["ok"], spent.peak, line["error"])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.renditions", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=5, help="rounds to take the median of")
    parser.add_argument("--photos", type=int, default=8, help="photos a command")
    parser.add_argument("--sources", type=Path, help="keep the synthetic sources in this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        scratch = Path(temporary)
        sources: Path = arguments.sources or scratch
        sources.mkdir(parents=True, exist_ok=True)
        missing = [sources / n for n in ("24mp.jpg", *_LARGE) if not (sources / n).exists()]
        for path in missing:
            subprocess.run([sys.executable, "-m", "bench.photographs", str(path)], check=True)
        photos = []
        for number in range(arguments.photos):
            photo = scratch / f"photo{number}.jpg"
            shutil.copyfile(sources / "24mp.jpg", photo)
            photos.append(photo)
        seconds = cpu(photos, scratch, arguments.rounds)
        peaks = [peak(sources / name, scratch) for name in _LARGE]
        # The same with room for all, to see what each format would take.
        roomy = [peak(sources / name, scratch, "--max-memory", "4G") for name in _LARGE]
    best = min((v for k, v in seconds.items() if k.startswith("vips")), default=None)
    ratio = None if best is None else seconds["thumbnailer render, all photos"] / best
    if arguments.json:
        result = {
            "cpu_seconds_a_photo": seconds,
            "ratio_to_best_vips": ratio,
            "peaks": [asdict(p) for p in peaks],
            "peaks_with_4_gib_allowed": [asdict(p) for p in roomy],
        }
        print(json.dumps(result, indent=2))
        return
    print("24-megapixel JPEG to 2048, 1200 and 600 px: CPU milliseconds a photo (median)")
    for name, value in seconds.items():
        print(f"  {name:<56}{value * 1000:8.0f}")
    if ratio is None:
        print("  vipsthumbnail is not installed (Debian: libvips-tools): nothing to compare with")
    else:
        print(f"  {'thumbnailer / best of vipsthumbnail, all photos':<56}{ratio:8.2f}")
    print("\n100-megapixel photos: peak resident MiB of one process")
    print(f"  {'':<28}{'default limits':>16}{'limit 4 GiB':>14}")
    for usual, free in zip(peaks, roomy, strict=True):
        shown = str(usual.peak) if usual.ok else "rejected"
        print(f"  {usual.photo:<28}{shown:>16}{free.peak if free.ok else 'rejected':>14}")
    for usual in peaks:
        if not usual.ok:
            print(f"  {usual.photo}: {usual.reason}")


if __name__ == "__main__":
    main()
