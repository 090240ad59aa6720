"""What is too much to render, found out before anything is decoded.

The numbers of bytes a pixel costs were measured with Pillow 13 and pillow-heif 1.8 (peak resident
memory of one process, see ``bench/renditions.py``); each decoder below says where they come
from.  An estimate that is too low costs a photo a rejection by the memory limit itself
(``RLIMIT_AS``), never the machine.
"""

from __future__ import annotations

from thumbnailer.development import Rejected
from thumbnailer.settings import Settings

BASE = 60 * 1024 * 1024
"""Resident bytes of the process before it opens a photo, and small change while it works."""

LARGEST_METADATA = 4 * 1024 * 1024
"""A piece of metadata with more bytes is not looked at."""

WORK = 4
"""Bytes a pixel of an image in Pillow, whatever has more than one band."""


def check_bytes(size: int, settings: Settings) -> None:
    """Raise :class:`Rejected` if a file of ``size`` bytes is larger than is accepted."""
    if size > settings.max_bytes:
        raise Rejected(
            f"The file has {_mega(size)} MB; at most {_mega(settings.max_bytes)} MB are accepted "
            f"(SAFELIGHT_MAX_BYTES={settings.max_bytes}). Raise that setting, or add a smaller "
            "copy."
        )


def check_pixels(width: int, height: int, settings: Settings) -> None:
    """Raise :class:`Rejected` if the image has no pixels, or more than are accepted."""
    if width < 1 or height < 1:
        raise Rejected("The image has no pixels: export it again.")
    if width * height > settings.max_pixels:
        raise Rejected(
            f"The photo has {_mega(width * height)} megapixels ({width} × {height}); at most "
            f"{_mega(settings.max_pixels)} are accepted (SAFELIGHT_MAX_PIXELS="
            f"{settings.max_pixels}). Raise that setting, or add a smaller copy."
        )


def check_memory(needed: float, format_: str, settings: Settings) -> None:
    """Raise :class:`Rejected` if decoding takes more than the process may have.

    ``needed`` counts the bytes beyond what the process holds anyway (:data:`BASE`).
    """
    total = int(needed) + BASE
    if total > settings.max_memory:
        raise Rejected(
            f"Decoding this {format_} file takes about {total >> 20} MiB of memory; at most "
            f"{settings.max_memory >> 20} MiB are allowed (SAFELIGHT_MAX_MEMORY="
            f"{settings.max_memory}). Raise that setting, or add a smaller copy or a baseline JPEG."
        )


def out_of_memory(settings: Settings) -> str:
    """The reason for a photo that ran into the memory limit while it was decoded."""
    return (
        f"Decoding this file took more than {settings.max_memory >> 20} MiB of memory "
        f"(SAFELIGHT_MAX_MEMORY={settings.max_memory}). Raise that setting, or add a smaller copy."
    )


def out_of_time(settings: Settings) -> str:
    """The reason for a photo that was not decoded in time."""
    return (
        f"Decoding this file took more than {settings.max_seconds:g} seconds "
        f"(SAFELIGHT_MAX_SECONDS={settings.max_seconds:g}). It may be damaged: open and export it "
        "again, or raise that setting."
    )


def _mega(number: int) -> str:
    return f"{number / 1_000_000:.1f}".removesuffix(".0")
