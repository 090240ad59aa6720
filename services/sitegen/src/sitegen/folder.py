"""The site from one folder into another: ``sitegen build``, no S3.

The catalog folder is laid out like ``catalog/`` in the bucket.  In the output folder a manifest
(``.sitegen.json``) says what was made from what: an album whose inputs did not change is not made
again, a file that is as it should be is not written again, and what an earlier build made and this
one does not is removed.  Nothing else in that folder is ever overwritten or removed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from gallery import keys
from gallery.originals import Originals, chosen_by, stricter
from gallery.record import Card, PhotoRecord, TextRecord, UnreadableRecord, decode
from sitegen import settings
from sitegen.document import Document
from sitegen.pages import AlbumInput, Built, SiteInput, build_album, build_site, fingerprint
from sitegen.settings import SiteSettings

MANIFEST = ".sitegen.json"
JOURNAL = ".sitegen.journal"


class Unusable(Exception):
    """A folder cannot be used; the message says which, why, and what to do."""


class _Made(msgspec.Struct, frozen=True):
    """What was made of one album: from which inputs, which card, which files (key → SHA-256)."""

    inputs: str
    card: Card | None
    documents: dict[str, str]
    problems: tuple[str, ...] = ()


class _Manifest(msgspec.Struct, frozen=True):
    version: int = 1
    albums: dict[str, _Made] = {}
    """By slug; the site's is under the empty one."""


@dataclass
class Report:
    """What a build did: keys written and removed, how many files were right as they were."""

    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    errors: list[str] = field(default_factory=list)
    """What is missing from the site because it could not be read or written."""
    warnings: list[str] = field(default_factory=list)


def _sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


class _Output:
    """The output folder: the only place that writes, and only below its root."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root.resolve()
        self.former = self._read()
        self.ours: dict[str, str | None] = {
            key: digest
            for made in self.former.albums.values()
            for key, digest in made.documents.items()
        }
        # A build that was cut short wrote files that no manifest has; its journal has them.
        journal = self.root / JOURNAL
        if journal.exists():
            for row in journal.read_text("utf-8").splitlines():
                self.ours.setdefault(bytes.fromhex(row).decode("utf-8", "surrogatepass"), None)
        self._journal = journal.open("a", encoding="utf-8")
        self._safe: set[Path] = set()

    def _read(self) -> _Manifest:
        path = self.root / MANIFEST
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_Manifest)
        except FileNotFoundError:
            return _Manifest()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unusable(
                f"{path}: not a manifest of sitegen ({error}); "
                "give another --out, or empty that folder"
            ) from error
        if found.version != 1:
            raise Unusable(f"{path}: made by another version of sitegen; give another --out")
        return found

    def path(self, key: str) -> Path:
        """Where the object ``key`` lies on disk; raises :class:`Unusable` if that is nowhere."""
        parts = key.split("/")
        if any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts):
            raise Unusable(f"{key!r:.200}: no file can have this name")
        path = self.root.joinpath(*parts)
        if path.parent not in self._safe:
            # A link in the folder may lead out of it, whatever the key looks like.
            if not path.parent.resolve().is_relative_to(self.root):
                raise Unusable(f"{path.parent}: leads out of {self.root}")
            self._safe.add(path.parent)
        return path

    def holds(self, key: str, digest: str) -> bool:
        """Whether the file is there with that content."""
        try:
            path = self.path(key)
            return not path.is_symlink() and _sha(path.read_bytes()) == digest
        except (OSError, Unusable):
            return False

    def put(self, document: Document, report: Report) -> bool:
        """Writes the document unless the file is so already; ``False`` if it cannot be."""
        try:
            path = self.path(document.key)
            if path.is_symlink() or (path.exists() and not path.is_file()):
                raise Unusable(f"{path}: in the way of the site, and not a file of sitegen's")
            if path.exists():
                if path.read_bytes() == document.body:
                    report.unchanged += 1
                    return True
                if document.key not in self.ours:
                    raise Unusable(
                        f"{path}: was not made by sitegen; move it away, or give another --out"
                    )
            if document.key not in self.ours:
                self._journal.write(document.key.encode("utf-8", "surrogatepass").hex() + "\n")
                self._journal.flush()
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(".sitegen.part")
            part.write_bytes(document.body)
            part.replace(path)
        except (OSError, Unusable) as error:
            report.errors.append(str(error))
            return False
        report.written.append(document.key)
        return True

    def finish(self, albums: dict[str, _Made], report: Report) -> None:
        """Removes what is no longer made, and commits the manifest."""
        kept = {key for made in albums.values() for key in made.documents}
        for key, digest in sorted(self.ours.items(), key=lambda each: each[0]):
            if key in kept:
                continue
            try:
                path = self.path(key)
                if path.is_symlink() or not path.is_file():
                    continue
                if digest is not None and _sha(path.read_bytes()) != digest:
                    report.warnings.append(
                        f"{path}: is not needed any more, but was changed: left there"
                    )
                    continue
                path.unlink()
                report.removed.append(key)
                self._prune(path.parent)
            except (OSError, Unusable) as error:
                report.errors.append(str(error))
        part = self.root / (MANIFEST + ".part")
        part.write_bytes(msgspec.json.encode(_Manifest(albums=albums)))
        part.replace(self.root / MANIFEST)
        self._journal.close()
        (self.root / JOURNAL).unlink()

    def _prune(self, folder: Path) -> None:
        while folder != self.root:
            try:
                folder.rmdir()
            except OSError:  # not empty
                return
            folder = folder.parent


def _folders(photos: Path) -> dict[str, list[str]]:
    """Slug → names of the records in it, for every folder and all those above it."""
    found: dict[str, list[str]] = {"": []}
    for folder, folders, files in os.walk(photos):
        folders.sort()
        relative = Path(folder).relative_to(photos).as_posix()
        slug = "" if relative == "." else relative
        names = sorted(name for name in files if name.endswith(".json"))
        if names:
            found[slug] = names
            while slug:
                slug = slug.rpartition("/")[0]
                found.setdefault(slug, [])
    return found


def _read(
    folder: Path, slug: str, names: Iterable[str], report: Report
) -> Iterator[tuple[str, bytes]]:
    for name in names:
        try:
            yield name, (folder / slug / name).read_bytes()
        except OSError as error:
            report.errors.append(str(error))


def _decoded(
    folder: Path, slug: str, bodies: Mapping[str, bytes], errors: list[str]
) -> dict[str, PhotoRecord | TextRecord]:
    records: dict[str, PhotoRecord | TextRecord] = {}
    prefix = keys.records_of_album(slug)
    for name, body in bodies.items():
        path = folder / slug / name
        try:
            record = decode(body, str(path))
            if not record.key.startswith(keys.PHOTOS) or keys.record(record.key) != prefix + name:
                raise UnreadableRecord(
                    f"{path}: is the record of {record.key!r:.200}, in the wrong place"
                )
        except UnreadableRecord as error:
            errors.append(str(error))
        else:
            records[name] = record
    return records


def _settings(folder: Path, report: Report) -> tuple[SiteSettings, str]:
    """The settings, and a digest of them."""
    path = folder / (keys.record(keys.SETTINGS)[len(keys.RECORDS) :])
    try:
        body = path.read_bytes()
        record = decode(body, str(path))
    except FileNotFoundError:
        return SiteSettings(), ""
    except (OSError, UnreadableRecord):
        # It is told of where the album's records are read.  It may have asked for this.
        return SiteSettings(originals="private"), "private"
    if not isinstance(record, TextRecord) or record.status != "ready":
        asked = chosen_by(record) if isinstance(record, TextRecord) else "private"
        return SiteSettings(originals=asked), asked
    found, problems = settings.parse(record.text)
    report.warnings += problems
    return found, _sha(record.text.encode("utf-8", "surrogatepass"))


def _inputs(common: str, bodies: Mapping[str, bytes], cards: Iterable[Card]) -> str:
    total = hashlib.sha256(common.encode())
    for name, body in bodies.items():
        total.update(
            name.encode("utf-8", "surrogateescape") + b"\0" + hashlib.sha256(body).digest()
        )
    for card in cards:
        total.update(hashlib.sha256(msgspec.json.encode(card)).digest())
    return total.hexdigest()


def build(
    catalog: Path, out: Path, site_url: str | None, originals: Originals = "public"
) -> Report:
    """Makes the site of the catalog folder in ``out``: albums from the innermost out, then the
    site.  Visitors may take what ``originals`` says, or less if the settings say so.  Raises
    :class:`Unusable` if there is no catalog, or no way to write."""
    photos = catalog / "photos"
    if not photos.is_dir():
        raise Unusable(
            f"{catalog}: has no folder photos/ with records; "
            "give a folder laid out like catalog/ in the bucket"
        )
    base = settings.site_address(site_url) if site_url else None
    if site_url and base is None:
        raise Unusable(
            f"--site-url {site_url!r:.200}: not an address such as https://photos.example.org/"
        )
    report = Report()
    chosen, chosen_digest = _settings(photos, report)
    chosen = replace(chosen, originals=stricter(chosen.originals, originals))
    common = "\n".join((fingerprint(), base or "", chosen.originals, chosen_digest))
    output = _Output(out)
    made: dict[str, _Made] = {}
    folders = _folders(photos)
    children: dict[str, list[Card]] = {}
    for slug in sorted(folders, key=lambda each: (-each.count("/") if each else 1, each)):
        bodies = dict(_read(photos, slug, folders[slug], report))
        cards = tuple(children.pop(slug, ())) if slug else _cards(made)
        inputs = _inputs(common, bodies, cards)
        former = output.former.albums.get(slug)
        if (
            former
            and former.inputs == inputs
            and all(output.holds(key, digest) for key, digest in former.documents.items())
        ):
            report.unchanged += len(former.documents)
            made[slug] = former
        else:
            made[slug] = _make(photos, slug, bodies, cards, chosen, base, inputs, output, report)
        report.errors += made[slug].problems
        card = made[slug].card
        if slug and card is not None:
            children.setdefault(keys.parent(slug) or "", []).append(card)
    output.finish(made, report)
    return report


def _cards(made: Mapping[str, _Made]) -> tuple[Card, ...]:
    return tuple(each.card for _, each in sorted(made.items()) if each.card is not None)


def _make(
    photos: Path,
    slug: str,
    bodies: Mapping[str, bytes],
    cards: tuple[Card, ...],
    chosen: SiteSettings,
    base: str | None,
    inputs: str,
    output: _Output,
    report: Report,
) -> _Made:
    problems: list[str] = []
    records = _decoded(photos, slug, bodies, problems)
    children = cards if slug else tuple(card for card in cards if keys.parent(card.slug) == "")
    album = AlbumInput(slug, records, children, chosen, fence=inputs[:32], site_url=base)
    built: Built = build_album(album) if slug else build_site(SiteInput(album, cards, base))
    report.warnings += [f"{slug or 'the top album'}: {problem}" for problem in built.problems]
    documents = {
        document.key: _sha(document.body)
        for document in built.documents
        if output.put(document, report)
    }
    whole = len(documents) == len(built.documents)
    # What could not be written is tried again by the next build.
    return _Made(inputs if whole else "", built.card, documents, tuple(problems))
