"""The thumbnailer's settings: what the renditions are, and what is too much to render.

Every setting has an environment variable, because that is what a Lambda function, a container
and a shell have in common.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gallery import originals
from gallery.originals import Originals

RENDERER: Final = 1
"""The renderer's version, a part of :meth:`Settings.fingerprint`.

Raise it by one in every change after which the same file and the same settings give other
rendition bytes or another record (scaling, colours, EXIF, the wording of a value): that renders
every photo anew, under new names.  An update of Pillow or libheif does not need it unless the
pictures are meant to change.
"""

STRIPPER: Final = 1
"""The version of :mod:`thumbnailer.stripping` and of what is discreet: raise it where less is kept,
or more."""

MIB: Final = 1024 * 1024


class SettingsError(ValueError):
    """A setting's value cannot be used; the message says which, and what would do."""


@dataclass(frozen=True)
class Settings:
    """What renditions are made and which files are refused before they are decoded.

    * ``SAFELIGHT_EDGES``: the renditions' longest edges in pixels, separated by commas;
      600,1200,2048.
    * ``SAFELIGHT_QUALITY``: their JPEG quality, 1 to 95; 80.
    * ``SAFELIGHT_KEEP_LOCATION``: 1 if they keep GPS (and makers' notes that may repeat it),
      0 if not; 0.
    * ``SAFELIGHT_ORIGINALS``: what visitors may take, ``public``, ``stripped`` or ``private``
      (see :mod:`gallery.originals`); the settings file may ask for a stricter choice; public.
    * ``SAFELIGHT_MAX_BYTES``: the largest original, in bytes; 256M.
    * ``SAFELIGHT_MAX_PIXELS``: the most pixels an original may have; 250M.
    * ``SAFELIGHT_MAX_SECONDS``: the longest that one photo may take by the clock; 30.
    * ``SAFELIGHT_MAX_MEMORY``: the most memory of the rendering process, in bytes; 512M.

    Sizes may end in ``K``, ``M`` or ``G`` (powers of 1,024 for bytes, of 1,000 for pixels).
    ``max_memory`` also lowers the number of pixels that are accepted, by what the decoder of
    each format needs (see :mod:`thumbnailer.formats`): a WebP needs 16 bytes a pixel, a
    baseline JPEG a fraction of one.
    """

    edges: tuple[int, ...] = (600, 1200, 2048)
    quality: int = 80
    keep_location: bool = False
    originals: Originals = "public"
    max_bytes: int = 256 * MIB
    max_pixels: int = 250_000_000
    max_seconds: float = 30.0
    max_memory: int = 512 * MIB

    def __post_init__(self) -> None:
        """Sort the edges; raise :class:`SettingsError` where a value makes no sense."""
        edges = tuple(sorted(set(self.edges)))
        if not edges or len(edges) > 8 or edges[0] < 16 or edges[-1] > 16_384:
            raise SettingsError(
                f"SAFELIGHT_EDGES={','.join(map(str, self.edges))}: give one to eight longest "
                "edges from 16 to 16384 pixels, for example 600,1200,2048"
            )
        object.__setattr__(self, "edges", edges)
        # Above 95 a JPEG only grows (libjpeg-turbo's and Pillow's advice alike).
        if not 1 <= self.quality <= 95:
            raise SettingsError(f"SAFELIGHT_QUALITY={self.quality}: give a number from 1 to 95")
        for name, value, least in (
            ("SAFELIGHT_MAX_BYTES", self.max_bytes, 1),
            ("SAFELIGHT_MAX_PIXELS", self.max_pixels, 1),
            # Less than this holds no interpreter and no decoder, so no photo at all.
            ("SAFELIGHT_MAX_MEMORY", self.max_memory, 128 * MIB),
        ):
            if value < least:
                raise SettingsError(f"{name}={value}: give a whole number of at least {least}")
        if not (math.isfinite(self.max_seconds) and self.max_seconds > 0):
            raise SettingsError(
                f"SAFELIGHT_MAX_SECONDS={self.max_seconds}: give a number of seconds above 0"
            )

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """The settings from environment variables; those not set keep their defaults.

        Raises :class:`SettingsError`, which names the variable and what it takes.
        """
        default = cls()

        def whole(name: str, value: int, unit: int) -> int:
            return _whole(name, env[name], unit) if env.get(name, "").strip() else value

        return cls(
            edges=_edges(env["SAFELIGHT_EDGES"])
            if env.get("SAFELIGHT_EDGES", "").strip()
            else default.edges,
            quality=whole("SAFELIGHT_QUALITY", default.quality, 1000),
            keep_location=_switch("SAFELIGHT_KEEP_LOCATION", env.get("SAFELIGHT_KEEP_LOCATION")),
            originals=_originals(env),
            max_bytes=whole("SAFELIGHT_MAX_BYTES", default.max_bytes, 1024),
            max_pixels=whole("SAFELIGHT_MAX_PIXELS", default.max_pixels, 1000),
            max_seconds=_seconds("SAFELIGHT_MAX_SECONDS", env["SAFELIGHT_MAX_SECONDS"])
            if env.get("SAFELIGHT_MAX_SECONDS", "").strip()
            else default.max_seconds,
            max_memory=whole("SAFELIGHT_MAX_MEMORY", default.max_memory, 1024),
        )

    def fingerprint(self, *, originals: Originals = "public") -> str:
        """What changes the bytes of a set of renditions, as a short text: equal texts, equal
        bytes.  What visitors may take is decided photo by photo (the settings file has a say)."""
        edges = "-".join(map(str, self.edges))
        made = f"r{RENDERER} e{edges} q{self.quality} l{int(self.keep_location)}"
        return made if originals == "public" else f"{made} {originals} s{STRIPPER}"

    def limits_fingerprint(self) -> str:
        """What changes which files are rejected, as a short text."""
        return (
            f"r{RENDERER} b{self.max_bytes} p{self.max_pixels} "
            f"s{self.max_seconds:g} m{self.max_memory}"
        )


_WHOLE = re.compile(r"(?P<number>[0-9][0-9_]*)\s*(?P<unit>[KMG]?)(?:i?B)?", re.IGNORECASE)


def _whole(name: str, text: str, unit: int) -> int:
    match = _WHOLE.fullmatch(text.strip())
    if match is None or len(match["number"]) > 18:
        raise SettingsError(f"{name}={text!r:.60}: give a whole number, for example 100 or 512M")
    power = " KMG".index(match["unit"].upper() or " ")
    return int(match["number"].replace("_", "")) * int(unit**power)


def _originals(env: Mapping[str, str]) -> Originals:
    try:
        return originals.from_environment(env)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _edges(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise SettingsError(
            f"SAFELIGHT_EDGES={text!r:.60}: give the longest edges in pixels, separated by "
            "commas, for example 600,1200,2048"
        ) from None


def _seconds(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"{name}={text!r:.60}: give a number of seconds, like 30") from None


def _switch(name: str, text: str | None) -> bool:
    word = (text or "").strip().lower()
    if word in {"", "0", "no", "false", "off"}:
        return False
    if word in {"1", "yes", "true", "on"}:
        return True
    raise SettingsError(f"{name}={text!r:.60}: give 1 (yes) or 0 (no)")
