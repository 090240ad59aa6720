"""`safelight demo`: a gallery of photos that it draws itself."""

from __future__ import annotations

import argparse
from pathlib import Path

from safelight import sync, up, wait
from safelight.home import Home
from safelight.stack import KINDS


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--stack", choices=KINDS, default=None, help="where it runs (default: $STACK, or auto)"
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="only draw, into this folder; neither starts a stack nor uploads",
    )


def run(options: argparse.Namespace) -> int:
    """Do it."""
    # Lazily: drawing needs numpy and Pillow, which take a while to load.
    from safelight.roll import draw_all

    if options.out is not None:
        draw_all(options.out)
        return 0
    deployment = up.start(options.stack)
    folder = Home.here().path / "demo"
    draw_all(folder)
    status = sync.upload(deployment, folder)
    status = wait.until_settled(deployment, wait.PATIENCE) or status
    up.greet(deployment)
    return status
