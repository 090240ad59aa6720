"""`safelight backfill`: hints at every original there is, straight into the queue.

For a bucket that was full before Safelight came to it, or whose events were lost.  (A sweep
does it too, and finds what has *changed* besides; but it reads every record, and sends its
hints as fast as it can.)  It may be interrupted anywhere, and goes on from there.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from rich.markup import escape

from gallery import keys
from gallery.keys import Kind
from safelight import consent, deployed
from safelight.checkpoint import Checkpoint, Progress
from safelight.estimate import Estimate, Pipeline, estimate, spoken, too_fast
from safelight.hinting import Batch, Hinter, batches, send_all
from safelight.home import Home
from safelight.inventory import Inventory, load
from safelight.listing import side_by_side
from safelight.pace import Pace
from safelight.prices import compared, region
from safelight.problem import Problem
from safelight.queues import depths
from safelight.recorded import Recorded
from safelight.screen import console, countdown, errors, printable, tally
from safelight.stack import Deployment

RATE = 100.0
"""Hints a second, unless it is said otherwise: a few times what the functions work off."""

WORKERS = 8
"""Requests to the queue at a time."""

_WHY = "a backfill"
_FASTEST = 10_000.0
_SHOWN = 5


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--prefix",
        metavar="P",
        default="",
        help="only the originals whose keys begin with photos/P",
    )
    parser.add_argument(
        "--inventory",
        metavar="MANIFEST",
        help="take the keys from an S3 Inventory (s3://BUCKET/…/manifest.json, or a file), "
        "instead of listing the bucket",
    )
    parser.add_argument(
        "--only-missing",
        action="store_true",
        help="only the originals that have no record at all",
    )
    parser.add_argument(
        "--rate",
        metavar="N",
        type=_rate,
        default=RATE,
        help=f"hints a second at most (default: {RATE:.0f})",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what it would take, and do nothing"
    )
    parser.add_argument(
        "--restart", action="store_true", help="begin anew, instead of going on where it was"
    )
    deployed.arguments(parser)
    consent.arguments(parser)


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= _FASTEST:
        raise argparse.ArgumentTypeError(
            f"{text!r}: say a number of hints a second, above 0 and at most {_FASTEST:.0f}"
        )
    return value


@dataclass(frozen=True)
class Plan:
    """What is to be done: the places to go through, from any position on, and which of their
    keys are wanted; all keys in any order, to be counted; and what tells this job from others."""

    places: Callable[[str], Iterator[tuple[str, str]]]
    all_keys: Callable[[], Iterator[str]]
    is_wanted: Callable[[str], bool]
    job: dict[str, str]


def run(options: argparse.Namespace) -> int:
    """Do it."""
    deployment = deployed.chosen(options)
    plan = plan_of(deployment, options)
    checkpoint = Checkpoint(Home.here(), plan.job)
    if options.restart:
        checkpoint.forget()
    kept = checkpoint.load()
    if kept is None:
        begin, listed, some = _counted(plan)
    else:
        begin, listed, some = kept, 0, []
        errors.print(f"Going on where it was: {kept.hinted} of {kept.total} hints are sent.")
    left = max(0, begin.total - begin.hinted)
    pipeline = pipeline_of(deployment)
    found = estimate(left, options.rate, pipeline, listed=listed)
    _show(deployment, found, pipeline)
    if options.dry_run:
        for key in some:
            console.print(escape(f"  {printable(key)}"))
        if begin.total > len(some) > 0:
            console.print(f"  … and {begin.total - len(some)} more")
        return 0
    if not begin.total:
        return 0
    better = too_fast(found, pipeline)
    if better is not None:
        raise Problem(
            f"The last hints would wait {spoken(found.waiting)}, and the queue forgets a message "
            f"after {spoken(timedelta(seconds=pipeline.retention))}. Say --rate {better:g}, or "
            "have more functions work at a time (ThumbnailerConcurrency)."
        )
    question = f"Send {left} hints to {deployment.stack}?"
    if not consent.ask_on_aws(deployment, question, yes=options.yes):
        errors.print("Nothing was sent.")
        return 1
    hinter = Hinter(deployment.sqs(), deployment.queues["thumbnail"], deployment.bucket, _WHY)
    sent = carry_out(plan, begin, hinter.send, Pace(options.rate, options.rate), checkpoint)
    console.print(
        f"{sent.hinted} hints sent, of {sent.seen} keys. `safelight wait{deployment.option}` waits "
        "for what comes of them.",
        markup=False,
    )
    return 0


def plan_of(deployment: Deployment, options: argparse.Namespace) -> Plan:
    """What the options ask for.  Raises :class:`Problem`."""
    prefix = keys.PHOTOS + str(options.prefix).removeprefix(keys.PHOTOS)
    store, s3 = deployment.store(), deployment.s3()
    is_recorded: Callable[[str], bool] = lambda key: False  # noqa: E731 - no record is looked for
    if options.only_missing:
        with tally("records listed") as seen:
            listing = side_by_side(store, seen)
            is_recorded = Recorded(info.key for info in listing(keys.RECORDS)).has
    job = {
        "stack": deployment.stack,
        "endpoint": deployment.endpoint_url or deployment.region,
        "bucket": deployment.bucket,
        "prefix": prefix,
        "only": "missing" if options.only_missing else "",
        "inventory": "",
    }

    def is_wanted(key: str) -> bool:
        return (
            key.startswith(prefix)
            and keys.classify(key).kind is not Kind.SKIPPED
            and not is_recorded(key)
        )

    if options.inventory is None:

        def listed(after: str) -> Iterator[tuple[str, str]]:
            for page in store.pages(prefix, after=after):
                for info in page.objects:
                    yield info.key, info.key

        def everything() -> Iterator[str]:
            with tally("keys listed") as seen:
                for info in side_by_side(store, seen)(prefix):
                    yield info.key

        return Plan(listed, everything, is_wanted, job)
    inventory: Inventory = load(options.inventory, s3)
    if inventory.bucket != deployment.bucket:
        raise Problem(
            f"That is an inventory of the bucket {printable(inventory.bucket)}, and this "
            f"stack's is {deployment.bucket}."
        )
    return Plan(
        partial(inventory.keys, s3),
        lambda: (key for _, key in inventory.keys(s3)),
        is_wanted,
        {**job, "inventory": inventory.identity},
    )


def _counted(plan: Plan) -> tuple[Progress, int, list[str]]:
    """A job that is yet to begin, with its total; how many keys were looked at; and a few that
    are wanted."""
    total, looked_at = 0, 0
    some: list[str] = []
    for key in plan.all_keys():
        looked_at += 1
        if plan.is_wanted(key):
            total += 1
            if len(some) < _SHOWN:
                some.append(key)
    return Progress(total=total), looked_at, some


def carry_out(
    plan: Plan,
    begin: Progress,
    send: Callable[[tuple[str, ...]], None],
    pace: Pace,
    checkpoint: Checkpoint,
) -> Progress:
    """Send what is left of the plan, from ``begin`` on; how far it came.

    However it ends, what was sent is remembered; when all is sent, the checkpoint is gone.
    """
    now = begin

    def paced() -> Iterator[Batch]:
        for batch in batches(plan.places(begin.position), plan.is_wanted):
            pace.take(len(batch.keys))
            yield batch

    def done(batch: Batch) -> None:
        nonlocal now
        now = replace(
            now,
            position=batch.end,
            hinted=now.hinted + len(batch.keys),
            seen=now.seen + batch.seen,
        )
        checkpoint.save(now)
        meter.show(now.hinted, max(now.total, now.hinted), "hints sent")

    with countdown() as meter:
        try:
            checkpoint.save(now, now=True)
            meter.show(now.hinted, max(now.total, now.hinted), "hints sent")
            send_all(paced(), send, workers=WORKERS, done=done)
        except BaseException:
            checkpoint.save(now, now=True)
            raise
    checkpoint.forget()
    return now


def pipeline_of(deployment: Deployment) -> Pipeline:
    """What will work the hints off."""
    url = deployment.queues["thumbnail"]
    attributes = deployment.sqs().get_queue_attributes(
        QueueUrl=url, AttributeNames=["MessageRetentionPeriod"]
    )["Attributes"]
    found = Pipeline(
        at_once=1,
        retention=float(attributes["MessageRetentionPeriod"]),
        backlog=depths(deployment)["thumbnail"].total,
        costs=deployment.is_on_aws,
    )
    name = deployment.functions.get("thumbnailer")
    if name is None:
        return found
    functions = deployment.functions_client()
    thumbnailer: Any = functions.get_function_configuration(FunctionName=name)
    sitegen: Any = functions.get_function_configuration(
        FunctionName=deployment.functions["sitegen"]
    )
    mappings = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    most = [mapping.get("ScalingConfig", {}).get("MaximumConcurrency") for mapping in mappings]
    return replace(
        found,
        at_once=max([int(number) for number in most if number], default=2),
        memory=int(thumbnailer.get("MemorySize", found.memory)),
        storage=int(thumbnailer.get("EphemeralStorage", {}).get("Size", found.storage)),
        sitegen_memory=int(sitegen.get("MemorySize", found.sitegen_memory)),
        architecture=(thumbnailer.get("Architectures") or ["x86_64"])[0],
    )


def _show(deployment: Deployment, found: Estimate, pipeline: Pipeline) -> None:
    if not found.hints:
        console.print("No originals to hint at.")
        return
    console.print(f"{found.hints} originals to hint at.")
    console.print(
        f"Time: {spoken(found.sending)} to send them; worked off after about "
        f"{spoken(found.working)} by {pipeline.at_once} at a time, if each has yet to be rendered."
    )
    if not deployment.is_on_aws:
        return
    if found.total < 0.01:
        console.print("Cost: less than a cent.")
        return
    parts = ", ".join(
        f"{name} ${dollars:.2f}" for name, dollars in found.dollars.items() if dollars >= 0.005
    )
    console.print(
        f"Cost: about ${found.total:.2f} if each has yet to be rendered ({parts}; {region()}, "
        f"{compared():%B %Y}); storage of the renditions comes on top."
    )
