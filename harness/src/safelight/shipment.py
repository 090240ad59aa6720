"""The two images on their way: which are in the registry already, and the others built and pushed.

An image's tag there is a digest of all that it is made from (:func:`safelight.images.source_tag`),
so what is there under its tag need not be built again, on whatever machine.  ``--anew`` pushes
beside it what was built on a newer base; until the sources change, a later deployment stays with
that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import docker

from safelight import images
from safelight.images import Image
from safelight.problem import Problem
from safelight.registry import Registry
from safelight.stack import FUNCTIONS, Say

PLATFORMS = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}
"""Docker's names for Lambda's architectures."""


@dataclass(frozen=True)
class Item:
    """One service's image: its ``repository`` (a path within the registry), the ``tag`` that it
    has or will have there, and its ``digest``, or ``None`` while it is not there."""

    service: str
    repository: str
    tag: str
    digest: str | None

    def reference(self, registry: Registry) -> str:
        """What Lambda is given: by digest, which no push can make to mean something else."""
        assert self.digest is not None  # noqa: S101 - asked for once everything is there
        return f"{registry.host}/{self.repository}@{self.digest}"


def wanted(
    registry: Registry | None,
    repositories: Mapping[str, str],
    architecture: str,
    deployed: Mapping[str, str],
) -> list[Item]:
    """Each service's image as it should be in the registry, and whether it is.

    ``repositories`` are by service; ``deployed`` the references that the stack has now.  No
    ``registry``: there is none yet, and nothing in it.
    """
    return [
        _wanted(
            registry,
            service,
            repositories.get(service, ""),
            images.source_tag(service, PLATFORMS[architecture]),
            deployed.get(service, "").rpartition("@")[2],
        )
        for service in FUNCTIONS
    ]


def _wanted(
    registry: Registry | None, service: str, repository: str, tag: str, deployed: str
) -> Item:
    if registry is None or not repository:
        return Item(service, repository, tag, None)
    digest = registry.digest(repository, tag)
    if deployed and digest != deployed:
        for other in registry.tags(repository):
            if other.startswith(f"{tag}-") and registry.digest(repository, other) == deployed:
                # The same sources on a newer base.
                return Item(service, repository, other, deployed)
    return Item(service, repository, tag, digest)


def send(
    engine: docker.DockerClient,
    registry: Registry,
    item: Item,
    architecture: str,
    say: Say,
    *,
    anew: bool,
) -> Item:
    """Build the image and push it; the item with its digest.

    Idempotent.  ``anew``: from nothing that the builder kept, on the newest base.  Raises
    :class:`Problem`.
    """
    platform = PLATFORMS[architecture]
    if anew:
        images.refresh_base(engine, say)
    built = images.build(engine, item.service, say, platform, anew=anew)
    _require_platform(engine, built, platform)
    tag = item.tag
    if anew:
        tag = f"{images.source_tag(item.service, platform)}-{built.id.removeprefix('sha256:')[:12]}"
    digest = registry.digest(item.repository, tag)
    if digest is None:
        digest = registry.push(engine, built, item.repository, tag, say)
    return replace(item, tag=tag, digest=digest)


def _require_platform(engine: docker.DockerClient, built: Image, platform: str) -> None:
    """Lambda takes any architecture's image and fails at its first start."""
    found = engine.images.get(built.id).attrs or {}
    made = f"{found.get('Os')}/{found.get('Architecture')}"
    if made != platform:
        raise Problem(
            f"The {built.service}'s image came out for {made} instead of {platform}: the base "
            "image there is of the wrong architecture. `docker pull --platform "
            f"{platform} {images.variables()['BASE_IMAGE']}`, then deploy again."
        )
