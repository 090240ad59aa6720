"""`safelight redrive`: give back what was given up on."""

from __future__ import annotations

import argparse

from safelight.queues import discard, redrive
from safelight.screen import console
from safelight.stack import current
from safelight.waiting import DEAD


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--discard",
        action="store_true",
        help="forget them instead; `safelight sweep` still finds every photo that lacks something",
    )


def run(options: argparse.Namespace) -> int:
    """Do it."""
    deployment = current()
    total = 0
    for name in DEAD:
        moved = discard(deployment, name) if options.discard else redrive(deployment, name)
        total += moved
        if moved:
            console.print(f"{name}: {moved} {'forgotten' if options.discard else 'given back'}")
    if not total:
        console.print("There are no dead letters.")
    return 0
