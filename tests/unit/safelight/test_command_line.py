"""The command line, held to its documentation and the documentation to it."""

from __future__ import annotations

import argparse
import re
import subprocess

import pytest

from safelight.__main__ import VERBS, main, parser
from safelight.home import checkout

PAGE = (checkout() / "docs" / "commands.md").read_text(encoding="utf-8")
MAKEFILE = (checkout() / "Makefile").read_text(encoding="utf-8")


def _commands() -> dict[str, argparse.ArgumentParser]:
    for action in parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            found: dict[str, argparse.ArgumentParser] = dict(action.choices)
            return found
    raise AssertionError("no commands")


def _section(name: str) -> str:
    match = re.search(rf"^### `safelight {name}.*?(?=^##)", PAGE + "\n## end", re.M | re.S)
    assert match, f"docs/commands.md has no section on safelight {name}"
    return match[0]


@pytest.mark.parametrize("name", VERBS)
def test_every_command_and_option_is_documented(name: str) -> None:
    """In its own section."""
    section = _section(name)
    for action in _commands()[name]._actions:
        for option in action.option_strings:
            if option not in ("-h", "--help"):
                assert f"`{option}" in section, f"{name} {option}"


def test_every_documented_command_and_option_exists() -> None:
    """Nothing is promised that is not there."""
    documented = re.findall(r"^### `safelight ([a-z]+)", PAGE, re.M)
    assert documented == list(VERBS)
    for name in documented:
        options = {
            option for action in _commands()[name]._actions for option in action.option_strings
        }
        for option in re.findall(r"`(--?[a-z][a-z-]*)", _section(name)):
            assert option in options, f"{name} {option}"


def test_every_target_is_documented_and_told_by_make() -> None:
    """`make` alone prints each with a line."""
    targets = re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.M)
    phony = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.M)
    assert sorted(targets) == sorted(phony)
    for target in targets:
        if target != "help":
            assert f"| `make {target}" in PAGE, target
    for target in re.findall(r"^\| `make ([a-z-]+)", PAGE, re.M):
        assert target in targets, target
    told = subprocess.run(
        ["make"], cwd=checkout(), capture_output=True, text=True, check=True
    ).stdout
    for target in targets:
        assert f"make {target} " in told


def test_every_variable_is_documented() -> None:
    """Of the Makefile and of the harness."""
    variables = {"SAFELIGHT_PORT", "SAFELIGHT_HOME", "STACK", "PHOTOS", "PURGE", "PYTEST"}
    variables |= {"PARAMETERS", "REQUIRE_DOCKER", "PLATFORM", "UPGRADE", "PYTHON"}
    variables |= {"ARGS"}
    variables |= {"FIXTURE", "TARGET"}
    variables |= {"MODE", "EMULATOR", "SAFELIGHT_REGISTRY_PORT"}
    for variable in variables:
        assert f"| `{variable}" in PAGE, variable
        assert variable in MAKEFILE, variable
    for variable in re.findall(r"^\| `([A-Z_]+)", PAGE, re.M):
        assert variable in variables, variable


@pytest.mark.parametrize("name", VERBS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help works without any stack."""
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert VERBS[name].summary[1:30] in " ".join(capsys.readouterr().out.split())


def test_a_problem_is_told_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """With status 1."""
    monkeypatch.setenv("SAFELIGHT_HOME", str(tmp_path))
    assert main(["status"]) == 1
    told = capsys.readouterr().err
    assert told == "safelight: No stack is running here. Start one: `make up`.\n"
