"""Tailwind's palette as a yardstick for colors, and eight hues.

Every color has a token, the nearest of 242 shades, black or white, measured in OKLab: `family-shade` (`blue-500`). Its
hue is another question, for the nearest shade is often one of another hue that is as light and as vivid: a color of the
palette has the hue of its family, any other color the hue of its OKLCH angle. OKLab and its matrices: Björn Ottosson,
https://bottosson.github.io/posts/oklab/.

Where one hue ends and the next begins is the midpoint between the angles of the neighboring families' 500 shades: blue
(259.8) begins at 248.6, halfway from sky (237.3). By these angles and by their chroma, 227 of v3's 242 shades are in
their family's bin, grays in none. The others are yellow's dark shades, amber's light ones and the darkest of orange,
emerald, teal and cyan, whose angles drift.

Below a chroma of .05 a color has no hue. Above a lightness of .85 less suffices, a third of what is missing to white,
but never below .01. That separates the palette: no shade of a gray family reaches the line (slate-500 comes nearest,
.046; among the light ones olive and slate, .25 of what is missing to white), and of v3's 187 shades with a hue only
emerald-950 and teal-950 lie below it (.046; of the light ones red-50 comes nearest, .45 of what is missing to white).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import cache, lru_cache
from typing import NamedTuple

from scorers.tailwind.utility import data

Lab = tuple[float, float, float]
_Rgb = tuple[int, int, int]


class Color(NamedTuple):
    """A color that is used: its palette token, the bin of its hue (None for grays, black and white), and its lightness
    in OKLCH, 0 to 1."""

    token: str
    hue: str | None = None
    lightness: float = 0.0


UNRESOLVED = Color("")
"""A color whose definition is not in the code: nobody can tell which one it is."""

# What unresolved colors were called in samples that were stored before they were counted apart.
CUSTOM = "custom:"
# Eight bins of hue. Blue to purple is one bin: moving within it is what "the blue/purple problem" does.
HUE_BINS = {
    **dict.fromkeys(("red", "rose"), "red"),
    **dict.fromkeys(("orange", "amber"), "orange"),
    **dict.fromkeys(("yellow", "lime"), "yellow"),
    **dict.fromkeys(("green", "emerald"), "green"),
    **dict.fromkeys(("teal", "cyan"), "teal"),
    "sky": "sky",
    **dict.fromkeys(("blue", "indigo", "violet", "purple"), "blue_purple"),
    **dict.fromkeys(("fuchsia", "pink"), "pink"),
}
BLUE_PURPLE = "blue_purple"
_BIN_STARTS = (0.0, 5.3, 36.5, 78.1, 140.2, 172.5, 226.3, 248.6, 313.0)
_BINS = ("pink", "red", "orange", "yellow", "green", "teal", "sky", "blue_purple", "pink")
_CHROMA_FLOOR = 0.05
_CHROMA_FLOOR_TO_WHITE = 1 / 3
_LEAST_CHROMA_FLOOR = 0.01
# Colors are written to three digits; a color of the palette is recognized within that.
_SAME = 0.002


def family(token: str) -> str:
    """The color family of a token.

    >>> family("blue-500"), family("white"), family("custom:brand-500")
    ('blue', 'white', 'custom:brand-500')
    """
    return token if token.startswith(CUSTOM) else token.partition("-")[0]


def hue_bin(token: str) -> str | None:
    """The hue bin of a token, or None for grays, black, white and custom colors, which have no hue."""
    return HUE_BINS.get(family(token))


def hue_of(lab: Lab) -> str | None:
    """The hue bin of any color by its angle in OKLCH; None for one that is too gray to have a hue.

    >>> hue_of((0.658, -0.061, -0.158)), hue_of((0.956, -0.003, -0.006))
    ('blue_purple', None)
    """
    lightness, a, b = lab
    floor = min(_CHROMA_FLOOR, max(_LEAST_CHROMA_FLOOR, (1 - lightness) * _CHROMA_FLOOR_TO_WHITE))
    if math.hypot(a, b) < floor:
        return None
    return _BINS[bisect_right(_BIN_STARTS, math.degrees(math.atan2(b, a)) % 360) - 1]


@cache
def named(token: str) -> Color:
    """The color of that name in the palette.

    >>> named("indigo-300").hue, named("slate-500").hue, named("black").lightness
    ('blue_purple', None, 0.0)
    """
    return Color(token, hue_bin(token), palette()[token][0])


@cache
def palette() -> dict[str, Lab]:
    """Every named color of the palette in OKLab."""
    raw = data()["palette"]
    colors = {name: _from_oklch(*(float(part) for part in text.split())) for name, text in raw.items()}
    return colors | {"black": (0.0, 0.0, 0.0), "white": (1.0, 0.0, 0.0)}


@cache
def _yardstick() -> tuple[tuple[str, Lab], ...]:
    """The shades that any color may be nearest to: the 22 families that v3 and v4 share. v4 added four more near-grays
    (mauve, olive, mist, taupe); a plain `#888` would be called olive for its lightness alone."""
    shared = frozenset(str(data()["v3"]["families"]).split()) | {"black", "white"}
    return tuple((name, lab) for name, lab in palette().items() if family(name) in shared)


@lru_cache(maxsize=1 << 14)
def color_of(css: str) -> Color | None:
    """What a CSS color is, or None for what is no color or fully transparent.

    >>> color_of("#1976d2")[:2], color_of("#64748b")[:2]
    (('sky-600', 'blue_purple'), ('slate-500', None))
    >>> [color_of(css) for css in ("transparent", "currentColor", "solid", "#12")]
    [None, None, None, None]
    """
    parsed = _parse(css)
    if parsed is None:
        return None
    lab, rgb = parsed
    distance, nearest = min((math.dist(shade, lab), name) for name, shade in _yardstick())
    same = _as_written().get(rgb) if rgb else nearest if distance < _SAME else None
    return Color(nearest, hue_bin(same) if same else hue_of(lab), lab[0])


def token_of(css: str) -> str | None:
    """The palette token nearest to a CSS color; None as in `color_of`.

    >>> [token_of(css) for css in ("#3b82f6", "rgb(59 130 246 / 50%)", "white", "hsl(0, 100%, 50%)", "transparent")]
    ['blue-500', 'blue-500', 'white', 'red-500', None]
    """
    color = color_of(css)
    return None if color is None else color.token


@cache
def _as_written() -> dict[_Rgb, str]:
    """The palette's colors in eight bits: as v3 wrote them, and as screens show those of v4."""
    shown = {_to_rgb(lab): name for name, lab in palette().items()}
    return shown | {_rgb_of_hex(text): name for name, text in data()["palette_v3"].items()}


def _rgb_of_hex(text: str) -> _Rgb:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def parse_color(css: str) -> Lab | None:
    """A CSS color (Level 5 syntax without `color-mix()` and relative colors) in OKLab; None as in `color_of`.

    Wide-gamut RGB spaces are read as sRGB: the nearest palette color hardly ever differs.
    """
    parsed = _parse(css)
    return None if parsed is None else parsed[0]


def _parse(css: str) -> tuple[Lab, _Rgb | None] | None:
    """The color in OKLab, and in eight bits where it is written in a space that screens have."""
    from tinycss2.color5 import parse_color as parse  # type: ignore[import-untyped]

    color = parse(css) if len(css) <= 200 else None
    if color is None or isinstance(color, str) or color.alpha == 0:
        return None
    x, y, z = (float(value or 0) for value in color.coordinates)
    if not (abs(x) < 1e6 and abs(y) < 1e6 and abs(z) < 1e6):
        return None
    space = color.space
    if space in ("hsl", "hwb"):
        x, y, z = color.to("srgb").coordinates
        space = "srgb"
    return _to_oklab(space, x, y, z, color), (
        _eight_bits(x),
        _eight_bits(y),
        _eight_bits(z),
    ) if space == "srgb" else None


def _eight_bits(channel: float) -> int:
    return round(255 * min(max(channel, 0.0), 1.0))


def _to_oklab(space: str, x: float, y: float, z: float, color) -> Lab:  # type: ignore[no-untyped-def]
    if space == "oklab":
        return (x, y, z)
    if space == "oklch":
        return _from_oklch(x * 100, y, z)
    if space in ("lab", "lch"):
        return _from_xyz(*_d50_to_d65(*color.to("xyz-d50").coordinates))
    if space == "xyz-d50":
        return _from_xyz(*_d50_to_d65(x, y, z))
    if space == "xyz-d65":
        return _from_xyz(x, y, z)
    return _from_srgb(x, y, z)


def _from_oklch(lightness_percent: float, chroma: float, hue: float) -> Lab:
    angle = math.radians(hue)
    return (lightness_percent / 100, chroma * math.cos(angle), chroma * math.sin(angle))


def _from_srgb(red: float, green: float, blue: float) -> Lab:
    r, g, b = (_linear(min(max(channel, 0.0), 1.0)) for channel in (red, green, blue))
    return _from_cones(
        0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b,
        0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b,
        0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b,
    )


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _from_xyz(x: float, y: float, z: float) -> Lab:
    return _from_cones(
        0.8189330101 * x + 0.3618667424 * y - 0.1288597137 * z,
        0.0329845436 * x + 0.9293118715 * y + 0.0361456387 * z,
        0.0482003018 * x + 0.2643662691 * y + 0.6338517070 * z,
    )


def _d50_to_d65(x: float, y: float, z: float) -> Lab:
    """Bradford adaptation, from https://www.w3.org/TR/css-color-4/#color-conversion-code."""
    return (
        0.955473421488075 * x - 0.02309845494876471 * y + 0.06325924320057072 * z,
        -0.0283697093338637 * x + 1.0099953980813041 * y + 0.021041441191917323 * z,
        0.012314014864481998 * x - 0.020507649298898964 * y + 1.330365926242124 * z,
    )


def _from_cones(long: float, medium: float, short: float) -> Lab:
    cones = (math.cbrt(long), math.cbrt(medium), math.cbrt(short))
    return (
        0.2104542553 * cones[0] + 0.7936177850 * cones[1] - 0.0040720468 * cones[2],
        1.9779984951 * cones[0] - 2.4285922050 * cones[1] + 0.4505937099 * cones[2],
        0.0259040371 * cones[0] + 0.7827717662 * cones[1] - 0.8086757660 * cones[2],
    )


def _to_rgb(lab: Lab) -> _Rgb:
    """The color in eight bits, channels cut off where the screen ends."""
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _eight_bits(_gamma(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short)),
        _eight_bits(_gamma(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short)),
        _eight_bits(_gamma(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short)),
    )


def _gamma(channel: float) -> float:
    return 12.92 * channel if channel <= 0.0031308 else float(1.055 * channel ** (1 / 2.4) - 0.055)
