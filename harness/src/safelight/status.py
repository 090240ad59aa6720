"""`safelight status`: what runs, what waits, what was rejected and why."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.markup import escape

from gallery.keys import Kind, classify
from safelight import deployed
from safelight.privacy import Privacy
from safelight.queues import Depth
from safelight.screen import console, printable, tally
from safelight.stack import Deployment
from safelight.waiting import State, look

_SHOWN = 25


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--json", action="store_true", help="as one JSON object, complete")
    deployed.arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Do it."""
    deployment = deployed.chosen(options)
    with tally("keys listed") as seen:
        state = look(deployment, seen)
    if options.json:
        print(json.dumps(as_json(deployment, state), indent=2))
    else:
        _show(deployment, state)
    return 0


def as_json(deployment: Deployment, state: State) -> dict[str, Any]:
    """What ``status --json`` prints; other tools read its fields, so they only ever grow."""
    survey = state.survey
    privacy = Privacy.of(deployment, survey)
    return {
        "stack": deployment.stack,
        "endpoint_url": deployment.endpoint_url,
        "region": deployment.region,
        "bucket": deployment.bucket,
        "gallery_url": deployment.gallery_url,
        "settled": state.is_settled,
        "queues": {name: _queue(depth) for name, depth in state.queues.items()},
        "photos": {
            "total": survey.total,
            "ready": survey.ready,
            "pending": survey.pending,
            "rejected": sum(classify(found.key).kind is Kind.PHOTO for found in survey.rejected),
            "has_location": survey.has_location,
            "public_with_location": privacy.public_with_location,
            "unstripped": len(survey.unstripped),
        },
        "originals": {
            "effective": privacy.effective,
            "template": privacy.template,
            "settings": privacy.settings,
            "door": "open" if privacy.door_is_open else "shut",
            "warnings": list(privacy.warnings()),
        },
        "texts": survey.texts,
        "rejected": [{"key": found.key, "reason": found.reason} for found in survey.rejected],
        "unstripped": [{"key": found.key, "reason": found.reason} for found in survey.unstripped],
        "skipped": [{"key": found.key, "reason": found.reason} for found in survey.skipped],
        "unfinished": [{"name": found.name, "why": found.why} for found in survey.unfinished],
        "dead_letters": list(state.dead),
    }


def _queue(depth: Depth) -> dict[str, Any]:
    return {
        "url": depth.url,
        "visible": depth.visible,
        "in_flight": depth.in_flight,
        "delayed": depth.delayed,
    }


def _show(deployment: Deployment, state: State) -> None:
    survey = state.survey
    facts: list[tuple[str, str]] = []
    facts.append(("Gallery", f"[bold]{escape(deployment.gallery_url)}[/bold]"))
    where = f" on AWS, {deployment.region}" if deployment.is_on_aws else ""
    facts.append(("Stack", escape(f"{deployment.stack}{where}, bucket {deployment.bucket}")))
    if deployment.endpoint_url:
        facts.append(("Endpoint", escape(deployment.endpoint_url)))
    photos = f"{survey.total}: {survey.ready} ready, {survey.pending} pending"
    rejected = len(survey.rejected)
    facts.append(("Photos", f"{photos}, {rejected} rejected" if rejected else photos))
    if survey.texts:
        facts.append(("Texts", str(survey.texts)))
    if survey.skipped:
        facts.append(("Skipped", f"{len(survey.skipped)} (hidden files, sidecars and the like)"))
    privacy = Privacy.of(deployment, survey)
    facts.append(("Originals", privacy.told()))
    if survey.has_location:
        facts.append(("Location", privacy.about_location()))
    if survey.unstripped:
        facts.append(
            ("Unstripped", f"{len(survey.unstripped)}, whose largest rendition is offered instead")
        )
    for name, depth in state.queues.items():
        if depth.total or not name.endswith("_dlq"):
            facts.append(
                (
                    f"Queue {name.replace('_dlq', ' (dead letters)')}",
                    f"{depth.visible + depth.delayed} waiting, {depth.in_flight} in flight",
                )
            )
    # Not a table: where the line is short a table would cut the address off.
    width = max(len(name) for name, _ in facts) + 2
    for name, value in facts:
        console.print(f"{name:<{width}}{value}")
    for warning in privacy.warnings():
        console.print(f"\n[bold]Mind:[/bold] {escape(warning)}")
    _list("Rejected", [(found.key, found.reason) for found in survey.rejected])
    _list("Unstripped", [(found.key, found.reason) for found in survey.unstripped])
    _list("Unfinished", [(found.name, found.why) for found in survey.unfinished])
    if state.dead:
        _list("Dead letters", [(line, "") for line in state.dead])
        option = deployment.option
        console.print(
            f"`safelight logs{option}` shows why they failed, `safelight redrive{option}` tries "
            "them again.",
            markup=False,
        )


def _list(title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    console.print(f"\n[bold]{title}[/bold]")
    for name, why in rows[:_SHOWN]:
        console.print(escape(f"  {printable(name)}" + (f": {printable(why)}" if why else "")))
    if len(rows) > _SHOWN:
        console.print(f"  … and {len(rows) - _SHOWN} more: `safelight status --json` has them all")
