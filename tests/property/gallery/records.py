"""Records of every shape, for the properties they must have."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from gallery.record import (
    AlbumRecord,
    Card,
    Exif,
    Page,
    PhotoRecord,
    Record,
    Rendition,
    RenditionSet,
    SeenCard,
    Shown,
    Source,
    Stripped,
    Taken,
    TextRecord,
)

text = st.text(max_size=20)
maybe = st.none() | text
count = st.integers(0, 2**53)
moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))
maybe_moment = st.none() | moments
statuses = st.sampled_from(["ready", "rejected", "deleted"])
digests = st.text("0123456789abcdef", min_size=16, max_size=16)

sources = st.builds(
    Source, etag=text, size=count, last_modified=moments, width=count, height=count, format=text,
    has_location=st.booleans(),
)  # fmt: skip
renditions = st.builds(Rendition, key=text, width=count, height=count, bytes=count)
exifs = st.builds(
    Exif, camera=maybe, lens=maybe, focal_length=maybe, aperture=maybe, shutter=maybe,
    iso=st.none() | count, line=text, more=st.dictionaries(text, text, max_size=3),
)  # fmt: skip
takens = st.builds(
    Taken, local=text, offset=maybe, source=st.sampled_from(["exif", "filename", "modified"])
)
copies = st.builds(Stripped, key=text, bytes=count, reason=maybe)
sets = st.builds(RenditionSet, digest=digests, since=moments)


def _few(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=2).map(tuple)


photos: st.SearchStrategy[PhotoRecord] = st.builds(
    PhotoRecord, key=text, status=statuses, reason=maybe, source=st.none() | sources,
    digest=digests, renditions=_few(renditions), exif=exifs, taken=st.none() | takens,
    title=maybe, description=maybe, placeholder=_few(text), stripped=st.none() | copies,
    superseded=_few(sets),
    retired=_few(sets), removing_since=maybe_moment, updated=moments,
)  # fmt: skip
texts: st.SearchStrategy[TextRecord] = st.builds(
    TextRecord, kind=st.sampled_from(["text", "settings"]), key=text, status=statuses,
    reason=maybe, source=st.none() | sources, digest=digests, text=st.text(),
    removing_since=maybe_moment, updated=moments,
)  # fmt: skip
records: st.SearchStrategy[Record] = photos | texts

_shown = st.builds(Shown.of, text, records)
_cards = st.builds(
    Card, slug=text, path=text, title=text, photos=count, total=count, first=maybe, last=maybe,
    cover=st.none() | photos, latest=_few(photos), hidden=st.booleans(), pending=_few(text),
    updated=maybe_moment,
)  # fmt: skip
albums: st.SearchStrategy[AlbumRecord] = st.builds(
    AlbumRecord, kind=st.sampled_from(["album", "site"]), slug=text, inputs=digests,
    shown=st.dictionaries(text, _shown, max_size=2),
    albums=st.dictionaries(text, st.builds(SeenCard, etag=text, card=_cards), max_size=2),
    linked=st.dictionaries(text, digests, max_size=2),
    pages=st.dictionaries(text, st.builds(Page, etag=text, content=text), max_size=2),
    card=st.none() | _cards, removing_since=maybe_moment, updated=moments,
)  # fmt: skip
