"""Whether there is a Docker engine for the tests that need one."""

from __future__ import annotations

import os
from functools import cache

import pytest

from safelight.stack import docker_trouble


@cache
def _trouble() -> str | None:
    return docker_trouble()


def need() -> None:
    """Skip without an engine, or where ``SAFELIGHT_TEST_STACK`` names other stacks; fail without
    one under ``REQUIRE_DOCKER=1``."""
    wanted = os.environ.get("SAFELIGHT_TEST_STACK", "").split()
    if wanted and "docker" not in wanted:
        pytest.skip("SAFELIGHT_TEST_STACK asks for other stacks")
    trouble = _trouble()
    if trouble is None:
        return
    if os.environ.get("REQUIRE_DOCKER", "") not in ("", "0"):
        pytest.fail(f"REQUIRE_DOCKER is set, and there is no Docker engine: {trouble}")
    pytest.skip(f"no Docker engine: {trouble}")
