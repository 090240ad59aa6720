"""The gallery's script in Node.js, as it is served: its pure part, that makes the commands."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sitegen import asset

NODE = shutil.which("node")

needs_node = pytest.mark.skipif(NODE is None, reason="no node on this machine")

_LOOP = """
require(process.argv[1]);
const { safelight } = globalThis;
const known = { ...safelight, ...safelight.ways };
const answer = ([name, ...rest]) => known[name](...rest);
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\\n");
});
"""


@cache
def _process() -> subprocess.Popen[str]:
    # One process for all calls: to start one takes longer than what is asked of it.
    assert NODE is not None
    folder = tempfile.mkdtemp()
    script = Path(folder) / "gallery.js"
    script.write_bytes(asset.documents()["gallery.js"].body)
    return subprocess.Popen(
        [NODE, "-e", _LOOP, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def call(name: str, *arguments: Any) -> Any:
    """What the script's function ``name`` (of ``safelight`` or ``safelight.ways``) returns."""
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([name, *arguments]) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def command(
    urls: Sequence[str],
    root: str,
    files: Mapping[str, str] | None = None,
    way: str = "curl",
    bucket: str | None = None,
) -> str:
    """The command for the photos at these URLs; ``files`` are the paths that the page tells
    of some of them."""
    photos = [
        {"url": url, "path": call("place", url, root, (files or {}).get(url))} for url in urls
    ]
    found: str = call(way, photos, root, bucket)
    return found
