"""A docker stack of a chosen mode, emulator and limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safelight import port as ports
from tests.stack.running import Gallery, Running
from tests.stack.running import gallery as gallery_of


class Chosen(Running):
    """A docker stack whose command line runs with these variables."""

    def __init__(self, home: Path, port: int, variables: Mapping[str, str]) -> None:
        super().__init__("docker", home, port)
        self._variables = variables

    def environment(self) -> dict[str, str]:
        return {**super().environment(), **self._variables}


@contextmanager
def chosen(home: Path, **variables: str) -> Iterator[Gallery]:
    """Its gallery; the stack is gone afterwards."""
    running = Chosen(home, ports.unused(), variables)
    try:
        running.run("up")
        yield gallery_of(running)
    finally:
        running.run("down", "--purge", status=None)
