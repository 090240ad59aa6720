"""Asking before what cannot be undone."""

from __future__ import annotations

import argparse
import sys

from rich.markup import escape

from safelight.problem import Problem
from safelight.screen import errors
from safelight.stack import Deployment


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--yes``."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def ask(question: str, *, yes: bool) -> bool:
    """Whether the person at the keyboard agrees; ``yes``: has already.

    Only "y" and "yes" do.  Raises :class:`Problem` where there is nobody to ask, so that a
    script neither hangs nor goes ahead.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Problem(f"{question} There is nobody here to ask: say --yes if so.")
    errors.print(escape(f"{question} [y/N] "), end="")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def ask_on_aws(deployment: Deployment, question: str, *, yes: bool) -> bool:
    """:func:`ask`, of a stack on AWS; on a local one, which is for trying things, agreed."""
    return not deployment.is_on_aws or ask(question, yes=yes)
