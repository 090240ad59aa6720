"""The docker stack: an emulator in a container, and the images that go to AWS.

``MODE=lambda``: the emulator's Lambda runs the two images.  ``MODE=worker``: the two services
follow their queues themselves, as they do on a container host, and the template has no
functions.  ``EMULATOR=localstack`` runs zip functions in the images (it maps a runtime's name to
an image); ``EMULATOR=localemu`` runs them as image functions, and enforces the roles' policies.

What neither emulator does is keep anything when it stops: see :mod:`safelight.safekeeping`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import docker
from botocore.exceptions import BotoCoreError, ClientError
from docker.errors import DockerException, NotFound
from docker.models.containers import Container
from localstack_client.config import get_service_endpoint

from safelight import engine as engines
from safelight import home as homes
from safelight import images, parameters, safekeeping
from safelight import port as ports
from safelight.attachment import reattach
from safelight.compose import Compose
from safelight.embedded import await_site, begin_sweep, is_sound, pause
from safelight.formation import Formation
from safelight.home import Home, read_json, write_json
from safelight.images import Image
from safelight.problem import Problem
from safelight.queues import depths
from safelight.stack import (
    BUCKET,
    FUNCTIONS,
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

MODES = ("lambda", "worker")
EMULATORS = ("localstack", "localemu")
LABEL = "safelight.stack"
"""On a function's container: the stack it belongs to (docker-compose.yml)."""

_READY_SECONDS = 120
_HEALTHY_SECONDS = 60
_MAPPING_SECONDS = 20
_SETTLE_SECONDS = 20
# Lambda's names for the architectures, by the engine's.
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64", "x86_64": "x86_64"}


@dataclass(frozen=True)
class Choice:
    """How a docker stack runs; kept while it does.

    ``unkept``: the emulator's memory was empty and what was kept has not been put back in full.
    """

    mode: str
    emulator: str
    port: int
    registry_port: int
    unkept: bool = False


class DockerStack:
    """The docker stack of one home (see :class:`safelight.stack.Stack`)."""

    name = "docker"

    def __init__(self, home: Home, port: int | None = None) -> None:
        self._home = home
        self._port = port
        self._folder = home.path / "docker"
        self._chosen = self._folder / "choice.json"
        self._kept = self._folder / "bucket"
        self.project = project(home)

    def is_running(self) -> bool:
        """Whether the emulator's container runs."""
        choice = self._choice()
        if choice is None:
            return False
        try:
            return _is_running(self._container(engines.connect(), choice.emulator))
        except Problem:
            return False

    def emulator_log(self) -> list[str]:
        """The command that prints the emulator's log."""
        choice = self._choice()
        return ["docker", "logs", f"{self.project}-{choice.emulator if choice else EMULATORS[0]}"]

    # -- Up ------------------------------------------------------------------------------------

    def up(self, say: Say) -> Deployment:
        """See :meth:`safelight.stack.Stack.up`."""
        with self._home.alone():
            engines.require_plugin("compose")
            engine = engines.connect()
            choice = self._decide(engine)
            built = images.ensure(engine, say)
            self._require_images(engine, choice, say)
            compose = self._compose(choice, built)
            self._start(engine, compose, choice, say)
            references = self._push(engine, compose, choice, built, say)
            deployment = self._deploy_whole(engine, choice, built, references, say)
            if choice.mode == "worker":
                self._start_workers(engine, compose, say)
            remember(self._home, deployment)
            await_site(deployment)
            return deployment

    def _decide(self, engine: docker.DockerClient) -> Choice:
        """What to run: the environment's say, else what runs, else the defaults.

        Raises :class:`Problem` if that is not to be had beside what runs.
        """
        wanted = {name: os.environ.get(name, "").strip() for name in ("MODE", "EMULATOR")}
        for name, all_ in (("MODE", MODES), ("EMULATOR", EMULATORS)):
            if wanted[name] not in ("", *all_):
                raise Problem(f"{name} is {wanted[name]!r}; it is one of {', '.join(all_)}.")
        port = self._port or homes.port()
        before = self._choice()
        running = before is not None and _is_running(self._container(engine, before.emulator))
        if before is not None and running:
            for name, has, asked in (
                ("MODE", before.mode, wanted["MODE"] or before.mode),
                ("EMULATOR", before.emulator, wanted["EMULATOR"] or before.emulator),
                ("SAFELIGHT_PORT", str(before.port), str(port)),
            ):
                if has != asked:
                    raise Problem(
                        f"The docker stack is running with {name}={has}. Stop it first: "
                        f"`make down` (its photos stay), or say {name}={has}."
                    )
            return before
        self._require_own(engine)
        _require_free(port, "SAFELIGHT_PORT")
        choice = Choice(
            mode=wanted["MODE"] or MODES[0],
            emulator=wanted["EMULATOR"] or EMULATORS[0],
            port=port,
            registry_port=self._registry_port(engine, port, before),
        )
        write_json(self._chosen, asdict(choice))
        return choice

    def _choice(self) -> Choice | None:
        try:
            return Choice(**(read_json(self._chosen) or {}))
        except TypeError:
            # Nothing, or another version's.
            return None

    def _require_own(self, engine: docker.DockerClient) -> None:
        """Two checkouts have the same name for their stacks: neither may take the other's."""
        here = str(homes.checkout())
        for container in self._containers(engine, f"com.docker.compose.project={self.project}"):
            folder = container.labels.get("com.docker.compose.project.working_dir", here)
            if folder != here:
                raise Problem(
                    f"The docker stack of another checkout, {folder}, is there. Remove it there "
                    "(`make down`), or give this one a home of its own: "
                    f"SAFELIGHT_HOME={homes.checkout() / '.safelight' / 'second'}"
                )

    def _registry_port(self, engine: docker.DockerClient, port: int, before: Choice | None) -> int:
        text = os.environ.get("SAFELIGHT_REGISTRY_PORT", "").strip()
        own = self._container(engine, "registry")
        if text:
            if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
                raise Problem(f"SAFELIGHT_REGISTRY_PORT is {text!r}; it must be a port.")
            if before is None or before.registry_port != int(text) or not _is_running(own):
                _require_free(int(text), "SAFELIGHT_REGISTRY_PORT")
            return int(text)
        if before is not None and (_is_running(own) or ports.is_free(before.registry_port)):
            return before.registry_port
        # Nobody but the engine needs to know it.
        return port + 1 if port < 65535 and ports.is_free(port + 1) else ports.unused()

    def _require_images(self, engine: docker.DockerClient, choice: Choice, say: Say) -> None:
        names = images.variables()
        images.require(engine, names["REGISTRY_IMAGE"], say)
        emulator = names[f"{choice.emulator.upper()}_IMAGE"]
        if emulator == images.DEFAULTS["LOCALEMU_IMAGE"]:
            # Nobody publishes one.
            images.require_localemu(engine, say)
        else:
            images.require(engine, emulator, say)

    def _compose(self, choice: Choice, built: dict[str, Image] | None) -> Compose:
        names = images.variables()
        variables = {
            "SAFELIGHT_PROJECT": self.project,
            "SAFELIGHT_PORT": str(choice.port),
            "SAFELIGHT_REGISTRY_PORT": str(choice.registry_port),
            "SAFELIGHT_DOCKER_SOCKET": (
                engines.socket() if choice.mode == "lambda" else os.devnull
            ),
            **{name: names[name] for name in names if name != "BASE_IMAGE"},
            **{f"{image.service.upper()}_IMAGE": image.name for image in (built or {}).values()},
            **parameters.environment(parameters.kept(self._home)),
        }
        return Compose(self.project, variables, self._folder / "compose.log")

    def _start(
        self, engine: docker.DockerClient, compose: Compose, choice: Choice, say: Say
    ) -> None:
        """Have the emulator, and in Lambda mode the registry, ready to serve."""
        wanted = [choice.emulator, *(["registry"] if choice.mode == "lambda" else [])]
        if not all(_is_running(self._container(engine, name)) for name in wanted):
            say(f"Starting {_NAMES[choice.emulator]} …")
        compose.up(*wanted)
        self._await(engine, choice.emulator, lambda: _is_ready(choice.port, choice.emulator))
        if choice.mode == "lambda":
            self._await(engine, "registry", lambda: _answers(choice.registry_port, "/v2/"))

    def _await(
        self, engine: docker.DockerClient, service: str, is_ready: Callable[[], bool]
    ) -> None:
        for _ in _patience(_READY_SECONDS):
            if is_ready():
                return
            container = self._container(engine, service)
            if not _is_running(container):
                raise Problem(
                    f"{_NAMES[service]} ended at once. Its last words:\n{_last_words(container)}"
                )
        raise Problem(
            f"{_NAMES[service]} did not answer within {_READY_SECONDS} s. Its log: "
            f"`docker logs {self.project}-{service}`; then try `make down` and `make up`."
        )

    def _push(
        self,
        engine: docker.DockerClient,
        compose: Compose,
        choice: Choice,
        built: dict[str, Image],
        say: Say,
    ) -> dict[str, str]:
        """Have the images where the emulator pulls them from; their references by digest."""
        del compose
        if choice.mode != "lambda":
            return {}
        registry = f"localhost:{choice.registry_port}"
        return {
            service: images.push(engine, image, registry, say) for service, image in built.items()
        }

    def _deploy_whole(
        self,
        engine: docker.DockerClient,
        choice: Choice,
        built: dict[str, Image],
        references: dict[str, str],
        say: Say,
    ) -> Deployment:
        """Have the template's stack, whole.

        LocalStack cannot clean up behind a creation that failed, nor adopt a bucket, nor go on
        without a container that it believes in; but it forgets everything when it restarts.
        """
        why = "parts of it are missing"
        try:
            deployment = self._deploy(engine, choice, built, references, say)
            if reattach(deployment, self._home) and deployment.functions:
                # While they were off, nobody heard of anything.
                begin_sweep(deployment)
            if is_sound(deployment):
                return deployment
        except (Problem, ClientError, KeyError) as error:
            why = str(error)
        say(f"The stack is damaged ({why}). Starting {_NAMES[choice.emulator]} anew …")
        self._begin_anew(engine, choice)
        deployment = self._deploy(engine, choice, built, references, say)
        if not is_sound(deployment):
            raise Problem(
                "The stack was created but is not complete. This is a bug, please report it with "
                f"what `docker logs {self.project}-{choice.emulator}` says."
            )
        return deployment

    def _begin_anew(self, engine: docker.DockerClient, choice: Choice) -> None:
        """Restart the emulator; what is in its bucket is kept for afterwards."""
        s3 = client("s3", _endpoint(choice.port), REGION)
        try:
            if not (self._choice() or choice).unkept:
                safekeeping.save(s3, BUCKET, self._kept)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise Problem(
                    f"The photos cannot be kept: {error}. `make down PURGE=1` gives them up."
                ) from error
        # The loss is known and made good: nobody needs to be told of it.
        forget(self._home)
        container = self._container(engine, choice.emulator)
        if container is not None:
            container.restart(timeout=20)
        self._await(engine, choice.emulator, lambda: _is_ready(choice.port, choice.emulator))

    def _deploy(
        self,
        engine: docker.DockerClient,
        choice: Choice,
        built: dict[str, Image],
        references: dict[str, str],
        say: Say,
    ) -> Deployment:
        url = _endpoint(choice.port)
        formation = Formation(
            cloudformation(url, REGION),
            client("s3", url, REGION),
            STACK_NAME,
            homes.checkout() / "infra" / "template.yaml",
        )
        given = parameters.kept(self._home)
        version = parameters.version(
            "-".join(image.id.removeprefix("sha256:")[:12] for image in built.values()), given
        )
        wanted = {
            "Target": "docker",
            "Mode": choice.mode,
            "BucketName": BUCKET,
            "SiteUrl": f"http://localhost:{choice.port}/{BUCKET}/",
            "CodeVersion": version,
            # Each is a container here; the template's default is for a data centre.
            "ThumbnailerConcurrency": str(max(2, os.cpu_count() or 2)),
            **given,
        }
        if choice.emulator == "localemu" and choice.mode == "lambda":
            wanted |= {
                "ThumbnailerImageUri": references["thumbnailer"],
                "SitegenImageUri": references["sitegen"],
                "Architecture": _ARCHITECTURES[images.architecture(engine)],
            }
        before = formation.parameters()
        if not before:
            self._tell_of_loss(say)
            # Left by an emulator that was killed and started again: they listen to nobody.
            self._remove_functions(engine)
            if safekeeping.look(self._kept) is not None:
                # Written down first: an `up` that is interrupted leaves it to the next.
                write_json(self._chosen, asdict(replace(choice, unkept=True)))
            say("Creating the stack from infra/template.yaml …")
        else:
            self._refuse_killed(engine)
        if before and before.get("CodeVersion") != version:
            say("The images or parameters have changed: replacing what runs with the old ones …")
            self._settle(choice)
        deployment = Deployment.from_outputs(self.name, url, REGION, formation.ensure(wanted))
        if deployment.functions:
            _resume(deployment.functions_client())
        if (self._choice() or choice).unkept:
            self._restore(deployment, choice, say)
        if deployment.functions and before.get("CodeVersion") != version:
            # Not before: records whose originals are still to come would look forsaken.  (A
            # worker, which starts later, sweeps by itself.)
            begin_sweep(deployment)
        return deployment

    def _settle(self, choice: Choice) -> None:
        """Let the functions finish what they have, and hand them no more.

        A message that is in flight when its function is replaced stays hidden for the rest of
        its visibility timeout, which is many minutes.  (Workers finish by themselves.)
        """
        deployment = remembered(self._home)
        if deployment is None or choice.mode != "lambda":
            return
        pause(deployment.functions_client())
        for _ in _patience(_SETTLE_SECONDS):
            if not any(depth.in_flight for depth in depths(deployment).values()):
                return

    def _tell_of_loss(self, say: Say) -> None:
        """Say so if the emulator has restarted behind our back, and forgotten everything."""
        if remembered(self._home) is None:
            return
        kept = safekeeping.look(self._kept)
        since = f" since {kept.since.astimezone():%H:%M on %d %B}" if kept else ""
        say(
            "The emulator was restarted and has forgotten its bucket: it keeps nothing. Photos "
            f"that were added{since} have to be uploaded again: `make up PHOTOS=DIR`."
        )

    def _restore(self, deployment: Deployment, choice: Choice, say: Say) -> None:
        kept = safekeeping.look(self._kept)
        if kept is not None and kept.objects:
            say(f"Putting back {kept.photos} photos and what was made of them …")
            safekeeping.restore(deployment.s3(), deployment.bucket, self._kept)
        write_json(self._chosen, asdict(choice))

    def _refuse_killed(self, engine: docker.DockerClient) -> None:
        """Raise :class:`Problem` if something ended a function's container.

        LocalStack removes those that it ends itself.  Of one that was killed at work it awaits
        the answer for 15 minutes, and hands out no messages meanwhile; of one that was idle it
        tries the address, which the next container may have by then.
        """
        for container in self._containers(engine, f"{LABEL}={self.project}"):
            if container.status in ("exited", "dead"):
                raise Problem("a function's container was killed")

    def _start_workers(self, engine: docker.DockerClient, compose: Compose, say: Say) -> None:
        if not all(_is_running(self._container(engine, name)) for name in FUNCTIONS):
            say("Starting the workers …")
        compose.up(*FUNCTIONS)
        for name in FUNCTIONS:
            for _ in _patience(_HEALTHY_SECONDS):
                container = self._container(engine, name)
                health = _health(container)
                if health == "healthy":
                    break
                if container is None or health == "unhealthy" or container.status == "exited":
                    raise Problem(
                        f"The {name}'s worker is not well. Its last words:\n"
                        f"{_last_words(container)}"
                    )
            else:
                raise Problem(
                    f"The {name}'s worker has not heard from its queue within "
                    f"{_HEALTHY_SECONDS} s. Its log: `docker logs {self.project}-{name}`."
                )

    # -- Down ----------------------------------------------------------------------------------

    def down(self, say: Say, *, purge: bool) -> bool:
        """See :meth:`safelight.stack.Stack.down`."""
        with self._home.alone():
            choice = self._choice()
            if choice is None:
                if not (purge and self._folder.exists()):
                    return False
                # It is down already, but what it keeps is there.
                choice = Choice(MODES[0], EMULATORS[0], homes.port(), homes.port() + 1)
            engine = engines.connect()
            compose = self._compose(choice, None)
            running = _is_running(self._container(engine, choice.emulator))
            if running and not purge and not choice.unkept:
                self._keep(compose, choice, say)
            if running:
                say(f"Stopping {_NAMES[choice.emulator]} …")
            compose.down(volumes=purge)
            self._remove_functions(engine)
            images.forget_pushed(engine, f"localhost:{choice.registry_port}")
            forget(self._home)
            self._chosen.unlink(missing_ok=True)
            if purge:
                shutil.rmtree(self._folder)
                parameters.forget(self._home)
            return running

    def _keep(self, compose: Compose, choice: Choice, say: Say) -> None:
        """Write the bucket to a file, since the emulator keeps nothing."""
        deployment = remembered(self._home)
        if deployment is None:
            # It was never up: there is nothing yet, or what was kept is still the latest.
            return
        try:
            if choice.mode == "worker":
                compose.stop(*FUNCTIONS)
            else:
                pause(deployment.functions_client())
            say("Keeping the photos, and what was made of them …")
            safekeeping.save(deployment.s3(), deployment.bucket, self._kept)
        except (ClientError, BotoCoreError, OSError) as error:
            raise Problem(
                f"The photos cannot be kept: {error}. `make up` may mend the stack; "
                "`make down PURGE=1` stops it without keeping them."
            ) from error

    def keep(self, deployment: Deployment) -> None:
        """See :meth:`safelight.stack.Stack.keep`."""
        with self._home.alone_if_free() as alone:
            choice = self._choice()
            if not alone or choice is None or choice.unkept:
                # Who is at work there does it, or knows why not.
                return
            try:
                safekeeping.save(deployment.s3(), deployment.bucket, self._kept)
            except (ClientError, BotoCoreError, OSError) as error:
                raise Problem(
                    f"The gallery is whole, but cannot be kept for when the emulator stops: {error}"
                ) from error

    def _remove_functions(self, engine: docker.DockerClient) -> None:
        """Remove the functions' containers: the emulator does, unless it is killed."""
        for container in self._containers(engine, f"{LABEL}={self.project}"):
            try:
                container.remove(force=True)
            except NotFound:
                continue
            except DockerException as error:
                if "already in progress" not in str(error):
                    raise Problem(f"{container.name} cannot be removed: {error}") from error

    # -- Containers ----------------------------------------------------------------------------

    def functions(self) -> list[Container]:
        """The containers in which the functions run just now."""
        return self._containers(engines.connect(), f"{LABEL}={self.project}")

    def _containers(self, engine: docker.DockerClient, label: str) -> list[Container]:
        return list(engine.containers.list(all=True, filters={"label": label}, ignore_removed=True))

    def _container(self, engine: docker.DockerClient, service: str) -> Container | None:
        try:
            return engine.containers.get(f"{self.project}-{service}")
        except NotFound:
            return None


_NAMES = {"localstack": "LocalStack", "localemu": "LocalEmu", "registry": "the registry"}


def project(home: Home) -> str:
    """A name for all that belongs to the stack of this home."""
    if home.path == homes.checkout() / ".safelight":
        return "safelight"
    return f"safelight-{hashlib.sha256(str(home.path).encode()).hexdigest()[:8]}"


def _resume(functions: LambdaClient) -> None:
    """Have every mapping hand out messages."""
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        for _ in _patience(_MAPPING_SECONDS):
            state = functions.get_event_source_mapping(UUID=mapping["UUID"])["State"]
            if state not in ("Creating", "Updating", "Enabling", "Disabling"):
                break
        if state != "Enabled":
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def _require_free(port: int, variable: str) -> None:
    if ports.is_free(port):
        return
    holder = ports.holder(port)
    raise Problem(
        f"Port {port} is in use{f' by {holder}' if holder else ''}. Stop that, or choose another "
        f"port: {variable}={port + 1 if port < 65535 else port - 1} make up"
    )


def _endpoint(port: int) -> str:
    """The emulator's address.  By number, not by name: boto3 asks for buckets of an endpoint
    with a name as ``bucket.name``, which not every resolver knows."""
    # The client prefers these two, which a shell that ran `safelight env` has for another stack.
    outer = {name: os.environ.pop(name, None) for name in ("AWS_ENDPOINT_URL", "USE_SSL")}
    try:
        found = get_service_endpoint("cloudformation", f"127.0.0.1:{port}")
    finally:
        os.environ.update({name: value for name, value in outer.items() if value is not None})
    return str(found)


def _is_running(container: Container | None) -> bool:
    return container is not None and container.status == "running"


def _health(container: Container | None) -> str:
    state: dict[str, Any] = (container.attrs or {}).get("State", {}) if container else {}
    return str(state.get("Health", {}).get("Status", ""))


def _last_words(container: Container | None) -> str:
    if container is None:
        return "(its container is gone)"
    return container.logs(tail=12).decode("utf-8", "replace").rstrip() or "(it said nothing)"


def _is_ready(port: int, emulator: str) -> bool:
    """Whether the emulator answers and has run all that it runs at its start."""
    body = _get(port, f"/_{emulator}/init")
    try:
        return bool(body and json.loads(body)["completed"]["READY"])
    except (ValueError, KeyError, TypeError):
        return False


def running_emulator(deployment: Deployment) -> tuple[str, str]:
    """What emulator a Docker stack runs on, and of which version.  Raises :class:`Problem`."""
    port = urllib.parse.urlsplit(deployment.endpoint_url or "").port or homes.port()
    for emulator in EMULATORS:
        try:
            found = json.loads(_get(port, f"/_{emulator}/health") or b"{}")
        except ValueError:
            continue
        if isinstance(found, dict) and isinstance(found.get("version"), str):
            return _NAMES[emulator], found["version"]
    raise Problem(f"No emulator on port {port} says which it is. `make up` mends the stack.")


def _answers(port: int, path: str) -> bool:
    return _get(port, path) is not None


# A proxy that the environment names has nothing to do with what runs on this machine.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _get(port: int, path: str) -> bytes | None:
    try:
        with _DIRECTLY.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bytes(answer.read())
    except (OSError, ValueError):
        # A port that docker publishes answers before its container does, with nonsense.
        return None


def _patience(seconds: float) -> Iterator[None]:
    """Yield, at growing intervals, until ``seconds`` have passed."""
    until = time.monotonic() + seconds
    interval = 0.1
    yield
    while time.monotonic() < until:
        time.sleep(interval)
        interval = min(interval * 1.3, 1.0)
        yield
