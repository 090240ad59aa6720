"""The licences of what Safelight stands on, and docs/licences.md held to them."""

from __future__ import annotations

import re
from email.message import Message
from importlib.metadata import Distribution
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from safelight import licences
from safelight.home import checkout
from safelight.licences import ACCEPTED, PAGE, Part, bundled, complaint, locked, spdx

WRITTEN = (checkout() / PAGE).read_text(encoding="utf-8")


def rows(page: str) -> set[str]:
    """The rows of its tables."""
    return {line for line in page.splitlines() if line.startswith("| ")}


def test_everything_may_be_used() -> None:
    """Nothing unknown, nothing that nobody has accepted, and nothing accepted in vain."""
    assert licences.complaints() == []


def test_the_page_is_true() -> None:
    """`make licences` writes it anew."""
    assert rows(licences.page()) <= rows(WRITTEN), "run `make licences`"


def test_the_page_lists_nothing_that_is_not_locked() -> None:
    """Of any platform."""
    locks = "".join(
        (checkout() / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
        for lock in ("dev", "thumbnailer", "sitegen")
    )
    names = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", locks, re.M)}
    wheels = (" pillow |", " pillow-heif |")
    listed = {line.split(" ")[1] for line in rows(WRITTEN) if not line.endswith(wheels)}
    assert len(listed) > 50
    assert listed - {"package", "library"} <= names


def test_images_are_told_apart() -> None:
    """The thumbnailer's has no Jinja2, sitegen's no Pillow."""
    assert "pillow" in locked("thumbnailer")
    assert "jinja2" not in locked("thumbnailer")
    assert "| pillow | MIT-CMU | thumbnailer |" in WRITTEN
    assert "| jinja2 | BSD-3-Clause | sitegen |" in WRITTEN


def test_every_acceptance_has_its_reason_on_the_page() -> None:
    """In words."""
    for (name, licence), why in ACCEPTED.items():
        assert f"* {name}, {licence}: {why}." in WRITTEN


@pytest.mark.parametrize(
    ("name", "licence", "may"),
    [
        ("a", "MIT", True),
        ("a", "MIT OR GPL-3.0-only", True),
        ("a", "MIT AND GPL-3.0-only", False),
        ("a", "GPL-3.0-only", False),
        ("a", "AGPL-3.0-or-later OR SSPL-1.0", False),
        ("a", "Apache-2.0 WITH LLVM-exception", True),
        ("a", "GPL-2.0-or-later WITH Classpath-exception-2.0", False),
        ("x265", "GPL-2.0-or-later", True),
        ("x264", "GPL-2.0-or-later", False),
        ("x265", "GPL-3.0-only", False),
        ("a", "no licence", False),
        ("a", "beer", False),
    ],
)
def test_what_may_be_used(name: str, licence: str, may: bool) -> None:
    """An OR is a choice, an AND is none; what is accepted is accepted by name."""
    assert (complaint(Part(name, licence)) is None) == may


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("MIT", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("GPLv2", "GPL-2.0-or-later"),
        ("Dual License", None),
        ("", None),
        ("MIT\nCopyright", None),
        ("UNKNOWN", None),
    ],
)
def test_licences_as_they_are_spelled(said: str, expected: str | None) -> None:
    """What is none is not taken for one."""
    assert spdx(said) == expected


class Installed(Distribution):
    """A package with these metadata."""

    def __init__(self, **fields: str) -> None:
        self._fields = fields

    def read_text(self, filename: str) -> str | None:
        if filename not in ("METADATA", "PKG-INFO"):
            return None
        found: Any = Message()
        found["Name"] = "example"
        for name, value in self._fields.items():
            found[name.replace("_", "-")] = value
        return str(found)

    def locate_file(self, path: Any) -> Any:
        raise NotImplementedError


def test_the_clearest_metadata_count() -> None:
    """The expression before the field before the classifier; and none of them is none."""
    mit = "License :: OSI Approved :: MIT License"
    expression = Installed(License_Expression="0BSD", License="MIT", Classifier=mit)
    assert licences.of_package(expression) == "0BSD"
    assert licences.of_package(Installed(License="Apache 2.0", Classifier=mit)) == "Apache-2.0"
    assert licences.of_package(Installed(License="see LICENSE", Classifier=mit)) == "MIT"
    assert licences.of_package(Installed(Classifier="Topic :: Multimedia")) == "no licence"


def test_what_a_wheel_says_it_bundles() -> None:
    """An unknown licence is kept as it stands, to be complained about."""
    text = (
        "Name: a\nLicense: GPLv2\nSource code: x/tree/v4.3\n\nName: b\nLicense: beer\n\nName: c\n"
    )
    assert list(bundled(text, "p")) == [
        ("4.3", Part("a", "GPL-2.0-or-later", "p")),
        (None, Part("b", "beer", "p")),
        (None, Part("c", "no licence", "p")),
    ]
