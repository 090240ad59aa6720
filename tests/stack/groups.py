"""Which tests go to the same process when there are several: a pytest plugin for ``make test``.

Tests that share a started stack must, or each process would start one.  (pytest-xdist's own
``--dist loadgroup`` would do, but its version 3.8 has no effect under pytest 9.2, which no longer
lets a plugin rename a test.)
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

_KIND = re.compile(r"\[(?P<kind>embedded|docker)\b")
_EMULATOR = re.compile(r"[\[-](?P<name>localstack|localemu)[-\]]")
# Whole files of these are expensive to set up.
_FOLDERS = ("tests/stack/", "tests/browser/", "tests/deploy/")


def group(test: str) -> str:
    """The name of the group that the test with this node ID belongs to; its own if it may run
    anywhere."""
    if test.startswith("tests/conformance/"):
        emulator = _EMULATOR.search(test)
        if emulator:
            return f"on {emulator['name']}"
        # Asked everything at once; else each process starts a MiniStack of its own, in a second.
        return "on ministack" if "/test_answers.py::" in test else test
    if not test.startswith(_FOLDERS):
        return test
    kind = _KIND.search(test)
    return f"on the {kind['kind']} stack" if kind else test.partition("::")[0]


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """Hands whole groups to processes."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """xdist's hook."""
    return Groups(config, log)
