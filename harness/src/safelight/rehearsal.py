"""A stage for rehearsing a deployment on: MiniStack in place of AWS, and a registry in place of
ECR's, in containers of their own.

MiniStack's CloudFormation makes the very template that AWS is given, its Lambda runs the very
images that were pushed, pulled from the registry by their digests, and its CloudFront answers
for the distribution.  :class:`Stage` starts and removes all of it; nothing listens on anything
but this machine's loopback address, and no credentials but made-up ones are in reach.

What MiniStack 1.5.33 does otherwise than AWS, and :class:`_Mender` mends behind the scenes:

* It keeps a ``MaximumConcurrency`` that comes from a parameter as text, and its poller then hands
  out no message (see :func:`safelight.embedded.resume`).
* Its CloudFront reads the bucket over what counts as plain HTTP, which the bucket's policy denies.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import docker
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from docker.errors import DockerException, NotFound

from safelight import engine as engines
from safelight import images
from safelight import port as ports
from safelight.home import checkout
from safelight.problem import Problem
from safelight.stack import FUNCTIONS, LOCAL_KEY, LOCAL_SECRET, REGION, Say

LABEL = "safelight.rehearsal"
CHANGED = "safelight/rehearsal"
"""What the names of the images of changed code begin with."""

_DENIAL = "OnlyOverTls"
_READY_SECONDS = 60
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failed(Exception):
    """Something in a rehearsal did not go as it should."""


@dataclass(frozen=True)
class Done:
    """A command that has ended: its status, and all that it said."""

    status: int
    output: str


@dataclass
class Stage:
    """Where a rehearsal is played.  ``folder`` is for its files; ``write`` gets the transcript,
    line by line."""

    folder: Path
    write: Say
    checks: int = 0
    port: int = 0
    registry_port: int = 0
    _engine: docker.DockerClient = field(default_factory=engines.connect)
    _mender: _Mender | None = None

    @property
    def name(self) -> str:
        """Of the network, and what the containers' names begin with."""
        return (
            f"{LABEL.replace('.', '-')}-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"
        )

    @property
    def url(self) -> str:
        """Where MiniStack is reached."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def registry(self) -> str:
        """The registry, as the engine calls it."""
        return f"localhost:{self.registry_port}"

    @property
    def architecture(self) -> str:
        """Lambda's name for the engine's own architecture: what can run here."""
        return "arm64" if images.architecture(self._engine) in ("arm64", "aarch64") else "x86_64"

    # -- Set up and struck -----------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self._strike()
            self._set_up()
        except BaseException:
            self._strike()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._strike()

    def _set_up(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        registry = images.variables()["REGISTRY_IMAGE"]
        images.require(self._engine, registry, self.write)
        ministack = images.require_ministack(self._engine, self.write)
        self._engine.networks.create(self.name, labels={LABEL: self.name})
        self.registry_port = self._start("registry", registry, 5000, {}, {})
        self.port = self._start(
            "ministack",
            ministack,
            4566,
            {
                "LAMBDA_DOCKER_NETWORK": self.name,
                # What functions find it by.
                "AWS_ENDPOINT_URL": f"http://{self.name}-ministack:4566",
                "LAMBDA_DOCKER_FLAGS": self._flags(),
                "LOG_LEVEL": "WARNING",
            },
            {engines.socket(): {"bind": "/var/run/docker.sock", "mode": "rw"}},
        )
        self._await(f"{self.url}/_ministack/ready", "MiniStack")
        self._await(f"http://127.0.0.1:{self.registry_port}/v2/", "The registry")
        self._mender = _Mender(self.client)
        self._mender.start()

    def _flags(self) -> str:
        """As Lambda runs an image: a root that is read-only, and something before it that hands
        it its events."""
        door = checkout() / "scripts" / "rehearsal" / "emulate-lambda"
        if ":" in str(door):
            raise Problem(f"A rehearsal needs a checkout without a colon in its path: {checkout()}")
        mount = f"{door}:/usr/local/bin/safelight-entrypoint:ro"
        return f"-v {shlex.quote(mount)} --read-only --tmpfs /tmp"

    def _start(
        self,
        what: str,
        image: str,
        port: int,
        environment: Mapping[str, str],
        volumes: Mapping[str, Mapping[str, str]],
    ) -> int:
        """Start a container; the port of the loopback address that it is reached at."""
        published = ports.unused()
        self._engine.containers.run(
            image,
            detach=True,
            name=f"{self.name}-{what}",
            network=self.name,
            labels={LABEL: self.name},
            ports={f"{port}/tcp": ("127.0.0.1", published)},
            environment=dict(environment),
            volumes={source: dict(target) for source, target in volumes.items()},
        )
        return published

    def _await(self, url: str, what: str) -> None:
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until:
            try:
                with _DIRECTLY.open(url, timeout=5):
                    return
            except (OSError, ValueError):
                time.sleep(0.2)
        raise Problem(f"{what} did not answer within {_READY_SECONDS} s.")

    def _strike(self) -> None:
        """Remove all of it, also what an earlier rehearsal in this folder left."""
        if self._mender is not None:
            self._mender.stop()
            self._mender = None
        try:
            network = self._engine.networks.get(self.name)
        except NotFound:
            network = None
        # MiniStack first: it would start functions anew.
        names = [f"{self.name}-ministack", f"{self.name}-registry"]
        if network is not None:
            network.reload()
            # Functions' containers have no label of ours, but are on the network.
            names += [str(one.name) for one in network.containers]
        for name in dict.fromkeys(names):
            with contextlib.suppress(NotFound):
                self._engine.containers.get(name).remove(force=True, v=True)
        if network is not None:
            network.remove()
        self._forget_images()

    def _forget_images(self) -> None:
        """Untag what was pulled from, or pushed to, a registry that is no more, and the images
        of changed code."""
        names = [f"{CHANGED}/{service}" for service in FUNCTIONS]
        if self.registry_port:
            names += [f"{self.registry}/safelight/{service}" for service in FUNCTIONS]
        for name in names:
            for image in self._engine.images.list(name):
                with contextlib.suppress(DockerException):
                    images.forget_references(self._engine, image.id, name)

    # -- Played on -------------------------------------------------------------------------------

    def environment(self, variables: Mapping[str, str] | None = None) -> dict[str, str]:
        """A shell's variables in which AWS is MiniStack, and nothing else is in reach."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": LOCAL_KEY,
            "AWS_SECRET_ACCESS_KEY": LOCAL_SECRET,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAFELIGHT_HOME": str(self.folder / "home"),
            "PYTHONUNBUFFERED": "1",
            **(variables or {}),
        }

    def client(self, service: Any) -> Any:
        """A client of MiniStack's."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=LOCAL_KEY,
            aws_secret_access_key=LOCAL_SECRET,
            config=Config(
                s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 5}
            ),
        )

    def run(
        self,
        *words: str,
        status: int = 0,
        variables: Mapping[str, str] | None = None,
        at: str = "",
        do: Callable[[subprocess.Popen[str]], None] | None = None,
        python_path: Sequence[Path] = (),
    ) -> Done:
        """Run ``safelight WORDS…``, and write down what it says.

        Once it says ``at``, ``do`` is called with its process, such as :func:`press_ctrl_c`.
        Raises :class:`Failed` unless it ends with ``status``.
        """
        self.write(f"$ safelight {shlex.join(words)}")
        environment = self.environment(variables)
        if python_path:
            environment["PYTHONPATH"] = os.pathsep.join(map(str, python_path))
        process = subprocess.Popen(
            [sys.executable, "-m", "safelight", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # A Ctrl-C at the keyboard is for the rehearsal, which then strikes the stage.
            start_new_session=True,
        )
        said = []
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            for line in process.stdout:
                said.append(line)
                self.write(f"  {line.rstrip()}")
                if do is not None and at in line:
                    do(process)
                    do = None
            ended = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if ended != status:
            raise Failed(f"safelight {words[0]} ended with {ended} instead of {status}")
        return Done(ended, "".join(said))

    def check(self, holds: bool, what: str) -> None:
        """Write down that it holds; raise :class:`Failed` if it does not."""
        if not holds:
            raise Failed(f"not so: {what}")
        self.checks += 1
        self.write(f"✓ {what}")


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    """What a person does who has had enough of waiting."""
    process.send_signal(signal.SIGINT)


class _Mender(threading.Thread):
    """Keeps MiniStack behaving as AWS does; see the module."""

    def __init__(self, client: Any) -> None:
        super().__init__(daemon=True)
        self._functions, self._s3 = client("lambda"), client("s3")
        self._ended = threading.Event()
        self._mended: dict[str, Any] = {}

    def run(self) -> None:
        while not self._ended.wait(0.3):
            try:
                self._mend_mappings()
                self._mend_policies()
            except (ClientError, BotoCoreError):
                # In the middle of a change; next time.
                continue

    def stop(self) -> None:
        """End it, and wait until it has."""
        self._ended.set()
        self.join()

    def _mend_mappings(self) -> None:
        for mapping in self._functions.list_event_source_mappings()["EventSourceMappings"]:
            identifier = mapping["UUID"]
            if self._mended.get(identifier) == mapping["LastModified"]:
                continue
            most = int(mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 2))
            answer = self._functions.update_event_source_mapping(
                UUID=identifier, ScalingConfig={"MaximumConcurrency": most}
            )
            self._mended[identifier] = answer["LastModified"]

    def _mend_policies(self) -> None:
        for bucket in self._s3.list_buckets()["Buckets"]:
            try:
                policy = json.loads(self._s3.get_bucket_policy(Bucket=bucket["Name"])["Policy"])
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
                    continue
                raise
            kept = [one for one in policy["Statement"] if one.get("Sid") != _DENIAL]
            if kept and len(kept) < len(policy["Statement"]):
                self._s3.put_bucket_policy(
                    Bucket=bucket["Name"], Policy=json.dumps({**policy, "Statement": kept})
                )
