"""The command ``python -m safelight.conformance``."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from safelight.conformance.answers import ask_all, keep
from safelight.conformance.running import NAMES, running
from safelight.home import checkout
from safelight.problem import Problem


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m safelight.conformance",
        description="Ask the emulators what they do, and keep it in docs/emulators.md.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    ask = verbs.add_parser("ask", help="start emulators, ask them everything, write the tables")
    ask.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; default: all")
    serve = verbs.add_parser("serve", help="start one, as it is asked, until Ctrl-C")
    serve.add_argument("name", choices=NAMES)
    serve.add_argument("--port", type=int, help="default: a free one")
    given = parser.parse_args(arguments)
    try:
        if given.verb == "serve":
            return _serve(given.name, given.port)
        unknown = set(given.names) - set(NAMES)
        if unknown:
            parser.error(f"no emulator is called {', '.join(sorted(unknown))}")
        for name in given.names or NAMES:
            with (
                tempfile.TemporaryDirectory() as folder,
                running(name, Path(folder), _say) as emulator,
            ):
                print(f"{NAMES[name]} {emulator.release}", flush=True)
                keep({name: ask_all(emulator, print)}, checkout())
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def _serve(name: str, port: int | None) -> int:
    # Whoever ends it, and however: what it started goes with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder, running(name, Path(folder), _say, port) as it:
        print(f"{NAMES[name]} {it.release}: {it.url}", flush=True)
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
