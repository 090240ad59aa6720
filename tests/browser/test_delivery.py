"""What a visitor's browser loads: little, and in the right order."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from gallery import keys
from sitegen import asset
from tests.browser.conftest import Visit
from tests.browser.showcase import LAKE, LISBON, leaf_of, page_of


def zipped(body: bytes) -> int:
    return len(gzip.compress(body, 6, mtime=0))


def test_the_scripts_and_the_stylesheet_are_small() -> None:
    found = {name: zipped(document.body) for name, document in asset.documents().items()}
    scripts = [size for name, size in found.items() if name.endswith(".js")]
    assert sum(scripts) < 8 * 1024
    assert found["gallery.css"] < 8 * 1024


def test_a_page_of_200_photos_is_small(visit: Visit) -> None:
    body = (visit.site.folder / keys.album_page(LAKE)).read_bytes()
    assert body.count(b'name="photo"') == 200
    assert zipped(body) < 40 * 1024


@pytest.mark.parametrize(
    ("options", "widest"),
    [
        ({"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3}, 800),
        ({"viewport": {"width": 412, "height": 823}, "device_scale_factor": 1.75}, 800),
        ({"viewport": {"width": 1280, "height": 800}}, 1200),
        ({"viewport": {"width": 2560, "height": 1440}}, 1200),
    ],
)
def test_an_album_loads_small_photos(
    visitor: Callable[..., Visit], options: dict[str, object], widest: int
) -> None:
    visit = visitor(**options)
    page = visit.go(page_of(LAKE))
    page.wait_for_load_state("networkidle")
    images = page.evaluate(
        "[...document.querySelectorAll('.photos img')].filter((each) => each.complete)"
        ".map((each) => [Number(/-(\\d+)\\.jpg$/.exec(each.currentSrc)[1]),"
        " each.getAttribute('width') / each.getAttribute('height'),"
        " each.getBoundingClientRect().width * devicePixelRatio])"
    )
    assert 4 <= len(images) < 60
    for width, ratio, shown in images:
        assert width <= max(widest, 600 * ratio)
        # Sharp enough for leafing through: at least half of the dots there are.
        assert width >= min(shown * 0.5, 1200)


def test_the_first_photo_comes_first(visit: Visit) -> None:
    # In the order in which the browser asks; the server has a thread for each, and no order.
    urls: list[str] = []
    visit.page.on("request", lambda request: urls.append(request.url))
    page = visit.go(page_of(LAKE))
    page.wait_for_load_state("networkidle")
    images = page.locator(".photos img")
    assert images.first.get_attribute("fetchpriority") == "high"
    lazy = page.evaluate(
        "[...document.querySelectorAll('.photos img')].map((each) => each.loading === 'lazy')"
    )
    assert lazy == [False] * 3 + [True] * 197
    asked = [url.rpartition("/bucket/")[2] for url in urls]
    photos = [path for path in asked if path.startswith("thumbs/")]
    assert photos[0] in (images.first.get_attribute("srcset") or "")
    # What is far down is not asked for.
    assert len(photos) < 60
    assert not [path for path in asked if path.startswith("photos/")]
    assert len([path for path in asked if path.startswith("assets/")]) == 4
    visit.check()


def test_a_photos_page_loads_its_own_photo_alone(visit: Visit) -> None:
    visit.site.asked.clear()
    page = visit.go(leaf_of(f"photos/{LISBON}/a.jpg"))
    page.wait_for_load_state("networkidle")
    thumbs = [path for path in visit.site.asked if "/thumbs/" in path]
    assert len(thumbs) == 1
    assert "/a.jpg." in thumbs[0]


def test_a_home_page_loads_no_script_but_its_own(visit: Visit) -> None:
    page = visit.go("index.html")
    page.wait_for_load_state("networkidle")
    sources = page.evaluate("[...document.scripts].map((each) => each.src)")
    assert len(sources) == 2
    assert all(source.startswith(f"{visit.site.url}assets/") for source in sources)
    visit.check()
