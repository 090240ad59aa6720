"""`safelight down`: stop the stack."""

from __future__ import annotations

import argparse
import os

from safelight.home import Home
from safelight.screen import say
from safelight.stack import has_docker_stack, of_kind


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--purge",
        action="store_true",
        default=os.environ.get("PURGE", "") not in ("", "0"),
        help="also forget its data: the uploaded copies of the photos, and all made of them "
        "(default: $PURGE)",
    )


def run(options: argparse.Namespace) -> int:
    """Do it."""
    home = Home.here()
    # Whatever is remembered: an `up` that was interrupted may have started either.
    kinds = ["docker", "embedded"] if has_docker_stack() else ["embedded"]
    stopped = [kind for kind in kinds if of_kind(kind, home).down(say, purge=options.purge)]
    if not stopped:
        say("No stack was running.")
    if options.purge:
        say("Its data is gone.")
    elif stopped:
        say("Stopped. The photos are kept; `make up` shows them again.")
    return 0
