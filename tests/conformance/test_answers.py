"""What ``docs/emulators.md`` says of the emulators, asked again.

``python -m safelight.conformance ask`` writes it.  Where an emulator answers otherwise than AWS,
the second test is expected to fail, and says so when it no longer does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from safelight.conformance.answers import Answers, ask_all, kept, questions
from safelight.conformance.running import NAMES
from tests.conformance.conftest import MARKS, Emulator

KEPT = kept()
QUESTIONS = dict(questions())
Ask = Callable[[str], Answers]


@pytest.fixture(scope="session")
def ask(emulators: Callable[[str], Emulator]) -> Ask:
    """All of an emulator's answers, by its name; asked once."""

    @cache
    def ask(name: str) -> Answers:
        return ask_all(emulators(name).asked, print)

    return ask


def cases(*, judged: bool) -> Iterator[Any]:
    """Each emulator and question; ``judged``: those that AWS has an answer to, marked where the
    emulator's is known to be another."""
    for name in NAMES:
        for identifier, question in QUESTIONS.items():
            marks = [MARKS[name]]
            if judged and question.aws is None:
                continue
            answer = KEPT[name].answers[identifier]
            if judged and answer != question.aws:
                reason = f"{NAMES[name]}: {question.text}: {answer}; AWS: {question.aws}"
                marks.append(pytest.mark.xfail(reason=reason, strict=True))
            yield pytest.param(name, identifier, id=f"{name}-{identifier}", marks=marks)


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS[name]) for name in NAMES])
def test_the_release_is_the_one_that_the_table_is_about(name: str, ask: Ask) -> None:
    assert ask(name).release == KEPT[name].release


@pytest.mark.parametrize(("name", "identifier"), list(cases(judged=False)))
def test_it_answers_as_the_table_says(name: str, identifier: str, ask: Ask) -> None:
    assert ask(name).answers[identifier] == KEPT[name].answers[identifier]


@pytest.mark.parametrize(("name", "identifier"), list(cases(judged=True)))
def test_it_answers_as_aws_does(name: str, identifier: str, ask: Ask) -> None:
    assert ask(name).answers[identifier] == QUESTIONS[identifier].aws
