"""The licences of everything that Safelight stands on, and whether it may.

``make licences`` writes ``docs/licences.md`` from the metadata of what is installed, and a
test holds the page to it.  A licence that nobody has judged, or one that asks for more than a
notice, is an error until it is accepted here by name, with a reason.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from license_expression import (  # type: ignore[import-untyped]
    AND,
    OR,
    ExpressionError,
    LicenseSymbol,
    LicenseWithExceptionSymbol,
    Licensing,
    get_spdx_licensing,
)
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from safelight.home import checkout
from safelight.problem import Problem

PAGE = "docs/licences.md"

ALLOWED = frozenset(
    (
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "FTL"),
        *("IJG", "ISC", "libtiff", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0"),
        *("Unlicense", "X11", "Zlib"),
    )
)
"""Licences, as SPDX names them, that ask for a notice at most; and MPL-2.0, which asks only for
changes of its own files."""

ACCEPTED = {
    ("libheif", "LGPL-3.0-or-later"): "a shared library of its own, which can be replaced",
    ("libde265", "LGPL-3.0-or-later"): "a shared library of its own, which can be replaced",
    ("x265", "GPL-2.0-or-later"): (
        "an encoder that libheif is linked with and that Safelight never calls. No wheel without "
        "it is kept up any more. Safelight hands out no images: who hands on one that they have "
        "built does so under the GPL, with the sources that its wheel names"
    ),
}
"""What is accepted beyond :data:`ALLOWED`: a component and its licence, and why."""

# How metadata that are older than PEP 639 say it.
_SPELLED = {
    "Apache 2.0": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "The MIT License (MIT)": "MIT",
    # Of libraries within wheels.
    "GPLv2": "GPL-2.0-or-later",
    "LGPLv3": "LGPL-3.0-or-later",
}
# Whose metadata are vague: read in the licence that the package brings along.
_READ = {
    "aws-lambda-powertools": "MIT-0",
    "axe-playwright-python": "MIT AND MPL-2.0",  # the second is of axe itself, within it
    "cfn-flip": "Apache-2.0",
    "jinja2": "BSD-3-Clause",
    "mpmath": "BSD-3-Clause",
    "nodeenv": "BSD-3-Clause",
    "pycfmodel": "Apache-2.0",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "sympy": "BSD-3-Clause",
}
# The features by which Pillow says whether its wheel has what its list calls optional.
_PILLOWS = {
    "FreeType": "freetype2",
    "HarfBuzz": "harfbuzz",
    "Little CMS 2": "littlecms2",
    "OpenJPEG": "jpg_2000",
    "libavif": "avif",
    "libimagequant": "libimagequant",
    "libtiff": "libtiff",
    "libwebp": "webp",
    "libxcb": "xcb",
}
# Not in the wheel: it is taken from the system, where that has it.
_SYSTEMS = ("FriBiDi",)
NONE = "no licence"
"""Of what does not say under which licence it is."""


@dataclass(frozen=True, order=True)
class Part:
    """Something under a licence: its ``name``, its ``licence`` as an SPDX expression, and for a
    library within a wheel the package ``within`` which it lies."""

    name: str
    licence: str
    within: str = ""


@cache
def _spdx() -> Licensing:
    return get_spdx_licensing()


def of_package(distribution: Distribution) -> str:
    """The licence of an installed package, as an SPDX expression; "no licence" if it names none
    that is known here."""
    metadata: Any = distribution.metadata
    name = canonicalize_name(metadata["Name"])
    if name in _READ:
        return _READ[name]
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License :: ")
    ]
    said = [metadata.get("License-Expression"), metadata.get("License"), *classifiers]
    for text in said:
        found = spdx(text or "")
        if found is not None:
            return found
    return NONE


def spdx(text: str) -> str | None:
    """``text`` as an SPDX expression; ``None`` if it is none, however it is spelled."""
    text = _SPELLED.get(text.strip(), text.strip())
    if not text or "\n" in text:
        return None
    try:
        parsed = _spdx().parse(text, validate=True, strict=True)
    except ExpressionError:
        return None
    return str(parsed)


def complaint(part: Part) -> str | None:
    """Why ``part`` may not be used; ``None`` if it may."""
    try:
        parsed = _spdx().parse(part.licence, validate=True, strict=True)
    except ExpressionError:
        return f"{part.name}: {part.licence} is no licence that SPDX knows"
    if _may(parsed, part.name):
        return None
    return f"{part.name} is under {part.licence}, which nobody has accepted"


def _may(expression: Any, name: str) -> bool:
    if isinstance(expression, AND):
        return all(_may(argument, name) for argument in expression.args)
    if isinstance(expression, OR):
        return any(_may(argument, name) for argument in expression.args)
    if isinstance(expression, LicenseWithExceptionSymbol):
        # An exception only ever permits more.
        return _may(expression.license_symbol, name)
    assert isinstance(expression, LicenseSymbol)  # noqa: S101 - there is no other
    return expression.key in ALLOWED or (name, expression.key) in ACCEPTED


def locked(lock: str) -> list[str]:
    """The names of the packages that ``requirements/LOCK.txt`` has for this machine."""
    text = (checkout() / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    found = []
    for line in re.findall(r"^([a-zA-Z0-9].*?) *\\?$", text, re.M):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            found.append(canonicalize_name(requirement.name))
    return sorted(found)


def packages(names: Iterable[str]) -> list[Part]:
    """The installed packages with these names.  Raises :class:`Problem` for one that is not."""
    found = []
    for name in names:
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise Problem(f"{name} is locked and not installed. Run `make setup`.") from error
        found.append(Part(name, of_package(distribution)))
    return found


def within(distributions: Iterable[Distribution]) -> list[Part]:
    """The libraries that lie within the wheels of these installed packages, as far as the
    wheels tell: by an SBOM of their own (PEP 770), or by a list of what they bundle."""
    found: set[Part] = set()
    for distribution in distributions:
        name = canonicalize_name(distribution.metadata["Name"])
        for sbom in sboms(distribution):
            found |= {part for _, part in of_sbom(sbom, name)}
        text = distribution.read_text("licenses/LICENSES_bundled.txt")
        if text is not None:
            found |= {part for _, part in bundled(text, name)}
    return sorted(found)


def sboms(distribution: Distribution) -> Iterator[dict[str, Any]]:
    """The SBOMs that a package brought along."""
    # By the folder, not by RECORD: the images have none any more.
    folder = Path(str(distribution.locate_file(""))) / _folder(distribution) / "sboms"
    for file in sorted(folder.glob("*.cdx.json")):
        yield json.loads(file.read_text(encoding="utf-8"))


def _folder(distribution: Distribution) -> str:
    # Only installed ones, which lie in a folder, come here.
    path: Path = distribution._path  # type: ignore[attr-defined]
    return path.name


def of_sbom(sbom: dict[str, Any], package: str) -> Iterator[tuple[dict[str, Any], Part]]:
    """The libraries that a package's SBOM says are within its wheel: each component as it stands
    there, and the part that it is."""
    for component in sbom.get("components", []):
        stated = [entry.get("license", {}).get("id") for entry in component.get("licenses", [])]
        reference = str(component.get("bom-ref", ""))
        if component.get("scope") == "excluded" or not stated or "#c-ext/" in reference:
            # Only for building; a system's library that auditwheel copied; the package itself.
            continue
        if component.get("scope") == "optional" and not _has(package, component["name"]):
            continue
        yield component, Part(component["name"], " AND ".join(map(str, stated)), package)


def _has(package: str, library: str) -> bool:
    if package != "pillow" or library not in _PILLOWS:
        return library not in _SYSTEMS
    from PIL import features

    return bool(features.check(_PILLOWS[library]))


def bundled(text: str, package: str) -> Iterator[tuple[str | None, Part]]:
    """The parts that a wheel's ``LICENSES_bundled.txt`` names, but for those of other systems;
    each with its version, if the address of its source code tells."""
    for block in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^(Name|License|Files): (.+)$", block, re.M))
        if "Name" in fields and "Windows" not in fields["Name"]:
            licence = fields.get("License", "").strip()
            version = re.search(r"^ *Source code: .*/tree/v?([0-9][0-9.]*)$", block.strip(), re.M)
            part = Part(fields["Name"].strip(), spdx(licence) or licence or NONE, package)
            yield version[1] if version else None, part


def _shipped() -> list[Distribution]:
    names = sorted({*locked("thumbnailer"), *locked("sitegen")})
    return [importlib.metadata.distribution(name) for name in names]


def page() -> str:
    """``docs/licences.md``."""
    shipped = {service: locked(service) for service in ("thumbnailer", "sitegen")}
    both = sorted(set(shipped["thumbnailer"]) | set(shipped["sitegen"]))
    tools = [name for name in locked("dev") if name not in both]
    lines = [
        "# Licences",
        "",
        "Safelight is under the MIT licence. This page is written by `make licences` from what is",
        "installed, and a test holds it to that: a licence that is unknown, or that asks for more",
        "than a notice and is not accepted below, fails. Versions are in `requirements/*.txt`;",
        "`make sbom` lists what is really in the images, their base's Debian packages too.",
        "",
        "## In the images",
        "",
        "| package | licence | in |",
        "|---|---|---|",
    ]
    for part in packages(both):
        where = [service for service, names in shipped.items() if part.name in names]
        lines.append(f"| {part.name} | {part.licence} | {', '.join(where)} |")
    lines += ["", "Libraries within their wheels, as these tell of them:", ""]
    lines += ["| library | licence | within |", "|---|---|---|"]
    lines += [f"| {part.name} | {part.licence} | {part.within} |" for part in within(_shipped())]
    lines += ["", "Accepted beyond what asks for a notice at most:", ""]
    lines += [f"* {name}, {licence}: {why}." for (name, licence), why in sorted(ACCEPTED.items())]
    lines += ["", "## Only for development", "", "| package | licence |", "|---|---|"]
    lines += [f"| {part.name} | {part.licence} |" for part in packages(tools)]
    return "\n".join(lines) + "\n"


def complaints() -> list[str]:
    """Whatever may not be used, and what is accepted for nothing."""
    names = locked("dev")
    parts = [*packages(names), *within(_shipped())]
    found = [line for part in parts if (line := complaint(part)) is not None]
    used = {(part.name, part.licence) for part in parts}
    found += [f"{name} is accepted and not there" for name in sorted(set(ACCEPTED) - used)]
    return found


def main() -> int:
    """``make licences``."""
    try:
        text, bad = page(), complaints()
    except Problem as problem:
        print(f"make licences: {problem}", file=sys.stderr)
        return 1
    (checkout() / PAGE).write_text(text, encoding="utf-8")
    for line in bad:
        print(f"make licences: {line}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
