"""A page as a telephone on a slow network meets it, in Chromium.

The network and the processor are throttled as Lighthouse throttles them for "mobile": 1.6 Mbit/s
down, 0.75 up, 150 ms a round trip, a quarter of the processor.  Requests to other hosts are refused
and counted: a benchmark is no reason to tell anybody anything.
"""

from __future__ import annotations

import contextlib
import gzip
import http.server
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

_DOWN, _UP, _LATENCY_MS, _SLOWER = 1_600_000 / 8, 750_000 / 8, 150, 4
_LOAD_MS: Final = 180_000
_QUIET_MS: Final = 2_000
_TEXT: Final = {".html", ".css", ".js", ".mjs", ".json", ".svg", ".xml"}

_WATCH: Final = """
window.bench = {fcp: 0, lcp: 0, shift: 0, tasks: []};
const watch = (type, see) =>
  new PerformanceObserver((list) => list.getEntries().forEach(see)).observe({type, buffered: true});
watch('paint', (e) => { if (e.name === 'first-contentful-paint') bench.fcp = e.startTime; });
watch('largest-contentful-paint', (e) => { bench.lcp = e.startTime; });
watch('layout-shift', (e) => { if (!e.hadRecentInput) bench.shift += e.value; });
watch('longtask', (e) => bench.tasks.push([e.startTime, e.duration]));
"""


@dataclass(frozen=True)
class Visit:
    """One page, loaded once and not scrolled.

    Bytes are as they came over the network: ``text`` of documents, styles and scripts, ``images``
    of pictures.  ``foreign`` counts requests to other hosts.  ``fcp`` and ``lcp`` are the first
    and the largest contentful paint in seconds, ``shift`` the sum of all layout shifts, and
    ``blocked`` the total blocking time in milliseconds: of every task of more than 50 ms after
    the first paint, what exceeds those.
    """

    requests: int
    foreign: int
    text: int
    images: int
    fcp: float
    lcp: float
    shift: float
    blocked: float


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder as a web server would: text compressed, connections kept."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.suffix.lower() not in _TEXT or not path.is_file():
            super().do_GET()
            return
        body = _compressed(path, path.stat().st_mtime_ns)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@lru_cache(maxsize=256)
def _compressed(path: Path, _moment: int) -> bytes:
    return gzip.compress(path.read_bytes(), 6)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """``folder`` behind a web server on the loopback interface; its address."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_Handler, directory=str(folder))
    )
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def why_not() -> str | None:
    """Why no browser can be had, ``None`` if one can."""
    return None if _program() else "no Chromium (Debian: chromium) is installed"


def _program() -> str | None:
    return (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )


def visits(folder: Path, page: str, times: int) -> Visit:
    """The median of so many visits of the page at the path ``page`` of a site in ``folder``."""
    with served(folder) as root, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=["--no-sandbox"])
        try:
            found = [_visit(browser, root + quote(page)) for _ in range(times)]
        finally:
            browser.close()
    return Visit(*(statistics.median(getattr(v, name) for v in found) for name in _FIELDS))


_FIELDS: Final = ("requests", "foreign", "text", "images", "fcp", "lcp", "shift", "blocked")


class _Network:
    """What came over the network."""

    def __init__(self, session: CDPSession) -> None:
        self.requests = 0
        self.bytes = {"text": 0, "images": 0}
        self._kinds: dict[str, str] = {}
        session.on("Network.responseReceived", self._received)
        session.on("Network.loadingFinished", self._finished)

    def _received(self, event: dict[str, Any]) -> None:
        self.requests += 1
        self._kinds[event["requestId"]] = "images" if event["type"] == "Image" else "text"

    def _finished(self, event: dict[str, Any]) -> None:
        kind = self._kinds.get(event["requestId"])
        if kind is not None:
            self.bytes[kind] += int(event["encodedDataLength"])


def _visit(browser: Browser, address: str) -> Visit:
    context = browser.new_context(
        viewport={"width": 412, "height": 823}, device_scale_factor=1.75, is_mobile=True
    )
    try:
        page = context.new_page()
        page.set_default_timeout(_LOAD_MS)
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": _LATENCY_MS,
                "downloadThroughput": _DOWN,
                "uploadThroughput": _UP,
            },
        )
        session.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER})
        foreign = _without_foreign(page, urlsplit(address).netloc)
        network = _Network(session)
        page.add_init_script(_WATCH)
        page.goto(address, wait_until="load")
        page.wait_for_timeout(_QUIET_MS)
        seen: dict[str, Any] = page.evaluate("window.bench")
    finally:
        context.close()
    blocked = sum(
        max(0.0, min(length, start + length - seen["fcp"]) - 50)
        for start, length in seen["tasks"]
        if start + length > seen["fcp"]
    )
    return Visit(
        requests=network.requests,
        foreign=len(foreign),
        text=network.bytes["text"],
        images=network.bytes["images"],
        fcp=seen["fcp"] / 1000,
        lcp=seen["lcp"] / 1000,
        shift=seen["shift"],
        blocked=blocked,
    )


def _without_foreign(page: Page, host: str) -> list[str]:
    """Refuse whatever is asked of other hosts; the list of it."""
    refused: list[str] = []

    def decide(route: Any) -> None:
        if urlsplit(route.request.url).netloc in (host, ""):
            route.continue_()
            return
        refused.append(route.request.url)
        with contextlib.suppress(PlaywrightError):
            route.abort()

    page.route("**/*", decide)
    return refused


def settle(seconds: float) -> None:
    """Let the machine come to rest between two measurements."""
    time.sleep(seconds)
