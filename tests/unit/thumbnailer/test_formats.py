"""What a file is by its first bytes."""

from __future__ import annotations

import struct

import pytest

from thumbnailer.formats import FORMATS, HEAD, sniff, unsupported


def ftyp(*brands: bytes) -> bytes:
    return struct.pack(">I", 8 + 4 + 4 * len(brands)) + b"ftyp" + brands[0] + bytes(4) + b"".join(
        brands[1:]
    )  # fmt: skip


def tiff(*entries: tuple[int, int, int], order: str = "<") -> bytes:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, value in entries:
        code = "HHIHH" if kind == 3 else "HHII"
        values = (value, 0) if kind == 3 else (value,)
        head += struct.pack(order + code, tag, kind, 1, *values)
    return head + bytes(4)


@pytest.mark.parametrize(
    ("head", "format_"),
    [
        (b"\xff\xd8\xff\xe1", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF89a", "GIF"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WEBP"),
        (ftyp(b"avif", b"mif1"), "AVIF"),
        (ftyp(b"mif1", b"miaf", b"avif"), "AVIF"),
        (ftyp(b"heic", b"mif1"), "HEIF"),
        (ftyp(b"mif1", b"heic"), "HEIF"),
        (ftyp(b"msf1", b"hevc"), "HEIF"),
        (tiff((256, 3, 10)), "TIFF"),
        (tiff((256, 3, 10), order=">"), "TIFF"),
        (tiff((271, 2, 5), (259, 3, 1), (262, 3, 2)), "TIFF"),
    ],
)
def test_photos(head: bytes, format_: str) -> None:
    assert sniff(head) == format_
    assert format_ in FORMATS
    assert unsupported(head) is None


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "empty"),
        (ftyp(b"isom", b"mp42"), "a video"),
        (ftyp(b"qt  "), "a video"),
        (b"RIFF\0\0\0\0AVI LIST", "a video"),
        (b"\x1aE\xdf\xa3", "a video"),
        (ftyp(b"crx "), "camera raw"),
        (b"FUJIFILMCCD-RAW 0201", "camera raw"),
        (b"IIRO\x08\0\0\0", "camera raw"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(20), "camera raw"),
        (tiff((254, 4, 1), (330, 4, 200)), "camera raw"),  # NEF, ARW
        (tiff((262, 3, 32803)), "camera raw"),
        (tiff((259, 3, 34713), order=">"), "camera raw"),
        (tiff((50706, 4, 1)), "camera raw"),  # DNG
        (b"%PDF-1.4", "a PDF document"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"\xff\x0a\xfa\x1f", "a JPEG XL image"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
        (b"PK\x03\x04", "an archive"),
        (b"\x1f\x8b\x08", "an archive"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'>", "an SVG drawing"),
        (b"<!DOCTYPE html><html>", "a web page"),
        ("Grüße vom See\n".encode(), "a text file"),
        (b"BM\x36\0", "a BMP image"),
        (bytes(HEAD), "not a photo of a known format"),
        (bytes(range(255, 0, -1)) * 4, "not a photo of a known format"),
    ],
)
def test_others(head: bytes, words: str) -> None:
    assert sniff(head) is None
    reason = unsupported(head)
    assert reason is not None
    assert words in reason
    assert reason.endswith(".")
