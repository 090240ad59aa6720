"""The embedded stack's life: started, stopped, crashed, interrupted, in somebody's way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import piexif
import pytest

from safelight import embedded
from safelight import port as ports
from safelight.embedded import EmbeddedStack
from safelight.home import Home, read_json
from tests.stack.photograph import photograph
from tests.stack.running import Gallery, Running, gallery, hear_interrupts, started

pytestmark = pytest.mark.embedded


def _pid(home: Path) -> int:
    about = read_json(home / "embedded" / "process.json")
    assert about is not None
    return int(about["pid"])


def test_up_again_is_no_harm_and_down_keeps_the_photos(home: Path) -> None:
    """The same process; and after a stop the same photos, whose changes are still followed."""
    with started("embedded", home, ports.unused()) as running:
        here = gallery(running)
        here.put("photos/kept/a.jpg", photograph(seed=40))
        running.settle()
        pid = _pid(home)
        running.run("up")
        assert _pid(home) == pid
        images = running.page(here.url("albums/kept.html")).images

        running.run("down")
        assert "No stack is running" in running.run("status", status=1).stderr
        assert "No stack was running" in running.run("down").stderr
        running.run("up")
        assert _pid(home) != pid
        running.settle()
        assert running.page(here.url("albums/kept.html")).images == images
        here.put("photos/kept/b.jpg", photograph(seed=41))
        running.settle()
        page = running.page(here.url("albums/kept.html"))
        assert here.originals_on(page) == {"photos/kept/a.jpg", "photos/kept/b.jpg"}

        running.run("down", "--purge")
        assert not (home / "embedded").exists()
        running.run("up")
        assert running.status()["photos"]["total"] == 0


def test_messages_survive_a_stop(home: Path) -> None:
    """What nobody has worked on yet when it is stopped is worked on after the next start."""
    with started("embedded", home, ports.unused()) as running:
        here = gallery(running)
        embedded.pause(running.client("lambda"))
        here.put("photos/later/a.jpg", photograph(seed=42))
        queue = running.status()["queues"]["thumbnail"]["url"]
        assert _arrives(running, queue)
        running.run("down")
        running.run("up")
        running.settle()
        page = running.page(here.url("albums/later.html"))
        assert here.originals_on(page) == {"photos/later/a.jpg"}


def _arrives(running: Running, queue: str) -> bool:
    del queue
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if running.status()["queues"]["thumbnail"]["visible"]:
            return True
    return False


def test_a_crash_loses_no_photo(home: Path) -> None:
    """Killed with messages waiting, which are lost: `up` makes everything but the photos anew,
    and finds those that nothing was made of."""
    with started("embedded", home, ports.unused()) as running:
        here = gallery(running)
        here.put("photos/crash/before.jpg", photograph(seed=43))
        running.settle()
        embedded.pause(running.client("lambda"))
        here.put("photos/crash/after.jpg", photograph(seed=44))
        os.kill(_pid(home), signal.SIGKILL)
        told = running.run("status", status=1)
        assert "is not running any more" in told.stderr
        running.run("up")
        running.settle()
        page = running.page(here.url("albums/crash.html"))
        assert here.originals_on(page) == {"photos/crash/before.jpg", "photos/crash/after.jpg"}
        here.put("photos/crash/later.jpg", photograph(seed=45))
        running.settle()


def test_what_visitors_may_take_is_a_parameter_and_a_setting(home: Path) -> None:
    """Set on `up` and kept by the next; the settings file alone changes every page too."""
    with started("embedded", home, ports.unused()) as running:
        here = gallery(running)
        photo = photograph(seed=48, located=True, orientation=6)
        here.put("photos/private/a.jpg", photo)
        running.settle()
        assert running.status()["photos"]["public_with_location"] == 1
        assert "1 public originals carry a location" in running.run("status").stdout
        page = here.url("albums/private.html")
        assert here.originals_on(running.page(page)) == {"photos/private/a.jpg"}

        here.put("photos/safelight.yaml", b"originals: stripped")
        running.settle()
        assert not here.originals_on(running.page(page))
        record = here.record("catalog/photos/private/a.jpg.json")
        copy = running.get(here.url(record["stripped"]["key"]))
        assert copy.headers["content-type"] == "image/jpeg"
        found = piexif.load(copy.body)
        assert (found["GPS"], found["0th"][piexif.ImageIFD.Orientation]) == ({}, 6)
        assert copy.body.endswith(photo[photo.index(b"\xff\xda") :])
        assert any(record["stripped"]["key"] in link for link in links_of(running, here, page))
        assert "cannot shut its door" in running.run("status").stdout.replace("\n", " ")

        refused = running.run("up", "--parameter", "Originals=secret", status=1)
        assert "public, stripped, private" in refused.stderr
        running.run("up", "--parameter", "Originals=private", "--parameter", "RenditionEdges=300")
        running.settle()
        status = running.status()
        assert status["originals"]["effective"] == "private"
        assert status["photos"]["public_with_location"] == 0
        record = here.record("catalog/photos/private/a.jpg.json")
        assert "stripped" not in record
        assert [each["height"] for each in record["renditions"]] == [300]
        assert record["renditions"][0]["key"] in links_of(running, here, page)

        running.run("down")
        running.run("up")
        running.settle()
        assert running.status()["originals"]["template"] == "private"
        assert here.record("catalog/photos/private/a.jpg.json") == record
        running.run("up", "--parameter", "Originals=", "--parameter", "RenditionEdges=")
        here.delete("photos/safelight.yaml")
        running.settle()
        assert here.originals_on(running.page(page)) == {"photos/private/a.jpg"}


def links_of(running: Running, here: Gallery, page: str) -> set[str]:
    """The keys of all that a page links."""
    return {here.key_of(link) for link in running.page(page).links}


def test_another_port_keeps_the_photos(home: Path) -> None:
    """Queues are known by addresses with the port in them; photos are not."""
    with started("embedded", home, ports.unused()) as running:
        here = gallery(running)
        here.put("photos/moved/a.jpg", photograph(seed=46))
        running.settle()
        elsewhere = Running("embedded", home, ports.unused())
        told = elsewhere.run("up", status=1)
        assert f"SAFELIGHT_PORT={running.port}" in told.stderr
        running.run("down")
        elsewhere.run("up")
        moved = gallery(elsewhere)
        assert f":{elsewhere.port}/" in moved.home_page
        moved.put("photos/moved/b.jpg", photograph(seed=47))
        elsewhere.settle()
        page = elsewhere.page(moved.url("albums/moved.html"))
        assert moved.originals_on(page) == {"photos/moved/a.jpg", "photos/moved/b.jpg"}


def test_a_port_in_use_is_named_with_its_holder(home: Path) -> None:
    """The error says which port, who has it, and which variable chooses another."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        running = Running("embedded", home, port)
        told = running.run("up", status=1).stderr
        assert f"Port {port} is in use" in told
        assert f"SAFELIGHT_PORT={port + 1}" in told
        if Path("/proc/net/tcp").exists():
            assert f"pid {os.getpid()}" in told
        assert f"{port} is in use" in running.run("doctor", status=1).stdout
    assert not (home / "stack.json").exists()


@pytest.mark.parametrize("moment", [0.5, 1.5])
def test_an_interrupted_up_is_mended_by_the_next(home: Path, moment: float) -> None:
    """Ctrl-C at any moment leaves nothing half-made that `up` does not mend."""
    running = Running("embedded", home, ports.unused())
    try:
        process = subprocess.Popen(
            running.command("up"),
            env=running.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Whoever runs these tests in the background has made them deaf to it.
            preexec_fn=hear_interrupts,
        )
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        running.run("up")
        here = gallery(running)
        here.put("photos/interrupted/a.jpg", photograph(seed=48))
        running.settle()
    finally:
        running.run("down", "--purge", status=None)


def test_changed_code_replaces_the_workers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Warm workers keep the code they were started with, so `up` replaces them."""
    port = ports.unused()
    stack = EmbeddedStack(Home(home), port)
    running = Running("embedded", home, port)

    def up(version: str) -> list[str]:
        monkeypatch.setattr(embedded, "code_version", lambda: version)
        functions = stack.up(lambda line: None).functions
        client = running.client("lambda")
        return [
            client.get_function_configuration(FunctionName=name)["CodeSha256"]
            for name in functions.values()
        ]

    try:
        first = up("first")
        assert up("first") == first
        second = up("second")
        assert all(new != old for new, old in zip(second, first, strict=True))
        here = gallery(running)
        here.put("photos/newer/a.jpg", photograph(seed=49))
        running.settle()
    finally:
        stack.down(lambda line: None, purge=True)


def test_nothing_of_the_callers_aws_reaches_the_functions(home: Path) -> None:
    """Somebody's own endpoint and profile would send the functions, or us, elsewhere."""
    running = Running("embedded", home, ports.unused())
    strange = {
        **running.environment(),
        "AWS_PROFILE": "somebody",
        "AWS_SESSION_TOKEN": "somebody's",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "somebody's",
    }

    def run(verb: str) -> str:
        done = subprocess.run(
            running.command(verb), env=strange, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        run("up")
        assert "unset AWS_PROFILE AWS_SESSION_TOKEN" in run("env").splitlines()
        here = gallery(running)
        here.put("photos/own/a.jpg", photograph(seed=50))
        run("wait")
    finally:
        running.run("down", "--purge", status=None)
