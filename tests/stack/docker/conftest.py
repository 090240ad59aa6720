"""What every test of the docker stack needs: an engine, and to be asked for."""

from __future__ import annotations

import pytest

from tests import engine


@pytest.fixture(scope="session", autouse=True)
def asked_for() -> None:
    """Skip, or fail, without an engine; skip where ``SAFELIGHT_TEST_STACK`` names other stacks."""
    engine.need()
