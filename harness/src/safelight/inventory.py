"""S3 Inventory: a list of a bucket's objects that S3 itself writes every day or week.

A manifest (JSON) names the list's files, with their MD5; each is gzipped CSV without a header,
whose columns the manifest tells.  **Keys in it are form-encoded**, as in events: a space is
``+`` (S3 user guide, "Amazon S3 Inventory list"; cloud-custodian/cloud-custodian#1997 met it).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gallery.events import NotUnderstood, decode_key
from safelight.problem import Problem
from safelight.screen import printable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SCHEME = "s3://"
_LARGEST_MANIFEST = 64 * 1024 * 1024
_CHUNK = 1 << 20


@dataclass(frozen=True)
class DataFile:
    """One file of the list: its key in the destination bucket, its MD5 in hexadecimal."""

    key: str
    md5: str


@dataclass(frozen=True)
class Inventory:
    """An inventory of ``bucket``.

    ``identity`` is the MD5 of its manifest.  ``columns`` are the names of the CSV's, and
    ``files`` its files, in the manifest's order.  They lie in the bucket ``destination``, or,
    for a manifest that was given as a file, beside that in ``folder``.
    """

    bucket: str
    identity: str
    columns: tuple[str, ...]
    files: tuple[DataFile, ...]
    destination: str
    folder: Path | None

    def keys(self, s3: S3Client, after: str = "") -> Iterator[tuple[str, str]]:
        """Each row's position, and the key it is about; those after the position ``after``.

        Rows about versions that are not the latest, and about deletions, are left out.
        Raises :class:`Problem` for a file that is not what the manifest says.
        """
        first, _, begin = after.partition(":")
        for number in range(int(first or 0), len(self.files)):
            skip = int(begin or 0) if str(number) == first else 0
            for row, key in self._rows(s3, self.files[number], skip):
                yield f"{number}:{row}", key

    def _rows(self, s3: S3Client, file: DataFile, skip: int) -> Iterator[tuple[int, str]]:
        key_at = self.columns.index("Key")
        latest_at = _index(self.columns, "IsLatest")
        marker_at = _index(self.columns, "IsDeleteMarker")
        row = 0
        with self._opened(s3, file) as text:
            try:
                for row, values in enumerate(csv.reader(text), start=1):
                    if row <= skip:
                        continue
                    if len(values) != len(self.columns):
                        raise Problem(
                            f"Row {row} of {printable(file.key)} has {len(values)} columns, and "
                            f"the manifest tells of {len(self.columns)}."
                        )
                    if _says(values, latest_at, "false") or _says(values, marker_at, "true"):
                        continue
                    yield row, decode_key(values[key_at])
            except (EOFError, OSError, zlib.error, UnicodeDecodeError, csv.Error) as error:
                raise Problem(
                    f"{printable(file.key)} is no gzipped CSV, or a broken one ({error})."
                ) from error
            except NotUnderstood as error:
                raise Problem(f"Row {row} of {printable(file.key)}: {error}.") from error

    @contextmanager
    def _opened(self, s3: S3Client, file: DataFile) -> Iterator[io.TextIOWrapper]:
        """The file's text, once all of it has been fetched and is what the manifest says."""
        with tempfile.TemporaryFile() as copy:
            digest = hashlib.md5(usedforsecurity=False)
            for chunk in self._bytes(s3, file):
                copy.write(chunk)
                digest.update(chunk)
            if digest.hexdigest() != file.md5.lower():
                raise Problem(
                    f"{printable(file.key)} is not the file that the manifest names: its MD5 is "
                    f"{digest.hexdigest()}, not {printable(file.md5)}. Take a newer inventory."
                )
            copy.seek(0)
            with (
                gzip.GzipFile(fileobj=copy) as whole,
                io.TextIOWrapper(whole, encoding="utf-8", newline="") as text,
            ):
                yield text

    def _bytes(self, s3: S3Client, file: DataFile) -> Iterator[bytes]:
        if self.folder is not None:
            with _beside(self.folder, file.key).open("rb") as opened:
                yield from iter(lambda: opened.read(_CHUNK), b"")
            return
        yield from _object(s3, self.destination, file.key)


def load(where: str, s3: S3Client) -> Inventory:
    """The inventory whose manifest is at ``where``: ``s3://BUCKET/KEY``, or a file.

    Raises :class:`Problem` if it is none, or one that cannot be read here.
    """
    if where.startswith(_SCHEME):
        bucket, _, key = where[len(_SCHEME) :].partition("/")
        if not bucket or not key:
            raise Problem(f"{printable(where)}: say s3://BUCKET/…/manifest.json.")
        raw = b"".join(_object(s3, bucket, key, most=_LARGEST_MANIFEST))
        return _parse(raw, where, None)
    path = Path(where)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Problem(f"{printable(where)} cannot be read: {error.strerror}.") from error
    return _parse(raw, where, path.parent)


def _parse(raw: bytes, where: str, folder: Path | None) -> Inventory:
    try:
        found = json.loads(raw)
        bucket = _text(found["sourceBucket"])
        form = _text(found["fileFormat"])
        columns = tuple(name.strip() for name in _text(found["fileSchema"]).split(","))
        destination = _text(found["destinationBucket"]).rpartition(":")[2]
        files = tuple(
            DataFile(_text(entry["key"]), _text(entry["MD5checksum"])) for entry in found["files"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Problem(
            f"{printable(where)} is not the manifest.json of an S3 Inventory ({error!r:.100})."
        ) from error
    if form != "CSV":
        raise Problem(
            f"The inventory is in {printable(form)}, and only CSV is read here. Have S3 write it "
            "as CSV, or leave --inventory out: then the bucket is listed, a thousand keys a "
            "request."
        )
    if "Key" not in columns:
        raise Problem(f"The inventory has no column Key, only {printable(', '.join(columns))}.")
    identity = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    return Inventory(bucket, identity, columns, files, destination, folder)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _index(columns: tuple[str, ...], name: str) -> int | None:
    return columns.index(name) if name in columns else None


def _says(values: list[str], at: int | None, what: str) -> bool:
    return at is not None and values[at].lower() == what


def _beside(folder: Path, key: str) -> Path:
    """The data file ``key`` of a manifest that lies in ``folder``, where S3 would have put it,
    or in a copy that somebody made."""
    name = PurePosixPath(key).name
    tried = [folder / name, folder / "data" / name, folder.parent / "data" / name]
    for path in tried:
        if name not in ("", "..") and path.is_file():
            return path
    raise Problem(
        f"The manifest's file {printable(key)} is neither beside it nor in data/. Fetch it too, or "
        "give the manifest as s3://BUCKET/…/manifest.json."
    )


def _object(s3: S3Client, bucket: str, key: str, most: int | None = None) -> Iterator[bytes]:
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in ("NoSuchKey", "NoSuchBucket", "404"):
            raise
        raise Problem(f"There is no s3://{printable(bucket)}/{printable(key)}.") from error
    if most is not None and answer["ContentLength"] > most:
        raise Problem(f"s3://{printable(bucket)}/{printable(key)} is too large for a manifest.")
    yield from answer["Body"].iter_chunks(_CHUNK)
