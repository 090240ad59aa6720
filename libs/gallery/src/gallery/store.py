"""The object store: the only door to S3.

:class:`ObjectStore` is the port that the reconcilers are written against.  It has two
implementations, :class:`S3Store` here and :class:`gallery.memory.MemoryStore`, and one
conformance suite (``tests/conformance/``) that both, and every emulator, must pass.

What callers may lean on (S3 gives all of it since December 2020):

* read-after-write and list-after-write: a read that begins after a write returned sees it;
* a put or a delete is atomic: nobody ever sees half an object;
* of several conditional writes on one state of a key, exactly one wins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import SEEK_END
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


T = TypeVar("T")


class StoreError(Exception):
    """Something stands between us and the bucket; ``key`` says where it was met."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class PreconditionFailed(StoreError):
    """412: the key is not in the state that the call was conditional on.  Start again from
    what the key is now.  Also raised for ``if_match`` on a key that has vanished (404)."""


class Conflict(StoreError):
    """409: another write of the key was under way.  Retry the call as it is."""


class AccessDenied(StoreError):
    """403: the credentials may not do this.  Retrying does not help until a policy changes."""


class Unavailable(StoreError):
    """A fault that may pass: throttling, 5xx, a timeout, a broken connection.  The call may
    or may not have taken effect."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object's head.  ``etag`` is without quotes; ``last_modified`` is aware, in UTC, to
    the second or finer; ``size`` is in bytes."""

    key: str
    etag: str
    size: int
    last_modified: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a bucket's listing, on AWS at most a thousand entries: ``objects``, and of a
    shallow listing the ``folders`` (prefixes that end in ``/``).  ``more``: whether another
    follows."""

    objects: tuple[ObjectInfo, ...]
    folders: tuple[str, ...]
    more: bool


@dataclass(frozen=True)
class StoredObject:
    """An object: its head and its bytes, of one and the same version."""

    info: ObjectInfo
    body: bytes


class ObjectStore(Protocol):
    """One bucket.  Every method raises :class:`StoreError` (see its subclasses)."""

    def head(self, key: str) -> ObjectInfo | None:
        """The object's head, or ``None`` if there is no such object.  Read-only."""

    def get(self, key: str) -> StoredObject | None:
        """The whole object, or ``None`` if there is no such object.  Read-only."""

    def get_many(self, keys: Iterable[str]) -> Iterator[tuple[str, StoredObject | None]]:
        """:meth:`get` for each key, in the order given; S3 is asked for several at a time."""

    def together(self, calls: Iterable[Callable[[], T]]) -> Iterator[T]:
        """Make the calls (on this store), several at a time where it takes that; what each
        returned, in the order given.

        ``calls`` is taken from as there is room, so that what is still to be made need not all
        be in memory.  Raises the first error in that order, once the calls under way have
        ended; those that had not begun are not made.  Each call is as it would be alone.
        """

    def peek(self, key: str, count: int) -> StoredObject | None:
        """The object's head and its first ``count`` bytes (fewer if it is shorter)."""

    def download(self, key: str, file: BinaryIO, *, if_match: str) -> None:
        """Append the object's bytes to ``file``, without holding them all in memory.

        Raises :class:`PreconditionFailed` if its ETag is not ``if_match`` or it is gone.
        """

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
        """Write the object; atomic.  Idempotent without a condition.

        ``if_match`` writes only over the version with that ETag, ``if_none_match`` only where
        there is none; otherwise :class:`PreconditionFailed`, and nothing has changed.
        """

    def upload(
        self, key: str, file: BinaryIO, *, content_type: str, cache_control: str | None = None
    ) -> ObjectInfo:
        """Write the object from ``file``, from its beginning to its end, without holding it all in
        memory; atomic and idempotent.  The file must be seekable.
        """

    def delete(self, key: str) -> None:
        """Remove the object; idempotent: no error if there is none."""

    def list(self, prefix: str, *, shallow: bool = False) -> Iterator[ObjectInfo]:
        """The objects whose keys begin with ``prefix``, in the order of their keys' UTF-8.

        ``shallow`` leaves out those with a further ``/`` after the prefix.  An object written
        or removed while the iterator runs may or may not appear.
        """


def put_if(store: ObjectStore, key: str, body: bytes, etag: str | None, **headers: Any) -> str:
    """Commit ``body`` if ``key`` still has ``etag`` (``None``: is still absent).

    Returns the new ETag.  Retries a 409 a few times, as S3 asks to; raises
    :class:`PreconditionFailed` if somebody else was faster.
    """
    attempts = 4
    for attempt in range(attempts):
        try:
            info = store.put(key, body, if_match=etag, if_none_match=etag is None, **headers)
            return info.etag
        except Conflict:
            if attempt == attempts - 1:
                raise
    raise AssertionError("unreachable")


_ABSENT = {"404", "NoSuchKey", "NotFound"}
_LOST = {"412", "PreconditionFailed"}
_CONFLICT = {"409", "ConditionalRequestConflict", "OperationAborted"}
_DENIED = {"403", "AccessDenied", "Forbidden", "AllAccessDisabled", "SignatureDoesNotMatch",
           "InvalidAccessKeyId", "ExpiredToken"}  # fmt: skip

MANY = 1_000_000
"""Keys that a listing asks for at a time.  S3 gives a thousand, whoever asks for more (API
reference, ListObjectsV2).  LocalStack 4.14 gives as many as are asked for, and loses its way
where it has to go on at a key that is not plain ASCII: with an error, or by leaving keys out."""
_CHUNK = 1 << 20
_THREADS = 16


class S3Store:
    """One S3 bucket through boto3.

    ``client`` is a boto3 S3 client; its retry and timeout settings are its maker's choice
    (see :func:`gallery.aws.s3_client`).  Instances may be shared between threads.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._s3 = client
        self.bucket = bucket

    def head(self, key: str) -> ObjectInfo | None:
        with _Errors("head", self.bucket, key):
            answer = self._s3.head_object(Bucket=self.bucket, Key=key)
            return ObjectInfo(
                key,
                _bare(answer["ETag"]),
                answer["ContentLength"],
                answer["LastModified"],
            )
        return None

    def get(self, key: str) -> StoredObject | None:
        with _Errors("get", self.bucket, key):
            answer = self._s3.get_object(Bucket=self.bucket, Key=key)
            body = answer["Body"].read()
            return StoredObject(
                ObjectInfo(key, _bare(answer["ETag"]), len(body), answer["LastModified"]), body
            )
        return None

    def get_many(self, keys: Iterable[str]) -> Iterator[tuple[str, StoredObject | None]]:
        wanted = list(keys)
        if len(wanted) < 2:
            yield from ((key, self.get(key)) for key in wanted)
            return
        with ThreadPoolExecutor(min(_THREADS, len(wanted))) as pool:
            # A window, not pool.map over everything: an archive's records need not all be
            # in memory because the reader is slow.
            window = _THREADS * 4
            for start in range(0, len(wanted), window):
                part = wanted[start : start + window]
                yield from zip(part, pool.map(self.get, part), strict=True)

    def together(self, calls: Iterable[Callable[[], T]]) -> Iterator[T]:
        with ThreadPoolExecutor(_THREADS) as pool:
            under_way: deque[Future[T]] = deque()
            try:
                for call in calls:
                    under_way.append(pool.submit(call))
                    if len(under_way) > _THREADS * 2:
                        yield under_way.popleft().result()
                while under_way:
                    yield under_way.popleft().result()
            finally:
                for future in under_way:
                    future.cancel()

    def peek(self, key: str, count: int) -> StoredObject | None:
        with _Errors("get", self.bucket, key):
            try:
                answer = self._s3.get_object(
                    Bucket=self.bucket, Key=key, Range=f"bytes=0-{count - 1}"
                )
            except ClientError as error:
                if _code(error) not in {"416", "InvalidRange"}:
                    raise
                # S3 refuses any range of an empty object.
                answer = self._s3.get_object(Bucket=self.bucket, Key=key)
            body = answer["Body"].read(count)
            answer["Body"].close()
            # "bytes 0-99/1234"; without it the whole object was sent.
            total = answer.get("ContentRange", "").rpartition("/")[2]
            size = int(total) if total.isdigit() else answer["ContentLength"]
            return StoredObject(
                ObjectInfo(key, _bare(answer["ETag"]), size, answer["LastModified"]), body
            )
        return None

    def download(self, key: str, file: BinaryIO, *, if_match: str) -> None:
        with _Errors("get", self.bucket, key):
            answer = self._s3.get_object(Bucket=self.bucket, Key=key, IfMatch=_quoted(if_match))
            if _bare(answer["ETag"]) != if_match:
                # An emulator that ignores If-Match on reads must not slip other bytes in.
                raise PreconditionFailed(key, f"{key!r:.200} was overwritten meanwhile")
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                file.write(chunk)
            return
        raise PreconditionFailed(key, f"{key!r:.200} is gone")

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
        request: dict[str, Any] = {"ContentType": content_type}
        if cache_control is not None:
            request["CacheControl"] = cache_control
        if if_match is not None:
            request["IfMatch"] = _quoted(if_match)
        if if_none_match:
            request["IfNoneMatch"] = "*"
        with _Errors("put", self.bucket, key):
            answer = self._s3.put_object(Bucket=self.bucket, Key=key, Body=body, **request)
            # PutObject's answer has no date; nobody who has just written needs S3's.
            return ObjectInfo(key, _bare(answer["ETag"]), len(body), _answered(answer))
        # S3 answers 404 to If-Match on a key that has vanished.
        raise PreconditionFailed(key, f"{key!r:.200} is gone")

    def upload(
        self, key: str, file: BinaryIO, *, content_type: str, cache_control: str | None = None
    ) -> ObjectInfo:
        request: dict[str, Any] = {"ContentType": content_type}
        if cache_control is not None:
            request["CacheControl"] = cache_control
        size = file.seek(0, SEEK_END)
        file.seek(0)
        with _Errors("put", self.bucket, key, absent=False):
            # One request, whatever its size (S3 takes 5 GB): the ETag is that of a plain put, and
            # nobody ever sees a part of it.
            answer = self._s3.put_object(Bucket=self.bucket, Key=key, Body=file, **request)
            return ObjectInfo(key, _bare(answer["ETag"]), size, _answered(answer))
        raise AssertionError("unreachable")

    def delete(self, key: str) -> None:
        with _Errors("delete", self.bucket, key):
            self._s3.delete_object(Bucket=self.bucket, Key=key)
            return

    def list(self, prefix: str, *, shallow: bool = False) -> Iterator[ObjectInfo]:
        for page in self.pages(prefix, shallow=shallow):
            yield from page.objects

    def pages(self, prefix: str, *, after: str = "", shallow: bool = False) -> Iterator[Page]:
        """:meth:`list`, page by page, beginning after the key ``after``; S3's own, and so not
        part of the port."""
        request: dict[str, Any] = {"Bucket": self.bucket, "Prefix": prefix, "MaxKeys": MANY}
        if shallow:
            request["Delimiter"] = "/"
        if after:
            request["StartAfter"] = after
        pages = iter(self._s3.get_paginator("list_objects_v2").paginate(**request))
        while True:
            # A listing that is refused must never look like one that is empty.
            with _Errors("list", self.bucket, prefix, absent=False):
                page = next(pages, None)
            if page is None:
                return
            yield Page(
                tuple(
                    ObjectInfo(
                        entry["Key"], _bare(entry["ETag"]), entry["Size"], entry["LastModified"]
                    )
                    for entry in page.get("Contents", [])
                ),
                tuple(folder["Prefix"] for folder in page.get("CommonPrefixes", [])),
                more=page.get("IsTruncated", False),
            )


class _Errors(AbstractContextManager["_Errors"]):
    """Turns botocore's errors into ours; "no such key", if that can be (``absent``), is
    swallowed: what follows the block is reached then only."""

    def __init__(self, verb: str, bucket: str, key: str, *, absent: bool = True) -> None:
        self._absent = absent
        self._what = f"{verb} s3://{bucket}/{key!r:.200}"
        self._bucket = bucket
        self._key = key

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None or isinstance(error, StoreError):
            return False
        if isinstance(error, ClientError):
            code = _code(error)
            if code == "NoSuchBucket":
                raise AccessDenied(
                    self._key, f"{self._what}: there is no bucket {self._bucket!r}"
                ) from error
            if self._absent and code in _ABSENT:
                return True
            raise self._translate(code, error) from error
        # A body that breaks off comes as urllib3's own error (botocore, StreamingBody).
        if isinstance(error, BotoCoreError | HTTPError | OSError):
            raise Unavailable(self._key, f"{self._what}: {error}") from error
        return False

    def _translate(self, code: str, error: ClientError) -> StoreError:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _LOST or status == 412:
            return PreconditionFailed(self._key, f"{self._what}: somebody else was faster (412)")
        if code in _CONFLICT or status == 409:
            return Conflict(self._key, f"{self._what}: another write is under way (409)")
        if code in _DENIED or status == 403:
            # S3 hides "no such key" behind 403 from callers without s3:ListBucket
            # (S3 API reference, GetObject and HeadObject, "Permissions").
            return AccessDenied(
                self._key,
                f"{self._what}: access denied ({code}). Grant this action, and s3:ListBucket on "
                "the bucket, without which S3 says so for a missing object too",
            )
        return Unavailable(self._key, f"{self._what}: {code or status}: {error}")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _bare(etag: str) -> str:
    return etag.strip('"')


def _quoted(etag: str) -> str:
    return f'"{etag}"'


def _answered(answer: Any) -> datetime:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return datetime.now(UTC)
