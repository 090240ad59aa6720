"""Sitegen without Lambda: ``sitegen worker``."""

from __future__ import annotations

import argparse
import os
import sys

from gallery.environment import MissingVariable
from gallery.worker import Stop, heartbeat, work
from sitegen.service import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The worker's options: none so far."""


def main(options: argparse.Namespace) -> int:
    """Work until SIGTERM; the exit status (2: the environment is incomplete)."""
    try:
        session = Session(os.environ)
    except (MissingVariable, ValueError) as error:
        print(f"sitegen worker: {error}", file=sys.stderr)
        return 2
    stop = Stop()
    stop.listen()
    logger = session.telemetry.logger
    logger.info("worker started")
    status = work(
        session.queue,
        session.run,
        visibility=session.queue.visibility(),
        stop=stop,
        idle=lambda: None,
        complain=logger.error,
        beat=heartbeat(os.environ),
    )
    logger.info("worker ended")
    return status
