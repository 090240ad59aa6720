"""Mutants: the pipeline with one of its rules taken out.

A simulation that never fails proves nothing.  Each mutant removes one rule of the architecture
by putting something else in the place of a function; then a law must break.  The scenarios
``fixtures/scenarios/without-*.yaml`` are the shortest known proofs: each holds with the rule and
breaks its law without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

import msgspec

import sitegen.reconcile
import sitegen.service
import thumbnailer.reconcile
import thumbnailer.service
import thumbnailer.sweep
from gallery import batch, catalog, events, keys, record
from gallery.batch import Batch, Done
from gallery.record import AlbumRecord
from gallery.store import ObjectStore, PreconditionFailed
from safelight.scenario import read
from safelight.simulation import timeline
from safelight.simulation.laws import LawBroken
from sitegen.pages import AlbumInput

Patch = tuple[Any, str, Any]


@dataclass(frozen=True)
class Mutant:
    """A rule and how it is taken out: ``patches`` puts other things in places, by name."""

    name: str
    rule: str
    patches: Callable[[], list[Patch]]


@contextmanager
def without(mutant: Mutant | None) -> Iterator[None]:
    """Run with the mutant's rule taken out (``None``: with all rules)."""
    with ExitStack() as stack:
        for place, name, other in mutant.patches() if mutant is not None else ():
            stack.enter_context(patch.object(place, name, other))
        yield


class _Proxy:
    """A store with some of its methods replaced."""

    def __init__(self, store: ObjectStore, **methods: Any) -> None:
        self._store = store
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _unconditional(store: ObjectStore, key: str, body: bytes, etag: str | None, **more: Any) -> str:
    return store.put(key, body, **more).etag


def _commit_without_compare(albums: bool) -> list[Patch]:
    real = catalog.commit

    def commit(store: ObjectStore, key: str, new: Any, etag: str | None) -> str:
        if isinstance(new, AlbumRecord) is not albums:
            return real(store, key, new, etag)
        return store.put(key, record.encode(new), content_type=catalog.JSON).etag

    return [(catalog, "commit", commit)]


def _original_first() -> list[Patch]:
    real = thumbnailer.reconcile._attempt

    def attempt(world: Any, original: Any, task: Any) -> Any:
        seen = world.store.head(original.key)

        def head(key: str) -> Any:
            return seen if key == original.key else world.store.head(key)

        return real(replace(world, store=_Proxy(world.store, head=head)), original, task)

    return [(thumbnailer.reconcile, "_attempt", attempt)]


def _no_last_look() -> list[Patch]:
    def commit(world: Any, key: str, new: Any, was: Any, seen: Any) -> None:
        catalog.commit(world.store, key, new, was.etag)

    return [(thumbnailer.reconcile, "_commit", commit)]


def _no_last_look_at_settings() -> list[Patch]:
    return [(thumbnailer.reconcile, "_still", lambda world, choice: True)]


def _photos_not_told() -> list[Patch]:
    return [(thumbnailer.reconcile, "_untold", lambda new, was: new)]


def _told_without_a_note() -> list[Patch]:
    real = thumbnailer.reconcile._commit

    def commit(world: Any, key: str, new: Any, was: Any, seen: Any) -> None:
        if not getattr(new, "untold", False):
            real(world, key, new, was, seen)
            return
        real(world, key, msgspec.structs.replace(new, untold=False), was, seen)
        world.look_at_all()

    return [(thumbnailer.reconcile, "_commit", commit)]


def _names_without_digest() -> list[Patch]:
    return [(keys, "digest", lambda etag, fingerprint, salt=0: "0" * 16)]


def _renditions_taken_as_there() -> list[Patch]:
    real = thumbnailer.reconcile._put

    def put(store: ObjectStore, key: str, digest: str, developed: Any) -> Any:
        def only_new(name: str, body: bytes, **headers: Any) -> Any:
            there = store.head(name)
            return there if there is not None else store.put(name, body, **headers)

        return real(_Proxy(store, put=only_new), key, digest, developed)

    return [(thumbnailer.reconcile, "_put", put)]


def _record_before_renditions() -> list[Patch]:
    real_put, real_commit = thumbnailer.reconcile._put, thumbnailer.reconcile._commit
    later: list[Callable[[], object]] = []

    def put(store: ObjectStore, key: str, digest: str, developed: Any) -> Any:
        def note(name: str, body: bytes, **headers: Any) -> None:
            later.append(lambda: store.put(name, body, **headers))

        later.clear()
        return real_put(_Proxy(store, put=note), key, digest, developed)

    def commit(world: Any, key: str, new: Any, was: Any, seen: Any) -> None:
        real_commit(world, key, new, was, seen)
        for each in later:
            each()

    return [(thumbnailer.reconcile, "_put", put), (thumbnailer.reconcile, "_commit", commit)]


def _terms(**other: timedelta) -> list[Patch]:
    return [(timeline, "TERMS", replace(timeline.TERMS, **other))]


def _delete_before_retiring() -> list[Patch]:
    real = thumbnailer.reconcile.retire

    def retire(world: Any, key: str, record: Any, etag: str, digests: Any) -> None:
        gone = list(digests)
        thumbnailer.reconcile.delete_renditions(world.store, key, gone)
        real(world, key, record, etag, gone)

    return [(thumbnailer.reconcile, "retire", retire), (thumbnailer.sweep, "retire", retire)]


def _first_salt() -> list[Patch]:
    def unused(world: Any, there: Any, retired: Any, *, originals: Any) -> str:
        return keys.digest(there.etag, world.craft.fingerprint(originals=originals))

    return [(thumbnailer.reconcile, "_unused_digest", unused)]


def _lapses_at_once() -> list[Patch]:
    real = thumbnailer.sweep._remove

    def remove(world: Any, *rest: Any) -> int:
        hasty = replace(world, terms=replace(world.terms, lease=timedelta(0)))
        return real(hasty, *rest)

    return [(thumbnailer.sweep, "_remove", remove)]


def _leftovers_not_retired_anew() -> list[Patch]:
    real = thumbnailer.reconcile.retire

    def retire(world: Any, key: str, record: Any, etag: str, digests: Any) -> None:
        left = {old.digest for old in record.retired}
        thumbnailer.reconcile.delete_renditions(world.store, key, left)
        going = [digest for digest in digests if digest not in left]
        if going:
            real(world, key, record, etag, going)

    return [(thumbnailer.sweep, "retire", retire)]


def _collect_at_once() -> list[Patch]:
    return [(catalog, "unlinked", lambda *rest: True)]


def _chain_not_followed() -> list[Patch]:
    def unlinked(store: ObjectStore, photo: Any, etag: str, digest: str, by: Any = None) -> bool:
        # The album's own pages are enough, it says; but others show its cover.
        record_key = keys.record(photo.key)
        slug = keys.album_of_record(record_key)
        seen = catalog.load_album(store, slug).record
        shown = seen.shown.get(record_key.rpartition("/")[2]) if seen is not None else None
        return shown is not None and shown.etag == etag

    return [(catalog, "unlinked", unlinked)]


def _caches_forgotten() -> list[Patch]:
    real = catalog.unlinked

    def unlinked(store: ObjectStore, photo: Any, etag: str, digest: str, by: Any = None) -> bool:
        return real(store, photo, etag, digest)

    return [(catalog, "unlinked", unlinked)]


def _nobody_told_of_commits() -> list[Patch]:
    return [(sitegen.reconcile, "_to_hint", lambda slug, inputs: [])]


def _keys_taken_raw() -> list[Patch]:
    return [(events, "decode_key", lambda raw: raw)]


def _plus_not_decoded() -> list[Patch]:
    return [(events, "decode_key", unquote)]


def _all_acknowledged() -> list[Patch]:
    return [(batch, "failures", lambda reports: {"batchItemFailures": []})]


def _silent_end(real: Callable[..., Any]) -> Callable[..., Any]:
    def end(self: Any, item: Any) -> Any:
        silent = _Proxy(self._queue, delete=lambda message: None)
        queue, self._queue = self._queue, silent
        try:
            return real(self, item)
        finally:
            self._queue = queue

    return end


def _acknowledged_at_the_end() -> list[Patch]:
    return [(Batch, "_end", _silent_end(Batch._end))]


def _all_or_nothing() -> list[Patch]:
    def failures(reports: Any) -> dict[str, list[dict[str, str]]]:
        bad = any(not isinstance(report.outcome, Done) for report in reports)
        names = [{"itemIdentifier": report.message.id} for report in reports if bad]
        return {"batchItemFailures": names}

    return [*_acknowledged_at_the_end(), (batch, "failures", failures)]


def _same_order_again() -> list[Patch]:
    return [(batch, "_turn", lambda tasks, name: (0, 0))]


def _poison_fails_the_batch() -> list[Patch]:
    real = Batch._open

    def open_(self: Any, item: Any, tasks: Any) -> None:
        try:
            real(self, item, tasks)
        except events.NotUnderstood as error:
            raise RuntimeError("not understood") from error

    return [(Batch, "_open", open_)]


def _crash_never_believed() -> list[Patch]:
    def develop(world: Any, there: Any, task: Any, table: Any, *, originals: Any) -> Any:
        return table.enter_context(world.craft.develop(world.store, there, originals=originals))

    return [(thumbnailer.reconcile, "_develop", develop)]


def _pages_as_remembered() -> list[Patch]:
    def there(store: ObjectStore, slug: str, known: Any) -> dict[str, str]:
        record = catalog.load_album(store, slug).record
        return {key: page.etag for key, page in record.pages.items()} if record else {}

    return [(sitegen.reconcile, "_pages_there", there)]


def _pages_overwritten() -> list[Patch]:
    return [(sitegen.reconcile, "put_if", _unconditional)]


def _pages_looked_at_last() -> list[Patch]:
    real = sitegen.reconcile._publish

    def publish(world: Any, task: Any, there: Any, was: Any, inputs: Any) -> Any:
        now = sitegen.reconcile._pages_there(world.store, task.name, None)
        return real(world, task, now, catalog.load_album(world.store, task.name), inputs)

    return [(sitegen.reconcile, "_publish", publish)]


def _no_fence() -> list[Patch]:
    real = AlbumInput

    def album(**given: Any) -> Any:
        return real(**{**given, "fence": ""})

    return [(sitegen.reconcile, "AlbumInput", album)]


def _no_sheet_fence() -> list[Patch]:
    real = AlbumInput

    def album(**given: Any) -> Any:
        return real(**{**given, "etags": dict.fromkeys(given["etags"], "")})

    return [(sitegen.reconcile, "AlbumInput", album)]


def _sheets_of_the_shown_only() -> list[Patch]:
    real = sitegen.reconcile._build

    def build(world: Any, slug: str, inputs: Any) -> Any:
        built = real(world, slug, inputs)
        ready = {
            keys.photo_page(entry.record.key)
            for entry in inputs.shown.values()
            if entry.record.status == "ready"
        }
        return replace(built, sheets=tuple(each for each in built.sheets if each.key in ready))

    return [(sitegen.reconcile, "_build", build)]


def _removal_unsaid() -> list[Patch]:
    return [
        (sitegen.reconcile, "_barred", lambda world, record, wanted: timedelta(0)),
    ]


def _pages_not_claimed() -> list[Patch]:
    return [(sitegen.reconcile, "_comes_and_goes", lambda slug, key: False)]


def _albums_above_forgotten() -> list[Patch]:
    real = sitegen.service.tasks

    def tasks(hint: Any) -> Any:
        named = real(hint)
        return named if isinstance(named, Done) else named[:1]

    return [(sitegen.service, "tasks", tasks)]


def _album_before_pages() -> list[Patch]:
    real = sitegen.reconcile._publish

    def publish(world: Any, task: Any, there: Any, was: Any, inputs: Any) -> Any:
        later: list[Callable[[], object]] = []

        def note(key: str, body: bytes, **headers: Any) -> Any:
            if key.startswith(keys.CATALOG):
                return world.store.put(key, body, **headers)
            later.append(lambda: world.store.put(key, body, **headers))
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            return type("Put", (), {"etag": etag})

        early = replace(world, store=_Proxy(world.store, put=note))
        outcome = real(early, task, there, was, inputs)
        for each in later:
            each()
        return outcome

    return [(sitegen.reconcile, "_publish", publish)]


def _no_sweep() -> list[Patch]:
    return [(thumbnailer.service.Service, "begin_sweep", lambda self: 0)]


def _record_deleted() -> list[Patch]:
    real = thumbnailer.reconcile._absent

    def absent(world: Any, key: str, was: Any, task: Any) -> Any:
        def delete(name: str, body: bytes, **headers: Any) -> Any:
            world.store.delete(name)
            return type("Gone", (), {"etag": ""})

        return real(replace(world, store=_Proxy(world.store, put=delete)), key, was, task)

    return [(thumbnailer.reconcile, "_absent", absent)]


def _tombstone_deleted_unmarked() -> list[Patch]:
    def remove(world: Any, name: str, seen: Any, etag: str | None) -> int:
        now, terms = world.clock.now(), world.terms
        if seen.status != "deleted" or seen.updated + terms.tombstone >= now:
            return 0
        found = world.store.head(name)
        if found is None or found.etag != etag:
            raise PreconditionFailed(name, "changed meanwhile")
        world.store.delete(name)
        return 1

    return [(thumbnailer.sweep, "_remove_tombstone", remove)]


def _mark_not_heeded() -> list[Patch]:
    real = catalog.load

    def load(store: ObjectStore, key: str) -> Any:
        found = real(store, key)
        if found.record is None:
            return found
        plain = msgspec.structs.replace(found.record, removing_since=None)
        return replace(found, record=plain)

    return [(catalog, "load", load)]


def _sweep_repairs_nothing_gone() -> list[Patch]:
    return [(thumbnailer.sweep, "_must_follow", lambda seen: False)]


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "record-compare-and-swap",
        "The record is committed by compare-and-swap.",
        lambda: _commit_without_compare(albums=False),
    ),
    Mutant(
        "record-read-first",
        "The record is read before the original.",
        _original_first,
    ),
    Mutant(
        "last-look",
        "A commit is followed by one more look at what it was made from.",
        _no_last_look,
    ),
    Mutant(
        "settings-last-look",
        "So are the settings that said what visitors may take.",
        _no_last_look_at_settings,
    ),
    Mutant(
        "photos-told",
        "When what visitors may take changes, every photo is told.",
        _photos_not_told,
    ),
    Mutant(
        "photos-told-note",
        "That they are yet to be told is committed with the change.",
        _told_without_a_note,
    ),
    Mutant(
        "content-addressing",
        "A rendition's name holds the digest of what it was made from.",
        _names_without_digest,
    ),
    Mutant(
        "record-last",
        "The record is committed after the renditions that it names.",
        _record_before_renditions,
    ),
    Mutant(
        "early-retry",
        "A young hint at something that is not there is put off.",
        lambda: _terms(early=timedelta(0)),
    ),
    Mutant(
        "decoder-crashes",
        "A photo at which the decoder dies again and again is rejected.",
        _crash_never_believed,
    ),
    Mutant(
        "retire-first",
        "A set is retired in the record before its renditions are deleted.",
        _delete_before_retiring,
    ),
    Mutant(
        "salt",
        "A retired set's names are not used again: the photo gets salted ones.",
        _first_salt,
    ),
    Mutant(
        "retire-lease",
        "A retired set's names stay barred until nobody can be deleting any more.",
        _lapses_at_once,
    ),
    Mutant(
        "retire-anew",
        "What an interrupted removal left is retired anew before it is deleted.",
        _leftovers_not_retired_anew,
    ),
    Mutant(
        "commit-before-collect",
        "A deleted photo's renditions go after its pages were committed without it.",
        _collect_at_once,
    ),
    Mutant(
        "collect-chain",
        "Not only its album's pages: those of the albums above, and the site's.",
        _chain_not_followed,
    ),
    Mutant(
        "cache-grace",
        "Superseded renditions stay as long as a cached page may link them.",
        _caches_forgotten,
    ),
    Mutant(
        "collect-hint",
        "Once the pages are committed, the photo reconciler is told.",
        _nobody_told_of_commits,
    ),
    Mutant(
        "key-decoding",
        "Keys in S3's events are form-encoded, and decoded as such.",
        _keys_taken_raw,
    ),
    Mutant(
        "plus-decoding",
        "In them a plus sign is a space.",
        _plus_not_decoded,
    ),
    Mutant(
        "partial-failures",
        "Messages that are not done are reported as failed.",
        _all_acknowledged,
    ),
    Mutant(
        "own-failures-only",
        "A message that fails takes no batch-mate with it.",
        _all_or_nothing,
    ),
    Mutant(
        "acknowledge-at-once",
        "A message is deleted as soon as its work is done.",
        _acknowledged_at_the_end,
    ),
    Mutant(
        "other-order",
        "Messages that come again are worked off in another order.",
        _same_order_again,
    ),
    Mutant(
        "poison-alone",
        "A message that is not understood fails by itself.",
        _poison_fails_the_batch,
    ),
    Mutant(
        "page-compare",
        "Pages are compared with what the bucket really holds.",
        _pages_as_remembered,
    ),
    Mutant(
        "page-if-match",
        "A page is written only over the version that was seen.",
        _pages_overwritten,
    ),
    Mutant(
        "pages-read-first",
        "What will be written is read before what it is written from.",
        _pages_looked_at_last,
    ),
    Mutant(
        "fence",
        "A page's bytes never come back as they once were.",
        _no_fence,
    ),
    Mutant(
        "sheet-fence",
        "A photo's own page holds the version of the photo's record.",
        _no_sheet_fence,
    ),
    Mutant(
        "sheet-of-the-gone",
        "A photo that is gone has a page as long as it has a record.",
        _sheets_of_the_shown_only,
    ),
    Mutant(
        "page-removal",
        "Who needs a page that is being removed waits for a lease.",
        _removal_unsaid,
    ),
    Mutant(
        "page-claim",
        "A page that comes and goes is claimed before it is written.",
        _pages_not_claimed,
    ),
    Mutant(
        "album-compare-and-swap",
        "The album record is committed by compare-and-swap.",
        lambda: _commit_without_compare(albums=True),
    ),
    Mutant(
        "album-last",
        "The album record is committed after its pages.",
        _album_before_pages,
    ),
    Mutant(
        "albums-above",
        "A hint at an album is one at every album above it.",
        _albums_above_forgotten,
    ),
    Mutant(
        "sweep",
        "The sweep converges without any event.",
        _no_sweep,
    ),
    Mutant(
        "sweep-absence",
        "The sweep also hints at records whose originals are gone.",
        _sweep_repairs_nothing_gone,
    ),
    Mutant(
        "tombstone",
        "No original is a state too: it is committed, not deleted.",
        _record_deleted,
    ),
    Mutant(
        "tombstone-mark",
        "A tombstone is marked before it is deleted.",
        _tombstone_deleted_unmarked,
    ),
    Mutant(
        "tombstone-wait",
        "Who meets a marked tombstone waits for a lease.",
        _mark_not_heeded,
    ),
)


SPARE: tuple[Mutant, ...] = (
    Mutant(
        "renditions-put-always",
        "Renditions are never taken as there because somebody may have put them.",
        _renditions_taken_as_there,
    ),
)
"""Rules without which no law is known to break: another rule keeps what they keep."""


def mutant(name: str) -> Mutant:
    """The mutant that lacks the rule ``name``; raises ``KeyError``."""
    for each in (*MUTANTS, *SPARE):
        if each.name == name:
            return each
    raise KeyError(f"there is no rule {name!r}; there are {', '.join(m.name for m in MUTANTS)}")


def proof(mutant: Mutant, folder: Path) -> Path:
    """The file of the scenario that proves that the rule is needed."""
    return folder / f"without-{mutant.name}.yaml"


@dataclass(frozen=True)
class Proven:
    """What became of a rule's proof: the law that broke without the rule and what was seen,
    the number of steps, and the law that broke *with* it, which must be none."""

    mutant: Mutant
    law: str | None
    what: str
    steps: int
    despite: str | None


def prove(mutant: Mutant, folder: Path) -> Proven:
    """Play the rule's proof, without the rule and with it."""
    scenario = read(proof(mutant, folder))

    def broken() -> LawBroken | None:
        try:
            timeline.play(scenario)
        except LawBroken as error:
            return error
        return None

    with without(mutant):
        fell = broken()
    held = broken()
    return Proven(
        mutant,
        fell.law if fell else None,
        fell.what if fell else "nothing",
        len(scenario.steps),
        held.law if held else None,
    )


def table(folder: Path) -> str:
    """Every rule, the law that falls without it and the steps that it takes, as Markdown."""
    rows = ["| rule taken out | law that breaks | steps |", "|---|---|---|"]
    for mutant in MUTANTS:
        scenario = read(proof(mutant, folder))
        rows.append(
            f"| {mutant.rule} (`{mutant.name}`) | `{scenario.breaks}` | {len(scenario.steps)} |"
        )
    return "\n".join(rows) + "\n"
