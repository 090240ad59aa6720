"""Parameters of the template on a local stack: checked before anything starts, and kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from safelight import parameters
from safelight.home import Home, checkout
from safelight.problem import Problem


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_they_are_kept_until_they_are_set_otherwise(home: Home) -> None:
    """Each `up` lays what it is given over what there is; NAME= goes back to the default."""
    assert parameters.kept(home) == {}
    parameters.keep(home, parameters.asked(["Originals=stripped", "KeepLocation=true"]))
    parameters.keep(home, parameters.asked([]))
    assert parameters.kept(home) == {"Originals": "stripped", "KeepLocation": "true"}
    parameters.keep(home, parameters.asked(["Originals=private", "KeepLocation="]))
    assert parameters.kept(home) == {"Originals": "private"}
    parameters.forget(home)
    parameters.forget(home)
    assert parameters.kept(home) == {}


def test_make_gives_them_in_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a shell's quotes where a value has spaces; an option is stronger."""
    monkeypatch.setenv("SAFELIGHT_PARAMETERS", "Originals=private SweepSchedule='rate(1 hour)'")
    found = {"Originals": "private", "SweepSchedule": "rate(1 hour)"}
    assert parameters.asked(None) == found
    assert parameters.asked(["Originals=public"]) == {"Originals": "public"}
    monkeypatch.setenv("SAFELIGHT_PARAMETERS", "Originals='private")
    with pytest.raises(Problem, match="PARAMETERS is"):
        parameters.asked(None)
    monkeypatch.delenv("SAFELIGHT_PARAMETERS")
    assert parameters.asked(None) == {}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("Originals", "write Name=value"),
        ("originals=private", "Is it Originals?"),
        ("Location=true", "There are: .*KeepLocation"),
        ("BucketName=mine", "set by the stack itself"),
        ("Originals=privat", "one of public, stripped, private"),
        ("RenditionQuality=96", "from 1 to 95"),
        ("RenditionQuality=high", "must be a number"),
        ("RenditionEdges=wide", "must look like"),
    ],
)
def test_what_cannot_be_is_told_at_once(given: str, says: str) -> None:
    with pytest.raises(Problem, match=says):
        parameters.asked([given])


def test_what_the_stacks_set_themselves_is_in_the_template() -> None:
    text = (checkout() / "infra" / "template.yaml").read_text(encoding="utf-8")
    for name in parameters.OWN:
        assert re.search(rf"^  {name}:$", text, re.M), name


def test_other_parameters_make_another_version() -> None:
    """Warm workers have the former ones in their environment."""
    plain = parameters.version("abc", {})
    other = parameters.version("abc", {"Originals": "private"})
    assert plain == "abc"
    assert other != plain
    assert parameters.version("abc", {"Originals": "stripped"}) not in (plain, other)
    assert re.fullmatch("[0-9A-Za-z.-]*", other), "the template's pattern for CodeVersion"


def test_workers_in_containers_are_told_too() -> None:
    """docker-compose.yml passes on every variable that a function has from a parameter."""
    found = parameters.environment({"Originals": "private", "RenditionEdges": "400,800"})
    assert found["SAFELIGHT_ORIGINALS"] == "private"
    assert found["SAFELIGHT_EDGES"] == "400,800"
    assert found["SAFELIGHT_KEEP_LOCATION"] == ""
    assert "SAFELIGHT_BUCKET" not in found
    compose = yaml.safe_load((checkout() / "docker-compose.yml").read_text(encoding="utf-8"))
    services = compose["services"]
    told = services["thumbnailer"]["environment"] | services["sitegen"]["environment"]
    for name in found:
        assert str(told[name]).startswith(f"${{{name}:-"), name
    assert "SAFELIGHT_ORIGINALS" in compose["services"]["sitegen"]["environment"]
