"""``SAFELIGHT_TEMPLATES`` and the local stacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from safelight.docker_stack import refuse_templates
from safelight.embedded import look_from_environment
from safelight.problem import Problem


def test_without_it_the_look_is_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFELIGHT_TEMPLATES", " ")
    assert look_from_environment().folder is None
    refuse_templates()


def test_the_folder_is_looked_at_before_a_function_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAFELIGHT_TEMPLATES", "look")
    with pytest.raises(Problem, match=r"SAFELIGHT_TEMPLATES: .*no such folder"):
        look_from_environment()
    (tmp_path / "look").mkdir()
    # A function has another working directory.
    assert look_from_environment().folder == tmp_path / "look"
    (tmp_path / "look" / "album.html").write_text("\n{% endif %}")
    with pytest.raises(Problem, match=r"album\.html, line 2"):
        look_from_environment()


def test_containers_do_not_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFELIGHT_TEMPLATES", "look")
    with pytest.raises(Problem, match="STACK=embedded"):
        refuse_templates()
