"""What `safelight sync` finds in a folder, and how it knows what is there already."""

from __future__ import annotations

import hashlib
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gallery.store import ObjectInfo
from safelight import sync
from safelight.problem import Problem

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def fill(folder: Path, *names: str) -> None:
    """Make files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"photo")


def test_folders_become_albums(tmp_path: Path) -> None:
    """A key is photos/ and the path; names stay as they are, composed or not."""
    names = ["a.jpg", "b/c d.jpg", "e\u0301 + 1%.jpg", "é.jpg"]
    fill(tmp_path, *names)
    found = sync.find(tmp_path)
    assert sorted(local.key for local in found.files) == sorted(f"photos/{name}" for name in names)
    assert (found.notes, found.failures) == ([], [])
    assert {local.size for local in found.files} == {5}


def test_hidden_files_and_folders_stay(tmp_path: Path) -> None:
    """On macOS and elsewhere there are many."""
    fill(tmp_path, ".DS_Store", ".thumbs/a.jpg", "b/._a.jpg", "b/a.jpg")
    assert [local.key for local in sync.find(tmp_path).files] == ["photos/b/a.jpg"]


def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    """A loop, and a link to nothing, are told; neither is a failure."""
    fill(tmp_path, "inside/a/b.jpg")
    outside = tmp_path / "outside"
    fill(outside, "c.jpg")
    (tmp_path / "inside" / "linked").symlink_to(outside)
    (tmp_path / "inside" / "a" / "loop").symlink_to(tmp_path / "inside")
    (tmp_path / "inside" / "nothing.jpg").symlink_to(tmp_path / "gone.jpg")
    found = sync.find(tmp_path / "inside")
    assert [local.key for local in found.files] == ["photos/a/b.jpg", "photos/linked/c.jpg"]
    assert len(found.notes) == 2
    assert found.failures == []


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    """A pipe would be waited on for ever."""
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(tmp_path, os.O_RDONLY)
        try:
            # By a short path: a socket's is limited to some hundred bytes.
            listener.bind(f"/proc/self/fd/{folder}/socket.jpg")
        except OSError:
            pass
        finally:
            os.close(folder)
        found = sync.find(tmp_path)
    assert found.files == []
    assert any("pipe.jpg" in note for note in found.notes)


def test_names_that_can_be_no_key_are_failures(tmp_path: Path) -> None:
    """Told with what helps; the others are found."""
    fill(tmp_path, "good.jpg", *["/".join(["folder" * 30] * 6) + "/a.jpg"])
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes no names that are not UTF-8")
    found = sync.find(tmp_path)
    assert [local.key for local in found.files] == ["photos/good.jpg"]
    assert len(found.failures) == 2
    assert any("bad\\xff.jpg" in line and "not UTF-8" in line for line in found.failures)
    assert any("at most 1024" in line for line in found.failures)


def test_a_folder_that_may_not_be_read_is_a_failure(tmp_path: Path) -> None:
    """Not silently empty, or --delete would empty the bucket."""
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    fill(tmp_path, "closed/a.jpg", "b.jpg")
    (tmp_path / "closed").chmod(0)
    try:
        found = sync.find(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert [local.key for local in found.files] == ["photos/b.jpg"]
    assert len(found.failures) == 1


def test_a_mistyped_folder_is_named(tmp_path: Path) -> None:
    """Before anything is started."""
    with pytest.raises(Problem, match="Pcitures does not exist"):
        sync.check_folder(tmp_path / "Pcitures")
    fill(tmp_path, "a.jpg")
    with pytest.raises(Problem, match=r"a\.jpg is not a folder"):
        sync.check_folder(tmp_path / "a.jpg")


def _info(body: bytes, etag: str) -> ObjectInfo:
    return ObjectInfo("photos/a.jpg", etag, len(body), NOW)


def _md5(body: bytes) -> bytes:
    return hashlib.md5(body, usedforsecurity=False).digest()


def test_a_plain_upload_is_known_by_its_md5(tmp_path: Path) -> None:
    """The same size is not enough."""
    file = tmp_path / "a.jpg"
    file.write_bytes(b"photo")
    assert sync.is_same(file, _info(b"photo", _md5(b"photo").hex()))
    assert not sync.is_same(file, _info(b"PHOTO", _md5(b"PHOTO").hex()))


@pytest.mark.parametrize("size", [5, 8, 16])
def test_an_upload_in_parts_is_known_by_its_parts(tmp_path: Path, size: int) -> None:
    """In parts of the sizes that tools use: the ETag says how many there were."""
    part = size * 1024 * 1024
    body = os.urandom(1024) * (20 * 1024)
    digests = [_md5(body[at : at + part]) for at in range(0, len(body), part)]
    etag = f"{_md5(b''.join(digests)).hex()}-{len(digests)}"
    file = tmp_path / "a.jpg"
    file.write_bytes(body)
    assert sync.is_same(file, _info(body, etag))
    file.write_bytes(body[:-1] + b"\0")
    assert not sync.is_same(file, _info(body, etag))


def test_an_etag_of_another_kind_is_never_the_same(tmp_path: Path) -> None:
    """Of an object encrypted with a key of KMS, say: it is uploaded again, which is safe."""
    file = tmp_path / "a.jpg"
    file.write_bytes(b"photo")
    assert not sync.is_same(file, _info(b"photo", "0123-x"))
    assert not sync.is_same(file, _info(b"photo", "f" * 32))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", "image/jpeg"),
        ("a.JPG", "image/jpeg"),
        ("a.HEIC", "image/heic"),
        ("index.md", "text/markdown; charset=utf-8"),
        ("safelight.yaml", "application/yaml"),
        ("no extension", "application/octet-stream"),
    ],
)
def test_content_types(name: str, expected: str) -> None:
    """By the name, the same on every machine."""
    assert sync.content_type(name) == expected
