"""A bucket kept in a folder comes back as it was: on MiniStack's S3 in tests/stack, here by its
order and its wholeness."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.response import StreamingBody

from safelight import safekeeping
from safelight.problem import Problem


class Bucket:
    """The few calls of an S3 client that are made, on a dictionary."""

    class exceptions:  # noqa: N801 - as boto3 names it
        class NoSuchKey(Exception):
            pass

    def __init__(self, objects: dict[str, tuple[bytes, dict[str, Any]]]) -> None:
        self.objects = objects
        self.put: list[str] = []
        self.got: list[str] = []
        self.times: dict[str, datetime] = {}
        self.gone: set[str] = set()
        self.broken: set[str] = set()

    def get_paginator(self, name: str) -> Bucket:
        assert name == "list_objects_v2"
        return self

    def head(self, key: str) -> dict[str, Any]:
        etag = hashlib.sha256(self.objects[key][0]).hexdigest()
        when = self.times.get(key, datetime(2026, 1, 1, tzinfo=UTC))
        return {"ETag": f'"{etag}"', "LastModified": when}

    def paginate(self, **_: Any) -> list[Any]:
        return [{"Contents": [{"Key": key, **self.head(key)} for key in sorted(self.objects)]}, {}]

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if Key in self.gone:
            raise self.exceptions.NoSuchKey(Key)
        if Key in self.broken:
            raise ConnectionError(Key)
        self.got.append(Key)
        body, headers = self.objects[Key]
        return {"Body": StreamingBody(io.BytesIO(body), len(body)), **self.head(Key), **headers}

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
    folder = tmp_path / "kept" / "bucket"
    safekeeping.save(bucket, "b", folder)  # type: ignore[arg-type]
    return folder


def files(folder: Path) -> set[str]:
    return {file.name for file in (folder / "objects").iterdir()}


def test_everything_comes_back(tmp_path: Path) -> None:
    folder = keep(tmp_path, Bucket(dict(OBJECTS)))
    kept = safekeeping.look(folder)
    assert kept is not None
    assert (kept.objects, kept.photos) == (6, 3)
    empty = Bucket({})
    assert safekeeping.restore(empty, "b", folder) == 6  # type: ignore[arg-type]
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
    folder = keep(tmp_path, Bucket(dict(OBJECTS)))
    newer = Bucket({"index.html": (b"newer", {})})
    assert safekeeping.restore(newer, "b", folder) == 5  # type: ignore[arg-type]
    assert newer.objects["index.html"] == (b"newer", {})


def test_what_goes_meanwhile_is_not_kept(tmp_path: Path) -> None:
    bucket = Bucket(dict(OBJECTS))
    bucket.gone.add("index.html")
    kept = safekeeping.look(keep(tmp_path, bucket))
    assert kept is not None
    assert kept.objects == 5


def test_a_save_that_fails_leaves_the_last_one(tmp_path: Path) -> None:
    folder = keep(tmp_path, Bucket(dict(OBJECTS)))
    bucket = Bucket({"photos/x.jpg": (b"x", {})})
    bucket.broken.add("photos/x.jpg")
    with pytest.raises(ConnectionError):
        safekeeping.save(bucket, "b", folder)  # type: ignore[arg-type]
    kept = safekeeping.look(folder)
    assert kept is not None
    assert kept.objects == 6


def test_there_may_be_nothing_kept(tmp_path: Path) -> None:
    assert safekeeping.look(tmp_path / "none") is None


def test_only_what_has_changed_is_read_again(tmp_path: Path) -> None:
    """Whoever waits for a gallery of gigabytes does not wait for its copy each time."""
    bucket = Bucket(dict(OBJECTS))
    folder = keep(tmp_path, bucket)
    before = files(folder)
    bucket.got.clear()
    keep(tmp_path, bucket)
    assert bucket.got == []
    assert files(folder) == before
    bucket.objects["index.html"] = (b"another", {"ContentType": "text/html"})
    # The same bytes, put anew: with other headers, perhaps.
    bucket.times["thumbs/a/1.jpg"] = datetime(2026, 1, 2, tzinfo=UTC)
    del bucket.objects["photos/a/"]
    keep(tmp_path, bucket)
    assert sorted(bucket.got) == ["index.html", "thumbs/a/1.jpg"]
    assert len(files(folder)) == 5
    assert len(files(folder) & before) == 3
    empty = Bucket({})
    safekeeping.restore(empty, "b", folder)  # type: ignore[arg-type]
    assert empty.objects["index.html"][0] == b"another"
    assert "photos/a/" not in empty.objects


def test_what_was_overwritten_while_it_was_kept_is_kept_as_it_was_read(tmp_path: Path) -> None:
    """The listing told of another version: that one would otherwise be taken for there."""
    bucket = Bucket({"a": (b"first", {})})
    listed = bucket.paginate()
    bucket.objects["a"] = (b"second", {})
    bucket.paginate = lambda **_: listed  # type: ignore[method-assign]
    folder = keep(tmp_path, bucket)
    bucket.objects["a"] = (b"first", {})
    bucket.got.clear()
    keep(tmp_path, bucket)
    assert bucket.got == ["a"]
    empty = Bucket({})
    safekeeping.restore(empty, "b", folder)  # type: ignore[arg-type]
    assert empty.objects["a"][0] == b"first"


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    folder = keep(tmp_path, Bucket(dict(OBJECTS)))
    for file in (folder / "objects").iterdir():
        file.unlink()
    with pytest.raises(Problem, match="PURGE=1"):
        safekeeping.restore(Bucket({}), "b", folder)  # type: ignore[arg-type]
