"""``docs/emulators.md`` and what it is made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from safelight.conformance import answers
from safelight.conformance.answers import Answers, kept, questions
from safelight.conformance.running import NAMES
from safelight.problem import Problem
from tests.conformance.conftest import DEVIATIONS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "emulators.md").read_text(encoding="utf-8")


def test_every_emulator_was_asked_every_question() -> None:
    asked = [identifier for identifier, _ in questions()]
    assert len(set(asked)) == len(asked)
    found = kept()
    assert list(found) == list(NAMES)
    for name in NAMES:
        assert list(found[name].answers) == asked, name


def test_no_question_went_wrong() -> None:
    for found in kept().values():
        assert [a for a in found.answers.values() if a.startswith("failed") or not a] == []


def test_the_page_shows_the_answers_that_are_kept() -> None:
    """``python -m safelight.conformance ask`` makes it so."""
    assert answers.with_tables(PAGE, kept()) == PAGE


def test_what_aws_answers_has_a_source() -> None:
    for identifier, question in questions():
        assert question.source.startswith("https://docs.aws.amazon.com/"), identifier


def test_the_page_lists_what_is_expected_to_fail() -> None:
    for (name, test), reason in DEVIATIONS.items():
        assert f"| {NAMES[name]} | `{test}` | {reason} |" in PAGE
    assert PAGE.count("| `test_") == len(DEVIATIONS)


def test_answers_are_kept_beside_those_of_the_others(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "emulators.md").write_text(PAGE, encoding="utf-8")
    (docs / "emulators.json").write_bytes((ROOT / "docs" / "emulators.json").read_bytes())
    first, _ = next(questions())
    answers.keep({"localemu": Answers("9.9", {first: "a | b"})}, tmp_path)
    whole = json.loads((docs / "emulators.json").read_text(encoding="utf-8"))
    assert whole["localemu"] == {"release": "9.9", "answers": {first: "a | b"}}
    assert whole["ministack"]["release"] == kept()["ministack"].release
    page = (docs / "emulators.md").read_text(encoding="utf-8")
    assert "LocalEmu 9.9" in page
    assert "a \\| b |" in page


def test_a_page_without_its_markers_is_refused() -> None:
    with pytest.raises(Problem, match="lost a marker"):
        answers.with_tables("# Emulators", kept())
