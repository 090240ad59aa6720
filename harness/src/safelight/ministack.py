"""MiniStack as a background process: started, found again, stopped.

It is the process of one folder, which holds its data, its log and a lock file that it keeps
locked for as long as it lives (an inherited, open ``flock``).  So it is found again whatever
became of the command that started it, and a process number that has been given to somebody
else meanwhile is never mistaken for it.

What it keeps between runs: objects are written to disk as they are put; everything else
(queues, messages, functions, mappings, stacks) only when it is stopped properly.  After a
crash that part is of unknown age: :meth:`MiniStack.start` leaves it out and says so.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from safelight import port as ports
from safelight.home import read_json, write_json
from safelight.problem import Problem

_START_SECONDS = 60
_STOP_SECONDS = 30
_LOG_LIMIT = 8 * 1024 * 1024
# What a function may see of the caller's environment.  Above all no AWS_…: MiniStack hands its
# own environment on to the functions, and an AWS_ENDPOINT_URL there would win.
_KEPT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")


class MiniStack:
    """The MiniStack of ``folder``, on ``port`` of the loopback interface.

    ``checked``: it checks credentials and policies, and lets ``test`` do everything.
    """

    def __init__(self, folder: Path, port: int, *, checked: bool = False) -> None:
        self.folder = folder
        self.port = port
        self.checked = checked
        self.log = folder / "ministack.log"
        self._state = folder / "state"
        self._objects = folder / "s3"
        self._scratch = folder / "tmp"
        self._lock = folder / "process.lock"
        self._about = folder / "process.json"
        self._stopped = folder / "stopped.json"

    @property
    def url(self) -> str:
        """Where it is reached.  An address, not a name: boto3 asks for buckets of an endpoint
        with a name as ``bucket.name``, which not every resolver knows."""
        return f"http://127.0.0.1:{self.port}"

    def is_running(self) -> bool:
        """Whether the process lives, whatever the port it was started on."""
        try:
            with self._lock.open("r") as file:
                # Shared: two who ask at the same time are not in each other's way.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return True
            raise
        return False

    def running_port(self) -> int:
        """The port it was started on."""
        about = read_json(self._about) or {}
        return int(about.get("port", self.port))

    def pid(self) -> int | None:
        """Its process; ``None`` if it is not running."""
        if not self.is_running():
            return None
        about = read_json(self._about)
        if about is not None:
            return int(about["pid"])
        # Whoever started it was killed before it could write that down; MiniStack itself does.
        for file in self._scratch.glob("ministack-*.pid"):
            text = file.read_text(encoding="ascii").strip()
            if text.isdigit():
                return int(text)
        raise Problem(
            f"MiniStack is running on the data in {self.folder}, but its process cannot be told. "
            f"Find it with `fuser {self._lock}` and end it."
        )

    def answers(self) -> bool:
        """Whether it serves requests."""
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/ready", timeout=5) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def is_of_this_version(self) -> bool:
        """Whether the running process is of the installed version."""
        about = read_json(self._about) or {}
        return about.get("version") == version()

    def start(self) -> bool:
        """Start it; whether everything is as it was when it was stopped.

        ``False``: only the objects are, and the rest has to be made anew.  Raises
        :class:`Problem` if the port is taken or it does not come up.
        """
        if not ports.is_free(self.port):
            holder = ports.holder(self.port)
            raise Problem(
                f"Port {self.port} is in use{f' by {holder}' if holder else ''}. Stop that, or "
                f"choose another port: SAFELIGHT_PORT={self.port + 1} make up"
            )
        for folder in (self.folder, self._objects, self._scratch):
            folder.mkdir(parents=True, exist_ok=True)
        whole = self._whole()
        self._stopped.unlink(missing_ok=True)
        if not whole:
            shutil.rmtree(self._state, ignore_errors=True)
        # Functions that were killed leave their code behind.
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir()
        self._about.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > _LOG_LIMIT:
                self.log.replace(self.log.with_suffix(".log.1"))
        self._spawn()
        self._await_ready()
        return whole

    def _whole(self) -> bool:
        """Whether what was saved is whole, recent, and for a process like the next one."""
        stopped = read_json(self._stopped)
        # Queues' URLs, by which MiniStack knows them, hold the port.
        return stopped == {"version": version(), "port": self.port}

    def _spawn(self) -> None:
        with self._lock.open("a") as lock, self.log.open("ab") as log:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Its own session: a Ctrl-C at the keyboard is not meant for it.
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
            write_json(self._about, {"pid": process.pid, "port": self.port, "version": version()})

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            **kept,
            "PYTHONUNBUFFERED": "1",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "LOG_LEVEL": "WARNING",
            "AUTH": str(self.checked).lower(),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._state),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._objects),
            "TMPDIR": str(self._scratch),
            # Listeners on ports of their own, which nothing here uses.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            # It would look for containers of an earlier self and remove them.
            "DOCKER_HOST": "unix:///nonexistent",
        }

    def _await_ready(self) -> None:
        for _ in _patience(_START_SECONDS):
            if self.answers():
                return
            if not self.is_running():
                raise Problem(f"MiniStack ended at once. Its last words:\n{self.last_words()}")
        raise Problem(
            f"MiniStack did not answer on port {self.port} within {_START_SECONDS} s. Its log is "
            f"{self.log}; try `make down` and `make up`."
        )

    def last_words(self, count: int = 15) -> str:
        """The last ``count`` lines of its log."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return "(it has no log)"
        return "\n".join(lines[-count:])

    def stop(self, *, keep: bool) -> None:
        """Stop it and wait until it is gone; no harm if it is not running.

        ``keep``: what it saves is worth finding again.
        """
        pid = self.pid()
        if pid is None:
            return
        port, same = self.running_port(), self.is_of_this_version()
        gone = self._end(pid, signal.SIGTERM, _STOP_SECONDS)
        if not gone and not self._end(pid, signal.SIGKILL, 10):
            raise Problem(
                f"MiniStack (pid {pid}) does not end. Is its disk stuck? End it and try again."
            )
        self._about.unlink(missing_ok=True)
        if gone and keep and same:
            write_json(self._stopped, {"version": version(), "port": port})

    def _end(self, pid: int, how: signal.Signals, seconds: float) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        return any(not self.is_running() for _ in _patience(seconds))

    def purge(self) -> None:
        """Forget everything.  Only when it is stopped."""
        shutil.rmtree(self.folder, ignore_errors=True)


def version() -> str:
    """The installed MiniStack's version."""
    return importlib.metadata.version("ministack")


def _patience(seconds: float) -> Iterator[None]:
    """Yield, at growing intervals, until ``seconds`` have passed."""
    until = time.monotonic() + seconds
    pause = 0.02
    yield
    while time.monotonic() < until:
        time.sleep(pause)
        pause = min(pause * 1.3, 0.5)
        yield
