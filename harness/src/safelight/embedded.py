"""The embedded stack: MiniStack in the project's virtual environment, and no Docker.

Its functions run the handlers that are installed in that environment, in warm worker
processes.  The code's digest is a parameter of the template, so that an `up` after a change
replaces the workers, as a new image does on AWS.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from gallery import keys
from safelight import home as homes
from safelight import parameters
from safelight.attachment import reattach
from safelight.formation import Formation
from safelight.home import Home
from safelight.ministack import MiniStack
from safelight.problem import Problem
from safelight.queues import depths
from safelight.stack import (
    BUCKET,
    REGION,
    STACK_NAME,
    Deployment,
    Say,
    client,
    cloudformation,
    forget,
    remember,
    remembered,
)

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_DRAIN_SECONDS = 20
_FIRST_PAGE_SECONDS = 60


class EmbeddedStack:
    """The embedded stack of one home (see :class:`safelight.stack.Stack`)."""

    name = "embedded"

    def __init__(self, home: Home, port: int | None = None) -> None:
        self._home = home
        self._process = MiniStack(home.path / "embedded", port or homes.port())

    def keep(self, deployment: Deployment) -> None:
        """See :meth:`safelight.stack.Stack.keep`: objects are on disk as soon as they are put."""

    def is_running(self) -> bool:
        """Whether MiniStack's process lives."""
        return self._process.is_running()

    def emulator_log(self) -> list[str]:
        """The command that prints MiniStack's log."""
        return ["tail", "-n", "+1", str(self._process.log)]

    def up(self, say: Say) -> Deployment:
        """See :meth:`safelight.stack.Stack.up`."""
        with self._home.alone():
            whole = self._start(say)
            # Between a new stack and its first sweep an `up` may be interrupted: the next one
            # finds the stack as it should be, and must know that nothing was looked at.
            unswept = self._home.remembered.with_name("unswept")
            interrupted = unswept.exists()
            unswept.touch()
            deployment, fresh = self._deploy(say)
            unheard = reattach(deployment, self._home)
            if not is_sound(deployment):
                # What was saved does not fit together, as after a disk that was full.
                say("The saved state is damaged: making everything but the photos anew …")
                self._process.stop(keep=False)
                whole = self._process.start()
                deployment, fresh = self._deploy(say)
                if not is_sound(deployment):
                    raise Problem(
                        "The stack was created but is not complete. This is a bug, please report "
                        f"it with {self._process.log}."
                    )
            remember(self._home, deployment)
            if fresh or not whole or interrupted or unheard:
                begin_sweep(deployment)
            unswept.unlink(missing_ok=True)
            await_site(deployment)
            return deployment

    def down(self, say: Say, *, purge: bool) -> bool:
        """See :meth:`safelight.stack.Stack.down`."""
        with self._home.alone():
            running = self._process.is_running()
            if running:
                keep = not purge and self._settle(say)
                say("Stopping MiniStack …")
                self._process.stop(keep=keep)
            forget(self._home)
            if purge:
                self._process.purge()
                parameters.forget(self._home)
            return running

    def _start(self, say: Say) -> bool:
        """Have MiniStack running; whether its state is whole."""
        process = self._process
        if process.is_running():
            if process.running_port() != process.port:
                raise Problem(
                    f"The embedded stack is running on port {process.running_port()}. Stop it "
                    f"first (`make down`), or say SAFELIGHT_PORT={process.running_port()}."
                )
            if process.is_of_this_version() and process.answers():
                return True
            say("Restarting MiniStack …")
            process.stop(keep=False)
        else:
            say("Starting MiniStack …")
        return process.start()

    def _deploy(self, say: Say) -> tuple[Deployment, bool]:
        """Create or update the template's stack; and whether its code is another than before."""
        url = self._process.url
        given = parameters.kept(self._home)
        version = parameters.version(code_version(), given)
        formation = Formation(
            cloudformation(url, REGION),
            client("s3", url, REGION),
            STACK_NAME,
            homes.checkout() / "infra" / "template.yaml",
        )
        before = formation.parameters().get("CodeVersion")
        if before not in (None, version):
            say("The services' code or parameters have changed: replacing their workers …")
            self._settle(say)
        elif before is None:
            say("Creating the stack from infra/template.yaml …")
        outputs = formation.ensure(
            {
                "Target": "embedded",
                "BucketName": BUCKET,
                "SiteUrl": f"http://localhost:{self._process.port}/{BUCKET}/",
                "CodeVersion": version,
                # Each is a process here; the template's default is for a data centre.
                "ThumbnailerConcurrency": str(max(2, os.cpu_count() or 2)),
                **given,
            }
        )
        deployment = Deployment.from_outputs(self.name, url, REGION, outputs)
        resume(deployment.functions_client())
        return deployment, before != version

    def _settle(self, say: Say) -> bool:
        """Hand no more messages to the functions, and let them finish what they have; whether
        they have.

        A message that is in flight when its function or MiniStack ends stays hidden for the
        rest of its visibility timeout, which is many minutes.
        """
        deployment = remembered(self._home)
        if deployment is None or not self._process.answers():
            return False
        try:
            pause(deployment.functions_client())
            said = False
            until = time.monotonic() + _DRAIN_SECONDS
            while time.monotonic() < until:
                if not any(depth.in_flight for depth in depths(deployment).values()):
                    return True
                if not said:
                    say("Letting the functions finish what they have begun …")
                    said = True
                time.sleep(0.1)
        except (ClientError, BotoCoreError, Problem):
            # Whatever state it is in, it is not one to go on with.
            return False
        return False


def pause(functions: LambdaClient) -> None:
    """Hand no more messages to functions."""
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)


def resume(functions: LambdaClient) -> None:
    """Undo :func:`pause`, and mend what MiniStack makes of a mapping in a template.

    MiniStack 1.5.33 keeps a ``MaximumConcurrency`` that comes from a parameter as text, and its
    poller then compares text with a number and hands out no message at all
    (``ESM SQS poller error: '>=' not supported between instances of 'int' and 'str'``).
    """
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        most = int(mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 2))
        functions.update_event_source_mapping(
            UUID=mapping["UUID"], Enabled=True, ScalingConfig={"MaximumConcurrency": most}
        )


def code_version() -> str:
    """A digest of the services' code and of the packages it needs."""
    digest = hashlib.sha256()
    for file in _sources():
        digest.update(f"{file.name}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> list[Path]:
    found = list((homes.checkout() / "requirements").glob("*.txt"))
    for package in ("gallery", "thumbnailer", "sitegen"):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            found += [
                file
                for file in Path(folder).rglob("*")
                if file.is_file() and "__pycache__" not in file.parts
            ]
    return sorted(found)


def is_sound(deployment: Deployment) -> bool:
    """Whether the parts that make an upload reach a function are there.

    CloudFormation compares templates, not what there is, so it cannot tell.
    """
    try:
        notifications = deployment.s3().get_bucket_notification_configuration(
            Bucket=deployment.bucket
        )
        functions = deployment.functions_client()
        for name in deployment.functions.values():
            functions.get_function_configuration(FunctionName=name)
        mappings = functions.list_event_source_mappings()["EventSourceMappings"]
        depths(deployment)
    except (ClientError, BotoCoreError, Problem):
        return False
    notified = {found["QueueArn"] for found in notifications.get("QueueConfigurations", [])}
    polled = {found.get("EventSourceArn") for found in mappings}
    # Where workers follow the queues, there are no mappings.
    return len(notified) == 2 and (notified == polled or not deployment.functions)


def begin_sweep(deployment: Deployment) -> None:
    """Have everything looked at: photos that came while nothing listened, pages that another
    version of the code would make otherwise, and the first page of all."""
    deployment.functions_client().invoke(
        FunctionName=deployment.functions["thumbnailer"],
        InvocationType="Event",
        Payload=json.dumps({"safelight": "sweep"}).encode(),
    )


def await_site(deployment: Deployment) -> None:
    """Wait for the home page: ready means that its address can be opened."""
    store = deployment.store()
    page = keys.album_page("")
    until = time.monotonic() + _FIRST_PAGE_SECONDS
    while store.head(page) is None:
        if time.monotonic() > until:
            raise Problem(
                f"The stack is up, but within {_FIRST_PAGE_SECONDS} s no home page was published. "
                "`safelight logs --errors` says why."
            )
        time.sleep(0.05)
