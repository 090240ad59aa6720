"""A listing in stretches holds what a listing in one piece holds, each key once."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from typing import cast
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.store import ObjectInfo, Page, S3Store, Unavailable
from safelight import listing
from safelight.listing import boundaries, side_by_side, stretches

NOW = datetime(2026, 1, 1, tzinfo=UTC)

PARTS = st.sampled_from(["a", "b", "é", "a b", "~", "2024", "0", "\U0001f4f7", "￿"])
KEYS = st.sets(
    st.lists(PARTS, min_size=1, max_size=4).map(lambda parts: "photos/" + "/".join(parts))
    | st.lists(PARTS, min_size=1, max_size=3).map(lambda parts: "photos/" + "/".join(parts) + "/"),
    max_size=60,
)


class Bucket(S3Store):
    """A bucket whose pages are short, in the order of UTF-8, as S3's are."""

    def __init__(self, keys: set[str], size: int) -> None:
        self.keys = sorted(keys, key=str.encode)
        self.size = size
        self.asked = 0
        self.broken = ""

    def pages(self, prefix: str, *, after: str = "", shallow: bool = False) -> Iterator[Page]:
        entries: list[tuple[bool, str]] = []
        for key in self.keys:
            if not key.startswith(prefix) or key.encode() <= after.encode():
                continue
            folder, slash, _ = key[len(prefix) :].partition("/")
            entry = (True, prefix + folder + slash) if shallow and slash else (False, key)
            if not entries or entries[-1] != entry:
                entries.append(entry)
        for start in range(0, max(len(entries), 1), self.size):
            self.asked += 1
            part = entries[start : start + self.size]
            if (False, self.broken) in part:
                raise Unavailable(prefix, "503")
            yield Page(
                tuple(ObjectInfo(key, "e", 1, NOW) for is_folder, key in part if not is_folder),
                tuple(key for is_folder, key in part if is_folder),
                more=start + self.size < len(entries),
            )


@given(KEYS, st.integers(1, 7), st.integers(1, 9), st.integers(1, 5))
def test_every_key_comes_once(keys: set[str], size: int, most: int, looks: int) -> None:
    """However the keys lie, and wherever they are cut."""
    bucket = Bucket(keys, size)
    with (
        mock.patch.object(listing, "_STRETCHES", most),
        mock.patch.object(listing, "_LOOKS", looks),
    ):
        counts: list[int] = []
        found = [info.key for info in side_by_side(bucket, counts.append)("photos/")]
    assert sorted(found) == sorted(keys)
    assert counts == sorted(counts)
    assert not keys or counts[-1] == len(keys)


@given(KEYS, st.integers(1, 7))
def test_what_fits_on_a_page_costs_a_request(keys: set[str], size: int) -> None:
    """As it did before."""
    bucket = Bucket(keys, max(size, len(keys)))
    list(side_by_side(bucket)("photos/"))
    assert bucket.asked == 1


@given(st.text(max_size=3), st.sets(st.text(min_size=1, max_size=4), max_size=200))
def test_stretches_join(begin: str, cuts: set[str]) -> None:
    """Each begins where the one before it ends, from the beginning to the end of all."""
    later = sorted(cut for cut in cuts if cut > begin)
    found = stretches(begin, later)
    assert found[0][0] == begin
    assert found[-1][1] is None
    assert [stretch[1] for stretch in found[:-1]] == [stretch[0] for stretch in found[1:]]
    assert len(found) <= 64


def test_folders_are_looked_for_until_there_are_enough() -> None:
    """And no further: each look is a request."""
    keys = {f"photos/{year}/{month:02}/a.jpg" for year in range(30) for month in range(12)}
    bucket = Bucket(keys, 1000)
    found = boundaries(bucket, "photos/")
    assert len(found) >= 64
    assert bucket.asked <= 32


def test_an_error_in_a_stretch_is_the_readers() -> None:
    """A listing that broke off must not look like one that ended."""
    keys = {f"photos/{name}/{number}.jpg" for name in "abcdef" for number in range(9)}
    bucket = Bucket(keys, 2)
    bucket.broken = "photos/e/8.jpg"
    with pytest.raises(Unavailable):
        list(side_by_side(bucket)("photos/"))


def test_a_reader_who_stops_is_not_waited_for() -> None:
    """The rest is not listed."""
    keys = {f"photos/{name}/{number}.jpg" for name in "abcdef" for number in range(900)}
    bucket = Bucket(keys, 2)
    pages = side_by_side(bucket)("photos/")
    next(pages)
    next(pages)
    next(pages)
    cast("Generator[ObjectInfo]", pages).close()
    assert bucket.asked < 2000
