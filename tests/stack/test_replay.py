"""Events and scenarios on a running stack: `safelight replay --target queue`, and what
`safelight record` makes of a message that failed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from safelight import fixtures, port
from safelight.fixtures import load
from safelight.scene import specimen
from tests.stack.running import PATIENCE, Gallery, Running, started
from tests.stack.running import gallery as gallery_of

SCENARIOS = fixtures.scenario_library()


def replayed(gallery: Gallery, *words: str | Path, status: int = 0) -> dict[str, Any]:
    done = gallery.running.run("replay", *words, "--target", "queue", "--json", status=status)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_fixture_is_decided_on_by_the_stacks_own_function(gallery: Gallery) -> None:
    found = replayed(gallery, "ten-photos")

    assert found["as_expected"]
    assert found["settled"]
    assert len(found["messages"]) == 10
    assert {message["decision"] for message in found["messages"]} == {"done"}
    # The library's events are about photos that are not on this stack.
    whys = {message["why"] for message in found["messages"]}
    assert "absent, and was never recorded" in whys
    assert found["changes"] == []


def test_a_paste_is_put_on_the_queue_of_the_function_that_it_is_about(
    gallery: Gallery, tmp_path: Path
) -> None:
    (tmp_path / "paste.txt").write_text(str(load("catalog-record").event), encoding="utf-8")

    found = replayed(gallery, tmp_path / "paste.txt")

    assert found["function"] == "sitegen"
    assert found["queue"].endswith("publish")
    (message,) = found["messages"]
    assert message["decision"] == "done"
    assert found["is"] == [
        "a Python dictionary, printed → an event from SQS, as Lambda hands it to a function → an "
        "S3 notification (ObjectCreated:Put)"
    ]


def test_a_running_stacks_bucket_is_a_scene_that_is_not_touched(gallery: Gallery) -> None:
    """The handler in this process, on what really lies there."""
    key = "photos/lisbon/tram.jpg"
    gallery.put(key, specimen(key))
    try:
        gallery.running.settle()
        before = gallery.keys("")
        done = gallery.running.run("replay", "put", "--scene", "stack", "--json")
        found = json.loads(done.stdout)
        assert found["bucket"] == gallery.bucket
        assert found["batches"][0]["messages"][0]["why"] == "unchanged"
        assert found["batches"][0]["changes"] == []
        done = gallery.running.run("replay", "key-space", "--scene", "stack", "--json")
        assert json.loads(done.stdout)["batches"][0]["changes"] == []
        assert gallery.keys("") == before
    finally:
        gallery.delete(key)
        gallery.running.settle()


def test_what_only_lambda_could_hand_over_is_refused(gallery: Gallery) -> None:
    done = gallery.running.run("replay", "no-batch", "--target", "queue", status=2)

    assert "replay it to the handler" in done.stderr


def test_a_message_that_fails_is_recorded_and_stays_where_it_is(
    gallery: Gallery, tmp_path: Path
) -> None:
    """From its function's log at once, and from the dead-letter queue in the end."""
    try:
        found = replayed(gallery, "half-understood")
        (message,) = found["messages"]
        assert (message["decision"], message["as_expected"]) == ("failed", True)

        gallery.running.run("record", "--from-logs", "--message", message["id"],
                            "--out", tmp_path / "from-the-log.json")  # fmt: skip
        until = time.monotonic() + PATIENCE
        while not gallery.running.status()["queues"]["thumbnail_dlq"]["visible"]:
            assert time.monotonic() < until
            time.sleep(0.5)
        for name in ("first", "second"):
            gallery.running.run("record", "--queue", "thumbnail_dlq", "--message", message["id"],
                                "--out", tmp_path / f"{name}.json")  # fmt: skip

        bodies = []
        for name in ("from-the-log", "first", "second"):
            done = gallery.running.run("replay", tmp_path / f"{name}.json", "--json")
            told = json.loads(done.stdout)
            assert told["as_expected"]
            assert told["batches"][0]["messages"][0]["id"] == message["id"]
            (record,) = json.loads((tmp_path / f"{name}.json").read_text())["Records"]
            bodies.append(json.loads(record["body"]))
        # Not to the byte: LocalStack 4.14.0 hands a function JSON that it has written anew.
        assert bodies[0] == bodies[1] == bodies[2], "what the log holds is what was received"
        meta = json.loads((tmp_path / "first.meta.json").read_text())
        assert meta["origin"]["emulator"] in ("MiniStack", "LocalStack", "LocalEmu")
        assert gallery.running.status()["queues"]["thumbnail_dlq"]["visible"] == 1
    finally:
        gallery.running.run("redrive", "--discard")


def test_a_scenario_is_played_in_real_time(gallery: Gallery, tmp_path: Path) -> None:
    """Early, late, twice, out of order and never; what a real stack cannot do is said."""
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        "scenario: 1\nname: All sorts\nnotifications: held\ndialect: localstack\nsteps:\n"
        "  - {do: put, key: photos/replay/first light +.jpg}\n"
        "  - {do: put, key: photos/replay/first light +.jpg, content: v2}\n"
        "  - {do: put, key: photos/replay/no photo.jpg, content: REJECT}\n"
        "  - {do: put, key: photos/replay/lost.jpg}\n"
        "  - {do: deliver, key: photos/replay/first light +.jpg, newest: true, times: 2}\n"
        "  - {do: start, worker: t1, service: thumbnailer}\n"
        "  - {do: crash, worker: t1, after: put thumbs/}\n"
        "  - {do: run, worker: t1}\n"
        "  - {do: lose, key: photos/replay/lost.jpg}\n"
        "finish: replay\n"
        "expect:\n  photos:\n"
        "    photos/replay/first light +.jpg: ready\n    photos/replay/no photo.jpg: rejected\n"
        "    photos/replay/lost.jpg: ready\n"
        "  shown:\n    albums/replay.html:\n"
        "      [photos/replay/first light +.jpg, photos/replay/lost.jpg]\n"
    )

    found = replayed(gallery, scenario)

    assert found["broken"] is None
    assert [aside["number"] for aside in found["left_out"]] == [7]
    added = {change["key"] for change in found["changes"] if change["before"] is None}
    assert "catalog/photos/replay/lost.jpg.json" in added
    assert gallery.keys("photos/replay/") == []
    assert gallery.keys("thumbs/replay/") == []
    notified = gallery.s3.get_bucket_notification_configuration(Bucket=gallery.bucket)
    assert len({each["QueueArn"] for each in notified["QueueConfigurations"]}) == 2


def test_originals_that_are_there_are_not_touched(gallery: Gallery, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        "scenario: 1\nname: x\nsteps: [{do: delete, key: photos/replay-mine/1.jpg}]\n"
    )
    gallery.put("photos/replay-mine/1.jpg", b"mine")
    # What is gone before anybody looked is waited for, a minute long (rule 4).
    gallery.running.settle()
    try:
        done = gallery.running.run("replay", scenario, "--target", "queue", status=2)

        assert "photos/replay-mine/1.jpg is there already" in done.stderr
        assert gallery.keys("photos/replay-mine/") == ["photos/replay-mine/1.jpg"]
    finally:
        gallery.delete("photos/replay-mine/1.jpg")
        gallery.running.settle()


@contextmanager
def _planted(gallery: Gallery) -> Iterator[None]:
    """A stack whose thumbnailer believes at once that what is not there never will be: the rule
    `early-retry` taken out by one of its settings."""
    functions = gallery.running.client("lambda")
    (name,) = [
        function["FunctionName"]
        for function in functions.list_functions()["Functions"]
        if "thumbnailer" in function["FunctionName"]
    ]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def setting(variables: dict[str, str]) -> None:
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)

    setting({**before, "SAFELIGHT_EARLY_S": "0"})
    try:
        yield
    finally:
        setting(before)


def test_a_planted_bug_that_the_simulation_found_shows_on_the_stack(
    gallery: Gallery, tmp_path: Path
) -> None:
    """The scenario that chance found and the shrinker cut down, without the bug and with it."""
    saved = tmp_path / "found.yaml"
    text = (SCENARIOS / "without-early-retry.yaml").read_text(encoding="utf-8")
    saved.write_text(text.replace("photos/", "photos/planted/"), encoding="utf-8")

    assert replayed(gallery, saved)["broken"] is None
    with _planted(gallery):
        found = replayed(gallery, saved, "--timeout", "10", status=1)
        # A function whose settings change in the middle of a message would hide it for long.
        gallery.running.settle()
    assert found["broken"]["law"] == "records"


# A stack of their own -------------------------------------------------------------------------


@pytest.fixture
def alone(home: Path) -> Iterator[Running]:
    with started("embedded", home, port.unused()) as running:
        yield running


@pytest.mark.embedded
def test_a_replay_that_is_killed_leaves_nothing_behind_that_up_does_not_mend(
    alone: Running, tmp_path: Path
) -> None:
    """Even by a signal that nobody can hear."""
    gallery = gallery_of(alone)
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        "scenario: 1\nname: x\nnotifications: held\n"
        "steps: [{do: put, key: photos/a.jpg}, {do: advance, by: 1h}]\n"
    )
    process = subprocess.Popen(
        alone.command("replay", scenario, "--target", "queue", "--longest", "600"),
        env=alone.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "advance" in line:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()

    alone.run("up")

    gallery.put("photos/b.jpg", b"no photo")
    alone.settle()
    assert gallery.record("catalog/photos/b.jpg.json")["status"] == "rejected"


@pytest.mark.embedded
def test_a_deployed_queue_is_asked_for_first(alone: Running, tmp_path: Path) -> None:
    """Here an emulator stands in for AWS; its source, a dead letter, is never deleted."""
    exported = alone.exported()
    environment = {**alone.environment(), **exported}
    words = alone.command("replay", "put", "--target", "aws", "--stack", "safelight")

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*words, *more],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )

    unasked = run("--json")
    assert unasked.returncode == 1
    assert "nobody here to ask" in unasked.stderr
    agreed = run("--json", "--yes")
    assert agreed.returncode == 0, agreed.stderr
    found = json.loads(agreed.stdout)
    assert (found["target"], found["as_expected"]) == ("aws", True)
