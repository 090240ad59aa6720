"""The studio: from an original in the store to what the darkroom makes of it.

The limits that need no decoding are kept here: a file that is too large, or that its first
bytes give away as no photo, is never downloaded.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from gallery.originals import Originals
from gallery.record import Taken
from gallery.store import ObjectInfo, ObjectStore, PreconditionFailed
from thumbnailer.assembly import assembled
from thumbnailer.darkroom import Darkroom, Rejection
from thumbnailer.development import Rejected, Work
from thumbnailer.formats import unsupported
from thumbnailer.limits import check_bytes
from thumbnailer.metadata import taken_from_name
from thumbnailer.settings import Settings

_HEAD = 4096


class Studio:
    """A :class:`thumbnailer.reconcile.Craft` with a darkroom of its own.

    ``scratch`` is a folder for the original while it is worked on (on Lambda ``/tmp`` is the
    only one that can be written).
    """

    def __init__(
        self,
        settings: Settings,
        scratch: Path | None = None,
        darkroom: Callable[[Settings], Darkroom] = Darkroom,
    ) -> None:
        self._settings = settings
        self._scratch = scratch
        self._darkroom = darkroom(settings)
        self.limits = settings.limits_fingerprint()

    def fingerprint(self, *, originals: Originals) -> str:
        return self._settings.fingerprint(originals=originals)

    @contextmanager
    def develop(
        self, store: ObjectStore, original: ObjectInfo, *, originals: Originals
    ) -> Iterator[Work | Rejection]:
        refusal = self._refusal(store, original)
        if refusal is not None:
            yield Rejection(refusal)
            return
        with tempfile.NamedTemporaryFile(dir=self._scratch, prefix="original-") as file:
            store.download(original.key, file, if_match=original.etag)  # type: ignore[arg-type]
            file.flush()
            developed = self._darkroom.develop(Path(file.name), originals=originals)
            if isinstance(developed, Rejection):
                yield developed
                return
            if developed.taken is None:
                developed = dataclasses.replace(developed, taken=_taken(original))
            if developed.recipe is None:
                yield Work(developed)
                return
            with assembled(developed.recipe, file) as copy:  # type: ignore[arg-type]
                yield Work(developed, copy)

    def _refusal(self, store: ObjectStore, original: ObjectInfo) -> str | None:
        """Why the original need not even be downloaded."""
        try:
            check_bytes(original.size, self._settings)
        except Rejected as rejected:
            return rejected.reason
        head = store.peek(original.key, _HEAD)
        if head is None or head.info.etag != original.etag:
            raise PreconditionFailed(original.key, "overwritten meanwhile")
        return unsupported(head.body)

    def close(self) -> None:
        """End the darkroom's process."""
        self._darkroom.close()

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _taken(original: ObjectInfo) -> Taken:
    """No date in the file: its name's, else that of its last change (S3's, in UTC)."""
    named = taken_from_name(original.key.rpartition("/")[2])
    if named is not None:
        return named
    return Taken(
        local=original.last_modified.strftime("%Y-%m-%dT%H:%M:%S"),
        offset="+00:00",
        source="modified",
    )
