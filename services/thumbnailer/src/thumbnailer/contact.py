"""Contact sheets: renditions of files on disk, into a folder, with a line of JSON each.

The craft alone, without a store: ``thumbnailer render FILE… --out DIR``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import shutil
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from thumbnailer.assembly import assembled
from thumbnailer.darkroom import Darkroom, DarkroomCrash, Developed, Rejection, taken_from_name
from thumbnailer.settings import Settings

_LONGEST_NAME: Final = 200
"""Bytes of a file's name that go into its renditions'; file systems take 255 in all."""


@dataclass(frozen=True)
class Frame:
    """A file to render and, relative to the output folder, what its renditions' names begin
    with (``album/IMG_1.jpg``, to which ``-600.jpg`` is added)."""

    file: Path
    place: Path


def frames(files: Iterable[Path], out: Path) -> list[Frame]:
    """What to render for the arguments ``files``: themselves, and everything in those that
    are folders, below which ``out`` does not count.

    No two frames have the same place: the second ``IMG_1.jpg`` becomes ``IMG_1.jpg~2``.
    """
    found: list[Frame] = []
    taken: set[str] = set()
    for argument in files:
        for file, place in _expanded(argument, out):
            found.append(Frame(file, _free(place, taken)))
    return found


def _expanded(argument: Path, out: Path) -> Iterator[tuple[Path, Path]]:
    if not argument.is_dir():
        yield argument, Path(argument.name or "photo")
        return
    avoid = out.resolve()
    for folder, folders, names in os.walk(argument, onerror=lambda error: None):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if (here / name).resolve() != avoid)
        for name in sorted(names):
            file = here / name
            yield file, file.relative_to(argument)


def _free(place: Path, taken: set[str]) -> Path:
    name = os.fsencode(place.name)
    if len(name) > _LONGEST_NAME:
        digest = hashlib.sha256(name).hexdigest()[:16]
        name = name[: _LONGEST_NAME - 20].decode("utf-8", "ignore").encode() + f"~{digest}".encode()
    number = 1
    while True:
        suffix = "" if number == 1 else f"~{number}"
        free = place.with_name(os.fsdecode(name) + suffix)
        # As file systems of macOS and Windows compare names.
        if (key := str(free).casefold()) not in taken:
            taken.add(key)
            return free
        number += 1


def render(all_: list[Frame], out: Path, settings: Settings, jobs: int) -> Iterator[dict[str, Any]]:
    """Render each frame into ``out``; yield what the line of JSON says, in the frames' order.

    ``jobs`` photos are worked on at a time, each by a process of its own.  Nothing that is
    wrong with one file is raised: it is in that file's line.
    """
    darkrooms: queue.SimpleQueue[Darkroom] = queue.SimpleQueue()
    local = threading.local()

    def work(frame: Frame) -> dict[str, Any]:
        # A darkroom ends with the thread that uses it, so each thread has its own.
        if not hasattr(local, "darkroom"):
            local.darkroom = Darkroom(settings)
            darkrooms.put(local.darkroom)
        return _line(frame, local.darkroom, out)

    pool = ThreadPoolExecutor(jobs)
    pending: list[Future[dict[str, Any]]] = []
    try:
        pending = [pool.submit(work, frame) for frame in all_]
        for future in pending:
            yield future.result()
    finally:
        for future in pending:
            future.cancel()
        pool.shutdown()
        with contextlib.suppress(queue.Empty):
            while True:
                darkrooms.get_nowait().close()


def _line(frame: Frame, darkroom: Darkroom, out: Path) -> dict[str, Any]:
    line: dict[str, Any] = {"file": _shown(frame.file), "ok": False, "error": None}
    line |= {"source": None, "renditions": [], "exif": {}}
    try:
        made = darkroom.develop(frame.file, originals=darkroom.settings.originals)
    except DarkroomCrash as crash:
        return line | {"error": crash.reason}
    if isinstance(made, Rejection):
        return line | {"error": made.reason}
    try:
        written = _write(made, out / frame.place)
        stripped = _write_copy(made, frame.file, out / frame.place)
    except OSError as error:
        reason = f"The renditions cannot be written ({error.strerror}): check {_shown(out)}."
        return line | {"error": reason}
    if stripped is not None:
        line |= {"stripped": stripped}
    taken = made.taken or taken_from_name(frame.file.name)
    return line | {
        "ok": True,
        "source": {
            "width": made.source_width,
            "height": made.source_height,
            "format": made.format,
            "has_location": made.has_location,
        },
        "renditions": written,
        "exif": msgspec.to_builtins(made.exif),
        "taken": msgspec.to_builtins(taken),
        "title": made.title,
        "description": made.description,
        "placeholder": list(made.placeholder),
    }


def _write(made: Developed, place: Path) -> list[dict[str, Any]]:
    place.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for image in made.images:
        path = place.with_name(f"{place.name}-{image.width}.jpg")
        path.write_bytes(image.data)
        written.append(
            {
                "width": image.width,
                "height": image.height,
                "bytes": len(image.data),
                "path": _shown(path),
            }
        )
    return written


def _write_copy(made: Developed, original: Path, place: Path) -> dict[str, Any] | None:
    """Write the stripped copy, where one was asked for; what the line says of it."""
    if made.recipe is None:
        return {"error": made.unstripped} if made.unstripped else None
    path = place.with_name(f"{place.name}-stripped.{made.recipe.ending}")
    with (
        original.open("rb") as file,
        assembled(made.recipe, file) as copy,
        path.open("wb") as written,
    ):
        shutil.copyfileobj(copy, written)
    return {"bytes": made.recipe.size, "path": _shown(path)}


def _shown(path: Path) -> str:
    """A path as valid Unicode: bytes that are none are written ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def json_line(line: dict[str, Any]) -> str:
    """One line, without a line break within or at the end."""
    return json.dumps(line, ensure_ascii=False, allow_nan=False)
