"""Keys: what is made of which name, by example."""

from __future__ import annotations

import pytest

from gallery import keys
from gallery.keys import Kind, classify


@pytest.mark.parametrize(
    ("path", "kind", "album", "name"),
    [
        ("tram.jpg", Kind.PHOTO, "", "tram.jpg"),
        ("lisbon/2024/tram.JPG", Kind.PHOTO, "lisbon/2024", "tram.JPG"),
        ("lisbon/no extension", Kind.PHOTO, "lisbon", "no extension"),
        ("lisbon/film.mov", Kind.PHOTO, "lisbon", "film.mov"),
        ("lisbon/index.md", Kind.TEXT, "lisbon", "index.md"),
        ("lisbon/INDEX.MD", Kind.TEXT, "lisbon", "INDEX.MD"),
        ("description.txt", Kind.TEXT, "", "description.txt"),
        ("lisbon/tram.jpg.md", Kind.TEXT, "lisbon", "tram.jpg.md"),
        ("safelight.yaml", Kind.SETTINGS, "", "safelight.yaml"),
        ("lisbon/safelight.yaml", Kind.PHOTO, "lisbon", "safelight.yaml"),
        ("a...jpg", Kind.PHOTO, "", "a...jpg"),
    ],
)
def test_originals_are_told_by_their_names(path: str, kind: Kind, album: str, name: str) -> None:
    found = classify("photos/" + path)
    assert (found.kind, found.album, found.name, found.reason) == (kind, album, name, "")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "folder marker"),
        ("lisbon/", "folder marker"),
        ("lisbon//tram.jpg", "two slashes"),
        ("/tram.jpg", "two slashes"),
        (".DS_Store", "hidden"),
        ("../index.html", "hidden"),
        ("./tram.jpg", "hidden"),
        ("a/../../tram.jpg", "hidden"),
        (".git/config.jpg", "hidden"),
        ("@eaDir/tram.jpg", "operating system"),
        ("__MACOSX/tram.jpg", "operating system"),
        ("lisbon/notes.md", "belongs to no photo"),
        ("lisbon/tram.xmp", "sidecar"),
        ("lisbon/Thumbs.db", "sidecar"),
    ],
)
def test_what_is_skipped_is_skipped_with_a_reason(path: str, reason: str) -> None:
    found = classify("photos/" + path)
    assert found.kind is Kind.SKIPPED
    assert reason in found.reason


@pytest.mark.parametrize("key", ["", "photos", "thumbs/a.jpg", "Photos/a.jpg", "/photos/a.jpg"])
def test_other_prefixes_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not under photos/"):
        classify(key)


def test_names_as_the_architecture_has_them() -> None:
    key = "photos/lisbon/2024/tram.jpg"
    digest = keys.digest("9b2cf535f27731c974343645a3985328", "settings")
    assert keys.rendition(key, digest, 600) == f"thumbs/lisbon/2024/tram.jpg.{digest}-600.jpg"
    assert keys.record(key) == "catalog/photos/lisbon/2024/tram.jpg.json"
    assert keys.album_record("lisbon/2024") == "catalog/albums/lisbon/2024.json"
    assert keys.album_record("") == "catalog/site.json"
    assert keys.album_page("lisbon/2024") == "albums/lisbon/2024.html"
    assert keys.album_page("lisbon/2024", 2) == "albums/lisbon/2024/~2.html"
    assert keys.album_page("") == "index.html"
    assert keys.album_page("", 2) == "albums/~2.html"
    assert keys.album_feed("lisbon") == "albums/lisbon/~feed.xml"
    assert keys.album_feed("") == "feed.xml"
    assert keys.photo_page(key) == "photo/lisbon/2024/tram.jpg.html"
    assert keys.photo_page(key).startswith(keys.photo_folder("lisbon/2024"))
    assert [keys.parent(slug) for slug in ("lisbon/2024", "lisbon", "")] == ["lisbon", "", None]


def test_one_shot_in_three_formats_has_three_names() -> None:
    shots = ["photos/a.jpg", "photos/a.JPG", "photos/a.heic"]
    assert len({keys.record(key) for key in shots}) == 3
    assert len({keys.rendition(key, "0" * 16, 600) for key in shots}) == 3


def test_an_album_named_like_a_further_page_has_its_own() -> None:
    assert keys.album_page("~2") == "albums/~~2.html"
    assert keys.album_page("", 2) == "albums/~2.html"
    assert keys.album_page("a/~2") != keys.album_page("a", 2)


@pytest.mark.parametrize(
    ("page", "target", "link"),
    [
        ("index.html", "albums/a.html", "albums/a.html"),
        ("albums/a.html", "index.html", "../index.html"),
        ("albums/a.html", "albums/a/b.html", "a/b.html"),
        ("albums/a/b.html", "albums/a/~2.html", "~2.html"),
        ("albums/a/b.html", "photos/a/b/ü?.jpg", "../../photos/a/b/%C3%BC%3F.jpg"),
        ("albums/a.html", "photos/a/b:c#d%e&f.jpg", "../photos/a/b%3Ac%23d%25e%26f.jpg"),
        ("a/b.html", "a/b.html", "b.html"),
    ],
)
def test_links_are_relative(page: str, target: str, link: str) -> None:
    assert keys.href(page, target) == link


@pytest.mark.parametrize(
    "key",
    [
        "photos/a.jpg",
        "thumbs/a.jpg",
        "thumbs/a.jpg.0123456789ABCDEF-600.jpg",
        "thumbs/a.jpg.0123456789abcde-600.jpg",
        "thumbs/a.jpg.0123456789abcdef-.jpg",
        "thumbs/a.jpg.0123456789abcdef-٣.jpg",
        "thumbs/a.jpg.0123456789abcdef-600.jpg.bak",
        "thumbs/.0123456789abcdef-600.jpg",
    ],
)
def test_what_is_no_rendition_is_none(key: str) -> None:
    assert keys.parse_rendition(key) is None
