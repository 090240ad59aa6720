"""The cache before the bucket: renditions that are gone from the bucket are gone from it, too.

CloudFront keeps a rendition for a year, since its name changes when its content does.  So when
one is deleted (a photo was, or was overwritten), the cache has to be told, or whoever has the
address still gets it.

To tell is an *invalidation* of one path, and paths cost: a thousand a month are free, then half
a cent each, and of those that end in ``*`` at most 15 may be under way (CloudFront developer guide,
"Quotas" and "Pay for file invalidation").  One for each photo would make deleting ten thousand
cost fifty dollars, and take hours.  So an album is told about once a minute, however many of its
renditions went: who deletes them sends a hint at the album's folder, delayed until the minute is
over, and all hints of one minute ask for one and the same invalidation, by its name
(CloudFront's ``CallerReference``: asked for again, it does nothing).

What was forgotten in between, because a function died, the sweep makes good for: it tells again
before it strikes a removed rendition off the record.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from gallery import keys
from gallery.batch import Done, Failed, Outcome, Retry, Task
from gallery.clock import Clock
from gallery.hints import send_hints
from gallery.queue import Queue

WHY = "renditions were removed"

WINDOW = timedelta(minutes=1)
"""The renditions of an album that go within this are told of at once."""

_MARGIN = timedelta(seconds=5)  # for clocks that differ
_BUSY = 60  # seconds, and that much longer each time


class CacheError(Exception):
    """The cache could not be told; to be tried again."""


class CacheBusy(CacheError):
    """It is being told too much already."""


class CacheRefused(CacheError):
    """It may not be told by us, or is not there: trying again does not help."""


class Cache(Protocol):
    """What keeps copies of the bucket's objects: :class:`CloudFront`, or a fake."""

    def forget(self, folder: str, reference: str) -> None:
        """Forget all copies of objects whose keys begin with ``folder``.

        Idempotent, and free, for one and the same ``reference``.  It takes effect within
        minutes.  Raises :class:`CacheError`, see its subclasses.
        """


class CloudFront:
    """A CloudFront distribution; ``client`` is boto3's for CloudFront."""

    def __init__(self, client: Any, distribution: str) -> None:
        self._client = client
        self._distribution = distribution

    def forget(self, folder: str, reference: str) -> None:
        """See :meth:`Cache.forget`."""
        try:
            self._client.create_invalidation(
                DistributionId=self._distribution,
                InvalidationBatch={
                    "Paths": {"Quantity": 1, "Items": [path(folder)]},
                    "CallerReference": reference,
                },
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "TooManyInvalidationsInProgress":
                raise CacheBusy(str(error)) from error
            if code in ("AccessDenied", "NoSuchDistribution"):
                raise CacheRefused(
                    f"{error}. The thumbnailer's role needs cloudfront:CreateInvalidation on "
                    f"the distribution {self._distribution}, which is the template's"
                ) from error
            raise CacheError(str(error)) from error
        except BotoCoreError as error:
            raise CacheError(str(error)) from error


# What everybody writes in one way only.  CloudFront compares the path as it is written with the
# one that a visitor's browser wrote (CloudFront developer guide, "Specify the files to
# invalidate"), and of other characters there is more than one writing.
_CERTAIN = re.compile(r"[A-Za-z0-9/._-]*")


def path(folder: str) -> str:
    """The invalidation's path for all keys that begin with ``folder``.

    Cut before the first character that could be written otherwise: it then covers more than
    it had to, which costs some requests to S3, and never less.
    """
    certain = _CERTAIN.match(folder)
    return f"/{certain[0] if certain else ''}*"


class Messenger:
    """Sends the hints after which the cache is told."""

    def __init__(self, queue: Queue, bucket: str, clock: Clock) -> None:
        self._queue = queue
        self._bucket = bucket
        self._clock = clock
        self._sent: dict[str, int] = {}

    def removed(self, slug: str) -> None:
        """Renditions of the album ``slug`` have just been deleted.

        Raises :class:`gallery.queue.QueueError` where that cannot be sent.
        """
        now = self._clock.now()
        window = _window(now)
        if self._sent.get(slug) == window:
            # The message that is on its way will be read after this minute.
            return
        delay = _end(window) + _MARGIN - now
        seconds = int(delay.total_seconds()) + 1
        send_hints(self._queue, self._bucket, [folder(slug)], WHY, self._clock, delay=seconds)
        self._sent = {slug: window, **{s: w for s, w in self._sent.items() if w == window}}


def folder(slug: str) -> str:
    """The prefix of the renditions of the album ``slug``, and of the albums in it."""
    return f"{keys.THUMBS}{slug}/" if slug else keys.THUMBS


def tell(cache: Cache, task: Task) -> Outcome:
    """Have the cache forget the folder ``task.name``."""
    times = [hint.time for hint in task.hints if hint.time is not None]
    if not times:
        return Failed("a hint at removed renditions without a time")
    window = _window(max(times))
    try:
        cache.forget(task.name, _reference(task.name, window))
    except CacheRefused as error:
        return Failed(str(error), after=_BUSY)
    except CacheError as error:
        return Retry(_BUSY * task.receives, f"the cache could not be told yet: {error}")
    return Done("the cache was told")


def is_about(key: str) -> bool:
    """Whether a hint of ours at ``key`` asks for the cache to be told."""
    return key.startswith(keys.THUMBS) and key.endswith("/")


def _reference(name: str, window: int) -> str:
    # A digest: an album's name may hold what a reference may not.
    return hashlib.sha256(f"{name}@{window}".encode("utf-8", "surrogatepass")).hexdigest()


def _window(moment: datetime) -> int:
    return int(moment.timestamp() // WINDOW.total_seconds())


def _end(window: int) -> datetime:
    return datetime.fromtimestamp((window + 1) * WINDOW.total_seconds(), UTC)
