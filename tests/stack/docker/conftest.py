"""What every test of the docker stack needs: an engine, and to be asked for."""

from __future__ import annotations

import os

import pytest

from tests.stack.conftest import _need


@pytest.fixture(scope="session", autouse=True)
def asked_for() -> None:
    """Skip, or fail, without an engine; skip where ``SAFELIGHT_TEST_STACK`` names other stacks."""
    wanted = os.environ.get("SAFELIGHT_TEST_STACK", "").split()
    if wanted and "docker" not in wanted:
        pytest.skip("SAFELIGHT_TEST_STACK asks for other stacks")
    _need("docker")
