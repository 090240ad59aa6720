"""The simulated bucket: the in-memory store with the traits that make trouble.

It is :class:`gallery.memory.MemoryStore`, which the conformance suite holds to S3, with two
things added: S3 lists a page of keys at a time, and others may write between two pages; and
who loses a conditional write is counted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator

from gallery.clock import Clock
from gallery.memory import MemoryObject, MemoryStore
from gallery.store import ObjectInfo, PreconditionFailed

BUCKET = "photos-example"
"""The bucket's name."""


class _Keys(dict[str, MemoryObject]):
    """A dictionary that also knows its keys in the order in which S3 lists them."""

    def __init__(self) -> None:
        super().__init__()
        self.ordered: list[bytes] = []

    def __setitem__(self, key: str, value: MemoryObject) -> None:
        if key not in self:
            insort(self.ordered, key.encode())
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        raw = key.encode()
        del self.ordered[bisect_left(self.ordered, raw)]

    def pop(self, key: str, default: MemoryObject | None = None) -> MemoryObject | None:  # type: ignore[override]
        found = self.get(key)
        if found is None:
            return default
        del self[key]
        return found


class SimulatedBucket(MemoryStore):
    """``page`` is how many keys one page of a listing holds; ``lost`` is told of each
    conditional put that came too late, ``torn`` of each listing that takes one more page."""

    def __init__(self, clock: Clock, page: int = 1000) -> None:
        super().__init__(clock)
        self._sorted = _Keys()
        self.objects = self._sorted
        self.page = page
        self.lost: Callable[[str], None] | None = None
        self.torn: Callable[[], None] | None = None
        self.conditional = False

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
        self.conditional = if_match is not None or if_none_match
        try:
            return super().put(
                key,
                body,
                content_type=content_type,
                cache_control=cache_control,
                if_match=if_match,
                if_none_match=if_none_match,
            )
        except PreconditionFailed:
            if self.lost is not None:
                self.lost(key)
            raise

    def list(self, prefix: str, *, shallow: bool = False) -> Iterator[ObjectInfo]:
        raw, ordered = prefix.encode(), self._sorted.ordered
        last = b""
        while True:
            self._before("list", prefix)
            start = bisect_right(ordered, last) if last else bisect_left(ordered, raw)
            found: list[ObjectInfo] = []
            more = False
            for place in range(start, len(ordered)):
                if not ordered[place].startswith(raw):
                    break
                if len(found) == self.page:
                    more = True
                    break
                key = ordered[place].decode()
                if shallow and "/" in key[len(prefix) :]:
                    continue
                found.append(self._info(key, self.objects[key]))
                last = ordered[place]
            self._after("list", prefix)
            yield from found
            if not more:
                return
            if self.torn is not None:
                self.torn()
