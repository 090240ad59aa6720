"""The site from one folder into another: ``sitegen build``, no S3.

The catalog folder is laid out like ``catalog/`` in the bucket.  In the output folder a manifest
(``.sitegen.json``) says what was made from what: an album whose inputs did not change is not made
again, a file that is as it should be is not written again, and what an earlier build made and this
one does not is removed.  Nothing else in that folder is ever overwritten or removed.

Whether a file has changed is told by its size and its times where they are as they were, and only
else by its content: so a build that finds nothing to do reads hardly anything.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from gallery import keys
from gallery.originals import Originals, chosen_by, stricter
from gallery.record import Card, PhotoRecord, TextRecord, UnreadableRecord, decode
from sitegen import settings, text
from sitegen.document import Document
from sitegen.look import Look
from sitegen.pages import AlbumInput, Built, SiteInput, build_album, build_site, fingerprint
from sitegen.settings import SiteSettings

MANIFEST = ".sitegen.json"
JOURNAL = ".sitegen.journal"


class Unusable(Exception):
    """A folder cannot be used; the message says which, why, and what to do."""


Stamp = tuple[int, int, int]
"""A file's size and the times it was written and changed, in nanoseconds."""


class _File(msgspec.Struct, frozen=True, array_like=True):
    """A file as it was made: the SHA-256 of its content, its stamp and, of a photo's page, the
    digest of its inputs."""

    content: str
    stamp: Stamp
    inputs: str = ""


class _Made(msgspec.Struct, frozen=True):
    """What was made of one album: from which inputs, which card, which files, by key.

    ``stamps`` is a digest of its records' names and stamps, ``records`` one of their content;
    ``stamps`` is empty where a record was so young that it could have been written again
    within the same tick of the clock.
    """

    inputs: str
    card: Card | None
    documents: dict[str, _File]
    stamps: str = ""
    records: str = ""
    problems: tuple[str, ...] = ()


class _Manifest(msgspec.Struct, frozen=True):
    version: int = 2
    albums: dict[str, _Made] = {}
    """By slug; the site's is under the empty one."""


class _Version(msgspec.Struct, frozen=True):
    version: int = 0


_YOUNG = 2_000_000_000
"""Nanoseconds: the coarsest clock of a file system that is in use."""


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


def _stamp(path: Path) -> Stamp:
    found = path.lstat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


class _Output:
    """The output folder: the only place that writes, and only below its root."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root.resolve()
        self.former = self._read()
        self.ours: dict[str, _File | None] = {
            key: file
            for made in self.former.albums.values()
            for key, file in made.documents.items()
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
            body = path.read_bytes()
            found = msgspec.json.decode(body, type=_Version)
            if found.version == _Manifest().version:
                return msgspec.json.decode(body, type=_Manifest)
        except FileNotFoundError:
            return _Manifest()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unusable(
                f"{path}: not a manifest of sitegen ({error}); "
                "give another --out, or empty that folder"
            ) from error
        raise Unusable(f"{path}: made by another version of sitegen; give another --out")

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

    def holds(self, key: str, file: _File) -> _File | None:
        """The file as it is now, if it is there with that content."""
        try:
            path = self.path(key)
            stamp = _stamp(path)
            if stamp == file.stamp:
                return file
            if path.is_symlink() or _sha(path.read_bytes()) != file.content:
                return None
            return msgspec.structs.replace(file, stamp=stamp)
        except (OSError, Unusable):
            return None

    def put(self, document: Document, report: Report, inputs: str = "") -> _File | None:
        """Writes the document unless the file is so already; ``None`` if it cannot be."""
        try:
            path = self.path(document.key)
            if path.is_symlink() or (path.exists() and not path.is_file()):
                raise Unusable(f"{path}: in the way of the site, and not a file of sitegen's")
            content = _sha(document.body)
            if path.exists():
                if path.read_bytes() == document.body:
                    report.unchanged += 1
                    return _File(content, _stamp(path), inputs)
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
            stamp = _stamp(path)
        except (OSError, Unusable) as error:
            report.errors.append(str(error))
            return None
        report.written.append(document.key)
        return _File(content, stamp, inputs)

    def finish(self, albums: dict[str, _Made], report: Report) -> None:
        """Removes what is no longer made, and commits the manifest."""
        kept = {key for made in albums.values() for key in made.documents}
        for key, file in sorted(self.ours.items(), key=lambda each: each[0]):
            if key in kept:
                continue
            try:
                path = self.path(key)
                if path.is_symlink() or not path.is_file():
                    continue
                if file is not None and _sha(path.read_bytes()) != file.content:
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


def _stamps(folder: Path, slug: str, names: Iterable[str], now: int) -> str:
    """A digest of the records' names and stamps; empty if that is not enough to tell."""
    total = hashlib.sha256()
    for name in names:
        try:
            stamp = _stamp(folder / slug / name)
        except OSError:
            return ""
        if max(stamp[1:]) > now - _YOUNG:
            return ""
        total.update(name.encode("utf-8", "surrogateescape") + f"\0{stamp}\0".encode())
    return total.hexdigest()


def _content(bodies: Mapping[str, bytes]) -> str:
    """A digest of the records' names and content."""
    total = hashlib.sha256()
    for name, body in bodies.items():
        total.update(
            name.encode("utf-8", "surrogateescape") + b"\0" + hashlib.sha256(body).digest()
        )
    return total.hexdigest()


def _inputs(common: str, records: str, secluded: bool, cards: Iterable[Card]) -> str:
    total = hashlib.sha256(f"{common}\n{records}\n{secluded}".encode())
    for card in cards:
        total.update(hashlib.sha256(msgspec.json.encode(card)).digest())
    return total.hexdigest()


def build(
    catalog: Path,
    out: Path,
    site_url: str | None,
    originals: Originals = "public",
    templates: Path | None = None,
) -> Report:
    """Makes the site of the catalog folder in ``out``: albums from the innermost out, then the
    site.  Visitors may take what ``originals`` says, or less if the settings say so; the
    folder ``templates`` may hold other templates and assets.  Raises :class:`Unusable` if there
    is no catalog, or no way to write, and :class:`sitegen.look.UnfitLook` for templates that
    cannot be used: what was written by then is whole, and the rest is as it was."""
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
    look = Look(templates)
    look.check()
    report = Report()
    chosen, chosen_digest = _settings(photos, report)
    chosen = replace(chosen, originals=stricter(chosen.originals, originals))
    common = "\n".join((fingerprint(look), base or "", chosen.originals, chosen_digest))
    output = _Output(out)
    now = time.time_ns()
    made: dict[str, _Made] = {}
    folders = _folders(photos)
    stamps = {slug: _stamps(photos, slug, names, now) for slug, names in folders.items()}
    hidden = _hidden(photos, folders, stamps, output.former)
    children: dict[str, list[Card]] = {}
    for slug in sorted(folders, key=lambda each: (-each.count("/") if each else 1, each)):
        cards = tuple(children.pop(slug, ())) if slug else _cards(made)
        secluded = any(above in hidden for above in _above(slug))
        former = output.former.albums.get(slug)
        bodies: dict[str, bytes] | None = None
        if former is not None and stamps[slug] and former.stamps == stamps[slug]:
            records = former.records
        else:
            bodies = dict(_read(photos, slug, folders[slug], report))
            records = _content(bodies)
        inputs = _inputs(common, records, secluded, cards)
        there = _all_there(output, former) if former and former.inputs == inputs else None
        if former is not None and there is not None:
            report.unchanged += len(there)
            made[slug] = msgspec.structs.replace(former, documents=there, stamps=stamps[slug])
        else:
            if bodies is None:
                bodies = dict(_read(photos, slug, folders[slug], report))
            problems: list[str] = []
            album = AlbumInput(
                slug=slug,
                records=_decoded(photos, slug, bodies, problems),
                etags={name: _sha(body) for name, body in bodies.items()},
                children=cards
                if slug
                else tuple(card for card in cards if keys.parent(card.slug) == ""),
                settings=chosen,
                fence=inputs[:32],
                site_url=base,
                secluded=secluded,
            )
            fresh = _make(album, look, cards, inputs, output, report, problems)
            made[slug] = msgspec.structs.replace(fresh, stamps=stamps[slug], records=records)
        report.errors += made[slug].problems
        card = made[slug].card
        if slug and card is not None:
            children.setdefault(keys.parent(slug) or "", []).append(card)
    output.finish(made, report)
    return report


def _above(slug: str) -> Iterator[str]:
    """The slugs of the albums above, without the top."""
    above = keys.parent(slug)
    while above:
        yield above
        above = keys.parent(above)


def _hidden(
    folder: Path, folders: Mapping[str, list[str]], stamps: Mapping[str, str], former: _Manifest
) -> set[str]:
    """The albums whose texts hide them: those below must know before they are made."""
    found: set[str] = set()
    for slug, names in folders.items():
        made = former.albums.get(slug)
        if made is not None and made.card is not None and stamps[slug] == made.stamps != "":
            if made.card.hidden:
                found.add(slug)
            continue
        texts = [name for name in names if text.is_albums(name.removesuffix(".json"))]
        # What cannot be read is told of where the album is made.
        bodies = dict(_read(folder, slug, texts, Report()))
        records = _decoded(folder, slug, bodies, [])
        words = {
            name.removesuffix(".json"): record
            for name, record in records.items()
            if isinstance(record, TextRecord) and record.status == "ready"
        }
        if text.of_album(words).hidden:
            found.add(slug)
    return found


def _all_there(output: _Output, former: _Made) -> dict[str, _File] | None:
    """The files of an album as they are now, if all of them are as they were made."""
    there: dict[str, _File] = {}
    for key, file in former.documents.items():
        found = output.holds(key, file)
        if found is None:
            return None
        there[key] = found
    return there


def _cards(made: Mapping[str, _Made]) -> tuple[Card, ...]:
    return tuple(each.card for _, each in sorted(made.items()) if each.card is not None)


def _make(
    album: AlbumInput,
    look: Look,
    cards: tuple[Card, ...],
    inputs: str,
    output: _Output,
    report: Report,
    problems: list[str],
) -> _Made:
    slug = album.slug
    built: Built = (
        build_album(album, look)
        if slug
        else build_site(SiteInput(album, cards, album.site_url), look)
    )
    report.warnings += [f"{slug or 'the top album'}: {problem}" for problem in built.problems]
    documents: dict[str, _File] = {}
    whole = True
    former = output.former.albums.get(slug)
    for sheet in built.sheets:
        was = former.documents.get(sheet.key) if former is not None else None
        same = output.holds(sheet.key, was) if was and was.inputs == sheet.inputs else None
        if same is not None:
            report.unchanged += 1
        else:
            same = output.put(sheet.draw(), report, sheet.inputs)
        if same is not None:
            documents[sheet.key] = same
        else:
            whole = False
    for document in built.documents:
        if (file := output.put(document, report)) is not None:
            documents[document.key] = file
        else:
            whole = False
    # What could not be written is tried again by the next build.
    return _Made(inputs if whole else "", built.card, documents, problems=tuple(problems))
