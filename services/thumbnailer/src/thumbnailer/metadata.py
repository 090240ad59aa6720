"""What a person is told of a photo: camera, lens, exposure, date, title, description.

Everything comes from metadata written by hundreds of makers' firmware, so every value is
checked before it is believed; one that is absurd is as good as none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import msgspec

from gallery.record import Exif, Taken
from thumbnailer import dates, exif, iptc, wording, xmp
from thumbnailer.taken import taken_at, taken_from_exif, taken_from_name

_PERSONAL: Final = frozenset({"Artist", "Software"})

__all__ = ["Particulars", "discreet", "for_people", "read", "taken_from_name"]


@dataclass(frozen=True)
class Particulars:
    """What the record says of a photo, apart from its pixels."""

    exif: Exif
    taken: Taken | None
    title: str | None
    description: str | None
    has_location: bool


def read(block: exif.Block, packet: xmp.Packet, caption: iptc.Caption) -> Particulars:
    """What a photo's EXIF, XMP and IPTC together say.  Never raises.

    A title or description that an editor wrote into XMP comes before IPTC's and EXIF's;
    firmware's own "descriptions" (``OLYMPUS DIGITAL CAMERA``) are none.
    """
    title = _first(
        packet.title, caption.title, _wide(block.image.get(exif.XP_TITLE)), most=wording.SHORT
    )
    description = _first(
        packet.description,
        caption.description,
        _plain(block.image.get(exif.DESCRIPTION)),
        _wide(block.image.get(exif.XP_COMMENT)),
        _wide(block.image.get(exif.XP_SUBJECT)),
        _comment(block),
        most=wording.LONG,
    )
    return Particulars(
        exif=for_people(block),
        taken=taken_from_exif(block) or _taken_from_packet(packet),
        title=title,
        description=None if description == title else description,
        has_location=packet.has_location
        or exif.LATITUDE in block.gps
        or exif.LONGITUDE in block.gps,
    )


def discreet(about: Particulars) -> Particulars:
    """The particulars without the person's name and the time zone, which tells the place
    roughly: a title and a caption were written to be read, an artist's name by the camera."""
    more = {label: text for label, text in about.exif.more.items() if label not in _PERSONAL}
    return replace(
        about,
        exif=msgspec.structs.replace(about.exif, more=more),
        taken=msgspec.structs.replace(about.taken, offset=None) if about.taken else None,
    )


def for_people(block: exif.Block) -> Exif:
    """EXIF as a person would write it (see :class:`gallery.record.Exif`)."""
    camera = _camera(block)
    focal_length = _focal_length(block)
    aperture = _aperture(block)
    shutter = _shutter(block)
    iso = _iso(block)
    line = (camera, focal_length, aperture, shutter, None if iso is None else f"ISO {iso}")
    return Exif(
        camera=camera,
        lens=_lens(block),
        focal_length=focal_length,
        aperture=aperture,
        shutter=shutter,
        iso=iso,
        line=" · ".join(part for part in line if part),
        more=_more(block),
    )


# ── Text ────────────────────────────────────────────────────────────────────────────────────


def _plain(tag: exif.Tag | None) -> str:
    if tag is None or tag.kind not in {exif.ASCII, exif.UNDEFINED, exif.BYTE}:
        return ""
    return wording.decode(tag.data)


def _wide(tag: exif.Tag | None) -> str:
    """A text of Windows' Explorer: UTF-16, little-endian whatever the block's order is."""
    if tag is None:
        return ""
    return tag.data[: 8 * wording.LONG].decode("utf-16-le", "ignore").split("\0")[0]


def _comment(block: exif.Block) -> str:
    """The user's comment, without the eight bytes that name its encoding (CIPA DC-008,
    UserComment).  Phones put settings there: only what reads like prose counts."""
    tag = block.photo.get(exif.USER_COMMENT)
    if tag is None:
        return ""
    prefix, body = tag.data[:8], tag.data[8 : 8 + 4 * wording.LONG]
    if prefix == b"UNICODE\0":
        marked = body[:2] in {b"\xff\xfe", b"\xfe\xff"}
        codec = "utf-16" if marked else "utf-16-le" if block.order == "<" else "utf-16-be"
        text = body.decode(codec, "ignore").split("\0")[0]
    elif prefix in {b"ASCII\0\0\0", b"\0" * 8, b"        "}:
        text = wording.decode(body)
    elif prefix == b"JIS\0\0\0\0\0":
        text = body.decode("iso2022_jp", "ignore")
    else:
        text = wording.decode(tag.data)
    words = re.findall(r"[^\W\d_]{2,}", text)
    settings = re.search(r"[{}\[\]|=<>;]|\w:\S", text)
    return text if len(words) >= 2 and not settings else ""


# What firmware writes where a person could: cameras' names for themselves, software's names,
# phones' mode codes.
_NOT_WRITTEN_BY_A_PERSON = re.compile(
    r"(?:(?:konica )?minolta|olympus|sony|samsung|kodak|nikon|canon|casio|pentax|ricoh|fujifilm"
    r"|panasonic|vivitar|medion|polaroid|benq|premier|aiptek|mustek|jenoptik|epson|hp|ge|toshiba"
    r"|vga|digital|mobile|photo|still|camera|dsc|dscf?|image|picture|file|my|jpeg|jpg|exif|dcim"
    r"|the|default|untitled|description|title|test|maginon|praktica|rollei|[\s_<>\-.]|\d)+"
    r"|exif_jpeg_\w+|<?digimax\W.*|hp photosmart\b.*|charset=\w*.*|binary comment|screenshot|cof"
    r"|rhdr|hdrpl|edf|btf|ptr|nor|fbt|mde|bty|sdr|qrf|dav|(?-i:[a-z]{2,6}CO)|maker:.*"
    r"|created with .*|.*\bjpeg encoder\b.*|ffmpeg.*|lavc.*|processed by .*",
    re.IGNORECASE,
)


def _first(*texts: str, most: int) -> str | None:
    for text in texts:
        shown = wording.clean(text, most, lines=most == wording.LONG)
        if shown and not _NOT_WRITTEN_BY_A_PERSON.fullmatch(shown):
            return shown
    return None


def _taken_from_packet(packet: xmp.Packet) -> Taken | None:
    found = dates.parse_date(packet.date)
    return None if found is None else taken_at(found[0], found[1], "exif")


# ── Camera and lens ─────────────────────────────────────────────────────────────────────────

# What follows a maker's name on paper but not in speech.
_FIRM = re.compile(
    r"[\s,]*\b(?:corporation|corp|company|co|ltd|limited|inc|gmbh|ag|kg|technologies|technology"
    r"|techwin|electronics|electric|mobile communications|imaging|optical|industries|computer"
    r"|photo film|camera|global|communications|international|group|b\.?v|llc|s\.?a|k\.?k)\b\.?",
    re.IGNORECASE,
)
_CALLED: Final = {
    "hewlett-packard": "hp", "hewlett packard": "hp", "eastman kodak": "kodak", "fuji": "fujifilm",
    "seiko epson": "epson", "asahi": "pentax", "om digital solutions": "om system",
    "research in motion": "blackberry", "matsushita": "panasonic", "sony mobile": "sony",
    "lge": "lg", "jvc kenwood": "jvc", "victor": "jvc", "jk": "jenoptik", "hmd": "nokia",
}  # fmt: skip
# A model that begins with one of these says whose it is, whatever the maker's field says.
_MAKERS: Final = (
    "apple", "canon", "casio", "dji", "epson", "fujifilm", "google", "gopro", "hasselblad", "hp",
    "htc", "huawei", "honor", "jenoptik", "kodak", "konica minolta", "kyocera", "leica", "lenovo",
    "lg", "microsoft", "minolta", "motorola", "nikon", "nokia", "olympus", "om system", "oneplus",
    "oppo", "panasonic", "pentax", "phase one", "polaroid", "realme", "ricoh", "rollei", "samsung",
    "sanyo", "sharp", "sigma", "sony", "toshiba", "vivo", "xiaomi", "yashica", "zte", "blackberry",
)  # fmt: skip


def _camera(block: exif.Block) -> str | None:
    make = wording.clean(_plain(block.image.get(exif.MAKE)))
    model = wording.clean(_plain(block.image.get(exif.MODEL)))
    maker = _maker(make) if make else ""
    if model is None:
        return maker or None
    name = re.sub(r"\s*\(v[\d.]+\)$", "", model, flags=re.IGNORECASE)
    name = re.sub(r"\s*\b(?:zoom )?digital (?:still )?camera\b", "", name, flags=re.IGNORECASE)
    name = (name.strip(" ,") or model).lower()
    if not maker or _begins(name, maker) or any(_begins(name, other) for other in _MAKERS):
        return name
    # "HP PhotoSmart C812" of "Hewlett-Packard", "Kodak DX4330" of "Eastman Kodak Company".
    if make and _begins(name, make.lower().split()[0]):
        return name
    return f"{maker} {name}"[: wording.SHORT]


def _begins(name: str, word: str) -> bool:
    return name.startswith(word) and not name[len(word) : len(word) + 1].isalpha()


def _maker(make: str) -> str:
    name = make.lower()
    short = _FIRM.sub("", name).strip(" ,.")
    name = short or name
    return _CALLED.get(name, name)


def _lens(block: exif.Block) -> str | None:
    for code in (0xA434, 0xFDEA):  # LensModel; Adobe's tag for it in converted files
        lens = wording.clean(_plain(block.photo.get(code)))
        if lens and re.search(r"[1-9]", lens) and not re.match(r"0(?:\.0+)?\s*mm", lens):
            return lens
    specification = block.photo.get(0xA432)
    if specification is None or specification.kind not in {exif.RATIONAL, exif.SRATIONAL}:
        return None
    values = list(block.values(specification))
    if len(values) != 4:
        return None
    short, long_, wide, narrow = values
    if not (short and long_ and 1 <= short <= long_ <= 10_000):
        return None
    focal = (
        _plain_number(short) if short == long_ else f"{_plain_number(short)}-{_plain_number(long_)}"
    )
    if not (wide and 0.5 <= wide <= 64):
        return f"{focal}mm"
    stops = _plain_number(wide)
    if narrow and wide < narrow <= 64:
        stops += f"-{_plain_number(narrow)}"
    return f"{focal}mm ƒ{stops}"


# ── Exposure ────────────────────────────────────────────────────────────────────────────────


def _plain_number(value: Fraction, places: int = 1) -> str:
    return f"{float(value):.{places}f}".rstrip("0").rstrip(".") if places else f"{round(value)}"


def _focal_length(block: exif.Block) -> str | None:
    value = block.number(block.photo.get(0x920A))
    if value is None or not Fraction(1, 2) <= value <= 10_000:
        return None
    return f"{_plain_number(value, 1 if value < 100 else 0)}mm"


def _aperture(block: exif.Block) -> str | None:
    value = block.number(block.photo.get(0x829D))
    if value is None or not 0.5 <= value <= 128:
        apex = block.number(block.photo.get(0x9202))
        if apex is None or not 0 < apex <= 14:
            return None
        value = Fraction(2 ** (float(apex) / 2))
    return f"ƒ{_plain_number(value, 1 if value < 30 else 0)}"


def _shutter(block: exif.Block) -> str | None:
    seconds = block.number(block.photo.get(0x829A))
    if seconds is None or not Fraction(1, 1_000_000) <= seconds <= 86_400:
        apex = block.number(block.photo.get(0x9201))
        # From 2^12 seconds to 1/2^20; a camera's 0 here is "unknown" more often than one second.
        if apex is None or not -12 <= apex <= 20 or apex == 0:
            return None
        seconds = Fraction(2 ** -float(apex))
    if seconds < 1:
        parts = 1 / seconds
        whole = round(parts)
        if abs(parts - whole) <= parts / 20 and whole > 1:
            return f"1/{whole}s"
    return f"{_plain_number(seconds, 1 if seconds < 30 else 0)}s"


_MOST_ISO: Final = 10_000_000


def _iso(block: exif.Block) -> int | None:
    # 65,535 means "more than fits": then the sensitivity stands in one of Exif 2.3's LONG tags.
    for code, most in (
        (0x8827, 65_534),
        (0x8833, _MOST_ISO),
        (0x8831, _MOST_ISO),
        (0x8832, _MOST_ISO),
    ):
        tag = block.photo.get(code)
        if tag is not None and tag.kind == exif.LONG:
            most = _MOST_ISO
        for value in block.numbers(tag):
            if 1 <= value <= most and value != 65_535:
                return int(value)
    return None


# ── More, for the photo's own page ──────────────────────────────────────────────────────────

_PROGRAMS: Final = {
    1: "manual", 2: "program", 3: "aperture priority", 4: "shutter priority", 5: "creative",
    6: "action", 7: "portrait", 8: "landscape",
}  # fmt: skip
_METERING: Final = {
    1: "average", 2: "centre-weighted", 3: "spot", 4: "multi-spot", 5: "pattern", 6: "partial",
}  # fmt: skip


def _more(block: exif.Block) -> dict[str, str]:
    def coded(code: int, words: dict[int, str]) -> str | None:
        value = block.number(block.photo.get(code))
        return words.get(int(value)) if value is not None and value.denominator == 1 else None

    def bias() -> str | None:
        value = block.number(block.photo.get(0x9204))
        if value is None or not -10 <= value <= 10 or abs(value) < Fraction(1, 20):
            return None
        return f"{'+' if value > 0 else '−'}{_plain_number(abs(value))} EV"

    def flash() -> str | None:
        value = block.number(block.photo.get(0x9209))
        if value is None or not 0 <= value < 128:
            return None
        return "fired" if int(value) & 1 else "did not fire"

    def equivalent() -> str | None:
        value = block.number(block.photo.get(0xA405))
        return f"{round(value)}mm" if value is not None and 1 <= value <= 10_000 else None

    def text(code: int) -> str | None:
        return wording.clean(_plain(block.image.get(code)))

    def copyright_() -> str | None:
        tag = block.image.get(exif.COPYRIGHT)
        if tag is None:
            return None
        parts = (wording.clean(wording.decode(part)) for part in tag.data.split(b"\0")[:2])
        return wording.clean(" · ".join(part for part in parts if part))

    found = {
        "Exposure program": coded(0x8822, _PROGRAMS),
        "Exposure bias": bias(),
        "Metering": coded(0x9207, _METERING),
        "Flash": flash(),
        "White balance": coded(0xA403, {0: "auto", 1: "manual"}),
        "35 mm equivalent": equivalent(),
        "Software": text(exif.SOFTWARE),
        "Artist": text(exif.ARTIST),
        "Copyright": copyright_(),
    }
    return {label: value for label, value in found.items() if value}
