"""A virtual S3: the part of boto3's client that pipelines use, over buckets in memory.

It takes the arguments and gives the answers that boto3's client does, raises botocore's own
errors, and tells queues of changes as S3 does.  Reads are consistent, as S3's are since December
2020.  A method or an argument that is not here raises, and nothing is ignored.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from gallery.clock import Clock
from gallery.memory import Call, MemoryObject, MemoryStore
from gallery.store import ObjectInfo, PreconditionFailed
from safelight.simulation.clock import VirtualClock
from safelight.simulation.notifications import ENCODINGS
from safelight.simulation.notifications import body as notification
from safelight.simulation.sqs import VirtualQueue

Hook = Callable[[Call], None]
"""Told of each call, ``before`` and ``after`` it takes effect.  What it raises, the caller gets."""


class NoSuchKey(ClientError):
    """As ``client.exceptions.NoSuchKey``."""


class _Exceptions:
    """As ``client.exceptions``."""

    ClientError = ClientError
    NoSuchKey = NoSuchKey


@dataclass(frozen=True)
class _Read:
    """What a read found."""

    info: ObjectInfo
    body: bytes
    content_type: str


@dataclass(frozen=True)
class Told:
    """A notification that was sent, or that is held back."""

    key: str
    body: str
    queue: VirtualQueue


@dataclass(frozen=True)
class _Subscription:
    queue: VirtualQueue
    bucket: str
    prefix: str
    suffix: str
    events: tuple[str, ...]
    encode: Callable[[str], str]

    def wants(self, bucket: str, key: str, name: str) -> bool:
        return (
            bucket == self.bucket
            and key.startswith(self.prefix)
            and key.endswith(self.suffix)
            and any(name.startswith(event.removesuffix("*")) for event in self.events)
        )


class VirtualS3:
    """A client.  A bucket is there as soon as it is named.

    ``hook`` is called around each call; ``holding`` keeps notifications back in ``held`` until
    :meth:`deliver`; ``told`` has all there ever were.
    """

    exceptions = _Exceptions

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or VirtualClock()
        self.hook: Hook | None = None
        self.holding = False
        self.held: list[Told] = []
        self.told: list[Told] = []
        self._buckets: dict[str, MemoryStore] = {}
        self._subscriptions: list[_Subscription] = []
        self._event = ""

    # Beside the client: what a test sees and says.

    def objects(self, bucket: str) -> dict[str, bytes]:
        """The bucket's objects and their bytes, as they are now."""
        return {key: found.body for key, found in sorted(self._bucket(bucket).objects.items())}

    def notify(
        self,
        queue: VirtualQueue,
        bucket: str,
        *,
        prefix: str = "",
        suffix: str = "",
        events: Iterable[str] = ("ObjectCreated:*", "ObjectRemoved:*"),
        dialect: str = "aws",
    ) -> None:
        """Tell ``queue`` of changes in ``bucket`` from now on.  ``dialect`` is how keys are
        encoded: ``aws`` or ``localstack``."""
        self._subscriptions.append(
            _Subscription(queue, bucket, prefix, suffix, tuple(events), ENCODINGS[dialect])
        )

    def deliver(self, *, newest_first: bool = False) -> int:
        """Deliver what was held back; how many."""
        going = list(reversed(self.held)) if newest_first else list(self.held)
        self.held.clear()
        for each in going:
            each.queue.send(each.body)
        return len(going)

    def again(self, each: Told) -> None:
        """Deliver a notification once more, as S3 now and then does."""
        each.queue.send(each.body, duplicate=True)

    # The client.

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes | str | BinaryIO = b"",
        ContentType: str = "binary/octet-stream",
        CacheControl: str | None = None,
        IfMatch: str | None = None,
        IfNoneMatch: str | None = None,
    ) -> dict[str, Any]:
        """PutObject."""
        found = self._put("PutObject", Bucket, Key, _bytes(Body), "ObjectCreated:Put",
                          ContentType, CacheControl, IfMatch, IfNoneMatch)  # fmt: skip
        return {"ETag": f'"{found.etag}"', **_meta()}

    def get_object(
        self, *, Bucket: str, Key: str, IfMatch: str | None = None, Range: str | None = None
    ) -> dict[str, Any]:
        """GetObject."""
        found = self._found("GetObject", "get", Bucket, Key)
        if IfMatch is not None and IfMatch.strip('"') != found.info.etag:
            raise _error("GetObject", "PreconditionFailed", 412)
        body, more = found.body, {}
        if Range is not None:
            first, last = _range(Range, len(body))
            more = {"ContentRange": f"bytes {first}-{last}/{len(body)}"}
            body = body[first : last + 1]
        stream = StreamingBody(io.BytesIO(body), len(body))
        return {**_head(found), **more, "ContentLength": len(body), "Body": stream}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """HeadObject."""
        return _head(self._found("HeadObject", "head", Bucket, Key))

    def delete_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """DeleteObject."""
        self._delete(Bucket, Key)
        return _meta(204)

    def delete_objects(self, *, Bucket: str, Delete: Mapping[str, Any]) -> dict[str, Any]:
        """DeleteObjects."""
        keys = [each["Key"] for each in Delete["Objects"]]
        for key in keys:
            self._delete(Bucket, key)
        return {"Deleted": [{"Key": key} for key in keys], **_meta()}

    def copy_object(
        self,
        *,
        Bucket: str,
        Key: str,
        CopySource: str | Mapping[str, str],
        ContentType: str | None = None,
    ) -> dict[str, Any]:
        """CopyObject."""
        if isinstance(CopySource, str):
            bucket, _, key = unquote(CopySource).lstrip("/").partition("/")
        else:
            bucket, key = CopySource["Bucket"], CopySource["Key"]
        source = self._found("CopyObject", "get", bucket, key)
        found = self._put("CopyObject", Bucket, Key, source.body, "ObjectCreated:Copy",
                          ContentType or source.content_type)  # fmt: skip
        return {"CopyObjectResult": {"ETag": f'"{found.etag}"'}, **_meta()}

    def list_objects_v2(
        self,
        *,
        Bucket: str,
        Prefix: str = "",
        MaxKeys: int = 1000,
        StartAfter: str = "",
        ContinuationToken: str = "",
        Delimiter: str = "",
    ) -> dict[str, Any]:
        """ListObjectsV2."""
        after = (ContinuationToken or StartAfter).encode()
        # Keys, and the folders that stand for those below them, in one order.
        entries: dict[str, ObjectInfo | None] = {}
        for each in self._bucket(Bucket).list(Prefix):
            rest = each.key[len(Prefix) :]
            if Delimiter and Delimiter in rest:
                entries.setdefault(Prefix + rest[: rest.index(Delimiter) + len(Delimiter)])
            else:
                entries[each.key] = each
        there = [name for name in entries if name.encode() > after]
        page = there[:MaxKeys]
        answer = {
            "Name": Bucket,
            "Prefix": Prefix,
            "KeyCount": len(page),
            "MaxKeys": MaxKeys,
            "IsTruncated": len(there) > len(page),
            **_meta(),
        }
        objects = [info for name in page if (info := entries[name]) is not None]
        if objects:
            answer["Contents"] = [
                {"Key": info.key, "Size": info.size, "ETag": f'"{info.etag}"',
                 "LastModified": info.last_modified, "StorageClass": "STANDARD"}
                for info in objects
            ]  # fmt: skip
        folders = [name for name in page if entries[name] is None]
        if folders:
            answer["CommonPrefixes"] = [{"Prefix": name} for name in folders]
        if answer["IsTruncated"]:
            answer["NextContinuationToken"] = page[-1]
        return answer

    def get_paginator(self, operation: str) -> Paginator:
        """Of ``list_objects_v2``."""
        if operation != "list_objects_v2":
            raise NotImplementedError(f"the virtual S3 has no paginator of {operation!r}")
        return Paginator(self)

    def upload_file(self, Filename: str, Bucket: str, Key: str) -> None:
        """A file, put as an object."""
        self.put_object(Bucket=Bucket, Key=Key, Body=Path(Filename).read_bytes())

    def download_file(self, Bucket: str, Key: str, Filename: str) -> None:
        """An object, written to a file."""
        Path(Filename).write_bytes(self.get_object(Bucket=Bucket, Key=Key)["Body"].read())

    def upload_fileobj(self, Fileobj: BinaryIO, Bucket: str, Key: str) -> None:
        """An open file, put as an object."""
        self.put_object(Bucket=Bucket, Key=Key, Body=Fileobj)

    def download_fileobj(self, Bucket: str, Key: str, Fileobj: BinaryIO) -> None:
        """An object, written to an open file."""
        Fileobj.write(self.get_object(Bucket=Bucket, Key=Key)["Body"].read())

    # Inside.

    def _bucket(self, name: str) -> MemoryStore:
        if name not in self._buckets:

            def changed(verb: str, key: str, found: MemoryObject | None) -> None:
                self._tell(name, key, found)

            self._buckets[name] = MemoryStore(self.clock, self._called, changed)
        return self._buckets[name]

    def _called(self, call: Call) -> None:
        if self.hook is not None:
            self.hook(call)

    def _found(self, operation: str, op: str, bucket: str, key: str) -> _Read:
        store = self._bucket(bucket)
        # What was there when it was read: a hook may change it before the answer arrives.
        if op == "head":
            info, body = store.head(key), b""
        else:
            read = store.get(key)
            info, body = (None, b"") if read is None else (read.info, read.body)
        if info is not None:
            there = store.objects.get(key)
            kind = there.content_type if there is not None else "binary/octet-stream"
            return _Read(info, body, kind)
        if op == "head":
            raise _error(operation, "404", 404, "Not Found")
        raise NoSuchKey(
            {
                "Error": {"Code": "NoSuchKey", "Message": "The specified key does not exist."},
                "ResponseMetadata": _meta(404)["ResponseMetadata"],
            },
            operation,
        )

    def _put(
        self,
        operation: str,
        bucket: str,
        key: str,
        raw: bytes,
        name: str,
        content_type: str,
        cache_control: str | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> MemoryObject:
        store = self._bucket(bucket)
        self._event = name
        try:
            store.put(
                key,
                raw,
                content_type=content_type,
                cache_control=cache_control,
                if_match=if_match.strip('"') if if_match is not None else None,
                if_none_match=if_none_match is not None,
            )
        except PreconditionFailed as error:
            raise _error(operation, "PreconditionFailed", 412) from error
        return store.objects[key]

    def _delete(self, bucket: str, key: str) -> None:
        store = self._bucket(bucket)
        # Of a delete of nothing S3 tells nobody, in a bucket without versions.
        self._event = "ObjectRemoved:Delete" if key in store.objects else ""
        store.delete(key)

    def _tell(self, bucket: str, key: str, found: MemoryObject | None) -> None:
        """Called when a change has taken effect, whether its answer arrives or not."""
        name = self._event
        if not name:
            return
        for subscription in self._subscriptions:
            if subscription.wants(bucket, key, name):
                number = len(self.told) + 1
                text = notification(
                    bucket, key, found, self.clock.now(), number, subscription.encode, name
                )
                told = Told(key, text, subscription.queue)
                self.told.append(told)
                if self.holding:
                    self.held.append(told)
                else:
                    told.queue.send(text)


class Paginator:
    """As ``client.get_paginator("list_objects_v2")``."""

    def __init__(self, client: VirtualS3) -> None:
        self._client = client

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Page after page."""
        while True:
            page = self._client.list_objects_v2(**arguments)
            yield page
            if not page["IsTruncated"]:
                return
            arguments["ContinuationToken"] = page["NextContinuationToken"]


def _bytes(body: bytes | str | BinaryIO) -> bytes:
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else body.read()


def _meta(status: int = 200) -> dict[str, Any]:
    return {"ResponseMetadata": {"HTTPStatusCode": status}}


def _head(found: _Read) -> dict[str, Any]:
    return {
        "ETag": f'"{found.info.etag}"',
        "ContentLength": found.info.size,
        "ContentType": found.content_type,
        "LastModified": found.info.last_modified,
        "Metadata": {},
        **_meta(),
    }


def _range(text: str, size: int) -> tuple[int, int]:
    """The first and last byte of ``bytes=FIRST-LAST``."""
    match = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", text)
    if match is None:
        raise NotImplementedError(f"the virtual S3 reads ranges such as bytes=0-99, not {text!r}")
    first = int(match[1])
    if first >= size:
        raise _error("GetObject", "InvalidRange", 416)
    return first, min(int(match[2] or size - 1), size - 1)


def _error(operation: str, code: str, status: int, message: str = "") -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message or code},
            "ResponseMetadata": _meta(status)["ResponseMetadata"],
        },
        operation,
    )
