"""What a page may link, and the ledger of what it did.

A record names its photo and its renditions by key.  A key that is not the one this photo's
would have is never linked: ``//elsewhere.example/x.jpg`` is a key too, and a URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from gallery import keys
from gallery.originals import Originals
from gallery.record import PhotoRecord, Rendition

_WIDTH = re.compile(r"[0-9]{1,6}\.jpg")
_MOST_PIXELS = 1_000_000
_DIGEST = re.compile(r"[0-9a-f]{16}")


@lru_cache(maxsize=4096)
def original(key: str) -> keys.Original | None:
    """The photo that ``key`` names, ``None`` if it is not the key of one."""
    try:
        found = keys.classify(key)
    except ValueError:
        return None
    return found if found.kind is keys.Kind.PHOTO else None


def renditions(record: PhotoRecord) -> tuple[Rendition, ...]:
    """The record's renditions that a page may link, smallest first; none if it is not shown."""
    if (
        record.status != "ready"
        or original(record.key) is None
        or not _DIGEST.fullmatch(record.digest)
    ):
        return ()
    prefix = keys.rendition_prefix(record.key, record.digest)
    own = [
        rendition
        for rendition in record.renditions
        if rendition.key.startswith(prefix)
        and _WIDTH.fullmatch(rendition.key, len(prefix))
        and 0 < rendition.width < _MOST_PIXELS
        and 0 < rendition.height < _MOST_PIXELS
    ]
    return tuple(sorted(own, key=lambda each: (each.width, each.key)))


@dataclass(frozen=True)
class Offer:
    """What a visitor may take of a photo: the object ``key`` of ``bytes`` bytes, to be saved as
    ``path`` (its album's folder and its name, no URL).  ``what`` it is: the original, a stripped
    copy of it, or the largest rendition."""

    key: str
    path: str
    bytes: int
    what: Literal["original", "copy", "rendition"]


_SAME_FORMAT: Final = {"jpg": ("jpg", "jpeg", "jpe", "jfif"), "gif": ("gif",), "png": ("png",)}


def offered(record: PhotoRecord, originals: Originals) -> Offer | None:
    """What is offered of the photo where ``originals`` is the owner's choice; ``None`` if the
    photo is not shown.

    Where a stripped copy is not there (yet), or there can be none, it is the largest rendition.
    """
    found, there = original(record.key), renditions(record)
    if found is None or not there:
        return None
    if originals == "public":
        size = record.source.size if record.source else 0
        return Offer(record.key, _path(found, found.name), max(0, size), "original")
    if originals == "stripped" and record.stripped is not None and record.stripped.key:
        for ending in keys.COPIES:
            if record.stripped.key == keys.stripped(record.key, record.digest, ending):
                path = _path(found, _named(found.name, ending))
                return Offer(record.stripped.key, path, max(0, record.stripped.bytes), "copy")
    largest = there[-1]
    path = _path(found, _named(found.name, "jpg"))
    return Offer(largest.key, path, max(0, largest.bytes), "rendition")


def _path(found: keys.Original, name: str) -> str:
    return f"{found.album}/{name}" if found.album else name


def _named(name: str, ending: str) -> str:
    """The file's own name if it ends as it should, else with the right ending after it: beside
    ``a.jpg``, what is made of ``a.heic`` cannot be called the same."""
    own = name.rpartition(".")[2].lower()
    return name if own in _SAME_FORMAT.get(ending, (ending,)) else f"{name}.{ending}"


def newest(records: Iterable[PhotoRecord]) -> dict[str, PhotoRecord]:
    """One record a photo, the latest committed.

    The cards of a parent and its child may have been made at different times and show the
    same photo; only its latest renditions are sure to be there.
    """
    found: dict[str, PhotoRecord] = {}
    for record in records:
        other = found.get(record.key)
        if other is None or (record.updated, record.digest) > (other.updated, other.digest):
            found[record.key] = record
    return found


class Linked:
    """The photos whose renditions the documents of one build link, and their digests."""

    def __init__(self) -> None:
        self._digests: dict[str, str] = {}

    def renditions(self, record: PhotoRecord) -> tuple[Rendition, ...]:
        """The record's renditions, to be linked: they are entered in the ledger."""
        found = renditions(record)
        if found:
            self._digests[record.key] = record.digest
        return found

    def offered(self, record: PhotoRecord, originals: Originals) -> Offer | None:
        """What is offered of the photo, to be linked: it is entered in the ledger unless it is
        the original, which is nobody's to remove."""
        found = offered(record, originals)
        if found is not None and found.what != "original":
            self._digests[record.key] = record.digest
        return found

    def digests(self) -> Mapping[str, str]:
        """Photo key → digest, in the order of the keys."""
        return dict(sorted(self._digests.items()))


def url(page: str, target: str, base: str | None) -> str:
    """The URL of the object ``target``: below ``base`` if the site's place is known, else
    relative to ``page``."""
    return base + keys.url_path(target) if base else keys.href(page, target)
