"""The object store in memory: for tests, and for the simulation, which needs to stand
between any two calls.

It passes the same conformance suite as :class:`gallery.store.S3Store` does against every
emulator (``tests/conformance/``), so it cannot drift from what S3 does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Literal, TypeVar

from gallery.clock import Clock, SystemClock
from gallery.keys import MAX_KEY
from gallery.store import ObjectInfo, PreconditionFailed, StoredObject, StoreError

T = TypeVar("T")

Op = Literal["head", "get", "put", "delete", "list"]


@dataclass(frozen=True)
class Call:
    """One call on the store, as a hook sees it.  ``key`` is the prefix of a ``list``."""

    op: Op
    key: str
    phase: Literal["before", "after"]


Hook = Callable[[Call], None]
"""Called before and after each call takes effect.  What it raises, the caller of the store
gets: before the effect, a call that failed; after it, an answer that was lost."""


@dataclass(frozen=True)
class MemoryObject:
    """An object as it lies in the store."""

    body: bytes
    etag: str
    last_modified: datetime
    content_type: str
    cache_control: str | None


Watcher = Callable[[str, str, "MemoryObject | None"], None]


class MemoryStore:
    """An :class:`gallery.store.ObjectStore` in a dictionary.

    ``hook`` is called around each call.  ``watcher`` is told of each change that took effect,
    as ``("put" | "delete", key, object)``, the way S3 notifies: a delete of nothing too.
    Not for several threads.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        hook: Hook | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self.hook = hook
        self.watcher = watcher
        self.objects: dict[str, MemoryObject] = {}

    def _before(self, op: Op, key: str) -> None:
        if self.hook is not None:
            self.hook(Call(op, key, "before"))

    def _after(self, op: Op, key: str) -> None:
        if self.hook is not None:
            self.hook(Call(op, key, "after"))

    def _info(self, key: str, found: MemoryObject) -> ObjectInfo:
        return ObjectInfo(key, found.etag, len(found.body), found.last_modified)

    def head(self, key: str) -> ObjectInfo | None:
        self._before("head", key)
        found = self.objects.get(key)
        self._after("head", key)
        return None if found is None else self._info(key, found)

    def _read(self, key: str) -> StoredObject | None:
        self._before("get", key)
        found = self.objects.get(key)
        self._after("get", key)
        return None if found is None else StoredObject(self._info(key, found), found.body)

    def get(self, key: str) -> StoredObject | None:
        return self._read(key)

    def get_many(self, keys: Iterable[str]) -> Iterator[tuple[str, StoredObject | None]]:
        for key in keys:
            yield key, self._read(key)

    def together(self, calls: Iterable[Callable[[], T]]) -> Iterator[T]:
        for call in calls:
            yield call()

    def peek(self, key: str, count: int) -> StoredObject | None:
        found = self._read(key)
        return None if found is None else StoredObject(found.info, found.body[:count])

    def download(self, key: str, file: BinaryIO, *, if_match: str) -> None:
        found = self._read(key)
        if found is None:
            raise PreconditionFailed(key, f"{key!r:.200} is gone")
        if found.info.etag != if_match:
            raise PreconditionFailed(key, f"{key!r:.200} was overwritten meanwhile")
        file.write(found.body)

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
        if not 0 < len(key.encode("utf-8", "surrogatepass")) <= MAX_KEY:
            raise StoreError(key, f"a key has 1 to {MAX_KEY} bytes of UTF-8")
        self._before("put", key)
        there = self.objects.get(key)
        if if_match is not None and (there is None or there.etag != if_match):
            raise PreconditionFailed(key, f"{key!r:.200}: somebody else was faster (412)")
        if if_none_match and there is not None:
            raise PreconditionFailed(key, f"{key!r:.200}: somebody else was faster (412)")
        # MD5 is what S3 gives as the ETag of a plain, unencrypted put.
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        stored = MemoryObject(bytes(body), etag, self._clock.now(), content_type, cache_control)
        self.objects[key] = stored
        if self.watcher is not None:
            self.watcher("put", key, stored)
        self._after("put", key)
        return self._info(key, stored)

    def upload(
        self, key: str, file: BinaryIO, *, content_type: str, cache_control: str | None = None
    ) -> ObjectInfo:
        file.seek(0)
        return self.put(key, file.read(), content_type=content_type, cache_control=cache_control)

    def delete(self, key: str) -> None:
        self._before("delete", key)
        self.objects.pop(key, None)
        if self.watcher is not None:
            self.watcher("delete", key, None)
        self._after("delete", key)

    def list(self, prefix: str, *, shallow: bool = False) -> Iterator[ObjectInfo]:
        self._before("list", prefix)
        found = [
            self._info(key, self.objects[key])
            for key in sorted(self.objects, key=lambda key: key.encode("utf-8", "surrogatepass"))
            if key.startswith(prefix) and not (shallow and "/" in key[len(prefix) :])
        ]
        self._after("list", prefix)
        yield from found
