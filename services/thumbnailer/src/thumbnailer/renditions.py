"""Renditions: the smaller JPEGs that are made of a photo, and what its record says of it.

:func:`develop` is the whole way of one photo, top to bottom.  The order of its steps is what
keeps it cheap: look at the header, decode as small as the decoder can, shrink, and only then
convert the colours and turn (turning a 100-megapixel JPEG *before* shrinking it took 788 MB
instead of 55).
"""

from __future__ import annotations

import io
import math
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image as Pillow
from PIL import ImageFile

from gallery.originals import Originals
from thumbnailer import colour, exif, limits, metadata, stripping
from thumbnailer.development import Developed, Image, Recipe, Rejected
from thumbnailer.negatives import Decoded, Negative, open_negative, shrink_factors, unreadable
from thumbnailer.settings import Settings

# EXIF 2.32, table 7: what brings the stored picture upright.
_TURN: Final = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_MISSING: Final = (128, 128, 128)

# Maker's notes of 30 KB are common: in a 600-pixel rendition of 30 KB they would double what
# every album page weighs.  The largest rendition keeps them.
_ROOM_IN_SMALL: Final = 8 * 1024

PLACEHOLDER: Final = (3, 2)
"""Columns and rows of the placeholder's grid of colours."""


def develop(path: Path, settings: Settings, *, originals: Originals = "public") -> Developed:
    """Render the photo at ``path`` in this process.

    Where originals are not public, renditions and record are discreet: they tell no more of
    whoever took the photo than a stripped copy does.  Where they are stripped, it is also found
    out how such a copy is put together.

    Raises :class:`~thumbnailer.development.Rejected` where that cannot be done, with a reason
    for a person, and ``MemoryError``.  For files from strangers use
    :class:`thumbnailer.darkroom.Darkroom`, which survives decoders that crash or never end.
    Not for several threads at once: Pillow's switch for damaged files is global.
    """
    with _opened(path) as (file, size):
        negative = _guarded(file, size, settings)
        target = _stored(negative, settings.edges[-1])
        limits.check_memory(negative.memory(target), negative.format, settings)
        try:
            large = _shrunk(negative.decode(target), target)
        except (MemoryError, Rejected):
            raise
        except Exception as error:
            # Decoders raise whatever their bugs make of a strange file: the photo's fault.
            raise unreadable(negative.format, error) from error
        recipe, unstripped = (
            _stripped(file, size, negative) if originals == "stripped" else (None, "")
        )
    large = colour.to_srgb(large, negative.profile)
    if negative.orientation in _TURN:
        large = large.transpose(_TURN[negative.orientation])
    about = metadata.read(negative.block, negative.packet, negative.caption)
    shown = negative.block
    if originals != "public":
        about, shown = metadata.discreet(about), exif.discreet(shown)
    turned = negative.orientation >= 5
    width, height = negative.width, negative.height
    sizes = rendition_sizes((height, width) if turned else (width, height), settings.edges)
    images: list[Image] = []
    for rank, wanted in enumerate(reversed(sizes)):
        if large.size != wanted:
            large = large.resize(wanted, Pillow.Resampling.LANCZOS)
        block = exif.for_rendition(
            shown,
            *large.size,
            keep_location=settings.keep_location,
            # Makers repeat the place in their notes, in forms that nobody can take out.
            keep_maker_note=settings.keep_location or not about.has_location,
            room=_ROOM_IN_SMALL if rank else exif.LARGEST,
        )
        images.append(Image(*large.size, _jpeg(large, settings.quality, block)))
    return Developed(
        source_width=height if turned else width,
        source_height=width if turned else height,
        format=negative.format,
        has_location=about.has_location,
        images=tuple(reversed(images)),
        exif=about.exif,
        taken=about.taken,
        title=about.title,
        description=about.description,
        placeholder=placeholder(large),
        recipe=recipe,
        unstripped=unstripped,
    )


def _stripped(file: BinaryIO, size: int, negative: Negative) -> tuple[Recipe | None, str]:
    """The recipe of the stripped copy, or why there is none."""
    try:
        made = stripping.recipe(file, size, negative.format, negative.block, negative.orientation)
    except stripping.NotStripped as error:
        return None, error.reason
    except Exception as error:  # noqa: BLE001 - told in the record
        # A strange file costs its copy, not its renditions.
        return None, stripping.unread(error)
    return made, ""


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The file, open, and its size in bytes; :class:`Rejected` for what is not a file."""
    try:
        # Without waiting: opening a pipe waits for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise Rejected(_unopened(error)) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a device, pipe or socket"
        raise Rejected(f"This is {what}, not a file: name a photo.")
    with os.fdopen(descriptor, "rb") as file:
        yield file, status.st_size


def _unopened(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no such file: check the name."
    if isinstance(error, PermissionError):
        return "The file cannot be read: its permissions forbid it."
    detail = getattr(error, "strerror", None) or "its name cannot be used"
    return f"The file cannot be opened ({detail}): check the name and the disk."


def _guarded(file: BinaryIO, size: int, settings: Settings) -> Negative:
    try:
        return open_negative(file, size, settings)
    except (MemoryError, Rejected):
        raise
    except Exception as error:
        raise unreadable("image", error) from error


def rendition_sizes(size: tuple[int, int], edges: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Width and height of each rendition of a photo of ``size``, ascending by width.

    Each has an edge of ``edges`` as its longest; none is larger than the photo, which stands
    itself, once, for all the edges that are.  Of two with the same width (slivers) the larger
    stays, because names tell renditions apart by width.
    """
    longest = max(size)
    sizes: dict[int, tuple[int, int]] = {}
    for edge in sorted(edges):
        scale = min(1.0, edge / longest)
        width, height = (max(1, round(side * scale)) for side in size)
        sizes[width] = (width, height)
        if edge >= longest:
            break
    return tuple(sizes.values())


def _stored(negative: Negative, edge: int) -> tuple[int, int]:
    """The size of the largest rendition, as the original's pixels lie in the file."""
    return rendition_sizes((negative.width, negative.height), (edge,))[-1]


def _shrunk(decoded: Decoded, target: tuple[int, int]) -> Pillow.Image:
    """The photo at ``target`` size: ``RGB``, ``L``, ``CMYK`` or ``LAB``, without transparency."""
    width, height = decoded.size
    across, down = shrink_factors(decoded.extent, target)
    mode, flat = _flattening(decoded)
    if (across, down) == (1, 1):
        canvas = flat(decoded.band(0, height))
    else:
        canvas = Pillow.new(mode, (-(-width // across), -(-height // down)))
        step = max(1, 2_000_000 // width // down) * down
        for top in range(0, height, step):
            band = flat(decoded.band(top, min(height, top + step)))
            canvas.paste(band.reduce((across, down)), (0, top // down))
    if decoded.rows < height:
        canvas = canvas.copy()
        bottom = (0, decoded.rows // down, canvas.width, canvas.height)
        grey = Pillow.new("RGB", (canvas.width, bottom[3] - bottom[1]), _MISSING)
        canvas.paste(grey.convert(mode), bottom)
    if canvas.size == target:
        return canvas
    box = (0, 0, decoded.extent[0] / across, decoded.extent[1] / down)
    return canvas.resize(target, Pillow.Resampling.LANCZOS, box=box)


def _flattening(decoded: Decoded) -> tuple[str, Callable[[Pillow.Image], Pillow.Image]]:
    """What makes a band eight bits deep and opaque, and the mode that it then has."""
    mode = decoded.mode
    if decoded.transparent or mode in {"RGBA", "LA", "PA", "RGBa", "La"}:
        return "RGB", _on_white
    if mode in {"L", "RGB", "CMYK", "LAB"}:
        return mode, lambda band: band
    if mode == "1":
        return "L", lambda band: band.convert("L")
    if mode.startswith("I;16"):
        # Not by convert("L") alone, which cuts everything above 255 to white.
        return "L", lambda band: band.convert("I").point(lambda v: v * (1 / 257)).convert("L")
    if mode in {"I", "F"}:
        return "L", _levelled(decoded)
    return "RGB", lambda band: band.convert("RGB")


def _on_white(band: Pillow.Image) -> Pillow.Image:
    if band.mode in {"RGBa", "La"}:
        band = band.convert("RGBA" if band.mode == "RGBa" else "LA")
    if band.mode != "RGBA":
        band = band.convert("RGBA")
    white = Pillow.new("RGB", band.size, (255, 255, 255))
    white.paste(band.convert("RGB"), (0, 0), band.getchannel("A"))
    return white


def _levelled(decoded: Decoded) -> Callable[[Pillow.Image], Pillow.Image]:
    """What makes numbers of any range grey: 0–1, 0–255 and 0–65535 mean what they look like,
    another range (measurements) is spread from black to white."""
    low, high = math.inf, -math.inf
    step = max(1, 2_000_000 // decoded.size[0])
    for top in range(0, decoded.size[1], step):
        extrema = decoded.band(top, min(decoded.size[1], top + step)).getextrema()
        first, last = (float(v) for v in extrema if isinstance(v, int | float))
        low, high = min(low, first), max(high, last)
    for full in (1.0, 255.0, 65_535.0):
        if low >= 0 and high <= full:
            low, high = 0.0, full
            break
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        raise Rejected("The image holds no brightness that could be shown: export it as JPEG.")
    scale = 255 / (high - low)
    offset = -low * scale
    return lambda band: band.convert("F").point(lambda v: v * scale + offset).convert("L")


def _jpeg(image: Pillow.Image, quality: int, block: bytes) -> bytes:
    """The image as a progressive JPEG with ``block`` as its EXIF and no other metadata."""
    # Pillow writes a comment that the original had, unless it has forgotten it.
    image.info.clear()
    # Its buffer must hold everything that libjpeg writes at a stroke (Pillow issue 148); noise
    # at high quality takes more than a byte a pixel.
    ImageFile.MAXBLOCK = max(65_536, image.width * image.height * 3 + len(block) + 1024)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, optimize=True, progressive=True, exif=block)
    return out.getvalue()


def placeholder(image: Pillow.Image) -> tuple[str, ...]:
    """The colours ``#rrggbb`` of a grid (:data:`PLACEHOLDER`) over the image, row by row."""
    small = image.convert("RGB").resize(PLACEHOLDER, Pillow.Resampling.BOX)
    raw = small.tobytes()
    return tuple(f"#{raw[i : i + 3].hex()}" for i in range(0, len(raw), 3))
