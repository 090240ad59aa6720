"""How far a long job has come, on disk: interrupted anywhere, it goes on from there."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from safelight.home import Home, read_json, write_json

_EVERY = 1.0


@dataclass(frozen=True)
class Progress:
    """How far it is: everything up to ``position`` is done.  ``hinted`` and ``seen`` count
    hints and keys so far; ``total`` is how many hints there would be when it was begun."""

    position: str = ""
    hinted: int = 0
    seen: int = 0
    total: int = 0


class Checkpoint:
    """The file of one job, which ``job`` tells from others."""

    def __init__(
        self, home: Home, job: dict[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        text = json.dumps(job, sort_keys=True)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self.path: Path = home.path / "backfill" / f"{digest}.json"
        self._job = job
        self._clock = clock
        self._saved = -_EVERY

    def load(self) -> Progress | None:
        """How far the job is; ``None`` if it has not been begun, or the file is none of ours:
        beginning anew repeats work, and loses nothing."""
        found = read_json(self.path)
        if found is None or found.get("job") != self._job:
            return None
        try:
            kept = Progress(**found["progress"])
        except (KeyError, TypeError):
            return None
        numbers = (kept.hinted, kept.seen, kept.total)
        sound = isinstance(kept.position, str) and all(isinstance(one, int) for one in numbers)
        return kept if sound and min(numbers) >= 0 else None

    def save(self, progress: Progress, *, now: bool = False) -> None:
        """Remember ``progress``: at once if ``now``, otherwise at most once a second."""
        if not now and self._clock() - self._saved < _EVERY:
            return
        write_json(self.path, {"job": self._job, "progress": asdict(progress)})
        self._saved = self._clock()

    def forget(self) -> None:
        """The job is done, or is to begin anew."""
        self.path.unlink(missing_ok=True)
