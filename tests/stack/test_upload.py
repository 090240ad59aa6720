"""Uploading folders: with `safelight sync`, and with the AWS command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.photograph import photograph
from tests.stack.running import Gallery


def _aws_commands() -> list[str]:
    """Every AWS command line on the path; versions differ in the trailers they send."""
    found: list[str] = []
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        command = shutil.which("aws", path=folder)
        if command and Path(command).resolve() not in [Path(one).resolve() for one in found]:
            found.append(command)
    return found


def test_sync_uploads_and_then_has_nothing_to_do(gallery: Gallery, tmp_path: Path) -> None:
    """Hidden files stay; a large file goes up in parts and is known again all the same."""
    folder = tmp_path / "my photos" / "synced"
    (folder / "in it").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(photograph(seed=20))
    (folder / "in it" / "b + c.jpg").write_bytes(photograph(seed=21))
    large = photograph(3000, 2000, seed=22, quality=100, grain=60)
    assert len(large) > 8 * 1024 * 1024
    (folder / "large.jpg").write_bytes(large)
    (folder / ".hidden.jpg").write_bytes(b"x")
    (folder / "loop").symlink_to(folder)
    first = gallery.running.run("sync", folder.parent)
    assert "3 uploaded, 0 there already" in first.stderr
    assert "a link to a folder that it is in" in first.stderr
    gallery.running.settle()
    page = gallery.running.page(gallery.url("albums/synced.html"))
    assert gallery.originals_on(page) == {"photos/synced/a.jpg", "photos/synced/large.jpg"}
    again = gallery.running.run("sync", folder.parent)
    assert "0 uploaded, 3 there already" in again.stderr
    head = gallery.s3.head_object(Bucket=gallery.bucket, Key="photos/synced/a.jpg")
    assert head["ContentType"] == "image/jpeg"

    # Changed without changing its size, and gone from the folder.
    (folder / "a.jpg").write_bytes(photograph(seed=20)[:-1] + b"\0")
    (folder / "large.jpg").unlink()
    changed = gallery.running.run("sync", folder.parent)
    assert "1 uploaded, 1 there already" in changed.stderr
    assert "photos/synced/large.jpg" in gallery.keys("photos/synced/")


def test_sync_can_mirror_a_folder(gallery: Gallery, tmp_path: Path) -> None:
    """--delete removes what the folder does not have, unless the folder has nothing."""
    # On a bucket that other tests share, a mirror keeps what they have put there.
    for key in gallery.keys("photos/"):
        if key.endswith("/") or "//" in key or len(key) > 200:
            continue
        file = tmp_path / key.removeprefix("photos/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gallery.s3.get_object(Bucket=gallery.bucket, Key=key)["Body"].read())
    (tmp_path / "mirrored").mkdir()
    (tmp_path / "mirrored" / "kept.jpg").write_bytes(photograph(seed=23))
    gallery.put("photos/mirrored/extra.jpg", photograph(seed=24))
    # What is gone before anybody looked is waited for, a minute long (rule 4).
    gallery.running.settle()
    told = gallery.running.run("sync", "--delete", tmp_path)
    assert "removed" in told.stderr
    assert gallery.keys("photos/mirrored/") == ["photos/mirrored/kept.jpg"]
    gallery.running.settle()
    page = gallery.running.page(gallery.url("albums/mirrored.html"))
    assert gallery.originals_on(page) == {"photos/mirrored/kept.jpg"}
    empty = tmp_path / "empty"
    empty.mkdir()
    refused = gallery.running.run("sync", "--delete", empty, status=1)
    assert "Is its disk mounted?" in refused.stderr


def test_sync_reports_what_it_cannot_upload(gallery: Gallery, tmp_path: Path) -> None:
    """A name that is no UTF-8 fails by itself, named, with status 1; the others go up."""
    folder = tmp_path / "odd"
    (folder / "odd names").mkdir(parents=True)
    (folder / "odd names" / "good.jpg").write_bytes(photograph(seed=25))
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/odd names/bad\xff.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes no names that are not UTF-8")
    told = gallery.running.run("sync", folder, status=1)
    assert "its name is not UTF-8" in told.stderr
    assert "1 uploaded" in told.stderr
    assert gallery.keys("photos/odd names/") == ["photos/odd names/good.jpg"]


def test_sync_of_nothing_that_is_there(gallery: Gallery, tmp_path: Path) -> None:
    """A mistyped folder is named."""
    told = gallery.running.run("sync", tmp_path / "Pcitures", status=1)
    assert "Pcitures does not exist" in told.stderr


@pytest.mark.skipif(not _aws_commands(), reason="no AWS command line is installed")
def test_plain_aws_s3_sync(gallery: Gallery, tmp_path: Path) -> None:
    """After `eval "$(safelight env)"` the AWS command line needs nothing else, and the gallery
    follows without another command."""
    running = gallery.running
    for number, command in enumerate(_aws_commands()):
        album = f"aws cli {number}"
        folder = tmp_path / f"folder {number}"
        (folder / album).mkdir(parents=True)
        for photo in range(3):
            file = folder / album / f"{photo} + é.jpg"
            file.write_bytes(photograph(seed=30 + photo + 10 * number))
        script = 'eval "$("$1" -m safelight env)" && aws s3 sync "$2" "s3://$BUCKET/photos/"'
        environment = running.environment()
        environment["PATH"] = f"{Path(command).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-euc", script, "sh", sys.executable, str(folder)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        running.settle()
        page = running.page(gallery.url(f"albums/{album}.html"))
        assert gallery.originals_on(page) == {
            f"photos/{album}/{photo} + é.jpg" for photo in range(3)
        }
