"""Asking before what cannot be undone."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from safelight import consent
from safelight.problem import Problem
from tests.unit.safelight.test_stack import DEPLOYMENT


class Keyboard(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "agreed"),
    [("y\n", True), ("YES\n", True), ("\n", False), ("no\n", False), ("", False), ("yy\n", False)],
)
def test_only_yes_is_yes(
    typed: str, agreed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An end of the input is no answer."""
    monkeypatch.setattr("sys.stdin", Keyboard(typed))
    assert consent.ask("Forget [b]3[/b]?", yes=False) is agreed
    assert "Forget [b]3[/b]? [y/N]" in capsys.readouterr().err


def test_nobody_to_ask_is_no_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script neither hangs nor goes ahead."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(Problem, match="--yes"):
        consent.ask("Forget?", yes=False)
    assert consent.ask("Forget?", yes=True)


def test_a_local_stack_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for trying things."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert consent.ask_on_aws(DEPLOYMENT, "Forget?", yes=False)
    with pytest.raises(Problem):
        consent.ask_on_aws(replace(DEPLOYMENT, endpoint_url=None), "Forget?", yes=False)
