"""The command line: one module a verb.

A verb's module has ``arguments(parser)`` and ``run(options)``, which returns the exit status: 0
for success, 1 for something a person has to see to.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from botocore.exceptions import BotoCoreError, ClientError

from gallery.store import StoreError
from safelight import __version__
from safelight.problem import Problem


class Module(Protocol):
    """A module that implements one command."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it; the exit status."""


@dataclass(frozen=True)
class Verb:
    """A command: the name of its module, and what it does, in a line."""

    module: str
    summary: str


# In the order of a person's day.
VERBS = {
    "up": Verb(
        "up", "start the stack, create what the template says, and print the gallery's address"
    ),
    "down": Verb("down", "stop the stack; its photos stay unless --purge is given"),
    "status": Verb("status", "show the stack, its queues, and the photos by state"),
    "env": Verb("environment", 'print export lines for a shell: eval "$(safelight env)"'),
    "sync": Verb("sync", "upload a folder of photos; skips what is there already"),
    "wait": Verb("wait", "wait until every photo is recorded and shown; else say what is missing"),
    "demo": Verb(
        "demo",
        "start the stack, fill it with photos that are drawn for it, and wait for the gallery",
    ),
    "logs": Verb("logs", "show the functions' logs"),
    "sweep": Verb(
        "sweep", "compare the photos with their records, hint at every difference, and tidy up"
    ),
    "backfill": Verb(
        "backfill", "hint at every original there is: for a bucket that was full before"
    ),
    "redrive": Verb("redrive", "give the dead letters back to the queues they came from"),
    "deploy": Verb("deploy", "put the gallery on AWS, or bring it up to date"),
    "destroy": Verb("destroy", "take the gallery off AWS; the photos stay"),
    "rehearse": Verb(
        "rehearse", "rehearse a deployment on this machine, from its first day to its last"
    ),
    "replay": Verb("replay", "replay an event or a scenario, and show what comes of it"),
    "record": Verb("record", "record a message that made trouble as a fixture, redacted"),
    "simulate": Verb("simulate", "play made-up or recorded trouble, and see whether the laws hold"),
    "minimise": Verb("minimise", "shrink a scenario that breaks a law"),
    "doctor": Verb("doctor", "check this machine and the stack; each problem with what helps"),
}


_PARTS = {"thumbnailer", "sitegen", "docker", "greenlet", "ministack", "numpy", "piexif", "PIL"}
"""What is missing where only the event library is installed (harness/pyproject.toml, "all")."""


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """The command line's parser.

    With ``only``, just that command's arguments are declared: the others' modules need not be
    loaded, which takes longer than most commands do.
    """
    found = argparse.ArgumentParser(
        prog="safelight", description="Photos into one bucket; thumbnails and a gallery out of it."
    )
    found.add_argument("--version", action="version", version=f"safelight {__version__}")
    commands = found.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    for name, verb in VERBS.items():
        summary = f"{verb.summary[0].upper()}{verb.summary[1:]}."
        command = commands.add_parser(name, help=verb.summary, description=summary)
        if only in (None, name):
            module = cast(Module, importlib.import_module(f"safelight.{verb.module}"))
            module.arguments(command)
            command.set_defaults(run=module.run)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    only = next((word for word in given if not word.startswith("-")), "")
    try:
        options = parser(only).parse_args(given)
        return int(options.run(options))
    except Problem as problem:
        print(f"safelight: {problem}", file=sys.stderr)
        return 1
    except (StoreError, ClientError, BotoCoreError) as error:
        print(f"safelight: {_told(error, options)}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PARTS:
            raise
        print(
            f"safelight: `safelight {only}` needs all of Safelight, and {error.name} is not "
            "installed: this is the event library and its pytest plugin alone. `make setup` in a "
            "checkout installs the whole.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("\nsafelight: interrupted. Run it again to go on.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read us (`safelight logs | head`) has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _told(error: Exception, options: argparse.Namespace) -> str:
    if getattr(options, "stack", None) and "region" in options:
        from safelight.deployed import explained

        # The store's errors have boto3's as their cause.
        for cause in (error, error.__cause__):
            if isinstance(cause, Exception) and (told := explained(cause)) is not None:
                return told
        return f"AWS did not do what was asked of it: {error}"
    return (
        f"the stack did not do what was asked of it: {error}\n"
        "`safelight doctor` looks for the reason; `make up` mends a local stack."
    )


if __name__ == "__main__":
    sys.exit(main())
