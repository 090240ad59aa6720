"""The docker stack's containers and images, as the engine itself tells of them."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from safelight import engine as engines
from safelight.docker_stack import LABEL, project
from safelight.home import Home
from tests.stack.running import Running


@dataclass(frozen=True)
class Containers:
    """Those of one running stack."""

    project: str

    @classmethod
    def of(cls, running: Running) -> Containers:
        return cls(project(Home(Path(running.home))))

    def get(self, service: str) -> Container:
        """A service's container."""
        return engines.connect().containers.get(f"{self.project}-{service}")

    def functions(self, name: str = "") -> list[Container]:
        """Those in which functions run just now; of one of them, if it is named."""
        found = engines.connect().containers.list(
            filters={"label": f"{LABEL}={self.project}"}, ignore_removed=True
        )
        return [container for container in found if name in str(container.name)]

    def all(self) -> list[Container]:
        """Everything there is of the stack, running or not."""
        engine = engines.connect()
        found: dict[str, Container] = {}
        for label in (f"{LABEL}={self.project}", f"com.docker.compose.project={self.project}"):
            for container in engine.containers.list(
                all=True, filters={"label": label}, ignore_removed=True
            ):
                found[str(container.id)] = container
        return list(found.values())

    def registry_port(self) -> int:
        """Where the stack's registry is published."""
        ports: dict[str, Any] = self.get("registry").attrs["NetworkSettings"]["Ports"]
        (published,) = ports["5000/tcp"]
        assert published["HostIp"] == "127.0.0.1"
        return int(published["HostPort"])


def manifest(registry_port: int, service: str) -> tuple[str, dict[str, Any]]:
    """What the registry has of a service's image: the manifest's digest, and the manifest."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{registry_port}/v2/safelight/{service}/manifests/local",
        headers={
            "Accept": "application/vnd.docker.distribution.manifest.v2+json, "
            "application/vnd.oci.image.manifest.v1+json"
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        return answer.headers["Docker-Content-Digest"], json.loads(answer.read())
