"""Which records there are, in little memory: a million take sixteen megabytes.

Of each record's key a 128-bit digest is kept.  That two keys of a million share one is less
likely than 1 in 10²⁶; a digest of 64 bits would not do for something that must miss nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from gallery import keys

_BYTES = 16


class Recorded:
    """The records with these keys."""

    def __init__(self, records: Iterable[str]) -> None:
        packed = bytearray()
        for key in records:
            packed += _digest(key)
        halves = np.frombuffer(packed, dtype=">u8").reshape(-1, 2)
        order = np.lexsort((halves[:, 1], halves[:, 0]))
        self._high: npt.NDArray[np.uint64] = halves[order, 0].astype(np.uint64)
        self._low: npt.NDArray[np.uint64] = halves[order, 1].astype(np.uint64)

    def __len__(self) -> int:
        return len(self._high)

    def has(self, original: str) -> bool:
        """Whether the original with this key has a record."""
        digest = _digest(keys.record(original))
        high = np.uint64(int.from_bytes(digest[:8], "big"))
        low = np.uint64(int.from_bytes(digest[8:], "big"))
        begin = int(np.searchsorted(self._high, high, "left"))
        end = int(np.searchsorted(self._high, high, "right"))
        return bool((self._low[begin:end] == low).any())


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()
