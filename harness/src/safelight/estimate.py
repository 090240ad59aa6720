"""What hinting at many photos takes: money and time, said before it is begun.

It is of photos that all have yet to be rendered, the dearest case: one whose record is right
costs two requests.  What one photo takes is counted and measured:

* Requests are those that the code makes; ``tests/unit/safelight/test_estimate.py`` counts them.
* Time is that of a 24-megapixel JPEG: ``python -m bench.renditions`` measures 0.3 s of CPU for
  its renditions, and as much again is allowed for S3 and for Lambda's slower cores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from safelight.hinting import BATCH
from safelight.prices import price

SECONDS = 0.7
"""How long a thumbnailer with one vCPU (1,769 MB) takes for a photo."""

SITEGEN_SECONDS = 0.05
"""How long the site generator takes for a photo, of all the publications that it has part in."""

READS = {"thumbnailer": 7, "sitegen": 2}
"""GET and HEAD requests for a photo: of the thumbnailer two records, the original three times, and
after the commit one more look at what it was made from."""

WRITES = {"thumbnailer": 4, "sitegen": 1}
"""PUT requests for a photo with three renditions: those and the record; the page."""

# Sent by us, received in batches, deleted one by one; then the record's event, likewise.
_SQS = 1 / BATCH + 1 / 4 + 1 + 1 + 1 / 100 + 1
_LOG_BYTES = 2_000
_VCPU_MB = 1769
_SAFE = 0.5


@dataclass(frozen=True)
class Pipeline:
    """What works hints off: ``at_once`` thumbnailers, each with ``memory`` and ``storage``
    in MB, the site generator with ``sitegen_memory``; ``architecture`` as Lambda names it.

    ``backlog`` messages wait already; a message is lost after ``retention`` seconds.
    ``costs``: whether anybody is billed.
    """

    at_once: int
    retention: float
    backlog: int = 0
    memory: int = _VCPU_MB
    storage: int = 512
    sitegen_memory: int = 1024
    architecture: str = "arm64"
    costs: bool = True

    @property
    def a_second(self) -> float:
        """Photos a second; less memory is less of a CPU, more does not help one photo."""
        return self.at_once * min(1.0, self.memory / _VCPU_MB) / SECONDS


@dataclass(frozen=True)
class Estimate:
    """What ``hints`` hints take.

    ``dollars`` is by what it is for.  ``sending`` is how long they take to be sent,
    ``working`` how long until the last is worked off, ``waiting`` the longest that one waits.
    """

    hints: int
    dollars: dict[str, float]
    sending: timedelta
    working: timedelta
    waiting: timedelta

    @property
    def total(self) -> float:
        """In US dollars."""
        return sum(self.dollars.values())


def estimate(hints: int, rate: float, pipeline: Pipeline, *, listed: int = 0) -> Estimate:
    """What ``hints`` hints at ``rate`` a second take, after a listing of ``listed`` keys."""
    sending = hints / rate
    working = max(sending, (hints + pipeline.backlog) / pipeline.a_second) if hints else 0.0
    return Estimate(
        hints,
        _dollars(hints, listed, pipeline) if pipeline.costs else {},
        timedelta(seconds=sending),
        timedelta(seconds=working),
        timedelta(seconds=working - sending),
    )


def _dollars(hints: int, listed: int, pipeline: Pipeline) -> dict[str, float]:
    per_second = price("lambda", f"gb_second_{pipeline.architecture}")
    seconds = SECONDS / min(1.0, pipeline.memory / _VCPU_MB)
    storage = max(0, pipeline.storage - 512) / 1024 * seconds * price("lambda", "storage_gb_second")
    thumbnailer = seconds * pipeline.memory / 1024 * per_second + storage
    sitegen = SITEGEN_SECONDS * pipeline.sitegen_memory / 1024 * per_second
    invocations = (1 / 4 + 1 / 100) * price("lambda", "request")
    reads = sum(READS.values()) * price("s3", "read_request")
    writes = sum(WRITES.values()) * price("s3", "write_request")
    return {
        "listing": math.ceil(listed / 1000) * price("s3", "write_request"),
        "S3 requests": hints * (reads + writes),
        "SQS requests": hints * _SQS * price("sqs", "request"),
        "Lambda": hints * (thumbnailer + sitegen + invocations),
        "logs": hints * _LOG_BYTES / 1e9 * price("logs", "ingested_gb"),
    }


def too_fast(found: Estimate, pipeline: Pipeline) -> float | None:
    """The rate that would do, if hints would wait so long that the queue might forget them;
    ``None`` if all is well.

    Half the queue's retention is what may be used: queues do not keep to the order in which
    messages came, and whatever delays the functions must cost no hint.
    """
    if found.waiting.total_seconds() <= _SAFE * pipeline.retention:
        return None
    return max(1.0, math.floor(pipeline.a_second * 10) / 10)


def spoken(span: timedelta) -> str:
    """A span of time, as one would say it."""
    seconds = round(span.total_seconds())
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours = round(seconds / 3600)
    if hours < 48:
        return f"{hours} h"
    return f"{round(seconds / 86_400)} days"
