"""`safelight sweep`: find what no event told of, and remove what nobody needs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import replace

from rich.markup import escape

from gallery.clock import SystemClock
from gallery.hints import send_hints
from gallery.queue import SqsQueue
from safelight import deployed, parameters
from safelight.home import Home
from safelight.problem import Problem
from safelight.screen import console, errors, printable
from safelight.stack import Deployment


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    deployed.arguments(parser)
    parser.add_argument(
        "--here",
        action="store_true",
        help="of a stack on AWS: compare on this machine, instead of waking the function",
    )


def run(options: argparse.Namespace) -> int:
    """Do it."""
    deployment = deployed.chosen(options)
    if deployment.is_on_aws and deployment.functions and not options.here:
        return wake(deployment)
    return sweep(deployment)


def wake(deployment: Deployment) -> int:
    """Have the function sweep, as its schedule does: it sends itself a message for each album,
    and what reads the queue works them off side by side."""
    answer = deployment.functions_client().invoke(
        FunctionName=deployment.functions["thumbnailer"],
        Payload=json.dumps({"safelight": "sweep"}).encode(),
    )
    body = answer["Payload"].read()
    if answer.get("FunctionError"):
        words = _words(body)
        if "timed out" in words.lower():
            raise Problem(
                "The thumbnailer did not get through its listings in the time that it has; what it "
                "found by then is being swept. Give it more (ThumbnailerTimeout up to 900, and "
                "ThumbnailVisibility six times that), or sweep on this machine: --here."
            )
        raise Problem(
            f"The thumbnailer could not begin to sweep: {printable(words)} "
            f"`safelight logs thumbnailer --errors{deployment.option}` shows more; "
            "--here sweeps on this machine."
        )
    folders = json.loads(body)["folders"]
    console.print(
        f"The thumbnailer sweeps {folders} albums. `safelight wait{deployment.option}` "
        "waits for what comes of it.",
        markup=False,
    )
    return 0


def _words(body: bytes) -> str:
    """A function's error, as Lambda tells it."""
    try:
        found = json.loads(body)
        return f"{found['errorType']}: {found['errorMessage']}"
    except (ValueError, KeyError, TypeError):
        return body[:500].decode("utf-8", "replace")


def sweep(deployment: Deployment) -> int:
    """Sweep everything here and now, as the daily schedule does in the function."""
    # Lazily: the rendering packages are large, and no other command needs them.
    from thumbnailer.cache import Messenger
    from thumbnailer.reconcile import World
    from thumbnailer.service import terms
    from thumbnailer.settings import Settings
    from thumbnailer.studio import Studio
    from thumbnailer.sweep import sweep_everything

    environment = _settings(deployment)
    settings = Settings.from_env(environment)
    clock = SystemClock()
    sqs = deployment.sqs()
    queues = {name: SqsQueue(sqs, deployment.queues[name]) for name in ("thumbnail", "publish")}
    world = World(
        deployment.store(),
        Studio(settings),
        clock,
        terms(environment),
        originals=settings.originals,
    )
    if deployment.distribution is not None:
        # By the function, which may: whoever sweeps need not.
        messenger = Messenger(queues["thumbnail"], deployment.bucket, clock)
        world = replace(world, removed=messenger.removed)

    def hinted(name: str, why: str) -> Callable[[Iterable[str]], None]:
        return lambda found: send_hints(queues[name], deployment.bucket, found, why, clock)

    folders, differing, removed, unreadable = 0, 0, 0, 0
    for folder, found in sweep_everything(
        world,
        hinted("thumbnail", "the sweep found it differing"),
        hinted("publish", "the sweep came by"),
    ):
        folders += 1
        differing += len(found.differing)
        removed += found.removed
        unreadable += len(found.unreadable)
        if found.differing or found.removed:
            console.print(
                escape(
                    f"{printable(folder)}: {len(found.differing)} photos differ from their "
                    f"records, {found.removed} objects removed"
                )
            )
        for line in found.unreadable:
            errors.print(escape(printable(line)))
    console.print(
        f"Swept {folders} albums: {differing} photos are looked at again, {removed} objects "
        "removed."
    )
    return 1 if unreadable else 0


def _settings(deployment: Deployment) -> dict[str, str]:
    """The function's own settings: judged by others, every photo would seem to differ."""
    name = deployment.functions.get("thumbnailer")
    if name is None:
        # docker-compose.yml's workers.
        return parameters.environment(parameters.kept(Home.here()))
    function = deployment.functions_client().get_function_configuration(FunctionName=name)
    return function.get("Environment", {}).get("Variables", {})
