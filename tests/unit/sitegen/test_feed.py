"""Atom feeds."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree as ET

from sitegen import feed
from sitegen.settings import SiteSettings
from tests.unit.sitegen import specimen
from tests.unit.sitegen.specimen import NOON, Html, built, document, key_of, photo, site

ATOM = "{http://www.w3.org/2005/Atom}"


def text_of(element: ET.Element, name: str) -> str:
    found = element.find(f"{ATOM}{name}")
    assert found is not None
    return found.text or ""


def link_of(element: ET.Element, rel: str) -> str:
    (found,) = [each for each in element.findall(f"{ATOM}link") if each.get("rel") == rel]
    return found.get("href") or ""


def test_an_albums_feed() -> None:
    photos = [
        photo(f"photos/a/{number}.jpg", arrived=NOON + timedelta(minutes=number))
        for number in range(60)
    ]
    made = built("a", *photos)
    root = specimen.xml(document(made, "albums/a/~feed.xml").body)
    assert text_of(root, "title") == "a · Photographs"
    assert text_of(root, "updated") == "2024-05-01T12:59:00Z"
    assert text_of(root, "id").startswith("urn:uuid:")
    author = root.find(f"{ATOM}author")
    assert author is not None
    assert text_of(author, "name")
    assert key_of("albums/a/~feed.xml", link_of(root, "alternate")) == "albums/a.html"
    assert key_of("albums/a/~feed.xml", link_of(root, "self")) == "albums/a/~feed.xml"
    entries = root.findall(f"{ATOM}entry")
    assert [text_of(each, "title") for each in entries] == [
        f"{number}.jpg" for number in range(59, 9, -1)
    ]
    assert text_of(entries[0], "updated") == "2024-05-01T12:59:00Z"
    assert len({text_of(each, "id") for each in entries}) == feed.ENTRIES
    for number, each in zip(range(59, 9, -1), entries, strict=True):
        page = key_of("albums/a/~feed.xml", link_of(each, "alternate"))
        assert page == f"photo/a/{number}.jpg.html"
        assert page in {sheet.key for sheet in made.sheets}


def test_ids_outlive_everything_but_the_key() -> None:
    def ids(made: bytes) -> list[str]:
        return [each.text or "" for each in specimen.xml(made).iter(f"{ATOM}id")]

    plain = ids(document(built("a", photo("photos/a/x.jpg")), "albums/a/~feed.xml").body)
    changed = built(
        "a",
        photo("photos/a/x.jpg", etag="9" * 32, title="Other", arrived=NOON + timedelta(days=9)),
        settings=SiteSettings(title="Other", url="https://s.example/"),
    )
    assert ids(document(changed, "albums/a/~feed.xml").body) == plain
    other = built("a", photo("photos/a/y.jpg"))
    assert ids(document(other, "albums/a/~feed.xml").body)[1] != plain[1]
    own = built("a", photo("photos/a/x.jpg"), settings=SiteSettings(id="mine"))
    assert set(ids(document(own, "albums/a/~feed.xml").body)).isdisjoint(plain)


def test_urls_are_absolute_where_the_site_is_known() -> None:
    for made in (
        built("a", photo("photos/a/x.jpg"), settings=SiteSettings(url="https://s.example/g/")),
        built("a", photo("photos/a/x.jpg"), site_url="https://s.example/g/"),
    ):
        root = specimen.xml(document(made, "albums/a/~feed.xml").body)
        assert link_of(root, "alternate") == "https://s.example/g/albums/a.html"
        (entry,) = root.findall(f"{ATOM}entry")
        image = Html(text_of(entry, "content")).one("img")
        assert image.attributes["src"].startswith("https://s.example/g/thumbs/a/x.jpg.")


def test_the_sites_feed_holds_every_albums_newest() -> None:
    cards = [
        specimen.card(
            name,
            *[
                photo(f"photos/{name}/{number}.jpg", arrived=NOON + timedelta(hours=number))
                for number in range(9)
            ],
        )
        for name in ("a", "b")
    ]
    whole = site(photo("photos/loose.jpg"), cards=cards)
    root = specimen.xml(document(whole, "feed.xml").body)
    titles = [text_of(each, "title") for each in root.findall(f"{ATOM}entry")]
    assert titles == [
        "8.jpg",
        "8.jpg",
        "7.jpg",
        "7.jpg",
        "6.jpg",
        "6.jpg",
        "5.jpg",
        "5.jpg",
        "loose.jpg",
    ]


def test_an_entrys_content_is_escaped_twice() -> None:
    made = built(
        "a", photo("photos/a/x.jpg", title="<b>&amp;", description="<script>alert(1)</script>\x0b")
    )
    root = specimen.xml(document(made, "albums/a/~feed.xml").body)
    (entry,) = root.findall(f"{ATOM}entry")
    assert text_of(entry, "title") == "<b>&amp;"
    content = Html(text_of(entry, "content"))
    assert {each.tag for each in content.elements} == {"p", "a", "img"}
    assert content.one("img").attributes["alt"] == "<b>&amp;"
    assert "<script>alert(1)</script>�" in content.all("p")[1].text
