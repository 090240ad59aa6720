"""The Docker engine and its command line: found, asked, and found fit."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import docker
from docker.errors import DockerException

from safelight.problem import Problem

# 20.10, Debian 12's: the oldest whose builder knows what the Dockerfiles say (RUN --mount).
_OLDEST_API = (1, 41)


def connect() -> docker.DockerClient:
    """A client of the engine that the ``docker`` command talks to.

    Raises :class:`Problem` if there is none, or it is too old.
    """
    try:
        client = docker.DockerClient(base_url=_address(), version="auto", timeout=120)
        api = str(client.version()["ApiVersion"])
    except DockerException as error:
        raise Problem(
            f"No Docker engine answers ({error}). Start one (on Debian: "
            "`sudo scripts/install-docker`), or take the embedded stack: `make up STACK=embedded`."
        ) from error
    if tuple(int(part) for part in api.split(".")) < _OLDEST_API:
        raise Problem(
            f"The Docker engine is too old: it speaks API {api}, and images are built with "
            f"{'.'.join(map(str, _OLDEST_API))} (Docker 20.10) or newer. Update it, or take the "
            "embedded stack: `make up STACK=embedded`."
        )
    return client


def _address() -> str | None:
    """The engine's address; ``None`` for the SDK's own idea of it.

    The SDK does not heed the command line's contexts, by which Docker Desktop, Colima and
    rootless engines are reached.
    """
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    found = _say("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    return found or None


def require_plugin(name: str) -> None:
    """Raise :class:`Problem` unless the ``docker`` command has the plugin ``name``."""
    if _say(name, "version") is None:
        raise Problem(
            f"`docker {name}` does not work here: the plugin is missing. On Debian: "
            "`sudo scripts/install-docker`; elsewhere it comes with Docker Desktop, or as the "
            f"package docker-{name}-plugin. Without it: `make up STACK=embedded`."
        )


def builder() -> str:
    """The engine's own builder: another one does not see the images that the engine has."""
    return _say("context", "show") or "default"


def socket() -> str:
    """The engine's socket as its containers can be given it."""
    address = _address() or ""
    path = Path(address.removeprefix("unix://"))
    # Elsewhere the engine runs in a machine of its own, where it has the usual place.
    if platform.system() == "Linux" and address.startswith("unix://") and path.exists():
        return str(path)
    return "/var/run/docker.sock"


def _say(*words: str) -> str | None:
    """What ``docker WORDS…`` prints; ``None`` if it fails."""
    try:
        done = subprocess.run(
            ["docker", *words], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
