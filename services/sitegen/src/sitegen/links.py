"""What a page may link, and the ledger of what it did.

A record names its photo and its renditions by key.  A key that is not the one this photo's
would have is never linked: ``//elsewhere.example/x.jpg`` is a key too, and a URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from gallery import keys
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

    def digests(self) -> Mapping[str, str]:
        """Photo key → digest, in the order of the keys."""
        return dict(sorted(self._digests.items()))


def url(page: str, target: str, base: str | None) -> str:
    """The URL of the object ``target``: below ``base`` if the site's place is known, else
    relative to ``page``."""
    return base + keys.url_path(target) if base else keys.href(page, target)
