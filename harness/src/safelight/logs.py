"""`safelight logs`: what the functions have to say."""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from rich.markup import escape

from safelight import deployed
from safelight.home import Home
from safelight.problem import Problem
from safelight.screen import console, printable
from safelight.stack import FUNCTIONS, Deployment, of_kind, remembered

_THROTTLED = {"ThrottlingException", "Throttling", "LimitExceededException"}
_LONGEST_PAUSE = 64.0
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "function", nargs="?", choices=FUNCTIONS, help="only this function's (default: both)"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on as more is written")
    parser.add_argument(
        "--since",
        metavar="AGO",
        type=ago,
        default=timedelta(hours=1),
        help="how far back, such as 30s, 10m, 2h, 1d (default: 1h)",
    )
    parser.add_argument("--errors", action="store_true", help="only what went wrong")
    parser.add_argument("--raw", action="store_true", help="the lines as they were written")
    parser.add_argument(
        "--emulator", action="store_true", help="the emulator's own log instead, for a local stack"
    )
    deployed.arguments(parser)


def ago(text: str) -> timedelta:
    """The span of time that ``30s``, ``10m``, ``2h`` or ``1d`` stands for, as an argument."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r}: say a number and s, m, h or d, such as 10m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def run(options: argparse.Namespace) -> int:
    """Do it."""
    if options.emulator and options.stack:
        raise Problem("--emulator is for a local stack: there is none behind one on AWS.")
    if options.emulator:
        home = Home.here()
        found = remembered(home)
        command = of_kind(found.stack if found else "embedded", home).emulator_log()
        command += ["-f"] if options.follow else []
        try:
            os.execvp(command[0], command)  # noqa: S606 - a fixed command, no shell
        except FileNotFoundError as error:
            raise Problem(f"{command[0]} is not installed, and it shows the log.") from error
    deployment = deployed.chosen(options)
    functions = [options.function] if options.function else list(FUNCTIONS)
    since = datetime.now(UTC) - options.since
    for moment, name, line in lines(deployment, functions, since, follow=options.follow):
        if options.raw:
            print(line)
            continue
        text = shown(line, only_errors=options.errors)
        if text is not None:
            clock = moment.astimezone().strftime("%H:%M:%S")
            console.print(escape(f"{clock} {name:<11} {text}"))
    return 0


def lines(
    deployment: Deployment, functions: list[str], since: datetime, *, follow: bool = False
) -> Iterator[tuple[datetime, str, str]]:
    """The lines that these functions, or the workers in their place, have written since; each
    with its moment and who wrote it."""
    if deployment.functions or deployment.is_on_aws:
        return _lines(deployment, functions, since, follow=follow)
    # Lazily: whoever has no Docker has no use for its client.
    from safelight.docker_stack import project
    from safelight.worker_log import lines as worker_lines

    return worker_lines(project(Home.here()), functions, since, follow=follow)


def _lines(
    deployment: Deployment, functions: list[str], since: datetime, *, follow: bool
) -> Iterator[tuple[datetime, str, str]]:
    """Each line with its moment and function, in the order of their moments."""
    client = deployment.logs()
    begin = int(since.timestamp() * 1000)
    seen: dict[str, int] = {}
    while True:
        looked = int(time.time() * 1000)
        events: list[tuple[int, str, str]] = []
        for name in functions:
            for event in _events(client, deployment.log_groups[name], begin):
                # Several lines of one moment are told apart by their identifiers.
                identifier = f"{event.get('eventId')} {event['message']}"
                if identifier not in seen:
                    seen[identifier] = event["timestamp"]
                    events.append((event["timestamp"], name, event["message"].rstrip("\n")))
        for moment, name, line in sorted(events, key=lambda event: event[0]):
            yield datetime.fromtimestamp(moment / 1000, UTC), name, line
        if not follow:
            return
        # Late lines have earlier moments: look a minute back each time.
        begin = max(begin, looked - 60_000)
        seen = {identifier: moment for identifier, moment in seen.items() if moment >= begin}
        # The logs of a whole account are asked for five times a second at most (CloudWatch
        # Logs quotas, FilterLogEvents), and we are not the only ones who ask.
        time.sleep(2 * len(functions) if deployment.is_on_aws else 1)


def _events(client: Any, group: str, begin: int) -> Iterator[dict[str, Any]]:
    """The events of a log group since ``begin``, in milliseconds of the epoch.

    Page by page and not by boto3's paginator: one page that is refused because many are asked
    for is asked for again, and does not cost those before it.
    """
    token: str | None = None
    pause = 1.0
    while True:
        request = {"nextToken": token} if token else {}
        try:
            page = client.filter_log_events(logGroupName=group, startTime=begin, **request)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "ResourceNotFoundException":
                # A function that has not run yet may have no group.
                return
            if code not in _THROTTLED:
                raise
            if pause > _LONGEST_PAUSE:
                raise Problem(
                    "CloudWatch Logs is asked by too many at once, and has been refusing us for "
                    "minutes. Ask for less (a FUNCTION, --since 5m), or again later."
                ) from error
            time.sleep(pause)
            pause *= 2
            continue
        pause = 1.0
        yield from page.get("events", [])
        # A page may be empty and not the last (CloudWatch Logs API, FilterLogEvents).
        token = page.get("nextToken")
        if token is None:
            return


def shown(line: str, *, only_errors: bool) -> str | None:
    """A line for a person; ``None`` for what only machines read."""
    if line.startswith(("START RequestId", "END RequestId", "REPORT RequestId", "INIT_START")):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        # Not from a logger: a traceback, or Lambda's own words.
        return printable(line)
    if not isinstance(entry, dict) or "_aws" in entry:
        return None
    level = str(entry.get("level", ""))
    if only_errors and level not in ("WARNING", "ERROR", "CRITICAL"):
        return None
    names = ", ".join(str(task.get("name")) for task in entry.get("tasks", []))
    text = printable(f"{level:<7} {entry.get('message', '')}" + (f"  {names}" if names else ""))
    if "exception" in entry:
        text += "".join(f"\n{printable(line)}" for line in str(entry["exception"]).split("\n"))
    return text
