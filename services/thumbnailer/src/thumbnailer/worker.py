"""The thumbnailer without Lambda: ``thumbnailer worker``."""

from __future__ import annotations

import argparse
import os
import sys
import time

from gallery.environment import MissingVariable
from gallery.queue import QueueError
from gallery.store import StoreError
from gallery.worker import Stop, heartbeat, work
from thumbnailer.service import Session
from thumbnailer.settings import SettingsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The worker's options."""
    parser.add_argument(
        "--sweep-every",
        type=float,
        default=86_400.0,
        metavar="SECONDS",
        help="how often to compare the bucket with its records, which finds what events missed; "
        "first when the worker starts; 0: never (default: 86400, a day)",
    )


def main(options: argparse.Namespace) -> int:
    """Work until SIGTERM; the exit status (2: the environment is incomplete)."""
    try:
        session = Session(os.environ)
    except (MissingVariable, SettingsError, ValueError) as error:
        print(f"thumbnailer worker: {error}", file=sys.stderr)
        return 2
    stop = Stop()
    stop.listen()
    logger = session.telemetry.logger
    due = time.monotonic() if options.sweep_every > 0 else float("inf")

    def idle() -> None:
        nonlocal due
        if time.monotonic() < due:
            return
        try:
            count = session.service.begin_sweep()
        except StoreError as error:
            raise QueueError(f"the sweep cannot begin: {error}") from error
        logger.info(f"sweep begun: {count} folders")
        due = time.monotonic() + options.sweep_every

    with session.studio:
        logger.info("worker started")
        status = work(
            session.queue,
            session.run,
            visibility=session.queue.visibility(),
            stop=stop,
            idle=idle,
            complain=logger.error,
            beat=heartbeat(os.environ),
        )
        logger.info("worker ended")
    return status
