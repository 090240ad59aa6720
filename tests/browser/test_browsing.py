"""From page to page: with a script and without, from a server and from a folder."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urljoin

import pytest

from gallery import keys
from tests.browser.conftest import Visit
from tests.browser.showcase import ALBUM, HOSTILE, LAKE, LISBON, leaf_of, page_of

KINDS = {
    "home": "index.html",
    "album": page_of(ALBUM),
    "further page": page_of(LAKE, 2),
    "nested": page_of(LISBON),
    "parent": page_of("2024"),
    "empty": page_of("Empty"),
    "hidden": page_of("Hidden"),
    "photo": leaf_of(f"photos/{ALBUM}/{HOSTILE[2]}"),
    "photo with a title": leaf_of(f"photos/{LISBON}/a.jpg"),
    "about": "about.html",
    "photo that is gone": leaf_of("photos/Empty/x.jpg"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_page_is_quiet(visit: Visit, kind: str) -> None:
    page = visit.go(KINDS[kind])
    page.wait_for_load_state("networkidle")
    assert page.locator("h1").count() == 1
    visit.check()


def test_from_the_home_page_to_a_photo_and_back(visit: Visit) -> None:
    page = visit.go("index.html")
    page.get_by_role("link", name="2024", exact=True).click()
    page.get_by_role("heading", name="Lisbon").get_by_role("link").click()
    page.wait_for_url(visit.site.url + page_of(LISBON))
    page.get_by_role("navigation", name="Where you are").get_by_role("link", name="2024").click()
    page.wait_for_url(visit.site.url + page_of("2024"))
    visit.check()


def test_a_photos_page_leads_on_and_back(visit: Visit) -> None:
    page = visit.go(leaf_of(f"photos/{LAKE}/DSC_0002.JPG"))
    first = page.url
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: url != first)
    second = page.url
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(first)
    page.get_by_role("link", name="Next photo").click()
    page.wait_for_url(second)
    page.keyboard.press("Escape")
    page.wait_for_url("**/albums/**")
    # The photo that one comes from is where one looks.
    target = page.locator(":target")
    assert target.count() == 1
    assert target.evaluate("(each) => each.getBoundingClientRect().top < innerHeight")
    visit.check()


def test_without_javascript(visitor: Callable[..., Visit]) -> None:
    visit = visitor(java_script_enabled=False)
    page = visit.go("index.html")
    page.get_by_role("link", name=ALBUM).first.click()
    assert page.locator(".photos img").count() == 24
    bar = page.get_by_role("region", name="Selected photos")
    assert not bar.is_visible()
    page.locator(".photos input").first.check()
    assert "needs JavaScript" in bar.inner_text()
    # Nothing is offered that would not work.
    assert page.locator("button:visible").count() == 0
    assert page.locator("textarea:visible").count() == 0
    page.locator(".frame").first.click()
    page.wait_for_url("**/photo/**")
    code = page.locator(".copies code").nth(1)
    assert code.is_visible()
    assert code.inner_text().startswith("![")
    original = page.get_by_role("link", name="Original").get_attribute("href")
    assert original is not None
    answer = visit.context.request.get(urljoin(page.url, original))
    assert answer.body() == visit.site.original(f"photos/{ALBUM}/{HOSTILE[0]}")
    assert visit.complaints == []


def test_from_a_folder(visit: Visit) -> None:
    page = visit.page
    page.goto((visit.site.folder / "index.html").as_uri())
    page.get_by_role("link", name=ALBUM).first.click()
    page.locator(".photos").wait_for()
    page.wait_for_load_state()
    assert page.evaluate("getComputedStyle(document.querySelector('.photos')).display") == "flex"
    assert page.evaluate("document.querySelector('.photos img').naturalWidth") > 0
    page.locator(".photos input").nth(1).check()
    assert "curl" in page.locator("textarea").input_value()
    # What is remembered in a folder is the browser's affair; that nothing breaks is ours.
    page.reload()
    page.locator(".frame").first.click()
    page.locator(".viewer[open]").wait_for()
    page.keyboard.press("Escape")
    page.locator(".viewer[open]").wait_for(state="detached")
    page.locator(".viewer").wait_for(state="hidden")
    assert visit.complaints == []


def test_all_of_a_paged_album_from_a_folder_says_what_it_could_not_read(visit: Visit) -> None:
    page = visit.page
    page.goto((visit.site.folder / keys.album_page(LAKE)).as_uri())
    page.get_by_role("button", name="Select all").click()
    page.get_by_text("Only the photos of this page").wait_for()
    assert page.locator(".bar output").inner_text().startswith("200 photos")


def test_names_from_right_to_left_keep_to_themselves(visit: Visit) -> None:
    page = visit.go(page_of(ALBUM))
    name = page.locator(".plate bdi", has_text="שלום")
    assert name.evaluate("(each) => getComputedStyle(each).direction") == "rtl"
    box, label = name.locator("xpath=../input"), name
    # The box stays before the name.
    left, right = box.bounding_box(), label.bounding_box()
    assert left is not None
    assert right is not None
    assert left["x"] < right["x"]
    page = visit.go(leaf_of(f"photos/{LISBON}/a.jpg"))
    caption = page.locator(".caption")
    assert caption.evaluate("(each) => getComputedStyle(each).direction") == "rtl"
    visit.check()


def test_no_photo_says_more_than_fits(visit: Visit) -> None:
    # One caption has ten thousand letters.
    page = visit.go(page_of(ALBUM))
    heights = page.evaluate(
        "[...document.querySelectorAll('figcaption')].map((each) => each.offsetHeight)"
    )
    assert max(heights) < 300
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
