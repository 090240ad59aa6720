"""Three screens, two lights, paper: nothing is cropped, nothing moves, nothing sticks out.

Screenshots of all of it are kept in ``artefacts/gallery/`` for people to look at.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route

from tests.browser.conftest import ARTEFACTS, Visit
from tests.browser.showcase import ALBUM, HOSTILE, LAKE, LISBON, UPRIGHT, leaf_of, page_of

WIDTHS = [390, 1280, 2560]
HEIGHTS = {390: 844, 1280: 800, 2560: 1440}
PAPER = {"light": "rgb(246, 241, 232)", "dark": "rgb(20, 17, 15)"}
PLACES = {
    "home": "index.html",
    "album": page_of(LAKE),
    "hostile": page_of(ALBUM),
    "nested": page_of(LISBON),
    "upright": page_of(UPRIGHT),
    "empty": page_of("Empty"),
    "photo": leaf_of(f"photos/{LISBON}/panorama.jpg"),
    "hostile-photo": leaf_of(f"photos/{ALBUM}/{HOSTILE[2]}"),
}


def paper(page: Page) -> str:
    found: str = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return found


def keep(page: Page, name: str) -> None:
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_screen_in_either_light(
    visitor: Callable[..., Visit], width: int, scheme: str
) -> None:
    visit = visitor(viewport={"width": width, "height": HEIGHTS[width]}, color_scheme=scheme)
    for name, path in PLACES.items():
        if width == 2560 and name in ("hostile", "hostile-photo", "empty"):
            continue  # they are no wider for that
        page = visit.go(path)
        assert paper(page) == PAPER[scheme]
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        keep(page, f"{name}-{width}-{scheme}")
    page = visit.go(PLACES["album"])
    page.locator(".photos input").first.check()
    page.locator(".photos .frame").nth(1).click()
    page.wait_for_function(
        "() => !document.activeViewTransition && document.getAnimations().length === 0"
    )
    keep(page, f"viewer-{width}-{scheme}")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Download…").click()
    keep(page, f"selection-{width}-{scheme}")
    sheet = page.get_by_role("dialog", name="Selected photos").bounding_box()
    assert sheet is not None
    assert sheet["x"] >= 0
    assert sheet["x"] + sheet["width"] <= width
    visit.check()


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_keep_every_photos_shape(visitor: Callable[..., Visit], width: int) -> None:
    visit = visitor(viewport={"width": width, "height": HEIGHTS[width]})
    for place in ("album", "hostile", "nested", "upright"):
        page = visit.go(PLACES[place])
        boxes = page.evaluate(
            """[...document.querySelectorAll('.photos .frame')].map((frame) => {
                const box = frame.getBoundingClientRect(), image = frame.querySelector('img');
                return [box.top, box.left, box.width, box.height,
                        image.getAttribute('width') / image.getAttribute('height')];
            })"""
        )
        rows: dict[float, list[list[float]]] = {}
        for top, *rest in boxes:
            rows.setdefault(round(top), []).append(rest)
        for row in rows.values():
            heights = [height for _, _, height, _ in row]
            assert max(heights) - min(heights) < 1.5
            for _, across, height, ratio in row:
                assert abs(across / height / ratio - 1) < 0.01
                assert height < HEIGHTS[width]
        # Rows end where the page's margin begins, but the last, and one that a panorama left so
        # empty that its photos would be blown up beyond measure.
        margin = max(left + across for row in rows.values() for left, across, _, _ in row)
        most = max(height for row in rows.values() for _, _, height, _ in row)
        for row in list(rows.values())[:-1]:
            end = max(left + across for left, across, _, _ in row)
            assert margin - end < 1.5 or most - row[0][2] < 1.5 or len(row) == 1


def test_the_light_is_switched_and_remembered(visit: Visit) -> None:
    page = visit.go("index.html")
    switch = page.get_by_role("button", name="Light or dark")
    assert paper(page) == PAPER["light"]
    switch.click()
    assert paper(page) == PAPER["dark"]
    # It is there before the next page is painted: no frame of that is in the wrong light.
    visit.context.add_init_script(
        "window.papers = [];"
        "const look = () => {"
        " if (document.body) window.papers.push(document.documentElement.dataset.light);"
        " if (window.papers.length < 5) requestAnimationFrame(look); };"
        "requestAnimationFrame(look);"
    )
    visit.go(page_of(LAKE))
    page.wait_for_function("() => window.papers.length === 5")
    assert page.evaluate("window.papers") == ["dark"] * 5
    assert paper(page) == PAPER["dark"]
    # Whoever has switched back goes with the system again.
    switch.click()
    assert paper(page) == PAPER["light"]
    assert page.evaluate("localStorage.getItem('safelight:light')") is None
    page.emulate_media(color_scheme="dark")
    assert paper(page) == PAPER["dark"]
    visit.check()


SHIFT = """window.shift = 0;
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: 'layout-shift', buffered: true });"""


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("place", ["home", "album", "hostile", "photo"])
def test_nothing_moves_while_photos_load(
    visitor: Callable[..., Visit], width: int, place: str
) -> None:
    visit = visitor(viewport={"width": width, "height": HEIGHTS[width]})
    visit.context.add_init_script(SHIFT)
    page = visit.go(PLACES[place])
    for part in range(1, 5):
        page.evaluate(f"window.scrollTo(0, document.body.scrollHeight * {part} / 4)")
        page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shift") == 0


def test_far_down_an_album_is_where_its_address_says(visit: Visit) -> None:
    """What is left out while it is far away keeps its room."""
    page = visit.go(PLACES["album"])
    height = page.evaluate("document.body.scrollHeight")
    anchor = page.locator(".photos li").nth(150).get_attribute("id")
    page = visit.more()
    page.goto(f"{visit.site.url}{PLACES['album']}#{anchor}")
    page.wait_for_load_state("networkidle")
    top = page.locator(":target").evaluate("(each) => each.getBoundingClientRect().top")
    assert 0 <= top < 400
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.body.scrollHeight") == height


def test_before_a_photo_there_are_its_colours(visit: Visit) -> None:
    visit.context.route("**/*.jpg", lambda route: route.abort())
    page = visit.go(PLACES["album"])
    colours = page.locator(".frame svg").first
    assert colours.locator("path").count() == 6
    frame, box = page.locator(".frame").first.bounding_box(), colours.bounding_box()
    assert frame is not None
    assert box is not None
    assert box["width"] > frame["width"]
    assert box["height"] > frame["height"]


def test_on_paper(visit: Visit) -> None:
    page = visit.go(PLACES["nested"])
    page.locator(".photos input").first.check()
    page.emulate_media(media="print", color_scheme="dark")
    assert paper(page) == "rgb(255, 255, 255)"
    for nothing in (".bar", ".menu", "input[name=photo]", "button", ".get"):
        assert page.locator(f"{nothing} >> visible=true").count() == 0
    assert page.get_by_role("heading", name="Lisbon").is_visible()
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.pdf(path=ARTEFACTS / "album.pdf", format="A4")
    visit.go(PLACES["photo"])
    page.pdf(path=ARTEFACTS / "photo.pdf", format="A4")
    visit.check()


def test_the_light_that_the_settings_say(visit: Visit) -> None:
    def dark(route: Route) -> None:
        answer = route.fetch()
        text = answer.text()
        assert '<html lang="en"' in text
        body = text.replace('<html lang="en"', '<html lang="en" data-light="dark"', 1)
        route.fulfill(response=answer, body=body)

    visit.context.route("**/*.html", dark)
    page = visit.go("index.html")
    assert paper(page) == PAPER["dark"]
    page.get_by_role("button", name="Light or dark").click()
    assert paper(page) == PAPER["light"]
    visit.go("index.html")
    assert paper(page) == PAPER["light"]
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate("localStorage.getItem('safelight:light')") is None
    assert paper(page) == PAPER["dark"]
    visit.check()
