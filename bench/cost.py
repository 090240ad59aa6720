"""What a gallery on AWS costs: ``python -m bench.cost [--measure] [--write]``.

It is computed, from three files: what the code does (``bench/cost.toml``: requests, bytes and CPU
time, which ``--measure`` counts and measures anew), what AWS asks
(``harness/src/safelight/prices.toml``, with its sources), and what the template makes
(``infra/template.yaml``: memory, batches, alarms).  It prints ``docs/cost.md``; ``--write``
writes it.

Measured is what the services do with an object store in memory, so that every request is
counted, and nothing is waited for; the time that S3 takes is added as an assumption, in words.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import platform
import random
import resource
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sitegen.service
import thumbnailer.service
from bench import catalog as catalogs
from bench.photographs import exif, photograph
from gallery import keys, record
from gallery.clock import SystemClock
from gallery.events import hint_body
from gallery.memory import Call, MemoryStore
from gallery.queue import Message
from gallery.telemetry import Telemetry
from safelight.home import checkout
from safelight.prices import allowance, compared, price, region
from safelight.template import Template
from thumbnailer.reconcile import World
from thumbnailer.settings import Settings
from thumbnailer.studio import Studio

MEASURED = Path(__file__).with_suffix(".toml")
TEXT = Path(__file__).with_suffix(".md")
PAGE = checkout() / "docs" / "cost.md"

PHOTOS, ALBUMS = 1000, 10
"""What sitegen is measured with."""

# Assumptions, each said on the page.
SLOWER = 1.5
READ_SECONDS = 0.03
WRITE_SECONDS = 0.05
DOWNLOAD = 60e6  # bytes a second
POLLERS = 5
POLL_SECONDS = 20
SEEN = 24
VISIT = 3
MISSES = 0.1
IMAGES_GB = 0.15
ARCHIVE = 10_000
MONTH_DAYS = 30
READS = ("get", "head")


# -- Measuring -------------------------------------------------------------------------------


class Counted:
    """A queue that counts: ``sent`` messages, and how many were deleted."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.deleted = 0

    def send(self, bodies: Iterable[str], *, delay: int = 0) -> None:
        """See :class:`gallery.queue.Queue`."""
        del delay
        self.sent += bodies

    def delete(self, message: Message) -> None:
        """See :class:`gallery.queue.Queue`."""
        del message
        self.deleted += 1

    def delay(self, message: Message, seconds: int) -> None:
        """See :class:`gallery.queue.Queue`."""
        del message, seconds


@dataclass
class Tally:
    """What was done: requests by kind, bytes read and written, CPU and log bytes."""

    calls: Counter[str]
    cpu: float = 0.0
    logged: int = 0

    def shares(self, of: int) -> dict[str, float]:
        """Of one photo."""
        return {
            "reads": round(sum(self.calls[op] for op in READS) / of, 3),
            "writes": round(self.calls["put"] / of, 3),
            "lists": round(self.calls["list"] / of, 3),
            "cpu_seconds": round(self.cpu / of, 4),
            "log_bytes": round(self.logged / of),
        }


_OUT = io.StringIO()
"""Where the services' logs go: Powertools keeps a logger of one name, and where it writes to."""


@contextlib.contextmanager
def _tally(store: MemoryStore) -> Iterator[Tally]:
    """Count what happens in the block."""
    found = Tally(Counter())

    def count(call: Call) -> None:
        if call.phase == "before":
            found.calls[call.op] += 1

    store.hook = count
    logged = _OUT.tell()
    began, before = time.process_time(), _children()
    with contextlib.redirect_stdout(_OUT):
        yield found
    found.cpu = time.process_time() - began + _children() - before
    found.logged = _OUT.tell() - logged
    store.hook = None


def _telemetry(service: str) -> Telemetry:
    with contextlib.redirect_stdout(_OUT):
        return Telemetry(service)


def _work(service: Any, telemetry: Telemetry, messages: list[Message]) -> None:
    """A batch, as the function works it off."""
    telemetry.batch(service.run(messages, lambda: 600.0), 0.0)


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _messages(names: Iterable[str]) -> list[Message]:
    now = datetime.now(UTC)
    return [
        Message(id=name, receipt="r", body=hint_body("bucket", name, "uploaded", now), sent=now)
        for name in names
    ]


def measure() -> dict[str, dict[str, float]]:
    """Count and measure everything; by what it is of."""
    return {
        "photo": _measure_photos(),
        "publishing": measured_publishing(),
        "sweep": _measure_sweep(),
        "page": _measure_pages(),
    }


def _measure_photos(count: int = 8) -> dict[str, float]:
    """One 24-megapixel JPEG through the thumbnailer."""
    buffer = io.BytesIO()
    photograph(6000, 4000).save(buffer, "JPEG", quality=92, exif=exif())
    store = MemoryStore()
    names = [f"photos/album/{n}.jpg" for n in range(count)]
    for name in names:
        store.put(name, buffer.getvalue(), content_type="image/jpeg")
    queue = Counted()
    telemetry = _telemetry("thumbnailer")
    # The studio within: its process is gone, and counted, when the block ends.
    with _tally(store) as tally, Studio(Settings()) as studio:
        service = thumbnailer.service.Service(
            World(store, studio, SystemClock()), "bucket", queue, queue, telemetry.message, 0.0
        )
        for start in range(0, count, 4):
            _work(service, telemetry, _messages(names[start : start + 4]))
    made = {key: len(o.body) for key, o in store.objects.items() if key.startswith(keys.THUMBS)}
    small = [min(size for key, size in made.items() if f"/{n}.jpg." in key) for n in range(count)]
    return {
        **tally.shares(count),
        "original_bytes": len(buffer.getvalue()),
        "rendition_bytes": round(sum(made.values()) / count),
        "small_rendition_bytes": round(sum(small) / count),
    }


def _catalog() -> MemoryStore:
    store = MemoryStore()
    chance = random.Random(1)
    for album in range(ALBUMS):
        for number in range(PHOTOS // ALBUMS):
            key = f"photos/Album {album}/DSC_{number:04d}.JPG"
            found = catalogs.photo(key, number, datetime(2024, 5, 1, tzinfo=UTC), chance)
            store.put(keys.record(key), record.encode(found), content_type="application/json")
    return store


def _publish(store: MemoryStore, telemetry: Telemetry) -> Counted:
    queue = Counted()
    service = sitegen.service.Service(
        store,
        SystemClock(),
        "bucket",
        queue,
        queue,
        telemetry.message,
        site_url="https://gallery.example/",
    )
    names = sorted(key for key in store.objects if key.startswith(keys.RECORDS))
    step = PHOTOS // ALBUMS
    for start in range(0, len(names), step):
        _work(service, telemetry, _messages(names[start : start + step]))
    return queue


def measured_publishing() -> dict[str, float]:
    """A thousand photos' records, an album at a time, as a batch brings them."""
    store = _catalog()
    telemetry = _telemetry("sitegen")
    with _tally(store) as tally:
        queue = _publish(store, telemetry)
    site = [o for k, o in store.objects.items() if not k.startswith(keys.RECORDS)]
    return {
        **tally.shares(PHOTOS),
        "sent": round(len(queue.sent) / PHOTOS, 3),
        "site_bytes": round(sum(len(o.body) for o in site) / PHOTOS),
    }


def _measure_sweep() -> dict[str, float]:
    """The daily sweep of a thousand photos that are as they should be, and what it hints at."""
    store = _catalog()
    with _tally(store):
        _publish(store, _telemetry("sitegen"))
    for key in [key for key in store.objects if key.startswith(keys.RECORDS)]:
        name = record.decode(store.objects[key].body, key).key
        # An original of another ETag: the sweep reads as much, and hints at it too.
        store.put(name, b"original", content_type="image/jpeg")
    thumbs, albums = Counted(), Counted()
    telemetry, press_telemetry = _telemetry("thumbnailer"), _telemetry("sitegen")
    with _tally(store) as tally, Studio(Settings()) as studio:
        service = thumbnailer.service.Service(
            World(store, studio, SystemClock()), "bucket", thumbs, albums, telemetry.message, 0.0
        )
        service.begin_sweep()
        folders = [Message(str(n), "r", body) for n, body in enumerate(thumbs.sent)]
        _work(service, telemetry, folders)
        hinted = [Message(str(n), "r", body) for n, body in enumerate(albums.sent)]
        press = sitegen.service.Service(
            store,
            SystemClock(),
            "bucket",
            Counted(),
            Counted(),
            press_telemetry.message,
            site_url="https://gallery.example/",
        )
        _work(press, press_telemetry, hinted)
    return {**tally.shares(PHOTOS), "sent": round((len(folders) + len(hinted)) / PHOTOS, 3)}


def _measure_pages() -> dict[str, float]:
    """What a visitor is sent, compressed as CloudFront does it."""
    store = _catalog()
    with _tally(store):
        _publish(store, _telemetry("sitegen"))
    page = store.objects[keys.album_page(keys.slug("Album 0"))].body
    assets = [o.body for k, o in store.objects.items() if k.startswith("assets/")]
    return {
        "html_bytes": len(gzip.compress(page, 6)),
        "asset_bytes": sum(len(gzip.compress(body, 6)) for body in assets),
        "assets": len(assets),
    }


def written(found: dict[str, dict[str, float]]) -> str:
    """The measurements as TOML."""
    lines = [
        "# What the code does for one photo, or one page: counted and measured by",
        "# `python -m bench.cost --measure`, and priced by `python -m bench.cost`.",
        f"measured = {datetime.now(UTC).date()}",
        f'machine = "{platform.machine()}, Python {platform.python_version()}"',
    ]
    for part, values in found.items():
        lines += ["", f"[{part}]", *(f"{name} = {value}" for name, value in values.items())]
    return "\n".join(lines) + "\n"


# -- Pricing ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of a bill: ``amount`` of something at ``each`` dollars; ``free`` of it are given
    every month."""

    what: str
    amount: float
    unit: str
    each: float
    free: float = 0.0

    @property
    def dollars(self) -> float:
        """Without what is given."""
        return self.amount * self.each

    @property
    def at_least(self) -> float:
        """If nothing else in the account uses up what is given."""
        return max(0.0, self.amount - self.free) * self.each


@dataclass(frozen=True)
class Case:
    """What a bill is computed for."""

    architecture: str = "arm64"
    slower: float = SLOWER


class Bill:
    """The template's defaults, the measurements and the prices, put together."""

    def __init__(self, measured: dict[str, Any], case: Case | None = None) -> None:
        self.measured = measured
        self.case = case or Case()
        self.template = Template.read()

    def _default(self, name: str) -> float:
        return float(self.template.parameters()[name]["Default"])

    def _lambda(self, name: str, memory: float, seconds: float, calls: float) -> list[Line]:
        rate = price("lambda", f"gb_second_{self.case.architecture}")
        free = allowance("lambda_gb_seconds")
        return [
            Line(f"{name}: time", seconds * memory / 1024, "GB-seconds", rate, free),
            Line(
                f"{name}: invocations",
                calls,
                "",
                price("lambda", "request"),
                allowance("lambda_requests"),
            ),
        ]

    def _seconds(self, part: dict[str, float], count: float, parallel: float = 1.0) -> float:
        waits = part["reads"] * READ_SECONDS + (part["writes"] + part["lists"]) * WRITE_SECONDS
        return count * (part["cpu_seconds"] * self.case.slower + waits / parallel)

    def photos(self, count: int = 1000) -> list[Line]:
        """``count`` photos uploaded."""
        photo, page = self.measured["photo"], self.measured["publishing"]
        batch, albums = self._default("ThumbnailerBatchSize"), self._default("SitegenBatchSize")
        thumbnailer = self._seconds(photo, count) + count * photo["original_bytes"] / DOWNLOAD
        memory = self._default("ThumbnailerMemory")
        storage = (self._default("ThumbnailerStorage") - 512) / 1024 * thumbnailer
        requests = count * (
            # The event; received in batches; deleted by the function, and again by Lambda.
            (1 + 1 / batch + 1 + 1 / batch)
            # The record's event; Lambda receives at most ten at a time.
            + (1 + 1 / 10 + 1 + 1 / 10)
            + page["sent"]
        )
        return [
            Line(
                "S3: uploads of the originals",
                count * _parts(photo["original_bytes"]),
                "requests",
                price("s3", "write_request"),
            ),
            Line(
                "S3: renditions, records and pages written; listings",
                count * (photo["writes"] + photo["lists"] + page["writes"] + page["lists"]),
                "requests",
                price("s3", "write_request"),
            ),
            Line(
                "S3: reads",
                count * (photo["reads"] + page["reads"]),
                "requests",
                price("s3", "read_request"),
            ),
            Line("SQS", requests, "requests", price("sqs", "request"), allowance("sqs_requests")),
            *self._lambda("thumbnailer", memory, thumbnailer, count / batch),
            Line(
                "thumbnailer: /tmp beyond 512 MB",
                storage,
                "GB-seconds",
                price("lambda", "storage_gb_second"),
            ),
            *self._lambda(
                "sitegen",
                self._default("SitegenMemory"),
                self._seconds(page, count),
                count / albums,
            ),
            Line(
                "logs",
                count * (photo["log_bytes"] + page["log_bytes"]) / 1e9,
                "GB",
                price("logs", "ingested_gb"),
                allowance("logs_gb"),
            ),
        ]

    def month(self, photos: int = ARCHIVE) -> list[Line]:
        """A month in which nothing happens, with that many photos in the bucket."""
        photo, page, sweep = (self.measured[n] for n in ("photo", "publishing", "sweep"))
        stored = photos * (photo["original_bytes"] + photo["rendition_bytes"] + page["site_bytes"])
        polls = 2 * POLLERS * MONTH_DAYS * 86_400 / POLL_SECONDS
        swept = photos * MONTH_DAYS
        resources = self.template.document["Resources"].values()
        alarms = sum(each["Type"] == "AWS::CloudWatch::Alarm" for each in resources)
        # Each service sends four numbers, in the hour of the sweep.
        metrics = 2 * 4 * MONTH_DAYS / (MONTH_DAYS * 24)
        return [
            Line("S3: storage", stored / 1e9, "GB", price("s3", "gb_month")),
            Line(
                "S3: the daily sweep reads every record",
                swept * sweep["reads"],
                "requests",
                price("s3", "read_request"),
            ),
            Line(
                "S3: and lists",
                swept * (sweep["lists"] + sweep["writes"]),
                "requests",
                price("s3", "write_request"),
            ),
            *self._lambda(
                "the daily sweep",
                self._default("ThumbnailerMemory"),
                # Records are read sixteen at a time.
                self._seconds(sweep, swept, parallel=16),
                MONTH_DAYS * (1 + photos / PHOTOS * ALBUMS / 4),
            ),
            Line(
                "SQS: two queues are asked, and are empty",
                polls,
                "requests",
                price("sqs", "request"),
                allowance("sqs_requests"),
            ),
            Line(
                "alarms",
                alarms,
                "",
                price("cloudwatch", "alarm_month"),
                allowance("cloudwatch_alarms"),
            ),
            Line(
                "metrics",
                metrics,
                "",
                price("cloudwatch", "metric_month"),
                allowance("cloudwatch_metrics"),
            ),
            Line(
                "the dashboard",
                1,
                "",
                price("cloudwatch", "dashboard_month"),
                allowance("cloudwatch_dashboards"),
            ),
            Line("ECR: two images", IMAGES_GB, "GB", price("ecr", "gb_month")),
            Line(
                "EventBridge Scheduler",
                MONTH_DAYS,
                "",
                price("scheduler", "invocation"),
                allowance("scheduler_invocations"),
            ),
        ]

    def views(self, count: int = 100_000) -> list[Line]:
        """``count`` pages looked at."""
        photo, page = self.measured["photo"], self.measured["page"]
        sent = (
            page["html_bytes"] + page["asset_bytes"] / VISIT + SEEN * photo["small_rendition_bytes"]
        )
        requests = 1 + page["assets"] / VISIT + SEEN
        return [
            Line(
                "CloudFront: to visitors",
                count * sent / 1e9,
                "GB",
                price("cloudfront", "gb"),
                allowance("cloudfront_gb"),
            ),
            Line(
                "CloudFront: requests",
                count * requests,
                "requests",
                price("cloudfront", "request"),
                allowance("cloudfront_requests"),
            ),
            Line(
                "S3: what CloudFront has to ask for",
                count * requests * MISSES,
                "requests",
                price("s3", "read_request"),
            ),
        ]


def _parts(size: float) -> float:
    """Requests that an upload takes: the AWS command line sends more than 8 MiB in parts."""
    chunk = 8 * 1024**2
    return 1 if size < chunk else 2 + -(-size // chunk)


# -- The page --------------------------------------------------------------------------------


def _amount(line: Line) -> str:
    value = line.amount
    shown = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2g}"
    return f"{shown} {line.unit}".strip()


def _money(dollars: float) -> str:
    return f"{dollars:.4f}" if 0 < dollars < 0.1 else f"{dollars:.2f}"


def _total(lines: Iterable[Line]) -> float:
    return sum(line.dollars for line in lines)


def _table(lines: list[Line]) -> str:
    rows = [
        f"| {line.what} | {_amount(line)} | {_money(line.dollars)} | {_money(line.at_least)} |"
        for line in lines
    ]
    least = sum(line.at_least for line in lines)
    return "\n".join(
        [
            "| | amount | US$ | after what everybody gets |",
            "|---|--:|--:|--:|",
            *rows,
            f"| **together** | | **{_money(_total(lines))}** | **{_money(least)}** |",
        ]
    )


def page(measured: dict[str, Any]) -> str:
    """``docs/cost.md``."""
    bill = Bill(measured)
    cases = {
        "as above: arm64": Case(),
        "x86_64": Case("x86_64"),
        "arm64, as fast as the machine it was measured on": Case(slower=1.0),
        "arm64, three times slower than that": Case(slower=3.0),
    }
    rows = [
        f"| {name} | {_money(_total(Bill(measured, case).photos()))} "
        f"| {_money(_total(Bill(measured, case).month()))} |"
        for name, case in cases.items()
    ]
    photo, published, swept, seen = (
        measured[name] for name in ("photo", "publishing", "sweep", "page")
    )
    return TEXT.read_text(encoding="utf-8").format(
        compared=compared(),
        region=region(),
        original=f"{photo['original_bytes'] / 1e6:.1f}",
        album=PHOTOS // ALBUMS,
        photos=_table(bill.photos()),
        archive=f"{ARCHIVE:,}",
        month=_table(bill.month()),
        share=_share(photo, published),
        html=f"{seen['html_bytes'] / 1e3:.1f}",
        seen=SEEN,
        small=f"{photo['small_rendition_bytes'] / 1e3:.0f}",
        visit=VISIT,
        views=_table(bill.views()),
        download=f"{price('cloudfront', 'gb') * photo['original_bytes'] / 1e9:.5f}",
        path=f"{price('cloudfront', 'invalidation_path'):.3f}",
        paths=f"{allowance('cloudfront_invalidation_paths'):,.0f}",
        cases="\n".join(rows),
        measured=measured["measured"],
        machine=measured["machine"],
        photo_cpu=f"{photo['cpu_seconds']:.2f}",
        photo_reads=f"{photo['reads']:g}",
        photo_writes=f"{photo['writes']:g}",
        page_cpu=f"{published['cpu_seconds'] * 1e3:.1f}",
        page_reads=f"{published['reads']:g}",
        page_writes=f"{published['writes']:g}",
        sweep_cpu=f"{swept['cpu_seconds'] * 1e3:.2f}",
        sweep_reads=f"{swept['reads']:g}",
        slower=SLOWER,
        read_ms=f"{READ_SECONDS * 1e3:.0f}",
        write_ms=f"{WRITE_SECONDS * 1e3:.0f}",
        download_mb=f"{DOWNLOAD / 1e6:.0f}",
        pollers=POLLERS,
        poll=POLL_SECONDS,
        misses=f"{MISSES:.0%}",
        images=IMAGES_GB,
    )


def _share(photo: dict[str, float], published: dict[str, float]) -> str:
    total = photo["original_bytes"] + photo["rendition_bytes"] + published["site_bytes"]
    return f"{photo['original_bytes'] / total:.0%}"


def load() -> dict[str, Any]:
    """The measurements."""
    return tomllib.loads(MEASURED.read_text(encoding="utf-8"))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="count and measure anew")
    parser.add_argument("--write", action="store_true", help="write docs/cost.md")
    arguments = parser.parse_args()
    if arguments.measure:
        MEASURED.write_text(written(measure()), encoding="utf-8")
    text = page(load())
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
