"""The laws: what must hold whatever happens, and what must hold once the trouble is over.

Safety laws are checked at every single change of the bucket:

``originals``
    Nothing but the user writes under ``photos/``.
``immutable``
    A rendition's bytes never change.
``named``
    No committed record names a rendition that is not there, and what it names was made from
    the version of the original that it names.
``kept``
    No record is deleted but a tombstone.
``linked``
    No page links a rendition that is not there.
``cached``
    A rendition stays for as long as a page that linked it may lie in a cache, unless its photo
    was deleted.

The others are checked at an end (see :mod:`safelight.simulation.convergence`):

``settles``
    Once no more trouble comes, the queues run empty.
``letters``
    Dead letters are exactly those that can never be delivered.
``foreseen``
    No worker fails in a way nobody foresaw.
``records``, ``renditions``, ``pages``
    They are what a pure function of the originals says.
``replay``
    Every notification there ever was comes again, or any first part of them, and no byte
    changes.
``garbage``
    After the graces and the sweeps nothing is left that nobody needs.
``expected``
    What the scenario itself expects.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime, timedelta
from urllib.parse import unquote

from gallery import keys
from gallery.clock import Clock
from gallery.memory import MemoryObject
from gallery.record import PhotoRecord, Record, UnreadableRecord, decode

CACHED = timedelta(seconds=300)
"""The longest a document of the site may be cached (``sitegen.document.FEED_CACHE``)."""


class LawBroken(AssertionError):
    """A law does not hold.  ``law`` is its name, ``what`` tells a person what was seen."""

    def __init__(self, law: str, what: str) -> None:
        super().__init__(f"the law “{law}” is broken: {what}")
        self.law = law
        self.what = what


_LINK = re.compile(rb"thumbs/[^\s\"'<>,)&]+?\.[0-9a-f]{16}-(?:[0-9]+|stripped)\.jpg")


def links(body: bytes) -> frozenset[str]:
    """The keys of the renditions that a document links, whatever its format."""
    return frozenset(unquote(found.decode("ascii", "replace")) for found in _LINK.findall(body))


def named_by(record: PhotoRecord) -> set[str]:
    """The keys of what a record says is there of its photo: renditions, and the stripped copy."""
    found = {rendition.key for rendition in record.renditions}
    if record.stripped is not None and record.stripped.key:
        found.add(record.stripped.key)
    return found


def is_page(key: str) -> bool:
    """Whether the key is one of the site's documents."""
    return not key.startswith((keys.PHOTOS, keys.THUMBS, keys.CATALOG))


class Safety:
    """Watches the bucket and keeps the first law that breaks."""

    def __init__(self, clock: Clock, objects: dict[str, MemoryObject]) -> None:
        self._clock = clock
        self._objects = objects
        self._named: dict[str, set[str]] = {}
        self._namers: dict[str, set[str]] = defaultdict(set)
        self._linked: dict[str, frozenset[str]] = {}
        self._linkers: dict[str, set[str]] = defaultdict(set)
        self._given_up: set[tuple[str, str]] = set()
        self._unlinked_at: dict[str, datetime] = {}
        self.broken: LawBroken | None = None

    def check(self) -> None:
        """Raise what was broken since, if anything was."""
        if self.broken is not None:
            raise self.broken

    def _break(self, law: str, what: str) -> None:
        if self.broken is None:
            self.broken = LawBroken(law, what)

    def changed(
        self, key: str, before: MemoryObject | None, after: MemoryObject | None, *, by: str | None
    ) -> Record | None:
        """An object was put or deleted; ``by`` is the worker, ``None`` for the user.

        Returns the photo's record that was committed, if one was.
        """
        if key.startswith(keys.PHOTOS):
            if by is not None:
                self._break("originals", f"{by} wrote or deleted the original {key}")
        elif key.startswith(keys.THUMBS):
            self._rendition(key, before, after)
        elif key.startswith(keys.RECORDS):
            return self._record(key, before, after)
        elif is_page(key):
            self._page(key, after)
        return None

    def _rendition(self, key: str, before: MemoryObject | None, after: MemoryObject | None) -> None:
        if after is not None:
            if before is not None and before.body != after.body:
                self._break("immutable", f"{key} was put again with other bytes")
            return
        namers = self._namers.get(key)
        if namers:
            self._break("named", f"{key} was deleted while {min(namers)} names it")
        linkers = self._linkers.get(key)
        if linkers:
            self._break("linked", f"{key} was deleted while {min(linkers)} links it")
        self._still_cached(key)

    def _still_cached(self, key: str) -> None:
        since = self._unlinked_at.get(key)
        name = keys.parse_rendition(key)
        if since is None or name is None or self._clock.now() >= since + CACHED:
            return
        # A deleted photo's renditions are to go at once; caches are told so.
        if (name.record, name.digest) not in self._given_up:
            self._break(
                "cached",
                f"{key} was deleted {(self._clock.now() - since).total_seconds():.0f} s after a "
                f"page had linked it; a visitor may have that page for {CACHED.seconds} s",
            )

    def _record(
        self, key: str, before: MemoryObject | None, after: MemoryObject | None
    ) -> Record | None:
        for name in self._named.pop(key, ()):
            self._namers[name].discard(key)
        if after is None:
            if before is not None and decode(before.body, key).status != "deleted":
                self._break("kept", f"{key} was deleted, and was no tombstone")
            return None
        try:
            record = decode(after.body, key)
        except UnreadableRecord as error:
            self._break("named", f"{key} is no record: {error}")
            return None
        if not isinstance(record, PhotoRecord):
            return record
        if record.status == "deleted":
            gone = (*record.superseded, *record.retired)
            self._given_up.update((key, old.digest) for old in gone)
        if record.status != "ready":
            return record
        self._given_up.discard((key, record.digest))
        names = named_by(record)
        self._named[key] = names
        etag = record.source.etag if record.source is not None else ""
        for name in sorted(names):
            self._namers[name].add(key)
            there = self._objects.get(name)
            if there is None:
                self._break("named", f"{key} was committed, but {name} is not there")
            elif f" of {etag} " not in there.body.decode():
                self._break("named", f"{key} is of version {etag}, but {name} is not")
        return record

    def _page(self, key: str, after: MemoryObject | None) -> None:
        found = links(after.body) if after is not None else frozenset()
        former = self._linked.get(key, frozenset())
        for name in former - found:
            self._linkers[name].discard(key)
            self._unlinked_at[name] = self._clock.now()
        for name in found - former:
            self._linkers[name].add(key)
        for name in sorted(found):
            if name not in self._objects:
                self._break("linked", f"{key} was put, but {name}, which it links, is not there")
        if found:
            self._linked[key] = found
        else:
            self._linked.pop(key, None)
