"""The album reconciler, run by run: what it writes, what it leaves, what it counts.

That nothing breaks whatever comes in between is the simulation's to show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from gallery import keys
from gallery.batch import Done, Outcome, Retry, Task
from gallery.catalog import load_album, unlinked
from gallery.memory import Call, MemoryStore
from gallery.record import PhotoRecord, TextRecord, encode
from safelight.simulation.clock import VirtualClock
from sitegen import reconcile as reconciler
from sitegen.reconcile import World, reconcile
from tests.unit.sitegen.specimen import photo, tombstone, words


@dataclass
class Bench:
    """A bucket with a catalog, the calls that were made on it, and what was asked for."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    calls: list[Call] = field(default_factory=list)
    hinted: list[str] = field(default_factory=list)
    republished: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.clock, hook=self._note)
        self.world = World(
            store=self.store,
            clock=self.clock,
            hint=self.hinted.extend,
            republish=self.republished.extend,
        )

    def _note(self, call: Call) -> None:
        if call.phase == "before":
            self.calls.append(call)

    def put(self, *records: PhotoRecord | TextRecord) -> None:
        for record in records:
            self.store.put(keys.record(record.key), encode(record), content_type="application/json")
        self.calls.clear()

    def run(self, slug: str, world: World | None = None, receives: int = 1) -> Outcome:
        return reconcile(world or self.world, Task(slug, (), receives, None))

    def publish(self, *slugs: str) -> None:
        for slug in slugs:
            assert isinstance(self.run(slug), Done), slug

    def puts(self) -> Counter[str]:
        return Counter(call.key for call in self.calls if call.op == "put")


def many(count: int, album: str = "a") -> list[PhotoRecord]:
    return [
        photo(
            f"photos/{album}/{number:04}.jpg",
            taken=f"2024-05-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}",
        )
        for number in range(count)
    ]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def sheets(puts: Counter[str]) -> set[str]:
    return {key for key in puts if key.startswith("photo/")}


def test_a_photos_page_is_put_once(bench: Bench) -> None:
    bench.put(*many(50))
    bench.publish("a", "")
    assert sheets(bench.puts()) == {f"photo/a/{number:04}.jpg.html" for number in range(50)}
    assert set(bench.puts().values()) == {1}


def test_nothing_is_put_twice(bench: Bench) -> None:
    bench.put(*many(3))
    bench.publish("a", "")
    bench.calls.clear()
    bench.publish("a", "")
    assert bench.puts() == {}


def test_one_photo_more_writes_its_page_and_its_neighbours(bench: Bench) -> None:
    bench.put(*many(300))
    bench.publish("a", "")
    bench.put(photo("photos/a/x.jpg", taken="2024-05-01T00:01:40"))
    bench.publish("a", "")
    assert sheets(bench.puts()) == {
        "photo/a/0100.jpg.html",
        "photo/a/0101.jpg.html",
        "photo/a/x.jpg.html",
        # The last one of the album's first page is on its second now.
        "photo/a/0199.jpg.html",
    }


def test_one_photo_more_in_a_large_archive_takes_few_calls(bench: Bench) -> None:
    site = replace(bench.world, site_url="https://s.example/")
    for number in range(60):
        album = f"20{number % 30:02}/{number}" if number % 2 else f"{number}"
        bench.put(*many(2, album))
        assert isinstance(bench.run(album, site), Done)
    bench.put(*many(150, "2001/more"))
    for slug in ("2001/more", *(f"20{year:02}" for year in range(30)), ""):
        assert isinstance(bench.run(slug, site), Done)
    bench.put(photo("photos/2001/more/x.jpg", taken="2024-05-01T00:01:40"))
    for slug in ("2001/more", "2001", ""):
        assert isinstance(bench.run(slug, site), Done)
    assert len(bench.calls) <= 40, [f"{call.op} {call.key}" for call in bench.calls]


def test_what_there_is_no_time_for_is_done_by_the_next_run(bench: Bench) -> None:
    bench.put(*many(120))
    hurried = replace(bench.world, ahead=lambda: 200 - len(bench.calls))
    assert isinstance(bench.run("a", hurried), Retry)
    record = load_album(bench.store, "a").record
    assert record is not None
    assert record.inputs == ""
    done = sheets(bench.puts())
    assert 20 < len(done) < 100
    assert set(record.pages) >= done
    assert "albums/a.html" not in bench.store.objects
    bench.calls.clear()
    bench.publish("a")
    assert sheets(bench.puts()) & done == set()
    assert len(sheets(bench.puts()) | done) == 120
    bench.calls.clear()
    bench.publish("a")
    assert bench.puts() == {}


def test_records_there_is_no_time_to_read_are_read_by_the_next_run(bench: Bench) -> None:
    bench.put(*many(120))
    hurried = replace(bench.world, ahead=lambda: 60 - len(bench.calls))
    outcome = bench.run("a", hurried)
    assert isinstance(outcome, Retry)
    assert "still to be read" in outcome.why
    assert not sheets(bench.puts())
    read = {call.key for call in bench.calls if call.op == "get"}
    bench.calls.clear()
    bench.publish("a")
    again = {call.key for call in bench.calls if call.op == "get" and "/photos/a/" in call.key}
    assert 60 < len(again) < 120
    assert not again & read
    assert len(sheets(bench.puts())) == 120


def test_no_rendition_may_go_while_pages_are_still_to_be_written(bench: Bench) -> None:
    first, *rest = many(60)
    bench.put(first, *rest)
    bench.publish("a", "")
    later = photo(first.key, etag="f" * 32, taken="2024-05-01T00:00:00")
    bench.put(later, *many(160)[60:])
    etag = bench.store.objects[keys.record(first.key)].etag

    def gone() -> bool:
        return unlinked(bench.store, later, etag, first.digest)

    hurried = replace(bench.world, ahead=lambda: 140 - len(bench.calls))
    assert isinstance(bench.run("a", hurried), Retry)
    bench.publish("")
    record = load_album(bench.store, "a").record
    assert record is not None
    assert record.shown["0000.jpg.json"].etag == etag, "the next run need not read it again"
    assert first.digest.encode() in bench.store.objects["albums/a.html"].body
    assert not gone()
    bench.publish("a", "")
    assert gone()


def test_a_run_that_was_cut_off_is_gone_on_with(bench: Bench) -> None:
    bench.put(*many(20))

    class Timeout(BaseException):
        pass

    def cut(call: Call) -> None:
        bench.calls.append(call)
        if call.key == "photo/a/0012.jpg.html" and call.phase == "before":
            raise Timeout

    bench.store.hook = cut
    with pytest.raises(Timeout):
        bench.run("a")
    bench.store.hook = bench._note
    bench.calls.clear()
    bench.publish("a")
    # An ETag tells that what is there is what was to be written.
    assert sheets(bench.puts()) == {f"photo/a/{number:04}.jpg.html" for number in range(12, 20)}


def test_a_page_that_somebody_changed_or_removed_is_made_right(bench: Bench) -> None:
    bench.put(*many(5))
    bench.publish("a")
    right = bench.store.objects["photo/a/0002.jpg.html"].body
    bench.store.put("photo/a/0002.jpg.html", b"mine", content_type="text/html")
    bench.store.delete("photo/a/0003.jpg.html")
    bench.calls.clear()
    bench.publish("a")
    assert sheets(bench.puts()) == {"photo/a/0002.jpg.html", "photo/a/0003.jpg.html"}
    assert bench.store.objects["photo/a/0002.jpg.html"].body == right


def test_the_page_of_a_photo_that_is_gone_stays_as_long_as_its_tombstone(bench: Bench) -> None:
    bench.put(*many(3))
    bench.publish("a")
    bench.put(tombstone("photos/a/0001.jpg"))
    bench.publish("a")
    assert b"thumbs/" not in bench.store.objects["photo/a/0001.jpg.html"].body
    bench.store.delete(keys.record("photos/a/0001.jpg"))
    bench.publish("a")
    assert "photo/a/0001.jpg.html" not in bench.store.objects


def test_a_page_that_may_still_be_being_removed_is_not_written(bench: Bench) -> None:
    bench.put(*many(2), tombstone("photos/a/0001.jpg"))
    bench.publish("a")
    bench.store.delete(keys.record("photos/a/0001.jpg"))
    bench.publish("a")
    bench.put(*many(2))
    early = bench.run("a")
    assert isinstance(early, Retry)
    assert "being removed" in early.why
    late = bench.run("a", receives=9)
    assert isinstance(late, Retry)
    assert late.after > 600
    bench.clock.advance(timedelta(minutes=15, seconds=1))
    bench.publish("a")
    assert b"thumbs/" in bench.store.objects["photo/a/0001.jpg.html"].body
    # Once nobody can be at it any more the record forgets.
    bench.put(photo("photos/a/x.jpg"))
    bench.publish("a")
    record = load_album(bench.store, "a").record
    assert record is not None
    assert record.going == {}


HIDDEN = words("photos/a/index.md", "---\nhidden: true\n---\n")


def noindex(bench: Bench, key: str) -> bool:
    return b'content="noindex"' in bench.store.objects[key].body


def test_what_lies_in_a_hidden_album_is_hidden_too(bench: Bench) -> None:
    bench.put(*many(2, "a/b/c"), *many(1, "a"), *many(1, "d"))
    bench.publish("a/b/c", "a/b", "a", "d", "")
    assert not noindex(bench, "albums/a/b/c.html")
    bench.put(HIDDEN)
    bench.publish("a")
    assert set(bench.republished) == {keys.album_record("a/b"), keys.album_record("a/b/c")}
    bench.publish("a/b/c", "a/b", "a", "")
    for key in (
        "albums/a/b/c.html",
        "albums/a/b.html",
        "albums/a.html",
        "photo/a/b/c/0000.jpg.html",
    ):
        assert noindex(bench, key), key
    assert not noindex(bench, "albums/d.html")
    for key in ("index.html", "feed.xml", "index.json"):
        assert b"a/b/c" not in bench.store.objects[key].body, key
    bench.republished.clear()
    bench.put(words("photos/a/index.md", "Here."))
    bench.publish("a")
    assert bench.republished
    bench.publish("a/b/c", "a/b", "a", "")
    assert not noindex(bench, "albums/a/b/c.html")
    bench.republished.clear()
    bench.publish("a/b/c", "a/b", "a", "")
    assert bench.republished == []


def test_those_below_are_told_even_if_the_run_that_hides_them_dies(bench: Bench) -> None:
    bench.put(*many(2, "a/b"), *many(1, "a"))
    bench.publish("a/b", "a", "")
    bench.put(HIDDEN)

    class Died(BaseException):
        pass

    def die(_: object) -> None:
        raise Died

    with pytest.raises(Died):
        bench.run("a", replace(bench.world, republish=die))
    bench.publish("a")
    assert bench.republished == [keys.album_record("a/b")]
    bench.republished.clear()
    bench.publish("a")
    assert bench.republished == []


def test_of_a_first_publication_each_page_is_put_where_nothing_was(bench: Bench) -> None:
    """No claim is needed for photos' pages: see ``without-sheet-of-the-gone.yaml``."""
    claimed: Callable[[str, str], bool] = reconciler._comes_and_goes
    assert not claimed("a", "photo/a/1.jpg.html")
    assert not claimed("a", "albums/a.html")
    assert claimed("a", "albums/a/~2.html")
    assert not claimed("a", "albums/a/~feed.xml")
