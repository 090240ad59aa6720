"""`safelight doctor`: look for what could stand in the way, and say what helps."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.markup import escape

from safelight import home as homes
from safelight import port as ports
from safelight.home import Home
from safelight.problem import Problem
from safelight.screen import console
from safelight.stack import docker_trouble, has_docker_stack, of_kind, remembered
from safelight.waiting import look

_LEAST_PYTHON = (3, 11)
_LEAST_DISK = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """Something looked at.  ``fix`` is empty where it is in order; ``optional`` is something
    that Safelight does without."""

    name: str
    what: str
    fix: str = ""
    optional: bool = False


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    del parser


def run(options: argparse.Namespace) -> int:
    """Do it."""
    del options
    bad = 0
    for finding in examine():
        if not finding.fix:
            mark, style = "ok", "green"
        elif finding.optional:
            mark, style = "--", "yellow"
        else:
            mark, style = "!!", "red"
            bad += 1
        console.print(f"[{style}]{mark}[/{style}] {escape(f'{finding.name}: {finding.what}')}")
        if finding.fix:
            console.print(escape(f"   → {finding.fix}"))
    return 1 if bad else 0


def examine() -> Iterator[Finding]:
    """Everything that is looked at, one after the other."""
    checks: tuple[Callable[[], Finding], ...] = (
        _python,
        _packages,
        _codecs,
        _disk,
        _docker,
        _aws_cli,
        _git,
        _port,
        _stack,
    )
    for check in checks:
        yield check()


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _LEAST_PYTHON:
        return Finding("Python", version, "Safelight needs 3.11 or later; then `make setup`.")
    if sys.prefix == sys.base_prefix:
        return Finding(
            "Python",
            f"{version}, outside the project's virtual environment",
            "run `make setup`, and .venv/bin/safelight instead of another one.",
        )
    return Finding("Python", f"{version} in {sys.prefix}")


def _packages() -> Finding:
    names = ("ministack", "boto3", "Pillow", "pillow-heif", "Jinja2", "rich")
    missing = []
    for name in names:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    missing += [
        name
        for name in ("gallery", "thumbnailer", "sitegen")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        return Finding("Packages", f"missing: {', '.join(missing)}", "run `make setup`.")
    return Finding("Packages", f"MiniStack {importlib.metadata.version('ministack')}")


def _codecs() -> Finding:
    from PIL import features

    missing = [
        name
        for name, feature in (("JPEG", "jpg"), ("PNG", "zlib"), ("WebP", "webp"), ("AVIF", "avif"))
        if not features.check(feature)
    ]
    try:
        import pillow_heif

        heif = bool(pillow_heif.libheif_info()["HEIF"])
    except (ImportError, OSError, KeyError):
        heif = False
    missing += [] if heif else ["HEIC"]
    if missing:
        return Finding(
            "Codecs",
            f"no {', '.join(missing)}",
            "reinstall the locked wheels: rm -r .venv && make setup",
        )
    return Finding("Codecs", "JPEG, PNG, WebP, AVIF, HEIC")


def _disk() -> Finding:
    folder = Home.here().path
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    what = f"{free / 1024**3:.1f} GiB free in {folder}"
    if free < _LEAST_DISK:
        return Finding("Disk", what, "the stack keeps a copy of each photo: make room for them.")
    return Finding("Disk", what)


def _docker() -> Finding:
    if not has_docker_stack():
        return Finding("Docker", "not used by this Safelight")
    why_not = docker_trouble()
    if why_not is not None:
        return Finding(
            "Docker",
            why_not,
            "start the engine for `make up STACK=docker`; the embedded stack needs none.",
            optional=True,
        )
    return Finding("Docker", "an engine answers")


def _aws_cli() -> Finding:
    found = shutil.which("aws")
    if found is None:
        return Finding(
            "AWS CLI",
            "not installed",
            "`safelight sync` does without; `aws s3 sync` needs it.",
            optional=True,
        )
    return Finding("AWS CLI", found)


def _git() -> Finding:
    if shutil.which("git") is None:
        return Finding(
            "git", "not installed", "install it to take part in the project.", optional=True
        )
    return Finding("git", "installed")


def _port() -> Finding:
    try:
        port = homes.port()
    except Problem as problem:
        return Finding("Port", "unknown", str(problem))
    home = Home.here()
    found = remembered(home)
    kind = found.stack if found else "embedded"
    if of_kind(kind, home).is_running():
        return Finding("Port", f"{port}: the {kind} stack runs")
    if not ports.is_free(port):
        holder = ports.holder(port)
        return Finding(
            "Port",
            f"{port} is in use" + (f" by {holder}" if holder else ""),
            f"stop that, or choose another: SAFELIGHT_PORT={port + 1} make up",
        )
    return Finding("Port", f"{port} is free")


def _stack() -> Finding:
    home = Home.here()
    found = remembered(home)
    if found is None or not of_kind(found.stack, home).is_running():
        crashed = found is not None
        return Finding(
            "Stack",
            "was started, and is not running" if crashed else "not running",
            "`make up` starts it.",
            optional=not crashed,
        )
    try:
        state = look(found)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return Finding("Stack", f"{found.stack}: {error}", "`make up` mends it.")
    if state.dead:
        return Finding(
            "Stack",
            f"{found.stack}: {len(state.dead)} dead letters or more",
            "`safelight logs --errors` shows why; `safelight redrive` tries again.",
        )
    if not state.is_settled:
        return Finding("Stack", f"{found.stack}: at work, {state.waiting} messages to go")
    return Finding("Stack", f"{found.stack}: at rest, {state.survey.ready} photos shown")
