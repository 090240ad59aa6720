"""`safelight redrive`: give back what was given up on."""

from __future__ import annotations

import argparse

from safelight import consent, deployed
from safelight.queues import depths, discard, redrive
from safelight.screen import console, countdown
from safelight.stack import Deployment
from safelight.waiting import DEAD


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--discard",
        action="store_true",
        help="forget them instead; `safelight sweep` still finds every photo that lacks something",
    )
    deployed.arguments(parser)
    consent.arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Do it."""
    deployment = deployed.chosen(options)
    there = {name: depth.total for name, depth in depths(deployment).items()}
    dead = sum(there[name] for name in DEAD)
    if options.discard:
        # The count is approximate, and 0 may be of a moment ago.
        question = f"Forget the dead letters of {deployment.stack} ({dead} or so)?"
        if not consent.ask_on_aws(deployment, question, yes=options.yes):
            console.print("Nothing was forgotten.")
            return 1
    total = 0
    for name in DEAD:
        # Also where none were counted: counts lag behind.
        moved = _through(deployment, name, there[name], forget=options.discard)
        total += moved
        if moved:
            console.print(f"{name}: {moved} {'forgotten' if options.discard else 'given back'}")
    if not total:
        console.print("There are no dead letters.")
    return 0


def _through(deployment: Deployment, name: str, about: int, *, forget: bool) -> int:
    moved = 0
    with countdown() as meter:
        for count in discard(deployment, name) if forget else redrive(deployment, name):
            moved += count
            meter.show(moved, max(moved, about), f"dead letters of {name}")
    return moved
