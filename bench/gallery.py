"""What building the gallery costs: ``python -m bench.gallery [--records N]``.

Writes a synthetic catalog of N records, then has ``sitegen build`` make the site of it as a
person would: for the first time, again with nothing changed, and with one photo added.
Each build is a process of its own; wall and CPU seconds and peak memory are the system's account
of it.  Then the sizes of the home page and of an album page of 200 photos.

``--catalog-only DIR`` only writes the catalog.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import catalog
from gallery import keys
from gallery.record import encode


@dataclass(frozen=True)
class Cost:
    """What one build took, and what it said."""

    what: str
    wall_s: float
    cpu_s: float
    peak_mb: float
    said: str


@dataclass(frozen=True)
class Size:
    """A document's bytes, as they are and as a web server sends them."""

    what: str
    raw: int
    gzipped: int


def build(what: str, source: Path, out: Path) -> Cost:
    """Runs ``sitegen build`` and takes its account."""
    said_path = out.with_name("said.txt")
    command = [sys.executable, "-m", "sitegen", "build"]
    command += ["--catalog", str(source), "--out", str(out)]
    begin = time.perf_counter()
    with said_path.open("wb") as said:
        pid = os.posix_spawn(
            sys.executable,
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, said.fileno(), 1)],
        )
        _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begin
    if status:
        raise SystemExit(f"bench.gallery: sitegen build failed ({what})")
    line = said_path.read_text("utf-8").strip().removeprefix(f"{out}: ")
    # Linux counts the peak in KiB.
    return Cost(what, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, line)


def add_photo(source: Path) -> None:
    """Adds one photo to the catalog's first album."""
    first = next(catalog.records(1))
    album = first.key.rpartition("/")[0]
    key = f"{album}/DSC_9999.JPG"
    record = catalog.photo(key, 1, datetime(2011, 2, 1, tzinfo=UTC), random.Random(1))
    path = source / keys.record(key)[len(keys.CATALOG) :]
    path.write_bytes(encode(record))


def sizes(out: Path, slug: str) -> list[Size]:
    """The sizes of the home page, the page of the album ``slug``, and the assets."""
    found = [
        ("home page", out / "index.html"),
        ("album page, 200 photos", out / keys.album_page(slug)),
    ]
    found += [(path.suffix[1:], path) for path in sorted((out / "assets").iterdir())]
    bodies = [(what, path.read_bytes()) for what, path in found]
    return [Size(what, len(body), len(gzip.compress(body, 6))) for what, body in bodies]


def run(records: int) -> tuple[list[Cost], list[Size]]:
    """The three builds of a catalog of so many photos, and the sizes of the first."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "catalog", Path(folder) / "site"
        catalog.write(source, records)
        slug = keys.album_of_record(keys.record(next(catalog.records(1)).key))
        costs = [build("first build", source, out)]
        measured = sizes(out, slug)
        costs.append(build("unchanged", source, out))
        add_photo(source)
        costs.append(build("one photo added", source, out))
    return costs, measured


def main() -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.gallery", description=__doc__)
    parser.add_argument("--records", type=int, default=1000, metavar="N", help="photos (1000)")
    parser.add_argument("--catalog-only", type=Path, metavar="DIR", help="only write the catalog")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if options.records < 0:
        parser.error("--records: cannot be negative")
    if options.catalog_only:
        files = catalog.write(options.catalog_only, options.records)
        print(f"{options.catalog_only}: {options.records} photos, {files} records")
        return 0
    if options.records < 1:
        parser.error("--records: there is nothing to measure")
    costs, measured = run(options.records)
    if options.json:
        content = {
            "records": options.records,
            "builds": [asdict(cost) for cost in costs],
            "sizes": [asdict(size) for size in measured],
        }
        print(json.dumps(content, indent=1))
        return 0
    print(f"{options.records} photos\n")
    print(f"{'build':<24}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}")
    for cost in costs:
        print(
            f"{cost.what:<24}{cost.wall_s:>9.2f}{cost.cpu_s:>9.2f}{cost.peak_mb:>9.0f}  {cost.said}"
        )
    print(f"\n{'document':<24}{'bytes':>9}{'gzipped':>9}")
    for size in measured:
        print(f"{size.what:<24}{size.raw:>9}{size.gzipped:>9}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
