"""Lambda's door: a batch of SQS messages in, the failed ones' identifiers out."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from gallery.batch import failures
from gallery.queue import messages
from sitegen.service import Session


@cache
def _session() -> Session:
    """Made at the first invocation, kept while Lambda keeps the environment."""
    return Session(os.environ)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Work off the batch; the partial batch response.

    Raises :class:`gallery.queue.MalformedBatch` if the event is no batch from SQS.
    """
    batch = messages(event)
    return failures(_session().run(batch, lambda: context.get_remaining_time_in_millis() / 1000))
