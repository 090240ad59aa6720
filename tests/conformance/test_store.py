"""The contract of :class:`gallery.store.ObjectStore`, which every store must keep.

One suite for the store in memory and for S3 on every emulator: what the reconcilers and their
simulation lean on is what S3 does.
"""

from __future__ import annotations

import io
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier

import pytest

from gallery.memory import MemoryStore
from gallery.store import (
    AccessDenied,
    ObjectInfo,
    ObjectStore,
    PreconditionFailed,
    S3Store,
    StoreError,
    put_if,
)
from safelight.scene import Overlay
from tests.conformance.conftest import Emulator

ODD = [
    "photos/with space.jpg",
    "photos/  two  spaces .jpg",
    "photos/1+1.jpg",
    "photos/100%.jpg",
    "photos/50%25.jpg",
    "photos/%2F%2e%2e.jpg",
    "photos/" + unicodedata.normalize("NFC", "café.jpg"),
    "photos/" + unicodedata.normalize("NFD", "café.jpg"),
    'photos/o\'hara "the cat" `x` <b>&amp;.jpg',
    "photos/#?&=;:@,$!*()[]{}|^~.jpg",
    "photos/\U0001f30a\U0001f469\u200d\U0001f680.jpg",
    "photos/two\nlines\r.jpg",
    "photos/tab\tbell\x07one\x01.jpg",
    "photos/\x7f\x85\u2028\ufeff\u202e.jpg",
    "photos/the end..jpg.",
    "photos/trip to St. Ives./a.jpg",
    "photos/back\\slash.jpg",
    "photos/~",
    "photos/folder marker/",
    "photos/a.jpg",
    "photos/a.JPG",
    "photos/" + "é" * 500 + "/" + "a" * 12 + ".jpg",
    "photos/" + "a" * 1017,
]


def put(store: ObjectStore, key: str, body: bytes = b"body") -> ObjectInfo:
    return store.put(key, body, content_type="application/octet-stream")


def keys(found: Iterable[ObjectInfo]) -> list[str]:
    return [info.key for info in found]


def test_what_was_put_is_read_back(store: ObjectStore) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    info = store.put("photos/a.jpg", b"bytes", content_type="image/jpeg", cache_control="no-cache")
    assert (info.key, info.size) == ("photos/a.jpg", 5)
    assert '"' not in info.etag
    head = store.head("photos/a.jpg")
    whole = store.get("photos/a.jpg")
    (listed,) = store.list("photos/")
    assert head is not None
    assert whole is not None
    assert whole.body == b"bytes"
    for other in (head, whole.info, listed):
        assert (other.key, other.etag, other.size) == (info.key, info.etag, info.size)
        assert other.last_modified.utcoffset() == timedelta(0)
        assert before < other.last_modified < before + timedelta(minutes=5)


def test_what_is_not_there_is_none(store: ObjectStore) -> None:
    assert store.head("photos/a.jpg") is None
    assert store.get("photos/a.jpg") is None
    assert store.peek("photos/a.jpg", 10) is None
    assert list(store.get_many(["photos/a.jpg"])) == [("photos/a.jpg", None)]
    assert list(store.list("photos/")) == []
    put(store, "photos/a.jpg.json")
    assert store.head("photos/a.jpg") is None
    assert store.head("photos/a.jpg.json/") is None


def test_other_bytes_have_another_etag_and_the_same_bytes_the_same(store: ObjectStore) -> None:
    first = put(store, "a", b"1")
    assert put(store, "a", b"2").etag != first.etag
    assert put(store, "a", b"1").etag == first.etag


def test_a_put_over_another_leaves_the_last(store: ObjectStore) -> None:
    put(store, "a", b"first, and longer")
    put(store, "a", b"second")
    found = store.get("a")
    assert found is not None
    assert found.body == b"second"
    assert [(info.key, info.size) for info in store.list("")] == [("a", 6)]


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    put(store, "empty", b"")
    whole, peeked = store.get("empty"), store.peek("empty", 10)
    head = store.head("empty")
    assert whole is not None
    assert peeked is not None
    assert head is not None
    assert (whole.body, peeked.body) == (b"", b"")
    assert (whole.info.size, peeked.info.size, head.size) == (0, 0, 0)
    file = io.BytesIO()
    store.download("empty", file, if_match=head.etag)
    assert file.getvalue() == b""


@pytest.mark.parametrize("count", [1, 4, 9, 10, 11, 4096])
def test_a_peek_is_the_beginning_and_the_whole_head(store: ObjectStore, count: int) -> None:
    info = put(store, "a", b"0123456789")
    found = store.peek("a", count)
    assert found is not None
    assert found.body == b"0123456789"[:count]
    assert (found.info.etag, found.info.size) == (info.etag, 10)


def test_a_download_is_of_the_version_asked_for(store: ObjectStore) -> None:
    body = bytes(range(256)) * 12_000  # about 3 MB, several chunks
    info = put(store, "a", body)
    file = io.BytesIO()
    store.download("a", file, if_match=info.etag)
    assert file.getvalue() == body


def test_a_download_of_another_version_or_none_fails(store: ObjectStore) -> None:
    info = put(store, "a", b"1")
    put(store, "a", b"2")
    file = io.BytesIO()
    with pytest.raises(PreconditionFailed):
        store.download("a", file, if_match=info.etag)
    store.delete("a")
    with pytest.raises(PreconditionFailed):
        store.download("a", file, if_match=info.etag)
    assert file.getvalue() == b""


def test_an_upload_is_a_put_from_a_file(store: ObjectStore) -> None:
    """From its beginning to its end, wherever it stands; more than one buffer of it."""
    body = bytes(range(256)) * 20_000
    file = io.BytesIO(body)
    file.seek(77)
    made = store.upload(
        "thumbs/a.jpg", file, content_type="image/jpeg", cache_control="public, max-age=60"
    )
    assert made.size == len(body)
    found = store.get("thumbs/a.jpg")
    assert found is not None
    assert (found.body, found.info.etag, found.info.size) == (body, made.etag, len(body))
    assert made.etag == put(store, "thumbs/b.jpg", body).etag
    store.upload("thumbs/a.jpg", io.BytesIO(b""), content_type="image/jpeg")
    found = store.get("thumbs/a.jpg")
    assert found is not None
    assert found.body == b""


def test_a_delete_is_idempotent(store: ObjectStore) -> None:
    put(store, "a")
    put(store, "ab")
    store.delete("a")
    store.delete("a")
    store.delete("never there")
    assert store.head("a") is None
    assert keys(store.list("")) == ["ab"]


def test_many_are_read_in_the_order_asked_for(store: ObjectStore) -> None:
    wanted = [f"k{number % 50:02}" for number in range(0, 200, 3)]
    for number in range(0, 50, 2):
        put(store, f"k{number:02}", str(number).encode())
    found = list(store.get_many(iter(wanted)))
    assert [key for key, _ in found] == wanted
    for key, there in found:
        number = int(key[1:])
        assert (there is None) == bool(number % 2)
        assert there is None or there.body == str(number).encode()
    assert list(store.get_many([])) == []


def test_many_calls_are_made_together_and_answered_in_their_order(store: ObjectStore) -> None:
    names = [f"k{number:03}" for number in range(100)]
    taken: list[str] = []

    def calls() -> Iterator[Callable[[], ObjectInfo]]:
        for name in names:
            taken.append(name)
            yield partial(put, store, name, name.encode())

    answers = store.together(calls())
    assert next(answers).key == "k000"
    assert len(taken) < len(names), "they are taken as there is room, not all at once"
    assert [info.key for info in answers] == names[1:]
    assert keys(store.list("")) == names
    assert list(store.together([])) == []


def test_of_calls_made_together_the_first_that_fails_is_told(store: ObjectStore) -> None:
    put(store, "k050")

    def calls() -> Iterator[Callable[[], str]]:
        for number in range(1000):
            yield partial(put_if, store, f"k{number:03}", b"", None, content_type="text/plain")

    told: list[str] = []
    with pytest.raises(PreconditionFailed) as failed:
        told.extend(store.together(calls()))
    assert failed.value.key == "k050"
    there = keys(store.list(""))
    assert {f"k{number:03}" for number in range(50)} <= set(there)
    assert "k999" not in there


@pytest.mark.parametrize("key", ODD, ids=[f"odd{number}" for number in range(len(ODD))])
def test_an_odd_key_is_a_key(store: ObjectStore, key: str) -> None:
    info = put(store, key, key.encode())
    found = store.get(key)
    assert found is not None
    assert found.body == key.encode()
    assert store.head(key) is not None
    file = io.BytesIO()
    store.download(key, file, if_match=info.etag)
    assert keys(store.list("")) == [key]
    assert keys(store.list(key)) == [key]
    with pytest.raises(PreconditionFailed):
        store.put(key, b"", content_type="x", if_none_match=True)
    assert store.put(key, b"new", content_type="x", if_match=info.etag).etag != info.etag
    store.delete(key)
    assert keys(store.list("")) == []


def test_odd_keys_do_not_get_mixed_up(store: ObjectStore) -> None:
    for key in ODD:
        put(store, key, key.encode())
    assert keys(store.list("photos/")) == sorted(ODD, key=str.encode)
    for key, found in store.get_many(ODD):
        assert found is not None
        assert found.body == key.encode()


def test_a_listing_is_in_the_order_of_utf_8(store: ObjectStore) -> None:
    # By UTF-16, or by a language's rules, these come in another order.
    mixed = ["B", "a", "a/", "a/b", "a.b", "é", "e\u0301", "z", "\uff5e", "\U0001f30a", "A", "~"]
    for key in mixed:
        put(store, key)
    assert keys(store.list("")) == sorted(mixed, key=str.encode)


def test_a_prefix_is_bytes_not_folders(store: ObjectStore) -> None:
    for key in ["a", "a.jpg", "a/1", "a/2", "ab/1", "b"]:
        put(store, key)
    assert keys(store.list("a")) == ["a", "a.jpg", "a/1", "a/2", "ab/1"]
    assert keys(store.list("a/")) == ["a/1", "a/2"]
    assert keys(store.list("c")) == []


def test_a_shallow_listing_stops_at_the_next_slash(store: ObjectStore) -> None:
    for key in ["p/", "p/1", "p/a/1", "p/a/b/2", "p/a.jpg", "p//x", "q"]:
        put(store, key)
    assert keys(store.list("p/", shallow=True)) == ["p/", "p/1", "p/a.jpg"]
    assert keys(store.list("p/a", shallow=True)) == ["p/a.jpg"]
    assert keys(store.list("", shallow=True)) == ["q"]


def test_a_long_listing_is_whole(store: ObjectStore) -> None:
    # S3 lists a thousand at a time; folders count towards it.
    names = [f"p/{number:04} é+%.jpg" for number in range(1003)]
    folders = [f"p/0500/{number}" for number in range(4)]
    with ThreadPoolExecutor(1 if isinstance(store, MemoryStore | Overlay) else 8) as pool:
        list(pool.map(lambda key: put(store, key, b""), names + folders))
    assert keys(store.list("p/")) == sorted(names + folders, key=str.encode)
    assert keys(store.list("p/", shallow=True)) == names


def test_a_write_is_seen_by_whatever_reads_after_it(store: ObjectStore) -> None:
    for number in range(20):
        info = put(store, "a", str(number).encode())
        head, whole = store.head("a"), store.get("a")
        assert head is not None
        assert whole is not None
        assert head.etag == whole.info.etag == info.etag
        assert whole.body == str(number).encode()
        assert [listed.etag for listed in store.list("a")] == [info.etag]
        store.delete("a")
        assert store.get("a") is None
        assert list(store.list("a")) == []


def test_if_none_match_writes_only_where_there_is_nothing(store: ObjectStore) -> None:
    first = store.put("a", b"1", content_type="x", if_none_match=True)
    with pytest.raises(PreconditionFailed) as error:
        store.put("a", b"2", content_type="x", if_none_match=True)
    assert error.value.key == "a"
    found = store.get("a")
    assert found is not None
    assert (found.body, found.info.etag) == (b"1", first.etag)
    store.delete("a")
    store.put("a", b"3", content_type="x", if_none_match=True)


def test_if_match_writes_only_over_that_version(store: ObjectStore) -> None:
    first = put(store, "a", b"1")
    second = store.put("a", b"2", content_type="x", if_match=first.etag)
    for stale in (first.etag, "0" * 32, "not an etag"):
        with pytest.raises(PreconditionFailed):
            store.put("a", b"3", content_type="x", if_match=stale)
    found = store.get("a")
    assert found is not None
    assert (found.body, found.info.etag) == (b"2", second.etag)


def test_if_match_on_a_key_that_vanished_fails_too(store: ObjectStore) -> None:
    # S3 answers 404 here, not 412 (S3 user guide, "Conditional writes").
    first = put(store, "a", b"1")
    store.delete("a")
    with pytest.raises(PreconditionFailed):
        store.put("a", b"2", content_type="x", if_match=first.etag)
    assert store.head("a") is None
    with pytest.raises(PreconditionFailed):
        store.put("never there", b"2", content_type="x", if_match=first.etag)


def test_a_condition_holds_for_the_same_bytes_too(store: ObjectStore) -> None:
    first = put(store, "a", b"1")
    put(store, "a", b"2")
    put(store, "a", b"1")
    # Another write, but the same state: an ETag says what is there, not who wrote it.
    assert store.put("a", b"3", content_type="x", if_match=first.etag).etag != first.etag


def race(store: ObjectStore, etag: str | None, rivals: int = 8) -> list[int]:
    """Who of ``rivals`` that all commit over the same state gets through."""
    together = Barrier(1 if isinstance(store, MemoryStore | Overlay) else rivals)

    def commit(number: int) -> bool:
        together.wait(30)
        try:
            put_if(store, "a", str(number).encode(), etag, content_type="x")
        except PreconditionFailed:
            return False
        return True

    # Stores in memory are not for several threads: their rivals come one by one.
    with ThreadPoolExecutor(together.parties) as pool:
        won = list(pool.map(commit, range(rivals)))
    return [number for number, through in enumerate(won) if through]


def test_of_several_that_create_exactly_one_wins(store: ObjectStore) -> None:
    for _ in range(5):
        (winner,) = race(store, None)
        found = store.get("a")
        assert found is not None
        assert found.body == str(winner).encode()
        store.delete("a")


def test_of_several_that_overwrite_exactly_one_wins(store: ObjectStore) -> None:
    etag = put(store, "a", b"before").etag
    for _ in range(5):
        (winner,) = race(store, etag)
        found = store.get("a")
        assert found is not None
        assert found.body == str(winner).encode()
        etag = put(store, "a", b"before").etag


@pytest.mark.parametrize("key", ["a" * 1025, "é" * 513])
def test_a_key_that_is_too_long_is_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(StoreError):
        put(store, key)


def test_an_empty_key_is_refused(store: ObjectStore) -> None:
    with pytest.raises(StoreError):
        put(store, "")


def test_a_bucket_that_is_not_there_is_told(emulator: Emulator) -> None:
    store = S3Store(emulator.s3, f"conformance-{uuid.uuid4()}")
    for call in (
        lambda: store.get("a"),
        lambda: store.peek("a", 1),
        lambda: store.download("a", io.BytesIO(), if_match="0" * 32),
        lambda: put(store, "a"),
        lambda: store.put("a", b"", content_type="x", if_match="0" * 32),
        lambda: store.delete("a"),
        lambda: list(store.list("a")),
    ):
        with pytest.raises(AccessDenied, match="there is no bucket"):
            call()
    # The answer to a HEAD has no body that could tell this from a missing object.
    assert store.head("a") is None
