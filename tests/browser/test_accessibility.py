"""No violation that axe knows of, on any kind of page, in either light, also of what opens."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import showcase
from tests.browser.conftest import ARTEFACTS, Visit
from tests.browser.showcase import LAKE, LISBON, Site, page_of
from tests.browser.test_browsing import KINDS

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


def violations(page: Page, name: str) -> list[str]:
    """What axe finds; a report of it is kept."""
    found = Axe().run(page, options=RULES).response
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    report = {"rules passed": len(found["passes"]), "violations": found["violations"]}
    (ARTEFACTS / f"axe-{name}.json").write_text(json.dumps(report, indent=1), "utf-8")
    assert len(found["passes"]) > 10
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:200] for node in each['nodes'][:3]]}"
        for each in found["violations"]
    ]


PAGES = {**KINDS, "missing": "404.html"}


SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]


@pytest.mark.parametrize("kind", PAGES)
def test_every_kind_of_page(visit: Visit, kind: str) -> None:
    page = visit.go(PAGES[kind])
    page.wait_for_load_state("networkidle")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert violations(page, f"{kind}-{scheme}".replace(" ", "-")) == []


def test_what_opens(visit: Visit) -> None:
    page = visit.go(page_of(LISBON))
    page.locator(".photos input").first.check()
    for scheme in SCHEMES:
        # Without the transition: while it goes on axe sees its picture, and no open dialog.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.get_by_role("button", name="Download…").click()
        assert violations(page, f"selection-{scheme}") == []
        page.keyboard.press("Escape")
        page.locator(".frame").first.click()
        expect(page.locator(".viewer")).to_be_visible()
        assert violations(page, f"viewer-{scheme}") == []
        page.keyboard.press("Escape")
        expect(page.locator(".viewer")).to_be_hidden()
        expect(page).to_have_url(re.compile(r"^[^#]*$"))


def test_a_phone(visitor: Callable[..., Visit]) -> None:
    visit = visitor(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = visit.go(page_of(LISBON))
    page.locator(".photos input").first.check()
    assert violations(page, "phone") == []


@pytest.fixture(scope="module", params=["de", "ja"])
def translated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Site]]:
    root: Path = tmp_path_factory.mktemp("translated")
    photos = showcase.build(root / "bucket", language=request.param, large=False)
    with showcase.served(root, root / "bucket", photos) as found:
        yield request.param, found


def test_other_languages(visitor: Callable[..., Visit], translated: tuple[str, Site]) -> None:
    language, site = translated
    visit = visitor(site=site)
    for path in ("index.html", page_of(LISBON)):
        page = visit.go(path)
        assert page.locator("html").get_attribute("lang") == language
        assert violations(page, f"{language}-{path.partition('.')[0].replace('/', '-')}") == []
    page.locator(".photos input").first.check()
    # No word was left in English, or with its place unfilled.
    said = page.locator(".bar").inner_text()
    assert "{" not in said
    assert "photo" not in said
    visit.check()


def test_by_keyboard_alone(visit: Visit) -> None:
    page = visit.go(page_of(LISBON))
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="To the photos")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    # The text's link comes before the photos where there is one; here the button is first.
    expect(page.get_by_role("button", name="Select all")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".frame").first).to_be_focused()
    ring = page.locator(".frame").first.evaluate("(each) => getComputedStyle(each).outlineStyle")
    assert ring == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Photo viewer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".frame").first).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press(" ")
    expect(page.locator(".photos input").first).to_be_checked()
    visit.check()


def test_what_is_focused_is_not_under_the_bar(visit: Visit) -> None:
    page = visit.go(page_of(LAKE))
    page.locator(".photos input").first.check()
    for _ in range(30):
        page.keyboard.press("Tab")
    hidden = page.evaluate(
        "document.activeElement.getBoundingClientRect().bottom"
        " > document.querySelector('.bar').getBoundingClientRect().top"
    )
    assert hidden is False
