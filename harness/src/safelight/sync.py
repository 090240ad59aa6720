"""`safelight sync DIR`: upload a folder; what is there already stays where it is.

What "there already" means: the same size, and the same ETag as the file would get.  For a
plain upload that is its MD5; for one in parts the MD5 of the parts' MD5s, which depends on the
parts' size, so the usual sizes are tried (S3 user guide, "Checking object integrity").
"""

from __future__ import annotations

import argparse
import hashlib
import mimetypes
import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from gallery.keys import MAX_KEY, PHOTOS
from gallery.store import ObjectInfo
from safelight import consent, deployed
from safelight.listing import side_by_side
from safelight.problem import Problem
from safelight.screen import Meter, errors, printable, tally, transfer
from safelight.stack import Deployment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MIB = 1024 * 1024
_THREADS = 8
_PART = 8 * _MIB
# Those of the AWS command line and boto3 (8), of others, and of large files (at most 10,000
# parts make a 100 GB file need more than 8).
_PART_SIZES = tuple(size * _MIB for size in (8, 16, 5, 10, 15, 20, 25, 32, 50, 64, 100, 128))
_TRANSFER = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, use_threads=False)

# Python's table of types depends on the machine's; these do not.
_TYPES = {
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".jpe": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".yaml": "application/yaml",
}


@dataclass(frozen=True)
class Local:
    """A file to upload: its path, its key, its size in bytes."""

    path: Path
    key: str
    size: int


@dataclass
class Findings:
    """What a folder holds: ``files``; ``notes`` on what is left out by itself; ``failures``
    on what a person would expect to be uploaded and cannot be."""

    files: list[Local] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="the folder; albums are folders")
    parser.add_argument(
        "--delete",
        action="store_true",
        help="also remove from the bucket what is not in the folder",
    )
    deployed.arguments(parser)
    consent.arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Do it."""
    check_folder(options.folder)
    deployment = deployed.chosen(options)
    return upload(deployment, options.folder, delete=options.delete, yes=options.yes)


def check_folder(folder: Path) -> None:
    """Raises :class:`Problem` if ``folder`` is no folder that can be read."""
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise Problem(f"{folder} {what}. Give the folder that your photos are in.")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise Problem(f"{folder} may not be read by you.")


def upload(deployment: Deployment, folder: Path, *, delete: bool = False, yes: bool = False) -> int:
    """Upload ``folder`` to ``photos/``; 0, or 1 if something could not be uploaded.

    ``delete`` removes from the bucket what is not in the folder; of a bucket on AWS it asks
    first, unless ``yes``.  Interrupted, it may simply be run again.  Raises :class:`Problem`.
    """
    found = find(folder)
    with tally("keys listed") as seen:
        listing = side_by_side(deployment.store(), seen)
        there = {info.key: info for info in listing(PHOTOS)}
    if delete and not found.files and there:
        raise Problem(
            f"{folder} holds no photos, and --delete would remove all {len(there)} from the "
            "bucket. Is its disk mounted?"
        )
    total = sum(local.size for local in found.files)
    for line in found.notes:
        errors.print(escape(f"left out: {line}"))
    s3 = deployment.s3()
    with transfer(len(found.files), total) as meter:
        uploaded, failures = _upload_all(s3, deployment.bucket, found.files, there, meter)
    failures = found.failures + failures
    removed = 0
    if delete and failures:
        errors.print("Nothing is removed from the bucket, because not everything could be read.")
    elif delete:
        removed = _remove(deployment, found.files, there, yes=yes)
    for line in failures:
        errors.print(escape(f"failed: {line}"))
    errors.print(
        f"{uploaded} uploaded, {len(found.files) - uploaded - _lost(failures, found)} there already"
        + (f", {removed} removed" if delete else "")
        + (f", {len(failures)} failed" if failures else "")
        + "."
    )
    return 1 if failures else 0


def _lost(failures: list[str], found: Findings) -> int:
    return len(failures) - len(found.failures)


def find(folder: Path) -> Findings:
    """Everything to upload under ``folder``, in the order of its keys."""
    found = Findings()
    _walk(folder, "", (), found)
    found.files.sort(key=lambda local: local.key)
    return found


def _walk(folder: Path, path: str, above: tuple[tuple[int, int], ...], found: Findings) -> None:
    try:
        here = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        found.failures.append(f"{_shown(folder)}: {error.strerror}")
        return
    if (here.st_dev, here.st_ino) in above:
        found.notes.append(f"{_shown(folder)}: a link to a folder that it is in")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        _take(entry, f"{path}{entry.name}", (*above, (here.st_dev, here.st_ino)), found)


def _take(
    entry: os.DirEntry[str], path: str, above: tuple[tuple[int, int], ...], found: Findings
) -> None:
    file = Path(entry.path)
    try:
        about = entry.stat()
    except FileNotFoundError:
        found.notes.append(f"{_shown(file)}: a link to nothing, or gone meanwhile")
        return
    except OSError as error:
        found.failures.append(f"{_shown(file)}: {error.strerror}")
        return
    if stat.S_ISDIR(about.st_mode):
        _walk(file, f"{path}/", above, found)
    elif not stat.S_ISREG(about.st_mode):
        found.notes.append(f"{_shown(file)}: no file (a pipe, a socket or a device)")
    else:
        key = PHOTOS + path
        try:
            length = len(key.encode("utf-8"))
        except UnicodeEncodeError:
            found.failures.append(
                f"{_shown(file)}: its name is not UTF-8, and a key must be. Rename it "
                "(convmv does whole folders)"
            )
            return
        if length > MAX_KEY:
            found.failures.append(
                f"{_shown(file)}: its key would have {length} bytes; S3's have at most {MAX_KEY}"
            )
            return
        found.files.append(Local(file, key, about.st_size))


def _shown(path: Path) -> str:
    return printable(os.fsencode(path).decode("utf-8", "backslashreplace"))


def _upload_all(
    s3: S3Client,
    bucket: str,
    files: list[Local],
    there: dict[str, ObjectInfo],
    meter: Meter,
) -> tuple[int, list[str]]:
    """How many were uploaded, and what went wrong."""
    uploaded = 0
    failures: list[str] = []
    stop = threading.Event()
    pool = ThreadPoolExecutor(_THREADS)
    try:
        pending: dict[Future[bool], Local] = {
            pool.submit(_upload_one, s3, bucket, local, there.get(local.key), meter, stop): local
            for local in files
        }
        for future in as_completed(pending):
            local = pending[future]
            try:
                uploaded += future.result()
            except FileNotFoundError:
                meter.note(f"left out: {_shown(local.path)}: gone meanwhile")
                meter.advance(1, 0)
            except (OSError, Boto3Error, ClientError, BotoCoreError) as error:
                failures.append(f"{_shown(local.path)}: {error}")
                meter.advance(1, 0)
    except BaseException:
        # Ctrl-C: what has begun is finished, the rest is not begun.
        stop.set()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()
    return uploaded, failures


def _upload_one(
    s3: S3Client,
    bucket: str,
    local: Local,
    there: ObjectInfo | None,
    meter: Meter,
    stop: threading.Event,
) -> bool:
    """Upload it unless it is there; whether it was."""
    if stop.is_set():
        return False
    if there is not None and there.size == local.size and is_same(local.path, there):
        meter.advance(1, local.size)
        return False
    s3.upload_file(
        str(local.path),
        bucket,
        local.key,
        ExtraArgs={"ContentType": content_type(local.path.name)},
        Config=_TRANSFER,
        Callback=lambda size: meter.advance(0, size),
    )
    meter.advance(1, 0)
    return True


def content_type(name: str) -> str:
    """The type a browser is told, by the file's name; the thumbnailer looks at the content."""
    extension = Path(name).suffix.lower()
    return _TYPES.get(extension) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def is_same(path: Path, there: ObjectInfo) -> bool:
    """Whether the file is what the object holds."""
    digest, _, parts = there.etag.partition("-")
    if not parts:
        return _etag(path, None) == digest
    if not parts.isdigit():
        return False
    count = int(parts)
    return any(
        _etag(path, size) == there.etag for size in _PART_SIZES if -(-there.size // size) == count
    )


def _etag(path: Path, part: int | None) -> str:
    """The ETag of the file uploaded whole, or in parts of so many bytes."""
    digests: list[bytes] = []
    with path.open("rb") as file:
        if part is None:
            return hashlib.file_digest(file, _md5).hexdigest()
        for chunk in _chunks(file, part):
            digests.append(_md5(chunk).digest())
    return f"{_md5(b''.join(digests)).hexdigest()}-{len(digests)}"


def _md5(data: bytes = b"") -> Any:
    return hashlib.md5(data, usedforsecurity=False)


def _chunks(file: Any, size: int) -> Iterator[bytes]:
    while chunk := file.read(size):
        yield chunk


def _remove(
    deployment: Deployment, files: list[Local], there: dict[str, ObjectInfo], *, yes: bool
) -> int:
    """Remove what is not in the folder; hidden objects, which it leaves out, stay."""
    kept = {local.key for local in files}
    gone = sorted(
        key
        for key in there
        if key not in kept and not any(part.startswith(".") for part in key.split("/"))
    )
    if not gone:
        return 0
    question = f"Remove {len(gone)} objects, {printable(gone[0])} first, from {deployment.bucket}?"
    if not consent.ask_on_aws(deployment, question, yes=yes):
        errors.print("Nothing is removed from the bucket.")
        return 0
    s3 = deployment.s3()
    for start in range(0, len(gone), 1000):
        answer = s3.delete_objects(
            Bucket=deployment.bucket,
            Delete={"Objects": [{"Key": key} for key in gone[start : start + 1000]], "Quiet": True},
        )
        failed = answer.get("Errors", [])
        if failed:
            raise Problem(
                f"{len(failed)} objects could not be removed, among them {failed[0].get('Key')}: "
                f"{failed[0].get('Message')}"
            )
    return len(gone)
