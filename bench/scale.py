"""What sitegen costs as an archive grows: ``python -m bench.scale [--records N …]``.

For each N a synthetic catalog of N photos (see :mod:`bench.catalog`) is published twice over,
each time for the first time, again with nothing changed, and with one photo added:

* by the album reconciler, as the function does it: every request to S3 is counted, and
  answered by a store that keeps records on disk and of pages only their ETags, so that what
  memory grows by is sitegen's own;
* by ``sitegen build``, from folder to folder.

The photo is added to an album within an album: its album, the one above and the site follow.
CPU seconds and memory are the system's account.  Each N runs in a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from bench import catalog
from bench.gallery import build
from gallery import keys
from gallery.batch import Done, Task
from gallery.clock import SystemClock
from gallery.memory import Call, MemoryObject, MemoryStore
from gallery.record import Record, encode
from gallery.store import ObjectInfo, StoredObject
from sitegen.reconcile import World, reconcile

T = TypeVar("T")


class LeanStore(MemoryStore):
    """A store that keeps the catalog on disk and, of everything else, no bytes; calls are
    counted as S3 would bill them: a listing by the thousand."""

    def __init__(self, folder: Path) -> None:
        super().__init__(hook=self._count)
        self._folder = folder
        self.calls: Counter[str] = Counter()
        self._prefixes: dict[str, set[str]] = {}

    def _count(self, call: Call) -> None:
        if call.phase == "before" and call.op != "list":
            self.calls[call.op] += 1

    def _path(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode()).hexdigest()

    def put(self, key: str, body: bytes, **how: object) -> ObjectInfo:
        info = super().put(key, body, **how)  # type: ignore[arg-type]
        there = self.objects[key]
        if key.startswith(keys.CATALOG):
            self._path(key).write_bytes(body)
        self.objects[key] = MemoryObject(
            b"", there.etag, there.last_modified, there.content_type, there.cache_control
        )
        parent = key.rpartition("/")[0]
        self._prefixes.setdefault(parent, set()).add(key)
        return info

    def delete(self, key: str) -> None:
        super().delete(key)
        self._prefixes.get(key.rpartition("/")[0], set()).discard(key)

    def _read(self, key: str) -> StoredObject | None:
        found = super()._read(key)
        if found is None or not key.startswith(keys.CATALOG):
            return found
        return StoredObject(found.info, self._path(key).read_bytes())

    def download(self, key: str, file: BinaryIO, *, if_match: str) -> None:
        raise NotImplementedError("sitegen downloads nothing")

    def list(self, prefix: str, *, shallow: bool = False) -> Iterator[ObjectInfo]:
        # By folder: a pass over everything for each of a thousand albums would be the bench's
        # own cost, and the largest.
        folder = prefix.rpartition("/")[0]
        below = folder + "/" if folder else ""
        found = [
            key
            for parent, names in self._prefixes.items()
            if parent == folder or (not shallow and parent.startswith(below))
            for key in names
            if key.startswith(prefix)
        ]
        self.calls["list"] += max(1, -(-len(found) // 1000))
        for key in sorted(found):
            there = self.objects[key]
            yield ObjectInfo(key, there.etag, 0, there.last_modified)


@dataclass
class Step:
    """One publication: seconds of CPU, requests by kind, and what memory grew to, in MB."""

    what: str
    cpu_s: float
    peak_mb: float
    calls: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.calls.values())


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measured(what: str, store: LeanStore, work: Callable[[], None]) -> Step:
    store.calls.clear()
    begin = time.process_time()
    work()
    return Step(what, time.process_time() - begin, _peak(), dict(store.calls))


def added(records: Iterable[Record]) -> Record:
    """One photo more in an album that lies within another, after its others."""
    albums = (record.key.rpartition("/")[0] for record in records if record.key.count("/") > 2)
    first = next(albums)  # it has exactly a page full: one more makes a page, a rare case
    album = next(album for album in albums if album != first)
    moment = datetime(2040, 1, 1, tzinfo=UTC)
    return catalog.photo(f"{album}/DSC_9999.JPG", 1, moment, random.Random(1))


def publish(count: int, folder: Path) -> list[Step]:
    """The reconciler's three publications of so many photos."""
    store = LeanStore(folder)
    slugs: set[str] = {""}
    for record in catalog.records(count):
        store.put(keys.record(record.key), encode(record), content_type="application/json")
        slug: str | None = keys.album_of_record(keys.record(record.key))
        while slug:
            slugs.add(slug)
            slug = keys.parent(slug)
    world = World(
        store=store,
        clock=SystemClock(),
        hint=lambda found: None,
        republish=lambda found: None,
        site_url="https://photos.example.org/",
    )

    def run(these: Iterable[str]) -> None:
        for each in sorted(these, key=lambda slug: (-slug.count("/") if slug else 1, slug)):
            outcome = reconcile(world, Task(each, (), 1, None))
            if not isinstance(outcome, Done):
                raise SystemExit(f"bench.scale: {each!r}: {outcome}")

    before = _peak()
    steps = [
        _measured("everything", store, lambda: run(slugs)),
        _measured("unchanged", store, lambda: run(slugs)),
    ]
    one = added(catalog.records(count))
    store.put(keys.record(one.key), encode(one), content_type="application/json")
    slug = keys.album_of_record(keys.record(one.key))
    steps.append(
        _measured("one photo added", store, lambda: run({slug, keys.parent(slug) or "", ""}))
    )
    for step in steps:
        step.peak_mb -= before
    return steps


def rebuild(count: int, folder: Path) -> list[Step]:
    """The three builds from a folder."""
    source, out = folder / "catalog", folder / "site"
    catalog.write(source, count)
    costs = [build("everything", source, out), build("unchanged", source, out)]
    one = added(catalog.records(count))
    (source / keys.record(one.key)[len(keys.CATALOG) :]).write_bytes(encode(one))
    costs.append(build("one photo added", source, out))
    return [Step(cost.what, cost.cpu_s, cost.peak_mb) for cost in costs]


def measure(count: int) -> dict[str, list[Step]]:
    """Both, in folders that do not stay."""
    with tempfile.TemporaryDirectory() as folder:
        published = publish(count, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        return {"reconciler": published, "sitegen build": rebuild(count, Path(folder))}


def main() -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument(
        "--records",
        type=int,
        nargs="+",
        default=[1_000, 10_000],
        metavar="N",
        help="photos (1000 10000; 100000 takes ten minutes)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if min(options.records) < 1000:
        parser.error("--records: below 1000 there is no album within an album to add a photo to")
    if options.json and len(options.records) == 1:
        found = measure(options.records[0])
        print(json.dumps({how: [asdict(step) for step in steps] for how, steps in found.items()}))
        return 0
    results: dict[str, object] = {}
    for count in options.records:
        command = [sys.executable, "-m", "bench.scale", "--json", "--records", str(count)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        results[str(count)] = found = json.loads(said)
        if options.json:
            continue
        print(f"{count:,} photos")
        print(f"{'':<16}{'':<18}{'CPU s':>8}{'memory MB':>11}{'requests':>10}")
        for how, steps in found.items():
            for step in (Step(**each) for each in steps):
                kinds = ", ".join(f"{name} {number}" for name, number in sorted(step.calls.items()))
                print(
                    f"{how:<16}{step.what:<18}{step.cpu_s:>8.2f}{step.peak_mb:>11.0f}"
                    f"{step.total or '':>10}  {kinds}"
                )
        print()
    if options.json:
        print(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
