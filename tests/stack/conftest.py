"""The stacks that these tests run on: started through the command line, each with a home and a
port of its own.

Every test that asks for ``gallery`` runs on each kind of stack this machine can have.
``SAFELIGHT_TEST_STACK`` (``embedded``, ``docker``) chooses; ``REQUIRE_DOCKER=1`` makes a missing
Docker engine a failure instead of a skip.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safelight import port as ports
from safelight.stack import has_docker_stack
from tests import engine
from tests.stack.running import Gallery, started
from tests.stack.running import gallery as gallery_of


def _kinds() -> list[Any]:
    wanted = os.environ.get("SAFELIGHT_TEST_STACK", "").split() or [
        "embedded",
        *(["docker"] if has_docker_stack() else []),
    ]
    marks = {"embedded": pytest.mark.embedded, "docker": pytest.mark.docker}
    return [pytest.param(kind, marks=marks[kind]) for kind in wanted]


@pytest.fixture(scope="session", params=_kinds())
def gallery(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gallery]:
    """The gallery of a stack that all tests share: each keeps to albums of its own.

    Of several test processes one has it (see :mod:`tests.stack.groups`).
    """
    kind: str = request.param
    if kind == "docker":
        engine.need()
    # A space, because people's folders have them.
    home = tmp_path_factory.mktemp("a stack") / "its home"
    with started(kind, home, ports.unused()) as running:
        yield gallery_of(running)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home for a stack of the test's own."""
    return tmp_path / "its home"
