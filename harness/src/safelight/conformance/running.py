"""The three emulators, started to be asked: MiniStack as a process, the others as containers.

Each has a port of its own on the loopback interface, the containers a network and a registry,
too; and each is gone afterwards with all that it started.
"""

from __future__ import annotations

import json
import os
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, NotFound

from safelight import engine as engines
from safelight import images, ministack
from safelight import port as ports
from safelight.conformance.emulator import Emulator, waiting
from safelight.ministack import MiniStack
from safelight.problem import Problem
from safelight.stack import Say

NAMES = {"ministack": "MiniStack", "localstack": "LocalStack", "localemu": "LocalEmu"}
"""The emulators' titles, by their names."""

LABEL = "safelight.conformance"
"""On every container that is started here: whose it is."""

RUNTIME = "python3.13"
"""The runtime whose functions run in the thumbnailer's image."""

# A proxy that the environment names has nothing to do with what runs on this machine.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def running(name: str, folder: Path, say: Say, port: int | None = None) -> Iterator[Emulator]:
    """The emulator ``name``, started; its files, if it has any, lie in ``folder``.

    Raises :class:`Problem` if it cannot be had.
    """
    port = port or ports.unused()
    if name != "ministack":
        with _container(name, port, say) as emulator:
            yield emulator
        return
    stack = MiniStack(folder, port)
    try:
        stack.start()
        yield Emulator(name, ministack.version(), stack.url)
    finally:
        stack.stop(keep=False)


@contextmanager
def _container(name: str, port: int, say: Say) -> Iterator[Emulator]:
    engine = engines.connect()
    image, function_image = _image(engine, name, say), images.build(engine, "thumbnailer", say)
    own = f"safelight-conformance-{name}-{uuid.uuid4().hex[:8]}"
    with ExitStack() as undo:
        network = engine.networks.create(own, driver="bridge", labels={LABEL: own})
        undo.callback(network.remove)
        # Whatever is in the network, the functions' containers too, goes before it.
        undo.callback(_remove, engine, own)
        reference = _registered(engine, own, function_image, undo, say)
        say(f"Starting {NAMES[name]} …")
        engine.containers.run(
            image,
            name=own,
            detach=True,
            network=own,
            labels={LABEL: own},
            ports={"4566/tcp": ("127.0.0.1", port)},
            environment=_environment(name, own, port, reference),
            volumes={engines.socket(): {"bind": "/var/run/docker.sock", "mode": "rw"}},
        )
        about = _ready(engine, name, own, port)
        yield Emulator(name, about, f"http://127.0.0.1:{port}", reference)


def _image(engine: docker.DockerClient, name: str, say: Say) -> str:
    wanted = images.variables()[f"{name.upper()}_IMAGE"]
    if wanted == images.DEFAULTS["LOCALEMU_IMAGE"]:
        # Nobody publishes one.
        images.require_localemu(engine, say)
        return wanted
    images.require(engine, wanted, say)
    return wanted


def _registered(
    engine: docker.DockerClient, own: str, image: images.Image, undo: ExitStack, say: Say
) -> str:
    """The image's name in a registry of its own: what runs a zip function has to be pulled."""
    wanted = images.variables()["REGISTRY_IMAGE"]
    images.require(engine, wanted, say)
    port = ports.unused()
    engine.containers.run(
        wanted,
        name=f"{own}-registry",
        detach=True,
        network=own,
        labels={LABEL: own},
        ports={"5000/tcp": ("127.0.0.1", port)},
    )
    for _ in waiting("the registry"):
        if _get(port, "/v2/") is not None:
            break
    registry = f"localhost:{port}"
    undo.callback(images.forget_pushed, engine, registry)
    images.push(engine, image, registry, say)
    return f"{registry}/{images.REPOSITORY}/{image.service}:{images.LOCAL}"


def _environment(name: str, own: str, port: int, reference: str) -> dict[str, str]:
    """As in docker-compose.yml, which says why; both runtime names are one image here."""
    return {
        "MAIN_CONTAINER_NAME": own,
        "LAMBDA_DOCKER_NETWORK": own,
        "LAMBDA_DOCKER_FLAGS": f"--label {LABEL}={own}",
        "LAMBDA_RUNTIME_IMAGE_MAPPING": json.dumps({RUNTIME: reference}),
        "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "60",
        "SQS_ENDPOINT_STRATEGY": "path",
        f"{name.upper()}_HOST": f"localhost:{port}",
        "LOCALSTACK_HOST": f"localhost:{port}",
        "LOCALSTACK_AUTH_TOKEN": os.environ.get("LOCALSTACK_AUTH_TOKEN", ""),
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "IAM_ENFORCEMENT": "1",
        "ROOT_ACCESS_KEYS": "test",
    }


def _ready(engine: docker.DockerClient, name: str, own: str, port: int) -> str:
    """Wait until it serves; its release."""
    for _ in waiting(NAMES[name]):
        started = _json(port, f"/_{name}/init")
        if started.get("completed", {}).get("READY"):
            return str(_json(port, f"/_{name}/health")["version"])
        container = engine.containers.get(own)
        if container.status != "running":
            words = container.logs(tail=12).decode("utf-8", "replace").rstrip()
            raise Problem(f"{NAMES[name]} ended at once. Its last words:\n{words}")
    raise AssertionError  # waiting() raises before


def _json(port: int, path: str) -> dict[str, Any]:
    try:
        found = json.loads(_get(port, path) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _get(port: int, path: str) -> bytes | None:
    try:
        with _DIRECTLY.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bytes(answer.read())
    except (OSError, ValueError):
        # A port that docker publishes answers before its container does, with nonsense.
        return None


def _remove(engine: docker.DockerClient, own: str) -> None:
    """Remove the containers: first the emulator, so that it starts no more of them."""
    with suppress(NotFound):
        engine.containers.get(own).remove(force=True, v=True)
    for container in engine.containers.list(
        all=True, filters={"label": f"{LABEL}={own}"}, ignore_removed=True
    ):
        try:
            container.remove(force=True, v=True)
        except DockerException as error:
            if not isinstance(error, NotFound) and "already in progress" not in str(error):
                raise
