"""The two services' images: named, built, pushed.  ``make images`` is this module's command.

An image's tag is a digest of all that it is made from, so an image that is there under its tag
is up to date.  What the builder makes is settled (:mod:`safelight.layers`): two builds of the
same sources on the same base give the same image.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound

from safelight import engine as engines
from safelight import layers
from safelight.home import checkout
from safelight.problem import ImageUnavailable, Problem
from safelight.stack import FUNCTIONS, Say

REPOSITORY = "safelight"
LOCAL = "local"
"""The tag that always names the newest image for this machine."""

DEFAULTS = {
    "BASE_IMAGE": "python:3.13-slim-trixie",
    "LOCALSTACK_IMAGE": "localstack/localstack:4.14.0",
    "LOCALEMU_IMAGE": "safelight/localemu:1.3.2",
    "REGISTRY_IMAGE": "registry:2",
}
"""The images that are pulled, by the variable that names another one."""

_OWN_LAYERS = 2  # Each Dockerfile's last stage copies twice: the packages, the code.
_PLATFORMS = {"amd64": "linux/amd64", "arm64": "linux/arm64", "x86_64": "linux/amd64"}

_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
# A proxy that the environment names has nothing to do with this machine's own registry.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# How pip says that it could not reach its index, and not that something else is wrong.
_NO_NETWORK = (
    "NewConnectionError",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Network is unreachable",
    "Connection refused",
    "Max retries exceeded",
)


@dataclass(frozen=True)
class Image:
    """A service's image in the engine: its ``service``, its full ``name``, its ``id``."""

    service: str
    name: str
    id: str


def variables() -> dict[str, str]:
    """The names of the images that are pulled: the environment's, else those that
    ``make offline-images`` left in ``.safelight/offline.env``, else :data:`DEFAULTS`."""
    found = {**DEFAULTS, **_offline()}
    return {name: os.environ.get(name, "").strip() or found[name] for name in DEFAULTS}


def _offline() -> dict[str, str]:
    try:
        text = (checkout() / ".safelight" / "offline.env").read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: value.strip() for name, _, value in pairs if name in DEFAULTS}


def require(engine: docker.DockerClient, name: str, say: Say) -> str:
    """The identifier of the image ``name``, pulled if the engine has none.

    Raises :class:`ImageUnavailable` if it cannot be had.
    """
    try:
        return str(engine.images.get(name).id)
    except ImageNotFound:
        say(f"Pulling {name} …")
    try:
        return str(engine.images.pull(name).id)
    except DockerException as error:
        raise ImageUnavailable(
            f"The image {name} cannot be pulled: {_reason(error)}\n"
            "Where no registry can be reached, make stand-ins for what would be pulled: "
            "`make offline-images`."
        ) from error


def refresh_base(engine: docker.DockerClient, say: Say) -> None:
    """Have the base image as its registry has it now.  A stand-in has none, and stays as it is.

    Of another architecture than the engine's own, the builder asks by itself.  Raises
    :class:`ImageUnavailable`.
    """
    name = variables()["BASE_IMAGE"]
    if "BASE_IMAGE" in _offline() and not os.environ.get("BASE_IMAGE", "").strip():
        return
    say(f"Pulling {name} …")
    try:
        engine.images.pull(name)
    except DockerException as error:
        raise ImageUnavailable(f"The image {name} cannot be pulled: {_reason(error)}") from error


def require_localemu(engine: docker.DockerClient, say: Say) -> None:
    """Have LocalEmu's image: it publishes none, so it is built.

    Raises :class:`Problem` if it cannot be.
    """
    name = DEFAULTS["LOCALEMU_IMAGE"]
    if _has(engine, name):
        return
    base = variables()["BASE_IMAGE"]
    require(engine, base, say)
    say(f"Building {name}; this takes a minute, once …")
    with tempfile.TemporaryDirectory(prefix="safelight-build-") as folder:
        _run_builder(
            "localemu",
            ["--build-arg", f"BASE_IMAGE={base}", "--tag", name],
            checkout() / "scripts" / "offline" / "localemu",
            Path(folder),
        )


def require_ministack(engine: docker.DockerClient, say: Say) -> str:
    """The name of MiniStack's image, for a rehearsal: built if it is missing or out of date.

    Raises :class:`Problem` if it cannot be.
    """
    root = checkout()
    base = variables()["BASE_IMAGE"]
    made_of = (root / "scripts/rehearsal/Dockerfile", root / "requirements/rehearsal.txt")
    known = require(engine, base, say)
    digest = hashlib.sha256(known.encode() + b"".join(file.read_bytes() for file in made_of))
    name = f"{REPOSITORY}/ministack:{digest.hexdigest()[:12]}"
    if _has(engine, name) is None:
        say(f"Building {name} …")
        with tempfile.TemporaryDirectory(prefix="safelight-build-") as folder:
            _run_builder(
                "ministack",
                [
                    *("--build-arg", f"BASE_IMAGE={base}"),
                    *("--file", str(made_of[0])),
                    *("--tag", name),
                ],
                root,
                Path(folder),
            )
    return name


def architecture(engine: docker.DockerClient) -> str:
    """The engine's own architecture, as Docker calls it."""
    return str(engine.version()["Arch"])


def ensure(
    engine: docker.DockerClient, say: Say, platform: str | None = None, *, anew: bool = False
) -> dict[str, Image]:
    """Both images, by service, built if they are missing or out of date.

    ``platform`` is such as ``linux/arm64``; the engine's own by default.  ``anew`` builds them
    whatever is there, and from nothing that the builder kept.  Raises :class:`Problem` with the
    end of the builder's own words.
    """
    return {service: build(engine, service, say, platform, anew=anew) for service in FUNCTIONS}


def build(
    engine: docker.DockerClient,
    service: str,
    say: Say,
    platform: str | None = None,
    *,
    anew: bool = False,
) -> Image:
    """One service's image, as :func:`ensure` has it."""
    lock = checkout() / ".safelight" / "images.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        # Several stacks side by side have the same images: one builds them, the others wait.
        fcntl.flock(file, fcntl.LOCK_EX)
        return _build_alone(engine, service, say, platform, anew=anew)


def _build_alone(
    engine: docker.DockerClient, service: str, say: Say, platform: str | None, *, anew: bool
) -> Image:
    native = _PLATFORMS.get(architecture(engine), f"linux/{architecture(engine)}")
    wanted = platform or native
    if wanted not in _PLATFORMS.values():
        raise Problem(f"PLATFORM is {wanted!r}; Lambda runs linux/amd64 and linux/arm64.")
    base = variables()["BASE_IMAGE"]
    build_base = base
    suffix = "" if wanted == native else f"-{wanted.removeprefix('linux/')}"
    if suffix and "BASE_IMAGE" in _offline() and not os.environ.get("BASE_IMAGE"):
        # A stand-in is one architecture's; its sibling has a name of its own.
        base = f"{base}{suffix}"
        if not _has(engine, base):
            raise Problem(
                f"There is no {base} to build on. Make it: PLATFORM={wanted} make offline-images"
            )
    # Of another architecture the engine may hold the image under the same name, or not: its name
    # has to do, and the builder finds out whether it has changed.
    known = base if suffix and base == build_base else require(engine, base, say)
    digest = _inputs_digest(service, known, wanted)
    name = f"{REPOSITORY}/{service}:{digest}{suffix}"
    found = None if anew or (suffix and base == build_base) else _has(engine, name)
    if found is None:
        say(f"Building {name} …")
        found = _build(engine, name, _Plan(service, wanted, base, build_base, anew))
        _forget_older(engine, service, name, suffix)
    _tag(engine, found, f"{REPOSITORY}/{service}", f"{LOCAL}{suffix}")
    return Image(service, name, found)


def source_tag(service: str, platform: str) -> str:
    """A digest of all that the service's image for ``platform`` is made from, the base by name.

    It takes no engine to tell, and is the same on every machine.
    """
    return _inputs_digest(service, variables()["BASE_IMAGE"], platform)


def _has(engine: docker.DockerClient, name: str) -> str | None:
    try:
        return str(engine.images.get(name).id)
    except ImageNotFound:
        return None


def _tag(engine: docker.DockerClient, image: str, repository: str, tag: str) -> None:
    if _has(engine, f"{repository}:{tag}") != image:
        engine.images.get(image).tag(repository, tag)


def _inputs_digest(service: str, base: str, platform: str) -> str:
    digest = hashlib.sha256(f"{base}\0{platform}\0".encode())
    root = checkout()
    for file in sorted(_inputs(root, service)):
        digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _inputs(root: Path, service: str) -> Iterator[Path]:
    yield root / ".dockerignore"
    yield root / "requirements" / f"{service}.txt"
    yield root / "services" / service / "Dockerfile"
    # How images are settled is part of how they are made.
    yield Path(layers.__file__)
    for folder in ("services/image", f"services/{service}/src", "libs/gallery/src"):
        for file in (root / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


@dataclass(frozen=True)
class _Plan:
    """What the builder is asked for; ``build_base`` is what its first stage runs in."""

    service: str
    platform: str
    base: str
    build_base: str
    anew: bool


def _build(engine: docker.DockerClient, name: str, plan: _Plan) -> str:
    """Build and settle one image; its identifier."""
    with tempfile.TemporaryDirectory(prefix="safelight-build-") as folder:
        made = _run_builder(plan.service, _arguments(plan), checkout(), Path(folder))
        saved = Path(folder) / "saved.tar"
        with saved.open("wb") as file:
            for chunk in engine.images.get(made).save(chunk_size=1 << 20):
                file.write(chunk)
        settled = Path(folder) / "settled.tar"
        with settled.open("w+b") as out:
            layers.settle(saved, _OWN_LAYERS, name, out)
            out.seek(0)
            engine.images.load(out)
        found = _has(engine, name)
        if found is None:
            raise Problem(f"{name} was built, but the engine did not take it. Is its disk full?")
        if made != found:
            _forget(engine, made)
    return found


def _arguments(plan: _Plan) -> list[str]:
    return [
        "--platform", plan.platform,
        "--build-arg", f"BASE_IMAGE={plan.base}",
        "--build-arg", f"BUILD_IMAGE={plan.build_base}",
        "--file", str(checkout() / "services" / plan.service / "Dockerfile"),
        *(["--no-cache"] if plan.anew else []),
    ]  # fmt: skip


def _run_builder(what: str, arguments: list[str], context: Path, folder: Path) -> str:
    """Build ``context``; the identifier of the image that came out.

    ``folder`` is for what is needed meanwhile.
    """
    engines.require_plugin("buildx")
    root = checkout()
    log = root / ".safelight" / f"build-{what}.log"
    log.parent.mkdir(exist_ok=True)
    command = [
        "docker", "buildx", "build",
        "--builder", engines.builder(),
        "--progress", "plain",
        # Lambda refuses an index of images, which the attestations would make (docker/buildx#1533).
        "--provenance=false", "--sbom=false",
        "--iidfile", str(folder / "image"),
        *_secrets(root, folder / "secrets"),
        *arguments,
    ]  # fmt: skip
    for network in ("default", "host"):
        with log.open("w+", encoding="utf-8") as output:
            done = subprocess.run(
                [*command, "--network", network, str(context)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode == 0:
            return (folder / "image").read_text(encoding="ascii").strip()
        words = log.read_text(encoding="utf-8", errors="replace")
        # A package index on this machine's loopback address is seen from its own network alone.
        if not any(sign in words for sign in _NO_NETWORK):
            break
    end = "\n".join(words.splitlines()[-15:])
    raise Problem(
        f"The image of {what} could not be built. The builder's last words:\n{end}\n"
        f"All of them are in {log.relative_to(root)}. If an image could not be pulled: "
        "`make offline-images`."
    )


def _secrets(root: Path, folder: Path) -> list[str]:
    """The arguments that let a build reach the packages that this machine reaches."""
    done = subprocess.run(
        [sys.executable, str(root / "scripts" / "offline" / "build-secrets"), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Problem(f"This machine's package settings cannot be read: {done.stderr.strip()}")
    return done.stdout.splitlines()


def _forget(engine: docker.DockerClient, name: str) -> None:
    try:
        engine.images.remove(name)
    except (APIError, ImageNotFound):
        # A container still runs it: a later build forgets it.  Or its last reference is gone.
        return


def _forget_older(engine: docker.DockerClient, service: str, name: str, suffix: str) -> None:
    """Untag the images that this one takes the place of; nobody would find them to do it."""
    for image in engine.images.list(f"{REPOSITORY}/{service}"):
        for tag in image.tags:
            own = tag.rpartition(":")[2]
            same_platform = own.endswith(suffix) if suffix else "-" not in own
            if tag != name and not own.startswith(LOCAL) and same_platform:
                _forget(engine, tag)


def push(engine: docker.DockerClient, image: Image, registry: str, say: Say) -> str:
    """Have ``image`` in ``registry`` (``host:port``) under the tag :data:`LOCAL`; its reference
    by digest."""
    repository = f"{registry}/{REPOSITORY}/{image.service}"
    before = _has(engine, f"{repository}:{LOCAL}")
    _tag(engine, image.id, repository, LOCAL)
    if before not in (None, image.id):
        forget_references(engine, before, repository)
    digest = _pushed(engine, image, repository)
    if digest is not None and _in_registry(registry, image.service) == digest:
        return f"{repository}@{digest}"
    say(f"Pushing {image.name} to {registry} …")
    for event in engine.api.push(repository, LOCAL, stream=True, decode=True):
        if "error" in event:
            raise Problem(f"{image.name} could not be pushed to {registry}: {event['error']}")
        digest = event.get("aux", {}).get("Digest", digest)
    if digest is None:
        raise Problem(f"{registry} took {image.name} but did not say under which digest.")
    return f"{repository}@{digest}"


def forget_pushed(engine: docker.DockerClient, registry: str) -> None:
    """Untag what was pushed to a registry that is no more."""
    for service in FUNCTIONS:
        repository = f"{registry}/{REPOSITORY}/{service}"
        forget_references(engine, _has(engine, f"{repository}:{LOCAL}"), repository)


def forget_references(engine: docker.DockerClient, image: str | None, repository: str) -> None:
    """Undo what made ``image`` one of ``repository``'s, by tag and by digest; the last reference
    takes the image along."""
    found = (engine.images.get(image).attrs or {}) if image else {}
    for reference in [*(found.get("RepoTags") or []), *(found.get("RepoDigests") or [])]:
        if str(reference).startswith((f"{repository}:", f"{repository}@")):
            _forget(engine, str(reference))


def _pushed(engine: docker.DockerClient, image: Image, repository: str) -> str | None:
    """The digest under which the engine last pushed the image there."""
    attributes: dict[str, Any] = engine.images.get(image.id).attrs or {}
    for reference in attributes.get("RepoDigests") or []:
        name, _, digest = str(reference).partition("@")
        if name == repository:
            return digest
    return None


def _in_registry(registry: str, service: str) -> str | None:
    """The digest that the registry has under the tag :data:`LOCAL`."""
    request = urllib.request.Request(
        f"http://{registry}/v2/{REPOSITORY}/{service}/manifests/{LOCAL}",
        method="HEAD",
        headers={"Accept": ", ".join(_MANIFESTS)},
    )
    try:
        with _DIRECTLY.open(request, timeout=10) as answer:
            return str(answer.headers["Docker-Content-Digest"])
    except OSError:
        return None


def _reason(error: DockerException) -> str:
    explanation = getattr(error, "explanation", None)
    return str(explanation or error)


def megabytes(engine: docker.DockerClient, image: Image) -> tuple[float, float]:
    """The image's size, and how much of it is above its base, in MB (of 1,000,000)."""
    found = engine.images.get(image.id)
    total = float((found.attrs or {})["Size"])
    steps = [float(step["Size"]) for step in found.history()]
    own = [size for size in steps if size > 0][:_OWN_LAYERS]
    return total / 1e6, sum(own) / 1e6


def main(arguments: list[str] | None = None) -> int:
    """``make images``."""
    parser = argparse.ArgumentParser(prog="make images", description=__doc__)
    parser.add_argument(
        "--platform",
        default=os.environ.get("PLATFORM", "").strip() or None,
        help="linux/amd64 or linux/arm64 (default: $PLATFORM, or the engine's own)",
    )
    parser.add_argument(
        "--anew",
        action="store_true",
        help="build them whatever is there, and from nothing that the builder kept",
    )
    options = parser.parse_args(arguments)
    try:
        engine = engines.connect()
        for image in ensure(engine, _print, options.platform, anew=options.anew).values():
            total, own = megabytes(engine, image)
            print(f"{image.name}  {total:.0f} MB, {own:.1f} MB above its base  {image.id}")
    except Problem as problem:
        print(f"make images: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmake images: interrupted. Run it again to go on.", file=sys.stderr)
        return 130
    return 0


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
