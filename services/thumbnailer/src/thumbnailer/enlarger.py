"""The enlarger: the child process that decodes, because decoders crash, loop and swell.

``python -m thumbnailer.enlarger`` is started by :class:`thumbnailer.darkroom.Darkroom` and talks
to nobody else.  Messages are a length of four bytes (big-endian) and MessagePack: first the
:class:`Order` to set up, then one :class:`Exposure` a photo on the standard input; to each, one
:class:`Print` on the standard output.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
import warnings
from pathlib import Path
from typing import IO, Final, TypeVar

import msgspec

from gallery.originals import Originals
from thumbnailer.development import Developed, Rejected
from thumbnailer.settings import Settings

_LENGTH = struct.Struct(">I")
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_FILE_SIZE: Final = 1024 * 1024


class Order(msgspec.Struct, frozen=True):
    """What the parent wants: the settings, and its own process id."""

    settings: Settings
    parent: int


class Exposure(msgspec.Struct, frozen=True):
    """One photo to develop; ``path`` is a file's name in bytes, as the system has it.
    ``originals`` is what visitors may take."""

    path: bytes
    originals: Originals = "public"


class Print(msgspec.Struct, frozen=True):
    """What came of it: one of the three; ``memory`` says that it took too much of that.

    An empty one says, once, that the enlarger is ready.
    """

    developed: Developed | None = None
    rejected: str | None = None
    memory: bool = False


_Message = TypeVar("_Message", Order, Exposure, Print)


def send(stream: IO[bytes], message: Order | Exposure | Print) -> None:
    """Write one message; raises ``OSError`` where the other side is gone."""
    body = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


def decode(body: bytes, kind: type[_Message]) -> _Message:
    """A message's body; raises ``msgspec.DecodeError`` for what is none."""
    return msgspec.msgpack.decode(body, type=kind)


def _receive(stream: IO[bytes], kind: type[_Message]) -> _Message | None:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    return decode(stream.read(*_LENGTH.unpack(head)), kind)


def develop(path: Path, settings: Settings, originals: Originals) -> Print:
    """The print of one photo; never raises for anything that is the photo's fault."""
    from thumbnailer import renditions

    try:
        return Print(developed=renditions.develop(path, settings, originals=originals))
    except Rejected as rejected:
        return Print(rejected=rejected.reason)
    except MemoryError:
        return Print(memory=True)
    except RecursionError:
        return Print(rejected="The file's metadata is nested beyond reason: export it again.")


def _die_with(parent: int) -> None:
    """Have the kernel end this process when the parent ends, however it does."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)  # it ended before the kernel was told


def _limit_memory(most: int) -> None:
    """Allow ``most`` bytes of memory, so that a bomb is a ``MemoryError`` and no more.

    The kernel limits address space, not memory: the libraries that are mapped but never
    touched come on top (``proc(5)``, statm).
    """
    mapped = 0
    with contextlib.suppress(OSError, ValueError):
        size, resident, *_ = map(int, Path("/proc/self/statm").read_text().split())
        mapped = (size - resident) * resource.getpagesize()
    limit = most + mapped
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    # macOS refuses any such limit; there the estimates of thumbnailer.limits must do.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _limit_time(seconds: float) -> None:
    """Stop by the kernel's hand a decoder that never ends, where the parent is gone too."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    most = int(spent.ru_utime + spent.ru_stime + 2 * seconds) + 2
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard == resource.RLIM_INFINITY or most <= hard:
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))


def main() -> None:
    """Serve the parent until it closes the standard input."""
    # A library that prints must not print into the messages.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's to handle
    warnings.simplefilter("ignore")
    order = _receive(requests, Order)
    if order is None:
        return
    _die_with(order.parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # This process writes no files; what a library prints to the error file stays small.
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_SIZE, _FILE_SIZE))
    # Imported before memory is limited: what decoding may take is then the same every time.
    import thumbnailer.renditions  # noqa: F401

    _limit_memory(order.settings.max_memory)
    send(answers, Print())
    while (exposure := _receive(requests, Exposure)) is not None:
        _limit_time(order.settings.max_seconds)
        path = Path(os.fsdecode(exposure.path))
        send(answers, develop(path, order.settings, exposure.originals))


if __name__ == "__main__":
    main()
