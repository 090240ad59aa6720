"""`safelight simulate` and `safelight minimise`, from outside."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from safelight import minimise, simulate
from safelight.problem import Problem
from safelight.scenario import read

SCENARIOS = Path(__file__).parents[3] / "fixtures" / "scenarios"

PROGRAM = """
import argparse, sys
from safelight import simulate
parser = argparse.ArgumentParser()
simulate.arguments(parser)
sys.exit(simulate.run(parser.parse_args(sys.argv[1:])))
"""


def _simulate(*words: str) -> int:
    parser = argparse.ArgumentParser()
    simulate.arguments(parser)
    return simulate.run(parser.parse_args(words))


def _minimise(*words: str) -> int:
    parser = argparse.ArgumentParser()
    minimise.arguments(parser)
    return minimise.run(parser.parse_args(words))


def _trace(hash_seed: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--seed", "7", "--steps", "400"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
    )
    return done.stdout


def test_the_same_seed_gives_the_same_trace_to_the_byte() -> None:
    first = _trace("1")

    assert first == _trace("2")
    assert first.count(b"\n") > 400
    assert b"every law holds" in first


def test_a_scenario_is_played(capsys: pytest.CaptureFixture[str]) -> None:
    assert _simulate("--scenario", str(SCENARIOS / "stepping-on-each-other.yaml")) == 0

    out = capsys.readouterr().out
    assert "t2: 412" in out
    assert "every law holds" in out


def test_a_broken_law_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(SCENARIOS / "without-last-look.yaml")

    assert _simulate("--quiet", "--scenario", file, "--without", "last-look") == 1
    assert "the law “records” is broken" in capsys.readouterr().out


def test_what_chance_finds_is_shrunk_and_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found.yaml"

    status = _simulate("--quiet", "--without", "albums-above", "--save", str(file))

    assert status == 1
    found = read(file)
    assert found.without == "albums-above"
    assert found.breaks in ("pages", "renditions")
    assert len(found.steps) <= 5
    assert _simulate("--quiet", "--scenario", str(file)) == 0
    assert str(file) in capsys.readouterr().out


def test_a_message_that_comes_too_early_is_found_by_chance(tmp_path: Path) -> None:
    """Somebody looks between the announcement and the object, and nobody comes back."""
    file = tmp_path / "found.yaml"

    assert _simulate(
        "--quiet", "--without", "early-retry", "--seed", "4", "--steps", "12000",
        "--save", str(file),
    ) == 1  # fmt: skip

    found = read(file)
    assert [msgspec.to_builtins(step)["do"] for step in found.steps] == [
        "announce", "start", "run", "put",
    ]  # fmt: skip
    assert found.breaks == "records"


def test_a_step_that_makes_no_sense_is_told(tmp_path: Path) -> None:
    file = tmp_path / "senseless.yaml"
    file.write_text("scenario: 1\nname: x\nsteps: [{do: crash, worker: t1}]")

    with pytest.raises(Problem, match="step 1: no worker t1"):
        _simulate("--scenario", str(file))


def test_an_unknown_rule_is_told() -> None:
    with pytest.raises(Problem, match="gravity"):
        _simulate("--without", "gravity")


def test_a_human_scenario_is_minimised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = tmp_path / "long.yaml"
    long.write_text(
        "scenario: 1\nname: Long\nnotifications: held\nsteps:\n"
        + "".join(f"  - {{do: put, key: photos/{n}.jpg, content: v3}}\n" for n in range(6))
        + "  - {do: deliver, key: photos/3.jpg, times: 3}\n"
        + "  - {do: start, worker: t1, service: thumbnailer}\n"
        + "  - {do: run, worker: t1, calls: 4}\n"
        + "  - {do: put, key: photos/a +.jpg}\n"
        + "  - {do: advance, by: 25h}\n"
        + "finish: tidy\n"
    )
    out = tmp_path / "short.yaml"

    assert _minimise(str(long), "--without", "plus-decoding", "--out", str(out)) == 0

    found = read(out)
    assert [step.key for step in found.steps if hasattr(step, "key")] == ["photos/a +.jpg"]
    assert (found.finish, found.notifications, found.breaks) == ("settle", "prompt", "records")
    assert "11 steps became 1" in capsys.readouterr().out


def test_what_holds_cannot_be_minimised() -> None:
    with pytest.raises(Problem, match="breaks no law"):
        _minimise(str(SCENARIOS / "conflict.yaml"))
