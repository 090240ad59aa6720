"""The rehearsal of a deployment, as `make rehearse` plays it, and what it leaves behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from safelight import engine as engines
from safelight.home import checkout
from safelight.rehearsal import CHANGED
from safelight.rehearse import ACTS
from tests import engine

pytestmark = pytest.mark.docker

TRANSCRIPT = checkout() / ".safelight" / "rehearsal.txt"
"""Where CI finds it afterwards."""


@pytest.fixture(scope="module", autouse=True)
def asked_for() -> None:
    """Skip, or fail, without an engine: for the functions, and the registry."""
    engine.need()


def test_the_rehearsal_succeeds_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Every act is played, and every check holds; of its containers and networks none is left,
    and no login in anybody's Docker configuration."""
    # A space, because people's folders have them.
    home, config = tmp_path / "its home", tmp_path / "docker"
    config.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "safelight", "rehearse", "--out", TRANSCRIPT],
        env={**os.environ, "SAFELIGHT_HOME": str(home), "DOCKER_CONFIG": str(config)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1500,
    )
    told = done.stdout
    assert done.returncode == 0, told[-6000:]
    transcript = TRANSCRIPT.read_text(encoding="utf-8")
    assert re.findall(r"^== (.+)$", transcript, re.M) == [title for title, _ in ACTS]
    assert "✗" not in transcript
    counted = re.search(r"^All (\d+) checks hold", transcript, re.M)
    assert counted
    assert int(counted[1]) == len(re.findall(r"^✓ ", transcript, re.M)) > 50
    assert not (home / "rehearsal").exists()
    assert not (config / "config.json").exists()
    docker = engines.connect()
    mark: dict[str, str | list[str] | bool] = {"label": "safelight.rehearsal"}
    own = re.findall(r"localhost:(\d+)/safelight", transcript)
    assert own
    left = [
        tag
        for image in docker.images.list()
        for tag in image.tags
        if tag.startswith((f"localhost:{own[0]}/", f"{CHANGED}/"))
    ]
    assert left == []
    names = {str(network.name) for network in docker.networks.list(filters=mark)}
    names |= {str(container.name) for container in docker.containers.list(all=True, filters=mark)}
    # Another checkout's rehearsal may be under way beside this one.
    from safelight.rehearsal import Stage

    own_name = Stage(home / "rehearsal", print).name
    assert not [name for name in names if name.startswith(own_name)]
