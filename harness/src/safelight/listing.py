"""Large listings, several stretches at a time.

S3 hands out a thousand keys a request, and each answer names where the next begins: a listing
of a million keys is a thousand requests in a row.  But it also begins after any key that it
is told.  So the keys under a prefix are cut into stretches where albums begin, and the
stretches are listed side by side: about as many requests, many at a time.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from gallery.store import ObjectInfo, S3Store

_WORKERS = 16
_STRETCHES = 64
# Requests that may be spent on finding where to cut.
_LOOKS = 32

Listing = Callable[[str], Iterator[ObjectInfo]]
"""Lists the objects whose keys begin with a prefix, in any order."""

Stretch = tuple[str, str | None]
"""The keys after the first (``""``: from the beginning), up to and with the second
(``None``: to the end)."""


def side_by_side(store: S3Store, seen: Callable[[int], None] = lambda count: None) -> Listing:
    """A :data:`Listing` of the bucket of ``store``, as fast as S3 lets us.

    ``seen`` is told how many keys have come by now, of all its listings together.
    """
    total = 0

    def listing(prefix: str) -> Iterator[ObjectInfo]:
        nonlocal total
        for objects in _pages(store, prefix):
            total += len(objects)
            seen(total)
            yield from objects

    return listing


def _pages(store: S3Store, prefix: str) -> Iterator[Sequence[ObjectInfo]]:
    first = next(store.pages(prefix), None)
    if first is None:
        return
    yield first.objects
    if not first.more:
        return
    begin = first.objects[-1].key
    cuts = [cut for cut in boundaries(store, prefix) if cut > begin]
    yield from _read(store, prefix, stretches(begin, cuts))


def boundaries(store: S3Store, prefix: str) -> list[str]:
    """Folders under ``prefix``, in order: the upper ones, as many as are worth looking for."""
    found: list[str] = []
    unopened = deque([prefix])
    looks = 0
    while unopened and len(found) < _STRETCHES:
        for page in store.pages(unopened.popleft(), shallow=True):
            found += page.folders
            unopened += page.folders
            looks += 1
            if looks == _LOOKS:
                return sorted(found)
    return sorted(found)


def stretches(begin: str, cuts: Sequence[str]) -> list[Stretch]:
    """The keys after ``begin``, cut at some of ``cuts`` (in order), evenly chosen."""
    count = min(len(cuts), _STRETCHES - 1)
    chosen = [cuts[number * len(cuts) // count] for number in range(count)]
    edges = [begin, *chosen]
    return list(zip(edges, [*chosen, None], strict=True))


def _read(store: S3Store, prefix: str, parts: Sequence[Stretch]) -> Iterator[Sequence[ObjectInfo]]:
    """The pages of every stretch, as they come."""
    # Bounded: a reader who is slower than S3 does not hold the whole listing in memory.
    come: queue.Queue[Sequence[ObjectInfo] | BaseException | None] = queue.Queue(2 * _WORKERS)
    stop = threading.Event()

    def hand_over(what: Sequence[ObjectInfo] | BaseException | None) -> None:
        while not stop.is_set():
            try:
                come.put(what, timeout=0.2)
            except queue.Full:
                continue
            return

    def read(part: Stretch) -> None:
        after, upto = part
        try:
            for page in store.pages(prefix, after=after):
                inside = [info for info in page.objects if upto is None or info.key <= upto]
                hand_over(inside)
                if len(inside) < len(page.objects) or stop.is_set():
                    break
        except BaseException as error:  # noqa: BLE001 - raised where the pages are read
            hand_over(error)
        hand_over(None)

    pool = ThreadPoolExecutor(_WORKERS)
    try:
        for part in parts:
            pool.submit(read, part)
        reading = len(parts)
        while reading:
            page = come.get()
            if isinstance(page, BaseException):
                raise page
            if page is None:
                reading -= 1
            else:
                yield page
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
