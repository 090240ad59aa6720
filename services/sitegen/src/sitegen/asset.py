"""The site's stylesheet, scripts and icon, under names that hold a digest of their content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePath

from sitegen.document import ASSET_CACHE, Document

FOLDER = Path(__file__).parent / "assets"

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""What an asset can be, by the end of its file's name."""

_COMMENTS = {".css": re.compile(rb"/\*.*?\*/", re.DOTALL), ".js": re.compile(rb"(?m)^[ \t]*//.*$")}


def _lean(name: str, body: bytes) -> bytes:
    """The file without comments, indentation and empty lines.

    They are for whoever reads the source, and were a fifth of what each visitor loads.  Nothing
    in the files spans lines in quotes, and a comment of a script has its line to itself.
    """
    if comments := _COMMENTS.get(PurePath(name).suffix):
        body = re.sub(rb"\s*\n\s*", b"\n", comments.sub(b"", body)).lstrip()
    return body


@cache
def _ours() -> dict[str, bytes]:
    return {
        path.name: _lean(path.name, path.read_bytes())
        for path in sorted(FOLDER.iterdir())
        if path.suffix in TYPES
    }


def documents(theirs: Mapping[str, bytes] | None = None) -> dict[str, Document]:
    """The assets by the file's own name (``gallery.css``); ``theirs`` go before our own, and are
    served as they are.

    The stylesheet is one document made of two files: ``theme.css`` says which colours, type and
    measures, ``gallery.css`` what is done with them.  One request is sooner answered than two.
    """
    files = _ours() | {
        name: body for name, body in (theirs or {}).items() if PurePath(name).suffix in TYPES
    }
    files["gallery.css"] = files.pop("theme.css") + b"\n" + files["gallery.css"]
    found: dict[str, Document] = {}
    for name, body in sorted(files.items()):
        stem, suffix = PurePath(name).stem, PurePath(name).suffix
        key = f"assets/{stem}.{hashlib.sha256(body).hexdigest()[:12]}{suffix}"
        found[name] = Document(key, body, TYPES[suffix], ASSET_CACHE)
    return found
