"""The gallery that the browser looks at: one of each kind of album, and all that is hostile.

It lies on disk, originals and renditions too, and is served below a path, as an emulator has
it, under the strictest policy that a host could send.
"""

from __future__ import annotations

import functools
import http.server
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from PIL import Image

from gallery import keys
from gallery.record import Card, Exif, PhotoRecord
from sitegen.pages import Built
from sitegen.settings import MenuItem, SiteSettings
from tests.unit.sitegen import specimen
from tests.unit.sitegen.specimen import photo, tombstone, words

POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

ALBUM = "it's <b>2024 & $more"
LAKE = "2026-05 Around the lake"
LISBON = "2024/2024-05-01 Lisbon"
UPRIGHT = "Upright"
SHAPES = [(3000, 2000), (2000, 3000), (4032, 3024), (6000, 1500), (2000, 2000), (3024, 4032)]
HOSTILE = [
    "-a 'quote'.jpg",
    'b "double" $(id).jpg',
    "<img src=x onerror=window.pwned=1>.jpg",
    "ü写真.jpg",
    "\u202egpj.exe\u2066.jpg",
    "`id` %41 [1-2] {a,b} #1?.jpg",
    "שלום مرحبا.jpg",
    "line\nbreak\\.jpg",
]
PAYLOAD = "<script>window.pwned=1</script>\"'><img src=x onerror=window.pwned=1>"


def page_of(album: str, number: int = 1) -> str:
    """The URL of an album's page, below the site's root."""
    return keys.url_path(keys.album_page(album, number))


def leaf_of(key: str) -> str:
    """The URL of a photo's page, below the site's root."""
    return keys.url_path(keys.photo_page(key))


@dataclass(frozen=True)
class Site:
    """A gallery on disk, and where it is served; ``asked`` are the paths asked for so far."""

    folder: Path
    url: str
    photos: dict[str, PhotoRecord]
    asked: list[str] = field(default_factory=list)

    def original(self, key: str) -> bytes:
        """The bytes of an original."""
        return (self.folder / key).read_bytes()


@cache
def jpeg(width: int, height: int) -> bytes:
    """A JPEG of this size, in one colour."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (120, 90, 60)).save(out, "JPEG", quality=10)
    return out.getvalue()


def _write(folder: Path, key: str, body: bytes) -> None:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def _documents(folder: Path, made: Built) -> Card:
    for document in made.everything():
        _write(folder, document.key, document.body)
    assert made.card is not None
    return made.card


def _albums() -> dict[str, list[PhotoRecord]]:
    hostile = [
        photo(
            f"photos/{ALBUM}/{name}",
            width=SHAPES[number % len(SHAPES)][0],
            height=SHAPES[number % len(SHAPES)][1],
            taken=f"2024-05-01T10:00:{number:02}",
            description=PAYLOAD if number == 2 else "x" * 10_000 if number == 3 else None,
            title=PAYLOAD if number == 1 else None,
            exif=Exif(line=PAYLOAD, more={PAYLOAD: PAYLOAD}) if number == 2 else Exif(line="x"),
        )
        for number, name in enumerate([*HOSTILE, *(f"{number}.jpg" for number in range(16))])
    ]
    lake = [
        photo(
            f"photos/{LAKE}/DSC_{number + 1:04}.JPG",
            width=SHAPES[number % len(SHAPES)][0],
            height=SHAPES[number % len(SHAPES)][1],
            taken=f"2026-05-0{1 + number // 100}T{number % 24:02}:{number % 60:02}:00",
        )
        for number in range(205)
    ]
    lisbon = [
        photo(f"photos/{LISBON}/a.jpg", title="Tram 28", description="مرحبا بالعالم"),
        photo(f"photos/{LISBON}/panorama.jpg", width=12_000, height=1_500),
        photo(f"photos/{LISBON}/1.jpg", width=2000, height=3000),
    ]
    upright = [
        photo(f"photos/{UPRIGHT}/{number}.jpg", width=2000, height=3000, taken=None)
        for number in range(7)
    ]
    return {ALBUM: hostile, LAKE: lake, LISBON: lisbon, UPRIGHT: upright}


def build(folder: Path, language: str = "en", *, large: bool = True) -> dict[str, PhotoRecord]:
    """Builds the gallery into the folder, with its ``large`` album or without; returns the
    photos by key."""
    settings = SiteSettings(
        title="Vera Lind",
        subtitle="Photographs",
        footer="All rights kept.",
        about="# About\n\nWho takes these photos, and *why*.",
        language=language,
        menu=(
            MenuItem("Lisbon", keys.album_page(LISBON), external=False),
            MenuItem("Elsewhere", "https://elsewhere.invalid/", external=True),
        ),
    )
    albums = _albums()
    if not large:
        del albums[LAKE]
    texts = {
        ALBUM: words(f"photos/{ALBUM}/index.md", f"Words {PAYLOAD}"),
        LISBON: words(f"photos/{LISBON}/index.md", "Six days of *rain*.\n\n> Light.\n"),
    }
    cards = []
    for album, photos in albums.items():
        text = [texts[album]] if album in texts else []
        cards.append(_documents(folder, specimen.built(album, *photos, *text, settings=settings)))
    hidden = photo("photos/Hidden/x.jpg")
    front = words("photos/Hidden/index.md", "---\nhidden: true\n---\n")
    cards.append(_documents(folder, specimen.built("Hidden", hidden, front, settings=settings)))
    lisbon = next(card for card in cards if card.slug == LISBON)
    cards.append(_documents(folder, specimen.built("2024", children=[lisbon], settings=settings)))
    gone = specimen.built("Empty", tombstone("photos/Empty/x.jpg"), settings=settings)
    cards.append(_documents(folder, gone))
    loose = photo("photos/loose.jpg")
    _documents(folder, specimen.site(loose, cards=cards, settings=settings))
    records = [*(each for photos in albums.values() for each in photos), hidden, loose]
    for record in records:
        _write(folder, record.key, b"original " + record.key.encode())
        for rendition in record.renditions:
            _write(folder, rendition.key, jpeg(rendition.width, rendition.height))
    return {record.key: record for record in records}


@contextmanager
def served(root: Path, folder: Path, photos: dict[str, PhotoRecord]) -> Iterator[Site]:
    """Serves ``folder``, which lies in ``root``, on the loopback address."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", POLICY)
            super().end_headers()

        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path.startswith("/assets/"):  # the page for what is missing has no other way
                self.path = f"/{folder.relative_to(root).as_posix()}{self.path}"
            # A page that is left hangs up on what it had asked for.
            with suppress(ConnectionError):
                super().do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    handler = functools.partial(Handler, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        name = folder.relative_to(root).as_posix()
        yield Site(folder, f"http://127.0.0.1:{server.server_port}/{name}/", photos, asked)
    finally:
        server.shutdown()
        server.server_close()
