"""Worker mode: the services follow their queues themselves.  The pipeline's tests, unchanged, and
what becomes of a worker that is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from docker.models.containers import Container

from safelight.stack import docker_trouble
from tests.stack.docker.choosing import chosen
from tests.stack.docker.containers import Containers
from tests.stack.docker.convergence import album_of, assert_converged, begun, eventually
from tests.stack.photograph import photograph
from tests.stack.running import Gallery
from tests.stack.test_pipeline import *  # noqa: F403 - run here on this module's stack

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """The gallery of a stack in worker mode."""
    with chosen(tmp_path_factory.mktemp("worker") / "home", MODE="worker") as found:
        yield found


@pytest.fixture
def containers(gallery: Gallery) -> Containers:
    return Containers.of(gallery.running)


def said(container: Container, *command: str) -> str:
    """What a command in a container prints."""
    output = container.exec_run(list(command)).output
    assert isinstance(output, bytes)
    return output.decode().strip()


def test_there_are_no_functions_and_the_emulator_has_no_engine(
    gallery: Gallery, containers: Containers
) -> None:
    assert gallery.running.client("lambda").list_functions()["Functions"] == []
    assert containers.functions() == []
    emulator = containers.get("localstack")
    script = "import stat, os; print(stat.S_ISSOCK(os.stat('/var/run/docker.sock').st_mode))"
    assert said(emulator, "python3", "-c", script) == "False"


def test_workers_can_do_little_harm(containers: Containers) -> None:
    for service in ("thumbnailer", "sitegen"):
        worker = containers.get(service)
        host = worker.attrs["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["Memory"] > 0
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert said(worker, "id", "-u") == "10001"
        assert worker.exec_run(["touch", "/opt/safelight/x"]).exit_code != 0
        assert worker.attrs["State"]["Health"]["Status"] == "healthy"


def test_the_workers_say_what_they_did(gallery: Gallery) -> None:
    gallery.put("photos/logged/a.jpg", photograph(seed=41))
    gallery.running.settle()
    assert eventually(lambda: "photos/logged/a.jpg" in gallery.running.run("logs").stdout)


def test_a_worker_that_is_killed_in_a_batch_loses_nothing(
    gallery: Gallery, containers: Containers
) -> None:
    """Its container comes back by itself, and the messages it had after their time."""
    if docker_trouble() or os.geteuid() != 0:
        pytest.skip("kills a container's process from outside, which takes root")
    gallery.running.client("sqs").set_queue_attributes(
        QueueUrl=gallery.running.status()["queues"]["thumbnail"]["url"],
        Attributes={"VisibilityTimeout": "8"},
    )
    album = album_of(6, "killed", first=70)
    for key, body in album.items():
        gallery.put(key, body)
    assert eventually(lambda: begun(gallery, "killed"))
    worker = containers.get("thumbnailer")
    # Not `docker kill`, after which the engine believes that somebody wants it stopped.
    os.kill(int(worker.attrs["State"]["Pid"]), signal.SIGKILL)
    gallery.running.settle()
    assert_converged(gallery, list(album))
    again = containers.get("thumbnailer")
    assert again.attrs["RestartCount"] == 1
    assert again.status == "running"


def test_a_stop_lets_a_worker_finish(gallery: Gallery, containers: Containers) -> None:
    """It heeds SIGTERM: the batch in hand is worked off, and no message stays in flight."""
    album = album_of(6, "stopped", first=150)
    for key, body in album.items():
        gallery.put(key, body)
    assert eventually(lambda: begun(gallery, "stopped"))
    worker = containers.get("thumbnailer")
    worker.stop(timeout=60)
    worker.reload()
    assert worker.attrs["State"]["ExitCode"] == 0
    assert gallery.running.status()["queues"]["thumbnail"]["in_flight"] == 0
    gallery.running.run("up")
    gallery.running.settle()
    assert_converged(gallery, list(album))
