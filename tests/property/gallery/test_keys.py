"""Every derived name is one thing's name only, fits into S3, and is found by a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urljoin

from hypothesis import example, given
from hypothesis import strategies as st

from gallery import keys
from tests.property.gallery.paths import HEX, halves, sound, wild

DIGEST = "0123456789abcdef"
LONGEST = 1024 - len("photos/")


def size(key: str) -> int:
    return len(key.encode("utf-8", "surrogatepass"))


def albums_of(key: str) -> list[str]:
    """The slugs of a photo's album and of the albums above, as the services walk them; of a
    long walk its beginning and its end."""
    found = [keys.album_of_record(keys.record(key))]
    while (above := keys.parent(found[-1])) is not None:
        found.append(above)
    return found if len(found) < 6 else found[:3] + found[-3:]


def derived(key: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Every name that is derived from a photo's key, with what it is the name of."""
    yield keys.record(key), ("record", key)
    yield keys.photo_page(key), ("photo page", key)
    for digest in (DIGEST, DIGEST[::-1]):
        for width in (600, 60):
            yield keys.rendition(key, digest, width), ("rendition", key, digest, width)
        for ending in keys.COPIES:
            yield keys.stripped(key, digest, ending), ("copy", key, digest, ending)
    for slug in albums_of(key):
        yield keys.album_record(slug), ("album record", slug)
        yield keys.album_feed(slug), ("feed", slug)
        for number in (1, 2, 22):
            yield keys.album_page(slug, number), ("page", slug, number)


FIXED = ("404.html", "sitemap.xml", "assets/gallery.css")


def imitations(path: str) -> Iterator[str]:
    """Paths that look like what is made of ``path``."""
    yield path
    place = keys.record("photos/" + path)[len(keys.RECORDS) : -len(".json")]
    yield place
    yield keys.album_of_record(keys.record("photos/" + path)) + "/a.jpg"
    yield keys.rendition("photos/" + path, DIGEST, 600)[len(keys.THUMBS) :]
    yield place + ".json"
    yield place + "/~2.html"
    yield place + "/~feed.xml"
    yield "~" + path
    yield path.replace("/", "/~", 1)


def taken(path: str) -> bool:
    key = "photos/" + path
    return size(key) <= 1024 and keys.classify(key).kind is not keys.Kind.SKIPPED


@given(st.lists(st.one_of(sound, halves), min_size=1, max_size=3))
@example(["é" * 500 + "/" + "a" * 12 + ".jpg"])
@example(["a" * 860 + "/b.jpg", "a" * 861 + "/b.jpg"])
@example(["\ud800" * 300 + "/b.jpg"])
@example(["~/" * 430 + "b.jpg"])
def test_no_two_things_share_a_name(paths: list[str]) -> None:
    owners: dict[str, tuple[object, ...]] = {name: ("fixed", name) for name in FIXED}
    for path in {name for start in paths for name in imitations(start)}:
        for name, owner in derived("photos/" + path) if taken(path) else ():
            assert owners.setdefault(name, owner) == owner, name


@given(st.one_of(sound, halves))
@example("a" * LONGEST)
@example("a" * 860 + "/" + "b" * (LONGEST - 861))
@example("é" * 500 + "/" + "a" * 12 + ".jpg")
@example("a/" * 508 + "a")
@example("~/" * 508 + "a")
def test_every_derived_name_fits_into_s3(path: str) -> None:
    for name, _ in derived("photos/" + path):
        assert size(name) <= keys.MAX_KEY, name


@given(sound)
def test_a_rendition_knows_its_record(path: str) -> None:
    key = "photos/" + path
    name = keys.parse_rendition(keys.rendition(key, DIGEST, 1200))
    assert name == keys.RenditionName(keys.record(key), DIGEST, 1200)
    for prefix in (keys.rendition_prefix(key), keys.rendition_prefix(key, DIGEST)):
        assert keys.rendition(key, DIGEST, 1200).startswith(prefix)
    for ending in keys.COPIES:
        copy = keys.stripped(key, DIGEST, ending)
        assert keys.parse_rendition(copy) == keys.RenditionName(keys.record(key), DIGEST, None)
        assert copy.startswith(keys.rendition_prefix(key, DIGEST))


@given(st.one_of(wild.map(lambda path: keys.THUMBS + path), wild))
def test_only_renditions_are_taken_for_renditions(key: str) -> None:
    name = keys.parse_rendition(key)
    if name is not None:
        place = name.record[len(keys.RECORDS) : -len(".json")]
        prefix = f"{keys.THUMBS}{place}.{name.digest}-"
        assert key.startswith(prefix)
        rest = key.removeprefix(prefix)
        if name.width is None:
            assert rest in {f"stripped.{ending}" for ending in keys.COPIES}
        else:
            assert int(rest.removesuffix(".jpg")) == name.width


@given(sound)
def test_an_album_is_found_from_its_records(path: str) -> None:
    key = "photos/" + path
    slug = keys.album_of_record(keys.record(key))
    assert slug == keys.slug(keys.classify(key).album)
    folder = keys.records_of_album(slug)
    assert keys.record(key).startswith(folder)
    assert "/" not in keys.record(key)[len(folder) :]
    if slug:
        assert keys.slug_of_album_record(keys.album_record(slug)) == slug


@given(sound, sound)
def test_siblings_share_an_album_and_strangers_do_not(one: str, other: str) -> None:
    mine, theirs = keys.classify("photos/" + one), keys.classify("photos/" + other)
    assert (mine.album == theirs.album) == (keys.slug(mine.album) == keys.slug(theirs.album))


@given(wild)
def test_nothing_that_climbs_or_is_empty_is_taken(path: str) -> None:
    original = keys.classify("photos/" + path)
    if original.kind is keys.Kind.SKIPPED:
        assert original.reason
        return
    assert original.key == "photos/" + "/".join(filter(None, [original.album, original.name]))
    names = [name for name, _ in derived(original.key)]
    for name in [original.key, *names]:
        assert not {"", ".", ".."} & set(name.split("/")), name


def pages(path: str) -> list[str]:
    key = "photos/" + path
    slug = keys.album_of_record(keys.record(key))
    return ["index.html", "404.html", keys.album_page(slug), keys.album_page(slug, 2),
            keys.photo_page(key)]  # fmt: skip


@given(sound.filter(taken), sound.filter(taken))
@example("a/C:", "a/javascript:x")
@example("x.html/a.jpg", "x/a.jpg")  # a page that lies "in" another page
def test_a_link_leads_a_browser_where_it_should(here: str, there: str) -> None:
    targets = ["photos/" + there, "assets/gallery.css", "feed.xml", *pages(here), *pages(there),
               *[name for name, _ in derived("photos/" + there)]]  # fmt: skip
    for base in ("http://localhost:4566/bucket/", "file:///srv/gallery/", "https://a.example/"):
        for page in pages(here):
            for target in targets:
                link = keys.href(page, target)
                assert re.fullmatch(r"[A-Za-z0-9/._~%-]+", link)
                assert urljoin(base + keys.url_path(page), link) == base + keys.url_path(target)


@given(st.one_of(sound, halves))
def test_a_url_is_its_key_percent_encoded(path: str) -> None:
    assert unquote(keys.url_path(path), errors="surrogatepass") == path


@given(st.text(), st.text(), st.text(), st.text())
def test_a_digest_tells_etag_and_settings_apart(a: str, b: str, c: str, d: str) -> None:
    # ETags hold no newline (RFC 9110, 8.8.3), so joining by one is unambiguous.
    a, c = a.replace("\n", ""), c.replace("\n", "")
    one, other = (part.encode("utf-8", "replace").decode() for part in (a, c))
    digest = keys.digest(one, b)
    assert re.fullmatch(f"[{HEX}]{{16}}", digest)
    assert (digest == keys.digest(other, d)) == ((one, b) == (other, d))
    assert len({keys.digest(one, b, salt) for salt in range(4)}) == 4
