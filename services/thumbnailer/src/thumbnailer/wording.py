"""Text from metadata, made fit to show: decoded, repaired, cleaned, or left out."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

SHORT: Final = 200
"""The most characters of a value on one line."""
LONG: Final = 5_000
"""The most characters of a description."""

_BLANKS: Final = frozenset(
    {
        "", "unknown", "none", "null", "n/a", "na", "undefined", "not defined", "default", "(null)",
        "nan", "inf", "-inf", "no", "untitled",
    }
)  # fmt: skip
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*\n\s*")


def decode(raw: bytes) -> str:
    """The text in ``raw``, up to its first NUL; ``""`` where it is none.

    EXIF says ASCII; UTF-8 is what is mostly meant.  Other bytes are taken for Windows-1252 if
    most of them are plain letters: of the rest, random bytes or another alphabet's, nobody can
    make sense.
    """
    raw = raw[: 4 * LONG].split(b"\0")[0]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        rest = raw[error.start :]
        if error.reason == "unexpected end of data" and (
            len(rest) > 1 or not raw[: error.start].isascii()
        ):
            text = raw[: error.start].decode("utf-8")  # cut in the middle of a letter
        elif sum(32 <= byte < 127 for byte in raw) * 3 < len(raw) * 2:
            return ""
        else:
            text = raw.decode("cp1252", "ignore")
    return _repaired(text)


def _repaired(text: str) -> str:
    """Undo UTF-8 that was once read as Latin-1 (``CafÃ©``): what survives both ways was."""
    if text.isascii():
        return text
    for encoding in ("latin-1", "cp1252"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return text


def clean(text: str, most: int = SHORT, *, lines: bool = False) -> str | None:
    """``text`` without what does not show, at most ``most`` characters; ``None`` if that
    leaves nothing to show.

    Control characters, private and unassigned ones and the marks that turn the direction of
    the text around them become spaces; runs of spaces become one; with ``lines``, line breaks
    stay.  Words for "nothing" (``unknown``, ``n/a``, dashes) are nothing.
    """
    text = text[: 4 * most].replace("\r\n", "\n").replace("\r", "\n")
    if not lines:
        text = text.replace("\n", " ")
    shown = "".join(
        c if c == "\n" or c == "\u200d" or unicodedata.category(c)[0] != "C" else " " for c in text
    ).replace("\ufffd", " ")
    shown = _LINES.sub("\n\n", _SPACES.sub(" ", shown)).strip()
    if shown.lower().strip(" .") in _BLANKS or not any(c.isalnum() for c in shown):
        return None
    if len(shown) > most:
        shown = shown[: most - 1].rstrip() + "…"
    return shown
