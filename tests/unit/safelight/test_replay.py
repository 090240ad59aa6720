"""`safelight replay` to the handler and in the simulation, from outside."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from safelight import fixtures, replay
from safelight.fixtures import load
from safelight.home import checkout
from safelight.scene import specimen

SCENARIOS = checkout() / "fixtures" / "scenarios"
KEY = "photos/lisbon/tram.jpg"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAFELIGHT_FIXTURE", "SAFELIGHT_TARGET"):
        monkeypatch.delenv(name, raising=False)


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    replay.arguments(parser)
    return replay.run(parser.parse_args([str(word) for word in words]))


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, dict[str, Any]]:
    status = run(*words, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return status, found


def written(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def notification(key: str = KEY, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2026-03-14T09:26:53.589Z",
        "eventName": name,
        "s3": {"bucket": {"name": "pictures"}, "object": {"key": key}},
    }
    return {"Records": [record]}


# Fixtures ----------------------------------------------------------------------------------


def test_the_whole_library_ends_as_its_sidecars_say(capsys: pytest.CaptureFixture[str]) -> None:
    """With the real handlers, the real darkroom and a bucket as the events claim it."""
    wrong = [name for name in fixtures.names() if run(name, "--json") != 0]

    assert not wrong, capsys.readouterr().out


def test_what_was_decided_and_what_changed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("put") == 0

    out = capsys.readouterr().out
    assert "recorded: MiniStack" in out
    assert f"created {KEY}" in out
    assert "done: ready: 1 rendition" in out
    assert "+ catalog/photos/lisbon/tram.jpg.json" in out
    assert "+ thumbs/lisbon/tram.jpg." in out
    assert out.rstrip().endswith("As expected.")


def test_the_outcome_comes_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, found = told(capsys, "poison-among-nine")

    assert status == 0
    (batch,) = found["batches"]
    decisions = [message["decision"] for message in batch["messages"]]
    assert decisions.count("done") == 9
    (poison,) = [message for message in batch["messages"] if message["decision"] == "failed"]
    assert "not JSON" in poison["why"]
    assert poison["expected"]["outcome"] == "failed"
    assert batch["answer"] == {"batchItemFailures": [{"itemIdentifier": poison["id"]}]}
    assert len([each for each in batch["changes"] if each["key"].startswith("catalog/")]) == 9
    assert found["as_expected"]


def test_an_unmet_expectation_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fixture = load("put")
    written(tmp_path / "mine.json", fixture.event)
    meta = (fixtures.library() / "put.meta.json").read_text(encoding="utf-8")
    written(tmp_path / "mine.meta.json", meta.replace('"outcome": "done"', '"outcome": "failed"'))

    assert run(tmp_path / "mine.json") == 1

    out = capsys.readouterr().out
    assert "NOT AS EXPECTED: expected: failed" in out


def test_a_batch_that_is_none_is_refused_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("no-batch") == 0
    assert "refused as a whole: no SQS event" in capsys.readouterr().out


def test_sitegen_gets_what_is_about_records(capsys: pytest.CaptureFixture[str]) -> None:
    status, found = told(capsys, "catalog-record")

    assert (status, found["function"]) == (0, "sitegen")
    changed = {each["key"] for each in found["batches"][0]["changes"]}
    assert {"albums/lisbon.html", "index.html", "catalog/albums/lisbon.json"} <= changed
    assert found["batches"][0]["sent"] == {}


# Scenes -------------------------------------------------------------------------------------


def test_an_empty_scene_has_no_photo(capsys: pytest.CaptureFixture[str]) -> None:
    status, found = told(capsys, "aws-put", "--scene", "empty")

    assert status == 0
    assert found["batches"][0]["changes"] == []


def test_a_folder_is_a_scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / KEY
    photo.parent.mkdir(parents=True)
    photo.write_bytes(specimen(KEY, "another"))
    (tmp_path / "photos" / "unrelated.jpg").write_bytes(b"")

    status, found = told(capsys, "put", "--scene", tmp_path)

    assert status == 0
    record, rendition = found["batches"][0]["changes"]
    assert record["key"] == f"catalog/{KEY}.json"
    assert rendition["before"] is None
    assert rendition["after"]["size"] > 0
    assert photo.read_bytes() == specimen(KEY, "another")


def test_no_photo_is_rejected_with_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / KEY
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"GIF89a, but not really")

    status, found = told(capsys, "put", "--scene", tmp_path)

    assert status == 0
    assert "rejected" in found["batches"][0]["messages"][0]["why"]


# What people paste ---------------------------------------------------------------------------


def test_a_pasted_event_is_unwrapped_and_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {"Messages": [{"MessageId": "m-1", "Body": json.dumps(notification())}]}

    status, found = told(capsys, written(tmp_path / "paste.txt", answer))

    assert status == 0
    assert found["is"] == [
        "the answer of `aws sqs receive-message` → a message as SQS hands it out → an S3 "
        "notification (ObjectCreated:Put)"
    ]
    assert found["bucket"] == "pictures"
    (message,) = found["batches"][0]["messages"]
    assert (message["id"], message["decision"], message["as_expected"]) == ("m-1", "done", True)


def test_standard_input_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = json.dumps(notification()).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))

    assert told(capsys, "-")[0] == 0


def test_what_fails_makes_the_status_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paste = written(tmp_path / "paste.json", {"Messages": [{"MessageId": "m", "Body": "poison"}]})

    assert run(paste) == 1

    out = capsys.readouterr().out
    assert "failed: the message's body is not JSON" in out
    assert out.rstrip().endswith("NOT DONE.")


def test_another_bucket_may_be_the_functions_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paste = written(tmp_path / "paste.json", notification())

    status, found = told(capsys, paste, "--bucket", "mine")

    assert status == 1
    assert "an event about bucket 'pictures'" in found["batches"][0]["messages"][0]["why"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("putt", "Is it put"),
        ("no-such-thing-at-all", "docs/events.md"),
        ("some/where.json", "no file"),
        ("../../etc/passwd.yaml", "no file"),
    ],
)
def test_what_is_not_there_is_refused(
    name: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = told(capsys, name)

    assert status == 2
    assert why in found["refused"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"orderId": 1}', "no event about an object in S3"),
        ('{"Records": [{"eventSource": "aws:dynamodb", "dynamodb": {}}]}', "DynamoDB"),
        ("scenario: 1\nname: x\nsteps: [{do: dance}]\n", "dance"),
        ("scenario: 1\nname: [", "neither YAML nor JSON"),
    ],
)
def test_what_is_no_event_is_refused(
    text: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(written(tmp_path / "paste", text)) == 2
    assert why in capsys.readouterr().err


def test_nothing_to_replay_and_no_such_target(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 2
    assert "docs/events.md" in capsys.readouterr().err
    monkeypatch.setenv("SAFELIGHT_TARGET", "moon")
    assert run("put") == 2
    assert "TARGET is 'moon'" in capsys.readouterr().err


def test_a_terminal_is_not_obeyed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = notification("photos/%1B%5B2J.jpg")
    event["Records"][0]["eventName"] = "ObjectCreated:\x1b[2JPut"

    run(written(tmp_path / "paste.json", event))
    run(written(tmp_path / "paste.json", {"\x1b[2J": 1}))

    output = capsys.readouterr()
    assert "\x1b" not in output.out + output.err
    assert r"photos/\x1b[2J.jpg" in output.out


# The debugger --------------------------------------------------------------------------------


def _debugged(words: list[str], keys: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "safelight", "replay", *words, "--pdb"],
        input=keys,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_debugger_stops_at_the_handlers_first_line() -> None:
    done = _debugged(["put"], "p sorted(event)\np session.service.world.store\nc\n")

    assert "handler.py" in done.stdout
    assert "['Records']" in done.stdout
    assert "MemoryStore" in done.stdout
    assert done.returncode == 0, done.stderr


def test_it_goes_all_the_way_to_the_pixels() -> None:
    done = _debugged(
        ["put"], "import thumbnailer.renditions\nb thumbnailer.renditions.develop\nc\nw\ncl 1\nc\n"
    )

    frames = [line for line in done.stdout.splitlines() if line.lstrip("> ").startswith("/")]
    assert "Breakpoint 1" in done.stdout
    assert any("renditions.py" in line and "develop()" in line for line in frames)
    assert any("reconcile.py" in line for line in frames)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "keys", ["q\n", "import thumbnailer.reconcile\nb thumbnailer.reconcile.reconcile\nc\nq\n"]
)
def test_it_may_be_left(keys: str) -> None:
    done = _debugged(["put"], keys)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr


# Scenarios -----------------------------------------------------------------------------------


def test_a_scenario_is_played_in_the_simulation(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stepping-on-each-other") == 0

    out = capsys.readouterr().out
    assert "t2: 412" in out
    assert "every law holds" in out


def test_a_planted_bug_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    status, found = told(
        capsys, SCENARIOS / "without-plus-decoding.yaml", "--without", "plus-decoding"
    )

    assert status == 1
    assert found["broken"]["law"] == "records"
    assert told(capsys, "without-plus-decoding")[0] == 0


def test_a_scenario_comes_by_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = b'{"scenario": 1, "name": "x", "steps": [{"do": "put", "key": "photos/a.jpg"}]}'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))

    status, found = told(capsys, "-")

    assert (status, found["target"], found["steps"]) == (0, "simulation", 1)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("stepping-on-each-other", "--target", "aws"), "puts and deletes objects"),
        (("stepping-on-each-other", "--without", "gravity"), "gravity"),
    ],
)
def test_what_a_scenario_cannot_be_played_on_is_said(
    words: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert why in capsys.readouterr().err


def test_a_step_that_makes_no_sense_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "scenario: 1\nname: x\nsteps: [{do: crash, worker: t1}]"

    assert run(written(tmp_path / "x.yaml", text)) == 2
    assert "step 1: no worker t1" in capsys.readouterr().err


# make ----------------------------------------------------------------------------------------


def test_make_replay_takes_names_as_they_are(tmp_path: Path) -> None:
    """Spaces, quotes and dollar signs never reach a shell's line."""
    paste = written(tmp_path / "it's a $(touch x) paste.json", notification())
    done = subprocess.run(
        ["make", "replay", f"FIXTURE={paste}", "TARGET=handler"],
        cwd=checkout(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    assert f"created {KEY}" in done.stdout
    assert not (checkout() / "x").exists()
