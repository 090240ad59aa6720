"""Photos out again: the commands that the pages give, against the stack that serves them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.stack.photograph import photograph
from tests.stack.running import Gallery
from tests.unit.sitegen.script import command, needs_node

ALBUM = "it's $HOME & 100%"
NAMES = [
    "-o.jpg",
    "a b+c.jpg",
    'it\'s "so".jpg',
    "$(touch pwned) `touch pwned` !!.jpg",
    "[1-3]{a,b} #1?.jpg",
    "100%41.jpg",
    "back\\slash; touch pwned.jpg",
    "ü é 写真 🌊.jpg",
]

pytestmark = [
    needs_node,
    pytest.mark.skipif(
        shutil.which("bash") is None or shutil.which("curl") is None, reason="needs bash and curl"
    ),
]


class Boxes(HTMLParser):
    """What a page tells the script: its root, the bucket, the boxes' values."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = self.bucket = ""
        self.values: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.root, self.bucket = found["data-root"], found.get("data-bucket", "")
        if tag == "input" and found.get("name") == "photo":
            self.values.append(found["value"])


@pytest.fixture(scope="module")
def photos() -> dict[str, bytes]:
    return {f"{ALBUM}/{name}": photograph(60, 40, seed=n) for n, name in enumerate(NAMES)}


def commands(gallery: Gallery, photos: dict[str, bytes], way: str) -> str:
    """Puts the photos there, unless they are, and has the script make the command."""
    there = set(gallery.keys("photos/"))
    for path, body in photos.items():
        if f"photos/{path}" not in there:
            gallery.put(f"photos/{path}", body)
    gallery.running.settle()
    page = gallery.running.page(gallery.url(f"albums/{ALBUM}.html"))
    boxes = Boxes(page.text)
    assert len(boxes.values) == len(photos)
    assert boxes.bucket == gallery.bucket
    urls = [urljoin(page.base, value) for value in boxes.values]
    return command(urls, urljoin(page.base, boxes.root), way=way, bucket=boxes.bucket)


def check(folder: Path, photos: dict[str, bytes]) -> None:
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert found.keys() == photos.keys()
    assert found == photos


@pytest.mark.parametrize("way", ["curl", "wget"])
def test_what_was_uploaded_comes_down_again(
    gallery: Gallery, photos: dict[str, bytes], tmp_path: Path, way: str
) -> None:
    if shutil.which(way) is None:
        pytest.skip(f"no {way} on this machine")
    text = commands(gallery, photos, way)
    done = subprocess.run(["bash", "-c", text], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, (text, done.stderr)
    check(tmp_path, photos)


@pytest.mark.skipif(shutil.which("aws") is None, reason="no AWS command line is installed")
def test_with_the_aws_command_line(
    gallery: Gallery, photos: dict[str, bytes], tmp_path: Path
) -> None:
    text = commands(gallery, photos, "aws")
    script = f'set -e; eval "$("$1" -m safelight env)"\n{text}'
    done = subprocess.run(
        ["bash", "-c", script, "bash", sys.executable],
        cwd=tmp_path,
        env=gallery.running.environment(),
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, (text, done.stderr)
    check(tmp_path, photos)
