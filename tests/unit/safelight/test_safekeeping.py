"""A bucket kept in a file comes back as it was: on MiniStack's S3 in tests/stack, here by its
order and its wholeness."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from safelight import safekeeping


class Bucket:
    """The few calls of an S3 client that are made, on a dictionary."""

    class exceptions:  # noqa: N801 - as boto3 names it
        class NoSuchKey(Exception):
            pass

    def __init__(self, objects: dict[str, tuple[bytes, dict[str, Any]]]) -> None:
        self.objects = objects
        self.put: list[str] = []
        self.gone: set[str] = set()
        self.broken: set[str] = set()

    def get_paginator(self, name: str) -> Bucket:
        assert name == "list_objects_v2"
        return self

    def paginate(self, **_: str) -> list[Any]:
        return [{"Contents": [{"Key": key} for key in sorted(self.objects)]}, {}]

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if Key in self.gone:
            raise self.exceptions.NoSuchKey(Key)
        if Key in self.broken:
            raise ConnectionError(Key)
        body, headers = self.objects[Key]
        return {
            "Body": io.BytesIO(body),
            "ContentLength": len(body),
            "LastModified": datetime(2026, 1, 1, tzinfo=UTC),
            **headers,
        }

    def put_object(self, *, Bucket: str, Key: str, Body: Any, **headers: Any) -> None:  # noqa: N803
        self.put.append(Key)
        self.objects[Key] = (Body.read(), headers)


OBJECTS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "photos/a/1.jpg": (b"one", {"ContentType": "image/jpeg", "Metadata": {"mtime": "1"}}),
    "photos/../" + "ü" * 400: (b"", {"ContentType": "image/jpeg", "Metadata": {}}),
    "photos/a/": (b"", {"ContentType": "x/y"}),
    "catalog/photos/a/1.jpg.json": (b"{}", {"ContentType": "application/json"}),
    "thumbs/a/1.jpg": (b"small", {"ContentType": "image/jpeg", "CacheControl": "max-age=1"}),
    "index.html": (b"page", {"ContentType": "text/html"}),
}


def keep(tmp_path: Path, bucket: Bucket) -> Path:
    file = tmp_path / "kept" / "bucket.tar"
    safekeeping.save(bucket, "b", file)  # type: ignore[arg-type]
    return file


def test_everything_comes_back(tmp_path: Path) -> None:
    file = keep(tmp_path, Bucket(dict(OBJECTS)))
    kept = safekeeping.look(file)
    assert kept is not None
    assert (kept.objects, kept.photos) == (6, 3)
    empty = Bucket({})
    assert safekeeping.restore(empty, "b", file) == 6  # type: ignore[arg-type]
    for key, (body, headers) in OBJECTS.items():
        wanted = {name: value for name, value in headers.items() if value}
        assert empty.objects[key] == (body, wanted), key


def test_originals_come_last_and_their_records_just_before(tmp_path: Path) -> None:
    """Their events wake the functions, which must find everything there."""
    empty = Bucket({})
    safekeeping.restore(empty, "b", keep(tmp_path, Bucket(dict(OBJECTS))))  # type: ignore[arg-type]
    kinds = [key.split("/")[0] for key in empty.put]
    assert kinds.index("catalog") > kinds.index("thumbs")
    assert kinds.index("catalog") > kinds.index("index.html")
    assert set(kinds[-3:]) == {"photos"}


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    file = keep(tmp_path, Bucket(dict(OBJECTS)))
    newer = Bucket({"index.html": (b"newer", {})})
    assert safekeeping.restore(newer, "b", file) == 5  # type: ignore[arg-type]
    assert newer.objects["index.html"] == (b"newer", {})


def test_what_goes_meanwhile_is_not_kept(tmp_path: Path) -> None:
    bucket = Bucket(dict(OBJECTS))
    bucket.gone.add("index.html")
    kept = safekeeping.look(keep(tmp_path, bucket))
    assert kept is not None
    assert kept.objects == 5


def test_a_save_that_fails_leaves_the_last_one(tmp_path: Path) -> None:
    file = keep(tmp_path, Bucket(dict(OBJECTS)))
    bucket = Bucket({"photos/x.jpg": (b"x", {})})
    bucket.broken.add("photos/x.jpg")
    with pytest.raises(ConnectionError):
        safekeeping.save(bucket, "b", file)  # type: ignore[arg-type]
    kept = safekeeping.look(file)
    assert kept is not None
    assert kept.objects == 6


def test_there_may_be_nothing_kept(tmp_path: Path) -> None:
    assert safekeeping.look(tmp_path / "none.tar") is None
