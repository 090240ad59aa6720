"""Stripping: what a copy of an original keeps, so that it tells the picture and nothing else.

No pixel is decoded.  A :class:`~thumbnailer.development.Recipe` says which stretches of the file
the copy is put together from, in order, and the few bytes between them that are new; whoever
has the file can then write the copy, of any size, a piece at a time.  Kept is what makes the
picture look as it does: the compressed pixels to the byte, colour profile and orientation, and of
the EXIF a few lines (camera, exposure, date, copyright).  Everything else goes: location, maker's
notes, previews, XMP, IPTC, comments, serial numbers, and whatever lies behind the picture.

What is not known is not kept, and a file that is not as its format says is not stripped at all:
:class:`NotStripped` tells why, and visitors are offered the largest rendition.

Formats: JPEG (ITU-T T.81, annex B), PNG (W3C, third edition, section 5), WebP (RFC 9649), GIF
(GIF89a).
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import BinaryIO, Final

from thumbnailer import exif
from thumbnailer.development import Recipe, Span

_CHUNK: Final = 1 << 20
_MOST_PARTS: Final = 250_000
"""Segments, chunks or blocks that are looked at: a file of more was made to cost time."""
_MOST_PIECES: Final = 10_000


class NotStripped(Exception):
    """There is no stripped copy of this file; ``reason`` tells a person why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def recipe(file: BinaryIO, size: int, format_: str, block: exif.Block, orientation: int) -> Recipe:
    """The recipe of the stripped copy of ``file``, ``size`` bytes of the format ``format_``.

    ``block`` is its EXIF and ``orientation`` what turns its pixels upright.  Reads the file, a
    megabyte at a time.  Raises :class:`NotStripped`.
    """
    kept = exif.for_copy(block, orientation)
    if format_ == "JPEG":
        return _jpeg(file, size, kept)
    if format_ == "PNG":
        return _png(file, size, kept)
    if format_ == "WEBP":
        return _webp(file, size, kept, orientation)
    if format_ == "GIF":
        return _gif(file, size)
    name = {"HEIF": "HEIC"}.get(format_, format_)
    raise NotStripped(
        f"No stripped copy can be made of a {name} file: the largest rendition is offered in its "
        "place."
    )


def _damaged(what: str) -> NotStripped:
    return NotStripped(
        f"No stripped copy can be made, because the file is damaged ({what}): the largest "
        "rendition is offered in its place."
    )


def unread(error: Exception) -> str:
    """Why there is no copy of a file at which the stripping itself failed."""
    return (
        f"No stripped copy can be made ({type(error).__name__}), which is an error of Safelight, "
        "please report it: the largest rendition is offered in its place."
    )


def _crowded() -> NotStripped:
    return NotStripped(
        "No stripped copy can be made, because the file is in too many pieces: the largest "
        "rendition is offered in its place."
    )


class _Pieces:
    """The pieces so far; what follows on is joined to the one before."""

    def __init__(self) -> None:
        self.pieces: list[bytes | Span] = []
        self._parts = 0

    def look(self) -> None:
        """One more part of the file is looked at."""
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _crowded()

    def keep(self, start: int, end: int) -> None:
        """Keep a stretch of the file."""
        last = self.pieces[-1] if self.pieces else None
        if isinstance(last, Span) and last.start + last.size == start:
            self.pieces[-1] = Span(last.start, end - last.start)
        else:
            self._add(Span(start, end - start))

    def put(self, data: bytes) -> None:
        """Put new bytes."""
        last = self.pieces[-1] if self.pieces else None
        if isinstance(last, bytes):
            self.pieces[-1] = last + data
        elif data:
            self._add(data)

    def _add(self, piece: bytes | Span) -> None:
        if len(self.pieces) >= _MOST_PIECES:
            raise _crowded()
        self.pieces.append(piece)

    def recipe(self, ending: str) -> Recipe:
        return Recipe(ending, tuple(self.pieces))


# ── JPEG ────────────────────────────────────────────────────────────────────────────────────

_EOI, _SOS, _APP0, _APP2, _APP14, _APP15, _COM = 0xD9, 0xDA, 0xE0, 0xE2, 0xEE, 0xEF, 0xFE
# Tables, frames, restart intervals, the number of lines: T.81, table B.1.
_PICTURE: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD, *range(0xC0, 0xD0)}) - {0xC8}
# What ends a scan: any marker but a restart.  FF 00 is a byte of data, FF FF is filling.  (A
# pattern that begins with one plain byte is looked for ten times as fast as one of several.)
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_LONGEST_FILLING: Final = 4096


def _jpeg(file: BinaryIO, size: int, kept: bytes) -> Recipe:
    out = _Pieces()
    out.put(b"\xff\xd8")
    at, placed, scans = 2, False, 0
    while True:
        out.look()
        marker, at = _marker(file, at)
        if marker == _EOI:
            if not scans:
                raise _damaged("it ends before the picture begins")
            out.put(b"\xff\xd9")
            return out.recipe("jpg")
        file.seek(at)
        head = file.read(2)
        length = int.from_bytes(head, "big")
        start, end = at - 2, at + length
        if len(head) < 2 or length < 2 or end > size:
            raise _damaged("one of its parts reaches beyond its end")
        beginning = file.read(min(length - 2, 16))
        is_jfif = marker == _APP0 and beginning[:5] == b"JFIF\0"
        if not placed and not is_jfif:
            placed = True
            if kept:
                out.put(b"\xff\xe1" + struct.pack(">H", len(kept) + 2) + kept)
        if marker == _SOS:
            scans += 1
            end = _end_of_scan(file, end)
            out.keep(start, end)
        elif marker in _PICTURE:
            out.keep(start, end)
        elif is_jfif:
            # Without its preview.
            if length >= 16:
                out.put(b"\xff\xe0\0\x10" + beginning[:12] + b"\0\0")
        elif marker == _APP2 and beginning[:12] == b"ICC_PROFILE\0":
            out.keep(start, end)
        elif marker == _APP14 and beginning[:5] == b"Adobe":
            # It says how the colours are stored; whatever is behind that does not.
            if length >= 14:
                out.put(b"\xff\xee\0\x0e" + beginning[:12])
        elif not (_APP0 <= marker <= _APP15 or marker == _COM):
            raise _damaged(f"it holds a marker FF{marker:02X} that no decoder knows")
        at = end


def _marker(file: BinaryIO, at: int) -> tuple[int, int]:
    """The marker at ``at``, and where what belongs to it begins."""
    file.seek(at)
    head = file.read(2)
    for _ in range(_LONGEST_FILLING):
        if len(head) < 2:
            raise _damaged("it is cut off")
        if head[0] != 0xFF or head[1] == 0:
            break
        if head[1] != 0xFF:
            return head[1], at + 2
        at += 1
        head = head[1:] + file.read(1)
    raise _damaged("there is something between its parts")


def _end_of_scan(file: BinaryIO, at: int) -> int:
    """Where the compressed pixels that begin at ``at`` end."""
    file.seek(at)
    rest = b""
    while chunk := file.read(_CHUNK):
        data = rest + chunk
        at -= len(rest)
        found = _MARKER.search(data)
        if found is not None:
            return at + len(data[: found.start()].rstrip(b"\xff"))
        at += len(data)
        rest = data[len(data.rstrip(b"\xff")) :]
        if len(rest) > _LONGEST_FILLING:
            break
    raise _damaged("it is cut off")


# ── PNG ─────────────────────────────────────────────────────────────────────────────────────

# The picture, its colours, its density and its animation.
_PNG_KEPT: Final = frozenset(
    {
        b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD",
        b"pHYs", b"cICP", b"mDCV", b"cLLI", b"acTL", b"fcTL", b"fdAT",
    }
)  # fmt: skip


def _png(file: BinaryIO, size: int, kept: bytes) -> Recipe:
    out = _Pieces()
    out.keep(0, 8)
    at = 8
    while True:
        out.look()
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            raise _damaged("it is cut off")
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        end = at + 12 + length
        if end > size:
            raise _damaged("it is cut off")
        if (kind == b"IHDR") is not (at == 8):
            raise _damaged("its header is not at its beginning")
        if kind == b"IEND":
            out.put(b"\0\0\0\0IEND\xaeB`\x82")
            return out.recipe("png")
        if kind in _PNG_KEPT:
            out.keep(at, end)
        elif not kind[0] & 0x20:
            raise _damaged(f"it holds a part {kind!r} that no decoder knows")
        if kind == b"IHDR" and kept:
            # A PNG's EXIF goes without the six bytes that a JPEG's begins with.
            block = b"eXIf" + kept[6:]
            out.put(struct.pack(">I", len(kept) - 6) + block)
            out.put(struct.pack(">I", zlib.crc32(block)))
        at = end


# ── WebP ────────────────────────────────────────────────────────────────────────────────────

_WEBP_KEPT: Final = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"ANIM"})
_HAS_EXIF, _HAS_XMP = 0x08, 0x04  # RFC 9649, section 2.7.1


def _webp(file: BinaryIO, size: int, kept: bytes, orientation: int) -> Recipe:
    file.seek(4)
    whole = 8 + int.from_bytes(file.read(4), "little")
    if whole > size:
        raise _damaged("it is cut off")
    out = _Pieces()
    at, extended, first = 12, False, True
    while at < whole:
        out.look()
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            raise _damaged("it is cut off")
        kind, length = head[:4], int.from_bytes(head[4:], "little")
        end = at + 8 + length + (length & 1)
        if end > whole:
            raise _damaged("one of its parts reaches beyond its end")
        if kind == b"VP8X":
            if not first or length != 10:
                raise _damaged("its header is not as it should be")
            extended = True
            flags, *rest = file.read(10)
            flags = flags & ~(_HAS_EXIF | _HAS_XMP) | (_HAS_EXIF if kept else 0)
            out.put(head + bytes([flags, *rest]))
        elif kind == b"ANMF":
            _check_frame(file, at + 8 + 16, at + 8 + length)
            out.keep(at, end)
        elif kind in _WEBP_KEPT:
            out.keep(at, end)
        at, first = end, False
    if kept and extended:
        data = kept[6:]
        out.put(b"EXIF" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1))
    elif orientation != 1:
        raise _damaged("it is turned by an EXIF that its header does not know of")
    made = out.recipe("webp")
    head = b"RIFF" + struct.pack("<I", made.size + 4) + b"WEBP"
    return Recipe("webp", (head, *made.pieces))


def _check_frame(file: BinaryIO, at: int, end: int) -> None:
    """Refuse a frame of an animation that holds anything but pixels."""
    for _ in range(8):
        if at == end:
            return
        file.seek(at)
        head = file.read(8)
        if head[:4] not in _WEBP_KEPT:
            break
        length = int.from_bytes(head[4:], "little")
        at += 8 + length + (length & 1)
    raise _damaged("one of its frames holds more than a picture")


# ── GIF ─────────────────────────────────────────────────────────────────────────────────────

# How often an animation is repeated, and a colour profile.
_GIF_KEPT: Final = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"})
_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_PLAIN_TEXT, _CONTROL, _APPLICATION = 0x01, 0xF9, 0xFF


def _gif(file: BinaryIO, size: int) -> Recipe:
    file.seek(0)
    head = _exactly(file, 13)
    out = _Pieces()
    file.seek(_colours(head[10]), io.SEEK_CUR)
    out.keep(0, file.tell())
    while True:
        out.look()
        start = file.tell()
        kind = _exactly(file, 1)[0]
        if kind == _TRAILER:
            out.put(b"\x3b")
            return out.recipe("gif")
        if kind == _IMAGE:
            # Its colours, and a byte that says how large the first code is.
            file.seek(_colours(_exactly(file, 9)[8]) + 1, io.SEEK_CUR)
            keep = True
        elif kind == _EXTENSION:
            label = _exactly(file, 1)[0]
            keep = label in {_PLAIN_TEXT, _CONTROL}
            if label == _APPLICATION:
                length, *name = _exactly(file, 12)
                keep = length == 11 and bytes(name) in _GIF_KEPT
                file.seek(-12, io.SEEK_CUR)
        else:
            raise _damaged("there is something between its parts")
        _past_blocks(file)
        end = file.tell()
        if end > size:
            raise _damaged("it is cut off")
        if keep:
            out.keep(start, end)


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise _damaged("it is cut off")
    return data


def _colours(packed: int) -> int:
    """The bytes of a table of colours, by the field that tells of it."""
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _past_blocks(file: BinaryIO) -> None:
    """Past the blocks of at most 255 bytes that pixels and extensions are cut into."""
    while length := _exactly(file, 1)[0]:
        file.seek(length, io.SEEK_CUR)
