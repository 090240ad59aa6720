"""What `up` does where Docker is there, but its images are not."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from safelight import up
from safelight.home import Home
from safelight.problem import ImageUnavailable, Problem
from safelight.stack import Deployment, Say, Stack

EMBEDDED = Deployment("embedded", None, "us-east-1", "b", "http://g", {}, {}, {})


@dataclass
class _WithoutImages:
    """A Docker stack whose images cannot be pulled."""

    name: str = "docker"
    ended: list[bool] = field(default_factory=list)

    def up(self, say: Say) -> Deployment:
        raise ImageUnavailable("The image x cannot be pulled: no registry.\nMake stand-ins.")

    def down(self, say: Say, *, purge: bool) -> bool:
        self.ended.append(purge)
        return True

    def keep(self, deployment: Deployment) -> None:
        raise AssertionError("nothing is whole yet")

    def is_running(self) -> bool:
        return False

    def emulator_log(self) -> list[str]:
        return []


class _Embedded(_WithoutImages):
    def up(self, say: Say) -> Deployment:
        return EMBEDDED


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> _WithoutImages:
    """The stack that is chosen; the embedded one stands by."""
    chosen = _WithoutImages()

    def choose(kind: str, home: Home, say: Say) -> Stack:
        return chosen

    def of_kind(kind: str, home: Home) -> Stack:
        assert kind == "embedded"
        return _Embedded("embedded")

    monkeypatch.setattr(up, "choose", choose)
    monkeypatch.setattr(up, "of_kind", of_kind)
    return chosen


def test_auto_takes_the_embedded_stack(
    docker: _WithoutImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says why; what was begun in Docker is ended, and its data kept."""
    said: list[str] = []
    monkeypatch.setattr(up, "say", said.append)
    assert up.start("auto") == EMBEDDED
    assert docker.ended == [False]
    assert said == ["The image x cannot be pulled: no registry. Taking the embedded stack."]


def test_docker_that_was_asked_for_is_not_replaced(docker: _WithoutImages) -> None:
    """Whoever asks for Docker is told what is missing."""
    with pytest.raises(Problem, match="Make stand-ins"):
        up.start("docker")
    assert docker.ended == []
