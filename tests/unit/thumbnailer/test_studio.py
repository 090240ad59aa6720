"""The studio and the reconciler together: from an original in a store to its record."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from gallery import catalog, keys
from gallery.batch import Done, Task
from gallery.memory import MemoryStore
from gallery.originals import Originals
from gallery.record import PhotoRecord, Stripped
from thumbnailer.reconcile import World, reconcile
from thumbnailer.settings import Settings
from thumbnailer.studio import Studio

Draw = Callable[[int, int], Image.Image]
Save = Callable[..., Path]
KEY = "photos/a/1.jpg"


class Clock:
    """Stands still."""

    def now(self) -> datetime:
        return datetime(2026, 3, 14, tzinfo=UTC)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with Studio(Settings(edges=(60,)), scratch) as made:
        yield made
    assert not list(scratch.iterdir())


def put(store: MemoryStore, key: str, body: bytes) -> None:
    store.put(key, body, content_type="application/octet-stream")


def reconciled(world: World, key: str = KEY) -> PhotoRecord:
    """The record of the photo, once its reconciler was there."""
    assert isinstance(reconcile(world, Task(key, (), 1, None)), Done)
    record = catalog.load(world.store, keys.record(key)).record
    assert isinstance(record, PhotoRecord)
    return record


@pytest.mark.parametrize(
    ("template", "settings", "copied"),
    [
        ("public", None, False),
        ("public", "title: x", False),
        ("public", "originals: stripped", True),
        ("stripped", None, True),
        ("stripped", "originals: public", True),
        ("stripped", "originals: private", False),
        ("private", "originals: stripped", False),
        ("public", "originals: striped", False),
    ],
)
def test_a_copy_where_the_stricter_choice_asks_for_one(
    studio: Studio,
    corners: Draw,
    save: Save,
    camera_exif: bytes,
    template: Originals,
    settings: str | None,
    copied: bool,
) -> None:
    store = MemoryStore(Clock())
    world = World(store, studio, Clock(), originals=template)
    if settings is not None:
        put(store, keys.SETTINGS, settings.encode())
        assert isinstance(reconcile(world, Task(keys.SETTINGS, (), 1, None)), Done)
    put(store, KEY, save(corners(90, 60), "a.jpg", "JPEG", exif=camera_exif).read_bytes())
    record = reconciled(world)
    assert len(record.renditions) == 1
    assert (record.stripped is not None) is copied
    if record.stripped is None:
        return
    assert record.stripped == Stripped(
        key=keys.stripped(KEY, record.digest, "jpg"), bytes=record.stripped.bytes
    )
    copy = store.objects[record.stripped.key]
    assert len(copy.body) == record.stripped.bytes
    assert copy.content_type == "image/jpeg"
    assert copy.cache_control is not None
    assert "immutable" in copy.cache_control
    with Image.open(io.BytesIO(copy.body)) as image:
        assert image.size == (90, 60)
        assert not image.getexif().get_ifd(0x8825)


def test_a_change_of_mind(studio: Studio, corners: Draw, save: Save) -> None:
    """Each photo is told; what was made before is kept as superseded for the pages' sake."""
    store = MemoryStore(Clock())
    told: list[int] = []
    world = World(store, studio, Clock(), look_at_all=lambda: told.append(1))
    put(store, KEY, save(corners(90, 60), "a.jpg", "JPEG").read_bytes())
    first = reconciled(world)
    put(store, keys.SETTINGS, b"originals: stripped")
    reconcile(world, Task(keys.SETTINGS, (), 1, None))
    assert len(told) == 1
    reconcile(world, Task(keys.SETTINGS, (), 2, None))
    assert len(told) == 1
    second = reconciled(world)
    assert second.digest != first.digest
    assert second.stripped is not None
    assert [old.digest for old in second.superseded] == [first.digest]
    # Nothing is made anew for words that have nothing to do with it.
    put(store, keys.SETTINGS, b"originals: stripped\ntitle: Photographs")
    reconcile(world, Task(keys.SETTINGS, (), 1, None))
    assert len(told) == 1
    assert reconciled(world) == second
    store.delete(keys.SETTINGS)
    reconcile(world, Task(keys.SETTINGS, (), 1, None))
    assert len(told) == 2
    third = reconciled(world)
    assert (third.digest, third.stripped) == (first.digest, None)


def test_why_there_is_no_copy_is_in_the_record(studio: Studio, corners: Draw, save: Save) -> None:
    store = MemoryStore(Clock())
    world = World(store, studio, Clock(), originals="stripped")
    put(store, "photos/a.tif", save(corners(90, 60), "a.tif", "TIFF").read_bytes())
    record = reconciled(world, "photos/a.tif")
    assert record.status == "ready"
    assert record.stripped is not None
    assert record.stripped.key == ""
    assert record.stripped.reason is not None
    assert "TIFF" in record.stripped.reason


def test_what_is_rejected_is_not_tried_again_for_a_copy(studio: Studio) -> None:
    store = MemoryStore(Clock())
    put(store, KEY, b"no photo")
    first = reconciled(World(store, studio, Clock()))
    assert first.status == "rejected"
    assert reconciled(World(store, studio, Clock(), originals="stripped")) == first
