"""The service: the photo reconciler wired to a bucket and its queues.

The Lambda handler and the worker differ only in who hands them their batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from gallery import aws, keys
from gallery.batch import Batch, Done, Outcome, Report, Task
from gallery.clock import Clock, SystemClock
from gallery.environment import Wiring, seconds
from gallery.events import Hint
from gallery.hints import send_hints
from gallery.queue import Message, Queue, SqsQueue
from gallery.store import S3Store
from gallery.telemetry import Telemetry
from thumbnailer.cache import Cache, CloudFront, Messenger, is_about, tell
from thumbnailer.reconcile import Terms, World, reconcile
from thumbnailer.settings import Settings
from thumbnailer.studio import Studio
from thumbnailer.sweep import FOLDER_WHY, stages, sweep_folder


def terms(environment: Mapping[str, str]) -> Terms:
    """How long things are waited for, from ``SAFELIGHT_EARLY_S``, ``SAFELIGHT_SUPERSEDED_S``,
    ``SAFELIGHT_CACHED_S``, ``SAFELIGHT_LEASE_S`` and ``SAFELIGHT_TOMBSTONE_S`` (see
    :class:`Terms`)."""
    usual = Terms()

    def span(name: str, default: timedelta) -> timedelta:
        return timedelta(seconds=seconds(environment, name, default.total_seconds()))

    return Terms(
        early=span("SAFELIGHT_EARLY_S", usual.early),
        superseded=span("SAFELIGHT_SUPERSEDED_S", usual.superseded),
        cached=span("SAFELIGHT_CACHED_S", usual.cached),
        lease=span("SAFELIGHT_LEASE_S", usual.lease),
        tombstone=span("SAFELIGHT_TOMBSTONE_S", usual.tombstone),
    )


class Service:
    """The thumbnailer's work, for messages from whoever receives them.

    ``thumbnail`` is the queue its messages come from, ``publish`` sitegen's; ``cache`` is what
    stands before the bucket, if anything does.
    """

    def __init__(
        self,
        world: World,
        bucket: str,
        thumbnail: Queue,
        publish: Queue,
        observe: Callable[[Report], None],
        reserve: float,
        cache: Cache | None = None,
    ) -> None:
        self.world = replace(world, look_at_all=self.begin_sweep)
        self._cache = cache
        if cache is not None:
            messenger = Messenger(thumbnail, bucket, world.clock)
            self.world = replace(self.world, removed=messenger.removed)
        self._bucket = bucket
        self._thumbnail = thumbnail
        self._publish = publish
        self._reserve = reserve
        self._observe = observe

    def run(self, messages: Sequence[Message], ahead: Callable[[], float]) -> list[Report]:
        """Work off one batch."""
        # A function whose timeout is shorter than the reserve must still begin something.
        reserve = min(self._reserve, ahead() / 2)
        return Batch(
            bucket=self._bucket,
            queue=self._thumbnail,
            clock=self.world.clock,
            names=tasks,
            work=self.work,
            observe=self._observe,
            reserve=reserve,
        ).run(messages, ahead)

    def work(self, task: Task) -> Outcome:
        """One task: a photo to reconcile, or a folder (its name ends in ``/``) to sweep, or of
        whose renditions some are gone."""
        if task.name.startswith(keys.THUMBS):
            return tell(self._cache, task) if self._cache else Done("there is no cache to tell")
        if not task.name.endswith("/"):
            return reconcile(self.world, task)
        found = sweep_folder(self.world, task.name, self.hint_photos, self.hint_albums)
        return Done(
            f"swept: {len(found.differing)} hinted at, {found.removed} objects removed"
            + "".join(f"; {problem}" for problem in found.unreadable)
        )

    def hint_photos(self, found: Iterable[str]) -> None:
        """Ask for these originals to be reconciled."""
        why = "the sweep found it differing"
        send_hints(self._thumbnail, self._bucket, found, why, self.world.clock)

    def hint_albums(self, found: Iterable[str]) -> None:
        """Ask for the albums with these records' keys to be looked at."""
        send_hints(self._publish, self._bucket, found, "the sweep came by", self.world.clock)

    def begin_sweep(self) -> int:
        """Send the messages that sweep everything, one a folder, as folders are found; how
        many."""
        count = 0

        def counted(some: Iterator[str]) -> Iterator[str]:
            nonlocal count
            for folder in some:
                count += 1
                yield folder

        for stage in stages(self.world):
            # One by one, so that the last few of a stage do not wait for a batch's rest.
            found = counted(stage)
            send_hints(self._thumbnail, self._bucket, found, FOLDER_WHY, self.world.clock)
        return count


def tasks(hint: Hint) -> tuple[str, ...] | Done:
    """The task for a hint: the original's key; for our own, a folder too."""
    if hint.dialect == "hint" and is_about(hint.key):
        return (hint.key,)
    if not hint.key.startswith(keys.PHOTOS):
        return Done(f"not under {keys.PHOTOS}: nothing of ours")
    if hint.key.endswith("/") and hint.dialect != "hint":
        return Done("a folder marker")
    return (hint.key,)


def _cache(environment: Mapping[str, str]) -> Cache | None:
    """The CloudFront distribution ``SAFELIGHT_DISTRIBUTION_ID``, if there is one."""
    distribution = environment.get("SAFELIGHT_DISTRIBUTION_ID", "").strip()
    return CloudFront(aws.cloudfront_client(), distribution) if distribution else None


class Session:
    """A service made from the environment, with its telemetry and its darkroom."""

    def __init__(self, environment: Mapping[str, str], clock: Clock | None = None) -> None:
        wiring = Wiring.from_environment(environment)
        settings = Settings.from_env(environment)
        sqs = aws.sqs_client()
        self.telemetry = Telemetry("thumbnailer")
        self.studio = Studio(settings)
        self.queue = SqsQueue(sqs, wiring.thumbnail_queue)
        world = World(
            S3Store(aws.s3_client(), wiring.bucket),
            self.studio,
            clock or SystemClock(),
            terms(environment),
            originals=settings.originals,
        )
        self.service = Service(
            world,
            wiring.bucket,
            self.queue,
            SqsQueue(sqs, wiring.publish_queue),
            self.telemetry.message,
            # The darkroom ends a photo after max_seconds; the rest is for S3.
            reserve=settings.max_seconds + 10,
            cache=_cache(environment),
        )

    def run(self, messages: Sequence[Message], ahead: Callable[[], float]) -> list[Report]:
        """Work off one batch and write its metrics."""
        began = time.monotonic()
        reports = self.service.run(messages, ahead)
        self.telemetry.batch(reports, time.monotonic() - began)
        return reports
