"""The registry that Lambda takes the images from: asked for what it has, and pushed to.

It is asked over its own HTTP API with ECR's token, which ECR documents (ECR user guide, "Private
registry authentication", "HTTP API"), so that any registry can stand in for ECR in a rehearsal.

The token is handed to the engine with each push.  The user's own Docker configuration is neither
read nor written: nothing of the login is left behind.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import docker
from docker.errors import DockerException

from safelight.images import Image, forget_references
from safelight.problem import Problem
from safelight.screen import printable
from safelight.stack import Say

_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
_INDEXES = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
_SECONDS = 30
_TRIES = 3
# A proxy that the environment names has nothing to do with a registry on this machine.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Registry:
    """A registry at ``host`` (``name[:port]``), and how it is logged in to."""

    host: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, where engines take one without TLS."""
        return self.host.partition(":")[0] in ("localhost", "127.0.0.1")

    @classmethod
    def of_ecr(cls, ecr: Any, host: str) -> Registry:
        """The account's own, with a token that is good for twelve hours."""
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        user, _, password = base64.b64decode(token).decode().partition(":")
        return cls(host, user, password)

    def digest(self, repository: str, tag: str) -> str | None:
        """The digest of what is under that tag; ``None`` if nothing is.

        Raises :class:`Problem` if it is nothing that Lambda can run.
        """
        body = self._get(f"{repository}/manifests/{tag}", (*_MANIFESTS, *_INDEXES))
        if body is None:
            return None
        if json.loads(body).get("mediaType") in _INDEXES:
            raise Problem(
                f"{self.host}/{repository}:{tag} is an index of images, which Lambda refuses. It "
                "was not pushed by Safelight: delete that tag, then deploy again."
            )
        # What a digest is, whatever the answer's headers say.
        return f"sha256:{hashlib.sha256(body).hexdigest()}"

    def tags(self, repository: str) -> list[str]:
        """The tags there are in it."""
        found: list[str] = []
        last = ""
        while True:
            body = self._get(f"{repository}/tags/list?n=1000{last}", ("application/json",))
            page: list[str] = (json.loads(body).get("tags") or []) if body else []
            found += page
            if len(page) < 1000:
                return found
            last = f"&last={page[-1]}"

    def _get(self, path: str, kinds: tuple[str, ...]) -> bytes | None:
        scheme = "http" if self.is_local else "https"
        request = urllib.request.Request(  # noqa: S310 - the scheme is one of these two
            f"{scheme}://{self.host}/v2/{path}", headers={"Accept": ", ".join(kinds)}
        )
        if self.user:
            login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {login}")
        problem = ""
        for _ in range(_TRIES):
            try:
                with self._opener().open(request, timeout=_SECONDS) as answer:
                    return bytes(answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    told = printable(error.read(2000).decode("utf-8", "replace"))
                if error.code == 404:
                    return None
                problem = f"{error.code} {told}"
                if error.code in (401, 403):
                    break
            except (OSError, ValueError) as error:
                problem = str(error)
        raise Problem(
            f"The registry {self.host} cannot be asked what it has: {problem}\n"
            "Is there a network, and may these credentials use ECR (ecr:BatchGetImage, "
            "ecr:GetDownloadUrlForLayer, ecr:ListImages)?"
        )

    def _opener(self) -> urllib.request.OpenerDirector:
        if self.is_local:
            return _DIRECTLY
        # The variables by which boto3 is told of a company's own authority.
        bundle = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or None
        context = ssl.create_default_context(cafile=bundle)
        return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))

    def push(
        self, engine: docker.DockerClient, image: Image, repository: str, tag: str, say: Say
    ) -> str:
        """Have the image there under the tag; its digest.

        A push that was interrupted is simply made again: what came through is not sent twice,
        and nothing is under the tag before all of it is there.  Raises :class:`Problem`.
        """
        name = f"{self.host}/{repository}"
        say(f"Pushing {image.service} to {name}:{tag} …")
        login = {"username": self.user, "password": self.password} if self.user else None
        refusal = ""
        try:
            engine.images.get(image.id).tag(name, tag)
            for event in engine.api.push(name, tag, stream=True, decode=True, auth_config=login):
                refusal = str(event.get("error", refusal))
        except DockerException as error:
            refusal = str(error)
        finally:
            forget_references(engine, image.id, name)
        # Another deployment may have been quicker: tags are immutable, and the tag says what
        # the image is made of.
        digest = self.digest(repository, tag)
        if digest is None:
            raise Problem(
                f"The {image.service}'s image could not be pushed to {name}: "
                f"{printable(refusal) or 'the registry does not have it'}\nDeploy again: what came "
                "through is not sent twice."
            )
        return digest
