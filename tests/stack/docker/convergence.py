"""That nothing is lost and nothing is there twice: the bucket, judged by what lies in it."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Sequence

from PIL import Image

from gallery import keys
from tests.stack.photograph import photograph
from tests.stack.running import PATIENCE, Gallery


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether ``condition`` comes true before anybody's patience ends."""
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def album_of(count: int, name: str, *, first: int) -> dict[str, bytes]:
    """Photos large enough that a batch of them takes a while, by key."""
    return {
        f"photos/{name}/{number:02}.jpg": photograph(2600, 1800, seed=first + number)
        for number in range(count)
    }


def expanse(colour: str) -> bytes:
    """A small file that takes much memory: 35 megapixels of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (7000, 5000), colour).save(out, "PNG", compress_level=1)
    return out.getvalue()


def begun(gallery: Gallery, name: str) -> bool:
    """Whether some of the album's photos have their records."""
    return bool(gallery.keys(f"{keys.RECORDS}{name}/"))


def assert_converged(gallery: Gallery, originals: Sequence[str]) -> None:
    """Each of these originals of one album has its record and its renditions, the album's page
    shows it, and there is nothing else of that album and no dead letter."""
    (album,) = {key[len(keys.PHOTOS) :].rpartition("/")[0] for key in originals}
    assert sorted(gallery.keys(f"{keys.PHOTOS}{album}/")) == sorted(originals)
    records = [keys.record(key) for key in originals]
    assert sorted(gallery.keys(f"{keys.RECORDS}{album}/")) == sorted(records)
    named: list[str] = []
    for key in records:
        record = gallery.record(key)
        assert record["status"] == "ready", record
        assert not record.get("superseded"), record
        named += [rendition["key"] for rendition in record["renditions"]]
    assert sorted(gallery.keys(f"{keys.THUMBS}{album}/")) == sorted(named)
    page = gallery.running.page(gallery.url(f"albums/{album}.html"))
    assert gallery.originals_on(page) == set(originals)
    shown = Counter(link for link in page.links if link in set(map(gallery.url, originals)))
    assert len(set(shown.values())) == 1, shown
    for key in named:
        assert gallery.running.get(gallery.url(key)).status == 200
    status = gallery.running.status()
    assert status["settled"], status
    assert not status["dead_letters"], status
