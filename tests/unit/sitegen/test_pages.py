"""An album's pages and the site's: what is on them, and what is not."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator, ValidationError

from gallery import keys
from gallery.record import Card, Exif, PhotoRecord, Rendition, Taken
from sitegen import asset, card, index, look, pages, sitemap
from sitegen.document import ASSET_CACHE
from sitegen.settings import MenuItem, SiteSettings, parse
from tests.unit.sitegen import specimen
from tests.unit.sitegen.specimen import (
    FENCE,
    NOON,
    built,
    document,
    html,
    key_of,
    photo,
    site,
    tombstone,
    words,
)

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
ATOM = "{http://www.w3.org/2005/Atom}"


def test_an_album_page() -> None:
    first = photo("photos/2024-05-01 Lisbon/a.jpg", taken="2024-05-01T10:00:00")
    second = photo(
        "photos/2024-05-01 Lisbon/b.jpg", taken="2024-05-03T10:00:00", width=2000, height=3000
    )
    made = built("2024-05-01 Lisbon", second, first)
    page = html(made, "albums/2024-05-01 Lisbon.html")
    assert page.one("h1").text == "Lisbon"
    assert page.one("title").text == "Lisbon · Photographs"
    assert page.one("p", class_="facts").text == "1–3 May 20242 photos"
    assert page.one("meta", name="safelight:inputs").attributes["content"] == FENCE
    images = page.all("img")
    assert [each.attributes["alt"] for each in images] == ["a.jpg", "b.jpg"]
    assert (images[1].attributes["width"], images[1].attributes["height"]) == ("1365", "2048")
    assert images[0].attributes["fetchpriority"] == "high"
    widths = [part.rpartition(" ")[2] for part in images[0].attributes["srcset"].split(", ")]
    assert widths == ["600w", "1200w", "2048w"]
    boxes = page.all("input", name="photo")
    assert [key_of("albums/2024-05-01 Lisbon.html", box.attributes["value"]) for box in boxes] == [
        first.key,
        second.key,
    ]
    assert [each.attributes["datetime"] for each in page.all("time")] == [
        "2024-05-01T10:00:00",
        "2024-05-03T10:00:00",
    ]
    assert "nikon d3400 · 35mm · ƒ1.8 · 1/60s · ISO 800" in page.one("main").text
    assert made.linked == {first.key: first.digest, second.key: second.digest}


def test_every_label_names_its_photo() -> None:
    page = html(built("a", photo("photos/a/x.jpg"), photo("photos/a/y.jpg")), "albums/a.html")
    labels = [box.attributes["aria-label"] for box in page.all("input", name="photo")]
    assert labels == ["Select x.jpg", "Select y.jpg"]


def test_the_shape_is_told_in_classes() -> None:
    page = html(built("a", photo("photos/a/x.jpg", width=4032, height=3024)), "albums/a.html")
    # 2048 / 1536
    assert [each.attributes["class"] for each in page.all("li") if "class" in each.attributes] == [
        "u1 t3 h3 m3"
    ]


def test_no_page_has_style_or_script_of_its_own() -> None:
    settings, _ = parse("title: A\nmenu:\n  B: https://b.example\n")
    made = built(
        "a", photo("photos/a/x.jpg"), words("photos/a/index.md", "hello"), settings=settings
    )
    whole = site(photo("photos/y.jpg"), cards=[card_of(made)], settings=settings)
    for each in (*made.documents, *whole.documents):
        if each.content_type.startswith("text/html"):
            page = specimen.Html(each.body)
            assert page.all("style") == []
            for script in page.all("script"):
                assert script.attributes["src"]
                assert script.text == ""
            for element in page.elements:
                assert "style" not in element.attributes
                assert not [name for name in element.attributes if name.startswith("on")]


def card_of(made: pages.Built) -> Card:
    assert made.card is not None
    return made.card


def test_photos_are_in_the_order_they_were_taken() -> None:
    names = {
        "b.jpg": "2024-05-01T10:00:00",
        "a.jpg": "2024-05-01T11:00:00",
        "IMG_10.jpg": "2024-05-01T09:00:00",
        "IMG_9.jpg": "2024-05-01T09:00:00",
        "z.jpg": None,
        "y.jpg": "not a date",
    }
    records = [photo(f"photos/a/{name}", taken=taken) for name, taken in names.items()]
    undated = photo("photos/a/c.jpg", taken=None)
    saved = Taken(local="2001-01-01T00:00:00", source="modified")
    records.append(msgspec.structs.replace(undated, taken=saved))

    def order(text: str) -> list[str]:
        page = html(built("a", *records, words("photos/a/index.md", text)), "albums/a.html")
        return [each.attributes["alt"] for each in page.all("img")]

    by_date = ["IMG_9.jpg", "IMG_10.jpg", "b.jpg", "a.jpg", "c.jpg", "y.jpg", "z.jpg"]
    assert order("words") == by_date
    assert order("---\norder: name\n---\n") == [
        "a.jpg",
        "b.jpg",
        "c.jpg",
        "IMG_9.jpg",
        "IMG_10.jpg",
        "y.jpg",
        "z.jpg",
    ]
    assert order("---\norder: newest\n---\n") == [
        "a.jpg",
        "b.jpg",
        "IMG_9.jpg",
        "IMG_10.jpg",
        "c.jpg",
        "y.jpg",
        "z.jpg",
    ]


def test_the_title_is_the_texts_before_the_folders() -> None:
    one = photo("photos/a_b/x.jpg")
    for text, title in [
        ("words", "a b"),
        ("# Heading\n\nwords", "Heading"),
        ("---\ntitle: Given\n---\n# Heading\n", "Given"),
    ]:
        made = built("a_b", one, words("photos/a_b/index.md", text))
        assert html(made, "albums/a_b.html").one("h1").text == title
        assert card_of(made).title == title


def test_captions_and_titles() -> None:
    made = built(
        "a",
        photo("photos/a/1.jpg", title="Tram 28", description="from the camera"),
        photo("photos/a/2.jpg", description="from the camera"),
        words("photos/a/1.jpg.md", "**up** the hill"),
        words("photos/a/2.jpg.md", "---\ntitle: Named\n---\n"),
        words("photos/a/3.jpg.md", "of no photo"),
    )
    page = html(made, "albums/a.html")
    assert [each.attributes["alt"] for each in page.all("img")] == [
        "up the hill",
        "from the camera",
    ]
    assert page.one("strong").text == "up"
    names = [box.attributes["aria-label"] for box in page.all("input", name="photo")]
    assert names == ["Select Tram 28", "Select Named"]
    assert "of no photo" not in page.one("main").text


def test_an_album_of_tombstones_keeps_its_page() -> None:
    made = built("a", tombstone("photos/a/x.jpg"))
    page = html(made, "albums/a.html")
    assert "This album is empty." in page.one("main").text
    assert page.one("meta", name="robots").attributes["content"] == "noindex"
    assert (card_of(made).photos, card_of(made).total) == (0, 0)
    assert [each.key for each in made.documents] == [
        "albums/a.html",
        "albums/a/~feed.xml",
        "albums/a/~index.json",
    ]
    parent = html(site(cards=[card_of(made)]), "index.html")
    assert parent.all("article") == []


@pytest.mark.parametrize(
    "records",
    [
        (),
        (msgspec.structs.replace(photo("photos/a/x.jpg"), status="rejected"),),
        (words("photos/a/x.jpg.md", "a caption alone"),),
        (words("photos/a/index.md", "  \n"),),
        (photo("photos/b/x.jpg"),),
    ],
)
def test_an_album_without_anything_to_show_is_none(records: tuple[PhotoRecord, ...]) -> None:
    made = built("a", *records)
    assert made.documents == ()
    assert made.card is None
    assert made.linked == {}


def test_the_card_of_an_album_that_is_no_more_keeps_nobody() -> None:
    gone = Card(slug="a/b", path="a/b", title="", hidden=True)
    assert built("a", children=[gone]).card is None


def test_a_photo_with_foreign_renditions_is_not_shown() -> None:
    good = photo("photos/a/x.jpg")
    for key in (
        "//elsewhere.example/x.jpg",
        "thumbs/b/x.jpg.0123456789abcdef-600.jpg",
        "index.html",
    ):
        bad = msgspec.structs.replace(
            good, renditions=(Rendition(key=key, width=600, height=400, bytes=1),)
        )
        assert built("a", bad).documents == ()
    for width, height in ((0, 400), (600, 0), (-600, 400)):
        bad = msgspec.structs.replace(
            good,
            renditions=tuple(
                msgspec.structs.replace(each, width=width, height=height)
                for each in good.renditions
            ),
        )
        assert built("a", bad).documents == ()


def test_parents_and_children() -> None:
    child = specimen.card("2024/Lisbon & sea", photo("photos/2024/Lisbon & sea/x.jpg"))
    hidden = specimen.card(
        "2024/h",
        photo("photos/2024/h/x.jpg"),
        words("photos/2024/h/index.md", "---\nhidden: true\n---\n"),
    )
    made = built("2024", photo("photos/2024/own.jpg"), children=[child, hidden])
    page = html(made, "albums/2024.html")
    assert [each.text for each in page.all("h3")] == ["Lisbon & sea"]
    assert "2024/Lisbon%20%26%20sea.html" in page.links()
    assert (card_of(made).photos, card_of(made).total) == (1, 2)
    below = html(
        built("2024/Lisbon & sea", photo("photos/2024/Lisbon & sea/x.jpg")),
        "albums/2024/Lisbon & sea.html",
    )
    assert [each.attributes["href"] for each in below.all("a")][1:3] == [
        "../../index.html",
        "../2024.html",
    ]


def test_a_parent_of_nothing_but_albums() -> None:
    children = [specimen.card(f"y/{name}", photo(f"photos/y/{name}/x.jpg")) for name in "ab"]
    made = built("y", children=children)
    assert card_of(made).cover in [child.cover for child in children]
    assert card_of(made).total == 2
    assert html(made, "albums/y.html").all("input", name="photo") == []


def test_the_cover_hardly_changes() -> None:
    photos = [photo(f"photos/a/{number}.jpg") for number in range(40)]
    upright = [photo(f"photos/a/u{number}.jpg", width=2000, height=3000) for number in range(40)]
    covers = []
    for count in range(1, 41):
        cover = specimen.card("a", *photos[:count], *upright[:count]).cover
        assert cover is not None
        covers.append(cover.key)
    assert not any("/u" in key for key in covers)
    changes = sum(before != after for before, after in itertools.pairwise(covers))
    assert 1 <= changes <= 10
    again = card.cover([*photos[::-1]], [], None)
    assert again is not None
    assert again.key == covers[-1]


def test_a_new_renderer_does_not_change_the_cover() -> None:
    photos = [photo(f"photos/a/{number}.jpg") for number in range(9)]
    cover = card.cover(photos, [], None)
    later = [msgspec.structs.replace(each, digest="f" * 16, renditions=()) for each in photos]
    later = [
        msgspec.structs.replace(
            each,
            renditions=(
                Rendition(
                    key=keys.rendition(each.key, each.digest, 600), width=600, height=400, bytes=1
                ),
            ),
        )
        for each in later
    ]
    again = card.cover(later, [], None)
    assert cover is not None
    assert again is not None
    assert again.key == cover.key


def test_the_cover_the_text_chose() -> None:
    photos = [photo(f"photos/a/{number}.jpg", width=2000, height=3000) for number in range(9)]
    for number in range(9):
        chosen = specimen.card(
            "a", *photos, words("photos/a/index.md", f"---\ncover: {number}.JPG\n---\n")
        )
        assert chosen.cover is not None
        assert chosen.cover.key == f"photos/a/{number}.jpg"


def test_days_of_an_album() -> None:
    def days(
        slug: str, *taken: str | None, text: str = "", source: str = "exif"
    ) -> tuple[str | None, ...]:
        records = [
            photo(f"photos/{slug}/{number}.jpg", taken=each) for number, each in enumerate(taken)
        ]
        records = [
            msgspec.structs.replace(
                each, taken=each.taken and msgspec.structs.replace(each.taken, source=source)
            )
            for each in records
        ]
        found = specimen.card(slug, *records, words(f"photos/{slug}/index.md", text))
        return found.first, found.last

    assert days("a", "2024-05-03T10:00:00", "2024-05-01T10:00:00") == ("2024-05-01", "2024-05-03")
    # The photos of a film carry the day of the scan.
    assert days("8-21-21_film_portra-800", "2023-01-01T10:00:00") == ("2021-08-21", "2021-08-21")
    assert days("2024-05-01 Lisbon", "2024-05-02T10:00:00") == ("2024-05-02", "2024-05-02")
    assert days("2024-05-01 Lisbon", None) == ("2024-05-01", "2024-05-01")
    assert days("2024-05-01 b", "2025-01-01T10:00:00", source="modified") == (
        "2024-05-01",
        "2024-05-01",
    )
    assert days("a", "2025-01-01T10:00:00", source="modified") == ("2025-01-01", "2025-01-01")
    assert days("a", "2025-01-01T10:00:00", text="---\ndate: 1999-12\n---\n") == (
        "1999-12-01",
        "1999-12-31",
    )
    assert days("a", None) == (None, None)


def test_a_large_album_is_paged() -> None:
    photos = [photo(f"photos/a/{number}.jpg", taken=None) for number in range(450)]
    made = built("a", *photos)
    listed = [each.key for each in made.documents]
    assert listed == [
        "albums/a.html",
        "albums/a/~2.html",
        "albums/a/~3.html",
        "albums/a/~feed.xml",
        "albums/a/~index.json",
    ]
    counts = [len(html(made, key).all("input", name="photo")) for key in listed[:3]]
    assert counts == [200, 200, 50]
    second = html(made, "albums/a/~2.html")
    assert second.one("a", rel="prev").attributes["href"] == "../a.html"
    assert second.one("a", rel="next").attributes["href"] == "~3.html"
    for key in listed[:3]:
        assert html(made, key).one("meta", name="safelight:inputs").attributes["content"] == FENCE
        lazy = [each.attributes.get("loading") for each in html(made, key).all("img")]
        assert lazy[:4] == [None] * 3 + ["lazy"]


def test_hidden_albums_are_listed_nowhere() -> None:
    text = words("photos/a/index.md", "---\nhidden: true\n---\n")
    made = built("a", photo("photos/a/x.jpg"), text, site_url="https://s.example/")
    for each in made.documents[1:]:
        # They are there, so that nothing comes and goes, and have nothing in them.
        assert b"x.jpg" not in each.body, each.key
    assert html(made, "albums/a.html").one("meta", name="robots").attributes["content"] == "noindex"
    below = specimen.card("a/below", photo("photos/a/below/x.jpg"))
    shown = specimen.card("b", photo("photos/b/x.jpg"))
    whole = site(cards=[card_of(made), below, shown], site_url="https://s.example/")
    for each in whole.documents:
        assert b"albums/a" not in each.body, each.key
        assert b"photos/a/" not in each.body, each.key
    assert b"albums/b" in document(whole, "index.html").body
    assert set(whole.linked) == {"photos/b/x.jpg"}


def test_the_home_page() -> None:
    lisbon = specimen.card("2024/Lisbon", photo("photos/2024/Lisbon/x.jpg"))
    year = specimen.card("2024", children=[lisbon])
    older = specimen.card("old", photo("photos/old/x.jpg", taken="1999-01-01T00:00:00"))
    settings = SiteSettings(
        title="Véra",
        subtitle="Water",
        footer="All rights",
        menu=(MenuItem("Lisbon", "albums/2024/Lisbon.html", external=False),),
    )
    whole = site(
        photo("photos/loose.jpg"),
        words("photos/index.md", "Welcome."),
        cards=[older, year, lisbon],
        settings=settings,
    )
    page = html(whole, "index.html")
    assert page.one("h1").text == "Véra"
    assert page.one("title").text == "Véra"
    assert [each.text for each in page.all("h3")] == ["2024", "old"]
    assert page.one("ul", class_="nested").text == "Lisbon"
    assert len(page.all("input", name="photo")) == 1
    assert "Welcome." in page.one("main").text
    assert page.links().count("albums/2024/Lisbon.html") == 2
    assert whole.card is not None
    assert whole.card.total == 3
    assert set(whole.linked) == {"photos/2024/Lisbon/x.jpg", "photos/old/x.jpg", "photos/loose.jpg"}


def test_an_album_whose_parent_has_no_card_is_on_the_home_page() -> None:
    orphan = specimen.card("no/such/parent", photo("photos/no/such/parent/x.jpg"))
    assert "albums/no/such/parent.html" in html(site(cards=[orphan]), "index.html").links()


def test_an_empty_site() -> None:
    whole = site()
    assert "No photos yet." in html(whole, "index.html").one("main").text
    updated = specimen.xml(document(whole, "feed.xml").body).find(f"{ATOM}updated")
    assert updated is not None
    assert updated.text == "1970-01-01T00:00:00Z"


def test_two_cards_that_disagree_about_a_photo_show_its_latest_renditions() -> None:
    old = photo("photos/y/a/x.jpg", etag="1" * 32)
    new = photo("photos/y/a/x.jpg", etag="2" * 32, arrived=NOON + timedelta(days=1))
    fresh = specimen.card("y/a", new)
    stale = specimen.card("y", children=[specimen.card("y/a", old)])
    whole = site(cards=[stale, fresh])
    assert whole.linked == {"photos/y/a/x.jpg": new.digest}
    for each in whole.documents:
        assert old.digest.encode() not in each.body
    assert new.digest.encode() in document(whole, "index.html").body


def test_every_local_link_leads_to_something() -> None:
    records = [photo(f"photos/ü/a&b/{number}.jpg") for number in range(3)]
    child = built(
        "ü/a&b", *records, words("photos/ü/a&b/index.md", "![x](1.jpg) [y](2.jpg) [up](../)")
    )
    parent = built("ü", children=[card_of(child)])
    whole = site(photo("photos/q.jpg"), cards=[card_of(parent), card_of(child)])
    photos = {each.key: each for each in [*records, photo("photos/q.jpg")]}
    known = specimen.known_keys(child, parent, whole, records=photos)
    seen = 0
    for made in (child, parent, whole):
        for each in made.documents:
            if each.content_type.startswith("text/html") and each.key != "404.html":
                for link in specimen.Html(each.body).links():
                    if not link.startswith("#"):
                        assert key_of(each.key, link) in known, (each.key, link)
                        seen += 1
    assert seen > 40


def test_the_page_for_what_is_missing_works_at_any_depth() -> None:
    for url, home in (
        (None, "/index.html"),
        ("https://s.example/g/", "https://s.example/g/index.html"),
    ):
        page = html(site(site_url=url), "404.html")
        assert page.one("meta", name="robots").attributes["content"] == "noindex"
        assert home in page.links()
        for link in page.links():
            assert link.startswith(("/", "https://s.example/g/", "#")), link


def test_assets_are_named_by_their_content_and_kept_for_ever() -> None:
    found = {each.key: each for each in site().documents if each.key.startswith("assets/")}
    assert len(found) == 4
    for each in found.values():
        assert each.cache_control == ASSET_CACHE
    assert {each.key for each in asset.documents().values()} == set(found)
    assert {
        link for link in html(site(), "index.html").links() if link.startswith("assets/")
    } == set(found)


def test_types_and_caches() -> None:
    made = built("a", photo("photos/a/x.jpg"))
    whole = site(cards=[card_of(made)], site_url="https://s.example/")
    types = {each.key: each.content_type for each in (*made.documents, *whole.documents)}
    assert types["albums/a.html"] == "text/html; charset=utf-8"
    assert types["albums/a/~feed.xml"] == "application/atom+xml; charset=utf-8"
    assert types["sitemap.xml"] == "application/xml; charset=utf-8"
    assert types["index.json"] == "application/json; charset=utf-8"
    assert types["robots.txt"] == "text/plain; charset=utf-8"
    for each in (*made.documents, *whole.documents):
        if not each.key.startswith("assets/"):
            assert "must-revalidate" in each.cache_control


def test_sitemaps_and_robots() -> None:
    photos = [photo(f"photos/a/{number}.jpg") for number in range(201)]
    made = built("a", *photos, site_url="https://s.example/g/")
    whole = site(photo("photos/x.jpg"), cards=[card_of(made)], site_url="https://s.example/g/")

    def locations(of: pages.Built, key: str) -> list[str]:
        found = [each.text or "" for each in specimen.xml(document(of, key).body).iter()]
        return [each.strip() for each in found if each.strip()]

    assert locations(whole, "sitemap.xml") == [
        "https://s.example/g/sitemap-pages.xml",
        "https://s.example/g/photo/~sitemap.xml",
        "https://s.example/g/photo/a/~sitemap.xml",
    ]
    assert locations(whole, "sitemap-pages.xml") == [
        "https://s.example/g/index.html",
        "https://s.example/g/albums/a.html",
        "https://s.example/g/albums/a/~2.html",
    ]
    assert locations(whole, "photo/~sitemap.xml") == ["https://s.example/g/photo/x.jpg.html"]
    listed = locations(made, "photo/a/~sitemap.xml")
    assert listed[0] == "https://s.example/g/photo/a/0.jpg.html"
    assert len(listed) == 201
    assert b"Sitemap: https://s.example/g/sitemap.xml" in document(whole, "robots.txt").body
    assert not [each.key for each in site(photo("photos/x.jpg")).documents if "sitemap" in each.key]
    assert not [each.key for each in built("a", *photos).documents if "sitemap" in each.key]


def test_a_sitemap_holds_no_more_than_it_may() -> None:
    many = sitemap.of_pages("s.xml", "https://s/", (f"{number}.html" for number in range(60_000)))
    assert many.body.count(b"<loc>") == 50_000


def test_the_index_for_machines() -> None:
    whole = site(cards=[specimen.card("ü", photo("photos/ü/x.jpg"))])
    (entry,) = json.loads(document(whole, "index.json").body)["albums"]
    assert entry["url"] == "albums/%C3%BC.html"
    assert entry["feed"] == "albums/%C3%BC/~feed.xml"
    assert entry["index"] == "albums/%C3%BC/~index.json"
    assert (entry["path"], entry["photos"], entry["first"]) == ("ü", 1, "2024-05-01")


def test_the_index_of_an_album() -> None:
    child = specimen.card("a/b", photo("photos/a/b/x.jpg"))
    record = photo("photos/a/1.jpg", title="Low tide")
    made = built(
        "a",
        record,
        photo("photos/a/2.jpg", taken=None),
        words("photos/a/1.jpg.md", "*Noon*"),
        children=[child],
        site_url="https://s.example/",
    )
    found = json.loads(document(made, "albums/a/~index.json").body)
    assert found["url"] == "https://s.example/albums/a.html"
    assert [each["index"] for each in found["albums"]] == [
        "https://s.example/albums/a/b/~index.json"
    ]
    first, second = found["photos"]
    assert first["url"] == "https://s.example/photo/a/1.jpg.html"
    assert (first["title"], first["caption"], first["taken"]) == (
        "Low tide",
        "Noon",
        "2024-05-01T10:00:00",
    )
    assert first["offered"] == {
        "kind": "original",
        "url": "https://s.example/photos/a/1.jpg",
        "path": "a/1.jpg",
        "bytes": 1_500_000,
    }
    assert [each["width"] for each in first["renditions"]] == [600, 1200, 2048]
    assert first["colours"] == list(record.placeholder)
    assert second["taken"] is None


def test_the_indexes_are_what_their_schemas_say() -> None:
    made = built(
        "a", photo("photos/a/x.jpg"), children=[specimen.card("a/b", photo("photos/a/b/y.jpg"))]
    )
    whole = site(cards=[card_of(made)])
    empty = built("b", tombstone("photos/b/x.jpg"))
    for of, key, name in (
        (whole, "index.json", "site-index.v1.json"),
        (made, "albums/a/~index.json", "album-index.v1.json"),
        (empty, "albums/b/~index.json", "album-index.v1.json"),
    ):
        published = json.loads((SCHEMAS / name).read_text("utf-8"))
        assert published == json.loads(json.dumps(index.schemas()[name]))
        strict = Draft202012Validator(published)
        found = json.loads(document(of, key).body)
        strict.validate(found)
        with pytest.raises(ValidationError):
            strict.validate({**found, "version": 2})


def test_the_same_input_makes_the_same_bytes() -> None:
    records = [photo(f"photos/a/{number}.jpg", taken=None) for number in range(30)]
    one, other = built("a", *records), built("a", *records[::-1])
    assert one == other
    cards = [specimen.card(name, photo(f"photos/{name}/x.jpg")) for name in "abc"]
    assert site(cards=cards) == site(cards=cards[::-1])


def test_the_fence_changes_the_pages_and_the_feed() -> None:
    album = specimen.album("a", photo("photos/a/x.jpg"))
    one, other = pages.build_album(album), pages.build_album(replace(album, fence='other"><b>'))
    assert [each.key for each in one.documents] == [each.key for each in other.documents]
    changed = [a.key for a, b in zip(one.documents, other.documents, strict=True) if a != b]
    # The feed and the index link the album's own photos only.
    assert changed == ["albums/a.html"]
    content = (
        html(other, "albums/a.html").one("meta", name="safelight:inputs").attributes["content"]
    )
    assert content == 'other"><b>'


def test_the_top_album_is_not_an_album() -> None:
    with pytest.raises(ValueError, match="build_site"):
        built("")


def test_the_slug_of_an_over_long_path_is_shown_by_its_real_name() -> None:
    path = "/".join(["x" * 200] * 5) + "/2024-05-01 Lisbon"
    slug = keys.slug(path)
    assert slug != path
    made = built(slug, photo(f"photos/{path}/x.jpg"))
    assert card_of(made).title == "Lisbon"
    assert card_of(made).path == path


def test_languages() -> None:
    made = built("a", photo("photos/a/x.jpg"), settings=SiteSettings(language="de"))
    page = html(made, "albums/a.html")
    assert page.one("html").attributes["lang"] == "de"
    assert "1. Mai 2024" in page.one("main").text


def test_fingerprint_covers_every_module_that_makes_pages() -> None:
    import ast

    folder = look.TEMPLATES.parent
    seen, queue = set(), ["pages"]
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "sitegen":
                queue += [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sitegen."):
                queue.append(str(node.module).partition(".")[2])
    assert seen == set(pages.CRAFT)
    assert len(pages.fingerprint()) == 16


def test_exif_that_is_not_fit_to_print() -> None:
    odd = photo("photos/a/x.jpg", exif=Exif(line="<b>\x00nikon\n" + "x" * 10_000))
    page = html(built("a", odd), "albums/a.html")
    (line,) = [each.text for each in page.all("bdi") if "nikon" in each.text]
    assert line.startswith("<b>�nikon xxx")
    assert len(line) == 160
