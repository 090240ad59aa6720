"""The docker stack's containers: docker-compose.yml, with the variables that it takes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from safelight.home import checkout
from safelight.problem import Problem


class Compose:
    """The containers of ``project``; what compose says goes to the file ``log``."""

    def __init__(self, project: str, variables: Mapping[str, str], log: Path) -> None:
        self.project = project
        self._variables = variables
        self._log = log

    def up(self, *services: str) -> None:
        """Have these services running, as the file and the variables now say.

        Idempotent: what is right is left alone.  Raises :class:`Problem`.
        """
        self._run("up", "--detach", "--no-build", "--pull", "never", *services)

    def stop(self, *services: str) -> None:
        """Stop these services, each with its time to finish; no harm if they do not run."""
        self._run("stop", *services)

    def down(self, *, volumes: bool) -> None:
        """Remove all containers and the network; with ``volumes`` what they kept, too."""
        more = ["--volumes"] if volumes else []
        self._run("down", "--remove-orphans", "--timeout", "20", *more)

    def _run(self, *words: str) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w+", encoding="utf-8") as output:
            done = subprocess.run(
                self.command(*words),
                env={**_outer(), **self._variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            words_ = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            raise Problem(f"docker compose {words[0]} did not succeed:\n" + "\n".join(words_[-8:]))

    def command(self, *words: str) -> list[str]:
        """The command line."""
        return [
            "docker", "compose",
            "--project-name", self.project,
            "--file", str(checkout() / "docker-compose.yml"),
            # Every profile: what a stopped one left running must be seen to be removed.
            "--profile", "*",
            "--progress", "plain",
            *words,
        ]  # fmt: skip


def _outer() -> dict[str, str]:
    """This process's environment, without what would change what compose works on."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")}
