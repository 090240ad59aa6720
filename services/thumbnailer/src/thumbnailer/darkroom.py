"""The darkroom: photos from strangers are developed here, behind a door.

Decoders are a million lines of C that meet files nobody tested them with.  They run in a child
process (:mod:`thumbnailer.enlarger`) with limits of memory and time and without this process's
environment.  Whatever such a file does to it costs that photo a rejection, never the batch.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Final

import msgspec

from gallery.originals import Originals
from thumbnailer import enlarger, limits
from thumbnailer.development import Developed, Image, Rejection
from thumbnailer.settings import Settings
from thumbnailer.taken import taken_from_name

__all__ = [
    "Darkroom",
    "DarkroomCrash",
    "DarkroomUnavailable",
    "Developed",
    "Image",
    "Rejection",
    "taken_from_name",
]

# How long a child may take to start; imports alone, so far more than it ever needs.
_START_SECONDS: Final = 60.0
# A decoder's leaks end with its process.
_PHOTOS_A_CHILD: Final = 500


class DarkroomCrash(Exception):
    """The child died, and not for a reason that is known to be the photo's.

    It may be the machine's (no memory left) and pass.  ``reason`` is a sentence for a person,
    fit for a rejection if it happens to the same photo again and again.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DarkroomUnavailable(Exception):
    """No child can be started at all: the installation's fault, never a photo's."""


class _Ended(Exception):
    """The child is gone: its exit status as ``subprocess`` has it, and its last words."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail or f"exit status {code}")
        self.code = code
        self.detail = detail


class _Late(Exception):
    """The child did not answer in time."""


class Darkroom:
    """Develops photos one after the other in a child process of its own.

    The child starts with the first photo and stays; after a crash, a timeout or
    some hundred photos a new one takes its place.  For several at a time have several darkrooms,
    each used by the thread that made it (the child ends with the thread that started it).
    Use it as a context manager, or :meth:`close` it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._child: _Child | None = None

    def develop(self, path: Path, *, originals: Originals = "public") -> Developed | Rejection:
        """What becomes of the file at ``path``: renditions and facts, or why there are none, where
        visitors may take what ``originals`` says (see :func:`thumbnailer.renditions.develop`).

        A file that takes too much memory or time is rejected; so is everything that is no
        photo, cannot be read, or is damaged beyond use.  Raises :class:`DarkroomCrash` where
        the child dies of it for another reason, after a second try with a fresh child: the
        first may have suffered from an earlier photo; and :class:`DarkroomUnavailable`.
        """
        while True:
            fresh = self._child is None
            child = self._child = self._child or _Child(self.settings)
            try:
                made = child.develop(path, originals, self.settings.max_seconds)
            except _Late:
                self.close()
                return Rejection(limits.out_of_time(self.settings))
            except _Ended as ended:
                self.close()
                if ended.code == -signal.SIGXCPU:
                    return Rejection(limits.out_of_time(self.settings))
                if not fresh:
                    continue
                raise DarkroomCrash(_cause(ended)) from None
            except BaseException:
                # Interrupted: an answer may be on its way that is not the next photo's.
                self.close()
                raise
            if made.memory:
                # Memory that an earlier photo left in pieces may have been the reason.
                self.close()
                if not fresh:
                    continue
                return Rejection(limits.out_of_memory(self.settings))
            if child.photos >= _PHOTOS_A_CHILD:
                self.close()
            if made.developed is not None:
                return made.developed
            return Rejection(made.rejected or "The photo could not be rendered: export it again.")

    def close(self) -> None:
        """End the child; the next photo would start another."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def __enter__(self) -> Darkroom:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Child:
    """One child process and its two pipes."""

    def __init__(self, settings: Settings) -> None:
        self.photos = 0
        # What it prints there is only of use where it ends by itself.
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self._process = subprocess.Popen(
            # -P: a file called PIL.py in the working folder is not Pillow.
            [sys.executable, "-P", "-m", "thumbnailer.enlarger"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(os.environ),
        )
        try:
            self._ask(enlarger.Order(settings, os.getpid()), _START_SECONDS)
        except (_Ended, _Late) as error:
            self.end()
            raise DarkroomUnavailable(
                f"The darkroom's process does not start ({sys.executable} -m thumbnailer.enlarger"
                f"{': ' + str(error) if str(error) else ''}). Install the thumbnailer again; if "
                "the machine is short of memory, give it more."
            ) from None
        except BaseException:
            self.end()
            raise

    def develop(self, path: Path, originals: Originals, seconds: float) -> enlarger.Print:
        """The child's answer; raises :class:`_Late` or :class:`_Ended`."""
        self.photos += 1
        return self._ask(enlarger.Exposure(os.fsencode(path.absolute()), originals), seconds)

    def _ask(self, message: enlarger.Order | enlarger.Exposure, seconds: float) -> enlarger.Print:
        deadline = time.monotonic() + seconds
        try:
            enlarger.send(self._stdin, message)
            (length,) = struct.unpack(">I", self._read(4, deadline))
            return enlarger.decode(self._read(length, deadline), enlarger.Print)
        except (OSError, EOFError, msgspec.DecodeError):
            raise self._ended() from None

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        return self._process.stdin

    def _read(self, size: int, deadline: float) -> bytes:
        """Exactly ``size`` bytes of the child's output, by ``deadline``."""
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        descriptor = self._process.stdout.fileno()
        data = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while len(data) < size:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise _Late
                # Past Python's own buffer, of which the selector knows nothing.
                more = os.read(descriptor, min(size - len(data), 1 << 20))
                if not more:
                    raise EOFError
                data += more
        return bytes(data)

    def _ended(self) -> _Ended:
        """Why the child went, once it has."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 2000))
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return _Ended(code, lines[-1][:200] if lines else "")

    def end(self) -> None:
        """End the process, whatever it does, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                # What was not yet written to it has nobody to read it.
                with contextlib.suppress(OSError):
                    stream.close()


_PASSED_ON: Final = frozenset(
    {
        "PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
        "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX",
    }
)  # fmt: skip


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    """The child's environment: what Python needs, and none of the credentials."""
    passed = {k: v for k, v in env.items() if k in _PASSED_ON or k.startswith("LC_")}
    return {
        **passed,
        # The same packages, wherever they were found (Lambda has them in odd places).
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        # Each further arena of glibc reserves 64 MiB of address space, which is limited.
        "MALLOC_ARENA_MAX": "1",
    }


_FAULTS: Final = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}
)


def _cause(ended: _Ended) -> str:
    """Why the child died of a photo, for a person."""
    if -ended.code in _FAULTS:
        return (
            f"The decoder crashed over this file ({signal.Signals(-ended.code).name}): it is "
            "damaged or made to harm. Open and export it again."
        )
    if ended.code < 0:
        return (
            f"The decoder's process was killed (signal {-ended.code}), perhaps for want of "
            "memory: give the thumbnailer more, or add a smaller copy."
        )
    detail = f" ({ended.detail})" if ended.detail else ""
    return (
        f"The photo could not be rendered{detail}: open and export it again, and report this as "
        "an error of Safelight."
    )
