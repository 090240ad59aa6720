"""Whether the images are reproducible, by making them twice: ``make images-twice``.

Two copies of this checkout, in folders of different names, each build both images from nothing
that the builder kept.  The same sources on the same base must give the same image, or a
deployment could not tell whether anything has changed, and nobody could tell whether an image
was made from the sources that it is said to be made from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from safelight.home import checkout
from safelight.problem import Problem
from safelight.stack import FUNCTIONS

# Paths of different lengths, one with a space.
COPIES = ("one", "another copy")
_PACKAGES = ("harness/src", "libs/gallery/src", "services/thumbnailer/src", "services/sitegen/src")
_BUILD = """
import sys
from safelight import engine, images
def say(line): print(line, file=sys.stderr, flush=True)
for service in sys.argv[1:]:
    print(service, images.build(engine.connect(), service, say, anew=True).id)
"""


def copy(folder: Path) -> None:
    """Copy this checkout to ``folder``: what git has or would take, and the names of the
    stand-ins for images that are pulled."""
    root = checkout()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        raise Problem(f"git does not say what is in {root}: {listed.stderr.decode().strip()}")
    names = [os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    for name in [*names, ".safelight/offline.env"]:
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)


def build(folder: Path, services: Sequence[str] = FUNCTIONS) -> dict[str, str]:
    """Build the services' images from the copy in ``folder``; their identifiers.

    Raises :class:`Problem` if one cannot be built.
    """
    python_path = os.pathsep.join(str(folder / package) for package in _PACKAGES)
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, *services],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": python_path},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Problem(f"The images could not be built in {folder}; the reason is above.")
    pairs = ((service, digest) for service, digest in map(str.split, done.stdout.splitlines()))
    return dict(pairs)


def elsewhere(name: str, services: Sequence[str] = FUNCTIONS) -> dict[str, str]:
    """Build the images from a copy of this checkout in a new folder called ``name``."""
    with tempfile.TemporaryDirectory(prefix="safelight-twice-") as folder:
        target = Path(folder) / name
        copy(target)
        return build(target, services)


def main() -> int:
    """``make images-twice``."""
    try:
        first, second = (elsewhere(name) for name in COPIES)
    except Problem as problem:
        print(f"make images-twice: {problem}", file=sys.stderr)
        return 1
    same = True
    for service in FUNCTIONS:
        print(f"{service:<12} {first[service]}\n{'':<12} {second[service]}")
        same = same and first[service] == second[service]
    print("The same image each time." if same else "THEY DIFFER: the images are not reproducible.")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
