"""What a file is, told by its first bytes and never by its name.

:func:`sniff` knows the formats that are rendered, :func:`unsupported` says of everything else
what it is and what to do.  Both need only the first few kilobytes (:data:`HEAD`), so a video can be
refused after one small ranged read.
"""

from __future__ import annotations

import struct
from typing import Final

HEAD: Final = 4096
"""How many bytes of a file's beginning tell what it is."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "HEIF")
"""The formats that are rendered, as records name them."""

_NAMES: Final = "JPEG, PNG, WebP, AVIF, TIFF, GIF and HEIC"

NOT_A_PHOTO: Final = f"This is not a photo of a known format: only {_NAMES} files are rendered."

# ISO/IEC 23008-12 (HEIF) annex B and the AV1 Image File Format 1.1, section 6.
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_RAW = "a camera raw file"
_VIDEO = "a video"
RAW_REASON: Final = "This is a camera raw file; add the JPEG beside it."

_SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"FUJIFILMCCD-RAW", _RAW),
    (0, b"IIRO", _RAW),  # Olympus
    (0, b"IIRS", _RAW),
    (0, b"MMOR", _RAW),
    (0, b"IIU\0", _RAW),  # Panasonic
    (0, b"FOVb", _RAW),  # Sigma
    (0, b"\0MRM", _RAW),  # Minolta
    (6, b"HEAPCCDR", _RAW),  # Canon CRW
    (0, b"%PDF-", "a PDF document"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"8BPB", "a Photoshop document"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (0, b"BM", "a BMP image"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"qoif", "a QOI image"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (0, b"#?RADIANCE", "a Radiance HDR image"),
    (0, b"gimp xcf", "a GIMP document"),
    (0, b"II\xbc\x01", "a JPEG XR image"),
    (0, b"\x1aE\xdf\xa3", _VIDEO),
    (0, b"FLV\x01", _VIDEO),
    (0, b"\0\0\x01\xba", _VIDEO),
    (0, b"\0\0\x01\xb3", _VIDEO),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _VIDEO),  # ASF: WMV
    (4, b"moov", _VIDEO),  # QuickTime before it had brands
    (4, b"mdat", _VIDEO),
    (4, b"wide", _VIDEO),
    (4, b"pnot", _VIDEO),
    (0, b"PK\x03\x04", "an archive"),
    (0, b"PK\x05\x06", "an archive"),
    (0, b"Rar!\x1a\x07", "an archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "an archive"),
    (0, b"\x1f\x8b", "an archive"),
    (0, b"BZh", "an archive"),
    (0, b"\xfd7zXZ\0", "an archive"),
    (0, b"\x28\xb5\x2f\xfd", "an archive"),
    (257, b"ustar", "an archive"),
    (0, b"ID3", "a sound"),
    (0, b"OggS", "a sound or video"),
    (0, b"fLaC", "a sound"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"SQLite format 3\0", "a database"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document or a thumbnail database"),
)


def sniff(head: bytes) -> str | None:
    """The format of a file that begins with ``head``, one of :data:`FORMATS`.

    ``None`` for everything that is not rendered: :func:`unsupported` says what that is.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        brands = _brands(head)
        # A still AVIF may call itself "mif1" first and name "avif" among its compatibles.
        if brands[:1] and brands[0] in _HEIF_BRANDS - {b"mif1", b"msf1"}:
            return "HEIF"
        if _AVIF_BRANDS & set(brands):
            return "AVIF"
        if brands[:1] and brands[0] in _HEIF_BRANDS:
            return "HEIF"
        return None
    if _tiff_order(head) and not is_raw(head):
        return "TIFF"
    return None


def unsupported(head: bytes) -> str | None:
    """Why a file that begins with ``head`` is not rendered, ``None`` if it may be.

    The reason is for a person: what the file is, and what to do.
    """
    if sniff(head) is not None:
        return None
    if not head:
        return "The file is empty: upload it again from where it came from."
    what = _what(head)
    if what == _RAW:
        return RAW_REASON
    if what == _VIDEO:
        return "This is a video, not a photo; keep it outside the photos folder."
    if what is None:
        return NOT_A_PHOTO
    return f"This is {what}, not a photo that can be rendered: save it as one of {_NAMES}."


def _what(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        brands = _brands(head)
        major = brands[0] if brands else b""
        if major == b"crx ":
            return _RAW
        if major in {b"jxl ", b"jp2 ", b"jpx "}:
            return "a JPEG XL image" if major == b"jxl " else "a JPEG 2000 image"
        return "a sound" if major in {b"M4A ", b"M4B "} else _VIDEO
    if head[:4] == b"RIFF":
        return {b"AVI ": _VIDEO, b"WAVE": "a sound"}.get(head[8:12])
    if _tiff_order(head) and is_raw(head):
        return _RAW
    for offset, signature, name in _SIGNATURES:
        if head.startswith(signature, offset):
            return name
    # MPEG transport streams (camcorders) begin every 188th (or 192nd) byte with 0x47.
    if len(head) > 600 and any(
        all(head[start + i * step] == 0x47 for i in range(3))
        for start, step in ((0, 188), (4, 192))
    ):
        return _VIDEO
    return _text(head)


def _text(head: bytes) -> str | None:
    """What kind of text ``head`` begins, ``None`` if it is none."""
    text = head.decode("utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8", "replace")
    odd = sum(1 for c in text if (c < " " and c not in "\t\r\n\f") or c == "�")
    if odd > len(text) // 100 + 1:
        return None
    start = text.lstrip("\ufeff \t\r\n").lower()
    if "<svg" in start:
        return "an SVG drawing"
    if start.startswith(("<!doctype html", "<html")):
        return "a web page"
    return "a text file"


def _brands(head: bytes) -> list[bytes]:
    """The brands of an ISO base media file's ``ftyp`` box, the major one first."""
    (size,) = struct.unpack(">I", head[:4])
    box = head[: min(max(size, 16), 512)]
    return [box[8:12], *(box[i : i + 4] for i in range(16, len(box) - 3, 4))]


def _tiff_order(head: bytes) -> str | None:
    """``<`` or ``>`` for the beginning of a TIFF or BigTIFF file, else ``None``."""
    if head[:4] in {b"II*\0", b"II+\0"}:
        return "<"
    if head[:4] in {b"MM\0*", b"MM\0+"}:
        return ">"
    return None


# TIFF tags and values that only raw files have (TIFF/EP, Adobe's DNG specification 1.7,
# and the compression numbers of libtiff's tiff.h for Nikon, Sony and Pentax).
_SUB_FILE_TYPE, _COMPRESSION, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 254, 259, 262, 330, 50706
_CFA_PATTERN = 33422
_RAW_PHOTOMETRIC = frozenset({32803, 34892})
_RAW_COMPRESSION = frozenset({262, 32767, 32769, 32770, 32772, 34713, 65000, 65535})


def is_raw(data: bytes) -> bool:
    """Whether a TIFF that begins with ``data`` is a camera's raw file.

    A raw file is a TIFF whose first image is a small preview: rendering it would show that
    preview as if it were the photo.  Directories beyond the end of ``data`` are not looked at.
    """
    order = _tiff_order(data)
    if order is None:
        return False
    if data[8:10] == b"CR" or b"HEAPCCDR" in data[:16]:
        return True
    if data[2:3] == b"+" or data[3:4] == b"+" or len(data) < 8:
        return False  # no camera writes BigTIFF
    (first,) = struct.unpack_from(order + "I", data, 4)
    directory = _directory(data, order, first)
    if _DNG_VERSION in directory or _CFA_PATTERN in directory:
        return True
    directories = [directory]
    sub = directory.get(_SUB_IFDS)
    if sub is not None:
        count, value = sub
        if directory.get(_SUB_FILE_TYPE, (0, 0))[1] & 1:
            return True  # a reduced image first, the real one in a sub-directory: NEF, ARW, PEF
        offsets = [value]
        if count > 1 and value + 4 <= len(data):
            offsets = list(
                struct.unpack_from(
                    f"{order}{min(count, 4, (len(data) - value) // 4)}I", data, value
                )
            )
        directories += [_directory(data, order, offset) for offset in offsets]
    return any(
        entries.get(_PHOTOMETRIC, (0, 0))[1] in _RAW_PHOTOMETRIC
        or entries.get(_COMPRESSION, (0, 0))[1] in _RAW_COMPRESSION
        for entries in directories
    )


def _directory(data: bytes, order: str, offset: int) -> dict[int, tuple[int, int]]:
    """An image file directory's entries as far as ``data`` has them: tag to (count, value)."""
    entries: dict[int, tuple[int, int]] = {}
    if not 8 <= offset <= len(data) - 2:
        return entries
    (count,) = struct.unpack_from(order + "H", data, offset)
    for index in range(min(count, 512)):
        at = offset + 2 + 12 * index
        if at + 12 > len(data):
            break
        tag, kind, number = struct.unpack_from(order + "HHI", data, at)
        (value,) = struct.unpack_from(
            order + ("H" if kind == 3 and number <= 2 else "I"), data, at + 8
        )
        entries[tag] = (number, value)
    return entries
