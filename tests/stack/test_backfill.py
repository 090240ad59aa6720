"""A backfill of a running stack: killed in the middle, it goes on and leaves nothing out."""

from __future__ import annotations

import subprocess
import time

from safelight.home import read_json
from tests.stack.photograph import photograph
from tests.stack.running import PATIENCE, Gallery

COUNT = 30


def test_a_backfill_that_is_killed_goes_on(gallery: Gallery) -> None:
    """And what was recorded already is as it was."""
    running = gallery.running
    for number in range(COUNT):
        gallery.put(f"photos/backfilled/{number:02}.jpg", photograph(90, 60, seed=number))
    running.settle()
    before = {key: gallery.record(key) for key in gallery.keys("catalog/photos/backfilled/")}

    arguments = ("backfill", "--prefix", "backfilled/", "--rate", "5")
    with subprocess.Popen(
        running.command(*arguments), env=running.environment(), stderr=subprocess.DEVNULL
    ) as process:
        hinted = _begun(gallery)
        process.kill()
    assert 0 < hinted < COUNT
    again = running.run(*arguments[:-1], "1000")
    assert "Going on where it was" in again.stderr
    assert f"{COUNT} hints sent" in again.stdout
    assert not list((running.home / "backfill").iterdir())
    running.settle()
    assert {key: gallery.record(key) for key in before} == before
    assert len(before) == COUNT


def _begun(gallery: Gallery) -> int:
    """How many hints the checkpoint tells of, once it tells of any."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for file in (gallery.running.home / "backfill").glob("*.json"):
            found = read_json(file)
            if found is not None and found["progress"]["hinted"]:
                return int(found["progress"]["hinted"])
        time.sleep(0.05)
    raise AssertionError("no checkpoint was written")
