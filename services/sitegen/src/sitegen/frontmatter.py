"""Front matter: the lines between two rules at the head of a text, as plain YAML."""

from __future__ import annotations

import re
from typing import Any

from gallery.plainyaml import UnreadableYaml, mapping

_FRONT = re.compile(
    r"---[ \t]*\n(?P<yaml>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)


def split(text: str) -> tuple[dict[str, Any], str, str | None]:
    """A text's front matter, the text without it, and what is wrong with the front matter.

    Front matter that cannot be read is left out, never shown.
    """
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").replace("\r\n", "\n")
    match = _FRONT.match(text)
    if match is None:
        return {}, text, None
    body = text[match.end() :]
    try:
        return mapping(match["yaml"]), body, None
    except UnreadableYaml as error:
        return {}, body, f"front matter: {error}"


def truth(value: object) -> bool:
    """Whether a YAML value says yes."""
    return isinstance(value, str) and value.strip().lower() in ("true", "yes", "on", "1")
