"""Pictures of places that do not exist, for the demo: drawn from a seed, always the same.

A picture is an array of floats, height × width × 3, of sRGB values from 0 to 1.  Each painter
takes a :class:`Canvas` and returns one.  What they have in common: light has one colour and one
direction, far things take the colour of the air, and nothing is ever quite even.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

# Single precision where it can be; a product with a double is a double, which does no harm.
Picture = NDArray[np.floating[Any]]
Plane = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Palette:
    """The colours of one light: the sky from the zenith down to the horizon, what the air
    does to far things, what near things are, and the sun or moon."""

    sky: tuple[str, ...]
    haze: str
    near: str
    sun: str


DAWN = Palette(("#3d5a80", "#8fa8c8", "#f2c6b4", "#ffe3c2"), "#e9c3b4", "#22303c", "#fff1d6")
DUSK = Palette(("#1f2a56", "#6a4c93", "#e4677a", "#ffb36b"), "#d9818a", "#1b1430", "#ffe0a3")
DAY = Palette(("#2f6fb3", "#6fa8dc", "#b8d8ee", "#e9f3f7"), "#b9cfdd", "#24402f", "#fffdf2")
GOLD = Palette(("#5b7fa6", "#b7b9b4", "#f3cf8e", "#ffdf9e"), "#eac48c", "#3a2a1c", "#fff3c9")
MIST = Palette(("#8fa3ad", "#a9bac0", "#c6d1d2", "#dfe5e2"), "#cdd7d6", "#26363a", "#f7faf5")
NIGHT = Palette(("#050914", "#0b1630", "#16305a", "#2a5278"), "#1d3a5f", "#03060d", "#dfe9ff")
DESERT = Palette(("#2f5d8c", "#79a7c4", "#f0cfa5", "#f8dfb5"), "#f2c08c", "#7a3418", "#fff2cf")
ROSE = Palette(("#4a5a8c", "#a58bb0", "#eeb0a8", "#fbd7b5"), "#e2b0ac", "#3a2740", "#fff0d8")


@dataclass(frozen=True)
class Canvas:
    """Where a picture is painted: its size in pixels, its light, and its own randomness."""

    width: int
    height: int
    palette: Palette
    random: np.random.Generator

    @property
    def rows(self) -> Plane:
        """The number of each row, as a column."""
        return np.arange(self.height, dtype=np.float32)[:, None]

    @property
    def columns(self) -> Plane:
        """The number of each column, as a row."""
        return np.arange(self.width, dtype=np.float32)[None, :]


Painter = Callable[[Canvas], Picture]


def colour(text: str) -> Picture:
    """``#rrggbb`` as three floats."""
    return np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)], dtype=np.float32)


def mix(one: Picture, other: Picture, amount: Plane | float) -> Picture:
    """``one``, with ``amount`` (0 to 1) of ``other``."""
    share = amount[..., None] if isinstance(amount, np.ndarray) else amount
    mixed: Picture = one + (other - one) * share
    return mixed


def smooth(values: Plane, low: float, high: float) -> Plane:
    """0 below ``low``, 1 above ``high``, and no corner between them."""
    t = np.clip((values - low) / (high - low), 0, 1)
    eased: Plane = (t * t * (3 - 2 * t)).astype(np.float32)
    return eased


def noise(canvas: Canvas, cell: tuple[float, float], octaves: int = 4) -> Plane:
    """Clouds of values around 0.5, roughly 0 to 1; ``cell`` is the size, in pixels, of the
    largest ones, across and down."""
    # At half the size, which nobody sees in clouds, and which takes a quarter of the time.
    half = (canvas.width // 2 + 1, canvas.height // 2 + 1)
    total = np.zeros((half[1], half[0]), dtype=np.float32)
    weight, sum_of_weights = 1.0, 0.0
    across, down = cell
    for _ in range(octaves):
        grid = (
            max(2, math.ceil(canvas.height / down) + 1),
            max(2, math.ceil(canvas.width / across) + 1),
        )
        small = Image.fromarray(canvas.random.random(grid, dtype=np.float32))
        total += np.float32(weight) * np.asarray(small.resize(half, Image.Resampling.BICUBIC))
        sum_of_weights += weight
        weight *= 0.5
        across, down = max(across / 2, 2.0), max(down / 2, 2.0)
    full = Image.fromarray(total / np.float32(sum_of_weights)).resize(
        (canvas.width, canvas.height), Image.Resampling.BILINEAR
    )
    return np.asarray(full)


def ridge(canvas: Canvas, cell: float, octaves: int = 6, roughness: float = 0.5) -> Plane:
    """A line of heights across the canvas, roughly -1 to 1."""
    total = np.zeros(canvas.width, dtype=np.float32)
    at = np.arange(canvas.width, dtype=np.float32)
    weight = 1.0
    for _ in range(octaves):
        count = max(3, math.ceil(canvas.width / cell) + 3)
        points = canvas.random.uniform(-1, 1, count).astype(np.float32)
        shift = float(canvas.random.uniform(0, 1))
        place = at / cell + shift
        left = place.astype(np.int32)
        t = place - left
        t = (1 - np.cos(t * np.pi)) / 2
        total += weight * (points[left] * (1 - t) + points[left + 1] * t)
        weight *= roughness
        cell = max(cell / 2.1, 2.0)
    return total


# -- The sky -------------------------------------------------------------------------------


def sky(canvas: Canvas, horizon: float, sun: tuple[float, float] | None) -> Picture:
    """The sky down to the row ``horizon``; below it the horizon's colour goes on.

    ``sun`` is where it stands, in pixels.
    """
    stops = np.stack([colour(stop) for stop in canvas.palette.sky])
    where = np.linspace(0, 1, len(stops))
    t = np.clip(np.arange(canvas.height) / max(horizon, 1), 0, 1) ** 0.9
    column = np.stack([np.interp(t, where, stops[:, i]) for i in range(3)], axis=1)
    picture = np.broadcast_to(
        column[:, None, :].astype(np.float32), (canvas.height, canvas.width, 3)
    ).copy()
    if sun is not None:
        x, y = sun
        far = np.hypot(canvas.columns - x, canvas.rows - y) / min(canvas.height, canvas.width)
        light = colour(canvas.palette.sun)
        picture = mix(picture, light, 0.55 * np.exp(-(far**1.15) * 5.0).astype(np.float32))
        disc = 0.022
        picture = mix(picture, light, 1 - smooth(far, disc * 0.9, disc * 1.06))
    return picture


def clouds(canvas: Canvas, picture: Picture, horizon: float, amount: float) -> Picture:
    """Clouds over ``picture``, flatter and closer together towards the horizon."""
    texture = noise(canvas, (canvas.width / 2.2, canvas.height / 3.5), 6)
    depth = np.clip(np.arange(canvas.height) / max(horizon, 1), 0, 1)
    # What is overhead at the top lies, in rows, ever closer the farther away it is.
    rows = ((1 - (1 - depth) ** 1.7) * (canvas.height - 1)).astype(np.int32)
    texture = texture[rows]
    body = smooth(texture, 0.62 - amount * 0.25, 0.80 - amount * 0.2)
    body *= smooth(1 - canvas.rows / horizon, 0.0, 0.35)
    lit = mix(colour(canvas.palette.sun)[None, None], colour(canvas.palette.haze)[None, None], 0.35)
    dark = colour(canvas.palette.sky[1])[None, None]
    # Their undersides are darker: the same texture a little higher up is their thickness.
    thick = smooth(np.roll(texture, canvas.height // 40, axis=0), 0.5, 0.9)
    shade = mix(np.broadcast_to(lit, picture.shape), dark, 0.55 * thick)
    return mix(picture, shade, 0.75 * body)


def stars(canvas: Canvas, picture: Picture, horizon: float, *, galaxy: bool) -> Picture:
    """Stars above the row ``horizon``."""
    sheet = np.zeros((canvas.height, canvas.width), dtype=np.float32)
    count = canvas.width * canvas.height // 700
    x = canvas.random.integers(0, canvas.width - 1, count)
    y = (canvas.random.random(count) * horizon).astype(np.int64)
    light = 0.12 + canvas.random.pareto(1.8, count).astype(np.float32) * 0.30
    if galaxy:
        slope = canvas.random.uniform(0.35, 0.6)
        band = canvas.rows - (canvas.height * 0.05 + slope * canvas.columns)
        near = np.exp(-((band / (canvas.height * 0.16)) ** 2)).astype(np.float32)
        dust = noise(canvas, (canvas.width / 5, canvas.height / 5), 6)
        glow = near * (0.35 + 0.65 * smooth(dust, 0.35, 0.65))
        picture = mix(picture, colour("#8fa3d8"), 0.42 * glow)
        picture = mix(picture, colour("#f0c4c0"), 0.30 * near**4 * smooth(dust, 0.4, 0.7))
        # Dark clouds of dust along its middle.
        lane = np.exp(-(((band - canvas.height * 0.015) / (canvas.height * 0.05)) ** 2))
        hidden = 0.5 * lane.astype(np.float32) * smooth(dust, 0.45, 0.6)
        picture = mix(picture, colour(canvas.palette.sky[0]), hidden)
        light *= 0.6 + 1.6 * near[np.clip(y, 0, canvas.height - 1), x]
    for shift, share in (((0, 0), 1.0), ((0, 1), 0.55), ((1, 0), 0.55)):
        np.maximum.at(
            sheet,
            (np.clip(y + shift[0], 0, canvas.height - 1), x + shift[1]),
            np.minimum(light * share, 1),
        )
    return mix(picture, colour("#f4f7ff"), np.clip(sheet, 0, 1))


def aurora(canvas: Canvas, picture: Picture, horizon: float) -> Picture:
    """Curtains of green and violet light."""
    for number, tint in enumerate(("#4dffb4", "#7df3c0", "#b07cff")):
        foot = horizon * (0.62 - 0.12 * number) + ridge(canvas, canvas.width / 1.7, 3) * (
            horizon * 0.16
        )
        rays = np.clip((ridge(canvas, canvas.width / 26, 4, 0.75) + 2.0) / 4, 0.05, 1)
        tall = horizon * (0.25 + 0.45 * rays)
        above = (foot[None, :] - canvas.rows) / tall[None, :]
        veil = np.exp(-np.clip(above, 0, None) * 2.6) * (above > -0.04)
        veil *= smooth(above, -0.04, 0.05) * rays[None, :] ** 1.5
        picture = mix(picture, colour(tint), (0.62 * veil).astype(np.float32))
    return picture


# -- The land ------------------------------------------------------------------------------


def layer(
    canvas: Canvas, picture: Picture, top: Plane, tint: Picture, mist: Picture, reach: float
) -> Picture:
    """Land below the line ``top``, ``tint`` at its edge and fading into ``mist`` within
    ``reach`` rows below it."""
    first = max(0, int(top.min()) - 1)
    rows = canvas.rows[first:]
    depth = rows - top[None, :]
    cover = np.clip(depth + 0.5, 0, 1).astype(np.float32)
    body = mix(tint[None, None], mist[None, None], smooth(depth, 0, reach) * 0.9)
    picture[first:] = mix(picture[first:], body, cover)
    return picture


def firs(canvas: Canvas, top: Plane, size: float, count: int) -> Plane:
    """The line ``top`` with fir trees standing on it."""
    line = top.copy()
    for _ in range(count):
        x = int(canvas.random.integers(0, canvas.width))
        tall = size * float(canvas.random.uniform(0.45, 1.0))
        half = max(3, int(tall * 0.2))
        left, right = max(0, x - half), min(canvas.width, x + half)
        away = np.abs(np.arange(left, right) - x) / half
        # Branches: the outline steps in and out on its way down.
        outline = 1 - away + 0.09 * np.sin(away * 26)
        foot = float(top[x])
        line[left:right] = np.minimum(line[left:right], foot - tall * np.clip(outline, 0, 1))
    return line


def hills(canvas: Canvas) -> Picture:
    """Ridge behind ridge, and the air between them."""
    horizon = canvas.height * float(canvas.random.uniform(0.42, 0.56))
    sun = (
        canvas.width * float(canvas.random.uniform(0.2, 0.8)),
        horizon * float(canvas.random.uniform(0.45, 0.85)),
    )
    picture = sky(canvas, horizon, sun)
    picture = clouds(canvas, picture, horizon, float(canvas.random.uniform(0.2, 0.7)))
    haze, near = colour(canvas.palette.haze), colour(canvas.palette.near)
    count = int(canvas.random.integers(5, 8))
    for number in range(count):
        t = number / (count - 1)
        base = horizon + (canvas.height * 0.93 - horizon) * t**1.25
        high = canvas.height * (0.13 - 0.055 * t)
        top = base - high * ridge(canvas, canvas.width / (2.2 + 1.5 * t), 7, 0.5 - 0.06 * t)
        if number >= count - 2:
            top = firs(canvas, top, canvas.height * (0.03 + 0.05 * t), 150 - 40 * number // count)
        tint = haze + (near - haze) * (0.22 + 0.78 * t**1.15)
        mist = haze + (near - haze) * (0.05 + 0.7 * t**1.6)
        picture = layer(canvas, picture, top.astype(np.float32), tint, mist, canvas.height * 0.16)
    return picture


def peaks(canvas: Canvas) -> Picture:
    """Rock and snow above dark woods."""
    horizon = canvas.height * float(canvas.random.uniform(0.62, 0.7))
    sun = (canvas.width * float(canvas.random.uniform(0.1, 0.9)), horizon * 0.3)
    picture = sky(canvas, horizon, sun if canvas.palette is not NIGHT else None)
    picture = clouds(canvas, picture, horizon, float(canvas.random.uniform(0.1, 0.55)))
    haze, near = colour(canvas.palette.haze), colour(canvas.palette.near)
    light = colour(canvas.palette.sun)
    for number, far in enumerate((0.62, 0.3)):
        line = ridge(canvas, canvas.width / (2.0 + number), 8, 0.55)
        top = horizon * (0.62 + 0.16 * number) - line * horizon * (0.3 - 0.08 * number)
        first = max(0, int(top.min()) - 1)
        rows = canvas.rows[first:]
        depth = rows - top[None, :]
        cover = np.clip(depth + 0.5, 0, 1).astype(np.float32)
        # A face is lit or not by which way it falls; ridges run down at a slant.
        rough = noise(canvas, (canvas.width / 14, canvas.height / 9), 6)[first:]
        slope = np.gradient(np.convolve(top, np.ones(25) / 25, "same")).astype(np.float32)
        slant = np.clip(canvas.columns + depth * 0.55, 0, canvas.width - 1).astype(np.int32)
        lit = smooth(
            slope[slant] * (1 if sun[0] > canvas.width / 2 else -1) + rough - 0.5, -0.3, 0.35
        )
        rock = mix(
            np.broadcast_to(near + (haze - near) * 0.25, (*lit.shape, 3)),
            near + (light - near) * 0.42,
            lit,
        )
        snow = smooth(rough * 0.5 - depth / (horizon * 0.62) + 0.32, 0.12, 0.24)
        shadowed = colour("#8fa5c4") + (haze - colour("#8fa5c4")) * 0.3
        white = mix(np.broadcast_to(shadowed, rock.shape), light, lit)
        face = mix(mix(rock, white, snow * 0.92), haze, far * 0.72 + 0.0 * lit)
        face = mix(face, haze, 0.75 * smooth(depth, horizon * 0.12, horizon * 0.42))
        picture[first:] = mix(picture[first:], face, cover)
    for t in (0.35, 0.7, 1.0):
        base = horizon + (canvas.height - horizon) * (t - 0.3) * 0.9
        top = base - canvas.height * 0.05 * ridge(canvas, canvas.width / 2.5, 5)
        top = firs(canvas, top, canvas.height * (0.03 + 0.06 * t), 200)
        tint = haze + (near - haze) * (0.45 + 0.55 * t)
        mist = haze + (near - haze) * (0.2 + 0.75 * t)
        picture = layer(canvas, picture, top.astype(np.float32), tint, mist, canvas.height * 0.14)
    return picture


def dunes(canvas: Canvas) -> Picture:
    """Sand: smooth crests with a lit and a shadowed side, and ripples."""
    horizon = canvas.height * float(canvas.random.uniform(0.3, 0.42))
    picture = sky(canvas, horizon, (canvas.width * 0.82, horizon * 0.55))
    haze, near = colour(canvas.palette.haze), colour(canvas.palette.near)
    light = haze + (colour(canvas.palette.sun) - haze) * 0.35
    count = 6
    for number in range(count):
        t = number / (count - 1)
        base = horizon + (canvas.height * 0.86 - horizon) * t**1.4
        # Three times as wide: what lights the dune at its edge lies beyond the picture.
        wide = replace(canvas, width=canvas.width * 3)
        line = ridge(wide, canvas.width / (1.4 + 1.2 * (1 - t)), 3, 0.34)
        whole = (base - canvas.height * (0.035 + 0.075 * t) * line).astype(np.float32)
        top = whole[canvas.width : canvas.width * 2]
        first = max(0, int(top.min()) - 1)
        depth = canvas.rows[first:] - top[None, :]
        cover = np.clip(depth + 0.5, 0, 1).astype(np.float32)
        slope = np.gradient(np.convolve(whole, np.ones(61) / 61, "same")).astype(np.float32)
        # The crest comes down the dune towards us, and wanders.
        wander = (ridge(canvas, canvas.width / 3, 3) * 60)[None, :]
        slant = (canvas.width + canvas.columns - depth * (1.1 + 0.5 * t) + wander * 0.3).astype(
            np.int32
        ) % wide.width
        lit = smooth(-slope[slant], -0.10, 0.10)
        ripple = np.sin(depth * (0.5 / (0.3 + t)) + 7 * noise(canvas, (260, 130), 2)[first:])
        lit = np.clip(lit + 0.05 * t * ripple, 0, 1)
        shade = near + (haze - near) * (0.72 - 0.62 * t)
        bright = light + (haze - light) * (0.75 - 0.6 * t)
        body = mix(np.broadcast_to(shade, (*lit.shape, 3)), bright, lit)
        body = mix(body, haze, 0.45 * smooth(depth, 0, canvas.height * 0.3) * (1 - t))
        picture[first:] = mix(picture[first:], body, cover)
    return picture


def wood(canvas: Canvas) -> Picture:
    """Trunks in fog, and light from behind."""
    haze, near = colour(canvas.palette.haze), colour(canvas.palette.near)
    picture = sky(canvas, canvas.height * 0.9, (canvas.width * 0.55, canvas.height * 0.28))
    picture = mix(picture, haze, 0.35)
    count = 7
    for number in range(count):
        t = number / (count - 1)
        tint = haze + (near - haze) * (0.12 + 0.88 * t**1.2)
        mask = Image.new("L", (canvas.width, canvas.height), 0)
        draw = ImageDraw.Draw(mask)
        ground = canvas.height * (0.74 + 0.2 * t)
        for _ in range(int(26 - 20 * t)):
            x = float(canvas.random.uniform(-0.02, 1.02)) * canvas.width
            thick = canvas.width * (0.003 + 0.016 * t**1.6) * float(canvas.random.uniform(0.6, 1.3))
            lean = float(canvas.random.normal(0, 0.02)) * canvas.height
            draw.polygon(
                [
                    (x - thick, ground + 20),
                    (x - thick * 0.45 + lean, -10),
                    (x + thick * 0.45 + lean, -10),
                    (x + thick, ground + 20),
                ],
                fill=255,
            )
            for _ in range(int(7 + 8 * t)):
                high = float(canvas.random.uniform(0.02, 0.75))
                side = 1 if canvas.random.random() < 0.5 else -1
                long = canvas.width * (0.015 + 0.07 * t) * float(canvas.random.uniform(0.3, 1))
                y = ground * high
                where = x + lean * (1 - high)
                draw.line(
                    [(where, y), (where + side * long, y - long * 0.45)],
                    fill=255,
                    width=max(1, int(thick * 0.25)),
                )
        soft = mask.filter(ImageFilter.GaussianBlur(0.8 + 2.2 * (1 - t)))
        cover = np.asarray(soft, dtype=np.float32) / 255
        picture = mix(picture, tint, cover)
        top = ground - canvas.height * 0.025 * ridge(canvas, canvas.width / 5, 6, 0.62)
        mist = haze + (near - haze) * (0.1 + 0.8 * t)
        picture = layer(canvas, picture, top.astype(np.float32), tint, mist, canvas.height * 0.1)
    # Beams: light that finds its way between the trunks.
    angle = canvas.columns - canvas.width * 0.55 - (canvas.rows - canvas.height * 0.28) * 0.35
    beams = ridge(canvas, canvas.width / 18, 4, 0.7)
    at = np.clip(angle + canvas.width * 0.5, 0, canvas.width - 1).astype(np.int32)
    fall = np.exp(-canvas.rows / (canvas.height * 0.75)).astype(np.float32)
    return mix(picture, colour(canvas.palette.sun), 0.22 * smooth(beams[at], 0.1, 1.1) * fall)


# -- Water ---------------------------------------------------------------------------------


def water(canvas: Canvas, picture: Picture, horizon: float, sun_x: float | None) -> Picture:
    """What is above the row ``horizon`` mirrored below it, with waves."""
    row = int(horizon)
    below = canvas.height - row
    ripple = noise(canvas, (canvas.width / 9, canvas.height / 60), 5)
    depth = np.arange(below, dtype=np.float32) / max(below - 1, 1)
    # Waves lie ever closer towards the horizon.
    wave = ripple[(depth**0.45 * (canvas.height - 1)).astype(np.int32)] - 0.5
    reach = np.clip(row - 1 - depth * min(row, below * 1.25), 0, row - 1)[:, None]
    shift = wave * (14 + 90 * depth[:, None])
    source = np.clip(reach + shift, 0, row - 1).astype(np.int32)
    mirrored = picture[source, np.broadcast_to(np.arange(canvas.width), source.shape)]
    deep = (
        colour(canvas.palette.near)
        + (colour(canvas.palette.sky[1]) - colour(canvas.palette.near)) * 0.45
    )
    body = mix(mirrored, deep, (0.30 + 0.42 * depth[:, None] + 0.0 * wave).astype(np.float32))
    body = body * (1 + wave[..., None] * (0.22 + 0.25 * depth[:, None, None]))
    if sun_x is not None:
        wide = canvas.width * (0.015 + 0.13 * depth[:, None])
        path = np.exp(-(((canvas.columns - sun_x) / wide) ** 2))
        sparkle = smooth(wave + 0.25 * path, 0.03, 0.2)
        body = mix(body, colour(canvas.palette.sun), (0.85 * path * sparkle).astype(np.float32))
    out = picture.copy()
    out[row:] = body
    # The horizon itself is never sharp.
    edge = np.exp(-(((canvas.rows - row) / 3.0) ** 2)).astype(np.float32)
    return mix(out, colour(canvas.palette.haze), 0.35 * edge * np.ones_like(canvas.columns))


def sea(canvas: Canvas) -> Picture:
    """Open water, a low sun, perhaps a headland."""
    horizon = canvas.height * float(canvas.random.uniform(0.48, 0.6))
    sun = (
        canvas.width * float(canvas.random.uniform(0.25, 0.75)),
        horizon * float(canvas.random.uniform(0.68, 0.9)),
    )
    picture = sky(canvas, horizon, sun)
    picture = clouds(canvas, picture, horizon, float(canvas.random.uniform(0.4, 0.95)))
    haze, near = colour(canvas.palette.haze), colour(canvas.palette.near)
    side = 1 if sun[0] < canvas.width / 2 else -1
    for far, high in ((0.45, 0.10), (0.75, 0.06)):
        slope = np.linspace(-1, 1, canvas.width, dtype=np.float32) * side
        rise = np.clip(slope - 0.1 - 0.35 * far, 0, None) ** 0.8
        top = (
            horizon
            + 3
            - canvas.height * high * rise * (1.6 + 0.5 * ridge(canvas, canvas.width / 6, 7))
        )
        tint = haze + (near - haze) * far
        picture = layer(canvas, picture, top.astype(np.float32), tint, tint, canvas.height * 0.3)
    return water(canvas, picture, horizon, sun[0])


def milky_way(canvas: Canvas) -> Picture:
    """Mountains at night, the Milky Way above them and in the water."""
    horizon = canvas.height * 0.64
    picture = stars(canvas, sky(canvas, horizon, None), horizon, galaxy=True)
    return _lake(canvas, picture, horizon)


def northern_lights(canvas: Canvas) -> Picture:
    """Mountains at night under an aurora."""
    horizon = canvas.height * 0.64
    picture = stars(canvas, sky(canvas, horizon, None), horizon, galaxy=False)
    return _lake(canvas, aurora(canvas, picture, horizon), horizon)


def _lake(canvas: Canvas, picture: Picture, horizon: float) -> Picture:
    haze, near = colour(canvas.palette.haze), colour(canvas.palette.near)
    for t in (0.25, 0.6, 1.0):
        top = horizon - canvas.height * (0.16 - 0.1 * t) * (
            0.9 + ridge(canvas, canvas.width / 2.4, 8, 0.52)
        )
        if t == 1.0:
            top = firs(canvas, top, canvas.height * 0.05, 260)
        top = np.minimum(top, horizon + 2)
        tint = haze + (near - haze) * (0.35 + 0.65 * t)
        picture = layer(
            canvas, picture, top.astype(np.float32), tint, haze * 0.7, canvas.height * 0.2
        )
    return water(canvas, picture, horizon, None)


# -- What people build ---------------------------------------------------------------------


def city(canvas: Canvas) -> Picture:
    """A skyline across the water, its windows lit."""
    horizon = canvas.height * float(canvas.random.uniform(0.58, 0.66))
    sun_x = canvas.width * float(canvas.random.uniform(0.2, 0.8))
    picture = sky(canvas, horizon, (sun_x, horizon * 0.9))
    picture = clouds(canvas, picture, horizon, float(canvas.random.uniform(0.3, 0.8)))
    haze, near = colour(canvas.palette.haze), colour(canvas.palette.near)
    for t in (0.3, 0.6, 1.0):
        sheet = Image.new("L", (canvas.width, canvas.height), 0)
        lamps = Image.new("L", (canvas.width, canvas.height), 0)
        body, lit = ImageDraw.Draw(sheet), ImageDraw.Draw(lamps)
        x = -20.0
        while x < canvas.width:
            wide = canvas.width * float(canvas.random.uniform(0.012, 0.04)) * (0.6 + 0.5 * t)
            middle = math.exp(-(((x / canvas.width) - 0.5) ** 2) * 5)
            tall = horizon * (0.08 + 0.38 * middle * float(canvas.random.random()) ** 1.7)
            tall *= 1.25 - 0.45 * t
            top = horizon - tall
            body.rectangle([x, top, x + wide, horizon + 2], fill=255)
            if canvas.random.random() < 0.3:
                body.polygon(
                    [(x, top), (x + wide / 2, top - wide * 0.8), (x + wide, top)], fill=255
                )
            if canvas.random.random() < 0.12:
                body.line(
                    [(x + wide / 2, top), (x + wide / 2, top - tall * 0.25)], fill=255, width=2
                )
            step = max(5.0, canvas.height * 0.0075)
            for row in np.arange(top + step, horizon - step, step * 1.5):
                for column in np.arange(x + step * 0.7, x + wide - step * 0.7, step * 1.2):
                    if canvas.random.random() < 0.1 + 0.25 * t:
                        lit.rectangle(
                            [column, row, column + step * 0.5, row + step * 0.7],
                            fill=int(canvas.random.integers(90, 255)),
                        )
            x += wide + float(canvas.random.uniform(-4, 6))
        cover = np.asarray(sheet, dtype=np.float32) / 255
        tint = haze + (near - haze) * (0.35 + 0.6 * t)
        picture = mix(picture, tint, cover)
        glow = np.asarray(lamps, dtype=np.float32) / 255 * cover
        picture = mix(picture, colour("#ffd58a"), glow * (0.35 + 0.5 * t))
    return water(canvas, picture, horizon, sun_x)


_WALLS = ("#f6efe2", "#f2d9b8", "#e9b98a", "#e8a598", "#f3e6c4", "#d8e3e8", "#f0c7a0", "#efe0d6")
_ROOFS = ("#b9553a", "#c4613f", "#a84b36", "#cf7450")
_DOORS = ("#2f6b5a", "#2f5d8c", "#8c2f39", "#6b4a2f")


def houses(canvas: Canvas) -> Picture:
    """A town on a hill, row above row, in the afternoon."""
    horizon = canvas.height * 0.36
    picture = sky(canvas, canvas.height * 0.6, (canvas.width * 0.12, canvas.height * 0.1))
    picture = clouds(canvas, picture, horizon * 1.4, float(canvas.random.uniform(0.1, 0.5)))
    # Twice as large, then halved: Pillow draws without smoothing edges.
    large = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8)).resize(
        (canvas.width * 2, canvas.height * 2)
    )
    draw = ImageDraw.Draw(large)
    haze = colour(canvas.palette.haze)
    rows = 7
    hill = ridge(canvas, canvas.width / 1.3, 3, 0.4)
    for number in range(rows):
        t = number / (rows - 1)
        size = canvas.height * (0.09 + 0.17 * t) * 2
        base = canvas.height * 2 * (0.40 + 0.66 * t)
        x = -size * float(canvas.random.random())
        while x < canvas.width * 2:
            wide = size * float(canvas.random.uniform(0.55, 1.1))
            at = int(np.clip(x / 2, 0, canvas.width - 1))
            foot = base - float(hill[at]) * canvas.height * 0.16 * (1 - t)
            tall = size * float(canvas.random.uniform(0.8, 1.35))
            _house(canvas, draw, (x, foot, wide, tall), haze, 0.55 * (1 - t) ** 1.3)
            x += wide * float(canvas.random.uniform(0.96, 1.02))
    small = large.reduce(2)
    return np.asarray(small, dtype=np.float32) / 255


def _house(
    canvas: Canvas,
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float, float, float],
    haze: Picture,
    far: float,
) -> None:
    x, foot, wide, tall = place

    def paint(text: str | Picture, dark: float = 1.0) -> tuple[int, int, int]:
        tint = (colour(text) if isinstance(text, str) else text) * dark
        red, green, blue = ((tint + (haze - tint) * far) * 255).astype(int).tolist()
        return red, green, blue

    wall = str(canvas.random.choice(_WALLS))
    roof = str(canvas.random.choice(_ROOFS))
    top = foot - tall
    shadow = wide * 0.24
    draw.rectangle([x, top, x + wide, foot + tall], fill=paint(wall))
    draw.rectangle([x + wide - shadow, top, x + wide, foot + tall], fill=paint(wall, 0.84))
    rise = wide * float(canvas.random.uniform(0.16, 0.3))
    eave = wide * 0.05
    draw.polygon(
        [
            (x - eave, top),
            (x + wide * 0.18, top - rise),
            (x + wide * 0.82, top - rise),
            (x + wide + eave, top),
        ],
        fill=paint(roof),
    )
    draw.polygon(
        [
            (x + wide * 0.82, top - rise),
            (x + wide + eave, top),
            (x + wide - shadow, top),
            (x + wide * 0.68, top - rise),
        ],
        fill=paint(roof, 0.82),
    )
    for line in range(1, 5):
        y = top - rise * line / 5
        inset = wide * 0.2 * line / 5
        draw.line(
            [(x - eave + inset, y), (x + wide + eave - inset, y)], fill=paint(roof, 0.9), width=2
        )
    draw.rectangle([x - eave, top - 3, x + wide + eave, top + wide * 0.025], fill=paint(wall, 0.72))
    columns = 2 if wide < tall * 0.7 else 3
    floors = 3 if tall > wide else 2
    for floor in range(floors):
        for column in range(columns):
            if canvas.random.random() < 0.1:
                continue
            w, h = wide * 0.36 / columns * 1.3, tall * 0.44 / floors * 1.25
            left = x + wide * (column + 0.5) / columns - w / 2
            y = top + tall * (floor + 0.28) / floors
            draw.rectangle(
                [left - w * 0.16, y - h * 0.1, left + w * 1.16, y + h * 1.12], fill=paint("#fbf7ee")
            )
            glass = float(canvas.random.uniform(0.75, 1.25))
            draw.rectangle(
                [left, y, left + w, y + h], fill=paint(np.minimum(colour("#3f5566") * glass, 1))
            )
            draw.line(
                [(left + w / 2, y), (left + w / 2, y + h)],
                fill=paint("#f3ede0"),
                width=max(2, int(w * 0.08)),
            )
            draw.line(
                [(left, y + h * 0.45), (left + w, y + h * 0.45)],
                fill=paint("#f3ede0"),
                width=max(2, int(w * 0.08)),
            )
            if canvas.random.random() < 0.35:
                blind = str(canvas.random.choice(_DOORS))
                draw.rectangle([left - w * 0.45, y, left - w * 0.16, y + h], fill=paint(blind))
                draw.rectangle([left + w * 1.16, y, left + w * 1.45, y + h], fill=paint(blind, 0.9))


def tiles(canvas: Canvas) -> Picture:
    """Glazed tiles, as façades in Lisbon have them."""
    count = int(canvas.random.integers(4, 7))
    size = min(canvas.width, canvas.height) / count
    # A little bent, as a wall seen by a hand-held camera.
    bend = canvas.height * 0.02
    x = canvas.columns + bend * np.sin(canvas.rows / canvas.height * 2.2)
    y = canvas.rows + bend * np.sin(canvas.columns / canvas.width * 2.6)
    u = np.abs(np.mod(x / size, 1) * 2 - 1)
    v = np.abs(np.mod(y / size, 1) * 2 - 1)
    u, v = np.maximum(u, v), np.minimum(u, v)
    r, angle = np.hypot(u, v), np.arctan2(v, u)
    petals = int(canvas.random.integers(2, 5)) * 4
    rose = 0.34 + 0.16 * np.cos(angle * petals)
    ring = float(canvas.random.uniform(0.6, 0.75))
    corner = np.hypot(1 - u, 1 - v)
    ink = [colour(text) for text in ("#f4f1e6", "#1f4e9c", "#5d8fd0", "#e5b44a", "#173668")]
    picture = np.broadcast_to(ink[0], (canvas.height, canvas.width, 3)).copy()
    soft = 3.0 / size

    def stamp(distance: Plane, tint: Picture) -> None:
        nonlocal picture
        picture = mix(picture, tint, 1 - smooth(distance.astype(np.float32), -soft, soft))

    stamp(r - rose, ink[1])
    stamp(r - rose * 0.72, ink[2])
    stamp(r - 0.13, ink[3])
    stamp(np.abs(r - ring) - 0.028, ink[1])
    stamp(np.abs(r - ring - 0.09) - 0.012, ink[3])
    stamp(corner - 0.42, ink[2])
    stamp(corner - 0.33, ink[0])
    stamp(corner - 0.26 - 0.06 * np.cos(np.arctan2(1 - v, 1 - u) * 8), ink[4])
    stamp(corner - 0.1, ink[3])
    stamp(np.abs(u - v) * 0.7 + np.abs(r - 0.95) * 0.7 - 0.07, ink[1])
    gap = np.minimum(1 - u, 1 - v)
    picture = mix(picture, colour("#b9b2a2"), 1 - smooth(gap.astype(np.float32), 0.004, 0.02))
    # No two were fired alike, and the glaze has a bloom of light.
    number = (np.floor(x / size).astype(int) * 7919 + np.floor(y / size).astype(int) * 104729) % 97
    tone = (number / 97 - 0.5).astype(np.float32) * 0.1
    glaze = noise(canvas, (size / 2, size / 2), 5) - 0.5
    shine = np.exp(
        -np.hypot(x - canvas.width * 0.25, y - canvas.height * 0.2) / canvas.height * 2.2
    )
    picture = picture * (0.86 + tone + 0.14 * glaze)[..., None]
    lit: Picture = (picture + 0.3 * shine[..., None].astype(np.float32)).astype(np.float32)
    return lit


# -- Small things --------------------------------------------------------------------------


def flowers(canvas: Canvas) -> Picture:
    """Flowers near the lens, and lights out of focus behind them."""
    stops = [colour(text) for text in ("#16301f", "#3f6a3a", "#a9b86a", "#f0dfa0")]
    blur = noise(canvas, (canvas.width / 2, canvas.height / 2), 3)
    t = np.clip(blur * 1.6 - 0.3 + 0.35 * (1 - canvas.rows / canvas.height), 0, 1) * 3
    low = np.clip(t.astype(np.int32), 0, 2)
    table = np.stack(stops)
    picture = mix(table[low], table[low + 1], (t - low).astype(np.float32))
    picture = _bokeh(canvas, picture, ("#ffe9b0", "#f6ffd0", "#ffd2c4"), 46)
    scale = 2
    large = Image.new("RGBA", (canvas.width * scale, canvas.height * scale), (0, 0, 0, 0))
    draw = ImageDraw.Draw(large)
    heads = ("#f7f3ff", "#ffd9e4", "#f9b7c9", "#fff0c2", "#cfd8ff", "#ff9f8a")
    head = str(canvas.random.choice(heads))
    places = sorted(
        (
            float(canvas.random.uniform(0.22, 0.75)),
            float(canvas.random.uniform(0.08, 0.92)),
            float(canvas.random.uniform(0.6, 1.0)),
        )
        for _ in range(int(canvas.random.integers(6, 10)))
    )
    for y, x, near in places:
        _flower(canvas, draw, (x * large.width, y * large.height), near * large.height * 0.12, head)
    sharp = np.asarray(large.reduce(scale), dtype=np.float32) / 255
    return mix(picture, sharp[..., :3] / np.maximum(sharp[..., 3:], 1e-3), sharp[..., 3])


def _bokeh(canvas: Canvas, picture: Picture, tints: Sequence[str], count: int) -> Picture:
    for tint in tints:
        sheet = Image.new("L", (canvas.width // 2, canvas.height // 2), 0)
        draw = ImageDraw.Draw(sheet)
        for _ in range(count // len(tints)):
            x = float(canvas.random.uniform(0, sheet.width))
            y = float(canvas.random.uniform(0, sheet.height))
            r = sheet.height * float(canvas.random.uniform(0.01, 0.06))
            light = int(canvas.random.integers(40, 150))
            # An open lens draws a light as a disc, a little brighter at its rim.
            draw.ellipse(
                [x - r, y - r, x + r, y + r], fill=light, outline=min(255, light + 45), width=2
            )
        soft = sheet.filter(ImageFilter.GaussianBlur(1.6)).resize((canvas.width, canvas.height))
        picture = mix(picture, colour(tint), np.asarray(soft, dtype=np.float32) / 255 * 0.8)
    return picture


def _flower(
    canvas: Canvas,
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    size: float,
    tint: str,
) -> None:
    x, y = at
    bend = float(canvas.random.normal(0, 0.5)) * size
    stem = [(x + bend * s * s, y + canvas.height * 2 * s) for s in np.linspace(0, 1, 40)]
    draw.line(stem, fill=(48, 92, 52, 255), width=max(3, int(size * 0.07)), joint="curve")
    count = int(canvas.random.integers(9, 15))
    turn = float(canvas.random.uniform(0, 2 * math.pi))
    flat = float(canvas.random.uniform(0.62, 0.95))
    base = colour(tint)
    for ring, dark in ((1.0, 0.84), (0.86, 1.0)):
        for number in range(count):
            angle = turn + (number + (0.5 if ring < 1 else 0)) * 2 * math.pi / count
            shade = dark * (0.9 + 0.1 * math.cos(angle - 4.0))
            red, green, blue = (np.clip(base * shade, 0, 1) * 255).astype(int).tolist()
            outline = []
            for s in np.linspace(0, 1, 22):
                long = ring * size * s
                wide = size * 0.17 * math.sqrt(max(0.0, 1 - (2 * s - 1) ** 2)) * (0.7 + 0.5 * s)
                outline.append((long, wide))
            points = outline + [(long, -wide) for long, wide in reversed(outline)]
            cos, sin = math.cos(angle), math.sin(angle)
            draw.polygon(
                [
                    (x + long * cos - wide * sin, y + (long * sin + wide * cos) * flat)
                    for long, wide in points
                ],
                fill=(red, green, blue, 255),
            )
    heart = size * 0.24
    draw.ellipse(
        [x - heart, y - heart * flat, x + heart, y + heart * flat], fill=(214, 150, 36, 255)
    )
    for _ in range(70):
        angle, far = canvas.random.uniform(0, 2 * math.pi), canvas.random.random() ** 0.5 * heart
        dot = size * 0.022
        px, py = x + far * math.cos(angle), y + far * math.sin(angle) * flat
        light = int(canvas.random.integers(0, 60))
        draw.ellipse(
            [px - dot, py - dot, px + dot, py + dot], fill=(190 + light, 120 + light, 30, 255)
        )


def street(canvas: Canvas) -> Picture:
    """A wet street at night, all lights."""
    stops = colour("#0a0d1c"), colour("#2b2140")
    picture = mix(
        np.broadcast_to(stops[0], (canvas.height, canvas.width, 3)),
        stops[1],
        smooth(1 - np.abs(canvas.rows / canvas.height - 0.5) * 2, 0, 1)
        * np.ones_like(canvas.columns),
    )
    picture = mix(
        picture,
        colour("#51305a"),
        0.5 * noise(canvas, (canvas.width / 3, canvas.height / 3), 4) ** 2,
    )
    lights = ("#ffb347", "#ff6b6b", "#7fd6ff", "#ffe29a", "#c58bff", "#6bffb8")
    half = canvas.height // 2
    top = picture.copy()
    for tint in lights:
        sheet = Image.new("L", (canvas.width // 2, canvas.height // 2), 0)
        draw = ImageDraw.Draw(sheet)
        for _ in range(16):
            x = float(canvas.random.normal(0.5, 0.3)) * sheet.width
            y = sheet.height * (0.5 - abs(float(canvas.random.normal(0, 0.14))))
            r = sheet.height * float(canvas.random.uniform(0.008, 0.045))
            light = int(canvas.random.integers(60, 220))
            draw.ellipse(
                [x - r, y - r, x + r, y + r], fill=light, outline=min(255, light + 35), width=2
            )
        soft = np.asarray(
            sheet.filter(ImageFilter.GaussianBlur(1.4)).resize((canvas.width, canvas.height)),
            dtype=np.float32,
        )
        top = mix(top, colour(tint), soft / 255 * 0.85)
        glow = np.asarray(
            sheet.filter(ImageFilter.GaussianBlur(sheet.height / 22)).resize(
                (canvas.width, canvas.height)
            ),
            dtype=np.float32,
        )
        top = mix(top, colour(tint), np.clip(glow / 255 * 0.9, 0, 0.6))
    out = top.copy()
    # Wet asphalt mirrors lights as long, broken streaks.
    mirror = top[half - 1 :: -1][: canvas.height - half]
    streak = (
        np.asarray(
            Image.fromarray((np.clip(mirror, 0, 1) * 255).astype(np.uint8))
            .filter(ImageFilter.BoxBlur(3))
            .resize((canvas.width, max(1, mirror.shape[0] // 24)), Image.Resampling.BOX)
            .resize((canvas.width, mirror.shape[0]), Image.Resampling.BICUBIC),
            dtype=np.float32,
        )
        / 255
    )
    depth = np.arange(mirror.shape[0], dtype=np.float32)[:, None] / mirror.shape[0]
    puddles = smooth(noise(canvas, (canvas.width / 5, canvas.height / 14), 5), 0.42, 0.56)
    puddles = puddles[half : half + mirror.shape[0]]
    rough = noise(canvas, (9, 3), 2)[half : half + mirror.shape[0]]
    asphalt = streak * (0.25 + 0.35 * rough)[..., None]
    wet = mix(streak, mirror, 0.5) * 0.85
    out[half : half + mirror.shape[0]] = mix(asphalt, wet, puddles * (1 - 0.5 * depth))
    return out


# -- The camera ----------------------------------------------------------------------------


def digital(canvas: Canvas, picture: Picture, sensitivity: int) -> Image.Image:
    """As a digital camera would have it: corners a little darker, noise by its ISO."""
    far = np.hypot(canvas.columns / canvas.width - 0.5, canvas.rows / canvas.height - 0.5).astype(
        np.float32
    )
    picture = picture * (1 - 0.42 * np.clip(far - 0.28, 0, None) ** 1.5)[..., None]
    return _develop(canvas, picture, 0.004 + 0.012 * math.log2(max(sensitivity, 100) / 100) / 6)


def film(canvas: Canvas, picture: Picture) -> Image.Image:
    """As colour negative film, overexposed a little: soft blacks, warm lights, grain."""
    picture = np.clip(picture, 0, 1)
    lifted = 0.055 + 0.93 * picture
    curve = lifted + 0.055 * np.sin((lifted - 0.5) * 2 * np.pi) * -1.0 + 0.02
    tone = curve * np.array([1.045, 1.0, 0.94], dtype=np.float32)
    tone += np.array([0.0, 0.012, 0.022], dtype=np.float32) * (1 - curve)
    if canvas.random.random() < 0.3:
        # Light that found its way into the camera.
        edge = np.exp(-canvas.columns / (canvas.width * 0.09)) * (
            0.45 + 0.3 * np.sin(canvas.rows / canvas.height * 4)
        )
        tone = mix(tone.astype(np.float32), colour("#ff8a3c"), edge.astype(np.float32) * 0.75)
    return _develop(canvas, tone.astype(np.float32), 0.019)


def _develop(canvas: Canvas, picture: Picture, grain: float) -> Image.Image:
    size = (canvas.height // 2 + 1, canvas.width // 2 + 1)
    coarse = canvas.random.standard_normal(size, dtype=np.float32)
    speckle = np.asarray(
        Image.fromarray(coarse).resize((canvas.width, canvas.height), Image.Resampling.BILINEAR)
    )
    out = np.clip(picture + speckle[..., None] * grain * 1.4, 0, 1)
    return Image.fromarray((out * 255 + 0.5).astype(np.uint8))
