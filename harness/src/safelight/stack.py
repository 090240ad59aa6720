"""A stack: somewhere the template's resources run, started and stopped by this command line.

:class:`Stack` is what a kind of local stack implements (:mod:`safelight.embedded`, and
``safelight.docker_stack`` where there is a Docker engine).  :class:`Deployment` is one that has
been created, wherever it runs: everything the other commands need to know of it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import botocore.session
from botocore.config import Config

from gallery.originals import Originals, from_environment
from gallery.store import S3Store
from safelight.home import Home, read_json, write_json
from safelight.problem import Problem

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

Say = Callable[[str], None]
"""Told, in a line, what is being done."""

REGION = "us-east-1"
"""The region that the local stacks pretend to be in."""

STACK_NAME = "safelight"
"""The name of the CloudFormation stack on a local stack."""

BUCKET = "safelight"
"""The bucket of a local stack."""

QUEUES = ("thumbnail", "publish", "thumbnail_dlq", "publish_dlq")
FUNCTIONS = ("thumbnailer", "sitegen")

# Emulators take any credentials; these are the ones everybody uses.
LOCAL_KEY = "test"
LOCAL_SECRET = "test"  # noqa: S105 - no secret


@dataclass(frozen=True)
class Deployment:
    """The template's stack, created.

    ``stack`` is its kind (``embedded``, ``docker``) or its name on AWS.  ``endpoint_url`` is
    ``None`` on AWS.  ``queues``, ``functions`` and ``log_groups`` are by the names in
    :data:`QUEUES` and :data:`FUNCTIONS`.  There are no functions where workers follow the queues.
    ``distribution`` is the CloudFront distribution's identifier, ``None`` where there is none.
    ``originals`` is what the template lets visitors take.
    """

    stack: str
    endpoint_url: str | None
    region: str
    bucket: str
    gallery_url: str
    queues: Mapping[str, str]
    functions: Mapping[str, str]
    log_groups: Mapping[str, str]
    distribution: str | None = None
    originals: Originals = "public"

    @classmethod
    def from_outputs(
        cls, stack: str, endpoint_url: str | None, region: str, outputs: Mapping[str, str]
    ) -> Deployment:
        """From the outputs of ``infra/template.yaml``."""
        return cls(
            stack=stack,
            endpoint_url=endpoint_url,
            region=region,
            bucket=outputs["BucketName"],
            gallery_url=outputs["GalleryUrl"],
            queues={
                "thumbnail": outputs["ThumbnailQueueUrl"],
                "publish": outputs["PublishQueueUrl"],
                "thumbnail_dlq": outputs["ThumbnailDlqUrl"],
                "publish_dlq": outputs["PublishDlqUrl"],
            },
            functions={
                name: outputs[output]
                for name, output in (
                    ("thumbnailer", "ThumbnailerFunction"),
                    ("sitegen", "SitegenFunction"),
                )
                if output in outputs
            },
            log_groups={
                "thumbnailer": outputs["ThumbnailerLogGroup"],
                "sitegen": outputs["SitegenLogGroup"],
            },
            distribution=outputs.get("DistributionId"),
            originals=from_environment({"SAFELIGHT_ORIGINALS": outputs.get("Originals", "")}),
        )

    @property
    def is_on_aws(self) -> bool:
        """Whether it costs money and may hold somebody's only copies: destructive commands
        ask first."""
        return self.endpoint_url is None

    @property
    def option(self) -> str:
        """What a command must be given to be about this stack, with a space before it."""
        return f" --stack {self.stack} --region {self.region}" if self.is_on_aws else ""

    def environment(self) -> dict[str, str]:
        """The variables with which the AWS command line, boto3 and Safelight's own workers
        reach this stack."""
        found = {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
        if self.endpoint_url is not None:
            found = {
                "AWS_ENDPOINT_URL": self.endpoint_url,
                "AWS_ACCESS_KEY_ID": LOCAL_KEY,
                "AWS_SECRET_ACCESS_KEY": LOCAL_SECRET,
                **found,
            }
        return {
            **found,
            "BUCKET": self.bucket,
            "SAFELIGHT_BUCKET": self.bucket,
            "SAFELIGHT_THUMBNAIL_QUEUE_URL": self.queues["thumbnail"],
            "SAFELIGHT_PUBLISH_QUEUE_URL": self.queues["publish"],
            "SAFELIGHT_ORIGINALS": self.originals,
            **({"SAFELIGHT_DISTRIBUTION_ID": self.distribution} if self.distribution else {}),
        }

    def _client(self, service: Any) -> Any:
        return client(service, self.endpoint_url, self.region)

    def s3(self) -> S3Client:
        """An S3 client; may be shared between threads."""
        found: S3Client = self._client("s3")
        return found

    def sqs(self) -> SQSClient:
        """An SQS client."""
        found: SQSClient = self._client("sqs")
        return found

    def functions_client(self) -> LambdaClient:
        """A Lambda client that waits as long as a function may run."""
        found: LambdaClient = self._client("lambda")
        return found

    def logs(self) -> Any:
        """A CloudWatch Logs client."""
        return self._client("logs")

    def store(self) -> S3Store:
        """The bucket."""
        return S3Store(self.s3(), self.bucket)


def client(service: Any, endpoint_url: str | None, region: str) -> Any:
    """A boto3 client for ``service``: for an emulator if ``endpoint_url`` is given, else for
    AWS, or what ``AWS_ENDPOINT_URL`` says stands in for it."""
    emulator = (
        endpoint_url or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    )
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        # Lambda's longest run is 900 s; an upload over a slow line has its own life signs.
        read_timeout=910 if service == "lambda" else 60,
        max_pool_connections=32,
        # Emulators serve buckets by path; AWS takes either for the buckets we make.
        s3={"addressing_style": "path"} if emulator else {},
        # boto3 1.36 began to add CRC trailers to each put, which not every S3 takes.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    if endpoint_url is None:
        return boto3.Session(region_name=region).client(service, config=config)
    session = boto3.Session(
        aws_access_key_id=LOCAL_KEY,
        aws_secret_access_key=LOCAL_SECRET,
        region_name=region,
        # Whose AWS_PROFILE names a profile for somewhere else, or none, means nothing here.
        botocore_session=botocore.session.Session(session_vars={"profile": (None,) * 4}),
    )
    return session.client(service, endpoint_url=endpoint_url, config=config)


def cloudformation(endpoint_url: str | None, region: str) -> CloudFormationClient:
    """A CloudFormation client."""
    found: CloudFormationClient = client("cloudformation", endpoint_url, region)
    return found


class Stack(Protocol):
    """A kind of local stack, in one home."""

    name: str

    def up(self, say: Say) -> Deployment:
        """Start what is not running and create or update the template's stack; ready to
        serve when it returns.

        Idempotent: also on a stack that runs, that has crashed, or that an interrupted call
        left half-made.  Raises :class:`Problem`.
        """

    def down(self, say: Say, *, purge: bool) -> bool:
        """Stop it; with ``purge`` forget its data too.  Whether anything was running.

        Idempotent.  Raises :class:`Problem`.
        """

    def keep(self, deployment: Deployment) -> None:
        """Keep what the stack would lose if its emulator ended now; for when the gallery is
        whole.  Raises :class:`Problem`."""

    def is_running(self) -> bool:
        """Whether it is up, as far as can be told without asking it anything."""

    def emulator_log(self) -> list[str]:
        """The command that prints the emulator's own log; more is appended if it follows."""


KINDS = ("auto", "embedded", "docker")


def choose(kind: str, home: Home, say: Say) -> Stack:
    """The stack that ``kind`` (see :data:`KINDS`) means here.

    ``auto`` stays with the one that runs, takes Docker if an engine answers, and the embedded
    one otherwise.  Raises :class:`Problem` if ``kind`` is to be had not at all, or not beside
    the one that is running.
    """
    if kind not in KINDS:
        raise Problem(f"STACK is {kind!r}; it is one of {', '.join(KINDS)}.")
    running = _running(home)
    if running is not None:
        if kind in ("auto", running.name):
            return running
        raise Problem(
            f"The {running.name} stack is running here. Stop it first: `make down` "
            "(its photos stay)."
        )
    if kind == "embedded":
        return _embedded(home)
    if not has_docker_stack():
        if kind == "auto":
            return _embedded(home)
        raise Problem(
            "This Safelight has no Docker stack. Take the embedded one: `make up STACK=embedded`."
        )
    why_not = docker_trouble()
    if why_not is None:
        return _docker(home)
    if kind == "auto":
        say(f"No Docker here ({why_not}): taking the embedded stack.")
        return _embedded(home)
    raise Problem(
        f"STACK=docker, but no Docker engine answers: {why_not}. Start one, or take the "
        "embedded stack: `make up STACK=embedded`."
    )


def of_kind(kind: str, home: Home) -> Stack:
    """The stack of that very kind, whatever else is running."""
    return _docker(home) if kind == "docker" else _embedded(home)


def _running(home: Home) -> Stack | None:
    kinds = ("embedded", "docker") if has_docker_stack() else ("embedded",)
    for kind in kinds:
        if kind == "docker" and remembered(home) is None:
            # Asking an engine costs a second; what was never started here is not running.
            continue
        stack = of_kind(kind, home)
        if stack.is_running():
            return stack
    return None


def _embedded(home: Home) -> Stack:
    from safelight.embedded import EmbeddedStack

    return EmbeddedStack(home)


def _docker(home: Home) -> Stack:
    stack: Stack = importlib.import_module("safelight.docker_stack").DockerStack(home)
    return stack


def has_docker_stack() -> bool:
    """Whether this Safelight can run its stack in Docker at all."""
    return importlib.util.find_spec("safelight.docker_stack") is not None


def docker_trouble() -> str | None:
    """Why no Docker engine answers, in a few words; ``None`` if one does."""
    try:
        done = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except FileNotFoundError:
        return "the docker command is not installed"
    except subprocess.TimeoutExpired:
        return "the Docker engine did not answer within 20 s"
    if done.returncode == 0 and done.stdout.strip():
        return None
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"docker info ended with {done.returncode}"


def remember(home: Home, deployment: Deployment) -> None:
    """Keep for other commands, in other shells, which stack is there."""
    write_json(home.remembered, asdict(deployment))


def forget(home: Home) -> None:
    """Undo :func:`remember`."""
    home.remembered.unlink(missing_ok=True)


def remembered(home: Home) -> Deployment | None:
    """The stack that was last started in this home; it may not be running any more."""
    found = read_json(home.remembered)
    if found is None:
        return None
    try:
        return Deployment(**found)
    except TypeError:
        # Written by another version of Safelight: `up` writes it anew.
        return None


def current(home: Home | None = None) -> Deployment:
    """The stack that commands are about.  Raises :class:`Problem` if none is running."""
    home = home or Home.here()
    found = remembered(home)
    if found is None:
        raise Problem("No stack is running here. Start one: `make up`.")
    if not of_kind(found.stack, home).is_running():
        raise Problem(
            f"The {found.stack} stack is not running any more. Start it again: `make up`."
        )
    return found


def kind_from_environment() -> str:
    """``STACK``, or ``auto``."""
    return os.environ.get("STACK", "").strip() or "auto"
