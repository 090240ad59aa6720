"""An image's SBOM, from an image's files that are made up."""

from __future__ import annotations

import io
import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import cyclonedx.schema
import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from safelight.sbom import _Image, _Reader, unpack, written

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: {licence}\n"
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.41-12)
Version: 2.41-12+deb13u5
Description: GNU C Library
 with a line that says
 Package: not-a-package

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
"""
WHEELS = {
    "bomFormat": "CycloneDX",
    "components": [
        {
            "name": "libwebp",
            "version": "1.6.0",
            "scope": "optional",
            "licenses": [{"license": {"id": "BSD-3-Clause"}}],
        },
        {
            "name": "pybind11",
            "scope": "excluded",
            "licenses": [{"license": {"id": "BSD-3-Clause"}}],
        },
        {"name": "libXau", "version": "1.0.9"},
    ],
}
BUNDLED = """\
Binary wheels combine several libraries.

Name: libheif
License: LGPLv3
Files: libheif.[dylib|so|dll]
  Source code: https://example.org/libheif/tree/v1.23.6

Name: MinGW-w64 runtime (Windows wheels only)
License: GPL-3.0
"""
SITE = "opt/safelight"
FILES = {
    "etc/os-release": 'PRETTY_NAME="Debian 13"\nID=debian\nVERSION_ID="13"\n',
    "var/lib/dpkg/status": STATUS,
    "usr/share/doc/libc6/copyright": "Format: x\nLicense: LGPL-2.1+\n text\nLicense: GPL-2\n",
    f"{SITE}/pillow-13.0.0.dist-info/METADATA": METADATA.format(
        name="Pillow", version="13.0.0", licence="MIT-CMU"
    ),
    f"{SITE}/pillow-13.0.0.dist-info/sboms/pillow.cdx.json": json.dumps(WHEELS),
    f"{SITE}/pillow_heif-1.8.1.dist-info/METADATA": METADATA.format(
        name="pillow_heif", version="1.8.1", licence="BSD-3-Clause"
    ),
    f"{SITE}/pillow_heif-1.8.1.dist-info/licenses/LICENSES_bundled.txt": BUNDLED,
    f"{SITE}/odd-1.dist-info/METADATA": METADATA.format(name="odd", version="1", licence="beer"),
    f"{SITE}/odd/METADATA": "not metadata of a package",
}
DIGEST = "sha256:" + "ab" * 32


@cache
def _schema() -> Draft7Validator:
    """CycloneDX's own, which the library brings along."""
    folder = Path(cyclonedx.schema.__file__).parent / "_res"
    names = ["bom-1.6", "spdx", "jsf-0.82"]
    files = [f"{name}.SNAPSHOT.schema.json" for name in names]
    found = [json.loads((folder / file).read_text(encoding="utf-8")) for file in files]
    registry: Any = Registry()
    for file, schema in zip(files, found, strict=True):
        # It is referred to by the file's name, beside the one that refers to it.
        address = urljoin(found[0]["$id"], file)
        registry = registry.with_resource(address, Resource.from_contents(schema))
    return Draft7Validator(found[0], registry=registry)


def complain(sbom: dict[str, Any]) -> None:
    """Fail unless it is what CycloneDX 1.6 says an SBOM is."""
    errors = [f"{list(error.path)}: {error.message}" for error in _schema().iter_errors(sbom)]
    assert not errors, errors[:5]


def exported(files: dict[str, str], links: dict[str, str] | None = None) -> Any:
    """A container's files as the engine exports them, in small chunks."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    raw = out.getvalue()
    return _Reader(raw[start : start + 999] for start in range(0, len(raw), 999))


@pytest.fixture
def sbom(tmp_path: Path) -> dict[str, Any]:
    """The SBOM of an image with these files."""
    unpack(exported(FILES), tmp_path)
    image = _Image("safelight/x:1", DIGEST, {"PYTHON_VERSION": "3.13.5"}, tmp_path)
    found: dict[str, Any] = json.loads(written(image))
    return found


def by_name(sbom: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Its components."""
    return {part["name"]: part for part in sbom["components"]}


def test_it_is_what_cyclonedx_says(sbom: dict[str, Any]) -> None:
    """And a wrong one would be noticed."""
    complain(sbom)
    with pytest.raises(AssertionError):
        complain({**sbom, "components": [{"name": "x"}]})


def test_everything_in_the_image_is_listed(sbom: dict[str, Any]) -> None:
    """What is not installed any more, and what only looks like a package, is not."""
    assert set(by_name(sbom)) == {"debian", "libc6", "odd", "pillow", "pillow-heif", "python"}
    assert by_name(sbom)["libc6"]["purl"] == "pkg:deb/debian/libc6@2.41-12%2Bdeb13u5?arch=amd64"
    assert by_name(sbom)["pillow"]["purl"] == "pkg:pypi/pillow@13.0.0"
    assert by_name(sbom)["python"]["version"] == "3.13.5"
    assert sbom["metadata"]["component"]["version"] == DIGEST


def test_licences_are_as_they_are_stated(sbom: dict[str, Any]) -> None:
    """By SPDX's names where they are, and in their own words where not."""
    parts = by_name(sbom)
    assert parts["pillow"]["licenses"] == [{"expression": "MIT-CMU"}]
    assert parts["odd"]["licenses"] == [{"license": {"name": "no licence"}}]
    assert {entry["license"]["name"] for entry in parts["libc6"]["licenses"]} == {
        "GPL-2",
        "LGPL-2.1+",
    }


def test_libraries_within_wheels_are_told(sbom: dict[str, Any]) -> None:
    """By the wheel's own list; what was for building only, or is of another system, is not."""
    parts = by_name(sbom)
    (webp,) = parts["pillow"]["components"]
    assert (webp["name"], webp["version"]) == ("libwebp", "1.6.0")
    (heif,) = parts["pillow-heif"]["components"]
    assert (heif["name"], heif["version"]) == ("libheif", "1.23.6")
    assert heif["licenses"] == [{"expression": "LGPL-3.0-or-later"}]


def test_no_link_of_an_image_is_followed(tmp_path: Path) -> None:
    """Nor is anything written outside of the folder."""
    inside = tmp_path / "inside"
    inside.mkdir()
    links = {"etc": str(tmp_path), "var/lib/dpkg": ".."}
    evil = {
        "etc/os-release": "ID=debian\n",
        "../../x-1.dist-info/METADATA": "evil",
        "/abs-1.dist-info/METADATA": "evil",
    }
    unpack(exported(evil, links), inside)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside"]
    assert (inside / "etc/os-release").is_file()
    assert not (inside / "etc").is_symlink()
