"""What the rehearsal needs: an engine, for its functions and its registry."""

from __future__ import annotations

import pytest

from tests import engine


@pytest.fixture(scope="session", autouse=True)
def asked_for() -> None:
    """Skip, or fail, without an engine."""
    engine.need()
