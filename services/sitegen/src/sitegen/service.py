"""The service: the album reconciler wired to a bucket and its queues.

The Lambda handler and the worker differ only in who hands them their batches.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from gallery import aws, keys
from gallery.batch import Batch, Done, Failed, Outcome, Report, Task, backoff
from gallery.clock import Clock, SystemClock
from gallery.environment import Wiring, seconds
from gallery.events import Hint
from gallery.hints import send_hints
from gallery.originals import Originals, from_environment
from gallery.queue import Message, Queue, SqsQueue
from gallery.store import ObjectStore, S3Store
from gallery.telemetry import Telemetry
from sitegen import pages
from sitegen.look import Look, UnfitLook
from sitegen.reconcile import Press, Terms, World, reconcile

RESERVE = 20.0
"""Seconds that publishing one large album may take; less time left, and it is not begun."""


def terms(environment: Mapping[str, str]) -> Terms:
    """How long things are waited for, from ``SAFELIGHT_LEASE_S``, ``SAFELIGHT_TOMBSTONE_S``
    and ``SAFELIGHT_ASSETS_S`` (see :class:`Terms`)."""
    usual = Terms()

    def span(name: str, default: timedelta) -> timedelta:
        return timedelta(seconds=seconds(environment, name, default.total_seconds()))

    return Terms(
        lease=span("SAFELIGHT_LEASE_S", usual.lease),
        tombstone=span("SAFELIGHT_TOMBSTONE_S", usual.tombstone),
        assets=span("SAFELIGHT_ASSETS_S", usual.assets),
    )


class Service:
    """Sitegen's work, for messages from whoever receives them.

    ``publish`` is the queue its messages come from, ``thumbnail`` the thumbnailer's.
    """

    def __init__(
        self,
        store: ObjectStore,
        clock: Clock,
        bucket: str,
        publish: Queue,
        thumbnail: Queue,
        observe: Callable[[Report], None],
        *,
        site_url: str | None = None,
        originals: Originals = "public",
        terms: Terms | None = None,
        press: Press = pages,
        reserve: float = RESERVE,
    ) -> None:
        self._bucket = bucket
        self._publish = publish
        self._thumbnail = thumbnail
        self._observe = observe
        self._reserve = reserve
        self._ahead: Callable[[], float] = lambda: math.inf
        self.world = World(
            store=store,
            clock=clock,
            hint=self.hint_photos,
            republish=self.hint_albums,
            site_url=site_url,
            originals=originals,
            terms=terms or Terms(),
            press=press,
            bucket=bucket,
            ahead=lambda: self._ahead(),
        )

    def run(self, messages: Sequence[Message], ahead: Callable[[], float]) -> list[Report]:
        """Work off one batch: each album once, deepest first, and the site once, last."""
        self._ahead = ahead
        return Batch(
            bucket=self._bucket,
            queue=self._publish,
            clock=self.world.clock,
            names=tasks,
            work=self.work,
            observe=self._observe,
            reserve=min(self._reserve, ahead() / 2),
            order=_deepest_first,
        ).run(messages, ahead)

    def work(self, task: Task) -> Outcome:
        """One task: the album whose slug is the task's name."""
        try:
            return reconcile(self.world, task)
        except UnfitLook as error:
            return Failed(str(error), after=backoff(task.receives))

    def hint_photos(self, found: Iterable[str]) -> None:
        """Ask the thumbnailer to look at these originals."""
        why = "sitegen found it wanting"
        send_hints(self._thumbnail, self._bucket, found, why, self.world.clock)

    def hint_albums(self, found: Iterable[str]) -> None:
        """Ask for the albums with these records' keys to be looked at."""
        why = "the site's settings changed"
        send_hints(self._publish, self._bucket, found, why, self.world.clock)


def tasks(hint: Hint) -> tuple[str, ...] | Done:
    """The albums a hint is about: that of the record, and each above it up to the site."""
    if hint.key.startswith(keys.RECORDS):
        slug: str | None = keys.album_of_record(hint.key)
    elif hint.key == keys.SITE:
        slug = ""
    elif hint.key.startswith(keys.ALBUMS) and hint.key.endswith(".json"):
        slug = keys.slug_of_album_record(hint.key)
    else:
        return Done(f"not under {keys.CATALOG}: nothing of ours")
    found: list[str] = []
    while slug is not None:
        found.append(slug)
        slug = keys.parent(slug)
    return tuple(found)


def _deepest_first(slug: str) -> tuple[int, str]:
    return (-slug.count("/") - 1 if slug else 0, slug)


class Session:
    """A service made from the environment, with its telemetry.

    ``SAFELIGHT_SITE_URL`` is the site's address, where it is known; ``SAFELIGHT_ORIGINALS`` what
    visitors may take (see :mod:`gallery.originals`); ``SAFELIGHT_TEMPLATES`` a folder of templates
    and assets that go before our own (see :mod:`sitegen.look`).
    """

    def __init__(self, environment: Mapping[str, str], clock: Clock | None = None) -> None:
        wiring = Wiring.from_environment(environment)
        sqs = aws.sqs_client()
        self.telemetry = Telemetry("sitegen")
        self.queue = SqsQueue(sqs, wiring.publish_queue)
        url = environment.get("SAFELIGHT_SITE_URL", "").strip()
        templates = environment.get("SAFELIGHT_TEMPLATES", "").strip()
        self.service = Service(
            S3Store(aws.s3_client(), wiring.bucket),
            clock or SystemClock(),
            wiring.bucket,
            self.queue,
            SqsQueue(sqs, wiring.thumbnail_queue),
            self.telemetry.message,
            site_url=url.rstrip("/") + "/" if url else None,
            originals=from_environment(environment),
            terms=terms(environment),
            press=pages.Pages(Look(Path(templates) if templates else None)),
        )

    def run(self, messages: Sequence[Message], ahead: Callable[[], float]) -> list[Report]:
        """Work off one batch and write its metrics."""
        began = time.monotonic()
        reports = self.service.run(messages, ahead)
        self.telemetry.batch(reports, time.monotonic() - began)
        return reports
