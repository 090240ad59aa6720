"""docs/environment.md, held to what the services read and to what the template sets."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import sitegen.reconcile
import thumbnailer.reconcile
from safelight.home import checkout
from safelight.template import Template
from thumbnailer.settings import Settings

ROOT = checkout()
PAGE = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
NAME = re.compile(r"\bSAFELIGHT_[A-Z][A-Z_]*[A-Z]\b")
SERVICES = ("thumbnailer", "sitegen")


def names_in(*folders: str) -> set[str]:
    """The variables named in the Python files of these folders, or in these files."""
    files: list[Path] = []
    for folder in folders:
        path = ROOT / folder
        files += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return {name for file in files for name in NAME.findall(file.read_text(encoding="utf-8"))}


def rows() -> dict[str, list[str]]:
    """The services' table: by variable, its other cells."""
    found = {}
    for line in PAGE.partition("## The tests")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `SAFELIGHT_"):
            found[cells[0].strip("` ")] = cells[1:]
    return found


def test_every_variable_that_a_service_reads_is_on_the_page() -> None:
    """And no other."""
    shared = names_in("libs/gallery/src")
    read = {service: names_in(f"services/{service}/src") for service in SERVICES}
    assert set(rows()) == shared | read["thumbnailer"] | read["sitegen"]
    for name, (by, *_) in rows().items():
        if name in shared:
            assert by == "both" or name == "SAFELIGHT_SITE_URL", name
        elif by == "both":
            assert name in read["thumbnailer"] & read["sitegen"], name
        else:
            assert [service for service in SERVICES if name in read[service]] == [by], name


def test_every_parameter_on_the_page_is_the_templates() -> None:
    """What the template sets by a parameter is said to be, and nothing else is."""
    body = Template.read().document
    set_by: dict[str, Any] = {}
    for function in ("Thumbnailer", "Sitegen"):
        variables = body["Resources"][function]["Properties"]["Environment"]["Variables"]
        set_by |= {name: value for name, value in variables.items() if name in rows()}
    for name, cells in rows().items():
        named = re.findall(r"`([A-Z][A-Za-z]+)`", cells[3]) if name in set_by else []
        value = set_by.get(name)
        if isinstance(value, dict) and value.get("Ref") in body["Parameters"]:
            assert named == [value["Ref"]], name
        assert all(one in body["Parameters"] for one in named), name


def test_every_duration_has_the_default_that_the_page_says() -> None:
    """In seconds."""
    terms: dict[str, timedelta] = {}
    for one in (thumbnailer.reconcile.Terms(), sitegen.reconcile.Terms()):
        for field in fields(one):
            value = getattr(one, field.name)
            assert terms.setdefault(field.name, value) == value
    said = {
        name.removeprefix("SAFELIGHT_").removesuffix("_S").lower(): cells[1].strip("`")
        for name, cells in rows().items()
        if name.endswith("_S")
    }
    assert said == {name: f"{span.total_seconds():.0f}" for name, span in terms.items()}


def test_every_setting_has_the_default_that_the_page_says() -> None:
    """As the settings would read it."""
    said = {
        name: cells[1].strip("`")
        for name, cells in rows().items()
        if cells[0] == "thumbnailer" and not name.endswith(("_S", "_ID"))
    }
    said["SAFELIGHT_ORIGINALS"] = rows()["SAFELIGHT_ORIGINALS"][1].strip("`")
    assert len(said) > 5
    assert Settings.from_env(said) == Settings()


@pytest.mark.parametrize(
    "place", ["harness/src", "tests", "bench", "Makefile", "docker-compose.yml"]
)
def test_every_other_variable_is_documented_too(place: str) -> None:
    """With the commands, with Docker, with the tests."""
    pages = ("docs/commands.md", "docs/docker.md", "docs/environment.md")
    known: set[str] = set()
    for page in pages:
        known |= set(NAME.findall((ROOT / page).read_text(encoding="utf-8")))
    assert names_in(place) - known == set()
