"""Photos in, gallery out: uploaded with plain boto3, looked at as a browser does."""

from __future__ import annotations

import io
import json
import time
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable
from pathlib import Path

import piexif
import pytest
from PIL import Image

from tests.stack.photograph import CAMERA, photograph
from tests.stack.running import PATIENCE, Gallery


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether ``condition`` comes true before anybody's patience ends."""
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def test_a_photo_becomes_renditions_and_a_page(gallery: Gallery) -> None:
    """The main job: sizes, orientation, EXIF, no GPS, links that work."""
    original = photograph(3000, 2000, orientation=6, located=True)
    key = "photos/2024-05-01 First/IMG 1.jpg"
    gallery.put(key, original)
    gallery.running.settle()

    home = gallery.running.page(gallery.home_page)
    album_url = gallery.url("albums/2024-05-01 First.html")
    assert album_url in home.links
    album = gallery.running.page(album_url)
    assert gallery.originals_on(album) == {key}
    assert "nikon d3400 · 35mm · ƒ1.8 · 1/60s · ISO 800" in album.words

    sizes = set()
    for url in set(album.images):
        answer = gallery.running.get(url)
        assert answer.status == 200
        assert answer.headers["content-type"] == "image/jpeg"
        assert "immutable" in answer.headers["cache-control"]
        image = Image.open(io.BytesIO(answer.body))
        image.load()
        sizes.add(image.size)
        # Turned by the orientation: what was left is now above.
        red, _, blue = image.convert("RGB").getpixel((image.width // 2, image.height // 4))  # type: ignore[misc]
        assert red > blue
        exif = piexif.load(answer.body)
        assert exif["0th"][piexif.ImageIFD.Model] == CAMERA.encode()
        assert exif["0th"][piexif.ImageIFD.Orientation] == 1
        assert exif["Exif"][piexif.ExifIFD.FNumber] == (18, 10)
        assert not exif["GPS"]
    # Portrait, with longest edges of 600, 1200 and 2048.
    assert {height for _, height in sizes} == {600, 1200, 2048}
    assert all(width < height for width, height in sizes)

    linked = gallery.running.get(gallery.url(key))
    assert linked.body == original

    # Everything that a page links is there, with the type that a browser needs.
    for url in {*home.links, *album.links, *album.images}:
        if gallery.key_of(url):
            assert gallery.running.get(url).status == 200, url


def test_formats(gallery: Gallery) -> None:
    """PNG, WebP and AVIF come out as JPEG; a small photo is never enlarged."""
    album = "photos/formats"
    gallery.put(f"{album}/a.png", photograph(640, 400, seed=1, image_format="PNG"))
    gallery.put(f"{album}/b.webp", photograph(700, 500, seed=2, image_format="WEBP"))
    gallery.put(f"{album}/c.avif", photograph(800, 600, seed=3, image_format="AVIF"))
    gallery.put(f"{album}/liar.jpg", photograph(300, 200, seed=4, image_format="PNG"))
    gallery.running.settle()
    page = gallery.running.page(gallery.url("albums/formats.html"))
    assert len(gallery.originals_on(page)) == 4
    small = [url for url in page.images if "liar" in url]
    image = Image.open(io.BytesIO(gallery.running.get(small[0]).body))
    assert (image.format, image.size) == ("JPEG", (300, 200))


def test_an_overwritten_photo_is_shown_anew(gallery: Gallery) -> None:
    """The page links renditions of the new photo, and no others."""
    key = "photos/overwritten/a.jpg"
    gallery.put(key, photograph(900, 600, seed=5))
    gallery.running.settle()
    before = gallery.running.page(gallery.url("albums/overwritten.html"))
    gallery.put(key, photograph(600, 900, seed=6))
    gallery.running.settle()
    after = gallery.running.page(gallery.url("albums/overwritten.html"))
    assert not set(before.images) & set(after.images)
    image = Image.open(io.BytesIO(gallery.running.get(after.images[0]).body))
    assert image.width < image.height
    # A page that somebody still has open keeps its pictures.
    assert gallery.running.get(before.images[0]).status == 200


def test_a_deleted_photo_goes_from_the_page_and_then_from_the_bucket(gallery: Gallery) -> None:
    """Its renditions too; and with the last photo its album from the home page."""
    for name in ("a.jpg", "b.jpg"):
        gallery.put(f"photos/deleted/{name}", photograph(seed=zlib.crc32(name.encode())))
    gallery.running.settle()
    gallery.delete("photos/deleted/a.jpg")
    gallery.running.settle()
    page = gallery.running.page(gallery.url("albums/deleted.html"))
    assert gallery.originals_on(page) == {"photos/deleted/b.jpg"}
    assert eventually(lambda: not gallery.keys("thumbs/deleted/a.jpg"))
    assert gallery.keys("thumbs/deleted/b.jpg")

    gallery.delete("photos/deleted/b.jpg")
    gallery.running.settle()
    home = gallery.running.page(gallery.home_page)
    assert gallery.url("albums/deleted.html") not in home.links
    assert eventually(lambda: not gallery.keys("thumbs/deleted/"))


def test_an_album_in_an_album(gallery: Gallery) -> None:
    """Each level lists the next, up to the home page."""
    gallery.put("photos/outer/inner/deep/a.jpg", photograph(seed=7))
    gallery.running.settle()
    home = gallery.running.page(gallery.home_page)
    assert gallery.url("albums/outer.html") in home.links
    outer = gallery.running.page(gallery.url("albums/outer.html"))
    assert gallery.url("albums/outer/inner.html") in outer.links
    inner = gallery.running.page(gallery.url("albums/outer/inner.html"))
    assert gallery.url("albums/outer/inner/deep.html") in inner.links


HOSTILE = [
    "plus+sign.jpg",
    "percent%20sign.jpg",
    "100% sure?.jpg",
    "quote\" & 'apostrophe'.jpg",
    "<b>bold<b>.jpg",
    "hash#tag;semi=colon.jpg",
    "back\\slash.jpg",
    "trailing space .jpg",
    "  leading.jpg",
    "été.jpg",
    "e\u0301te\u0301 decomposed.jpg",
    "日本語 写真.JPG",
    "🎞️ film.jpg",
    "right-to-left \u202egpj.jpg",
    "no extension",
    "UPPER.JPEG",
    "~tilde.jpg",
    "a.jpg.b.jpg",
    f"{'long ' * 160}.jpg",
]


def test_hostile_names(gallery: Gallery) -> None:
    """Every key S3 takes is shown, under its own name, with links that lead to it."""
    originals = {}
    for number, name in enumerate(HOSTILE):
        key = f"photos/hostile + names & such/{name}"
        originals[key] = photograph(320, 240, seed=100 + number)
        gallery.put(key, originals[key])
    gallery.running.settle()
    page = gallery.running.page(gallery.url("albums/hostile + names & such.html"))
    assert gallery.originals_on(page) == set(originals)
    assert "<b>bold" in page.words
    for link in page.links:
        key = gallery.key_of(link)
        if key in originals:
            assert gallery.running.get(link).body == originals[key], key
    for url in page.images:
        assert gallery.running.get(url).status == 200, url


def test_what_cannot_be_decoded_is_listed_with_a_reason(gallery: Gallery) -> None:
    """It stops nobody else, ends in no dead-letter queue, and is told to a person."""
    whole = photograph(1600, 1200, seed=8)
    broken = {
        "photos/broken/empty.jpg": b"",
        "photos/broken/text.jpg": b"This is no photo, whatever its name says.\n",
        "photos/broken/head.jpg": whole[:300],
        "photos/broken/video.mp4": b"\0\0\0\x18ftypmp42" + bytes(64),
    }
    for key, body in broken.items():
        gallery.put(key, body)
    gallery.put("photos/broken/good.jpg", whole)
    gallery.running.settle()
    status = gallery.running.status()
    reasons = {found["key"]: found["reason"] for found in status["rejected"]}
    assert set(reasons) >= set(broken)
    assert all(reasons[key] for key in broken)
    assert status["dead_letters"] == []
    page = gallery.running.page(gallery.url("albums/broken.html"))
    assert gallery.originals_on(page) == {"photos/broken/good.jpg"}
    shown = gallery.running.run("status").stdout
    assert "photos/broken/text.jpg" in shown


def test_what_is_no_photo_is_skipped_with_a_reason(gallery: Gallery) -> None:
    """Folder markers, hidden files and sidecars make no noise and no page."""
    skipped = [
        "photos/skipped/",
        "photos/skipped/.DS_Store",
        "photos/skipped/.hidden/a.jpg",
        "photos/skipped/a.xmp",
        "photos/skipped//double.jpg",
    ]
    for key in skipped:
        gallery.put(key, b"x")
    gallery.put("photos/skipped/a.jpg", photograph(seed=9))
    gallery.running.settle()
    reasons = {found["key"]: found["reason"] for found in gallery.running.status()["skipped"]}
    assert {key: bool(reasons.get(key)) for key in skipped} == dict.fromkeys(skipped, True)
    page = gallery.running.page(gallery.url("albums/skipped.html"))
    assert gallery.originals_on(page) == {"photos/skipped/a.jpg"}


def test_words_travel_as_photos_do(gallery: Gallery) -> None:
    """An album's text and a photo's caption are shown, and follow their changes."""
    gallery.put("photos/words/a.jpg", photograph(seed=10))
    gallery.put("photos/words/index.md", b"Of *great* beauty.\n")
    gallery.put("photos/words/a.jpg.md", b"A tram <script>.\n")
    gallery.running.settle()
    page = gallery.running.page(gallery.url("albums/words.html"))
    assert "Of great beauty." in " ".join(page.words.split())
    assert "A tram <script>." in page.words
    gallery.delete("photos/words/index.md")
    gallery.running.settle()
    page = gallery.running.page(gallery.url("albums/words.html"))
    assert "beauty" not in page.words


def test_pages_have_the_types_that_browsers_need(gallery: Gallery) -> None:
    """Home page, feed and 404 are there, and a page revalidates."""
    gallery.put("photos/types/a.jpg", photograph(seed=11))
    gallery.running.settle()
    home = gallery.running.get(gallery.home_page)
    assert home.headers["content-type"].startswith("text/html")
    assert "immutable" not in home.headers.get("cache-control", "")
    feed = gallery.running.get(gallery.url("feed.xml"))
    assert feed.headers["content-type"].startswith("application/atom+xml")
    assert ET.fromstring(feed.body).tag.endswith("feed")  # noqa: S314 - the test's own feed
    assert gallery.running.get(gallery.url("404.html")).status == 200


def test_originals_are_never_written(gallery: Gallery) -> None:
    """Neither moved nor rewritten: the same ETag and date as when they were put."""
    key = "photos/untouched/a.jpg"
    gallery.put(key, photograph(2500, 1700, seed=12, orientation=8, located=True))
    before = gallery.s3.head_object(Bucket=gallery.bucket, Key=key)
    gallery.running.settle()
    after = gallery.s3.head_object(Bucket=gallery.bucket, Key=key)
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])
    assert gallery.keys("photos/untouched/") == [key]


def test_it_is_to_be_had_on_the_loopback_interface_only(gallery: Gallery) -> None:
    """Whoever shares the network does not share the photos."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("needs /proc/net to see who listens where")
    loopback = {"0100007F", "00000000000000000000000001000000"}
    listening = [
        line.split()[1].split(":")
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()
        if line.split()[3] == "0A"
    ]
    places = {place for place, port in listening if int(port, 16) == gallery.running.port}
    assert places
    assert places <= loopback


def test_the_sweep_needs_no_events(gallery: Gallery) -> None:
    """With events switched off nothing happens, `wait` says what is missing, and a sweep mends
    it all: a new photo, an overwritten one, a deleted one."""
    running = gallery.running
    for name in ("overwritten.jpg", "deleted.jpg"):
        gallery.put(f"photos/swept/{name}", photograph(seed=zlib.crc32(name.encode())))
    running.settle()
    events = gallery.s3.get_bucket_notification_configuration(Bucket=gallery.bucket)
    events.pop("ResponseMetadata")
    # The publish queue's stay on: it is the uploads that are not told of.
    told = [queue for queue in events["QueueConfigurations"] if "catalog/" in json.dumps(queue)]
    gallery.s3.put_bucket_notification_configuration(
        Bucket=gallery.bucket, NotificationConfiguration={"QueueConfigurations": told}
    )
    try:
        gallery.put("photos/swept/new.jpg", photograph(seed=13))
        gallery.put("photos/swept/overwritten.jpg", photograph(seed=14))
        gallery.delete("photos/swept/deleted.jpg")
        missing = running.run("wait", "--timeout", "2", status=1).stderr
        assert "photos/swept/new.jpg" in missing
        assert "photos/swept/overwritten.jpg" in missing
        assert "photos/swept/deleted.jpg" in missing
        running.run("sweep")
        running.settle()
    finally:
        gallery.s3.put_bucket_notification_configuration(
            Bucket=gallery.bucket, NotificationConfiguration=events
        )
    page = running.page(gallery.url("albums/swept.html"))
    assert gallery.originals_on(page) == {
        "photos/swept/new.jpg",
        "photos/swept/overwritten.jpg",
    }


def test_a_message_nobody_understands_ends_as_a_dead_letter(gallery: Gallery) -> None:
    """`wait` fails at once and says what it is; `redrive` gives it back or forgets it."""
    running = gallery.running
    sqs = running.client("sqs")
    queues = running.status()["queues"]
    sqs.send_message(QueueUrl=queues["thumbnail"]["url"], MessageBody='{"hello": "world"}')
    gallery.put("photos/beside/a.jpg", photograph(seed=15))
    assert eventually(lambda: bool(running.status()["dead_letters"]))
    try:
        told = running.run("wait", "--timeout", str(PATIENCE), status=1).stderr
        assert "not understood" in told
        assert "redrive" in told
        assert "1 given back" in running.run("redrive").stdout
        assert eventually(lambda: bool(running.status()["dead_letters"]))
    finally:
        assert "forgotten" in running.run("redrive", "--discard").stdout
    running.settle()
    page = running.page(gallery.url("albums/beside.html"))
    assert gallery.originals_on(page) == {"photos/beside/a.jpg"}
