"""Negatives: opened originals, one way to look at all formats.

A :class:`Negative` knows its size, its metadata and what decoding would cost before anything
is decoded; :attr:`Negative.decode` then gives a :class:`Decoded`, which hands the pixels out band
by band, so that no full-size copy is ever made of them.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, TypeVar

from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageChops,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from thumbnailer import colour, exif, formats, iptc, limits, xmp
from thumbnailer.development import Rejected
from thumbnailer.settings import Settings

# Pillow's own guard knows one number for all formats and only a warning below twice that
# number; thumbnailer.limits knows the settings and what each format costs.
Image.MAX_IMAGE_PIXELS = None
# One photo at a time: a second thread would cost memory that max_memory does not foresee.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


@dataclass
class Negative:
    """An original whose header is read and whose pixels are not.

    ``width`` and ``height`` are pixels as stored, ``orientation`` is what turns them upright
    (1 to 8, as in EXIF), ``profile`` the ICC profile of their colours.  ``decode`` does the
    work, given the size (as stored) of the largest rendition; the image that it returns may be
    smaller than the original.  ``memory`` is what that costs, in bytes.
    """

    format: str
    width: int
    height: int
    orientation: int
    profile: bytes | None
    block: exif.Block
    packet: xmp.Packet
    caption: iptc.Caption
    memory: Callable[[tuple[int, int]], float]
    decode: Callable[[tuple[int, int]], Decoded]


@dataclass
class Decoded:
    """A decoded original: ``band(top, bottom)`` gives its rows from ``top`` to ``bottom``.

    ``size`` is in whole pixels; the photo covers ``extent`` of it (a scaled JPEG ends within a
    pixel).  ``transparent``: one of its colours is.  ``rows`` says how many
    rows, from the top, could be decoded; below is nothing.
    """

    size: tuple[int, int]
    extent: tuple[float, float]
    mode: str
    rows: int
    band: Callable[[int, int], Image.Image]
    transparent: bool = False


def open_negative(file: BinaryIO, size: int, settings: Settings) -> Negative:
    """The negative of an open file of ``size`` bytes, told by its content.

    Raises :class:`~thumbnailer.development.Rejected` for what is not a photo, is too large, or
    has a header that cannot be read; and what decoders raise of their own accord, which is
    anything.
    """
    file.seek(0)
    head = file.read(formats.HEAD)
    format_ = formats.sniff(head)
    if format_ is None:
        raise Rejected(formats.unsupported(head) or formats.NOT_A_PHOTO)
    limits.check_bytes(size, settings)
    file.seek(0)
    if format_ == "HEIF":
        return _open_heif(file, size, settings)
    if format_ == "JPEG":
        return _open_jpeg(file, settings)
    return _open_other(file, size, format_, settings)


def _metadata(image: Image.Image, raw_exif: bytes | None) -> tuple[exif.Block, xmp.Packet]:
    packet = image.info.get("xmp")
    return exif.read(raw_exif or b""), xmp.read(packet) if isinstance(
        packet, bytes
    ) else xmp.Packet()


def _orientation(block: exif.Block) -> int:
    """What the EXIF says, 1 where that is none of the eight (0, 9, words, nothing)."""
    value = block.number(block.image.get(exif.ORIENTATION))
    return int(value) if value is not None and value in range(1, 9) else 1


def _profile(image: Image.Image, block: exif.Block) -> bytes | None:
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes) and len(profile) > 128:
        return profile
    # DCF 2.0, section 5.3: a photo in Adobe RGB may say so by "R03" alone.
    index = block.interop.get(exif.INTEROP_INDEX)
    space = block.number(block.photo.get(exif.COLOR_SPACE))
    if index is not None and index.data[:3] == b"R03" and space != 1 and image.mode == "RGB":
        return colour.adobe_rgb()
    return None


# ── JPEG ────────────────────────────────────────────────────────────────────────────────────


def _open_jpeg(file: BinaryIO, settings: Settings) -> Negative:
    # Not by Image.open: it takes some JPEGs for MPO and fails where their index is damaged.
    files = [file]
    raw: bytes | None = None
    if not _sound(file):
        file.seek(0)
        data = file.read()
        mended = _mended(data)
        if mended is not None:
            files.append(io.BytesIO(mended))
            at = data.find(b"Exif\0\0")
            raw = data[at : at + 65_536] if at > 0 else b""
    image, scans = _jpeg_header(files)
    width, height = image.size
    limits.check_pixels(width, height, settings)
    block, packet = _metadata(image, image.info.get("exif") if raw is None else raw)
    photoshop = image.info.get("photoshop")
    resource = photoshop.get(0x0404) if isinstance(photoshop, dict) else None
    # Coordinates may also lie in the continuation of an over-long XMP packet.
    located = any(
        name == "APP1" and data.startswith(b"http://ns.adobe.com/xmp/extension/")
        and xmp.read(data).has_location
        for name, data in image.applist
    )  # fmt: skip

    def memory(target: tuple[int, int]) -> float:
        scale = _draft_scale((width, height), target)
        # libjpeg keeps all coefficients, two bytes each, of an image with several scans.
        coefficients = sum(2.0 * h * v for _, h, v, _ in image.layer)
        most = max((h for _, h, _, _ in image.layer), default=1) * max(
            (v for _, _, v, _ in image.layer), default=1
        )
        whole = width * height * (coefficients / most if scans > 1 else 0.0)
        shrunk = width * height / scale**2
        # Twice: the decoded image and its flattened or first resized copy.
        return whole + shrunk * limits.WORK * 2

    def decode(target: tuple[int, int]) -> Decoded:
        scale = _draft_scale((width, height), target)
        extent = (width / scale, height / scale)

        def opened(source: BinaryIO) -> ImageFile.ImageFile:
            fresh = _patient(JpegImagePlugin.JpegImageFile, source)
            fresh.draft("RGB", target)
            if scans < 2:
                # Pillow would add an end marker, and libjpeg paint grey what is not there: then
                # nobody could tell how much is.
                fresh._ended = True
            return fresh

        def attempt(source: BinaryIO) -> Decoded:
            return _decoded(lambda: opened(source), extent, salvage=True, whole=scans > 1)

        try:
            return attempt(files[0])
        except MemoryError:
            raise
        except Exception:
            if len(files) == 1:
                raise
        return attempt(files[1])

    return Negative(
        format="JPEG",
        width=width,
        height=height,
        orientation=_orientation(block),
        profile=_profile(image, block),
        block=block,
        packet=xmp.Packet(packet.title, packet.description, packet.date, True)
        if located
        else packet,
        caption=iptc.read(resource) if isinstance(resource, bytes) else iptc.Caption(),
        memory=memory,
        decode=decode,
    )


# Start of frame: sequential or progressive, 8 bits, 1, 3 or 4 components (ITU-T T.81, B.2.2).
_FRAME = re.compile(
    rb"\xff[\xc0\xc1\xc2](?:\0\x0b\x08(....)\x01|\0\x11\x08(....)\x03|\0\x14\x08(....)\x04)",
    re.DOTALL,
)
_TABLES = re.compile(
    rb"\xff\xdb(?:\0[\x43\x83\x84\xc5]|\x01\x06)|\xff\xee\0\x0eAdobe|\xff\xdd\0\x04"
)
_PROFILE_SEGMENT = re.compile(rb"\xff\xe2(..)ICC_PROFILE\0", re.DOTALL)
_PREVIEW = 640
"""The longest edge of previews in EXIF: 160 × 120 is the standard's, 512 × 288 was met."""


def _jpeg_header(files: list[BinaryIO]) -> tuple[JpegImagePlugin.JpegImageFile, int]:
    """The header of a JPEG, and what :func:`_scans` says of it.

    ``files`` is the file and, if it is not sound, also a mended one.  They are left in the
    order in which to decode them: the mended one alone where the file shows another picture.
    """
    try:
        image = _parsed(JpegImagePlugin.JpegImageFile, files[0], "JPEG")
        scans = _scans(files[0], image) if image.tile else 0
    except Rejected:
        if len(files) == 1:
            raise
        del files[0]
        return _jpeg_header(files)
    if len(files) > 1:
        with contextlib.suppress(Rejected):
            better, better_scans = _jpeg_header(files[1:])
            if not image.tile or better.size != image.size:
                del files[0]
                return better, better_scans
    if not image.tile:
        raise Rejected(_CUT)
    return image, scans


def _sound(file: BinaryIO) -> bool:
    """Whether a JPEG's segments follow one another without a gap up to the first scan.

    Where one has a wrong length, decoders look for the next marker in what it holds: of a
    damaged EXIF segment that is the embedded preview's, which then passes for the picture.
    """
    file.seek(2)
    while True:
        head = file.read(2)
        while head == b"\xff\xff":  # any number of fill bytes may stand before a marker
            head = b"\xff" + file.read(1)
        size = file.read(2)
        if len(size) < 2 or head[0] != 0xFF or head[1] in {0x00, 0xD8, 0xD9}:
            return False
        if head[1] == 0xDA:
            return True
        file.seek(max(0, int.from_bytes(size, "big") - 2), io.SEEK_CUR)


def _mended(data: bytes) -> bytes | None:
    """A JPEG without its metadata, for one that is not sound; ``None`` where there is no
    picture but perhaps an embedded preview."""
    best: tuple[int, int] | None = None
    for match in _FRAME.finditer(data):
        height, width = struct.unpack(">HH", match[1] or match[2] or match[3])
        if max(width, height) > _PREVIEW:
            best = max(best or (0, 0), (width * height, match.start()))
    if best is None:
        return None
    frame = best[1]
    # Not before the end of the embedded preview, which has tables of its own.
    tables = _TABLES.search(data, max(2, data.rfind(b"\xff\xd9", 0, frame)), frame)
    if tables is None:
        return None
    profiles = b"".join(
        data[m.start() : m.start() + 2 + int.from_bytes(m[1], "big")]
        for m in _PROFILE_SEGMENT.finditer(data, 0, tables.start())
    )
    return b"\xff\xd8" + profiles + data[tables.start() :]


def _scans(file: BinaryIO, image: JpegImagePlugin.JpegImageFile) -> int:
    """1 for a JPEG that is decoded row by row, 2 for one that libjpeg holds as a whole.

    The first is a sequential JPEG whose first scan has all components (ITU-T T.81, B.2.3);
    the file stands behind that scan's header, where Pillow has left it.
    """
    at = file.tell()
    if image.info.get("progressive"):
        # A progressive file cut within its first scan has nothing of use.
        return 2 if b"\xff\xda" in file.read() else 1
    size = 8 + 2 * image.layers
    file.seek(max(0, at - size))
    header = file.read(size)
    whole = header[:2] == b"\xff\xda" and header[4:5] == bytes([image.layers])
    return 1 if whole else 2


def _draft_scale(size: tuple[int, int], target: tuple[int, int]) -> int:
    scale = min(size[0] // target[0], size[1] // target[1])
    return next(s for s in (8, 4, 2, 1) if scale >= s or s == 1)


# ── PNG, WebP, AVIF, TIFF, GIF ──────────────────────────────────────────────────────────────

# Bytes a pixel that decoding takes (measured at 24 megapixels, resident): Pillow decodes WebP
# by the animation decoder, with two canvases, a copy and the image; AVIF has planes, a copy and
# the image.
_WEBP, _AVIF, _AVIF_ALPHA = 16.5, 11.0, 13.5
_ONE_BYTE: Final = frozenset({"1", "L", "P"})


def _open_other(file: BinaryIO, size: int, format_: str, settings: Settings) -> Negative:
    if format_ == "WEBP":
        _check_webp(file, size, settings)
    plugin = _PLUGINS[format_]
    image = _parsed(plugin, file, format_)
    width, height = image.size
    limits.check_pixels(width, height, settings)
    if format_ == "TIFF":
        block, packet, caption = _tiff_metadata(file, image)
    else:
        if format_ == "PNG":
            _add_late_chunks(file, image)
        block, packet = _metadata(image, _raw_exif(image))
        caption = iptc.Caption()

    def memory(target: tuple[int, int]) -> float:
        pixels = float(width * height)
        stored = 1 if image.mode in _ONE_BYTE else 2 if image.mode.startswith("I;16") else 4
        across, down = shrink_factors((width, height), target)
        # First the decoder's peak, then the decoded image beside its flattened copy.
        after = pixels * (stored + limits.WORK / (across * down))
        if format_ == "WEBP":
            return max(pixels * _WEBP + size, after)
        if format_ == "AVIF":
            return max(pixels * (_AVIF_ALPHA if image.mode == "RGBA" else _AVIF) + size, after)
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            after += _strip_bytes(image)
        return after

    def opened() -> ImageFile.ImageFile:
        return _patient(plugin, file)

    def decode(target: tuple[int, int]) -> Decoded:
        # The header's decoder may hold canvases and the whole file: it has done its work.
        vars(image).pop("_decoder", None)
        return _decoded(
            opened,
            salvage=format_ in {"PNG", "TIFF", "GIF"},
            interlaced=format_ == "PNG" and bool(image.info.get("interlace")),
        )

    return Negative(
        format=format_,
        width=width,
        height=height,
        orientation=image.info.get("turned") or _orientation(block),
        profile=_profile(image, block),
        block=block,
        packet=packet,
        caption=caption,
        memory=memory,
        decode=decode,
    )


def _check_webp(file: BinaryIO, size: int, settings: Settings) -> None:
    """Refuse a WebP that is too large before Pillow opens it: opening one allocates its
    canvases.  The header is that of RFC 9649, sections 2.5 to 2.7."""
    head = file.read(30)
    file.seek(0)
    kind = head[12:16]
    if kind == b"VP8X" and len(head) == 30:
        width = int.from_bytes(head[24:27], "little") + 1
        height = int.from_bytes(head[27:30], "little") + 1
    elif kind == b"VP8L" and len(head) == 30:
        bits = int.from_bytes(head[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and len(head) == 30:
        width, height = (n & 0x3FFF for n in struct.unpack("<HH", head[26:30]))
    else:
        return
    limits.check_pixels(width, height, settings)
    limits.check_memory(width * height * _WEBP + size, "WEBP", settings)


def _raw_exif(image: ImageFile.ImageFile) -> bytes | None:
    raw = image.info.get("exif")
    if isinstance(raw, bytes):
        return raw
    # ImageMagick's way in a PNG, older than the eXIf chunk: hexadecimal text behind three lines.
    text = image.info.get("Raw profile type exif") or image.info.get("Raw profile type APP1")
    if isinstance(text, str):
        try:
            return bytes.fromhex("".join(text.strip().split("\n")[2:]))
        except ValueError:
            return None
    return None


def _add_late_chunks(file: BinaryIO, image: ImageFile.ImageFile) -> None:
    """A PNG's EXIF and XMP where they stand behind the pixels, which Pillow reads too late."""
    at = 8
    xmp_key = b"XML:com.adobe.xmp\0\0\0"
    # As many chunks as a hundred-megapixel photo has in pieces of eight kilobytes.
    for _ in range(100_000):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        (size,) = struct.unpack(">I", head[:4])
        if head[4:] == b"eXIf" and size <= limits.LARGEST_METADATA:
            image.info.setdefault("exif", file.read(size))
        elif head[4:] == b"iTXt" and size <= limits.LARGEST_METADATA:
            text = file.read(size)
            if text.startswith(xmp_key):
                image.info.setdefault("xmp", text[len(xmp_key) :].split(b"\0", 2)[-1])
        at += 12 + size


class _StoredTiff(TiffImagePlugin.TiffImageFile):
    """A TIFF as it is stored: Pillow would turn it upright while it is still large, with two
    copies in memory."""

    def _setup(self) -> None:
        super()._setup()
        self._size = self._tile_size

    def load_end(self) -> None:
        """Nothing is left to do: the metadata are read elsewhere."""


def _open_avif(file: BinaryIO) -> ImageFile.ImageFile:
    """An AVIF; one whose EXIF Pillow cannot read (it must, to open it) with that hidden.

    ``info["exif"]`` is then the block as it lies in the file, and ``info["turned"]`` the
    orientation, which is the container's.
    """
    try:
        return AvifImagePlugin.AvifImageFile(file)
    except MemoryError:
        raise
    except Exception:
        file.seek(0)
        data = file.read()
        # An item's entry (ISO/IEC 14496-12, 8.11.6): version and flags, id, protection, type.
        hidden = re.sub(rb"(infe.{8}(?:.{2})?)Exif", rb"\1free", data, flags=re.DOTALL)
        if hidden == data:
            raise
        image = AvifImagePlugin.AvifImageFile(io.BytesIO(hidden))
        image.info["turned"] = _orientation(exif.read(image.info.get("exif") or b""))
        found = re.search(rb"II\*\0|MM\0\*", data)
        image.info["exif"] = data[found.start() : found.start() + 65_536] if found else b""
        return image


_PLUGINS: Final[dict[str, Callable[[BinaryIO], ImageFile.ImageFile]]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": _open_avif,
    "TIFF": _StoredTiff,
    "GIF": GifImagePlugin.GifImageFile,
}


def _tiff_metadata(
    file: BinaryIO, image: ImageFile.ImageFile
) -> tuple[exif.Block, xmp.Packet, iptc.Caption]:
    """A TIFF *is* an EXIF block, with an image in it."""
    try:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if formats.is_raw(data[: formats.HEAD * 256]):
                raise Rejected(formats.RAW_REASON)
            block = exif.read(data)
    except io.UnsupportedOperation:
        block = exif.Block()
    packet, caption = block.image.get(exif.XMP_PACKET), block.image.get(exif.IPTC)
    return (
        block,
        xmp.read(packet.data) if packet else xmp.Packet(),
        iptc.read(caption.data) if caption else iptc.Caption(),
    )


def _strip_bytes(image: TiffImagePlugin.TiffImageFile) -> float:
    """What libtiff holds beside the image while it decodes: one strip or tile."""
    tags = image.tag_v2
    if tags.get(259, 1) == 1:
        return 0.0  # not compressed: Pillow reads it itself, little by little
    try:
        samples = int(tags.get(277, 1))
        bits = tags.get(258, (8,))
        depth = max(int(b) for b in (bits if isinstance(bits, tuple) else (bits,)))
        width, height = image.size
        if 322 in tags:
            columns, rows = int(tags[322]), int(tags[323])
        else:
            columns, rows = width, min(int(tags.get(278, height)), height)
    except (TypeError, ValueError, KeyError):
        return float(image.width * image.height * 4)
    # Twice: the strip as stored and as decoded.
    return 2.0 * columns * rows * samples * max(depth, 8) / 8


# ── HEIF ────────────────────────────────────────────────────────────────────────────────────

# Measured as above: planes and interleaved pixels; photos of more than eight bits have planes
# of twice the size.  The image is never copied into Pillow as a whole.
_HEIF, _HEIF_DEEP, _HEIF_ALPHA = 6.5, 10.0, 2.0


def _open_heif(file: BinaryIO, size: int, settings: Settings) -> Negative:
    # Only photos from phones need it, and it takes as long to import as Pillow does.
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    try:
        container = pillow_heif.open_heif(file, remove_stride=False)
        width, height = map(int, container.size)
        mode, info = str(container.mode), container.info
    except MemoryError:
        raise
    except Exception as error:
        raise Rejected(_unreadable("HEIC", error)) from error
    limits.check_pixels(width, height, settings)
    block = exif.read(info.get("exif") or b"")
    profile = info.get("icc_profile")
    if not profile and isinstance(info.get("nclx_profile"), dict):
        profile = colour.coded_primaries(int(info["nclx_profile"].get("color_primaries", 0)))

    def memory(target: tuple[int, int]) -> float:
        across, down = shrink_factors((width, height), target)
        cost: float = _HEIF if int(info.get("bit_depth") or 8) <= 8 else _HEIF_DEEP
        if mode.upper().endswith("A"):
            cost += _HEIF_ALPHA
        after = 3 + limits.WORK / (across * down)
        return float(width * height) * max(cost, after) + size

    def decode(_target: tuple[int, int]) -> Decoded:
        try:
            data, stride, actual = container.data, container.stride, container.size
        except MemoryError:
            raise
        except Exception as error:
            if "memory" in str(error).lower():
                raise MemoryError(str(error)) from error
            raise Rejected(_unreadable("HEIC", error)) from error
        raw = {"I;16": "I;16", "I;16L": "I;16"}.get(mode, mode)

        def band(top: int, bottom: int) -> Image.Image:
            rows = memoryview(data)[top * stride : bottom * stride]
            return Image.frombytes(raw, (actual[0], bottom - top), rows, "raw", raw, stride, 1)

        return Decoded(actual, actual, raw, actual[1], band)

    return Negative(
        format="HEIF",
        width=width,
        height=height,
        # libheif turns the pixels by the container's own properties; the EXIF orientation in a
        # HEIF is for information only (ISO/IEC 23008-12, 6.5.10 and annex A).
        orientation=1,
        profile=profile if isinstance(profile, bytes) and len(profile) > 128 else None,
        block=block,
        packet=xmp.read(info.get("xmp") or b""),
        caption=iptc.Caption(),
        memory=memory,
        decode=decode,
    )


# ── Reading headers, whole and damaged ──────────────────────────────────────────────────────

_CUT = (
    "The file is damaged: it ends before the picture begins. Upload it again from where it came "
    "from."
)


def _unreadable(format_: str, error: BaseException) -> str:
    detail = " ".join(str(error).split())[:120].strip(" .")
    because = f" ({detail})" if detail else ""
    return (
        f"The {format_} file is damaged or of a rare kind that cannot be read{because}: open and "
        "export it again, or upload it again from where it came from."
    )


def unreadable(format_: str, error: BaseException) -> Rejected:
    """The rejection of a file whose decoder raised ``error``."""
    return Rejected(_unreadable(format_, error))


_Plugin = TypeVar("_Plugin", bound=ImageFile.ImageFile)


def _parsed(plugin: Callable[[BinaryIO], _Plugin], file: BinaryIO, format_: str) -> _Plugin:
    """The file's header, read; :class:`Rejected` for one that cannot be."""
    try:
        return _patient(plugin, file)
    except (MemoryError, Rejected):
        raise
    except Exception as error:
        raise unreadable(format_, error) from error


def _patient(plugin: Callable[[BinaryIO], _Plugin], file: BinaryIO) -> _Plugin:
    """The header as ``plugin`` reads it, on a second try with its checks relaxed."""
    file.seek(0)
    try:
        return plugin(file)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - decoders raise whatever their bugs make of a file
        file.seek(0)
        with _relaxed():
            return plugin(file)


@contextlib.contextmanager
def _relaxed() -> Iterator[None]:
    """Pillow goes on where a file is cut off or a checksum is wrong.

    The switch is Pillow's own and global: this module is for one thread at a time.
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _decoded(
    opened: Callable[[], ImageFile.ImageFile],
    extent: tuple[float, float] | None = None,
    *,
    salvage: bool,
    interlaced: bool = False,
    whole: bool = False,
) -> Decoded:
    """Decode, strictly at first; with ``salvage``, a damaged file once more as far as it goes.

    ``whole``: a damaged file still gives all its rows, only coarser (progressive JPEG).
    """
    try:
        image = opened()
        image.load()
    except MemoryError:
        raise
    except Exception:
        if not salvage:
            raise
    else:
        # WebP's and AVIF's would keep two canvases until the image is done with.
        vars(image).pop("_decoder", None)
        return _of_image(image, image.height, extent)
    with _relaxed():
        image = opened()
        # The decoder fills this one, and what it leaves keeps a colour that no photo ends in.
        image.im = Image.new(image.mode, image.size, _untouched(image.mode)).im
        try:
            image.load()
        except MemoryError:
            raise
        except Exception:
            # libtiff reports the first bad strip only when the good ones are in place.
            if image.tile:
                raise
    if whole:
        return _of_image(image, image.height, extent)
    if interlaced:
        return _of_image(_interlaced(image), image.height, extent)
    return _of_image(image, _rows(image), extent)


def _of_image(image: Image.Image, rows: int, extent: tuple[float, float] | None) -> Decoded:
    def band(top: int, bottom: int) -> Image.Image:
        if (top, bottom) == (0, image.height):
            return image
        return image.crop((0, top, image.width, bottom))

    if rows * 2 < image.height:
        raise Rejected(
            f"The file is damaged: only {100 * rows // image.height} % of the picture can be "
            "decoded. Upload it again from where it came from."
        )
    transparent = "transparency" in image.info
    return Decoded(image.size, extent or image.size, image.mode, rows, band, transparent)


def _untouched(mode: str) -> int | tuple[int, ...]:
    bands = Image.getmodebands(mode)
    return 1 if bands == 1 else (1, 254, 3, 255)[:bands]


def _rows(image: Image.Image) -> int:
    """How many rows, from the top, are not part of one plain area at the bottom.

    That area is what the decoder left; at worst it is a plain area of the photo, too.
    """
    step = max(1, 4_000_000 // image.width)
    last = image.crop((0, image.height - 1, image.width, image.height)).convert("RGB")
    plain = last.getpixel((0, 0))
    bottom = image.height
    while bottom > 0:
        top = max(0, bottom - step)
        band = image.crop((0, top, image.width, bottom)).convert("RGB")
        box = ImageChops.difference(band, Image.new("RGB", band.size, plain)).getbbox()
        if box is not None:
            return top + box[3]
        bottom = top
    return 0


def _interlaced(image: Image.Image) -> Image.Image:
    """A PNG whose last passes are missing, each missing pixel replaced by the one above.

    The last of Adam7's seven passes is every second row: one that lacks more than that is
    rejected (PNG specification, third edition, 8.1).
    """
    flat = image.convert("RGBA") if image.mode == "P" else image
    plain = Image.new(image.mode, image.size, _untouched(image.mode))
    if image.mode == "P":
        plain.putpalette(image.getpalette("RGB") or [0, 0, 0])
        plain = plain.convert("RGBA")
    same = ImageChops.difference(flat.convert("RGB"), plain.convert("RGB")).convert("L")
    missing = same.point(lambda value: 0 if value else 255, "L")
    share = missing.histogram()[255] / (image.width * image.height)
    if share > 0.55:
        raise Rejected(
            f"The file is damaged: only {100 - round(100 * share)} % of the picture can be "
            "decoded. Upload it again from where it came from."
        )
    repaired = flat.copy()
    repaired.paste(ImageChops.offset(flat, 0, 1), (0, 0), missing)
    return repaired


def shrink_factors(size: tuple[float, float], target: tuple[int, int]) -> tuple[int, int]:
    """By how much each side may be averaged down, in whole numbers, before the real scaling.

    At least one and a half times ``target`` remains: what the scaling to it needs to be sharp.
    """
    return max(1, int(size[0] / target[0] / 1.5)), max(1, int(size[1] / target[1] / 1.5))
