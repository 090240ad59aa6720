"""What the bucket ought to hold: a pure function of the originals, and how it is compared.

Three things are left free, because they tell of the way and not of the goal: the salt in a
rendition's name, the fence in a page, and times.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from html import unescape
from posixpath import dirname, join, normpath
from urllib.parse import unquote

import msgspec

from gallery import keys
from gallery.keys import Kind
from gallery.memory import MemoryObject
from gallery.originals import chosen_by
from gallery.record import (
    AlbumRecord,
    Card,
    PhotoRecord,
    Record,
    RenditionSet,
    TextRecord,
    decode,
    decode_album,
)
from safelight.simulation.bucket import BUCKET
from safelight.simulation.craft import WIDTHS, PlainCraft, rendered
from safelight.simulation.laws import LawBroken, is_page, links, named_by
from sitegen.pages import AlbumInput, SiteInput
from sitegen.reconcile import Press
from sitegen.settings import parse as parse_settings

_SALTS = 8

Objects = Mapping[str, MemoryObject]


def converged(objects: Objects, craft: PlainCraft, press: Press, unmade: Iterable[str]) -> None:
    """Raise :class:`LawBroken` unless records, renditions and pages are what they ought to be.

    ``craft`` is what renditions are made by; ``unmade`` are originals that can never be made
    (they kill the function), of which nothing is demanded.
    """
    records = {
        key: decode(found.body, key)
        for key, found in objects.items()
        if key.startswith(keys.RECORDS)
    }
    settings = records.get(keys.record(keys.SETTINGS))
    originals = chosen_by(settings if isinstance(settings, TextRecord) else None)
    fingerprint = craft.fingerprint(originals=originals)
    _records(objects, records, fingerprint, set(unmade), strip=originals == "stripped")
    _renditions(objects, records, fingerprint, set(unmade))
    _pages(objects, records, press)


def _records(
    objects: Objects,
    records: Mapping[str, Record],
    fingerprint: str,
    unmade: set[str],
    *,
    strip: bool,
) -> None:
    wanted: set[str] = set()
    for key, found in objects.items():
        if not key.startswith(keys.PHOTOS) or key in unmade:
            continue
        original = keys.classify(key)
        if original.kind is Kind.SKIPPED:
            continue
        name = keys.record(key)
        wanted.add(name)
        record = records.get(name)
        if record is None:
            raise LawBroken("records", f"{key} has no record")
        if record.key != key or record.source is None or record.source.etag != found.etag:
            raise LawBroken("records", f"{key} has the record of another version")
        if record.removing_since is not None:
            raise LawBroken("records", f"{key} has a record that is marked for removal")
        if original.kind is Kind.PHOTO:
            _photo(record, found, fingerprint, strip=strip)
        else:
            _text(record, found)
    for name, record in records.items():
        if name in wanted or record.key in unmade:
            continue
        if record.status != "deleted":
            raise LawBroken("records", f"{record.key} is gone, but its record says {record.status}")
        if isinstance(record, PhotoRecord) and record.superseded:
            raise LawBroken("renditions", f"{record.key} is gone, but its renditions were kept")


def _photo(record: Record, found: MemoryObject, fingerprint: str, *, strip: bool) -> None:
    status = "rejected" if b"REJECT" in found.body or b"CRASH" in found.body else "ready"
    if not isinstance(record, PhotoRecord) or record.status != status:
        raise LawBroken("records", f"{record.key} is {record.status}, and ought to be {status}")
    if status == "rejected":
        return
    if record.digest not in {keys.digest(found.etag, fingerprint, salt) for salt in range(_SALTS)}:
        raise LawBroken("records", f"{record.key} is rendered with other settings")
    names = [keys.rendition(record.key, record.digest, width) for width in WIDTHS]
    if [rendition.key for rendition in record.renditions] != names:
        raise LawBroken("records", f"{record.key} names other renditions than it ought to")
    copy = keys.stripped(record.key, record.digest, "jpg") if strip else None
    if (record.stripped.key if record.stripped else None) != copy:
        raise LawBroken("records", f"{record.key} names another stripped copy than it ought to")


def _text(record: Record, found: MemoryObject) -> None:
    if not isinstance(record, TextRecord) or record.status != "ready":
        raise LawBroken("records", f"{record.key} is {record.status}, and ought to be ready")
    if record.untold:
        raise LawBroken("records", f"{record.key} changed, and the photos were not told")
    if record.text != found.body.decode():
        raise LawBroken("records", f"{record.key} is recorded with other words")


def _renditions(
    objects: Objects, records: Mapping[str, Record], fingerprint: str, unmade: set[str]
) -> None:
    for record in records.values():
        if not isinstance(record, PhotoRecord) or record.status != "ready":
            continue
        original = objects.get(record.key) if record.key not in unmade else None
        for key in sorted(named_by(record)):
            there, name = objects.get(key), keys.parse_rendition(key)
            if there is None or name is None:
                raise LawBroken("renditions", f"{key} is not there")
            if original is not None and there.body != rendered(
                original.body, fingerprint, name.width
            ):
                raise LawBroken("renditions", f"{key} is of another version")


def _pages(objects: Objects, records: Mapping[str, Record], press: Press) -> None:
    albums = {
        key: decode_album(found.body, key)
        for key, found in objects.items()
        if key.startswith(keys.ALBUMS) or key == keys.SITE
    }
    of_album: dict[str, dict[str, Record]] = {}
    slugs: set[str] = {album.slug for album in albums.values()}
    for name, record in records.items():
        slug: str | None = keys.album_of_record(name)
        of_album.setdefault(slug or "", {})[name.rpartition("/")[2]] = record
        while slug is not None:
            slugs.add(slug)
            slug = keys.parent(slug)
    settings_record = of_album.get("", {}).get(keys.record(keys.SETTINGS).rpartition("/")[2])
    settings, _ = parse_settings(
        settings_record.text
        if isinstance(settings_record, TextRecord) and settings_record.status == "ready"
        else None
    )
    cards: dict[str, Card] = {}
    expected: dict[str, bytes] = {}
    by_slug = {album.slug: album for album in albums.values()}
    fences = [album.inputs.encode() for album in albums.values() if album.inputs]
    for slug in sorted(slugs, key=lambda slug: (-slug.count("/") - bool(slug), slug)):
        album = albums.get(keys.album_record(slug))
        if album is None:
            raise LawBroken("pages", f"the album {slug!r} has no record")
        _fresh(objects, album, slug)
        given = AlbumInput(
            slug=slug,
            records=of_album.get(slug, {}),
            children=tuple(
                card for child, card in sorted(cards.items()) if keys.parent(child) == slug
            ),
            settings=settings,
            etags={
                name: objects[keys.records_of_album(slug) + name].etag
                for name in of_album.get(slug, {})
            },
            fence=album.inputs,
            secluded=_secluded(slug, by_slug),
            bucket=BUCKET,
        )
        if slug:
            built = press.build_album(given)
        else:
            flat = tuple(card for _, card in sorted(cards.items()))
            built = press.build_site(SiteInput(root=given, cards=flat, site_url=None))
        expected |= {document.key: document.body for document in built.everything()}
        if slug:
            cards[slug] = _card(slug, built.card, album)
    # Former stylesheets and scripts are kept for older pages.
    actual = {key: found.body for key, found in objects.items() if is_page(key)}
    for key in sorted(expected.keys() | actual.keys()):
        if key not in actual:
            raise LawBroken("pages", f"{key} ought to be there, and is not")
        if key not in expected:
            raise LawBroken("pages", f"{key} is there, and ought not to be")
        ought, have = _unfenced(expected[key], fences), _unfenced(actual[key], fences)
        if ought != have:
            unlike = _unlike(ought, have)
            raise LawBroken("pages", f"{key} is not what its records say: {unlike}")
        for target in _targets(key, actual[key]):
            if target not in objects:
                raise LawBroken("pages", f"{key} links {target}, which is not there")


def _secluded(slug: str, albums: Mapping[str, AlbumRecord]) -> bool:
    above = keys.parent(slug)
    while above:
        album = albums.get(above)
        if album is not None and album.card is not None and album.card.hidden:
            return True
        above = keys.parent(above)
    return False


def _unfenced(body: bytes, fences: list[bytes]) -> bytes:
    for fence in fences:
        body = body.replace(fence, b"")
    return body


def _fresh(objects: Objects, album: AlbumRecord, slug: str) -> None:
    """An album's record must be made from the cards as they are now."""
    for child, seen in album.albums.items():
        there = objects.get(keys.album_record(child))
        if there is None or there.etag != seen.etag:
            raise LawBroken("pages", f"the album {slug!r} shows {child!r} as it was before")


def _card(slug: str, built: Card | None, album: AlbumRecord) -> Card:
    """The card as the album's record has it, once it is found to be what was built."""
    if album.card is None:
        if built is not None:
            raise LawBroken("pages", f"the album {slug!r} has no card, and ought to have one")
        return Card(slug=slug, path=slug, title="", hidden=True)
    ours = msgspec.structs.replace(album.card, cover=None, pending=())
    if built is None or msgspec.structs.replace(built, cover=None, pending=()) != ours:
        raise LawBroken("pages", f"the card of the album {slug!r} is not what its records say")
    if _cover(built) != _cover(album.card):
        raise LawBroken("pages", f"the card of the album {slug!r} has another cover")
    return album.card


def _cover(card: Card) -> tuple[str, str] | None:
    return (card.cover.key, card.cover.digest) if card.cover is not None else None


def _unlike(expected: bytes, actual: bytes) -> str:
    for ought, have in zip(expected.splitlines(), actual.splitlines(), strict=False):
        if ought != have:
            return f"{have[:120]!r} in place of {ought[:120]!r}"
    return f"it has {len(actual)} bytes, and ought to have {len(expected)}"


# What is only shown as HTML, for people to copy, has its quotes escaped.
_ATTRIBUTE = re.compile(rb"(?:href|src)=[\"']?([^\"'\s>&][^\"'\s>]*)")


def _targets(page: str, body: bytes) -> set[str]:
    """The keys that a page's relative links lead to."""
    found: set[str] = set()
    for raw in _ATTRIBUTE.findall(body):
        target = unescape(raw.decode()).partition("#")[0]
        if target and not re.match(r"[a-z]+:|/", target):
            key = normpath(join(dirname(page), unquote(target)))
            found.add("index.html" if key == "." else key)
    return found


def tidy(objects: Objects, unmade: Iterable[str]) -> None:
    """Raise :class:`LawBroken` if anything is left that nobody needs.

    Of ``unmade`` originals, which can never be made, nothing is demanded.
    """
    beyond = {keys.record(key) for key in unmade}
    records = {
        key: decode(found.body, key)
        for key, found in objects.items()
        if key.startswith(keys.RECORDS)
    }
    named: set[str] = set()
    alive: set[str] = {""}
    for key, record in records.items():
        if record.key not in objects:
            raise LawBroken("garbage", f"{key} is the record of nothing")
        slug: str | None = keys.album_of_record(key)
        while slug is not None:
            alive.add(slug)
            slug = keys.parent(slug)
        if isinstance(record, PhotoRecord):
            named |= named_by(record)
            left: tuple[RenditionSet, ...] = (*record.superseded, *record.retired)
            if left and key not in beyond:
                raise LawBroken("garbage", f"{key} still lists old renditions: {left[0].digest}")
    for key in objects:
        name = keys.parse_rendition(key)
        if name is not None and name.record not in beyond and key not in named:
            raise LawBroken("garbage", f"no record names {key}")
        if key.startswith(keys.ALBUMS) and keys.slug_of_album_record(key) not in alive:
            raise LawBroken("garbage", f"{key} is the record of an album that is no more")


def shown(objects: Objects, page: str) -> set[str]:
    """The photos whose renditions a page links, as keys of originals."""
    found = objects.get(page)
    if found is None:
        return set()
    names = [keys.parse_rendition(link) for link in links(found.body)]
    return {
        keys.PHOTOS + name.record[len(keys.RECORDS) : -len(".json")]
        for name in names
        if name is not None
    }


def snapshot(objects: Objects) -> dict[str, str]:
    """All that the pipeline has made, to the byte."""
    return {
        key: hashlib.sha256(found.body).hexdigest()
        for key, found in objects.items()
        if not key.startswith(keys.PHOTOS)
    }
