"""The records: what the catalog says of each photo, each text, each album and the site.

A record is one JSON object in the bucket.  Writing it, by compare-and-swap, is the commit
of a reconciler: what no record names does not exist for anybody.  The types below *are* the
format; :func:`schemas` derives the published JSON Schemas (``docs/schemas/``) from them.

Versions: ``version`` is 1.  A reader ignores fields it does not know and refuses a version
it does not know (:class:`UnreadableRecord`), because guessing at a commit loses data.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

VERSION: Literal[1] = 1

Status = Literal["ready", "rejected", "deleted"]
DateSource = Literal["exif", "filename", "modified"]

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone: without one it could not be compared with any other."""


class UnreadableRecord(ValueError):
    """The bytes are not a record this version of Safelight can read."""


class CorruptRecord(UnreadableRecord):
    """They are no record at all: it can be made anew from the original."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value inside a record; a field at its default is left out of the JSON."""


class Source(_Part, frozen=True, kw_only=True):
    """The original as it was when the record was committed.

    ``width`` and ``height`` are pixels *after* turning by the EXIF orientation (as a person
    sees the photo); they are 0 where the file could not be decoded.  ``format`` is told by
    content: ``JPEG``, ``PNG``, ``WEBP``, ``AVIF``, ``TIFF``, ``GIF`` or ``HEIF``.
    """

    etag: str
    size: int
    last_modified: Moment
    width: int = 0
    height: int = 0
    format: str = ""
    has_location: bool = False
    """The original's metadata carries GPS coordinates."""


class Rendition(_Part, frozen=True, kw_only=True):
    """One derived JPEG.  ``key`` is its object key, ``bytes`` its size."""

    key: str
    width: int
    height: int
    bytes: int


class Stripped(_Part, frozen=True, kw_only=True):
    """What came of the wish for a copy of the original without its private metadata.

    ``key`` is the copy's object key and ``bytes`` its size; or ``reason`` tells a person why
    there is none: then the largest rendition is offered in its place.
    """

    key: str = ""
    bytes: int = 0
    reason: str | None = None


class Exif(_Part, frozen=True, kw_only=True):
    """EXIF for people: each value as a person would write it, absent where unknown.

    ``line`` joins camera, focal length, aperture, shutter and ISO, for example
    ``nikon d3400 · 35mm · ƒ1.8 · 1/60s · ISO 800``.
    """

    camera: str | None = None
    lens: str | None = None
    focal_length: str | None = None
    aperture: str | None = None
    shutter: str | None = None
    iso: int | None = None
    line: str = ""
    more: dict[str, str] = {}
    """Further tags fit to show on a photo's own page, label to text."""


class Taken(_Part, frozen=True, kw_only=True):
    """When the photo was taken: local time of the camera, ``YYYY-MM-DDTHH:MM:SS``, and its
    offset from UTC (``+02:00``) where the file tells; ``source`` says what it was read from."""

    local: str
    offset: str | None = None
    source: DateSource


class RenditionSet(_Part, frozen=True, kw_only=True):
    """A set of renditions, by digest, that is no longer the current one, ``since`` when."""

    digest: str
    since: Moment


class PhotoRecord(_Part, frozen=True, kw_only=True):
    """The commit of the photo reconciler for one photo (``catalog/photos/….json``).

    * ``ready``: ``renditions`` are in the bucket, all of them.
    * ``rejected``: the original cannot be rendered; ``reason`` tells a person why.
    * ``deleted``: a tombstone; the original is gone since ``updated``.

    ``digest`` is what the record was worked out from (see :func:`gallery.keys.digest`).
    ``superseded`` are rendition sets that pages may still link; ``retired`` are sets that are
    being removed, or were so recently that their names must not be used again.
    """

    version: Literal[1] = msgspec.field(default=VERSION)
    kind: Literal["photo"] = msgspec.field(default="photo")
    key: str
    status: Status
    reason: str | None = None
    source: Source | None = None
    digest: str = ""
    renditions: tuple[Rendition, ...] = ()
    exif: Exif = Exif()
    taken: Taken | None = None
    title: str | None = None
    description: str | None = None
    placeholder: tuple[str, ...] = ()
    """A few colours of the photo, ``#rrggbb``, row by row (see ``thumbnailer.renditions``)."""
    stripped: Stripped | None = None
    """Only where visitors are offered stripped copies; it is one of the set ``digest``."""
    superseded: tuple[RenditionSet, ...] = ()
    retired: tuple[RenditionSet, ...] = ()
    removing_since: Moment | None = None
    """Set on a tombstone that the sweep is about to remove."""
    updated: Moment


class TextRecord(_Part, frozen=True, kw_only=True):
    """A committed text: an album's or photo's words, or the site's settings.

    ``text`` is the original's content, decoded but not interpreted; sitegen reads it.
    """

    version: Literal[1] = msgspec.field(default=VERSION)
    kind: Literal["text", "settings"]
    key: str
    status: Status
    reason: str | None = None
    source: Source | None = None
    digest: str = ""
    text: str = ""
    untold: bool = False
    """Settings that change what visitors may take, of which not every photo has been told."""
    removing_since: Moment | None = None
    updated: Moment


Record = PhotoRecord | TextRecord


class Page(_Part, frozen=True, kw_only=True):
    """A page in the bucket: the ETag it had when written, and the digest of its content or,
    for a photo's own page, of its inputs: there are thousands of those, and each is drawn only
    where its inputs have changed."""

    etag: str
    content: str = ""
    inputs: str = ""


class Shown(_Part, frozen=True, kw_only=True):
    """One record as an album shows it (one of ``photo`` and ``text``), and the ETag it was
    read at."""

    etag: str
    photo: PhotoRecord | None = None
    text: TextRecord | None = None

    def __post_init__(self) -> None:
        if (self.photo is None) == (self.text is None):
            raise ValueError("an album shows either a photo's record or a text's")

    @classmethod
    def of(cls, etag: str, record: Record) -> Shown:
        """``record``, read at ``etag``."""
        if isinstance(record, PhotoRecord):
            return cls(etag=etag, photo=record)
        return cls(etag=etag, text=record)

    @property
    def record(self) -> Record:
        """The record."""
        record = self.photo or self.text
        if record is None:
            raise CorruptRecord("an album record shows a photo without its record")
        return record


class Card(_Part, frozen=True, kw_only=True):
    """What an album's parents, the home page, the feed and the sitemap need to know of it.

    ``photos`` counts the album's own ready photos, ``total`` those of its sub-albums too.
    ``first`` and ``last`` are the dates (``YYYY-MM-DD``) of the earliest and latest photo.
    ``latest`` are a few of its newest photos, for the feed.
    ``pending`` are the album's deleted photos whose renditions wait for being removed.
    """

    slug: str
    path: str
    title: str
    photos: int = 0
    total: int = 0
    first: str | None = None
    last: str | None = None
    cover: PhotoRecord | None = None
    latest: tuple[PhotoRecord, ...] = ()
    hidden: bool = False
    pending: tuple[str, ...] = ()
    updated: Moment | None = None


class SeenCard(_Part, frozen=True, kw_only=True):
    """A sub-album's card, and the ETag of the album record it was read from."""

    etag: str
    card: Card


class AlbumRecord(_Part, frozen=True, kw_only=True):
    """The commit of the album reconciler (``catalog/albums/….json``; ``catalog/site.json``
    is the same for the whole site).

    ``inputs`` is the digest of everything the pages were made from.  ``shown`` keeps each
    record by its name in the album's catalog folder, so that one more photo costs one read.
    ``linked`` maps each photo whose renditions the pages link to the digest they link.
    ``going`` are pages that were being removed at these times: until nobody can be removing
    them any more they are not written again.  ``telling``: the albums below are still to be
    told that this one was hidden, or is hidden no more.  ``removing_since`` marks the record
    of an album that is no more, just before it goes.
    """

    version: Literal[1] = msgspec.field(default=VERSION)
    kind: Literal["album", "site"]
    slug: str
    inputs: str
    shown: dict[str, Shown] = {}
    albums: dict[str, SeenCard] = {}
    linked: dict[str, str] = {}
    pages: dict[str, Page] = {}
    going: dict[str, Moment] = {}
    telling: bool = False
    card: Card | None = None
    removing_since: Moment | None = None
    updated: Moment


_encoder = msgspec.json.Encoder(order="deterministic")
_record_decoders: dict[str, msgspec.json.Decoder[Any]] = {
    "photo": msgspec.json.Decoder(PhotoRecord),
    "text": msgspec.json.Decoder(TextRecord),
    "settings": msgspec.json.Decoder(TextRecord),
    "album": msgspec.json.Decoder(AlbumRecord),
    "site": msgspec.json.Decoder(AlbumRecord),
}


class _Envelope(msgspec.Struct):
    version: int
    kind: str = "photo"


_envelope_decoder = msgspec.json.Decoder(_Envelope)


def encode(record: Record | AlbumRecord) -> bytes:
    """The record as UTF-8 JSON; equal records give equal bytes."""
    out = msgspec.to_builtins(record)
    # omit_defaults leaves these out, but a reader in another language wants to see them.
    head = {"version": record.version, "kind": record.kind}
    return _encoder.encode({**head, **out})


def _decode(body: bytes, kinds: tuple[str, ...], name: str) -> Any:
    try:
        envelope = _envelope_decoder.decode(body)
        if envelope.version != VERSION:
            raise UnreadableRecord(
                f"{name!r:.200}: record version {envelope.version}, this Safelight reads version "
                f"{VERSION}; update Safelight, or remove the object to have it made anew"
            )
        if envelope.kind not in kinds:
            raise CorruptRecord(
                f"{name!r:.200}: a record of kind {envelope.kind!r:.40}, where "
                f"{' or '.join(kinds)} belongs"
            )
        return _record_decoders[envelope.kind].decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptRecord(f"{name!r:.200}: not a record: {error}") from error


def decode(body: bytes, name: str = "record") -> Record:
    """A photo's or text's record from its JSON.

    Raises :class:`UnreadableRecord`, with ``name`` in its message, for anything else.
    """
    record: Record = _decode(body, ("photo", "text", "settings"), name)
    return record


def decode_album(body: bytes, name: str = "album record") -> AlbumRecord:
    """An album's or the site's record from its JSON; raises :class:`UnreadableRecord`."""
    record: AlbumRecord = _decode(body, ("album", "site"), name)
    return record


class _HiddenCard(msgspec.Struct):
    hidden: bool = False


class _MaybeHidden(msgspec.Struct):
    card: _HiddenCard | None = None


_hidden_decoder = msgspec.json.Decoder(_MaybeHidden)


def is_hidden(body: bytes) -> bool:
    """Whether an album record says that its album is hidden; all else in it is skipped, for it
    may be large.  What is no record says nothing."""
    try:
        card = _hidden_decoder.decode(body).card
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return card is not None and card.hidden


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schemas of the records, by file name (``docs/schemas/NAME``)."""
    types = {
        "photo-record.v1.json": PhotoRecord,
        "text-record.v1.json": TextRecord,
        "album-record.v1.json": AlbumRecord,
    }
    return {
        name: {"$schema": "https://json-schema.org/draft/2020-12/schema", **_schema(kind)}
        for name, kind in types.items()
    }


def _schema(kind: Any) -> dict[str, Any]:
    schema: dict[str, Any] = msgspec.json.schema(kind)
    return schema


def utc(moment: datetime) -> datetime:
    """The moment in UTC; records hold no other zone."""
    return moment.astimezone(UTC)
