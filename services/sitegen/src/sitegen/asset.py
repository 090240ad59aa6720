"""The site's stylesheet, script and icon, under names that hold a digest of their content."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from sitegen.document import ASSET_CACHE, Document

FOLDER = Path(__file__).parent / "assets"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def documents() -> dict[str, Document]:
    """The assets by the file's own name (``gallery.css``)."""
    found: dict[str, Document] = {}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in _TYPES:
            body = path.read_bytes()
            key = f"assets/{path.stem}.{hashlib.sha256(body).hexdigest()[:12]}{path.suffix}"
            found[path.name] = Document(key, body, _TYPES[path.suffix], ASSET_CACHE)
    return found
