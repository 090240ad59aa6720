"""Ticking photos, and getting them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gallery import keys
from tests.browser.conftest import Visit
from tests.browser.showcase import ALBUM, HOSTILE, LAKE, LISBON, Site, leaf_of, page_of

needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None, reason="needs bash and curl"
)


def said(page: Page) -> str:
    return page.locator(".bar output").inner_text()


def command(page: Page) -> str:
    return page.locator("textarea.command").input_value()


def saved(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def wanted(site: Site, *photos: str) -> dict[str, bytes]:
    return {key[len(keys.PHOTOS) :]: site.original(key) for key in photos}


@needs_curl
def test_tick_across_albums_copy_the_command_and_run_it(
    visitor: Callable[..., Visit], tmp_path: Path
) -> None:
    visit = visitor(permissions=["clipboard-read", "clipboard-write"])
    page = visit.go("index.html")
    page.get_by_role("link", name=ALBUM).first.click()
    page.wait_for_url(visit.site.url + page_of(ALBUM))
    bar = page.get_by_role("region", name="Selected photos")
    assert not bar.is_visible()
    boxes = page.locator(".photos input")
    for number in range(len(HOSTILE)):
        boxes.nth(number).check()
    assert bar.is_visible()
    visit.go(page_of(LISBON))
    page.locator(".photos input").last.check()
    visit.go(leaf_of(f"photos/{LAKE}/DSC_0003.JPG"))
    page.get_by_role("checkbox", name="Select DSC_0003.JPG").check()
    assert said(page) == f"{len(HOSTILE) + 2} photos · 15 MB"
    # The bar is on every page.
    visit.go("index.html")
    page.get_by_role("button", name="Copy command").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == command(page)
    done = subprocess.run(
        ["bash", "-c", copied],
        cwd=tmp_path,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lisbon = sorted(key for key in visit.site.photos if key.startswith(f"photos/{LISBON}/"))
    found = saved(tmp_path)
    ticked = {f"photos/{ALBUM}/{name}" for name in HOSTILE} | {f"photos/{LAKE}/DSC_0003.JPG"}
    (other,) = {f"photos/{path}" for path in found} - ticked
    assert other in lisbon
    assert found == wanted(visit.site, *ticked, other)
    visit.check()


def test_shift_ticks_a_range(visit: Visit) -> None:
    page = visit.go(page_of(ALBUM))
    boxes = page.locator(".photos input")
    boxes.nth(5).click()
    boxes.nth(1).click(modifiers=["Shift"])
    ticks = [boxes.nth(number).is_checked() for number in range(8)]
    assert ticks == [False] + [True] * 5 + [False] * 2
    assert said(page).startswith("5 photos")
    # And takes ticks away.
    boxes.nth(2).click()
    boxes.nth(4).click(modifiers=["Shift"])
    ticks = [boxes.nth(number).is_checked() for number in range(8)]
    assert ticks == [False, True, False, False, False, True, False, False]
    visit.check()


def test_all_of_an_album_is_all_of_its_pages(visit: Visit) -> None:
    page = visit.go(page_of(LAKE, 2))
    page.get_by_role("button", name="Select all").click()
    expect(page.locator(".bar output")).to_have_text("205 photos · 308 MB")
    assert command(page).count("--output") == 205
    page.get_by_role("link", name="Previous page").click()
    expect(page.locator(".photos input:checked")).to_have_count(200)
    page.get_by_role("button", name="Clear").first.click()
    expect(page.locator("input:checked[name=photo]")).to_have_count(0)
    expect(page.get_by_role("region", name="Selected photos")).to_be_hidden()
    visit.go(page_of(LAKE, 2))
    assert page.locator("input:checked[name=photo]").count() == 0
    visit.check()


def test_the_list_of_what_is_selected(visit: Visit) -> None:
    page = visit.go(page_of(ALBUM))
    page.locator(".photos input").nth(2).check()
    visit.go(page_of(LISBON))
    for number in (0, 1):
        page.locator(".photos input").nth(number).check()
    page.get_by_role("button", name="Download…").click()
    sheet = page.get_by_role("dialog", name="Selected photos")
    rows = sheet.get_by_role("listitem")
    expect(rows).to_have_count(3)
    # In the order of their paths, each with its album.
    assert [row.locator("small").inner_text() for row in rows.all()] == [LISBON, LISBON, ALBUM]
    assert rows.nth(2).locator("bdi").inner_text() == HOSTILE[2]
    sheet.get_by_role("button", name="Remove").nth(1).click()
    expect(rows).to_have_count(2)
    assert sheet.locator("output").inner_text().startswith("2 photos")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Remove")
    expect(page.locator(".photos input:checked")).to_have_count(1)
    rows.first.get_by_role("link").click()
    page.wait_for_url("**/photo/**")
    visit.check()


def test_every_way_to_get_them(visit: Visit) -> None:
    page = visit.go(page_of(LISBON))
    page.locator(".photos input").first.check()
    page.get_by_role("button", name="Download…").click()
    begins = {
        "curl": "curl --fail",
        "wget": "mkdir -p",
        "PowerShell": "function Save-Photo",
        "AWS": "aws s3 cp 's3://BUCKET/photos/2024/",
        "URLs": visit.site.url + "photos/2024/",
    }
    for way, begin in begins.items():
        page.get_by_role("radio", name=way).check()
        assert command(page).startswith(begin)
    # The choice is kept.
    page.keyboard.press("Escape")
    visit.go(page_of(LISBON))
    assert command(page).startswith(begins["URLs"])
    visit.check()


def test_a_second_page_of_the_same_visitor_follows(visit: Visit) -> None:
    page, other = visit.go(page_of(LISBON)), visit.more()
    other.goto(visit.site.url + "index.html")
    page.locator(".photos input").first.check()
    expect(other.locator(".bar output")).to_have_text("1 photo · 1.5 MB")
    other.get_by_role("button", name="Clear").first.click()
    expect(page.locator(".photos input").first).not_to_be_checked()
    visit.check()


def test_back_again_the_ticks_are_as_they_are_remembered(visit: Visit) -> None:
    page = visit.go(page_of(LISBON))
    page.locator(".photos input").first.check()
    visit.go("index.html")
    page.get_by_role("button", name="Clear").first.click()
    page.go_back()
    expect(page.locator(".photos input").first).not_to_be_checked()
    visit.check()


def test_without_storage_a_page_remembers_itself(visit: Visit) -> None:
    visit.context.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('not here'); } })"
    )
    page = visit.go(page_of(LISBON))
    page.locator(".photos input").first.check()
    page.locator(".photos input").nth(1).check()
    assert said(page).startswith("2 photos")
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate("document.documentElement.dataset.light") == "dark"
    visit.check()


@pytest.mark.parametrize(
    "stored",
    [
        "{",
        "[]",
        "null",
        '"x"',
        '{"a": 1}',
        '{"a": ["https://elsewhere.invalid/x", 1, "x", "x", "x"]}',
        '{"a": ["../../up", 1, "x", "x", "x"]}',
        '{"a": ["x", 1, "x", "javascript:window.pwned=1", "x"]}',
        '{"a": ["x", "many", "x", "x", "x"]}',
    ],
)
def test_what_was_remembered_by_others_is_not_believed(visit: Visit, stored: str) -> None:
    page = visit.go(page_of("2024"))
    page.evaluate(
        "([key, text]) => localStorage.setItem(key, text)", [f"safelight:{visit.site.url}", stored]
    )
    page = visit.go(page_of(LISBON))
    assert not page.get_by_role("region", name="Selected photos").is_visible()
    page.locator(".photos input").first.check()
    assert said(page).startswith("1 photo ")
    visit.check()


def test_a_photo_that_was_replaced_is_remembered_anew(visit: Visit) -> None:
    page = visit.go(page_of(LISBON))
    page.locator(".photos input").first.check()
    key = f"safelight:{visit.site.url}"
    stored = page.evaluate("(key) => localStorage.getItem(key)", key)
    old = stored.replace("-400.jpg", "-1.jpg")
    assert old != stored
    page.evaluate("([key, text]) => localStorage.setItem(key, text)", [key, old])
    visit.go(page_of(LISBON))
    page.locator(".photos input").last.check()
    again = page.evaluate("(key) => localStorage.getItem(key)", key)
    assert stored[1:-1] in again
    assert "-1.jpg" not in again


def test_links_of_a_photo_can_be_copied(visitor: Callable[..., Visit]) -> None:
    visit = visitor(permissions=["clipboard-read", "clipboard-write"])
    key = f"photos/{LISBON}/a.jpg"
    page = visit.go(leaf_of(key))
    url = visit.site.url + keys.url_path(key)
    for kind, text in [
        ("URL", url),
        ("Markdown", f"![Tram 28]({url})"),
        ("HTML", f'<img src="{url}" alt="Tram 28" width="3000" height="2000">'),
    ]:
        page.get_by_role("button", name=f"Copy Original as {kind}").click()
        page.wait_for_function(
            "(text) => navigator.clipboard.readText().then((is) => is === text)", arg=text
        )
    visit.check()


def test_copying_without_a_clipboard(visit: Visit) -> None:
    # A site that is served by plain http has none.
    visit.context.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
        "window.copied = [];"
        "document.addEventListener('copy',"
        " () => window.copied.push(String(document.activeElement.value)));"
    )
    page = visit.go(page_of(LISBON))
    page.locator(".photos input").first.check()
    page.get_by_role("button", name="Download…").click()
    page.get_by_role("dialog").get_by_role("button", name="Copy command").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("window.copied") == [command(page)]
    visit.check()
