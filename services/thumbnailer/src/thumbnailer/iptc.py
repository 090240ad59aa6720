"""IPTC captions: the two of its datasets that the gallery shows.

The format is IPTC-NAA IIM 4.2, chapter 3: a row of ``1C record dataset length data``; in a
JPEG it lies in Photoshop's image resource 0x0404, in a TIFF in tag 33723.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from thumbnailer import wording

_TITLE, _CAPTION = (2, 5), (2, 120)
_MOST: Final = 2000


@dataclass(frozen=True)
class Caption:
    """``title`` (object name) and ``description`` (caption), decoded but not cleaned."""

    title: str = ""
    description: str = ""


def read(data: bytes) -> Caption:
    """The captions in a block of IPTC datasets.  Never raises: reads as far as it goes."""
    found: dict[tuple[int, int], bytes] = {}
    at = 0
    for _ in range(_MOST):
        if data[at : at + 1] != b"\x1c" or at + 5 > len(data):
            break
        key = (data[at + 1], data[at + 2])
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        at += 5
        if size & 0x8000:  # an extended dataset: the size of the size comes first
            digits = size & 0x7FFF
            if digits > 4:
                break
            size = int.from_bytes(data[at : at + digits], "big")
            at += digits
        found.setdefault(key, data[at : at + size])
        at += size
    return Caption(
        title=wording.decode(found.get(_TITLE, b"")),
        description=wording.decode(found.get(_CAPTION, b"")),
    )
