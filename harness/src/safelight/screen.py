"""What a person sees: colour and progress bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

_TALLIED = 5000

console = Console(highlight=False, soft_wrap=True)
errors = Console(highlight=False, soft_wrap=True, stderr=True)


def printable(text: str) -> str:
    """``text`` with what a terminal would obey, and what is no character, made visible.

    A key may hold any of it: whoever names a file must not be able to write on our screen.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def say(line: str) -> None:
    """A line of what is being done; on standard error, since it is no result."""
    errors.print(escape(line), style="dim" if errors.is_terminal else None)
    sys.stderr.flush()


class Meter(Protocol):
    """A progress bar, or lines that tell as much."""

    def note(self, line: str) -> None:
        """Write a line above the bar."""

    def advance(self, files: int, size: int) -> None:
        """So many files, and so many bytes, are through."""


class _Bar:
    def __init__(self, progress: Progress, total_files: int, total_bytes: int) -> None:
        self._progress = progress
        self._files = progress.add_task("files", total=total_files, shown=f"of {total_files}")
        self._total = total_files
        self._done = 0
        progress.update(self._files, total=max(total_bytes, 1))

    def note(self, line: str) -> None:
        self._progress.console.print(escape(line))

    def advance(self, files: int, size: int) -> None:
        self._done += files
        self._progress.update(
            self._files, advance=size, description=f"{self._done} of {self._total} files"
        )


class _Lines:
    def __init__(self, total_files: int) -> None:
        self._total = total_files
        self._done = 0
        self._told = 0

    def note(self, line: str) -> None:
        errors.print(escape(line))

    def advance(self, files: int, size: int) -> None:
        self._done += files
        # Twenty lines tell as much in a log as a thousand.
        step = max(1, self._total // 20)
        if self._done >= self._told + step or (files and self._done == self._total):
            self._told = self._done
            errors.print(f"{self._done} of {self._total}")


@contextlib.contextmanager
def transfer(total_files: int, total_bytes: int) -> Iterator[Meter]:
    """A meter for files on their way."""
    if not errors.is_terminal:
        yield _Lines(total_files)
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    ) as progress:
        yield _Bar(progress, total_files, total_bytes)


@contextlib.contextmanager
def tally(what: str) -> Iterator[Callable[[int], None]]:
    """Shows a number that grows, towards nobody knows what: of a quick thing nothing, and
    where there is no terminal nothing either."""
    if not errors.is_terminal:
        yield lambda count: None
        return
    status = errors.status("")

    def show(count: int) -> None:
        # Below a few thousand it is over before it can be read.
        if count >= _TALLIED:
            status.update(f"{count} {what}")
            status.start()

    try:
        yield show
    finally:
        status.stop()


class Countdown(Protocol):
    """Progress towards a total that may still grow."""

    def show(self, done: int, total: int, what: str) -> None:
        """How far it is, and what is being waited for."""


class _CountBar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def show(self, done: int, total: int, what: str) -> None:
        self._progress.update(self._task, completed=done, total=max(total, 1), description=what)


class _CountLines:
    def __init__(self) -> None:
        self._done, self._what = -1, ""

    def show(self, done: int, total: int, what: str) -> None:
        step = max(1, total // 20)
        if what == self._what and done < total and done < self._done + step:
            return
        if (done, what) != (self._done, self._what):
            self._done, self._what = done, what
            errors.print(escape(f"{done} of {total}: {what}"))


@contextlib.contextmanager
def countdown() -> Iterator[Countdown]:
    """A meter for waiting."""
    if not errors.is_terminal:
        yield _CountLines()
        return
    with Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=errors,
        transient=True,
    ) as progress:
        yield _CountBar(progress)
