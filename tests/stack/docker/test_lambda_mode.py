"""Lambda mode: the functions are our images, and what happens to their containers does no harm."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from safelight import engine as engines
from safelight import images
from safelight import port as ports
from tests.stack.docker.containers import Containers, manifest
from tests.stack.docker.convergence import album_of, assert_converged, begun, eventually, expanse
from tests.stack.photograph import photograph
from tests.stack.running import Gallery, Running, hear_interrupts

if os.environ.get("MODE") not in (None, "", "lambda"):
    pytest.skip("MODE asks for another mode", allow_module_level=True)

# The same stack as the other tests'.
pytestmark = pytest.mark.parametrize(
    "gallery", [pytest.param("docker", marks=pytest.mark.docker)], indirect=True
)


@pytest.fixture
def containers(gallery: Gallery) -> Containers:
    return Containers.of(gallery.running)


@pytest.fixture
def soon_again(gallery: Gallery) -> None:
    """Messages that a crash left in flight come back within seconds, not a quarter of an hour."""
    gallery.running.client("sqs").set_queue_attributes(
        QueueUrl=gallery.running.status()["queues"]["thumbnail"]["url"],
        Attributes={"VisibilityTimeout": "8"},
    )


def test_what_lambda_runs_is_what_was_pushed(gallery: Gallery, containers: Containers) -> None:
    """The containers' image, the registry's and the one that `make images` made are one."""
    gallery.put("photos/images/a.jpg", photograph(seed=40))
    gallery.running.settle()
    engine = engines.connect()
    built = images.ensure(engine, print)
    for service, image in built.items():
        digest, found = manifest(containers.registry_port(), service)
        running = containers.functions(f"-{service}-")
        assert running, service
        for container in running:
            assert container.attrs["Image"] == image.id
            assert container.attrs["Config"]["User"] not in ("", "0", "root")
        # One image for one architecture: Lambda takes no index of several.
        assert "manifests" not in found
        assert found["config"]["digest"] == image.id or digest == image.id
        pushed = engine.images.get(image.id).attrs["RepoDigests"]
        assert any(reference.endswith(f"/safelight/{service}@{digest}") for reference in pushed)


def test_up_again_changes_nothing(gallery: Gallery, containers: Containers) -> None:
    before = {container.id for container in containers.all()}
    said = gallery.running.run("up").stdout
    assert gallery.home_page in said
    assert {container.id for container in containers.all()} == before
    assert gallery.running.run("up", "--stack", "docker").returncode == 0


def test_the_functions_say_what_they_did(gallery: Gallery) -> None:
    gallery.put("photos/logged/a.jpg", photograph(seed=41))
    gallery.running.settle()
    assert eventually(
        lambda: "photos/logged/a.jpg" in gallery.running.run("logs", "thumbnailer").stdout
    )


def test_a_function_that_dies_in_a_batch_loses_nothing(
    gallery: Gallery, containers: Containers, soon_again: None
) -> None:
    """As when it crashes on AWS: the process is gone, the messages are in flight."""
    album = album_of(6, "died", first=50)
    for key, body in album.items():
        gallery.put(key, body)
    assert eventually(lambda: begun(gallery, "died"))
    # An invocation that came while one was at work has a container of its own.
    for function in containers.functions("-thumbnailer-"):
        # Every process but the one that starts it again.
        function.exec_run(["sh", "-c", "kill -9 -1"], user="0")
    gallery.running.settle()
    assert_converged(gallery, list(album))


def test_a_container_that_is_killed_in_a_batch_loses_nothing(
    gallery: Gallery, containers: Containers, soon_again: None
) -> None:
    """LocalStack would wait for it for a quarter of an hour; `up` mends that."""
    album = album_of(6, "killed", first=70)
    for key, body in album.items():
        gallery.put(key, body)
    assert eventually(lambda: begun(gallery, "killed"))
    for function in containers.functions("-thumbnailer-"):
        function.kill()
    assert "container was killed" in gallery.running.run("up").stderr
    gallery.running.settle()
    assert_converged(gallery, list(album))
    assert {function.status for function in containers.functions()} == {"running"}


def test_memory_that_runs_out_costs_one_photo_and_for_a_while(
    gallery: Gallery, containers: Containers, soon_again: None
) -> None:
    """The others come through; the one is rejected with a reason, and another like it accepted
    once there is memory for it."""
    gallery.put("photos/memory/first.jpg", photograph(seed=90))
    gallery.running.settle()
    limited = containers.functions("-thumbnailer-")
    for function in limited:
        function.update(mem_limit="150m", memswap_limit="150m")
    album = {f"photos/memory/{n}.jpg": photograph(seed=92 + n) for n in range(4)}
    gallery.put("photos/memory/large.png", expanse("red"))
    for key, body in album.items():
        gallery.put(key, body)
    gallery.running.settle()
    record = gallery.record("catalog/photos/memory/large.png.json")
    assert record["status"] == "rejected", record
    assert "memory" in record["reason"]
    for key in album:
        assert gallery.record(f"catalog/{key}.json")["status"] == "ready"
    for function in containers.functions("-thumbnailer-"):
        function.update(mem_limit="1769m", memswap_limit="1769m")
    gallery.put("photos/memory/large.png", expanse("blue"))
    gallery.running.settle()
    assert_converged(gallery, [*album, "photos/memory/first.jpg", "photos/memory/large.png"])


def test_an_emulator_that_is_killed_is_mended_by_up(
    gallery: Gallery, containers: Containers, tmp_path: Path
) -> None:
    """It forgets everything: `up` says so, makes the stack anew and puts back what was there
    when somebody last waited for the gallery.  The folder is synced again, and the gallery is
    whole, with nothing in it twice."""
    waited_for = {f"photos/before/{n}.jpg": photograph(seed=105 + n) for n in range(3)}
    for key, body in waited_for.items():
        gallery.put(key, body)
    gallery.running.settle()
    album = album_of(6, "restarted", first=110)
    for key, body in album.items():
        file = tmp_path / key.removeprefix("photos/")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(body)
    gallery.running.run("sync", tmp_path)
    assert eventually(lambda: begun(gallery, "restarted"))
    emulator = containers.get("localstack")
    emulator.kill()
    told = gallery.running.run("status", status=1).stderr
    assert "make up" in told
    emulator.start()
    done = gallery.running.run("up", "--photos", tmp_path)
    assert "has forgotten its bucket" in done.stderr
    assert_converged(gallery, list(waited_for))
    assert_converged(gallery, list(album))
    # Those that the killed one left behind are gone.
    assert {function.status for function in containers.functions()} == {"running"}


def test_down_keeps_the_photos_and_leaves_no_container(
    gallery: Gallery, containers: Containers
) -> None:
    album = {f"photos/kept/{n}.jpg": photograph(seed=130 + n) for n in range(3)}
    for key, body in album.items():
        gallery.put(key, body)
    hostile = "photos/kept/a~b/../ü +%.jpg"
    gallery.put(hostile, photograph(seed=140))
    gallery.s3.put_object(
        Bucket=gallery.bucket, Key="photos/kept/index.md", Body=b"Kept", ContentType="text/plain",
        CacheControl="no-cache", Metadata={"mtime": "1"},
    )  # fmt: skip
    gallery.running.settle()
    before = {key: _of(gallery, key) for key in gallery.keys("")}
    gallery.running.run("down")
    assert containers.all() == []
    gallery.running.run("up")
    gallery.running.settle()
    after = {key: _of(gallery, key) for key in gallery.keys("")}
    assert after == before
    assert hostile in after


def _of(gallery: Gallery, key: str) -> tuple[str, str, str, str]:
    found = gallery.s3.head_object(Bucket=gallery.bucket, Key=key)
    return (
        found["ETag"],
        found["ContentType"],
        found.get("CacheControl", ""),
        json.dumps(found["Metadata"]),
    )


def test_what_cannot_be_had_beside_what_runs_is_told(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value, told in (
        ("MODE", "worker", "running with MODE=lambda"),
        ("MODE", "both", "one of lambda, worker"),
        ("EMULATOR", "localemu", "running with EMULATOR=localstack"),
        ("EMULATOR", "moto", "one of localstack, localemu"),
    ):
        with monkeypatch.context() as patched:
            patched.setenv(variable, value)
            assert told in gallery.running.run("up", status=1).stderr


def test_a_damaged_stack_is_mended_with_its_photos(gallery: Gallery) -> None:
    """CloudFormation compares templates, not what there is: `up` looks for itself."""
    album = {f"photos/damaged/{n}.jpg": photograph(seed=160 + n) for n in range(3)}
    for key, body in album.items():
        gallery.put(key, body)
    gallery.running.settle()
    gallery.running.client("lambda").delete_function(FunctionName="safelight-sitegen")
    assert "damaged" in gallery.running.run("up").stderr
    gallery.put("photos/damaged/after.jpg", photograph(seed=170))
    gallery.running.settle()
    assert_converged(gallery, [*album, "photos/damaged/after.jpg"])


def test_an_interrupted_up_is_mended_by_the_next_or_undone_by_down(
    gallery: Gallery, home: Path
) -> None:
    del gallery
    running = Running("docker", home, ports.unused())
    containers = Containers.of(running)
    try:
        up = subprocess.Popen(
            running.command("up"),
            env=running.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # A Ctrl-C at the keyboard reaches everything that the command started, too.
            start_new_session=True,
            # Whoever runs these tests in the background has made them deaf to it.
            preexec_fn=hear_interrupts,
        )
        assert eventually(lambda: bool(containers.all()))
        os.killpg(up.pid, signal.SIGINT)
        _, told = up.communicate(timeout=60)
        assert up.returncode == 130, told
        assert "Run it again" in told
        running.run("up")
        assert running.status()["settled"]
        assert {container.status for container in containers.all()} == {"running"}
    finally:
        running.run("down", "--purge")
    assert containers.all() == []


def test_a_port_in_use_is_named_with_its_holder(gallery: Gallery, home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running = Running("docker", home, taken.getsockname()[1])
        told = running.run("up", status=1).stderr
        assert f"Port {running.port} is in use by" in told
        assert "SAFELIGHT_PORT=" in told
        assert Containers.of(running).all() == []
    assert gallery.running.get(gallery.home_page).status == 200
