"""What machines read of the site: ``sitemap.xml``, ``robots.txt`` and ``index.json``."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

import msgspec

from gallery import keys
from gallery.record import Card
from sitegen.document import FEED_CACHE, JSON, PAGE_CACHE, TEXT, XML, Document
from sitegen.links import Linked, url
from sitegen.photo import picture
from sitegen.words import legal

_MOST_URLS = 50_000  # what the protocol allows in one file


def sitemap(base: str, pages: Sequence[str]) -> Document:
    """The sitemap of ``pages``.  The protocol knows only absolute URLs, hence ``base``."""
    root = ET.Element("urlset", {"xmlns": "http://www.sitemaps.org/schemas/sitemap/0.9"})
    for page in pages[:_MOST_URLS]:
        ET.SubElement(ET.SubElement(root, "url"), "loc").text = legal(base + keys.url_path(page))
    ET.indent(root, " ")
    body = ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
    return Document("sitemap.xml", body, XML, FEED_CACHE)


def robots(base: str | None) -> Document:
    """The welcome to robots, with the sitemap's address where it is known."""
    lines = ["User-agent: *", "Disallow:"]
    if base:
        lines += ["", f"Sitemap: {base}sitemap.xml"]
    return Document("robots.txt", ("\n".join(lines) + "\n").encode(), TEXT, PAGE_CACHE)


def index(
    title: str, cards: Sequence[Card], base: str | None, fence: str, linked: Linked
) -> Document:
    """The albums as JSON, for others to build on.  URLs are relative unless ``base`` is known;
    ``fence`` is the digest of the inputs, as in every page."""
    here = "index.json"
    albums: list[dict[str, object]] = []
    for card in sorted(cards, key=lambda each: each.slug):
        cover = picture(here, card.cover, linked, base) if card.cover else None
        albums.append(
            {
                "path": legal(card.path),
                "title": legal(card.title),
                "url": url(here, keys.album_page(card.slug), base),
                "feed": url(here, keys.album_feed(card.slug), base),
                "photos": card.photos,
                "total": card.total,
                "first": card.first,
                "last": card.last,
                "cover": {"url": cover.src, "width": cover.width, "height": cover.height}
                if cover
                else None,
            }
        )
    content = {"version": 1, "title": legal(title), "inputs": fence, "albums": albums}
    body = msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"
    return Document(here, body, JSON, FEED_CACHE)
