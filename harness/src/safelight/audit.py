"""Whether anything that is locked has a published advisory: ``make audit``.

pip-audit asks PyPI's advisories, and where those cannot be had OSV's.  It takes a package that
the index does not know of for harmless, so behind a mirror it calls everything clean; here
what was not looked at is a failure.  Advisories are accepted in ``requirements/audit.toml``,
each with a reason and a date.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from safelight.home import checkout
from safelight.problem import Problem

SERVICES = ("pypi", "osv")
_TIMEOUT = "20"


@dataclass(frozen=True)
class Accepted:
    """An advisory that is known, of ``package``; ``why`` it may be, and ``until`` when."""

    advisory: str
    package: str
    why: str
    until: date


@dataclass(frozen=True)
class Advisory:
    """A package that an advisory is about: its names, the first by which it is told, and the
    versions that are free of it."""

    package: str
    version: str
    names: tuple[str, ...]
    fixed: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What was looked at, how many, and what was found."""

    looked_at: int
    found: tuple[Advisory, ...]


class NotAsked(Exception):
    """A service that could not be asked, or that does not know the packages."""


Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def locks() -> list[Path]:
    """Everything that is locked."""
    return sorted((checkout() / "requirements").glob("*.txt"))


def accepted(text: str) -> list[Accepted]:
    """What ``audit.toml`` accepts.  Raises :class:`Problem` if it says so badly."""
    try:
        entries = tomllib.loads(text)["accepted"]
        found = [Accepted(**entry) for entry in entries]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise Problem(f"requirements/audit.toml is not as its comment says: {error!r}.") from error
    for entry in found:
        if not entry.why.strip() or not isinstance(entry.until, date):
            raise Problem(
                f"requirements/audit.toml: {entry.advisory} needs a reason (why) and a day (until)."
            )
    return found


def ask(run: Run, lock: Path, services: Sequence[str] = SERVICES) -> Report:
    """What the first service that can be asked knows of ``lock``.

    Raises :class:`Problem` if none can.
    """
    reasons = []
    for service in services:
        try:
            return _ask(run, lock, service)
        except NotAsked as reason:
            reasons.append(f"{service}: {reason}")
    raise Problem(
        f"Nothing is known of {lock.name}: no advisory service could be asked from here.\n  "
        + "\n  ".join(reasons)
        + "\nRun `make audit` where there is a way to PyPI's own advisories, or to OSV's."
    )


def _ask(run: Run, lock: Path, service: str) -> Report:
    done = run(
        [
            *("--disable-pip", "--require-hashes", "--requirement", str(lock)),
            *("--format", "json", "--desc", "off", "--progress-spinner", "off"),
            *("--vulnerability-service", service, "--timeout", _TIMEOUT),
        ]
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
        entries: list[dict[str, Any]] = [dict(entry) for entry in answer["dependencies"]]
    except (ValueError, KeyError, TypeError):
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise NotAsked(lines[-1][:300] if lines else f"it ended with {done.returncode}") from None
    skipped = [entry for entry in entries if "skip_reason" in entry]
    if skipped or not entries:
        first = skipped[0]["skip_reason"] if skipped else "it looked at nothing"
        raise NotAsked(f"{len(skipped)} of {len(entries)} were not looked at ({first})")
    return Report(len(entries), tuple(_found(entries)))


def _found(entries: list[dict[str, Any]]) -> Iterator[Advisory]:
    for entry in entries:
        for about in entry.get("vulns", []):
            names = (str(about["id"]), *map(str, about.get("aliases", [])))
            fixed = tuple(map(str, about.get("fix_versions", [])))
            yield Advisory(canonicalize_name(entry["name"]), str(entry["version"]), names, fixed)


def judge(found: Sequence[Advisory], known: Sequence[Accepted], today: date) -> list[str]:
    """What a person has to see to: advisories that nobody has accepted, or not for so long; and
    those that are accepted and no longer there."""
    complaints = []
    used: set[Accepted] = set()
    for advisory in found:
        told = f"{advisory.package} {advisory.version}: {', '.join(advisory.names)}"
        entry = next(
            (
                entry
                for entry in known
                if entry.advisory in advisory.names
                and canonicalize_name(entry.package) == advisory.package
            ),
            None,
        )
        if entry is None:
            cure = f"fixed in {', '.join(advisory.fixed)}" if advisory.fixed else "not fixed yet"
            complaints.append(f"{told}; {cure}")
            continue
        used.add(entry)
        if entry.until < today:
            complaints.append(f"{told}; was accepted until {entry.until}: {entry.why}")
    complaints += [
        f"{entry.advisory} of {entry.package} is accepted and not there any more: take it out"
        for entry in known
        if entry not in used
    ]
    return list(dict.fromkeys(complaints))


def tool() -> Run:
    """Runs pip-audit, from an environment of its own that is made of ``audit.txt``."""
    lock = checkout() / "requirements" / "audit.txt"
    folder = checkout() / ".safelight" / "audit"
    stamp = folder / "made-of"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    python = folder / "bin" / "python"
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != digest:
        print("Installing pip-audit …", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        command = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)]
        done = subprocess.run([str(python), *command], check=False)
        if done.returncode != 0:
            raise Problem("pip-audit could not be installed; the reason is above.")
        stamp.write_text(digest, encoding="ascii")
    return lambda arguments: subprocess.run(
        [str(python), "-m", "pip_audit", *arguments], capture_output=True, text=True, check=False
    )


def main() -> int:
    """``make audit``."""
    try:
        known = accepted((checkout() / "requirements" / "audit.toml").read_text(encoding="utf-8"))
        run = tool()
        found: list[Advisory] = []
        for lock in locks():
            # A lock without a package is a header.
            if re.search(r"^[a-zA-Z0-9]", lock.read_text(encoding="utf-8"), re.M):
                report = ask(run, lock)
                print(f"{lock.name}: {report.looked_at} packages looked at")
                found += report.found
    except Problem as problem:
        print(f"make audit: {problem}", file=sys.stderr)
        return 1
    complaints = judge(found, known, datetime.now(UTC).date())
    for line in complaints:
        print(f"make audit: {line}", file=sys.stderr)
    if complaints:
        print("make audit: `make lock UPGRADE=1` takes newer versions.", file=sys.stderr)
        return 1
    print("No advisories" + (f" but the {len(known)} that are accepted" if known else "") + ".")
    return 0


if __name__ == "__main__":
    sys.exit(main())
