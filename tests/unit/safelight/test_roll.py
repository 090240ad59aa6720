"""The demo's photos: the same each time, and such as cameras make."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import piexif
import pytest
from PIL import Image, ImageOps

from gallery import keys
from gallery.keys import Kind
from safelight import roll, scenery

SMALL = next(shot for shot in roll.SHOTS if shot.size == (1200, 1600))


def test_there_is_something_of_everything() -> None:
    """Forty photos in albums of albums, a film roll, portraits, other formats, one place."""
    assert len(roll.SHOTS) == 40
    assert len({shot.name for shot in roll.SHOTS}) == 40
    albums = Counter(str(Path(shot.name).parent) for shot in roll.SHOTS)
    assert {"8-21-21_film_portra-800", "2024-05-01 Lisbon", "mountains/night"} <= set(albums)
    assert {shot.format for shot in roll.SHOTS} == {"JPEG", "PNG", "WEBP"}
    assert {shot.turned for shot in roll.SHOTS} == {1, 6, 8}
    assert sum(shot.place is not None for shot in roll.SHOTS) == 1
    assert len({shot.size[0] / shot.size[1] for shot in roll.SHOTS}) >= 5


def test_every_file_is_one_that_safelight_shows() -> None:
    """Photos are photos by name, texts are texts."""
    for shot in roll.SHOTS:
        assert keys.classify(f"photos/{shot.name}").kind is Kind.PHOTO
    for name in roll.texts():
        assert keys.classify(f"photos/{name}").kind in (Kind.TEXT, Kind.SETTINGS)


def test_a_photo_is_the_same_each_time() -> None:
    """Or a second demo would upload everything again."""
    assert roll.draw(SMALL) == roll.draw(SMALL)


def test_a_portrait_lies_in_its_file_and_stands_once_it_is_turned() -> None:
    """As a camera held upright writes it."""
    image = Image.open(io.BytesIO(roll.draw(SMALL)))
    assert SMALL.turned == 6
    assert image.size == SMALL.size[::-1]
    assert ImageOps.exif_transpose(image).size == SMALL.size


@pytest.mark.parametrize("shot", roll.SHOTS, ids=lambda shot: shot.name)
def test_the_exif_is_plausible(shot: roll.Shot) -> None:
    """Film has no exposure, digital cameras have; only one photo has a place."""
    exif = piexif.load(roll.exif_of(shot, np.random.default_rng(1)))
    assert exif["0th"][piexif.ImageIFD.Model] == shot.camera.model.encode()
    assert exif["0th"][piexif.ImageIFD.Orientation] == shot.turned
    assert (piexif.ExifIFD.FNumber in exif["Exif"]) is not shot.camera.film
    assert bool(exif["GPS"]) is (shot.place is not None)
    width, height = (exif["Exif"][tag] for tag in (0xA002, 0xA003))
    assert {width, height} == set(shot.size)


@pytest.mark.parametrize(
    "painter",
    list(dict.fromkeys(shot.painter for shot in roll.SHOTS)),
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_every_painter_fills_its_canvas(painter: scenery.Painter) -> None:
    """With numbers, light and dark, whatever the shape; a blank picture is none."""
    for size in ((300, 200), (160, 240)):
        canvas = scenery.Canvas(*size, scenery.DUSK, np.random.default_rng(7))
        picture = painter(canvas)
        assert picture.shape == (size[1], size[0], 3)
        assert np.isfinite(picture).all()
        image = scenery.digital(canvas, picture, 200)
        assert image.size == size
        assert np.asarray(image).std() > 8


def test_what_is_drawn_stays_until_the_painters_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted demo goes on where it was."""
    shots = roll.SHOTS[:2]
    drawn: list[str] = []

    def draw_into(folder: Path, shot: roll.Shot) -> None:
        drawn.append(shot.name)
        (folder / shot.name).write_bytes(b"photo")

    class Here:
        """A pool that does everything here and now."""

        def __init__(self, workers: int) -> None:
            del workers

        def __enter__(self) -> Here:
            return self

        def __exit__(self, *error: object) -> None:
            return None

        map = staticmethod(map)

    monkeypatch.setattr(roll, "SHOTS", shots)
    monkeypatch.setattr(roll, "_draw_into", draw_into)
    monkeypatch.setattr(roll, "ProcessPoolExecutor", Here)
    roll.draw_all(tmp_path)
    assert drawn == [shot.name for shot in shots]
    (tmp_path / shots[0].name).unlink()
    roll.draw_all(tmp_path)
    assert drawn[2:] == [shots[0].name]
    monkeypatch.setattr(roll, "_version", lambda: "another")
    roll.draw_all(tmp_path)
    assert drawn[3:] == [shot.name for shot in shots]
