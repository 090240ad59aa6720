"""An album's card: what its parents, the home page and the feed need to know of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime

import msgspec

from gallery.record import Card, PhotoRecord
from sitegen import text
from sitegen.links import renditions
from sitegen.photo import arrived, dated, day_of
from sitegen.words import Reading, Span, natural

LATEST = 4
"""How many of an album's newest photos its card carries for the site's feed."""


def slim(record: PhotoRecord) -> PhotoRecord:
    """The record with only what a card shows: the site's record holds thousands of them."""
    return msgspec.structs.replace(
        record,
        exif=msgspec.structs.replace(record.exif, more={}),
        superseded=(),
        retired=(),
        removing_since=None,
    )


def _lot(record: PhotoRecord) -> str:
    """A number drawn for the photo from its content: it does not change with its neighbours."""
    etag = record.source.etag if record.source else record.digest
    return hashlib.sha256(f"{etag}\n{record.key}".encode("utf-8", "surrogatepass")).hexdigest()


def _lies(record: PhotoRecord) -> bool:
    widest = renditions(record)[-1]
    return 1.15 <= widest.width / widest.height <= 2.2


def cover(
    photos: Sequence[PhotoRecord], children: Iterable[Card], chosen: str | None
) -> PhotoRecord | None:
    """The album's cover: the one its text chose, else one by lot among those that lie.

    The lot is drawn from the photos' content, so that a new photo rarely changes the cover:
    a cover that changed with each build would break every cache.
    """
    if chosen:
        for photo in photos:
            if text.names_photo(photo, chosen):
                return photo
    # Of an album that holds only albums, one of their covers.
    pool = list(photos) or [
        child.cover for child in listed(children) if child.cover and renditions(child.cover)
    ]
    return min(
        (photo for photo in pool if _lies(photo)),
        key=_lot,
        default=min(pool, key=_lot, default=None),
    )


def listed(cards: Iterable[Card]) -> list[Card]:
    """The cards that are shown to visitors: not hidden, not empty; newest first.

    An album without a date comes after those that have one, by its title.
    """
    shown = [card for card in cards if not card.hidden and card.total > 0]
    shown.sort(key=lambda card: (natural(card.title), card.slug))
    shown.sort(key=lambda card: card.last or card.first or "", reverse=True)
    return shown


def days(photos: Sequence[PhotoRecord], words: text.Words, folder: Reading) -> Span | None:
    """The days of the photos themselves: as the text says, the camera, the folder, the files.

    A roll of film is dated by its folder: its photos carry the day of the scan.
    """
    if words.days:
        return words.days
    if folder.film and folder.days:
        return folder.days
    taken = [moment.date() for photo in photos if (moment := dated(photo))]
    if taken:
        return min(taken), max(taken)
    if folder.days:
        return folder.days
    saved = [found for photo in photos if (found := day_of(photo))]
    return (min(saved), max(saved)) if saved else None


def _iso(text_: str | None) -> date | None:
    try:
        return date.fromisoformat(text_) if text_ else None
    except ValueError:
        return None


def span_of(card: Card) -> Span | None:
    """The card's first and last day, if it tells them."""
    first, last = _iso(card.first), _iso(card.last)
    first = first or last
    last = last or first
    return (min(first, last), max(first, last)) if first and last else None


def make(
    *,
    slug: str,
    path: str,
    title: str,
    photos: Sequence[PhotoRecord],
    children: Sequence[Card],
    words: text.Words,
    folder: Reading,
    changed: datetime | None,
) -> Card:
    """The card of an album with these photos (all of them shown) and these sub-albums."""
    shown = listed(children)
    spans = [found for found in (days(photos, words, folder), *map(span_of, shown)) if found]
    if words.days:
        spans = [words.days]
    newest = sorted(photos, key=lambda photo: photo.key)
    newest.sort(key=arrived, reverse=True)
    moments = [found for found in (changed, *(child.updated for child in children)) if found]
    front = cover(photos, shown, words.cover)
    return Card(
        slug=slug,
        path=path,
        title=title,
        photos=len(photos),
        total=len(photos) + sum(child.total for child in shown),
        first=min(span[0] for span in spans).isoformat() if spans else None,
        last=max(span[1] for span in spans).isoformat() if spans else None,
        cover=slim(front) if front else None,
        latest=tuple(slim(photo) for photo in newest[:LATEST]),
        hidden=words.hidden,
        updated=max(moments, default=None),
    )
