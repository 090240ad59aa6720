"""What an emulator can be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from safelight.conformance.emulator import Emulator

Ask = Callable[[Emulator], str]


@dataclass(frozen=True)
class Question:
    """One question.

    ``text`` is the question as the table puts it.  ``aws`` is what AWS answers by its own
    documentation, the page ``source``; ``None`` where that leaves it open.  ``ask`` finds out what
    an emulator answers: in a few words, always the same from the same release.
    """

    name: str
    text: str
    aws: str | None
    source: str
    ask: Ask


@dataclass(frozen=True)
class Topic:
    """Questions about one thing: its ``name``, and its ``title`` in the table."""

    name: str
    title: str
    questions: list[Question] = field(default_factory=list)

    def question(
        self, name: str, text: str, *, aws: str | None, source: str
    ) -> Callable[[Ask], Ask]:
        """Makes a question of a function that finds its answer."""

        def add(ask: Ask) -> Ask:
            self.questions.append(Question(name, text, aws, source, ask))
            return ask

        return add


def outcome(call: Callable[[], Any]) -> str:
    """How S3 or SQS answered: the HTTP status and, of an error, its code."""
    try:
        answer = call()
    except ClientError as error:
        return refusal(error)
    return str(answer["ResponseMetadata"]["HTTPStatusCode"])


def refusal(error: ClientError) -> str:
    """An error's HTTP status and code."""
    status = str(error.response["ResponseMetadata"]["HTTPStatusCode"])
    code = error.response["Error"]["Code"].removeprefix("AWS.SimpleQueueService.")
    # The answer to a HEAD has no body, and so no code.
    return status if code == status else f"{status} {code}"
