"""The form of scenarios: read, written, published, explained."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import get_args

import jsonschema
import msgspec
import pytest
import yaml

from safelight import scenario as form
from safelight.scenario import UnreadableScenario, parse, read, schema, span, spoken, write

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "fixtures" / "scenarios").glob("*.yaml"))
VERBS = [kind.__struct_config__.tag for kind in get_args(form.Step)]

SHORT = """
scenario: 1
name: One photo
steps:
  - {do: put, key: photos/a/1.jpg}
"""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_scenario_is_read_written_and_read_again(file: Path) -> None:
    found = read(file)

    assert parse(write(found)) == found
    assert parse(msgspec.json.encode(found).decode()) == found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_published_schema_takes_every_scenario(file: Path) -> None:
    published = json.loads((ROOT / "docs" / "schemas" / "scenario.v1.json").read_text())

    jsonschema.validate(yaml.safe_load(file.read_text(encoding="utf-8")), published)


def test_the_published_schema_is_the_form() -> None:
    published = json.loads((ROOT / "docs" / "schemas" / "scenario.v1.json").read_text())

    assert published == json.loads(json.dumps(schema())), (
        "write it anew: safelight.scenario.schema()"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("scenario: 2\nname: x\nsteps: []", "scenario"),
        ("scenario: 1\nname: x\nsteps: [{do: fly}]", "fly"),
        ("scenario: 1\nname: x\nsteps: [{do: put}]", "key"),
        ("scenario: 1\nname: x\nsteps: [{do: put, key: a, colour: red}]", "colour"),
        ("scenario: 1\nname: x\nsteps: [{do: advance, by: soon}]", "by"),
        ("scenario: 1\nname: x\nsteps: [", "neither YAML nor JSON"),
        ("[]", "object"),
    ],
)
def test_what_is_wrong_with_a_scenario_is_said(text: str, says: str) -> None:
    with pytest.raises(UnreadableScenario, match=says):
        parse(text)


def test_a_missing_file_is_no_scenario(tmp_path: Path) -> None:
    with pytest.raises(UnreadableScenario, match="nowhere"):
        read(tmp_path / "nowhere.yaml")


def test_defaults_are_left_out() -> None:
    assert "notifications" not in write(parse(SHORT))
    assert "content" not in write(parse(SHORT))


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("15m", 900), ("2h", 7200), ("1d", 86_400)]
)
def test_spans(text: str, seconds: float) -> None:
    assert span(text) == timedelta(seconds=seconds)
    assert spoken(span(text)) == text


@pytest.mark.parametrize("verb", VERBS)
def test_every_step_is_explained_and_used(verb: str) -> None:
    page = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    used = any(f"do: {verb}" in file.read_text(encoding="utf-8") for file in FILES)

    assert f"| `{verb}` |" in page
    assert used, "no scenario shows it"


def test_every_scenario_is_listed() -> None:
    page = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")

    for file in FILES:
        if not file.stem.startswith("without-"):
            assert f"(../fixtures/scenarios/{file.name})" in page, file.name
            assert read(file).name in page, file.name
            assert read(file).about, f"{file.name} does not say what it is about"
