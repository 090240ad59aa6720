"""Lambda's door: a batch of SQS messages in, the failed ones' identifiers out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

from gallery.batch import Report, failures
from gallery.queue import Message, messages
from sitegen.service import Session


class Worker(Protocol):
    """The part of a session that the handler needs."""

    def run(self, messages: Sequence[Message], ahead: Callable[[], float]) -> list[Report]:
        """Work off one batch; ``ahead`` tells the seconds left."""


@cache
def _session() -> Session:
    """Made at the first invocation, kept while Lambda keeps the environment."""
    return Session(os.environ)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Work off the batch; the partial batch response.

    Raises :class:`gallery.queue.MalformedBatch` if the event is no batch from SQS.
    """
    return answer(_session(), event, context)


def answer(session: Worker, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """:func:`handler`, for a session that is given: replays and tests have their own."""
    batch = messages(event)
    return failures(session.run(batch, lambda: context.get_remaining_time_in_millis() / 1000))
