"""Questions about conditional requests, with which the reconcilers commit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier
from typing import Any

from botocore.exceptions import ClientError

from safelight.conformance.emulator import Emulator
from safelight.conformance.objects import upload_in_parts
from safelight.conformance.question import Topic, outcome, refusal

CONDITIONS = Topic("conditions", "Conditional requests")

_GUIDE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
_WRITES = _GUIDE + "conditional-writes.html"
_DELETES = _GUIDE + "conditional-deletes.html"
_READS = _GUIDE + "conditional-reads.html"
_RIVALS = 8
_LOST = "412 PreconditionFailed"


@dataclass(frozen=True)
class _Shelf:
    """A bucket with an object, ``a``, that was overwritten once; the ETags of both versions."""

    s3: Any
    bucket: str
    first: str
    second: str

    def put(self, key: str = "a", body: bytes = b"third", **conditions: str) -> str:
        """How a put under these conditions ends."""
        return outcome(
            lambda: self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **conditions)
        )

    def delete(self, key: str = "a", **conditions: str) -> str:
        """How a delete under these conditions ends, and whether the object is there after it."""
        end = outcome(lambda: self.s3.delete_object(Bucket=self.bucket, Key=key, **conditions))
        there = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key)["KeyCount"]
        return f"{end}, {'kept' if there else 'gone'}"

    def get(self, **conditions: str) -> str:
        """How a read under these conditions ends."""
        return outcome(lambda: self.s3.get_object(Bucket=self.bucket, Key="a", **conditions))


@contextmanager
def _shelf(emulator: Emulator) -> Iterator[_Shelf]:
    with emulator.bucket() as bucket:

        def put(body: bytes) -> str:
            return emulator.s3.put_object(Bucket=bucket, Key="a", Body=body)["ETag"]

        yield _Shelf(emulator.s3, bucket, put(b"first"), put(b"second"))


@CONDITIONS.question(
    "create", "PutObject with `If-None-Match: *` where there is nothing", aws="200", source=_WRITES
)
def _create(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        return shelf.put("b", IfNoneMatch="*")


@CONDITIONS.question("create-over", "… where there is an object", aws=_LOST, source=_WRITES)
def _create_over(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        return shelf.put(IfNoneMatch="*")


@CONDITIONS.question("create-after-delete", "… where there was one", aws="200", source=_WRITES)
def _create_after_delete(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        emulator.s3.delete_object(Bucket=shelf.bucket, Key="a")
        return shelf.put(IfNoneMatch="*")


@CONDITIONS.question(
    "replace", "PutObject with `If-Match` and the ETag that is there", aws="200", source=_WRITES
)
def _replace(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        return shelf.put(IfMatch=shelf.second)


@CONDITIONS.question(
    "replace-stale", "… and the ETag of the version before", aws=_LOST, source=_WRITES
)
def _replace_stale(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        return shelf.put(IfMatch=shelf.first)


@CONDITIONS.question(
    "replace-missing", "… where there is nothing", aws="404 NoSuchKey", source=_WRITES
)
def _replace_missing(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        return shelf.put("b", IfMatch=shelf.second)


def _race(emulator: Emulator, **conditions: str) -> str:
    """How many of several simultaneous writes under the same condition get through, and how
    the others end."""
    together = Barrier(_RIVALS)
    ends: set[str] = set()
    with _shelf(emulator) as shelf, ThreadPoolExecutor(_RIVALS) as threads:
        key = "b" if "IfNoneMatch" in conditions else "a"
        # Connections first: they are what takes time.
        list(threads.map(lambda _: shelf.get(), range(_RIVALS)))

        def commit(number: int) -> bool:
            together.wait(60)
            body = str(number).encode()
            more: dict[str, Any] = dict(conditions)
            if "IfMatch" in more:
                more["IfMatch"] = shelf.second
            try:
                emulator.s3.put_object(Bucket=shelf.bucket, Key=key, Body=body, **more)
            except ClientError as error:
                ends.add(refusal(error))
                return False
            return True

        won = sum(threads.map(commit, range(_RIVALS)))
    # 409 is for those that lose while the winner is still at it: by chance.
    losers = ends - {"409 ConditionalRequestConflict"} or {_LOST}
    return f"{'one' if won == 1 else won} gets through, the others: {', '.join(sorted(losers))}"


@CONDITIONS.question(
    "create-race",
    f"{_RIVALS} at once with `If-None-Match: *`",
    aws=f"one gets through, the others: {_LOST}",
    source=_WRITES,
)
def _create_race(emulator: Emulator) -> str:
    return _race(emulator, IfNoneMatch="*")


@CONDITIONS.question(
    "replace-race",
    f"{_RIVALS} at once with `If-Match` and the same ETag",
    aws=f"one gets through, the others: {_LOST}",
    source=_WRITES,
)
def _replace_race(emulator: Emulator) -> str:
    return _race(emulator, IfMatch="")


@CONDITIONS.question(
    "multipart-create-over",
    "CompleteMultipartUpload with `If-None-Match: *` over an object",
    aws=_LOST,
    source=_WRITES,
)
def _multipart_create_over(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        try:
            upload_in_parts(emulator, shelf.bucket, "a", IfNoneMatch="*")
        except ClientError as error:
            return refusal(error)
        return "200"


@CONDITIONS.question(
    "copy-create-over",
    "CopyObject with `If-None-Match: *` over an object",
    aws=_LOST,
    source=_WRITES,
)
def _copy_create_over(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        shelf.put("b")
        return outcome(
            lambda: emulator.s3.copy_object(
                Bucket=shelf.bucket,
                Key="a",
                CopySource={"Bucket": shelf.bucket, "Key": "b"},
                IfNoneMatch="*",
            )
        )


@CONDITIONS.question(
    "delete-match",
    "DeleteObject with `If-Match` and the ETag that is there",
    aws="204, gone",
    source=_DELETES,
)
def _delete_match(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        return shelf.delete(IfMatch=shelf.second)


@CONDITIONS.question(
    "delete-stale",
    "… and the ETag of the version before",
    aws=f"{_LOST}, kept",
    source=_DELETES,
)
def _delete_stale(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        return shelf.delete(IfMatch=shelf.first)


@CONDITIONS.question("delete-vanished", "… where there is nothing", aws=None, source=_DELETES)
def _delete_vanished(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        return shelf.delete("b", IfMatch=shelf.second)


@CONDITIONS.question(
    "get-stale",
    "GetObject with `If-Match` and the ETag of the version before",
    aws=_LOST,
    source=_READS,
)
def _get_stale(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        return shelf.get(IfMatch=shelf.first)


@CONDITIONS.question(
    "get-unchanged",
    "GetObject with `If-None-Match` and the ETag that is there",
    aws="304",
    source=_READS,
)
def _get_unchanged(emulator: Emulator) -> str:
    with _shelf(emulator) as shelf:
        return shelf.get(IfNoneMatch=shelf.second)
