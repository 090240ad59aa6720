"""Who is on a port."""

from __future__ import annotations

import socket
from pathlib import Path


def is_free(port: int) -> bool:
    """Whether ``port`` can be had on the loopback interface, IPv4 and IPv6.

    Both: a browser asked for ``localhost`` may try either first, and must not meet a stranger.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        # As servers do: connections that linger after a stop are no obstacle.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return not _answers("127.0.0.1", port) and not _answers("::1", port)


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def unused() -> int:
    """A port that nobody has now; for stacks beside another, as tests start them."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind(("127.0.0.1", 0))
            found = int(listener.getsockname()[1])
        if is_free(found):
            return found


def holder(port: int) -> str | None:
    """The process that listens on ``port``, as ``name (pid 123)``; ``None`` if it cannot be
    told (on systems without ``/proc``, or for processes of other users)."""
    inodes = _listeners(port)
    if not inodes:
        return None
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            names = [str(fd.readlink()) for fd in (folder / "fd").iterdir()]
        except OSError:
            continue
        if any(f"socket:[{inode}]" in names for inode in inodes):
            return f"{_name(folder)} (pid {folder.name})"
    return None


def _listeners(port: int) -> set[str]:
    """The inodes of the sockets that listen on ``port`` (proc(5), /proc/net/tcp)."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            listening = "0A"
            if fields[3] == listening and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found


def _name(folder: Path) -> str:
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
        shown = " ".join(word.decode("utf-8", "replace") for word in words if word)
    except OSError:
        shown = ""
    return shown if len(shown) <= 120 else shown[:119] + "…"
