"""What search engines read of the site: ``robots.txt`` and the sitemaps.

The protocol knows only absolute URLs, so there are sitemaps where the site's address is known,
and it allows 50,000 URLs in each: ``sitemap.xml`` is a list of others, ``sitemap-pages.xml`` has
the albums' pages, and each album's photos' pages stand in a sitemap beside them (a sitemap may
speak only of what lies in its own folder).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from xml.etree import ElementTree as ET

from gallery import keys
from sitegen.document import FEED_CACHE, PAGE_CACHE, TEXT, XML, Document
from sitegen.words import legal

_MOST_URLS = 50_000
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"

LIST = "sitemap.xml"
PAGES = "sitemap-pages.xml"


def of_photos(slug: str) -> str:
    """The key of the sitemap of an album's photos' pages."""
    return f"{keys.photo_folder(slug)}~sitemap.xml"


def _document(key: str, outer: str, inner: str, base: str, targets: Iterable[str]) -> Document:
    root = ET.Element(outer, {"xmlns": _NAMESPACE})
    for target in islice(targets, _MOST_URLS):
        ET.SubElement(ET.SubElement(root, inner), "loc").text = legal(base + keys.url_path(target))
    ET.indent(root, "")
    body = ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
    return Document(key, body, XML, FEED_CACHE)


def of_pages(key: str, base: str, pages: Iterable[str]) -> Document:
    """The sitemap ``key`` of these pages, by their keys."""
    return _document(key, "urlset", "url", base, pages)


def of_sitemaps(base: str, sitemaps: Iterable[str]) -> Document:
    """The list of these sitemaps, by their keys."""
    return _document(LIST, "sitemapindex", "sitemap", base, sitemaps)


def robots(base: str | None) -> Document:
    """The welcome to robots, with the sitemap's address where it is known."""
    lines = ["User-agent: *", "Disallow:"]
    if base:
        lines += ["", f"Sitemap: {base}{LIST}"]
    return Document("robots.txt", ("\n".join(lines) + "\n").encode(), TEXT, PAGE_CACHE)
