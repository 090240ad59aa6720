"""What holds for every text, packet, date and setting from outside."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from thumbnailer import dates, exif, iptc, metadata, wording, xmp
from thumbnailer.settings import Settings, SettingsError
from thumbnailer.taken import taken_from_name

LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@given(st.binary(max_size=300))
def test_any_bytes_decode(raw: bytes) -> None:
    assert "\0" not in wording.decode(raw)


@given(st.text().map(str.strip))
def test_utf_8_survives(text: str) -> None:
    text = text.split("\0")[0]
    decoded = wording.decode(text.encode("utf-8", "ignore"))
    # Only what looks like UTF-8 read twice is changed, and then it is shorter.
    assert decoded == text or len(decoded) < len(text)


@given(st.text(alphabet=st.characters()), st.integers(1, 300), st.booleans())
def test_clean_text_shows(text: str, most: int, lines: bool) -> None:
    shown = wording.clean(text, most, lines=lines)
    if shown is None:
        return
    assert 0 < len(shown) <= most
    assert shown == shown.strip()
    for character in shown:
        plain = unicodedata.category(character)[0] != "C" or character == "\u200d"
        assert plain or (lines and character == "\n")
    assert wording.clean(shown, most, lines=lines) in {shown, None}


@given(st.text() | st.from_regex(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", fullmatch=True))
def test_a_date_is_one_or_none(text: str) -> None:
    found = dates.parse_date(text)
    assert (found is None) == (dates.exif_date(text) is None)
    if found is not None:
        assert 1826 <= found[0].year <= 2100
        assert dates.parse_date(dates.exif_date(text) or "") is not None


@given(st.datetimes(min_value=dates.parse_date("1826:01:01")[0]))  # type: ignore[index]
def test_every_believable_date_is_read_back(moment: object) -> None:
    from datetime import datetime

    assert isinstance(moment, datetime)
    text = moment.strftime("%Y:%m:%d %H:%M:%S").rjust(19, "0")
    found = dates.parse_date(text)
    never_set = text[:10] in {"1904:01:01", "1970:01:01", "1980:01:01"} and text[11:16] == "00:00"
    if moment.year <= 2099 and not never_set:
        assert found is not None
        assert found[0] == moment.replace(microsecond=0)
    else:
        assert found is None


@given(st.text() | st.from_regex(r"[A-Z]{3}_?\d{8}[_-]\d{6}.*", fullmatch=True))
def test_a_name_has_a_date_or_none(name: str) -> None:
    found = taken_from_name(name)
    assert found is None or LOCAL.fullmatch(found.local)


@given(st.binary(max_size=500), st.booleans())
def test_any_packet_is_read(noise: bytes, wrapped: bool) -> None:
    data = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + noise if wrapped else noise
    packet = xmp.read(data)
    assert packet.has_location == (b"GPSLatitude" in data or b"GPSLongitude" in data)


@given(st.binary(max_size=500))
def test_any_iptc_block_is_read(noise: bytes) -> None:
    assert isinstance(iptc.read(b"\x1c" + noise).title, str)


tags = st.dictionaries(
    st.sampled_from(
        [
            0x010E,
            0x010F,
            0x0110,
            0x0112,
            0x0131,
            0x0132,
            0x829A,
            0x829D,
            0x8827,
            0x9003,
            0x9011,
            0x9201,
            0x9202,
            0x9204,
            0x9209,
            0x920A,
            0x927C,
            0x9286,
            0xA301,
            0xA405,
            0xA432,
            0xA434,
            0x9C9B,
            0xC4A5,
            0xEA1C,
            0x0002,
            0xFFFF,
        ]
    ),
    st.tuples(st.integers(1, 12), st.integers(1, 6), st.binary(min_size=48, max_size=48)),
    max_size=12,
)
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


@given(tags, tags, st.sampled_from("<>"))
def test_any_entries_are_told_and_written(
    image: dict[int, tuple[int, int, bytes]], photo: dict[int, tuple[int, int, bytes]], order: str
) -> None:
    """Any tag of any type with any value: words without a flaw, a block without a flaw."""

    def directory(entries: dict[int, tuple[int, int, bytes]]) -> exif.Directory:
        return {
            code: exif.Tag(kind, count, data[: _SIZES[kind] * count])
            for code, (kind, count, data) in entries.items()
        }

    block = exif.Block(order, directory(image), directory(photo))
    told = metadata.read(block, xmp.Packet(), iptc.Caption())
    for text in (told.exif.line, told.title or "", *told.exif.more.values()):
        assert text == "" or text.isprintable()
    written = exif.for_rendition(block, 600, 400)
    again = exif.read(written)
    assert exif.for_rendition(again, 600, 400) == written
    if written:
        assert again.number(again.image[exif.ORIENTATION]) == 1
        assert again.number(again.photo[exif.WIDTH]) == 600


@given(
    st.dictionaries(
        st.sampled_from(["EDGES", "QUALITY", "KEEP_LOCATION", "MAX_BYTES", "MAX_SECONDS"]).map(
            "SAFELIGHT_{}".format
        ),
        st.text(max_size=12) | st.integers(-5, 5000).map(str),
    )
)
def test_an_environment_gives_settings_or_says_why_not(env: dict[str, str]) -> None:
    try:
        made = Settings.from_env(env)
    except SettingsError as error:
        assert str(error).startswith("SAFELIGHT_")  # noqa: PT017 - either outcome is right
    else:
        assert made == Settings.from_env(env)
        assert list(made.edges) == sorted(set(made.edges))
