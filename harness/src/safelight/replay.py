"""`safelight replay`: an event or a scenario once more, and what comes of it.

An event goes straight to the real handler in this process (``--target handler``), or onto the
queue of a running stack (``queue``) or of one on AWS (``aws``).  A scenario is played in the
simulation, or in real time on a running stack.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from rich.markup import escape

from gallery.clock import SystemClock
from gallery.queue import MalformedBatch, Message, messages
from gallery.store import ObjectStore
from safelight import consent, delivery, deployed, fixtures, invocation, pasted, scene, staging
from safelight import scenario as scenarios
from safelight.fixtures import Expectation, Fixture, Sidecar
from safelight.home import Home
from safelight.invocation import Left
from safelight.pasted import Refused
from safelight.scenario import Scenario, UnreadableScenario
from safelight.screen import console, errors, printable
from safelight.simulation import mutants
from safelight.simulation.laws import LawBroken
from safelight.simulation.timeline import Inapplicable, Simulation
from safelight.stack import Deployment, current
from safelight.verdict import Change, Verdict, all_met

TARGETS = ("handler", "queue", "aws")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "fixture",
        nargs="?",
        default=os.environ.get("SAFELIGHT_FIXTURE") or None,
        metavar="FIXTURE",
        help="a fixture's or a scenario's name in the library, a file, or - for standard input",
    )
    parser.add_argument(
        "--target",
        choices=TARGETS,
        default=None,
        help="the handler in this process (default; a scenario: the simulation), the running "
        "stack's queue, or that of a stack on AWS",
    )
    parser.add_argument(
        "--function",
        choices=("thumbnailer", "sitegen"),
        help="whose handler or queue (default: by the keys that the event is about)",
    )
    parser.add_argument(
        "--scene",
        metavar="SCENE",
        default="claimed",
        help="for the handler: what is in the bucket: `claimed`, what the event says was put "
        "(default); `empty`; `stack`, the running stack's bucket, of which nothing is changed; or "
        "a folder laid out like the bucket",
    )
    parser.add_argument(
        "--bucket",
        metavar="NAME",
        help="the bucket that the function takes for its own (default: the event's)",
    )
    parser.add_argument(
        "--pdb",
        action="store_true",
        help="for the handler: under the debugger, which stops at its first line and where "
        "something is raised",
    )
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="for a queue or a stack's scene: leave the name of the bucket in the event as it is, "
        "instead of putting the stack's own in its place",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        metavar="S",
        help="for a queue: how long to wait for what the function decides "
        f"(default: {delivery.PATIENCE:g}; for the end of a scenario {staging.PATIENCE:g})",
    )
    parser.add_argument(
        "--longest",
        type=float,
        default=staging.LONGEST,
        metavar="S",
        help="for a scenario on a stack: how long an `advance` really takes at most "
        f"(default: {staging.LONGEST:g})",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="for a scenario on a stack: leave the originals that it put",
    )
    deployed.arguments(parser)
    consent.arguments(parser)
    parser.add_argument(
        "--without", metavar="RULE", help="for the simulation: with this rule taken out"
    )
    parser.add_argument("--quiet", action="store_true", help="no trace of a scenario")
    parser.add_argument("--json", action="store_true", help="the outcome as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Do it: 0 as it ought to be, 1 if not, 2 if there is nothing to replay."""
    try:
        target = options.target or os.environ.get("SAFELIGHT_TARGET", "").strip() or "handler"
        if target not in TARGETS:
            raise Refused(f"TARGET is {target!r:.40}; it is one of {', '.join(TARGETS)}.")
        found = _found(options.fixture)
        if isinstance(found, Scenario):
            return _play(options, found, target)
        if target == "handler":
            return _invoke(options, found)
        return _deliver(options, found, target)
    except Left:
        errors.print("The debugger was left: there is no outcome.")
        return 1
    except Refused as refused:
        if options.json:
            print(json.dumps({"refused": str(refused)}))
        errors.print(escape(f"safelight: {printable(str(refused))}"))
        return 2


# What is to be replayed ------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """Events to be replayed: what they are, and what is expected of them, if anything is.

    ``bucket`` is what the events are about, ``None`` where none of them tells.
    """

    name: str
    what: tuple[str, ...]
    batches: tuple[Any, ...]
    bucket: str | None
    teaches: str = ""
    expect: Expectation | None = None
    notes: tuple[str, ...] = ()


def _found(name: str | None) -> Piece | Scenario:
    if not name:
        raise Refused(
            "What is to be replayed? A fixture's name, a file, or - for standard input: "
            "`make replay FIXTURE=poison-among-nine`. docs/events.md lists the fixtures, "
            "docs/scenarios.md the scenarios."
        )
    if name == "-":
        return _of_text(sys.stdin.buffer.read(pasted.MOST + 1), "standard input")
    path = Path(name)
    if path.is_file():
        return _of_file(path)
    plain = name.removesuffix(".json")
    if plain in fixtures.names():
        return _of_fixture(fixtures.load(plain))
    scenario = fixtures.scenario_library() / f"{name.removesuffix('.yaml')}.yaml"
    if re.fullmatch(r"[a-z0-9.-]+", name) and scenario.is_file():
        return _scenario(scenario.read_bytes(), str(scenario))
    if "/" in name or path.suffix:
        raise Refused(f"There is no file {name!r:.200}.")
    raise Refused(fixtures.unknown(plain))


def _of_file(path: Path) -> Piece | Scenario:
    try:
        with path.open("rb") as file:
            raw = file.read(pasted.MOST + 1)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from error
    sidecar = path.with_name(f"{path.name.removesuffix('.json')}.meta.json")
    if path.suffix == ".json" and sidecar.is_file():
        try:
            meta = msgspec.json.decode(sidecar.read_bytes(), type=Sidecar)
            event = json.loads(raw)
        except (OSError, ValueError, RecursionError) as error:
            raise Refused(f"{path} and its sidecar cannot be read: {error}") from error
        return _of_fixture(Fixture(path.name.removesuffix(".json"), event, meta))
    if path.suffix in (".yaml", ".yml"):
        return _scenario(raw, str(path))
    return _of_text(raw, str(path))


def _of_text(raw: bytes, where: str) -> Piece | Scenario:
    text = pasted.decoded(raw)
    if re.search(r"""^[\s{]*["']?scenario["']?\s*:\s*1\b""", text, re.MULTILINE):
        return _scenario(raw, where)
    read = pasted.read(text)
    batches = read.batches
    return Piece(where, read.what, batches, _bucket(batches), notes=read.notes)


def _of_fixture(found: Fixture) -> Piece:
    # Exactly as it is, misshapen ones too: that is their point.
    event = found.fresh() if isinstance(found.event, dict) else found.event
    return Piece(
        found.name,
        (f"a fixture, {fixtures.provenance(found.meta.origin)}",),
        (event,),
        fixtures.BUCKET,
        found.meta.teaches,
        found.meta.expect,
    )


def _scenario(raw: bytes, where: str) -> Scenario:
    try:
        return scenarios.parse(pasted.decoded(raw), where)
    except UnreadableScenario as error:
        raise Refused(str(error)) from error


def _bucket(batches: Sequence[Any]) -> str | None:
    return pasted.bucket_of([message for batch in batches for message in _messages(batch)])


def _messages(batch: Any) -> list[Message]:
    try:
        return messages(batch)
    except MalformedBatch:
        return []


# In this process ---------------------------------------------------------------------------


def _invoke(options: argparse.Namespace, piece: Piece) -> int:
    bodies = [message.body for batch in piece.batches for message in _messages(batch)]
    function = options.function or invocation.function_for(bodies)
    bucket = options.bucket or piece.bucket or fixtures.BUCKET
    clock = SystemClock()
    environment: Mapping[str, str] = os.environ
    store: ObjectStore
    if options.scene == "claimed":
        everything = [message for batch in piece.batches for message in _messages(batch)]
        store = scene.claimed(everything, bucket, clock)
        if function == "sitegen":
            invocation.set_up_records(bodies, bucket, store, clock)
    elif options.scene == "empty":
        store = scene.empty(clock)
    elif options.scene == "stack":
        deployment = current()
        bucket = options.bucket or deployment.bucket
        if not options.as_is:
            piece = _about(piece, bucket)
        store = scene.Overlay(deployment.store(), clock)
        environment = _settings(deployment, function)
    else:
        store = scene.folder(Path(options.scene), clock)
    if not options.json:
        _introduce(piece, f"{function}, in this process; bucket {bucket}, scene: {options.scene}")
    if options.pdb and not sys.stdin.isatty() and options.fixture == "-":
        raise Refused("The debugger needs the keyboard: put the event into a file.")
    outcomes = []
    for batch in piece.batches:
        done = invocation.invoke(
            batch,
            function,
            bucket,
            store,
            expect=piece.expect,
            clock=clock,
            environment=environment,
            debug=options.pdb,
        )
        outcomes.append(done)
    met = all(
        _refusal_met(done.refused, piece.expect) and all_met(done.verdicts) for done in outcomes
    )
    if options.json:
        print(
            json.dumps(
                {
                    **_head(piece, "handler"),
                    "function": function,
                    "bucket": bucket,
                    "scene": options.scene,
                    "batches": [
                        {
                            "answer": done.answer,
                            "refused": done.refused or None,
                            "messages": [_verdict_value(verdict) for verdict in done.verdicts],
                            "changes": [_change_value(change) for change in done.changes],
                            "sent": dict(done.sent),
                        }
                        for done in outcomes
                    ],
                    "as_expected": met,
                },
                indent=2,
            )
        )
        return 0 if met else 1
    for done in outcomes:
        if done.refused:
            console.print(escape(f"refused as a whole: {printable(done.refused)}"))
        show_verdicts(done.verdicts)
        show_changes(done.changes)
        for queue, count in done.sent.items():
            console.print(f"To the queue {queue}: {count} message{'s' if count != 1 else ''}.")
    return conclude(met, piece.expect is not None)


def _about(piece: Piece, bucket: str) -> Piece:
    """The same events about another bucket."""
    if piece.bucket in (None, bucket):
        return piece
    old = str(piece.bucket)
    batches = tuple(
        {**batch, "Records": [_renamed(record, old, bucket) for record in batch["Records"]]}
        if isinstance(batch, dict) and isinstance(batch.get("Records"), list)
        else batch
        for batch in piece.batches
    )
    return replace(piece, batches=batches, bucket=bucket)


def _renamed(record: Any, old: str, new: str) -> Any:
    if not isinstance(record, dict) or not isinstance(record.get("body"), str):
        return record
    return {**record, "body": pasted.rebucket(record["body"], old, new)}


def _settings(deployment: Deployment, function: str) -> Mapping[str, str]:
    """A function's own settings; a worker's are the shell's, as docker-compose.yml has them."""
    name = deployment.functions.get(function)
    if name is None:
        return os.environ
    found = deployment.functions_client().get_function_configuration(FunctionName=name)
    return found.get("Environment", {}).get("Variables", {})


def _refusal_met(refused: str, expect: Expectation | None) -> bool:
    if expect is None:
        return not refused
    return bool(refused) == bool(expect.refused) and expect.refused in refused


# On a stack's queue ------------------------------------------------------------------------


def _stack(options: argparse.Namespace, target: str) -> Deployment:
    if target == "queue":
        if options.stack is not None or options.region is not None:
            raise Refused("--stack and --region go with --target aws: --target queue is local.")
        return current()
    if options.stack is None:
        raise Refused("Which stack on AWS? Say --stack NAME (and --region, if need be).")
    return deployed.chosen(options)


def _deliver(options: argparse.Namespace, piece: Piece, target: str) -> int:
    if piece.expect is not None and piece.expect.refused:
        raise Refused(
            f"{piece.name} is no batch of messages, but what only Lambda itself could be made to "
            "hand over: replay it to the handler."
        )
    if options.pdb:
        raise Refused("--pdb goes with --target handler: the stack's functions run elsewhere.")
    records = [record for batch in piece.batches for record in _records(batch)]
    bodies = [str(record.get("body") or "") for record in records]
    function = options.function or invocation.function_for(bodies)
    deployment = _stack(options, target)
    queue = deployment.queues[delivery.QUEUES[function]]
    if deployment.is_on_aws and not consent.ask(
        f"Send {len(records)} message{'s' if len(records) != 1 else ''} to {queue}, of the stack "
        f"{deployment.stack}, which its {function} will work off?",
        yes=options.yes,
    ):
        console.print("Nothing was sent.")
        return 1
    old, new = piece.bucket, options.bucket or deployment.bucket
    rename = (old, new) if old is not None and old != new and not options.as_is else None
    if not options.json:
        _introduce(piece, f"the {function} of the stack {deployment.stack}, by its queue {queue}")
        if rename is not None and any(pasted.rebucket(body, *rename) != body for body in bodies):
            console.print(
                escape(f"The bucket {printable(rename[0])} is called {rename[1]} in it.\n")
            )
    expected = piece.expect.messages if piece.expect is not None else ()
    done = delivery.deliver(
        deployment,
        function,
        lambda: delivery.send(deployment, function, records, expected, rename),
        patience=options.timeout or delivery.PATIENCE,
    )
    met = all_met(done.verdicts)
    if options.json:
        print(
            json.dumps(
                {
                    **_head(piece, target),
                    "function": function,
                    "stack": deployment.stack,
                    "queue": queue,
                    "bucket": new if rename is not None else old,
                    "messages": [_verdict_value(verdict) for verdict in done.verdicts],
                    "changes": [_change_value(change) for change in done.changes],
                    "settled": done.quiet,
                    "as_expected": met,
                },
                indent=2,
            )
        )
        return 0 if met else 1
    show_verdicts(done.verdicts)
    show_changes(done.changes)
    if not done.quiet:
        console.print("The stack is still at work: more may change.")
    if any(verdict.decision in ("failed", "later") for verdict in done.verdicts):
        console.print(
            "What failed comes again until its dead-letter queue has it "
            f"(`safelight redrive --discard{deployment.option}` forgets it there).",
            markup=False,
        )
    return conclude(met, piece.expect is not None)


def _records(batch: Any) -> list[dict[str, Any]]:
    found = batch.get("Records") if isinstance(batch, dict) else None
    return [record for record in found or () if isinstance(record, dict)]


# A scenario in the simulation --------------------------------------------------------------


def _play(options: argparse.Namespace, scenario: Scenario, target: str) -> int:
    if target == "aws":
        raise Refused(
            "A scenario puts and deletes objects, and would do so in a bucket that people use. "
            "It is played in the simulation, or on a local stack (--target queue)."
        )
    if target == "queue":
        return _stage(options, scenario)
    try:
        mutant = mutants.mutant(options.without) if options.without else None
    except KeyError as error:
        raise Refused(str(error.args[0])) from error
    quiet = options.quiet or options.json
    simulation = Simulation(scenario, log=None if quiet else _trace)
    broken: LawBroken | None = None
    with mutants.without(mutant):
        try:
            for number, step in enumerate(scenario.steps, 1):
                try:
                    simulation.perform(step)
                except Inapplicable as error:
                    raise Refused(f"“{scenario.name}”, step {number}: {error}") from error
            simulation.finish()
        except LawBroken as error:
            broken = error
    if options.json:
        print(
            json.dumps(
                {
                    "is": "a scenario",
                    "name": scenario.name,
                    "target": "simulation",
                    "steps": simulation.steps,
                    "calls": simulation.calls,
                    "rare_paths": {name: n for name, n in sorted(simulation.paths.items()) if n},
                    "broken": None if broken is None else {"law": broken.law, "what": broken.what},
                    "as_expected": broken is None,
                },
                indent=2,
            )
        )
    elif broken is not None:
        console.print(escape(printable(str(broken))))
    else:
        console.print(escape(f"“{printable(scenario.name)}”: every law holds."))
    return 0 if broken is None else 1


def _stage(options: argparse.Namespace, scenario: Scenario) -> int:
    if options.without:
        raise Refused(
            "--without takes a rule out of the simulation; the stack's functions have all theirs."
        )
    deployment = _stack(options, "queue")
    quiet = options.quiet or options.json
    if not quiet:
        console.print(
            escape(f"“{printable(scenario.name)}”, on the {deployment.stack} stack, in real time")
        )
    try:
        done = staging.stage(
            deployment,
            scenario,
            Home.here(),
            (lambda line: None) if quiet else _trace,
            longest=options.longest,
            patience=options.timeout or staging.PATIENCE,
            keep=options.keep,
        )
    except staging.InTheWay as error:
        raise Refused(str(error)) from error
    broken = done.broken
    if options.json:
        print(
            json.dumps(
                {
                    "is": "a scenario",
                    "name": scenario.name,
                    "target": "queue",
                    "stack": deployment.stack,
                    "steps": done.steps,
                    "left_out": [asdict(aside) for aside in done.asides],
                    "unchecked": done.unchecked,
                    "changes": [_change_value(change) for change in done.changes],
                    "broken": None if broken is None else {"law": broken.law, "what": broken.what},
                    "as_expected": broken is None,
                },
                indent=2,
            )
        )
        return 0 if broken is None else 1
    show_changes(done.changes)
    for line in done.unchecked:
        console.print(escape(f"Not looked at: {printable(line)}."))
    out = [aside for aside in done.asides if not aside.instead]
    if out:
        console.print(
            f"{len(out)} of {done.steps} steps cannot be done on a real stack and were left out; "
            "the simulation does them."
        )
    if broken is not None:
        console.print(escape(printable(str(broken))))
        return 1
    console.print(escape(f"“{printable(scenario.name)}”: what must hold at the end holds."))
    return 0


def _trace(line: str) -> None:
    print(printable(line))


# What a person sees ------------------------------------------------------------------------


def _introduce(piece: Piece, where: str) -> None:
    console.print(escape(f"{printable(piece.name)}: {printable('; '.join(piece.what))}"))
    if piece.teaches:
        console.print(escape(f"  {printable(piece.teaches)}"))
    for note in piece.notes:
        console.print(escape(f"  note: {printable(note)}"))
    console.print(escape(f"Replayed to {printable(where)}.\n"))


def show_verdicts(verdicts: Sequence[Verdict]) -> None:
    """A paragraph for each message."""
    for number, verdict in enumerate(verdicts, 1):
        about = ", ".join(f"{change} {key}" for change, key in verdict.hints[:5])
        more = f" and {len(verdict.hints) - 5} more" if len(verdict.hints) > 5 else ""
        console.print(
            escape(f"{number}. {printable(about) or 'no hint'}{more}  ({printable(verdict.id)})")
        )
        console.print(escape(f"   {verdict.decision}: {_lines(verdict.why)}"))
        if len(verdict.tasks) > 1:
            for name, decision, why in verdict.tasks:
                console.print(escape(f"     {printable(name) or '/'}: {decision}: {_lines(why)}"))
        for note in verdict.notes:
            if note not in verdict.why:
                console.print(escape(f"     note: {printable(note)}"))
        unmet = verdict.unmet()
        if unmet:
            console.print(escape(f"   NOT AS EXPECTED: {printable(unmet)}"))


def _lines(text: str) -> str:
    """A reason, which may be a traceback, with its own lines kept and nothing else."""
    return "\n     ".join(printable(line) for line in text.splitlines())


def show_changes(found: Sequence[Change]) -> None:
    """The bucket's diff: a line for each key."""
    if not found:
        console.print("Nothing changed in the bucket.")
        return
    console.print("In the bucket:")
    for change in found:
        info = change.after or change.before
        size = f"{info.size:,} bytes" if info is not None else ""
        etags = " → ".join(each.etag[:12] for each in (change.before, change.after) if each)
        console.print(escape(f"  {change.sign} {printable(change.key)}  {size}  {etags}"))


def conclude(met: bool, has_expectation: bool) -> int:
    """The last line, and the exit status."""
    if met:
        console.print("As expected." if has_expectation else "Nothing failed.")
        return 0
    console.print("NOT AS EXPECTED." if has_expectation else "NOT DONE.")
    return 1


def _head(piece: Piece, target: str) -> dict[str, Any]:
    return {
        "is": list(piece.what),
        "name": piece.name,
        "notes": list(piece.notes),
        "target": target,
    }


def _verdict_value(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.id,
        "hints": [list(hint) for hint in verdict.hints],
        "decision": verdict.decision,
        "why": verdict.why,
        "tasks": [
            {"name": name, "decision": decision, "why": why}
            for name, decision, why in verdict.tasks
        ],
        "notes": list(verdict.notes),
        "expected": None if verdict.expected is None else msgspec.to_builtins(verdict.expected),
        "as_expected": verdict.met,
    }


def _change_value(change: Change) -> dict[str, Any]:
    def side(info: Any) -> dict[str, Any] | None:
        return None if info is None else {"etag": info.etag, "size": info.size}

    return {"key": change.key, "before": side(change.before), "after": side(change.after)}
