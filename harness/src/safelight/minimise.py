"""`safelight minimise`: the shortest scenario that breaks the same law."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from safelight.problem import Problem
from safelight.scenario import UnreadableScenario, read, write
from safelight.simulation import mutants
from safelight.simulation.shrink import sensible, shrink


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a scenario that breaks a law")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to put it (default: standard output)"
    )
    parser.add_argument("--law", help="the law that must break (default: the one that does)")
    parser.add_argument(
        "--without",
        metavar="RULE",
        help="take a rule out first (default: the one that the scenario names)",
    )


def run(options: argparse.Namespace) -> int:
    """Do it."""
    try:
        scenario = read(options.file)
        name = options.without or scenario.without
        mutant = mutants.mutant(name) if name else None
    except UnreadableScenario as error:
        raise Problem(str(error)) from error
    except KeyError as error:
        raise Problem(str(error.args[0])) from error
    with mutants.without(mutant):
        try:
            shortest = shrink(scenario, options.law)
        except ValueError as error:
            raise Problem(str(error)) from error
        broken = sensible(shortest)[1]
    law = broken.law if broken is not None else None
    text = write(msgspec.structs.replace(shortest, breaks=law, without=name))
    if options.out is None:
        print(text, end="")
    else:
        options.out.write_text(text, encoding="utf-8")
        print(f"{len(scenario.steps)} steps became {len(shortest.steps)}: {options.out}")
    return 0
