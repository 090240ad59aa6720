"""Assembling: a stripped copy, put together as it is read."""

from __future__ import annotations

import io
from bisect import bisect_right
from itertools import accumulate
from typing import BinaryIO

from thumbnailer.development import Recipe, Span

_BUFFER = 1 << 20


def assembled(recipe: Recipe, original: BinaryIO) -> BinaryIO:
    """The copy that ``recipe`` makes of ``original``, as a file to read from.

    Never more than a megabyte of it is in memory.  ``original`` must stay open and is moved
    about in; it is not closed with the copy.
    """
    return io.BufferedReader(_Assembly(recipe, original), _BUFFER)


class _Assembly(io.RawIOBase):
    def __init__(self, recipe: Recipe, original: BinaryIO) -> None:
        super().__init__()
        self._pieces = recipe.pieces
        # Where each piece ends.
        self._ends = list(
            accumulate(p.size if isinstance(p, Span) else len(p) for p in recipe.pieces)
        )
        self._original = original
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        size = self._ends[-1] if self._ends else 0
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: size}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        number = bisect_right(self._ends, self._at)
        if number == len(self._ends):
            return 0
        piece, left = self._pieces[number], self._ends[number] - self._at
        count = min(left, len(buffer))
        if isinstance(piece, Span):
            self._original.seek(piece.start + piece.size - left)
            data = self._original.read(count)
            if len(data) < count:
                # A file of the right length but for this would be a torn picture.
                raise EOFError("the original became shorter while its copy was made")
        else:
            data = piece[len(piece) - left :][:count]
        buffer[:count] = data
        self._at += count
        return count
