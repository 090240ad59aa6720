"""Asking an emulator everything."""

from __future__ import annotations

import pytest
from botocore.exceptions import ConnectionClosedError

from safelight.conformance import answers
from safelight.conformance.emulator import Emulator
from safelight.conformance.question import Topic


@pytest.mark.parametrize(
    ("closed", "said"),
    [(0, "yes"), (2, "yes"), (3, "failed: Connection was closed")],
)
def test_a_connection_that_is_closed_on_us_answers_nothing(
    monkeypatch: pytest.MonkeyPatch, closed: int, said: str
) -> None:
    topic = Topic("topic", "A topic")
    asked = 0

    @topic.question("is-it", "Is it?", aws=None, source="")
    def _is_it(_: Emulator) -> str:
        nonlocal asked
        asked += 1
        if asked <= closed:
            raise ConnectionClosedError(endpoint_url="http://127.0.0.1")
        return "yes"

    monkeypatch.setattr(answers, "TOPICS", (topic,))

    found = answers.ask_all(Emulator("one", "1.0", "http://127.0.0.1"), lambda line: None)

    assert found.answers["topic-is-it"].startswith(said)
    assert asked == min(closed + 1, 3)
