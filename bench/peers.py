"""The other static galleries, installed by name, and Safelight: how each is told to build.

Each is installed into a folder of the cache (``SAFELIGHT_BENCH_CACHE``, else the user's cache),
never into this project: their code and licences are theirs.  What cannot be installed is left
out of the measurements, with the reason.

All are given the same tree of photos and are used as their own documentation begins: with their
defaults.  These differ, so what each makes is told beside what it costs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

Commands = Sequence[Sequence[str]]

ALBUM: Final = "album"
"""The folder, in the tree of photos, of the album that is measured."""

HUGO: Final = (
    "hugo-theme-gallery is in none of the registries that this takes its peers from (PyPI, npm, "
    "Debian); hugo alone makes no gallery"
)


class Missing(Exception):
    """A peer cannot be had here; the message says why."""


def cache() -> Path:
    """Where peers and photos are kept from one run to the next."""
    own = os.environ.get("SAFELIGHT_BENCH_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(base) / "safelight-bench"


class Contender(Protocol):
    """Somebody who makes a gallery of a tree of photos.

    ``makes`` says which renditions.  The commands of each stage work on ``tree`` (which holds
    the folder :data:`ALBUM`) and write into ``out``.
    """

    @property
    def name(self) -> str: ...

    @property
    def makes(self) -> str: ...

    def environment(self) -> Mapping[str, str]:
        """What its commands need beside this process's environment."""

    def first(self, tree: Path, out: Path) -> Commands:
        """The first build."""

    def again(self, tree: Path, out: Path) -> Commands:
        """A build when there is a site already: nothing or one photo has changed."""

    def add(self, photo: Path, tree: Path, out: Path) -> None:
        """Put one photo more where the next build finds it."""

    def served(self, out: Path) -> Path:
        """The folder that a web server would serve."""

    def pages(self) -> tuple[str | None, str]:
        """The home page and the album's page, as paths below it; no home page is ``None``."""


def _into_album(photo: Path, tree: Path) -> None:
    shutil.copyfile(photo, tree / ALBUM / photo.name)


def _run(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        list(map(str, command)),
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        last = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-1:]
        raise Missing(f"{Path(command[0]).name} did not succeed: {' '.join(last)[:200]}")


def _from_pypi(name: str, version: str) -> Path:
    """The programs of a package from PyPI, in an environment of its own."""
    folder = cache() / f"{name}-{version}"
    if not (folder / ".installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "venv", folder])
        _run([folder / "bin" / "pip", "install", "--quiet", f"{name}=={version}"])
        (folder / ".installed").touch()
    return folder / "bin"


def _from_npm(name: str, version: str, native: Sequence[str] = ()) -> Path:
    """The programs of a package from npm; ``native`` are modules that have to be compiled where
    their ready-made binary cannot be fetched."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise Missing("npm is not installed")
    folder = cache() / f"{name}-{version}"
    if not (folder / ".installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _run([npm, "install", "--no-fund", "--no-audit", "--prefix", folder, f"{name}@{version}"])
        for module in native:
            loads: list[str | Path] = [
                node,
                "-e",
                f"new (require('{folder}/node_modules/{module}'))(':memory:')",
            ]
            try:
                _run(loads)
            except Missing:
                headers = Path(node).resolve().parent.parent
                _run([npm, "rebuild", "--prefix", folder, module, f"--nodedir={headers}"])
                _run(loads)
        (folder / ".installed").touch()
    return folder / "node_modules" / ".bin"


def _need(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise Missing(f"{' and '.join(missing)}: not installed")


@dataclass(frozen=True)
class Safelight:
    """Safelight itself (see :mod:`bench.folder`), with its own sizes or others'."""

    name: str = "Safelight"
    makes: str = "2048, 1200, 600 px JPEG"
    edges: str = ""

    def environment(self) -> Mapping[str, str]:
        return {"SAFELIGHT_EDGES": self.edges}

    def first(self, tree: Path, out: Path) -> Commands:
        return [[sys.executable, "-m", "bench.folder", str(tree), str(out)]]

    def again(self, tree: Path, out: Path) -> Commands:
        return self.first(tree, out)

    def add(self, photo: Path, tree: Path, out: Path) -> None:
        _into_album(photo, tree)

    def served(self, out: Path) -> Path:
        return out

    def pages(self) -> tuple[str | None, str]:
        return "index.html", f"albums/{ALBUM}.html"


@dataclass(frozen=True)
class Sigal:
    """sigal, with the settings that ``sigal init`` writes."""

    programs: Path
    name: str = "sigal 2.6.1"
    makes: str = "800 px JPEG, 280 px thumbnails"

    def environment(self) -> Mapping[str, str]:
        return {}

    def first(self, tree: Path, out: Path) -> Commands:
        settings = out.with_name(f"{out.name}.conf.py")
        sigal = str(self.programs / "sigal")
        make = [[sigal, "init", str(settings)]] if not settings.exists() else []
        return [*make, [sigal, "build", "--quiet", "-c", str(settings), str(tree), str(out)]]

    def again(self, tree: Path, out: Path) -> Commands:
        return self.first(tree, out)

    def add(self, photo: Path, tree: Path, out: Path) -> None:
        _into_album(photo, tree)

    def served(self, out: Path) -> Path:
        return out

    def pages(self) -> tuple[str | None, str]:
        return "index.html", f"{ALBUM}/index.html"


@dataclass(frozen=True)
class Thumbsup:
    """thumbsup."""

    programs: Path
    name: str = "thumbsup 2.18.0"
    makes: str = "1000 px and 120 px JPEG"

    def environment(self) -> Mapping[str, str]:
        return {}

    def first(self, tree: Path, out: Path) -> Commands:
        command = [str(self.programs / "thumbsup"), "--input", str(tree), "--output", str(out)]
        return [[*command, "--usage-stats", "false"]]

    def again(self, tree: Path, out: Path) -> Commands:
        return self.first(tree, out)

    def add(self, photo: Path, tree: Path, out: Path) -> None:
        _into_album(photo, tree)

    def served(self, out: Path) -> Path:
        return out

    def pages(self) -> tuple[str | None, str]:
        return "index.html", f"{ALBUM}.html"


@dataclass(frozen=True)
class SimplePhotoGallery:
    """simple-photo-gallery 1.x: one gallery, in a folder that it takes over."""

    programs: Path
    name: str = "simple-photo-gallery 1.5.7"
    makes: str = "a thumbnail 320 px high (the originals are shown)"

    def environment(self) -> Mapping[str, str]:
        return {}

    def first(self, tree: Path, out: Path) -> Commands:
        if not out.exists():
            # It moves the photos that it finds there.
            shutil.copytree(tree / ALBUM, out)
        init = [str(self.programs / "gallery-init"), "--use-defaults", "--path", str(out)]
        return [init, *self.again(tree, out)]

    def again(self, tree: Path, out: Path) -> Commands:
        return [[str(self.programs / "gallery-build"), "--path", str(out)]]

    def add(self, photo: Path, tree: Path, out: Path) -> None:
        shutil.copyfile(photo, out / "public" / "images" / "photos" / photo.name)

    def served(self, out: Path) -> Path:
        return out / "public"

    def pages(self) -> tuple[str | None, str]:
        return None, "index.html"


@dataclass(frozen=True)
class Rewritten:
    """simple-photo-gallery 2.x, its rewrite."""

    programs: Path
    name: str = "simple-photo-gallery 2.2.1"
    makes: str = "AVIF thumbnails (the originals are shown), header pictures"

    def environment(self) -> Mapping[str, str]:
        return {"CI": "1"}

    def _spg(self, *words: str) -> list[str]:
        return [str(self.programs / "spg"), "--telemetry", "0", "--quiet", *words]

    def first(self, tree: Path, out: Path) -> Commands:
        photos = ["--photos", str(tree), "--gallery", str(out)]
        return [self._spg("init", *photos, "--recursive", "--default"), *self.again(tree, out)]

    def again(self, tree: Path, out: Path) -> Commands:
        return [self._spg("build", "--gallery", str(out), "--recursive", "--yes")]

    def add(self, photo: Path, tree: Path, out: Path) -> None:
        _into_album(photo, tree)

    def served(self, out: Path) -> Path:
        return out

    def pages(self) -> tuple[str | None, str]:
        return "index.html", f"{ALBUM}/index.html"


SIGALS_SIZES: Final = Safelight("Safelight, sigal's sizes", "800 and 280 px JPEG", "280,800")


def _sigal() -> Contender:
    return Sigal(_from_pypi("sigal", "2.6.1"))


def _thumbsup() -> Contender:
    _need("gm", "exiftool")
    return Thumbsup(_from_npm("thumbsup", "2.18.0", native=["better-sqlite3"]))


def _simple() -> Contender:
    return SimplePhotoGallery(_from_pypi("simple-photo-gallery", "1.5.7"))


def _rewritten() -> Contender:
    return Rewritten(_from_npm("simple-photo-gallery", "2.2.1"))


_PEERS: Final = {
    "sigal": _sigal,
    "thumbsup": _thumbsup,
    "simple-photo-gallery 1": _simple,
    "simple-photo-gallery 2": _rewritten,
}


def contenders(only: Sequence[str] = ()) -> tuple[list[Contender], dict[str, str]]:
    """All that can be had, Safelight first; and why the others cannot."""
    found: list[Contender] = [Safelight(), SIGALS_SIZES]
    missing = {"hugo with hugo-theme-gallery": HUGO}
    for name, make in _PEERS.items():
        if only and name not in only:
            continue
        try:
            found.append(make())
        except Missing as why:
            missing[name] = str(why)
    return found, missing


def main() -> int:
    """Install them all; say what is there."""
    found, missing = contenders()
    print(json.dumps({"found": [each.name for each in found], "missing": missing}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
