"""Rare paths: what has to happen now and then for a run to prove anything.

A law that held while nothing went wrong has not been tested.  So each run counts how often it
came through the places where pipelines fail, and tests demand that none of them was missed.
"""

from __future__ import annotations

from collections import Counter

PATHS: dict[str, str] = {
    "early": "a hint came before its object and was put off",
    "duplicate-after-commit": "a duplicate came after the commit and found nothing to do",
    "overlap": "two workers were on one photo at a time",
    "lost-record": "a record's compare-and-swap was lost to another worker (412)",
    "lost-page": "a page's If-Match was lost to another worker (412)",
    "lost-album": "an album record's compare-and-swap was lost to another worker (412)",
    "overwritten": "an original was overwritten between a worker's look and its reading",
    "repeated-put": "a put took effect, its answer was lost, and its repetition got a 412",
    "conflict": "a put met a 409 and was repeated",
    "lost-answer": "a call took effect and its answer was lost",
    "denied": "a call was denied (403)",
    "crash-between": "a worker died between a rendition and the record that names it",
    "crash-publishing": "a worker died between a page and the album's record",
    "crash-retired": "a worker died between a retired set and its renditions",
    "crash-marked": "a worker died between a tombstone's mark and its removal",
    "out-of-time": "a batch's time ran out before its last message",
    "timed-out": "a function was ended by its timeout",
    "decoder-died": "the decoder died, and the photo was tried again",
    "function-died": "a photo killed the whole function",
    "poison": "a message was not understood, and failed by itself",
    "redriven": "a redriven message, with its new id, was worked off",
    "stale-receipt": "a message was deleted by an old receipt, which does nothing",
    "barred": "a photo came back while its names were being retired, and got salted ones",
    "retired": "a rendition set was retired",
    "collected": "a rendition was deleted",
    "pending-removal": "a photo or album came back while its old record was being removed",
    "tombstone-removed": "a tombstone was removed",
    "album-removed": "the record of an album that is no more was removed",
    "page-removed": "a page was removed",
    "torn-listing": "a listing took more than one page",
    "lost-notification": "a notification was lost for good",
    "outrun": "a worker gave up because others kept changing its photo or album",
}
"""Each path's name and what it means; the names scenarios expect under ``reached``."""


class Paths(Counter[str]):
    """How often each path was taken."""

    def took(self, path: str) -> None:
        """Count one; the path must be one of :data:`PATHS`."""
        if path not in PATHS:
            raise KeyError(path)
        self[path] += 1
