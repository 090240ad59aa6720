"""Where Safelight keeps its own things, and where its source is."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.problem import Problem

DEFAULT_PORT = 4566


def checkout() -> Path:
    """The checkout that this package runs from.

    Raises :class:`Problem` if it was installed without one: the template lies there.
    """
    for folder in Path(__file__).resolve().parents:
        if (folder / "infra" / "template.yaml").is_file():
            return folder
    raise Problem(
        "Safelight runs from its checkout, and infra/template.yaml is not above "
        f"{Path(__file__).parent}. Run `make setup` in the checkout and use its "
        ".venv/bin/safelight."
    )


def port() -> int:
    """The port of the local stack, from ``SAFELIGHT_PORT``."""
    text = os.environ.get("SAFELIGHT_PORT", "").strip()
    if not text:
        return DEFAULT_PORT
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise Problem(f"SAFELIGHT_PORT is {text!r}; it must be a port, 1 to 65535.")
    return int(text)


@dataclass(frozen=True)
class Home:
    """The folder of one stack's state: ``SAFELIGHT_HOME``, or ``.safelight`` in the checkout.

    Several stacks run side by side if each has a home and a port of its own.
    """

    path: Path

    @classmethod
    def here(cls) -> Home:
        """The home that the environment names."""
        text = os.environ.get("SAFELIGHT_HOME", "")
        return cls(Path(text).absolute() if text else checkout() / ".safelight")

    @property
    def remembered(self) -> Path:
        """The file that says which stack was started (see :mod:`safelight.stack`)."""
        return self.path / "stack.json"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock that keeps two `up` or `down` of one home apart, waiting for it."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Another `up` or `down` is at work here: waiting for it …", file=sys.stderr)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def alone_if_free(self) -> Iterator[bool]:
        """Hold :meth:`alone`'s lock if nobody has it; whether it is held."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in ``path``; ``None`` if there is no such file, or half of one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write ``path`` in one step, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)
