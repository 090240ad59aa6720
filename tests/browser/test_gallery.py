"""The pages in a real browser, under the strictest policy that a host could send."""

from __future__ import annotations

import functools
import http.server
import io
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from gallery import keys
from sitegen.pages import Built
from tests.unit.sitegen import specimen
from tests.unit.sitegen.specimen import photo, words

CHROMIUM = os.environ.get("SAFELIGHT_CHROMIUM") or shutil.which("chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]

POLICY = "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

ALBUM = "it's <b>2024 & $more"
NAMES = [
    "-a 'quote'.jpg",
    'b "double" $(id).jpg',
    "<img src=x onerror=window.pwned=1>.jpg",
    "ü写真.jpg",
]
SHAPES = [(3000, 2000), (2000, 3000), (4032, 3024), (6000, 1500), (2000, 2000), (3024, 4032)]
PAGE = f"albums/{keys.url_path(ALBUM)}.html"


@dataclass(frozen=True)
class Gallery:
    """A gallery on disk, and where it is served: below a path, as an emulator has it."""

    folder: Path
    url: str


def _jpeg(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (120, 90, 60)).save(out, "JPEG", quality=10)
    return out.getvalue()


def _write(folder: Path, made: Built) -> None:
    for document in made.documents:
        path = folder / document.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(document.body)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    root = tmp_path_factory.mktemp("served")
    folder = root / "bucket"
    photos = [
        photo(
            f"photos/{ALBUM}/{name}",
            width=SHAPES[number % len(SHAPES)][0],
            height=SHAPES[number % len(SHAPES)][1],
            taken=f"2024-05-01T10:00:{number:02}",
            description="<script>window.pwned=1</script>" if number == 2 else None,
        )
        for number, name in enumerate([*NAMES, *(f"{number}.jpg" for number in range(20))])
    ]
    text = words(f"photos/{ALBUM}/index.md", "Words <script>window.pwned=1</script>")
    album = specimen.built(ALBUM, *photos, text)
    assert album.card is not None
    _write(folder, album)
    _write(folder, specimen.site(photo("photos/loose.jpg"), cards=[album.card]))
    for record in [*photos, photo("photos/loose.jpg")]:
        for rendition in record.renditions:
            path = folder / rendition.key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_jpeg(rendition.width, rendition.height))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", POLICY)
            super().end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    handler = functools.partial(Handler, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Gallery(folder, f"http://127.0.0.1:{server.server_port}/bucket/")
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


class Visit:
    """A page, and everything it complained of."""

    def __init__(self, context: BrowserContext) -> None:
        context.set_default_timeout(10_000)
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.on(
            "response",
            lambda answer: self.complaints.append(answer.url) if answer.status >= 400 else None,
        )

    def _failed(self, request: Request) -> None:
        # What a page had not yet loaded when the next was opened is nobody's fault.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url}: {request.failure}")

    def go(self, url: str) -> Page:
        self.page.goto(url)
        return self.page


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield Visit(context)
    context.close()


def test_browse_tick_two_and_get_the_command(visit: Visit, gallery: Gallery) -> None:
    page = visit.go(gallery.url + "index.html")
    page.get_by_role("link", name=ALBUM).click()
    page.wait_for_url(gallery.url + PAGE)
    bar = page.get_by_role("region", name="Selected photos")
    assert not bar.is_visible()
    for name in NAMES[:2]:
        page.get_by_role("checkbox", name=f"Select {name}").check()
    assert bar.is_visible()
    assert page.locator("output").inner_text() == "2 photos · 3 MB"
    command = page.locator("textarea").input_value()
    base = gallery.url + "photos/" + keys.url_path(ALBUM)
    quoted = ALBUM.replace("'", "'\\''")
    first, second = (name.replace("'", "'\\''") for name in NAMES[:2])
    assert command.splitlines() == [
        "curl --fail --globoff --create-dirs \\",
        f"  --output '{quoted}/{first}' '{base}/{keys.url_path(NAMES[0])}' \\",
        f"  --output '{quoted}/{second}' '{base}/{keys.url_path(NAMES[1])}'",
    ]
    page.get_by_role("button", name="Select all on this page").click()
    assert page.locator("output").inner_text().startswith("24 photos")
    page.get_by_role("button", name="Clear").click()
    assert not bar.is_visible()
    assert visit.complaints == []
    assert page.evaluate("window.pwned") is None


def test_shift_ticks_a_range(visit: Visit, gallery: Gallery) -> None:
    page = visit.go(gallery.url + PAGE)
    boxes = page.locator(".photos input")
    boxes.nth(1).click()
    boxes.nth(5).click(modifiers=["Shift"])
    assert [boxes.nth(number).is_checked() for number in range(8)] == [False] + [True] * 5 + [
        False
    ] * 2
    assert page.locator("output").inner_text().startswith("5 photos")


def test_the_command_can_be_copied(browser: Browser, gallery: Gallery) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = Visit(context).go(gallery.url + PAGE)
    page.locator(".photos input").first.check()
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("textarea").input_value()
    context.close()


def test_without_javascript_only_the_command_is_missing(browser: Browser, gallery: Gallery) -> None:
    context = browser.new_context(java_script_enabled=False)
    visit = Visit(context)
    page = visit.go(gallery.url + PAGE)
    assert page.locator(".photos img").count() == 24
    page.locator(".photos input").first.check()
    assert "needs JavaScript" in page.get_by_role("region", name="Selected photos").inner_text()
    assert not page.locator("textarea").is_visible()
    assert page.get_by_role("link", name="Original of").first.get_attribute("href")
    assert visit.complaints == []
    context.close()


def test_from_a_folder_on_disk(visit: Visit, gallery: Gallery) -> None:
    page = visit.go((gallery.folder / "index.html").as_uri())
    page.get_by_role("link", name=ALBUM).click()
    page.locator(".photos").wait_for()
    page.wait_for_load_state()
    assert page.evaluate("getComputedStyle(document.querySelector('.photos')).display") == "flex"
    assert page.evaluate("document.querySelector('.photos img').naturalWidth") > 0
    page.locator(".photos input").first.check()
    assert "curl" in page.locator("textarea").input_value()
    assert visit.complaints == []


@pytest.mark.parametrize("width", [390, 1280, 2560])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_rows_keep_every_photos_shape(
    browser: Browser, gallery: Gallery, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    visit = Visit(context)
    visit.page.emulate_media(color_scheme=scheme)
    for path in (PAGE, "index.html"):
        page = visit.go(gallery.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page = visit.go(gallery.url + PAGE)
    boxes = page.evaluate(
        """[...document.querySelectorAll('.photos .frame')].map((frame) => {
            const box = frame.getBoundingClientRect(), image = frame.querySelector('img');
            return [box.top, box.left, box.width, box.height,
                    image.getAttribute('width') / image.getAttribute('height')];
        })"""
    )
    assert len(boxes) == 24
    rows: dict[float, list[list[float]]] = {}
    for top, *rest in boxes:
        rows.setdefault(round(top), []).append(rest)
    for row in rows.values():
        heights = [height for _, _, height, _ in row]
        assert max(heights) - min(heights) < 1.5
        for _, across, height, ratio in row:
            assert abs(across / height / ratio - 1) < 0.005
    # Rows end where the page's margin begins, but the last, and one that a panorama left so
    # empty that its photos would be blown up beyond measure.
    margin = max(left + across for row in rows.values() for left, across, _, _ in row)
    most = max(height for row in rows.values() for _, _, height, _ in row)
    for row in list(rows.values())[:-1]:
        end = max(left + across for left, across, _, _ in row)
        assert margin - end < 1.5 or most - row[0][2] < 1.5
    dark = (
        page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        == "rgb(21, 17, 15)"
    )
    assert dark is (scheme == "dark")
    assert visit.complaints == []
    context.close()


def test_nothing_moves_while_photos_load(visit: Visit, gallery: Gallery) -> None:
    page = visit.page
    page.add_init_script(
        """window.shift = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries())
                if (!entry.hadRecentInput) window.shift += entry.value;
        }).observe({ type: 'layout-shift', buffered: true });"""
    )
    visit.go(gallery.url + PAGE)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shift") == 0
