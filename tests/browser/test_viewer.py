"""Looking at one photo after the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.showcase import ALBUM, HOSTILE, LAKE, LISBON, leaf_of, page_of


def open_(page: Page, number: int = 0) -> Locator:
    """Opens the viewer at a photo; returns it."""
    page.locator(".photos .frame").nth(number).click()
    viewer = page.get_by_role("dialog", name="Photo viewer")
    expect(viewer).to_be_visible()
    return viewer


def count(viewer: Locator) -> Locator:
    return viewer.locator(".count")


def id_of(page: Page, number: int) -> str:
    found = page.locator(".photos li").nth(number).get_attribute("id")
    assert found is not None
    return found


def test_keys(visit: Visit) -> None:
    page = visit.go(page_of(ALBUM))
    viewer = open_(page, 1)
    expect(count(viewer)).to_have_text("2 / 24")
    for key, number in [
        ("ArrowRight", 3),
        ("ArrowRight", 4),
        ("ArrowLeft", 3),
        ("End", 24),
        ("ArrowRight", 24),
        ("Home", 1),
        ("ArrowLeft", 1),
    ]:
        page.keyboard.press(key)
        expect(count(viewer)).to_have_text(f"{number} / 24")
        # The strip stands where the count says.
        here = page.evaluate(
            "(() => { const box = document.querySelector('.slide.here').getBoundingClientRect();"
            " return Math.round(box.left); })()"
        )
        assert here == 0
    page.keyboard.press(" ")
    expect(viewer.get_by_role("button", name="Select")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    expect(viewer.get_by_role("button", name="Select")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(page.locator(".photos input").first).to_be_checked()
    # The focus is on the photo that was looked at last.
    frames = page.locator(".photos .frame")
    assert frames.nth(1).evaluate("(each) => each === document.activeElement")
    visit.check()


def test_the_photo_is_sharp_and_its_neighbours_are_on_the_way(visit: Visit) -> None:
    page = visit.go(page_of(LAKE))
    open_(page, 20)
    page.wait_for_function(
        "() => [19, 20, 21].every((number) => {"
        " const image = document.querySelectorAll('.slide')[number].querySelector('img');"
        " return image.complete && !/-(600|400)\\.jpg$/.test(image.currentSrc); })"
    )
    loaded = page.evaluate(
        "document.querySelectorAll('.slide img[src], .slide img[srcset]').length"
    )
    assert loaded == 3
    visit.check()


def test_the_photo_keeps_its_shape_and_is_whole(visit: Visit) -> None:
    page = visit.go(page_of(LISBON))
    for number in range(3):
        open_(page, number)
        box = page.locator(".slide.here .mount").bounding_box()
        image = page.locator(".photos img").nth(number)
        assert box is not None
        width, height = (image.get_attribute(name) for name in ("width", "height"))
        assert abs(box["width"] / box["height"] / (int(width or 0) / int(height or 1)) - 1) < 0.01
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1280
        assert box["y"] + box["height"] <= 800
        page.keyboard.press("Escape")
        expect(page.locator(".viewer")).to_be_hidden()


def test_buttons(visit: Visit) -> None:
    page = visit.go(page_of(LISBON))
    viewer = open_(page)
    assert viewer.get_by_role("button", name="Previous photo").is_disabled()
    viewer.get_by_role("button", name="Next photo").click()
    expect(count(viewer)).to_have_text("2 / 3")
    viewer.get_by_role("button", name="Next photo").click()
    assert viewer.get_by_role("button", name="Next photo").is_disabled()
    viewer.get_by_role("button", name="Select").click()
    viewer.get_by_role("button", name="Close").click()
    expect(viewer).to_be_hidden()
    expect(page.locator(".photos input").last).to_be_checked()
    visit.check()


def test_back_closes_it(visit: Visit) -> None:
    page = visit.go("index.html")
    visit.go(page_of(ALBUM))
    viewer = open_(page, 2)
    page.keyboard.press("ArrowRight")
    expect(count(viewer)).to_have_text("4 / 24")
    assert page.url.endswith(f"#view-{id_of(page, 3)}")
    page.go_back()
    expect(viewer).to_be_hidden()
    assert page.url == visit.site.url + page_of(ALBUM)
    # Forth opens it again, and closing it takes the step back by itself.
    page.go_forward()
    expect(viewer).to_be_visible()
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(page).to_have_url(visit.site.url + page_of(ALBUM))
    page.go_back()
    expect(page).to_have_url(visit.site.url + "index.html")
    visit.check()


def test_an_address_opens_it(visit: Visit) -> None:
    page = visit.go(page_of(ALBUM))
    number = 6
    anchor = id_of(page, number)
    visit.go("index.html")
    visit.go(f"{page_of(ALBUM)}#view-{anchor}")
    viewer = page.get_by_role("dialog", name="Photo viewer")
    expect(count(viewer)).to_have_text(f"{number + 1} / 24")
    # What was not opened from the album leaves the visitor in it.
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(page).to_have_url(visit.site.url + page_of(ALBUM))
    frame = page.locator(".photos .frame").nth(number)
    assert frame.evaluate("(each) => each === document.activeElement")
    page.go_back()
    expect(page).to_have_url(visit.site.url + "index.html")
    # An address of nothing is the album.
    visit.go(f"{page_of(ALBUM)}#view-nothing")
    expect(viewer).to_be_hidden()
    visit.check()


def test_from_page_to_page_of_an_album(visit: Visit) -> None:
    page = visit.go("index.html")
    visit.go(page_of(LAKE))
    viewer = open_(page, 199)
    page.keyboard.press("ArrowRight")
    expect(count(viewer)).to_have_text("1 / 5")
    assert page.url.startswith(visit.site.url + page_of(LAKE, 2))
    page.keyboard.press("ArrowLeft")
    expect(count(viewer)).to_have_text("200 / 200")
    # However far one went, one step back is the album that it began in.
    page.go_back()
    expect(viewer).to_be_hidden()
    assert page.url == visit.site.url + page_of(LAKE)
    visit.check()


def test_its_link_is_the_photos_own_page(visit: Visit) -> None:
    page = visit.go(page_of(LISBON))
    viewer = open_(page)
    name = viewer.get_by_role("heading").inner_text()
    viewer.get_by_role("link", name="About this photo").click()
    page.wait_for_url("**/photo/**")
    assert page.get_by_role("heading", level=1).inner_text() == name
    page.go_back()
    expect(viewer).to_be_visible()
    visit.check()


def test_what_a_photo_says_stays_words(visit: Visit) -> None:
    page = visit.go(page_of(ALBUM))
    viewer = open_(page)
    for name in HOSTILE[1:4]:
        page.keyboard.press("ArrowRight")
        if name != HOSTILE[1]:  # that one has a title
            expect(viewer.get_by_role("heading")).to_have_text(name)
    visit.check()


def test_the_focus_stays_in_it(visit: Visit) -> None:
    page = visit.go(page_of(LISBON))
    open_(page)
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body"
            " || !!document.activeElement.closest('.viewer')"
        )


@pytest.mark.parametrize("modifier", ["Control", "Shift"])
def test_who_wants_another_tab_gets_it(visit: Visit, modifier: str) -> None:
    page = visit.go(page_of(LISBON))
    with visit.context.expect_page() as opened:
        page.locator(".photos .frame").first.click(modifiers=[modifier])  # type: ignore[list-item]
    opened.value.wait_for_load_state()
    assert "/photo/" in opened.value.url
    expect(page.locator(".viewer")).to_be_hidden()


def test_a_click_beside_the_photo_closes_it(visit: Visit) -> None:
    page = visit.go(page_of(LISBON))
    viewer = open_(page, 2)
    page.locator(".slide.here .mount").click()
    expect(viewer).to_be_visible()
    page.locator(".strip").click(position={"x": 10, "y": 300})
    expect(viewer).to_be_hidden()
    visit.check()


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def at_rest(visit: Visit) -> None:
    """Waits until nothing moves, and the strip shows one photo.

    A view transition's picture lies over the page until it ends, and takes every touch; it
    is under way before its animations are.
    """
    visit.page.wait_for_function(
        """() => {
          const strip = document.querySelector(".viewer[open] .strip");
          const off = strip ? Math.abs(strip.scrollLeft) % strip.clientWidth : 0;
          const moving = document.activeViewTransition || document.getAnimations().length;
          return !moving && off === 0;
        }"""
    )


def swipe(visit: Visit, by: int, y: int = 400) -> None:
    """A finger that moves across the screen, once that stands still."""
    at_rest(visit)
    session = visit.context.new_cdp_session(visit.page)

    def touch(kind: str, *points: int) -> None:
        where = [{"x": x, "y": y} for x in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})

    start = 195 - by // 2
    touch("touchStart", start)
    for part in range(1, 11):
        touch("touchMove", start + by * part // 10)
        # As fast as a finger: all at once it would be a flick of no hand.
        visit.page.wait_for_timeout(16)
    touch("touchEnd")


def test_a_swipe_turns_the_photo(visitor: Callable[..., Visit]) -> None:
    visit = visitor(**PHONE)
    page = visit.go(page_of(ALBUM))
    viewer = open_(page, 4)
    swipe(visit, -250)
    expect(count(viewer)).to_have_text("6 / 24")
    swipe(visit, 250)
    expect(count(viewer)).to_have_text("5 / 24")
    # A phone that is turned keeps its photo.
    page.set_viewport_size({"width": 844, "height": 390})
    page.wait_for_function(
        "() => Math.round(document.querySelector('.slide.here').getBoundingClientRect().left) === 0"
    )
    expect(count(viewer)).to_have_text("5 / 24")
    visit.check()


def test_a_swipe_turns_the_photos_own_page(visitor: Callable[..., Visit]) -> None:
    visit = visitor(**PHONE)
    asked: list[bool] = []
    visit.page.on("request", lambda each: asked.append(each.is_navigation_request()))
    page = visit.go(leaf_of(f"photos/{LAKE}/DSC_0002.JPG"))
    first = page.url
    swipe(visit, -250, 150)
    page.wait_for_url(lambda url: url != first)
    swipe(visit, 250, 150)
    page.wait_for_url(first)
    # Once there and once back: the browser's own swipe through its history stays out of it.
    assert sum(asked) == 3
    visit.check()


def test_who_wants_no_motion_gets_none(visitor: Callable[..., Visit]) -> None:
    visit = visitor(reduced_motion="reduce")
    visit.context.add_init_script(
        "window.moved = 0;"
        "const start = document.startViewTransition?.bind(document);"
        "document.startViewTransition = (act) => { window.moved++; return start(act); };"
    )
    page = visit.go(page_of(LISBON))
    open_(page)
    page.keyboard.press("Escape")
    assert page.evaluate("window.moved") == 0
    visit.page.emulate_media(reduced_motion="no-preference")
    open_(page)
    assert page.evaluate("window.moved") == 1
    visit.check()
