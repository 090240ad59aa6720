"""The scene: what the bucket holds when an event arrives.

An event by itself says little: what becomes of it depends on what is there.  The scene may be
as the events claim it (what they say was created is there), empty, a folder on this machine, or
a running stack's bucket, of which nothing is changed.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from gallery import keys
from gallery.clock import Clock
from gallery.events import NotUnderstood, parse
from gallery.keys import Kind
from gallery.memory import MemoryStore
from gallery.queue import Message
from gallery.store import ObjectInfo, ObjectStore, PreconditionFailed, StoredObject
from safelight.problem import Problem

T = TypeVar("T")

SCENES = ("claimed", "empty", "stack")
"""The scenes that have names; any other is a folder."""


def empty(clock: Clock) -> MemoryStore:
    """A bucket with nothing in it."""
    return MemoryStore(clock)


def claimed(messages: Sequence[Message], bucket: str, clock: Clock) -> MemoryStore:
    """A bucket in which is what the messages say was created, and is not what they say was
    removed; the last that is said of a key counts."""
    there: dict[str, bool] = {}
    for message in messages:
        with suppress(NotUnderstood):
            for hint in parse(message.body).hints:
                if hint.bucket == bucket and hint.change != "changed":
                    there[original_of(hint.key)] = hint.change == "created"
    store = MemoryStore(clock)
    for key, is_there in there.items():
        if is_there:
            store.put(key, specimen(key), content_type="application/octet-stream")
    return store


def original_of(key: str) -> str:
    """The original whose record ``key`` is, if it is one and its name tells; else ``key``."""
    if key.startswith(keys.RECORDS) and key.endswith(".json"):
        original = key.removeprefix(keys.CATALOG).removesuffix(".json")
        if keys.record(original) == key:
            return original
    return key


def specimen(key: str, content: str = "v1") -> bytes:
    """Something that may well lie under ``key``: a small photo, a text, settings.

    ``content`` tells versions apart: another one gives other bytes.  ``REJECT`` in it gives a
    file that is no photo.
    """
    kind = keys.classify(key).kind if key.startswith(keys.PHOTOS) else Kind.SKIPPED
    if kind is Kind.TEXT:
        return f"{content}\n".encode()
    if kind is Kind.SETTINGS:
        return b"" if content == "v1" else content.encode()
    if kind is Kind.SKIPPED or "REJECT" in content:
        return f"{content}, and no photo".encode()
    return _photo(content)


def _photo(content: str) -> bytes:
    # Lazily: most commands draw nothing.
    from PIL import Image

    digest = hashlib.sha256(content.encode()).digest()
    bands = [
        Image.linear_gradient("L").rotate(90 * (byte % 4)).resize((480, 320)) for byte in digest[:3]
    ]
    picture = Image.merge("RGB", bands)
    picture.paste((digest[3], digest[4], digest[5]), (40, 40, 200, 160))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80, comment=content.encode()[:1000])
    return file.getvalue()


def folder(path: Path, clock: Clock) -> MemoryStore:
    """A bucket with the files of a folder that is laid out like one (``photos/…``, ``catalog/…``).

    Raises :class:`Problem`.
    """
    if not path.is_dir():
        raise Problem(
            f"{path} is no folder. A scene is one of {', '.join(SCENES)}, or a folder laid out "
            "like the bucket, with photos/ in it."
        )
    store = MemoryStore(clock)
    for file in sorted(path.rglob("*")):
        if file.is_file():
            key = file.relative_to(path).as_posix()
            try:
                store.put(key, file.read_bytes(), content_type="application/octet-stream")
            except (OSError, UnicodeEncodeError) as error:
                raise Problem(f"{file} cannot be put on the scene: {error}") from error
    return store


class Overlay:
    """A bucket seen through: reads go to ``under``, what is written or deleted stays here.

    A :class:`gallery.store.ObjectStore` over another one, which it never changes.
    """

    def __init__(self, under: ObjectStore, clock: Clock) -> None:
        self._under = under
        self._over = MemoryStore(clock)
        self._gone: set[str] = set()

    def _is_here(self, key: str) -> bool:
        return key in self._over.objects or key in self._gone

    def head(self, key: str) -> ObjectInfo | None:
        return self._over.head(key) if self._is_here(key) else self._under.head(key)

    def get(self, key: str) -> StoredObject | None:
        return self._over.get(key) if self._is_here(key) else self._under.get(key)

    def get_many(self, keys: Iterable[str]) -> Iterator[tuple[str, StoredObject | None]]:
        for key in keys:
            yield key, self.get(key)

    def together(self, calls: Iterable[Callable[[], T]]) -> Iterator[T]:
        for call in calls:
            yield call()

    def peek(self, key: str, count: int) -> StoredObject | None:
        here = self._is_here(key)
        return self._over.peek(key, count) if here else self._under.peek(key, count)

    def download(self, key: str, file: BinaryIO, *, if_match: str) -> None:
        (self._over if self._is_here(key) else self._under).download(key, file, if_match=if_match)

    def put(
        self,
        key: str,
        body: bytes,
        *,
        content_type: str,
        cache_control: str | None = None,
        if_match: str | None = None,
        if_none_match: bool = False,
    ) -> ObjectInfo:
        there = self.head(key)
        if (if_match is not None and (there is None or there.etag != if_match)) or (
            if_none_match and there is not None
        ):
            raise PreconditionFailed(key, f"{key!r:.200}: somebody else was faster (412)")
        self._gone.discard(key)
        return self._over.put(key, body, content_type=content_type, cache_control=cache_control)

    def upload(
        self, key: str, file: BinaryIO, *, content_type: str, cache_control: str | None = None
    ) -> ObjectInfo:
        file.seek(0)
        return self.put(key, file.read(), content_type=content_type, cache_control=cache_control)

    def delete(self, key: str) -> None:
        self._over.delete(key)
        self._gone.add(key)

    def list(self, prefix: str, *, shallow: bool = False) -> Iterator[ObjectInfo]:
        found = {
            info.key: info
            for info in self._under.list(prefix, shallow=shallow)
            if info.key not in self._gone
        }
        found |= {info.key: info for info in self._over.list(prefix, shallow=shallow)}
        for key in sorted(found, key=lambda key: key.encode("utf-8", "surrogatepass")):
            yield found[key]
