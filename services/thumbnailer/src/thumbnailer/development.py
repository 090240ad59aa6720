"""What comes out of the darkroom: the values that the craft hands to the reconciler.

Nothing here imports a decoder, so that the process that talks to S3 never loads one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from gallery.record import Exif, Taken


@dataclass(frozen=True)
class Image:
    """One rendition: ``data`` is a JPEG of ``width`` × ``height`` pixels, turned upright."""

    width: int
    height: int
    data: bytes


@dataclass(frozen=True)
class Span:
    """A stretch of the original: ``size`` bytes from ``start``."""

    start: int
    size: int


@dataclass(frozen=True)
class Recipe:
    """How a stripped copy is put together: stretches of the original and new bytes, in order.

    ``ending`` is one of :data:`gallery.keys.COPIES`.
    """

    ending: str
    pieces: tuple[bytes | Span, ...]

    @property
    def size(self) -> int:
        """The bytes of the copy."""
        return sum(p.size if isinstance(p, Span) else len(p) for p in self.pieces)


@dataclass(frozen=True)
class Developed:
    """A photo's renditions and what its record says of it.

    ``source_width`` and ``source_height`` are the original's pixels as a person sees it (after
    turning); ``format`` is one of :data:`thumbnailer.formats.FORMATS`.  ``images`` ascend by
    width, and no two have the same.  ``taken`` is ``None`` where the metadata holds no
    believable date: then :func:`thumbnailer.taken.taken_from_name` is next.  ``placeholder`` is
    3 × 2 colours ``#rrggbb``, row by row.  Where a stripped copy was asked for, ``recipe`` is its
    recipe, or ``unstripped`` says why there can be none.
    """

    source_width: int
    source_height: int
    format: str
    has_location: bool
    images: tuple[Image, ...]
    exif: Exif
    taken: Taken | None
    title: str | None
    description: str | None
    placeholder: tuple[str, ...]
    recipe: Recipe | None = None
    unstripped: str = ""


@dataclass(frozen=True)
class Work:
    """What was made of an original: ``copy`` is the stripped one, where one was asked for and can
    be had, to be read until the work is put away."""

    developed: Developed
    copy: BinaryIO | None = None


@dataclass(frozen=True)
class Rejection:
    """The file cannot be rendered, however often it is tried; ``reason`` tells a person why."""

    reason: str


class Rejected(Exception):
    """Raised by the craft for a file that cannot be rendered; carries the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
