"""One Chromium and one gallery for all of a process's tests; each visitor is a context."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Request, sync_playwright

from tests.browser import showcase
from tests.browser.showcase import Site

CHROMIUM = os.environ.get("SAFELIGHT_CHROMIUM") or shutil.which("chromium")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

ARTEFACTS = Path(__file__).parents[2] / "artefacts" / "gallery"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder needs a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no chromium on this machine"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The gallery of :mod:`tests.browser.showcase`."""
    root = tmp_path_factory.mktemp("served")
    photos = showcase.build(root / "bucket")
    with showcase.served(root, root / "bucket", photos) as found:
        yield found


class Visit:
    """A visitor: a page, and everything it complained of."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        context.set_default_timeout(10_000)
        self.context = context
        self.site = site
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        # A policy that blocks something says so to the page too.
        context.add_init_script(
            "addEventListener('securitypolicyviolation', (event) =>"
            " console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI))"
        )
        self.page = self.more()

    def more(self) -> Page:
        """One more page of the same visitor."""
        page = self.context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", self._thrown)
        page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        page.on("requestfailed", self._failed)
        page.on(
            "response",
            lambda answer: self.complaints.append(answer.url) if answer.status >= 400 else None,
        )
        return page

    def _thrown(self, error: Error) -> None:
        # Looked at by a tool while its stylesheet is on the way, Chromium gives up the transition
        # to a page, and tells the page so.
        if "ViewTransition opt-in disabled" not in str(error):
            self.complaints.append(str(error))

    def _failed(self, request: Request) -> None:
        # What a page had not yet loaded when the next was opened is nobody's fault.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url}: {request.failure}")

    def go(self, path: str) -> Page:
        """The page at ``path`` below the site's root."""
        self.page.goto(self.site.url + path)
        return self.page

    def check(self) -> None:
        """Nothing went wrong, nothing ran that came from a photo, nobody else was asked."""
        assert self.complaints == []
        assert self.page.evaluate("window.pwned") is None
        assert self.hosts <= {self.site.url.split("/")[2], ""}


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Callable[..., Visit]]:
    """Makes a visitor; its arguments are what a context can be told (viewport, colour
    scheme …), and another site."""
    contexts = []

    def make(site: Site = site, **options: Any) -> Visit:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        return Visit(context, site)

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def visit(visitor: Callable[..., Visit]) -> Visit:
    """A visitor with a screen of 1280 by 800."""
    return visitor()
