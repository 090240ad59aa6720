"""`safelight simulate`: play trouble, made up or from a file, and see whether the laws hold."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import msgspec

from safelight.home import checkout
from safelight.problem import Problem
from safelight.scenario import Scenario, UnreadableScenario, read, write
from safelight.simulation import mutants
from safelight.simulation.chance import EPISODE, Episode, episodes
from safelight.simulation.laws import LawBroken
from safelight.simulation.mutants import Mutant
from safelight.simulation.paths import Paths
from safelight.simulation.search import SCOPES, deeper, search
from safelight.simulation.shrink import sensible, shrink
from safelight.simulation.timeline import Inapplicable, Simulation


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the dice (default: 0)")
    parser.add_argument(
        "--steps",
        type=int,
        default=1000,
        metavar="M",
        help=f"how many steps to make up, {EPISODE} to a world (default: 1000)",
    )
    parser.add_argument(
        "--scenario", type=Path, metavar="FILE", help="play this scenario, and make up nothing"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="no trace: only what came of it, and how fast"
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help="where to save the shortest scenario that breaks a law, if one does "
        "(default: .safelight/simulate-SEED.yaml)",
    )
    parser.add_argument(
        "--without",
        metavar="RULE",
        help="take a rule out, to see a law break: " + ", ".join(m.name for m in mutants.MUTANTS),
    )
    parser.add_argument(
        "--exhaust",
        metavar="SCOPE",
        choices=sorted(SCOPES),
        help=f"try every order of events in a small scope: {', '.join(sorted(SCOPES))}",
    )
    parser.add_argument(
        "--preemptions",
        type=int,
        metavar="N",
        help="with --exhaust: how often a worker may be stopped for another",
    )
    parser.add_argument(
        "--rules", action="store_true", help="prove each rule, and print the table of them"
    )


def run(options: argparse.Namespace) -> int:
    """Do it; 1 if a law broke."""
    if options.rules:
        return _rules()
    try:
        mutant = mutants.mutant(options.without) if options.without else None
    except KeyError as error:
        raise Problem(str(error.args[0])) from error
    with mutants.without(mutant):
        if options.exhaust:
            return _exhaust(options, mutant)
        if options.scenario is not None:
            return _play(options)
        return _make_up(options, mutant)


def _play(options: argparse.Namespace) -> int:
    try:
        scenario = read(options.scenario)
    except UnreadableScenario as error:
        raise Problem(str(error)) from error
    simulation = Simulation(scenario, log=None if options.quiet else print)
    try:
        for number, step in enumerate(scenario.steps, 1):
            try:
                simulation.perform(step)
            except Inapplicable as error:
                raise Problem(f"{options.scenario}, step {number}: {error}") from error
        simulation.finish()
    except LawBroken as error:
        print(error)
        return 1
    _count(simulation.paths)
    print(f"“{scenario.name}”: every law holds.")
    return 0


def _make_up(options: argparse.Namespace, mutant: Mutant | None) -> int:
    began = time.perf_counter()
    paths, steps, calls, worlds = Paths(), 0, 0, 0
    broken: Episode | None = None
    for played in episodes(options.seed, options.steps, log=None if options.quiet else print):
        paths.update(played.paths)
        steps += played.steps
        calls += played.calls
        worlds += 1
        if played.broken is not None:
            broken = played
    spent = time.perf_counter() - began
    # The speed is the machine's; all else is the seed's, to the byte.
    print(
        f"{calls / spent:,.0f} calls a second, {steps / spent:,.0f} steps a second", file=sys.stderr
    )
    _count(paths)
    if broken is None:
        print(
            f"seed {options.seed}: {steps} steps, {calls} calls, {worlds} worlds: every law holds."
        )
        return 0
    return _save(options, broken.scenario, f"simulate-{options.seed}.yaml", mutant)


def _exhaust(options: argparse.Namespace, mutant: Mutant | None) -> int:
    scope = SCOPES[options.exhaust]
    if options.preemptions is not None:
        scope = deeper(scope, options.preemptions)
    began = time.perf_counter()
    found = search(scope)
    print(f"{found.calls / (time.perf_counter() - began):,.0f} calls a second", file=sys.stderr)
    print(
        f"{scope.name}: {found.states} states, {found.ends} ends, {found.plays} plays, "
        f"{found.calls} calls, {'all of them' if found.complete else 'not all of them'}"
    )
    _count(found.paths)
    if found.scenario is None:
        print("every law holds.")
        return 0
    return _save(options, found.scenario, f"exhaust-{options.exhaust}.yaml", mutant)


def _save(options: argparse.Namespace, scenario: Scenario, name: str, mutant: Mutant | None) -> int:
    shortest = shrink(scenario)
    broken = sensible(shortest)[1]
    if broken is None:
        raise Problem("The law did not break a second time: please report this seed.")
    shortest = msgspec.structs.replace(
        shortest, breaks=broken.law, without=mutant.name if mutant is not None else None
    )
    path = options.save or checkout() / ".safelight" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write(shortest), encoding="utf-8")
    print(broken)
    print(f"{len(shortest.steps)} steps are enough; they are saved in {path}:")
    print(write(shortest), end="")
    return 1


def _count(paths: Paths) -> None:
    reached = ", ".join(f"{name} {count}" for name, count in sorted(paths.items()) if count)
    print(f"rare paths: {reached or 'none'}")


def _rules() -> int:
    folder = checkout() / "fixtures" / "scenarios"
    bad = 0
    for mutant in mutants.MUTANTS:
        proven = mutants.prove(mutant, folder)
        if proven.law is None or proven.despite is not None:
            bad += 1
            print(f"{mutant.name}: {proven.law} without the rule, {proven.despite} with it")
    print(mutants.table(folder), end="")
    return 1 if bad else 0
