"""A backfill: ``python -m bench.backfill [--keys N] [--hints M] [--json]``.

Measures, each in a process of its own,

* peak memory and keys a second of a backfill of N originals (and of a tenth of them, which shows
  what grows with their number) out of a made-up listing, out of one beside N records
  (``--only-missing``), and out of an S3 Inventory; the queue takes everything at once;
* hints a second of M hints sent to MiniStack's SQS, without a ``--rate`` that matters.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gallery import keys
from safelight import backfill
from safelight import port as ports
from safelight.checkpoint import Checkpoint, Progress
from safelight.hinting import Hinter
from safelight.home import Home
from safelight.ministack import MiniStack
from safelight.pace import Pace
from safelight.stack import FUNCTIONS, QUEUES, REGION, Deployment, client

_PAGE = 1000
_ALBUM = 400
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_FAST = 1e9
_FILE = 250_000


def key(number: int) -> str:
    """The key of original ``number``, in order, as long as people's are."""
    return f"photos/archive/{number // _ALBUM:06}, an album/IMG_{number:08}.jpg"


class Listing:
    """An S3 client that lists ``count`` originals, and as many records."""

    def __init__(self, count: int) -> None:
        self._count = count

    def get_paginator(self, verb: str) -> Listing:
        """Its own."""
        del verb
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        """As S3 does, a thousand a page; everything is under any prefix, and a shallow listing
        finds no folders."""
        if asked.get("Delimiter"):
            yield {"IsTruncated": False}
            return
        is_record = asked["Prefix"].startswith(keys.RECORDS)
        after = asked.get("StartAfter", "")
        for start in range(0, self._count, _PAGE):
            names = [key(number) for number in range(start, min(start + _PAGE, self._count))]
            names = [keys.record(name) if is_record else name for name in names]
            page = [
                {"Key": name, "ETag": f'"{number:032x}"', "Size": 5_000_000, "LastModified": _NOW}
                for number, name in enumerate(names)
                if name > after
            ]
            if page:
                yield {"Contents": page, "IsTruncated": start + _PAGE < self._count}


class Sink:
    """An SQS client that takes everything."""

    def send_message_batch(self, **asked: Any) -> dict[str, Any]:
        """All of it."""
        return {"Successful": [{"Id": entry["Id"]} for entry in asked["Entries"]]}


class MadeUp(Deployment):
    """A stack with a made-up bucket."""

    count: int

    def s3(self) -> Any:
        """The listing."""
        return Listing(self.count)


def deployment(count: int) -> MadeUp:
    """A stack whose bucket holds ``count`` originals."""
    found = MadeUp(
        stack="bench",
        endpoint_url=None,
        region=REGION,
        bucket="bench",
        gallery_url="",
        queues=dict.fromkeys(QUEUES, "url"),
        functions={name: name for name in FUNCTIONS},
        log_groups={name: name for name in FUNCTIONS},
    )
    object.__setattr__(found, "count", count)
    return found


def inventory(folder: Path, count: int) -> Path:
    """An S3 Inventory of ``count`` originals; its manifest."""
    files = []
    for start in range(0, count, _FILE):
        name = folder / f"{start}.csv.gz"
        with gzip.open(name, "wt", compresslevel=1) as text:
            for number in range(start, min(start + _FILE, count)):
                text.write(f'"bench","{key(number).replace(" ", "+")}","5000000"\n')
        md5 = hashlib.md5(name.read_bytes(), usedforsecurity=False).hexdigest()
        files.append({"key": f"data/{name.name}", "MD5checksum": md5})
    manifest = {
        "sourceBucket": "bench",
        "destinationBucket": "arn:aws:s3:::inventories",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size",
        "files": files,
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    return path


def memory(how: str, count: int) -> dict[str, Any]:
    """A backfill of ``count`` originals, counted and sent; in this process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        manifest = inventory(Path(folder), count) if how == "inventory" else None
        options = argparse.Namespace(
            prefix="",
            inventory=None if manifest is None else str(manifest),
            only_missing=how == "only missing",
        )
        began = time.perf_counter()
        plan = backfill.plan_of(deployment(count), options)
        total = sum(plan.is_wanted(name) for name in plan.all_keys())
        hinter = Hinter(Sink(), "url", "bench", "bench")  # type: ignore[arg-type]
        checkpoint = Checkpoint(Home(Path(folder)), plan.job)
        begin = Progress(total=total)
        sent = backfill.carry_out(plan, begin, hinter.send, Pace(_FAST, _FAST), checkpoint)
        seconds = time.perf_counter() - began
    assert sent.seen == count
    assert sent.hinted == (0 if how == "only missing" else count)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "how": how,
        "keys": count,
        "seconds": round(seconds, 1),
        "keys_per_s": round(count / seconds),
        "peak_mib": round(after / 1024, 1),
        "before_mib": round(before / 1024, 1),
    }


def speed(hints: int) -> dict[str, Any]:
    """Hints a second to MiniStack."""
    with tempfile.TemporaryDirectory() as folder:
        process = MiniStack(Path(folder) / "stack", ports.unused())
        process.start()
        try:
            sqs = client("sqs", process.url, REGION)
            url = sqs.create_queue(QueueName="thumbnail")["QueueUrl"]
            options = argparse.Namespace(prefix="", inventory=None, only_missing=False)
            plan = backfill.plan_of(deployment(hints), options)
            hinter = Hinter(sqs, url, "bench", "bench")
            checkpoint = Checkpoint(Home(Path(folder)), plan.job)
            began = time.perf_counter()
            begin = Progress(total=hints)
            backfill.carry_out(plan, begin, hinter.send, Pace(_FAST, _FAST), checkpoint)
            seconds = time.perf_counter() - began
            found = sqs.get_queue_attributes(
                QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
            )["Attributes"]
            assert int(found["ApproximateNumberOfMessages"]) == hints
        finally:
            process.stop(keep=False)
    return {"hints": hints, "seconds": round(seconds, 1), "hints_per_s": round(hints / seconds)}


def main() -> int:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, default=1_000_000, help="originals (1000000)")
    parser.add_argument("--hints", type=int, default=20_000, help="hints to MiniStack (20000)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("HOW", "N"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(memory(options.one[0], int(options.one[1]))))
        return 0
    found: dict[str, Any] = {"python": platform.python_version(), "memory": []}
    for how in ("listing", "only missing", "inventory"):
        for count in (options.keys // 10, options.keys):
            command = [sys.executable, "-m", "bench.backfill", "--one", how, str(count)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            row = json.loads(done.stdout)
            found["memory"].append(row)
            if not options.json:
                print(
                    f"{how:<13} {count:>9} keys: {row['seconds']:>6} s, {row['keys_per_s']} "
                    f"keys/s, peak {row['peak_mib']} MiB (before {row['before_mib']})"
                )
    found["ministack"] = speed(options.hints)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"MiniStack: {found['ministack']['hints_per_s']} hints/s ({options.hints} hints)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
