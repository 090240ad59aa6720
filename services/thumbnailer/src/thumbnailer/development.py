"""What comes out of the darkroom: the values that the craft hands to the reconciler.

Nothing here imports a decoder, so that the process that talks to S3 never loads one.
"""

from __future__ import annotations

from dataclasses import dataclass

from gallery.record import Exif, Taken


@dataclass(frozen=True)
class Image:
    """One rendition: ``data`` is a JPEG of ``width`` × ``height`` pixels, turned upright."""

    width: int
    height: int
    data: bytes


@dataclass(frozen=True)
class Developed:
    """A photo's renditions and what its record says of it.

    ``source_width`` and ``source_height`` are the original's pixels as a person sees it (after
    turning); ``format`` is one of :data:`thumbnailer.formats.FORMATS`.  ``images`` ascend by
    width, and no two have the same.  ``taken`` is ``None`` where the metadata holds no
    believable date: then :func:`thumbnailer.taken.taken_from_name` is next.  ``placeholder`` is
    3 × 2 colours ``#rrggbb``, row by row.
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


@dataclass(frozen=True)
class Rejection:
    """The file cannot be rendered, however often it is tried; ``reason`` tells a person why."""

    reason: str


class Rejected(Exception):
    """Raised by the craft for a file that cannot be rendered; carries the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
