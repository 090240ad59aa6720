"""Which stack is taken, and what is remembered of it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from safelight import port as ports
from safelight import stack
from safelight.home import DEFAULT_PORT, Home, port, read_json, write_json
from safelight.ministack import MiniStack
from safelight.problem import Problem
from safelight.stack import Deployment

DEPLOYMENT = Deployment(
    stack="embedded",
    endpoint_url="http://127.0.0.1:4566",
    region="us-east-1",
    bucket="safelight",
    gallery_url="http://localhost:4566/safelight/index.html",
    queues={name: f"http://127.0.0.1:4566/0/{name}" for name in stack.QUEUES},
    functions={name: name for name in stack.FUNCTIONS},
    log_groups={name: name for name in stack.FUNCTIONS},
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "home")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine with or without a Docker engine, and a Safelight with or without its stack."""

    def has(*, docker_stack: bool, trouble: str | None) -> None:
        monkeypatch.setattr(stack, "has_docker_stack", lambda: docker_stack)
        monkeypatch.setattr(stack, "docker_trouble", lambda: trouble)
        monkeypatch.setattr(stack, "_docker", lambda home: _Docker())

    return has


class _Docker:
    name = "docker"

    def is_running(self) -> bool:
        return False


def _ignore(line: str) -> None:
    del line


def test_auto_takes_docker_if_an_engine_answers(home: Home, machine: Callable[..., None]) -> None:
    """And the embedded one otherwise, saying why."""
    said: list[str] = []
    machine(docker_stack=True, trouble=None)
    assert stack.choose("auto", home, said.append).name == "docker"
    assert said == []
    machine(docker_stack=True, trouble="the docker command is not installed")
    assert stack.choose("auto", home, said.append).name == "embedded"
    assert "the docker command is not installed" in said[0]
    machine(docker_stack=False, trouble=None)
    assert stack.choose("auto", home, _ignore).name == "embedded"


def test_docker_without_an_engine_says_why(home: Home, machine: Callable[..., None]) -> None:
    """And what to do instead."""
    machine(docker_stack=True, trouble="permission denied")
    with pytest.raises(Problem, match=r"permission denied.*STACK=embedded"):
        stack.choose("docker", home, _ignore)
    machine(docker_stack=False, trouble=None)
    with pytest.raises(Problem, match="STACK=embedded"):
        stack.choose("docker", home, _ignore)


def test_an_unknown_kind_is_named(home: Home) -> None:
    """With those there are."""
    with pytest.raises(Problem, match=r"'dokcer'; it is one of auto, embedded, docker"):
        stack.choose("dokcer", home, _ignore)


def test_the_running_stack_stays(
    home: Home, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when an engine appears meanwhile; another must be asked for after `make down`."""
    machine(docker_stack=True, trouble=None)
    monkeypatch.setattr(MiniStack, "is_running", lambda self: True)
    assert stack.choose("auto", home, _ignore).name == "embedded"
    with pytest.raises(Problem, match=r"The embedded stack is running here.*make down"):
        stack.choose("docker", home, _ignore)


def test_a_stack_is_remembered_until_it_is_forgotten(home: Home) -> None:
    """By file, for other shells."""
    assert stack.remembered(home) is None
    stack.remember(home, DEPLOYMENT)
    assert stack.remembered(home) == DEPLOYMENT
    stack.forget(home)
    assert stack.remembered(home) is None


def test_no_stack_says_how_to_start_one(home: Home) -> None:
    """As does one that is not running any more."""
    with pytest.raises(Problem, match="No stack is running here"):
        stack.current(home)
    stack.remember(home, DEPLOYMENT)
    with pytest.raises(Problem, match="is not running any more"):
        stack.current(home)


def test_what_another_version_remembered_is_no_error(home: Home) -> None:
    """`up` writes it anew."""
    write_json(home.remembered, {"stack": "embedded", "something": "else"})
    assert stack.remembered(home) is None
    home.remembered.write_text('{"stack": "embed')
    assert stack.remembered(home) is None


def test_the_environment_reaches_a_local_stack_only_where_it_is_local() -> None:
    """On AWS credentials are the user's own."""
    local = DEPLOYMENT.environment()
    assert local["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert (local["AWS_REGION"], local["AWS_DEFAULT_REGION"]) == ("us-east-1", "us-east-1")
    assert local["BUCKET"] == "safelight"
    fields = {**DEPLOYMENT.__dict__, "endpoint_url": None}
    assert not [name for name in Deployment(**fields).environment() if "KEY" in name]


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "４５６６"])
def test_a_port_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """With the variable it came from."""
    monkeypatch.setenv("SAFELIGHT_PORT", text)
    with pytest.raises(Problem, match="SAFELIGHT_PORT"):
        port()


def test_the_port_is_the_default_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty means unsaid: that is what make exports."""
    monkeypatch.setenv("SAFELIGHT_PORT", "")
    assert port() == DEFAULT_PORT
    monkeypatch.setenv("SAFELIGHT_PORT", "4600")
    assert port() == 4600


def test_a_port_is_free_or_somebodys() -> None:
    """IPv6 counts: a browser may try it first."""
    free = ports.unused()
    assert ports.is_free(free)
    families = [(socket.AF_INET, "127.0.0.1")]
    families += [(socket.AF_INET6, "::1")] if socket.has_ipv6 else []
    for family, address in families:
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            try:
                listener.bind((address, free))
            except OSError:
                continue
            listener.listen()
            assert not ports.is_free(free)


def test_no_process_holds_a_free_port() -> None:
    """And nothing is guessed."""
    assert ports.holder(ports.unused()) is None


def test_a_ministack_that_never_ran_is_not_running(tmp_path: Path) -> None:
    """Asking leaves no trace."""
    process = MiniStack(tmp_path / "none", 4599)
    assert not process.is_running()
    assert process.pid() is None
    process.stop(keep=True)
    assert not (tmp_path / "none").exists()


def test_half_a_file_reads_as_none(tmp_path: Path) -> None:
    """As after a full disk."""
    file = tmp_path / "a.json"
    assert read_json(file) is None
    file.write_text("{")
    assert read_json(file) is None
    file.write_text("[]")
    assert read_json(file) is None
    write_json(file, {"a": 1})
    assert read_json(file) == {"a": 1}
    assert list(tmp_path.iterdir()) == [file]
