"""A bucket kept in a file, for an emulator that forgets its buckets when it stops.

LocalStack's community edition keeps nothing (``PERSISTENCE=1`` is for its paid ones).  So `down`
writes the bucket's objects to one file, and the next `up` puts them back.  Pages, renditions and
records go first: when the originals arrive and their events wake the functions, everything is
there already, and they find nothing to do.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gallery.keys import CATALOG, PHOTOS, RECORDS
from gallery.store import MANY

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What of an object's headers makes a difference to who reads it.
_HEADERS = ("ContentType", "CacheControl", "ContentEncoding", "ContentDisposition", "Metadata")
_THREADS = 8
_NAME = "safelight.object"
_ABOUT = "safelight.headers"


@dataclass(frozen=True)
class Kept:
    """What a file holds: how many objects, how many of them under ``photos/``, since when."""

    objects: int
    photos: int
    since: datetime


def save(s3: S3Client, bucket: str, file: Path) -> Kept:
    """Write the bucket's objects to ``file``, in one step: it is whole, or as it was before."""
    beside = file.with_suffix(".part")
    beside.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(beside, "w", format=tarfile.PAX_FORMAT) as archive:
        # Records before renditions: what a record names was there before it.
        for number, key in enumerate(_in_order_of_saving(s3, bucket)):
            _save(s3, bucket, key, archive, str(number))
    beside.replace(file)
    found = look(file)
    assert found is not None  # noqa: S101 - it was just written
    return found


def _in_order_of_saving(s3: S3Client, bucket: str) -> list[str]:
    found: list[str] = []
    pages = s3.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, PaginationConfig={"PageSize": MANY}):
        found += [entry["Key"] for entry in page.get("Contents", [])]
    return sorted(found, key=lambda key: (not key.startswith(CATALOG), key))


def _save(s3: S3Client, bucket: str, key: str, archive: tarfile.TarFile, name: str) -> None:
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        # Somebody was quicker.
        return
    info = tarfile.TarInfo(name)
    info.size = answer["ContentLength"]
    info.mtime = int(answer["LastModified"].timestamp())
    # Keys are longer than file names may be, and not all of them could be one.
    about = {header: answer.get(header) for header in _HEADERS if answer.get(header)}
    info.pax_headers = {_NAME: key, _ABOUT: json.dumps(about)}
    archive.addfile(info, answer["Body"])


def look(file: Path) -> Kept | None:
    """What ``file`` holds; ``None`` if there is none."""
    try:
        with tarfile.open(file) as archive:
            keys = [member.pax_headers[_NAME] for member in archive]
        since = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    return Kept(len(keys), sum(key.startswith(PHOTOS) for key in keys), since)


def restore(s3: S3Client, bucket: str, file: Path) -> int:
    """Put back what ``file`` holds and the bucket does not; how many objects that were."""
    there = set(_in_order_of_saving(s3, bucket))
    count = 0
    with tarfile.open(file) as archive, ThreadPoolExecutor(_THREADS) as threads:
        for members in _in_order_of_restoring(archive):
            missing = [found for found in members if found.pax_headers[_NAME] not in there]
            for start in range(0, len(missing), _THREADS):
                # No more at a time in memory than there are threads.
                some = missing[start : start + _THREADS]
                bodies = [_body(archive, member) for member in some]
                list(threads.map(lambda m, b: _put(s3, bucket, m.pax_headers, b), some, bodies))
                count += len(some)
    return count


def _in_order_of_restoring(archive: tarfile.TarFile) -> Iterator[list[tarfile.TarInfo]]:
    members = archive.getmembers()
    ranks: dict[int, list[tarfile.TarInfo]] = {0: [], 1: [], 2: []}
    for member in members:
        key = member.pax_headers[_NAME]
        ranks[2 if key.startswith(PHOTOS) else 1 if key.startswith(RECORDS) else 0].append(member)
    yield from ranks.values()


def _body(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    found = archive.extractfile(member)
    assert found is not None  # noqa: S101 - only files were added
    return found.read()


def _put(s3: S3Client, bucket: str, headers: dict[str, str], body: bytes) -> None:
    about: dict[str, Any] = json.loads(headers[_ABOUT])
    s3.put_object(Bucket=bucket, Key=headers[_NAME], Body=io.BytesIO(body), **about)
