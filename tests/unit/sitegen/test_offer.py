"""What visitors are offered of a photo, where the owner chose what they may take."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from gallery import keys
from gallery.originals import FROM_LOOSE_TO_STRICT, Originals
from gallery.record import PhotoRecord, Stripped, TextRecord
from sitegen import folder
from sitegen.links import Offer, offered
from sitegen.pages import Built
from sitegen.settings import MenuItem, SiteSettings, parse
from tests.unit.sitegen.script import command, needs_node
from tests.unit.sitegen.specimen import built, card, html, key_of, photo, site, words
from tests.unit.sitegen.test_folder import put


def with_copy(record: PhotoRecord, ending: str = "jpg") -> PhotoRecord:
    """The record where a stripped copy was made."""
    copy = Stripped(key=keys.stripped(record.key, record.digest, ending), bytes=1_400_000)
    return msgspec.structs.replace(record, stripped=copy)


TRAM = with_copy(photo("photos/Lisbon/tram.JPG"))


def test_each_choice_offers_what_it_says() -> None:
    assert offered(TRAM, "public") == Offer(TRAM.key, "Lisbon/tram.JPG", 1_500_000, "original")
    assert TRAM.stripped is not None
    assert offered(TRAM, "stripped") == Offer(
        TRAM.stripped.key, "Lisbon/tram.JPG", 1_400_000, "copy"
    )
    largest = TRAM.renditions[-1]
    assert offered(TRAM, "private") == Offer(largest.key, "Lisbon/tram.JPG", 1000, "rendition")


def test_without_a_copy_it_is_the_largest_rendition() -> None:
    """Not made yet, or not to be had, or one that is not this photo's."""
    bare = photo("photos/a/x.jpg")
    none = msgspec.structs.replace(bare, stripped=Stripped(reason="A HEIC cannot be stripped."))
    foreign = msgspec.structs.replace(bare, stripped=Stripped(key="photos/a/x.jpg", bytes=1))
    other = with_copy(photo("photos/b/x.jpg"))
    stolen = msgspec.structs.replace(bare, stripped=other.stripped)
    for record in (bare, none, foreign, stolen):
        found = offered(record, "stripped")
        assert found is not None
        assert (found.what, found.key) == ("rendition", bare.renditions[-1].key)


@pytest.mark.parametrize(
    ("name", "ending", "path"),
    [
        ("a.jpg", "jpg", "a.jpg"),
        ("a.JPEG", "jpg", "a.JPEG"),
        ("a.png", "png", "a.png"),
        ("a.webp", "webp", "a.webp"),
        # Told by content: this one's name lies.
        ("a.png", "jpg", "a.png.jpg"),
        ("a", "jpg", "a.jpg"),
        ("a.b", "png", "a.b.png"),
    ],
)
def test_a_copy_is_called_what_its_original_is(name: str, ending: str, path: str) -> None:
    found = offered(with_copy(photo(f"photos/{name}"), ending), "stripped")
    assert found is not None
    assert found.path == path


def test_what_is_made_of_other_formats_ends_as_it_should() -> None:
    """And is not called as a photo beside it is."""
    found = [offered(photo(f"photos/a/{name}"), "private") for name in ("x.heic", "x.jpg", "x.tif")]
    assert [each.path for each in found if each] == ["a/x.heic.jpg", "a/x.jpg", "a/x.tif.jpg"]


def test_a_photo_that_is_not_shown_is_not_offered() -> None:
    for choice in FROM_LOOSE_TO_STRICT:
        assert offered(msgspec.structs.replace(TRAM, status="rejected"), choice) is None
        assert offered(msgspec.structs.replace(TRAM, renditions=()), choice) is None


def everything(originals: Originals) -> list[Built]:
    """A site that speaks of its photos wherever it can."""
    settings = SiteSettings(
        originals=originals,
        url="https://photos.example.org/",
        menu=(MenuItem("Best", "photos/Lisbon/tram.JPG", external=False),),
    )
    records: list[PhotoRecord | TextRecord] = [
        TRAM,
        with_copy(photo("photos/Lisbon/rain.jpg", description="Rain")),
        words(
            "photos/Lisbon/index.md",
            "---\ncover: tram.JPG\n---\nThe [tram](tram.JPG): ![](rain.jpg)",
        ),
        words("photos/Lisbon/rain.jpg.md", "See [the tram](tram.JPG)."),
    ]
    album = built("Lisbon", *records, settings=settings)
    loose: list[PhotoRecord | TextRecord] = [
        TRAM,
        photo("photos/top.jpg"),
        words("photos/index.md", "[top](top.jpg)"),
    ]
    home = site(*loose, cards=[card("Lisbon", *records)], settings=settings)
    return [album, home]


def test_originals_are_named_nowhere_unless_they_are_public() -> None:
    """No page, feed, sitemap or index has the address of one."""
    public = b"".join(each.body for made in everything("public") for each in made.documents)
    assert public.count(b"photos/Lisbon/tram.JPG") > 3
    for choice in ("stripped", "private"):
        for made in everything(choice):
            for document in made.documents:
                text = document.body.replace(b"https://photos.example.org/", b"")
                assert b"photos/" not in text or document.key.startswith("assets/"), document.key
    index = next(each for each in everything("private")[1].documents if each.key == "index.json")
    assert json.loads(index.body)["albums"]


def test_what_is_offered_is_in_the_ledger() -> None:
    """The thumbnailer must not remove a copy that a page links."""
    album, _ = everything("stripped")
    assert album.linked[TRAM.key] == TRAM.digest
    page = html(album, "albums/Lisbon.html")
    links = {key_of("albums/Lisbon.html", link) for link in page.links()}
    assert TRAM.stripped is not None
    assert TRAM.stripped.key in links


def test_a_ticked_copy_is_saved_by_its_originals_name() -> None:
    """The box tells the path, the link the name."""
    made = built("Lisbon", TRAM, settings=SiteSettings(originals="stripped"))
    page = html(made, "albums/Lisbon.html")
    (box,) = page.all("input", name="photo")
    assert box.attributes["data-file"] == "Lisbon/tram.JPG"
    assert box.attributes["data-bytes"] == "1400000"
    (link,) = [each for each in page.all("a") if "download" in each.attributes]
    assert link.attributes["download"] == "tram.JPG"
    public = html(built("Lisbon", TRAM), "albums/Lisbon.html")
    assert not [each for each in public.elements if "data-file" in each.attributes]


@needs_node
def test_the_command_takes_the_path_that_the_page_tells() -> None:
    url = "https://s/thumbs/a/x.jpg.0123456789abcdef-stripped.jpg"
    told = command([url], "https://s/", {url: "a/it's x.jpg"})
    assert told.endswith(f"--output 'a/it'\\''s x.jpg' '{url}'")
    told = command([url], "https://s/", {url: "-rf/x.jpg"})
    assert told.endswith(f"--output './-rf/x.jpg' '{url}'")


@pytest.mark.parametrize(
    ("text", "originals", "problems"),
    [
        ("title: x", "public", 0),
        ("originals: stripped", "stripped", 0),
        ("Originals: ' Private '", "private", 0),
        # Whatever else was meant, it was not "public".
        ("originals: privat", "private", 1),
        ("originals:", "private", 1),
        ("originals: [public]", "private", 1),
        ("title: {{\noriginals: private", "private", 1),
        ("title: {{", "public", 1),
    ],
)
def test_the_settings_file(text: str, originals: Originals, problems: int) -> None:
    found, told = parse(text)
    assert (found.originals, len(told)) == (originals, problems)


def test_a_folders_settings_and_option(tmp_path: Path) -> None:
    """The stricter one holds; settings that cannot be read count as the strictest."""
    catalog, out = tmp_path / "catalog", tmp_path / "site"
    put(catalog, TRAM)
    page = out / "albums" / "Lisbon.html"

    def offers(originals: Originals) -> str:
        folder.build(catalog, out, None, originals)
        (box,) = [each for each in html_of(page) if each.startswith("../")]
        return box

    def html_of(path: Path) -> list[str]:
        from tests.unit.sitegen.specimen import Html

        return [
            each.attributes["value"] for each in Html(path.read_bytes()).all("input", name="photo")
        ]

    assert offers("public") == "../photos/Lisbon/tram.JPG"
    assert offers("stripped").endswith("-stripped.jpg")
    put(catalog, words("photos/safelight.yaml", "originals: private", kind="settings"))
    assert offers("public").endswith("-2048.jpg")
    assert offers("stripped").endswith("-2048.jpg")
    put(catalog, words("photos/safelight.yaml", "originals: stripped", kind="settings"))
    assert offers("public").endswith("-stripped.jpg")
    put(
        catalog,
        words("photos/safelight.yaml", "", kind="settings", status="rejected", reason="too long"),
    )
    assert offers("public").endswith("-2048.jpg")
