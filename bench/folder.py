"""A gallery from a folder of photos, without S3: ``python -m bench.folder PHOTOS SITE``.

The real reconcilers, the real sweep and the real craft, with a folder for a bucket: what is
measured is what the functions do, less the network and the queues.  The sweep finds what differs
from its record, the photo reconciler sees to each such photo (as many at a time as there are
processors), and the album reconciler to each album, the innermost first.

PHOTOS is linked into SITE as ``photos/``, as the bucket has it: nothing is copied.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from gallery import keys
from gallery.batch import Done, Outcome, Task
from gallery.clock import SystemClock
from gallery.store import ObjectInfo, PreconditionFailed, StoredObject
from sitegen import reconcile as albums
from thumbnailer import reconcile as photos
from thumbnailer.settings import Settings
from thumbnailer.studio import Studio
from thumbnailer.sweep import sweep_everything

T = TypeVar("T")


class Folder:
    """A :class:`gallery.store.ObjectStore` in a folder.

    The ETag of a photo or rendition is its size and its time, which cost no reading, as S3's
    cost none; of everything else it is the MD5 of what is in it, as S3 gives it.  May be
    shared between threads, not between processes.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()

    def _path(self, key: str) -> Path:
        return self._root / key

    def _info(self, key: str, status: os.stat_result, body: bytes | None) -> ObjectInfo:
        if key.startswith((keys.PHOTOS, keys.THUMBS)):
            etag = f"{status.st_size:x}-{status.st_mtime_ns:x}"
        else:
            content = self._path(key).read_bytes() if body is None else body
            etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        moment = datetime.fromtimestamp(status.st_mtime, UTC)
        return ObjectInfo(key, etag, status.st_size, moment)

    def head(self, key: str) -> ObjectInfo | None:
        try:
            return self._info(key, self._path(key).stat(), None)
        except FileNotFoundError:
            return None

    def get(self, key: str) -> StoredObject | None:
        path = self._path(key)
        try:
            body = path.read_bytes()
            return StoredObject(self._info(key, path.stat(), body), body)
        except FileNotFoundError:
            return None

    def get_many(self, keys: Iterable[str]) -> Iterator[tuple[str, StoredObject | None]]:
        for key in keys:
            yield key, self.get(key)

    def together(self, calls: Iterable[Callable[[], T]]) -> Iterator[T]:
        # A disk is not S3: nothing is won by asking it for several files at a time.
        return (call() for call in calls)

    def peek(self, key: str, count: int) -> StoredObject | None:
        info = self.head(key)
        if info is None:
            return None
        with self._path(key).open("rb") as file:
            return StoredObject(info, file.read(count))

    def download(self, key: str, file: BinaryIO, *, if_match: str) -> None:
        info = self.head(key)
        if info is None or info.etag != if_match:
            raise PreconditionFailed(key, f"{key!r:.200} is gone, or was overwritten")
        with self._path(key).open("rb") as source:
            while chunk := source.read(1 << 20):
                file.write(chunk)

    def put(
        self,
        key: str,
        body: bytes,
        *,
        content_type: str,
        cache_control: str | None = None,
        if_match: str | None = None,
        if_none_match: bool = False,
    ) -> ObjectInfo:
        del content_type, cache_control
        path = self._path(key)
        with self._lock:
            if if_match is not None or if_none_match:
                there = self.head(key)
                if (there.etag if there else None) != if_match:
                    raise PreconditionFailed(key, f"{key!r:.200}: somebody else was faster")
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name[:200]}.part")
            beside.write_bytes(body)
            beside.replace(path)
            return self._info(key, path.stat(), body)

    def upload(
        self, key: str, file: BinaryIO, *, content_type: str, cache_control: str | None = None
    ) -> ObjectInfo:
        file.seek(0)
        return self.put(key, file.read(), content_type=content_type, cache_control=cache_control)

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def list(self, prefix: str, *, shallow: bool = False) -> Iterator[ObjectInfo]:
        folder, _, beginning = prefix.rpartition("/")
        for path, status in self._files(self._root / folder, shallow=shallow):
            key = path.relative_to(self._root).as_posix()
            if key.startswith(prefix) and path.name[0] != ".":
                yield self._info(key, status, None)
        del beginning

    def _files(self, folder: Path, *, shallow: bool) -> Iterator[tuple[Path, os.stat_result]]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            if entry.is_dir():
                if not shallow:
                    yield from self._files(Path(entry.path), shallow=False)
            else:
                yield Path(entry.path), entry.stat()


def build(source: Path, site: Path, jobs: int) -> str:
    """Make the gallery of the photos in ``source`` in the folder ``site``; what was done."""
    site.mkdir(parents=True, exist_ok=True)
    link = site / keys.PHOTOS.rstrip("/")
    if not link.is_symlink():
        link.symlink_to(source.resolve(), target_is_directory=True)
    store, clock = Folder(site), SystemClock()
    settings = Settings.from_env(os.environ)
    with Studio(settings) as studio:
        world = photos.World(store, studio, clock, originals=settings.originals)
        differing: list[str] = []
        slugs: set[str] = set()
        for _, found in sweep_everything(world, differing.extend, lambda records: None):
            slugs.update(found.albums)
    _develop(world, settings, differing, jobs)
    written = 0
    again: set[str] = set()
    press = albums.World(
        store,
        clock,
        hint=lambda found: None,
        republish=lambda found: again.update(map(keys.slug_of_album_record, found)),
        originals=settings.originals,
    )
    for slug in sorted(slugs | {""}, key=lambda each: (-each.count("/") if each else 1, each)):
        written += _done(albums.reconcile(press, Task(slug, (), 1, None))).startswith("published")
    return f"{len(differing)} photos rendered, {written} of {len(slugs | {''})} albums published"


def _develop(world: photos.World, settings: Settings, differing: list[str], jobs: int) -> None:
    """Each photo that differs from its record; a darkroom for each that is worked on at a time."""
    if not differing:
        return
    studios: queue.SimpleQueue[Studio] = queue.SimpleQueue()
    local = threading.local()

    def work(key: str) -> None:
        if not hasattr(local, "world"):
            studio = Studio(settings)
            studios.put(studio)
            local.world = photos.World(world.store, studio, world.clock, originals=world.originals)
        _done(photos.reconcile(local.world, Task(key, (), 1, None)))

    with ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(work, differing):
            pass
        while not studios.empty():
            studios.get().close()


def _done(outcome: Outcome) -> str:
    if not isinstance(outcome, Done):
        raise SystemExit(f"bench.folder: {outcome}")
    return outcome.what


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.folder", description=__doc__)
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("site", type=Path, metavar="SITE")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    options = parser.parse_args()
    print(build(options.photos, options.site, options.jobs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
