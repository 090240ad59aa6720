"""The demo's photos: forty shots of places that do not exist, and what is written about them.

The same each time, so that a second demo uploads nothing.  They have what photos have: several
cameras, portraits that are turned by their EXIF orientation, a film roll from a scanner,
captions, one place on the map (which the thumbnails then do not have).
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import piexif
from PIL import Image

from safelight import scenery
from safelight.scenery import (
    DAWN,
    DAY,
    DESERT,
    DUSK,
    GOLD,
    MIST,
    NIGHT,
    ROSE,
    Canvas,
    Painter,
    Palette,
)
from safelight.screen import countdown

_STOPS = (1.8, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0)

Format = Literal["JPEG", "PNG", "WEBP"]


@dataclass(frozen=True)
class Camera:
    """A camera and its lens: what they are called, and the widest aperture."""

    make: str
    model: str
    lens: str
    focal_lengths: tuple[int, ...]
    aperture: float
    film: bool = False


NIKON = Camera("NIKON CORPORATION", "NIKON D3400", "35.0 mm f/1.8", (35,), 1.8)
FUJI = Camera("FUJIFILM", "X-T30", "XF18-55mmF2.8-4 R LM OIS", (18, 23, 35, 55), 2.8)
SONY = Camera("SONY", "ILCE-7M3", "FE 20mm F1.8 G", (20,), 1.8)
PHONE = Camera("Google", "Pixel 7", "Pixel 7 back camera 6.81mm f/1.85", (7,), 1.85)
# A film roll knows its scanner, and nothing of the camera.
SCANNER = Camera("NORITSU KOKI", "EZ Controller", "", (), 0.0, film=True)


@dataclass(frozen=True)
class Shot:
    """One photo of the demo.

    ``name`` is its path below ``photos/``.  ``size`` is as a person sees it; with ``turned``
    (an EXIF orientation) the pixels lie as the camera wrote them.  ``place`` is latitude and
    longitude in degrees.
    """

    name: str
    painter: Painter
    palette: Palette
    camera: Camera
    taken: str
    size: tuple[int, int] = (1680, 1120)
    turned: int = 1
    iso: int = 200
    speed: str = "1/250"
    caption: str = ""
    place: tuple[float, float] | None = None

    @property
    def format(self) -> Format:
        """By the name's ending."""
        endings: dict[str, Format] = {".png": "PNG", ".webp": "WEBP"}
        return endings.get(Path(self.name).suffix, "JPEG")


_TALL = (1120, 1680)
_WIDE = (2400, 1000)
_SQUARE = (1300, 1300)
_FOUR_THIRDS = (1600, 1200)
_PHONE_TALL = (1200, 1600)

_LISBON = "2024-05-01 Lisbon"
_FILM = "8-21-21_film_portra-800"

SHOTS: tuple[Shot, ...] = (
    # -- A dated album, a phone and a camera.
    Shot(f"{_LISBON}/DSCF2104.jpg", scenery.houses, DAY, FUJI, "2024-05-01T10:12:31",
         caption="Alfama from the Miradouro, before the trams wake up."),
    Shot(f"{_LISBON}/DSCF2111.jpg", scenery.tiles, DAY, FUJI, "2024-05-01T10:40:02", iso=160),
    Shot(f"{_LISBON}/PXL_20240501_104512.jpg", scenery.tiles, DAY, PHONE, "2024-05-01T10:45:12",
         size=_PHONE_TALL, turned=6, iso=55, speed="1/640", place=(38.7112, -9.1300),
         caption="Every door has its own."),
    Shot(f"{_LISBON}/DSCF2126.jpg", scenery.houses, GOLD, FUJI, "2024-05-01T17:03:55",
         size=_TALL, turned=8, iso=320),
    Shot(f"{_LISBON}/DSCF2130.jpg", scenery.sea, GOLD, FUJI, "2024-05-01T18:31:40",
         size=_WIDE, speed="1/1000", caption="The Tejo, where it is nearly the sea."),
    Shot(f"{_LISBON}/DSCF2138.jpg", scenery.houses, ROSE, FUJI, "2024-05-01T20:02:10", iso=640),
    Shot(f"{_LISBON}/DSCF2147.jpg", scenery.city, DUSK, FUJI, "2024-05-01T20:44:09", iso=1600,
         speed="1/60"),
    Shot(f"{_LISBON}/PXL_20240501_221809.jpg", scenery.street, NIGHT, PHONE,
         "2024-05-01T22:18:09", size=_PHONE_TALL, turned=6, iso=1240, speed="1/24",
         caption="It had rained, at last."),
    # -- A roll of film, from a scanner.
    Shot(f"{_FILM}/000017.jpg", scenery.hills, DAWN, SCANNER, "2021-08-21T15:02:00"),
    Shot(f"{_FILM}/000018.jpg", scenery.wood, GOLD, SCANNER, "2021-08-21T15:02:00", size=_TALL),
    Shot(f"{_FILM}/000019.jpg", scenery.sea, DAY, SCANNER, "2021-08-21T15:02:00"),
    Shot(f"{_FILM}/000020.jpg", scenery.peaks, ROSE, SCANNER, "2021-08-21T15:02:00"),
    Shot(f"{_FILM}/000021.jpg", scenery.flowers, GOLD, SCANNER, "2021-08-21T15:02:00", size=_TALL),
    Shot(f"{_FILM}/000022.jpg", scenery.city, ROSE, SCANNER, "2021-08-21T15:02:00"),
    Shot(f"{_FILM}/000023.jpg", scenery.hills, MIST, SCANNER, "2021-08-21T15:02:00"),
    Shot(f"{_FILM}/000024.jpg", scenery.sea, DUSK, SCANNER, "2021-08-21T15:02:00",
         caption="Last frame, half of it light."),
    # -- Albums within an album.
    Shot("mountains/first snow/DSC_0412.jpg", scenery.peaks, DAY, NIKON, "2023-10-28T09:14:20",
         iso=100, speed="1/800"),
    Shot("mountains/first snow/DSC_0418.jpg", scenery.hills, MIST, NIKON, "2023-10-28T09:51:02"),
    Shot("mountains/first snow/DSC_0425.jpg", scenery.wood, MIST, NIKON, "2023-10-28T10:30:47",
         size=_TALL, turned=6, iso=400, caption="Nobody had walked here yet."),
    Shot("mountains/first snow/DSC_0433.jpg", scenery.peaks, DAWN, NIKON, "2023-10-29T07:02:33"),
    Shot("mountains/first snow/DSC_0439.jpg", scenery.hills, DAWN, NIKON, "2023-10-29T07:10:05",
         size=_WIDE, speed="1/320"),
    Shot("mountains/night/DSC08817.jpg", scenery.milky_way, NIGHT, SONY, "2024-03-15T23:41:12",
         iso=3200, speed="10"),
    Shot("mountains/night/DSC08822.jpg", scenery.northern_lights, NIGHT, SONY,
         "2024-03-16T00:05:58", iso=3200, speed="8", caption="It came and went for an hour."),
    Shot("mountains/night/DSC08831.jpg", scenery.northern_lights, NIGHT, SONY,
         "2024-03-16T00:48:30", size=_FOUR_THIRDS, iso=6400, speed="13"),
    Shot("mountains/night/DSC08840.jpg", scenery.milky_way, NIGHT, SONY, "2024-03-16T01:30:00",
         size=_TALL, turned=8, iso=3200, speed="15"),
    Shot("mountains/DSC_0390.jpg", scenery.peaks, ROSE, NIKON, "2023-10-27T17:20:11",
         size=_WIDE, caption="The evening before."),
    # -- Sand.
    Shot("desert/DSC09102.jpg", scenery.dunes, DESERT, SONY, "2022-11-03T07:12:48", iso=100),
    Shot("desert/DSC09107.jpg", scenery.dunes, GOLD, SONY, "2022-11-03T07:40:15", iso=100,
         speed="1/1250"),
    Shot("desert/DSC09115.jpg", scenery.dunes, ROSE, SONY, "2022-11-03T17:31:02", size=_WIDE),
    Shot("desert/DSC09121.jpg", scenery.dunes, DESERT, SONY, "2022-11-04T06:58:20", size=_TALL,
         turned=6, iso=100, caption="Ripples, a hand high."),
    Shot("desert/DSC09130.jpg", scenery.milky_way, NIGHT, SONY, "2022-11-04T22:10:44", iso=6400,
         speed="20", caption="The one pool for sixty kilometres."),
    # -- Other formats.
    Shot("garden/daisies.jpg", scenery.flowers, GOLD, NIKON, "2023-06-11T08:20:00", iso=100),
    Shot("garden/square.png", scenery.flowers, GOLD, NIKON, "2023-06-11T08:31:00", size=_SQUARE),
    Shot("garden/after the rain.webp", scenery.flowers, GOLD, NIKON, "2023-06-11T09:02:00",
         size=_FOUR_THIRDS),
    Shot("garden/tall.jpg", scenery.flowers, GOLD, NIKON, "2023-06-12T07:44:00", size=_TALL,
         turned=6, caption="They grew overnight."),
    # -- By the water.
    Shot("harbour/DSCF0871.jpg", scenery.city, GOLD, FUJI, "2022-07-19T20:11:36"),
    Shot("harbour/DSCF0876.jpg", scenery.city, NIGHT, FUJI, "2022-07-19T22:40:08", iso=3200,
         speed="1/15", size=_WIDE, caption="Every lamp twice."),
    Shot("harbour/DSCF0880.jpg", scenery.street, NIGHT, FUJI, "2022-07-19T23:05:51", iso=3200,
         speed="1/30"),
    Shot("harbour/DSCF0892.jpg", scenery.sea, DAWN, FUJI, "2022-07-20T05:30:17"),
    Shot("harbour/DSCF0899.jpg", scenery.sea, ROSE, FUJI, "2022-07-20T05:52:40", size=_FOUR_THIRDS),
)  # fmt: skip

TEXTS = {
    "safelight.yaml": "title: Places that do not exist\n"
    "subtitle: Drawn from a seed by safelight demo\n"
    "author: safelight\n",
    f"{_LISBON}/index.md": "Two days on the hills, one of them in **rain**. "
    "The tiles are from the Alfama, the lights from the Baixa.\n",
    f"{_FILM}/index.md": "---\ntitle: Portra 800\n---\nOne roll, overexposed by a stop, and "
    "scanned by somebody who cared.\n",
    "mountains/index.md": "First snow, and nights without clouds.\n",
}
"""Album texts and the site's settings, by path below ``photos/``."""


def draw_all(folder: Path) -> None:
    """Draw every photo into ``folder``; what this version has drawn there already stays."""
    version = _version()
    stamp = folder / ".version"
    fresh = stamp.is_file() and stamp.read_text(encoding="ascii") == version
    files = texts()
    files |= {shot.name: b"" for shot in SHOTS}
    missing = [shot for shot in SHOTS if not (fresh and (folder / shot.name).is_file())]
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if content:
            _write(folder / name, content)
    if missing:
        workers = os.cpu_count() or 1
        with countdown() as meter, ProcessPoolExecutor(workers) as pool:
            drawn = pool.map(_draw_into, [folder] * len(missing), missing)
            for number, _ in enumerate(drawn, start=1):
                meter.show(number, len(missing), "photos drawn")
    _write(stamp, version.encode())


def texts() -> dict[str, bytes]:
    """Every text of the demo, by path below ``photos/``."""
    found = {name: text.encode() for name, text in TEXTS.items()}
    found |= {f"{shot.name}.md": f"{shot.caption}\n".encode() for shot in SHOTS if shot.caption}
    return found


def _version() -> str:
    """Changes with whatever changes what is drawn."""
    digest = hashlib.sha256()
    for module in (scenery.__file__, __file__):
        digest.update(Path(module).read_bytes())
    return digest.hexdigest()


def _draw_into(folder: Path, shot: Shot) -> None:
    _write(folder / shot.name, draw(shot))


def _write(path: Path, content: bytes) -> None:
    """In one step: an interrupted demo must not leave half a photo that looks like one."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)


def draw(shot: Shot) -> bytes:
    """The photo's file, the same bytes each time."""
    random = np.random.default_rng(zlib.crc32(shot.name.encode()))
    canvas = Canvas(*shot.size, shot.palette, random)
    picture = shot.painter(canvas)
    if shot.camera.film:
        image = scenery.film(canvas, picture)
    else:
        image = scenery.digital(canvas, picture, shot.iso)
    exif = exif_of(shot, random)
    # As the sensor lies in the camera: what the orientation turns, turned back.
    if shot.turned == 6:
        image = image.transpose(Image.Transpose.ROTATE_90)
    elif shot.turned == 8:
        image = image.transpose(Image.Transpose.ROTATE_270)
    out = io.BytesIO()
    if shot.format == "JPEG":
        image.save(out, "JPEG", quality=90, subsampling=0 if shot.camera.film else 2, exif=exif)
    elif shot.format == "PNG":
        image.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(out, "PNG", exif=exif)
    else:
        image.save(out, "WEBP", quality=88, method=2, exif=exif)
    return out.getvalue()


def exif_of(shot: Shot, random: np.random.Generator) -> bytes:
    """What the camera, or the film's scanner, would have written."""
    camera = shot.camera
    stamp = datetime.fromisoformat(shot.taken).strftime("%Y:%m:%d %H:%M:%S")
    image: dict[int, Any] = {
        piexif.ImageIFD.Make: camera.make,
        piexif.ImageIFD.Model: camera.model,
        piexif.ImageIFD.Orientation: shot.turned,
        piexif.ImageIFD.Software: "safelight demo",
        piexif.ImageIFD.DateTime: stamp,
    }
    width, height = shot.size if shot.turned == 1 else shot.size[::-1]
    exif: dict[int, Any] = {
        piexif.ExifIFD.DateTimeOriginal: stamp,
        piexif.ExifIFD.DateTimeDigitized: stamp,
        piexif.ExifIFD.PixelXDimension: width,
        piexif.ExifIFD.PixelYDimension: height,
        piexif.ExifIFD.ColorSpace: 1,
    }
    if not camera.film:
        focal = int(random.choice(camera.focal_lengths))
        stops = [stop for stop in _STOPS if stop >= camera.aperture]
        aperture = float(random.choice(stops))
        exif |= {
            piexif.ExifIFD.ExposureTime: _rational(shot.speed),
            piexif.ExifIFD.FNumber: _rational(aperture),
            piexif.ExifIFD.ISOSpeedRatings: shot.iso,
            piexif.ExifIFD.FocalLength: _rational(focal),
            piexif.ExifIFD.LensModel: camera.lens,
            piexif.ExifIFD.OffsetTimeOriginal: "+02:00",
        }
    place: dict[int, Any] = {}
    if shot.place is not None:
        latitude, longitude = shot.place
        place = {
            piexif.GPSIFD.GPSLatitudeRef: "N" if latitude >= 0 else "S",
            piexif.GPSIFD.GPSLatitude: _degrees(latitude),
            piexif.GPSIFD.GPSLongitudeRef: "E" if longitude >= 0 else "W",
            piexif.GPSIFD.GPSLongitude: _degrees(longitude),
        }
    dumped: bytes = piexif.dump({"0th": image, "Exif": exif, "GPS": place})
    return dumped


def _rational(value: str | float) -> tuple[int, int]:
    found = Fraction(str(value)).limit_denominator(100_000)
    return found.numerator, found.denominator


def _degrees(value: float) -> tuple[tuple[int, int], ...]:
    whole = timedelta(hours=abs(value)).total_seconds()
    degrees, rest = divmod(whole, 3600)
    minutes, seconds = divmod(rest, 60)
    return (int(degrees), 1), (int(minutes), 1), (round(seconds * 100), 100)
