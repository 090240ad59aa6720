"""A bucket kept in a folder, for an emulator that forgets its buckets when it stops.

LocalStack's community edition keeps nothing (``PERSISTENCE=1`` is for its paid ones).  So `down`,
and whoever has waited for the gallery, writes the bucket's objects to a folder, and the next `up`
puts them back.  Only what has changed is written.  Pages, renditions and records are put back
first: when the originals arrive and their events wake the functions, everything is there
already, and they find nothing to do.

``index.json`` says what is kept, and is replaced in one step; the bytes of each version of an
object lie beside it, in a file of their own.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gallery.keys import CATALOG, PHOTOS, RECORDS
from gallery.store import MANY
from safelight.home import read_json, write_json
from safelight.problem import Problem

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What of an object's headers makes a difference to who reads it.
_HEADERS = ("ContentType", "CacheControl", "ContentEncoding", "ContentDisposition", "Metadata")
_THREADS = 8
_FORMAT = 1


@dataclass(frozen=True)
class Kept:
    """What a folder holds: how many objects, how many of them under ``photos/``, since when."""

    objects: int
    photos: int
    since: datetime


@dataclass(frozen=True)
class _Object:
    """A version of an object: its ``key``, the ``file`` with its bytes, its headers."""

    key: str
    file: str
    headers: dict[str, Any]


@dataclass(frozen=True)
class _Version:
    """What a listing tells of an object."""

    key: str
    etag: str
    modified: datetime

    @property
    def file(self) -> str:
        """A name for the file of its bytes; keys are longer than files' names may be, and not
        all of them could be one.  Put anew, even as it was, it is another version: its headers
        may be others."""
        told = f"{self.key}\0{self.etag}\0{self.modified.astimezone(UTC).isoformat()}"
        return hashlib.sha256(told.encode()).hexdigest()[:40]


def save(s3: S3Client, bucket: str, folder: Path) -> Kept:
    """Make what ``folder`` holds the bucket's objects as they are now; if it fails, what it
    held before.  Of two at a time, one waits."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = {found.file: found for found in _read(folder) or ()}
        found: list[_Object] = []
        # Records before renditions: what a record names was there before it.
        for versions in _in_order_of_saving(s3, bucket):
            with ThreadPoolExecutor(_THREADS) as threads:
                saved = threads.map(
                    lambda version: before.get(version.file) or _save(s3, bucket, version, folder),
                    versions,
                )
                found += [one for one in saved if one is not None]
        _write(folder, found)
        wanted = {one.file for one in found}
        for file in (folder / "objects").glob("*"):
            if file.name not in wanted:
                file.unlink()
    kept = look(folder)
    assert kept is not None  # noqa: S101 - it was just written
    return kept


def _versions(s3: S3Client, bucket: str) -> Iterator[_Version]:
    pages = s3.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, PaginationConfig={"PageSize": MANY}):
        for entry in page.get("Contents", []):
            yield _Version(entry["Key"], entry["ETag"], entry["LastModified"])


def _in_order_of_saving(s3: S3Client, bucket: str) -> Iterator[list[_Version]]:
    found = list(_versions(s3, bucket))
    yield [version for version in found if version.key.startswith(CATALOG)]
    yield [version for version in found if not version.key.startswith(CATALOG)]


def _save(s3: S3Client, bucket: str, version: _Version, folder: Path) -> _Object | None:
    try:
        answer = s3.get_object(Bucket=bucket, Key=version.key)
    except s3.exceptions.NoSuchKey:
        # Somebody was quicker.
        return None
    file = _Version(version.key, answer["ETag"], answer["LastModified"]).file
    path = folder / "objects" / file
    path.parent.mkdir(exist_ok=True)
    # A file of that name is whole.
    beside = path.with_suffix(".part")
    with beside.open("wb") as out:
        for chunk in answer["Body"].iter_chunks():
            out.write(chunk)
    beside.replace(path)
    headers: Any = answer
    return _Object(
        version.key, file, {name: headers[name] for name in _HEADERS if headers.get(name)}
    )


def _read(folder: Path) -> list[_Object] | None:
    """What is kept; ``None`` if nothing is."""
    found = read_json(folder / "index.json")
    if found is None or found.get("format") != _FORMAT:
        return None
    return [_Object(**one) for one in found["objects"]]


def _write(folder: Path, found: Sequence[_Object]) -> None:
    write_json(
        folder / "index.json",
        {
            "format": _FORMAT,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "objects": [asdict(one) for one in found],
        },
    )


def look(folder: Path) -> Kept | None:
    """What ``folder`` holds; ``None`` if nothing was kept there."""
    found = _read(folder)
    if found is None:
        return None
    since = datetime.fromisoformat(json.loads((folder / "index.json").read_bytes())["since"])
    return Kept(len(found), sum(one.key.startswith(PHOTOS) for one in found), since)


def restore(s3: S3Client, bucket: str, folder: Path) -> int:
    """Put back what ``folder`` holds and the bucket does not; how many objects that were."""
    there = {version.key for version in _versions(s3, bucket)}
    count = 0
    with ThreadPoolExecutor(_THREADS) as threads:
        for objects in _in_order_of_restoring(_read(folder) or []):
            missing = [one for one in objects if one.key not in there]
            count += len(list(threads.map(lambda one: _put(s3, bucket, one, folder), missing)))
    return count


def _in_order_of_restoring(objects: Sequence[_Object]) -> Iterator[list[_Object]]:
    ranks: dict[int, list[_Object]] = {0: [], 1: [], 2: []}
    for one in objects:
        ranks[2 if one.key.startswith(PHOTOS) else 1 if one.key.startswith(RECORDS) else 0].append(
            one
        )
    yield from ranks.values()


def _put(s3: S3Client, bucket: str, one: _Object, folder: Path) -> None:
    try:
        body = (folder / "objects" / one.file).read_bytes()
    except FileNotFoundError as error:
        raise Problem(
            f"What was kept of {one.key!r:.200} is gone from {folder}. Give up what is kept with "
            "`make down PURGE=1`, and upload the photos again: `make up PHOTOS=DIR`."
        ) from error
    s3.put_object(Bucket=bucket, Key=one.key, Body=io.BytesIO(body), **one.headers)
