"""A photo's own page: what is on it, what it is made from, and what it must not link."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from gallery import keys
from gallery.record import Exif, PhotoRecord
from sitegen import pages
from sitegen.pages import AlbumInput, Built
from sitegen.settings import SiteSettings
from tests.unit.sitegen import specimen
from tests.unit.sitegen.specimen import album, built, html, key_of, photo, site, tombstone, words

FULL = Exif(
    camera="nikon d3400",
    lens="35mm f/1.8",
    focal_length="35mm",
    aperture="ƒ1.8",
    shutter="1/60s",
    iso=800,
    line="nikon d3400 · 35mm · ƒ1.8 · 1/60s · ISO 800",
    more={"Metering": "spot", "Lens serial": "1234"},
)


def sheets(made: Built) -> dict[str, str]:
    return {each.key: each.inputs for each in made.sheets}


def test_what_is_on_it() -> None:
    made = built(
        "a",
        photo("photos/a/1.jpg"),
        photo("photos/a/2.jpg", exif=FULL, title="Low tide"),
        photo("photos/a/3.jpg"),
        words("photos/a/2.jpg.md", "Before *noon*."),
        site_url="https://s.example/g/",
    )
    key = "photo/a/2.jpg.html"
    page = html(made, key)
    assert page.one("h1").text == "Low tide"
    assert page.one("title").text.startswith("Low tide · a")
    said = page.one("main").text
    for words_ in ("Before noon.", "nikon d3400", "35mm f/1.8", "ƒ1.8", "800", "spot", "1.5 MB"):
        assert words_ in said, words_
    assert "3000 × 2000" in said
    assert [each.attributes["rel"] for each in page.all("a") if "rel" in each.attributes] == [
        "prev",
        "next",
    ]
    assert key_of(key, page.one("a", rel="prev").attributes["href"]) == "photo/a/1.jpg.html"
    assert key_of(key, page.one("a", rel="next").attributes["href"]) == "photo/a/3.jpg.html"
    assert key_of(key, page.one("img").attributes["src"]) in {
        each.key for each in photo("photos/a/2.jpg").renditions
    }


def test_the_card_that_others_show_of_it() -> None:
    made = built(
        "a", photo("photos/a/1.jpg", title="Low tide", exif=FULL), site_url="https://s.example/"
    )
    page = html(made, "photo/a/1.jpg.html")

    def told(name: str) -> str:
        return page.one("meta", property=name).attributes["content"]

    assert told("og:title") == "Low tide"
    assert told("og:image").startswith("https://s.example/thumbs/a/1.jpg.")
    assert told("og:image").endswith("-2048.jpg")
    assert told("og:url") == "https://s.example/photo/a/1.jpg.html"
    assert FULL.line in page.one("meta", name="description").attributes["content"]
    unknown = html(built("a", photo("photos/a/1.jpg")), "photo/a/1.jpg.html")
    assert not unknown.all("meta", property="og:image")


def test_its_files_can_be_linked_from_elsewhere() -> None:
    text = specimen.document(
        built("a", photo("photos/a/1.jpg", title="a]b"), site_url="https://s.example/"),
        "photo/a/1.jpg.html",
    ).body.decode()
    assert "https://s.example/photos/a/1.jpg" in text
    assert "![a\\]b](https://s.example/photos/a/1.jpg)" in text
    assert "&lt;img src=&#34;https://s.example/thumbs/a/1.jpg." in text


def test_where_originals_are_not_public_it_names_none_and_tells_less() -> None:
    settings = SiteSettings(originals="private")
    made = built("a", photo("photos/a/1.jpg", exif=FULL), settings=settings)
    page = specimen.document(made, "photo/a/1.jpg.html").body.decode()
    assert "photos/a/1.jpg" not in page
    assert "spot" in page
    assert "1234" not in page
    assert "1234" in specimen.document(
        built("a", photo("photos/a/1.jpg", exif=FULL)), "photo/a/1.jpg.html"
    ).body.decode("utf-8")


def test_a_photo_that_is_gone_has_a_page_that_says_so() -> None:
    rejected = PhotoRecord(
        key="photos/a/film.mov", status="rejected", reason="no", updated=specimen.NOON
    )
    made = built("a", photo("photos/a/1.jpg"), tombstone("photos/a/2.jpg"), rejected)
    assert set(sheets(made)) == {
        "photo/a/1.jpg.html",
        "photo/a/2.jpg.html",
        "photo/a/film.mov.html",
    }
    page = html(made, "photo/a/2.jpg.html")
    assert page.one("h1").text == "This photo is gone"
    assert page.one("meta", name="robots").attributes["content"] == "noindex"
    assert page.all("img") == []
    assert "../../albums/a.html" in page.links()
    assert "photo/a/2.jpg.html" not in html(made, "albums/a.html").links()


def test_it_links_the_renditions_of_its_own_photo_only() -> None:
    records = [photo(f"photos/a/{number}.jpg") for number in range(5)]
    made = built("a", *records, words("photos/a/1.jpg.md", "as [before](0.jpg), ![x](0.jpg)"))
    for record, sheet in zip(records, made.sheets, strict=True):
        body = sheet.draw().body.decode()
        for other in records:
            linked = keys.url_path(keys.rendition_prefix(other.key)) in body
            assert linked == (other is record), (sheet.key, other.key)


def changed(one: AlbumInput, other: AlbumInput) -> set[str]:
    """The photos' pages whose inputs differ; where they do not, neither do the bytes."""
    before = {each.key: each for each in pages.build_album(one).sheets}
    after = {each.key: each for each in pages.build_album(other).sheets}
    for key in before.keys() & after.keys():
        same = before[key].inputs == after[key].inputs
        assert same == (before[key].draw().body == after[key].draw().body), key
    return {
        key
        for key in before.keys() | after.keys()
        if key not in before or key not in after or before[key].inputs != after[key].inputs
    }


TEN = [
    photo(f"photos/a/{number}.jpg", taken=f"2024-05-01T10:00:{number:02}") for number in range(10)
]


@pytest.mark.parametrize(
    ("other", "pages_changed"),
    [
        (album("a", *TEN), ""),
        (replace(album("a", *TEN), fence="another"), ""),
        (album("a", *TEN, photo("photos/a/x.jpg", taken="2024-05-01T10:00:04")), "4 x 5"),
        (album("a", *TEN[:4], *TEN[5:]), "3 4 5"),
        (album("a", *TEN[:4], tombstone("photos/a/4.jpg"), *TEN[5:]), "3 4 5"),
        (album("a", *TEN, words("photos/a/4.jpg.md", "Words.")), "4"),
        (album("a", *TEN, words("photos/a/4.jpg.md", "---\ntitle: T\n---\n")), "3 4 5"),
        (album("a", *TEN, words("photos/a/index.md", "Words.")), ""),
        (album("a", *TEN, words("photos/a/index.md", "# T")), "0 1 2 3 4 5 6 7 8 9"),
        (album("a", *TEN, settings=SiteSettings(title="T")), "0 1 2 3 4 5 6 7 8 9"),
        (album("a", *TEN, site_url="https://s.example/"), "0 1 2 3 4 5 6 7 8 9"),
        (replace(album("a", *TEN), secluded=True), "0 1 2 3 4 5 6 7 8 9"),
        (replace(album("a", *TEN), bucket="b"), "0 1 2 3 4 5 6 7 8 9"),
    ],
)
def test_only_pages_whose_own_inputs_changed_are_made_anew(
    other: AlbumInput, pages_changed: str
) -> None:
    expected = {f"photo/a/{name}.jpg.html" for name in pages_changed.split()}
    assert changed(album("a", *TEN), other) == expected


def test_another_version_of_the_record_makes_another_page_whatever_it_says() -> None:
    later = msgspec.structs.replace(TEN[4], updated=TEN[4].updated.replace(year=2025))
    assert changed(album("a", *TEN), album("a", *TEN[:4], later, *TEN[5:])) == {
        "photo/a/4.jpg.html"
    }
    gone = [tombstone("photos/a/4.jpg")]
    again = [msgspec.structs.replace(gone[0], updated=gone[0].updated.replace(year=2025))]
    assert changed(album("a", *TEN[:4], *gone), album("a", *TEN[:4], *again)) == {
        "photo/a/4.jpg.html"
    }


def test_photos_of_no_album_have_pages_too() -> None:
    whole = site(photo("photos/x.jpg"), photo("photos/y.jpg"))
    page = html(whole, "photo/x.jpg.html")
    assert "../index.html" in page.links()
    assert key_of("photo/x.jpg.html", page.one("a", rel="next").attributes["href"]) == (
        "photo/y.jpg.html"
    )


def test_the_way_back_leads_to_the_page_of_the_album_that_shows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "PHOTOS_A_PAGE", 4)
    made = built("a", *TEN)
    page = html(made, "photo/a/9.jpg.html")
    back = [link for link in page.links() if "albums/a/~3.html#p" in link]
    assert back
    anchor = back[0].partition("#")[2]
    assert html(made, "albums/a/~3.html").one("li", id=anchor)
