"""What is in each service's image: a software bill of materials, as CycloneDX has it.

``make sbom`` writes one for each image.  It is read from the image's own files, of which none
is run: the metadata of the Python packages, the libraries that their wheels say they hold,
Debian's list of what is installed with its copyright files, and the interpreter.  So it tells
what is there, whatever the Dockerfile meant; and of one image it is the same each time.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import sys
import tarfile
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path
from typing import IO, Any, cast

import docker
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from safelight import engine as engines
from safelight import images, licences
from safelight.home import checkout
from safelight.problem import Problem

FOLDER = ".safelight/sbom"

# What is read, by where it lies in an image.
_WANTED = re.compile(
    r"(?:.*/)?[^/]+\.dist-info/(?:METADATA|licenses/LICENSES_bundled\.txt|sboms/[^/]+)"
    r"|usr/share/doc/[^/]+/copyright"
    r"|var/lib/dpkg/status"
    r"|(?:etc|usr/lib)/os-release"
)
_LARGEST = 16 * 1024 * 1024
# Of an image's settled layers (see safelight.layers), and so of what is written about it.
_MADE = datetime(1980, 1, 1, tzinfo=UTC)


class _Image:
    """What of an image is needed: its name, its identifier, the environment it sets, and its
    files of interest in a folder."""

    def __init__(self, name: str, digest: str, environment: dict[str, str], root: Path) -> None:
        self.name = name
        self.digest = digest
        self.environment = environment
        self.root = root

    def text(self, path: str) -> str:
        """A file's text; empty if there is none."""
        file = self.root / path
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def of(engine: docker.DockerClient, image: images.Image) -> str:
    """The SBOM of a service's image, as CycloneDX JSON."""
    # By its identifier: another build may have taken its name meanwhile.
    found = engine.images.get(image.id)
    attributes: dict[str, Any] = found.attrs or {}
    pairs = (line.partition("=") for line in attributes["Config"].get("Env") or [])
    environment = {key: value for key, _, value in pairs}
    # Made, never started: its files are all that is asked for.  So any architecture will do.
    container = engine.containers.create(found, command=["none"])
    try:
        with tempfile.TemporaryDirectory(prefix="safelight-sbom-") as folder:
            # They are bytes, whatever the types of the client say.
            chunks = cast("Iterable[bytes]", container.export())
            unpack(cast("IO[bytes]", _Reader(chunks)), Path(folder))
            return written(_Image(image.name, str(found.id), environment, Path(folder)))
    finally:
        container.remove()


class _Reader:
    """Chunks of bytes, read as a file."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; none at the end."""
        while len(self._rest) < size and (chunk := next(self._chunks, None)) is not None:
            self._rest += chunk
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def unpack(stream: IO[bytes], folder: Path) -> None:
    """Put what is wanted of an exported image's files into ``folder``.

    Written as plain files under names that were matched: no link of the image is followed.
    """
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            path = os.path.normpath(member.name)
            if not member.isreg() or member.size > _LARGEST or not _WANTED.fullmatch(path):
                continue
            if path.startswith(("/", "..")):
                continue
            content = archive.extractfile(member)
            if content is not None:
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())


def written(image: _Image) -> str:
    """The SBOM of ``image``."""
    whole = Component(
        name=image.name.partition(":")[0],
        version=image.digest,
        type=ComponentType.CONTAINER,
        bom_ref="image",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=image.digest.removeprefix("sha256:"))],
    )
    parts = [*_interpreter(image), *_system(image), *_debian(image), *_python(image)]
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, image.digest),
        metadata=BomMetaData(component=whole, timestamp=_MADE),
        components=parts,
        dependencies=[
            Dependency(whole.bom_ref, [Dependency(part.bom_ref) for part in parts]),
            *(Dependency(part.bom_ref) for part in parts),
        ],
    )
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _interpreter(image: _Image) -> Iterator[Component]:
    # Where the base is Python's own image, which is none of Debian's packages.
    version = image.environment.get("PYTHON_VERSION")
    if version:
        yield Component(
            name="python",
            version=version,
            type=ComponentType.APPLICATION,
            bom_ref=f"python@{version}",
            licenses=[DisjunctiveLicense(id="PSF-2.0")],
            purl=PackageURL("generic", None, "python", version),
        )


def _system(image: _Image) -> Iterator[Component]:
    text = image.text("etc/os-release") or image.text("usr/lib/os-release")
    fields = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', text, re.M))
    if "ID" in fields:
        yield Component(
            name=fields["ID"],
            version=fields.get("VERSION_ID"),
            description=fields.get("PRETTY_NAME"),
            type=ComponentType.OPERATING_SYSTEM,
            bom_ref=f"system:{fields['ID']}",
        )


def _debian(image: _Image) -> Iterator[Component]:
    for block in re.split(r"\n\s*\n", image.text("var/lib/dpkg/status")):
        fields = HeaderParser().parsestr(block)
        if not str(fields.get("Status", "")).endswith(" installed"):
            continue
        name, version = str(fields["Package"]), str(fields["Version"])
        architecture = str(fields["Architecture"])
        source = str(fields.get("Source", name)).partition(" ")[0]
        purl = PackageURL("deb", "debian", name, version, {"arch": architecture})
        stated = re.findall(
            r"^License:[ \t]*(\S.*?)[ \t]*$", image.text(f"usr/share/doc/{name}/copyright"), re.M
        )
        yield Component(
            name=name,
            version=version,
            bom_ref=purl.to_string(),
            purl=purl,
            # Debian's names for licences are not SPDX's.
            licenses=[DisjunctiveLicense(name=text) for text in sorted(set(stated))],
            properties=[Property(name="debian:source", value=source)],
        )


def _python(image: _Image) -> Iterator[Component]:
    folders = sorted({path.parent for path in image.root.rglob("*.dist-info")})
    for folder in folders:
        found = importlib.metadata.distributions(path=[str(folder)])
        for distribution in sorted(found, key=lambda one: str(one.metadata["Name"]).lower()):
            name = canonicalize_name(distribution.metadata["Name"])
            place = f"/{folder.relative_to(image.root).as_posix()}"
            purl = PackageURL("pypi", None, name, distribution.version)
            reference = f"{purl.to_string()}#{place}"
            yield Component(
                name=name,
                version=distribution.version,
                bom_ref=reference,
                purl=purl,
                licenses=_licences(licences.of_package(distribution)),
                components=list(_within(distribution, name, reference)),
                properties=[Property(name="safelight:place", value=place)],
            )


def _within(
    distribution: importlib.metadata.Distribution, name: str, reference: str
) -> Iterator[Component]:
    """The libraries within a package's wheel."""
    for sbom in licences.sboms(distribution):
        for stated, part in licences.of_sbom(sbom, name):
            yield Component(
                name=part.name,
                version=stated.get("version"),
                bom_ref=f"{reference}/{part.name}",
                licenses=_licences(part.licence),
            )
    text = distribution.read_text("licenses/LICENSES_bundled.txt")
    for version, part in licences.bundled(text, name) if text else ():
        yield Component(
            name=part.name,
            version=version,
            bom_ref=f"{reference}/{part.name}",
            licenses=_licences(part.licence),
        )


def _licences(expression: str) -> list[License]:
    if licences.spdx(expression) is None:
        return [DisjunctiveLicense(name=expression)]
    return [LicenseExpression(expression)]


def main(arguments: list[str] | None = None) -> int:
    """``make sbom``."""
    parser = argparse.ArgumentParser(prog="make sbom", description=__doc__)
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help=f"where to write them (default: {FOLDER} in the checkout)",
    )
    parser.add_argument(
        "--platform",
        default=os.environ.get("PLATFORM", "").strip() or None,
        help="linux/amd64 or linux/arm64 (default: $PLATFORM, or the engine's own)",
    )
    options = parser.parse_args(arguments)
    folder = options.out or checkout() / FOLDER
    try:
        engine = engines.connect()
        folder.mkdir(parents=True, exist_ok=True)
        for service, image in images.ensure(engine, _print, options.platform).items():
            text = of(engine, image)
            path = folder / f"{service}.cdx.json"
            path.write_text(text, encoding="utf-8")
            print(f"{path}  of {image.name}, {image.id}")
    except Problem as problem:
        print(f"make sbom: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmake sbom: interrupted. Run it again.", file=sys.stderr)
        return 130
    return 0


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
