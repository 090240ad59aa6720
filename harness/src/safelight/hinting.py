"""Sending hints at many originals: several requests at a time, and none left out.

Each hint is sent at least once; a hint too many does no harm.  What makes that so is here, and
small: a batch counts as done only when the queue has taken every one of its hints *and* all
batches before it are done.  Wherever it is interrupted, it goes on from there.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from gallery.events import hint_body
from safelight.problem import Problem

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH = 10
"""SQS takes as many messages in a request."""

_SILENT = 1000
_ATTEMPTS = 9
_PASSING = {
    "InternalError",
    "InternalFailure",
    "KmsThrottled",
    "OverLimit",
    "RequestThrottled",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
}


@dataclass(frozen=True)
class Batch:
    """Hints for one request: at ``keys``, at most :data:`BATCH`, or none.  Once it is sent one
    can go on from the position ``end``.  ``seen`` keys lie between the end of the batch before
    it and its own: those in ``keys``, and those that need no hint."""

    keys: tuple[str, ...]
    end: str
    seen: int


def batches(places: Iterable[tuple[str, str]], is_wanted: Callable[[str], bool]) -> Iterator[Batch]:
    """The wanted keys of ``places``, which are pairs of a position and a key, in batches.

    Where nothing is wanted for long, an empty batch tells that one is past it.
    """
    keys: list[str] = []
    end, seen = "", 0
    for end, key in places:
        seen += 1
        if is_wanted(key):
            keys.append(key)
        if len(keys) == BATCH or (not keys and seen == _SILENT):
            yield Batch(tuple(keys), end, seen)
            keys, seen = [], 0
    if seen:
        yield Batch(tuple(keys), end, seen)


class Hinter:
    """Sends hints at originals of ``bucket`` to the queue ``url``."""

    def __init__(
        self,
        sqs: SQSClient,
        url: str,
        bucket: str,
        why: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sqs = sqs
        self._url = url
        self._bucket = bucket
        self._why = why
        self._sleep = sleep

    def send(self, keys: Iterable[str]) -> None:
        """Send hints at ``keys``, at most :data:`BATCH`; returns when the queue has taken all.

        Those that it does not take are sent again, with growing pauses.  Raises
        :class:`Problem` if it goes on refusing, and boto3's errors if it may not be asked.
        """
        now = datetime.now(UTC)
        left: dict[str, Any] = {
            str(number): {
                "Id": str(number),
                "MessageBody": hint_body(self._bucket, key, self._why, now),
            }
            for number, key in enumerate(keys)
        }
        attempt = 0
        while left:
            why = self._try(left)
            if not left:
                return
            attempt += 1
            if attempt == _ATTEMPTS:
                raise Problem(
                    f"The queue has refused {len(left)} hints {attempt} times ({why}). What was "
                    "sent is remembered: run the same command later, perhaps with a lower --rate."
                )
            # Jitter, as several batches were refused at once.
            self._sleep(min(30.0, 0.25 * 2**attempt) * random.uniform(0.5, 1.0))  # noqa: S311

    def _try(self, left: dict[str, Any]) -> str:
        """Send what is left, and take from it what was taken; why the rest was not."""
        try:
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=[*left.values()])
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if code.rpartition(".")[2] not in _PASSING and status < 500:
                raise
            return code or f"status {status}"
        except BotoCoreError as error:
            return str(error)
        for entry in answer.get("Successful", []):
            left.pop(entry["Id"], None)
        # What is in neither list was not taken, as far as anybody has told us.
        failed = answer.get("Failed", [])
        return str(failed[0].get("Message") or failed[0].get("Code")) if failed else "no reason"


def send_all(
    some: Iterable[Batch],
    send: Callable[[tuple[str, ...]], None],
    *,
    workers: int,
    done: Callable[[Batch], None],
) -> None:
    """``send`` the keys of every batch, ``workers`` at a time.

    ``done`` is told of each batch, in their order, when it and all before it have been sent.
    What ``send`` raises ends it, as an interrupt does: what is under way is waited for, nothing
    more is begun.
    """
    flying: deque[tuple[Batch, Future[None]]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for batch in some:
            flying.append((batch, pool.submit(send, batch.keys)))
            # A window, so that neither the batches nor their results pile up.
            while flying and (len(flying) >= 4 * workers or flying[0][1].done()):
                flying[0][1].result()
                done(flying.popleft()[0])
        while flying:
            flying[0][1].result()
            done(flying.popleft()[0])
    except BaseException:
        pool.shutdown(cancel_futures=True)
        while flying and _was_sent(flying[0][1]):
            done(flying.popleft()[0])
        raise
    finally:
        pool.shutdown()


def _was_sent(future: Future[None]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
