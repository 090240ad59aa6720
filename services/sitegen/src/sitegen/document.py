"""A document: one object of the site, as it is to be served."""

from __future__ import annotations

from dataclasses import dataclass

# A visitor sees a new photo within a minute; must-revalidate, because a page that outlives
# the renditions it links (they go after a grace) would show holes.
PAGE_CACHE = "public, max-age=60, must-revalidate"
FEED_CACHE = "public, max-age=300, must-revalidate"
# The name holds a digest of the content: it can never change.
ASSET_CACHE = "public, max-age=31536000, immutable"

HTML = "text/html; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"
XML = "application/xml; charset=utf-8"
JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Document:
    """An object to publish: its key, its bytes and the headers it is served with."""

    key: str
    body: bytes
    content_type: str
    cache_control: str


def page(key: str, html: str) -> Document:
    """An HTML page."""
    return Document(key, html.encode(), HTML, PAGE_CACHE)
