"""What a gallery costs, beside the other static galleries: ``python -m bench.gallery``.

* The same photos (12 megapixels each) through Safelight and its peers (:mod:`bench.peers`): the
  first build, one with nothing changed, one with one photo more.  Wall and CPU seconds of all the
  processes it takes, in interleaved rounds, the median.
* An album of 200 photos and the home page above it, as a telephone on a slow network meets them
  (:mod:`bench.browser`): requests, bytes, first and largest contentful paint, layout shift, total
  blocking time.
* ``sitegen`` alone, from a synthetic catalog of N records: first build, nothing changed, one photo
  more; wall and CPU seconds, peak memory.  And the sizes of its pages.

With ``--records N`` the last alone; with ``--catalog-only DIR`` only its catalog is written.
``--save FILE`` keeps the comparison as JSON.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench import catalog, peers
from bench.peers import SIGALS_SIZES, Commands, Contender
from gallery import keys
from gallery.record import encode

if TYPE_CHECKING:
    from bench.browser import Visit


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


@dataclass(frozen=True)
class Spent:
    """Wall and CPU seconds of a build, the median of several."""

    wall_s: float
    cpu_s: float


def spend(commands: Commands, env: Mapping[str, str]) -> Spent:
    """Run the commands one after the other, and take the account of all their processes.

    Raises :class:`peers.Missing` where one does not succeed.
    """
    begin, cpu = time.perf_counter(), 0.0
    for command in commands:
        with tempfile.TemporaryFile() as out:
            process = subprocess.Popen(
                command,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                out.seek(0)
                said = out.read().decode("utf-8", "replace").strip().splitlines()[-1:]
                raise peers.Missing(f"{Path(command[0]).name} failed: {' '.join(said)[:200]}")
        cpu += usage.ru_utime + usage.ru_stime
    return Spent(time.perf_counter() - begin, cpu)


_NO_PAGES = frozenset({SIGALS_SIZES.name})
"""Whose pages differ from another's by nothing but the pictures' sizes."""

STAGES = ("first build", "unchanged", "one photo added")


def _photos(name: str, count: int, megapixels: float, first: int = 0) -> Path:
    """An album of photos, drawn once and kept; with the photos' numbers from ``first``."""
    folder = peers.cache() / "photos" / f"{name}-{count}x{megapixels:g}MP"
    command = [sys.executable, "-m", "bench.album", str(folder), "--photos", str(count)]
    command += ["--megapixels", str(megapixels), "--first", str(first)]
    subprocess.run(command, check=True)
    return folder


def builds(
    found: list[Contender], missing: dict[str, str], count: int, megapixels: float, rounds: int
) -> dict[str, dict[str, Spent]]:
    """What each contender's builds cost, by stage.  Who fails is left out, with the reason."""
    photos = _photos("album", count, megapixels)
    more = _photos("more", 1, megapixels, first=9000)
    taken: dict[str, dict[str, list[Spent]]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        for number in range(rounds):
            for each in found:
                if each.name in missing:
                    continue
                tree, out = _room(Path(scratch), each, number)
                # Linked, not copied: sixty photos take 300 MB a contender.
                _link(photos, tree / peers.ALBUM)
                try:
                    spent = _three(each, tree, out, next(more.iterdir()))
                except peers.Missing as why:
                    missing[each.name] = str(why)
                    continue
                finally:
                    shutil.rmtree(tree.parent, ignore_errors=True)
                for stage, cost in zip(STAGES, spent, strict=True):
                    taken.setdefault(each.name, {}).setdefault(stage, []).append(cost)
                _tell(f"round {number + 1}, {each.name}: {spent[0].wall_s:.1f} s")
    return {
        name: {stage: _median(costs) for stage, costs in stages.items()}
        for name, stages in taken.items()
        if name not in missing
    }


def _three(each: Contender, tree: Path, out: Path, photo: Path) -> list[Spent]:
    env = each.environment()
    spent = [spend(each.first(tree, out), env), spend(each.again(tree, out), env)]
    each.add(photo, tree, out)
    spent.append(spend(each.again(tree, out), env))
    # A build that overlooks the photo would be quick.
    page = each.served(out) / each.pages()[1]
    if photo.stem not in page.read_text("utf-8"):
        raise peers.Missing(f"{page.name} does not show the photo that was added")
    return spent


def _room(scratch: Path, each: Contender, number: int) -> tuple[Path, Path]:
    place = scratch / f"{number}-{each.name.split()[0].lower()}-{abs(hash(each.name))}"
    (place / "tree").mkdir(parents=True)
    return place / "tree", place / "site"


def _link(photos: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for photo in sorted(photos.iterdir()):
        os.link(photo, folder / photo.name)


def _median(costs: list[Spent]) -> Spent:
    return Spent(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
    )


def pages(
    found: list[Contender], missing: dict[str, str], megapixels: float, times: int
) -> dict[str, dict[str, Visit]]:
    """The home page and the page of an album of 200 photos of each contender, visited."""
    # Lazily: Playwright is a tool of the tests.
    from bench import browser

    why_not = browser.why_not()
    if why_not is not None:
        missing["the pages"] = why_not
        return {}
    album = _photos("album", 200, megapixels)
    others = [_photos(f"other{n}", 4, megapixels, first=1000 + 10 * n) for n in range(7)]
    seen: dict[str, dict[str, Visit]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        for each in found:
            if each.name in missing or each.name in _NO_PAGES:
                continue
            tree, out = _room(Path(scratch), each, 0)
            _link(album, tree / peers.ALBUM)
            for other in others:
                _link(other, tree / other.name.partition("-")[0])
            try:
                spend(each.first(tree, out), each.environment())
            except peers.Missing as why:
                missing[f"{each.name}, the pages"] = str(why)
                continue
            home, own = each.pages()
            wanted = {"home page": home, "album of 200": own}
            seen[each.name] = {
                what: browser.visits(each.served(out), page, times)
                for what, page in wanted.items()
                if page is not None
            }
            _tell(f"pages of {each.name}: seen")
            shutil.rmtree(tree.parent, ignore_errors=True)
    return seen


def _tell(line: str) -> None:
    print(f"bench.gallery: {line}", file=sys.stderr, flush=True)


def _table(found: list[Contender], result: Result) -> str:
    """The result as Markdown."""
    rows = [
        f"{result.photos} photos of {result.megapixels:g} megapixels: wall / CPU seconds.",
        "",
        "| | makes | " + " | ".join(STAGES) + " |",
        "|---|---|" + "---|" * len(STAGES),
    ]
    for each in found:
        stages = result.builds.get(each.name)
        if stages is not None:
            costs = [f"{s.wall_s:.1f} / {s.cpu_s:.1f}" for s in stages.values()]
            rows.append(f"| {each.name} | {each.makes} | " + " | ".join(costs) + " |")
    for what in ("home page", "album of 200"):
        rows += [
            "",
            f"The {what}, on a slow telephone:",
            "",
            "| | requests | to other hosts | text kB | images kB | first paint s | largest paint s "
            "| layout shift | blocked ms |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for name, visits in result.pages.items():
            if what in visits:
                v = visits[what]
                rows.append(
                    f"| {name} | {v.requests:.0f} | {v.foreign:.0f} | {v.text / 1000:.1f} "
                    f"| {v.images / 1000:.0f} | {v.fcp:.2f} | {v.lcp:.2f} | {v.shift:.3f} "
                    f"| {v.blocked:.0f} |"
                )
    rows += ["", *(f"* Left out: {name}: {why}." for name, why in result.missing.items())]
    return "\n".join(rows) + "\n"


@dataclass(frozen=True)
class Result:
    """All that was measured beside others, and where."""

    date: str
    machine: str
    photos: int
    megapixels: float
    rounds: int
    builds: dict[str, dict[str, Spent]]
    pages: dict[str, dict[str, Visit]]
    missing: dict[str, str]


_RECORDS = 1000


def _machine() -> str:
    load = os.getloadavg()[0]
    return (
        f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()}, Python "
        f"{platform.python_version()}, load {load:.1f} at the start"
    )


def compare(options: argparse.Namespace) -> tuple[list[Contender], Result]:
    """Safelight and its peers, side by side."""
    machine = _machine()
    found, missing = peers.contenders(options.only)
    costs = builds(found, missing, options.photos, options.megapixels, options.rounds)
    seen = {} if options.no_pages else pages(found, missing, 3.0, options.visits)
    return found, Result(
        date=datetime.now(UTC).date().isoformat(),
        machine=machine,
        photos=options.photos,
        megapixels=options.megapixels,
        rounds=options.rounds,
        builds=costs,
        pages=seen,
        missing=missing,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.gallery",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--records", type=int, metavar="N", help="sitegen alone, of N records")
    parser.add_argument("--catalog-only", type=Path, metavar="DIR", help="only write the catalog")
    parser.add_argument("--photos", type=int, default=60, metavar="N", help="to build from (60)")
    parser.add_argument("--megapixels", type=float, default=12.0, metavar="M", help="each (12)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of builds (3)")
    parser.add_argument("--visits", type=int, default=3, metavar="N", help="of each page (3)")
    parser.add_argument("--no-pages", action="store_true", help="builds alone, no browser")
    parser.add_argument("--only", action="append", default=[], metavar="PEER", help="this peer")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the comparison as JSON")
    return parser


def main() -> int:
    """Runs the command line; returns the exit code."""
    parser = _parser()
    options = parser.parse_args()
    records = _RECORDS if options.records is None else options.records
    if records < 0:
        parser.error("--records: cannot be negative")
    if options.catalog_only:
        files = catalog.write(options.catalog_only, records)
        print(f"{options.catalog_only}: {records} photos, {files} records")
        return 0
    if records < 1:
        parser.error("--records: there is nothing to measure")
    compared = None
    if options.records is None:
        found, result = compare(options)
        compared = asdict(result)
        if options.save:
            options.save.write_text(json.dumps(compared, indent=1) + "\n", encoding="utf-8")
        if not options.json:
            print(f"{result.date}; {result.machine}; {result.rounds} rounds\n")
            print(_table(found, result))
    costs, measured = run(records)
    if options.json:
        content = {
            "records": records,
            "builds": [asdict(cost) for cost in costs],
            "sizes": [asdict(size) for size in measured],
            "compared": compared,
        }
        print(json.dumps(content, indent=1))
        return 0
    print(f"{records} records\n")
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
