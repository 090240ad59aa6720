"""`safelight wait`: until the gallery shows what was uploaded."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace

from rich.markup import escape

from safelight import deployed
from safelight.home import Home
from safelight.queues import Depth, depths
from safelight.screen import Countdown, countdown, errors, printable
from safelight.stack import Deployment, of_kind
from safelight.waiting import DEAD, State, look

PATIENCE = math.inf
"""For how long `up` and `demo` wait: until it is done, or until nothing has moved for long."""

STALLED = 900.0
"""Seconds without any progress after which waiting is given up, whatever the time-out: longer
than a message stays hidden after its function crashed."""

ASKED_AGAIN = 4
"""How many times more the queues of a stack on AWS must be found empty, ``_PAUSE_ON_AWS`` seconds
apart: how much waits in them is only approximately known."""

_PAUSE_ON_AWS = 5.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=_seconds,
        default=PATIENCE,
        help=f"give up after so many seconds (default: when nothing has moved for {STALLED:.0f} s)",
    )

    deployed.arguments(parser)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return value


def run(options: argparse.Namespace) -> int:
    """Do it."""
    return until_settled(deployed.chosen(options), options.timeout)


def until_settled(deployment: Deployment, timeout: float) -> int:
    """Wait; 0 once all is done, 1 with what is missing on standard error.

    Messages that were given up on end the wait at once, for they do not come back by
    themselves.
    """
    began = time.monotonic()
    with countdown() as meter:
        state, gave_up = _watch(deployment, timeout, meter)
    if state.is_settled and not state.dead and not gave_up:
        shown = state.survey
        rejected = f", {len(shown.rejected)} rejected (see `status`)" if shown.rejected else ""
        errors.print(
            f"Done: the gallery shows {shown.ready} of {shown.total} photos{rejected}. "
            f"Waited {time.monotonic() - began:.1f} s."
        )
        if not deployment.is_on_aws:
            of_kind(deployment.stack, Home.here()).keep(deployment)
        return 0
    option = deployment.option
    if state.dead:
        errors.print(
            escape("Messages were given up on:\n")
            + escape("\n".join(f"  {printable(line)}" for line in state.dead))
            + f"\n`safelight logs{option}` shows why; `safelight redrive{option}` tries them "
            f"again, `safelight redrive{option} --discard` forgets them."
        )
    else:
        errors.print(gave_up)
    for line in state.missing():
        errors.print(escape(f"  {printable(line)}"))
    return 1


def _watch(deployment: Deployment, timeout: float, meter: Countdown) -> tuple[State, str]:
    until = time.monotonic() + timeout
    moved = time.monotonic()
    before: object = None
    pause = 0.2
    while True:
        began = time.monotonic()
        state = look(deployment)
        _tell(meter, state)
        if state.is_settled and deployment.is_on_aws:
            state = replace(state, queues=_asked_again(deployment, until))
        if state.is_settled or any(state.queues[name].total for name in DEAD):
            return state, ""
        now = time.monotonic()
        sign = (state.survey, {name: depth.total for name, depth in state.queues.items()})
        if sign != before:
            before, moved = sign, now
        if now >= until:
            return state, f"Not done within {timeout:g} s:"
        if now - moved > STALLED:
            return state, f"Nothing has moved for {STALLED:.0f} s:"
        # A look at a large archive takes a while: not more looking than not looking.
        most = _PAUSE_ON_AWS if deployment.is_on_aws else 2.0
        pause = max(min(pause * 1.2, most), now - began)
        time.sleep(min(pause, max(0.0, until - now)))


def _asked_again(deployment: Deployment, until: float) -> dict[str, Depth]:
    """The queues' depths, asked for again and again while they are empty."""
    found: dict[str, Depth] = {}
    for _ in range(ASKED_AGAIN):
        time.sleep(max(0.0, min(_PAUSE_ON_AWS, until - time.monotonic())))
        found = depths(deployment)
        if any(depth.total for depth in found.values()):
            break
    return found


def _tell(meter: Countdown, state: State) -> None:
    survey = state.survey
    done = survey.total - survey.pending
    if survey.pending:
        what = "photos are through"
    elif survey.unfinished:
        what = "photos are through; publishing"
    else:
        what = f"photos are through; {state.waiting} messages to go"
    meter.show(done, survey.total, what)
