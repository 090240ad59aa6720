"""`safelight up`: start the stack, and say how to go on."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from safelight import parameters, sync, wait
from safelight.home import Home
from safelight.problem import ImageUnavailable
from safelight.screen import console, say
from safelight.stack import KINDS, Deployment, choose, kind_from_environment, of_kind


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--stack",
        choices=KINDS,
        default=None,
        help="where it runs (default: $STACK, or auto: Docker if an engine answers)",
    )
    parser.add_argument(
        "--photos",
        metavar="DIR",
        default=os.environ.get("SAFELIGHT_PHOTOS", ""),
        help="also upload this folder, and wait for its gallery (default: $SAFELIGHT_PHOTOS)",
    )
    parameters.arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Do it."""
    if options.photos:
        # Before anything is started: a mistyped folder should not cost a minute.
        sync.check_folder(Path(options.photos))
    deployment = start(options.stack, options.parameters)
    if options.photos:
        status = sync.upload(deployment, Path(options.photos))
        status = wait.until_settled(deployment, wait.PATIENCE) or status
        greet(deployment)
        return status
    greet(deployment)
    return 0


def start(kind: str | None, given: Sequence[str] | None = None) -> Deployment:
    """Start the stack of this kind, or of the kind that the environment says; with these
    parameters of the template, or those of the environment, laid over what it has."""
    home = Home.here()
    parameters.keep(home, parameters.asked(given))
    wanted = kind or kind_from_environment()
    stack = choose(wanted, home, say)
    try:
        return stack.up(say)
    except ImageUnavailable as problem:
        if wanted != "auto":
            raise
        # An engine without images is as good as none; nobody asked for Docker.
        say(f"{str(problem).splitlines()[0]} Taking the embedded stack.")
        stack.down(say, purge=False)
        return of_kind("embedded", home).up(say)


def greet(deployment: Deployment) -> None:
    """Say where the gallery is and how photos get there."""
    console.print(f"\nThe gallery is at  [bold]{escape(deployment.gallery_url)}[/bold]\n")
    console.print(
        "Add photos:         make up PHOTOS=~/Pictures\n"
        '  with the AWS CLI: eval "$(.venv/bin/safelight env)"\n'
        "                    aws s3 sync ~/Pictures s3://$BUCKET/photos/\n"
        "See what happens:   make status    make logs\n"
        "Stop:               make down",
        markup=False,
    )
