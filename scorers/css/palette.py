"""Tailwind's palette as a yardstick for colors: the nearest of 242 shades, black or white, measured in OKLab.

Every color becomes a token: `family-shade` (`blue-500`), `black`, `white`, or `custom:name` for a theme color whose
definition is not in the code. OKLab and its matrices: Björn Ottosson, https://bottosson.github.io/posts/oklab/.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache

from scorers.tailwind.utility import data

Lab = tuple[float, float, float]

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


def family(token: str) -> str:
    """The color family of a token.

    >>> family("blue-500"), family("white"), family("custom:brand-500")
    ('blue', 'white', 'custom:brand-500')
    """
    return token if token.startswith(CUSTOM) else token.partition("-")[0]


def hue_bin(token: str) -> str | None:
    """The hue bin of a token, or None for grays, black, white and custom colors, which have no hue."""
    return HUE_BINS.get(family(token))


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
def token_of(css: str) -> str | None:
    """The palette token nearest to a CSS color, or None for what is no color or fully transparent.

    >>> [token_of(css) for css in ("#3b82f6", "rgb(59 130 246 / 50%)", "white", "hsl(0, 100%, 50%)", "transparent")]
    ['blue-500', 'blue-500', 'white', 'red-500', None]
    >>> token_of("currentColor"), token_of("solid"), token_of("#12")
    (None, None, None)
    """
    lab = parse_color(css)
    if lab is None:
        return None
    return min(_yardstick(), key=lambda item: math.dist(item[1], lab))[0]


def parse_color(css: str) -> Lab | None:
    """A CSS color (Level 5 syntax without `color-mix()` and relative colors) in OKLab; None as in `token_of`.

    Wide-gamut RGB spaces are read as sRGB: the nearest palette color hardly ever differs.
    """
    from tinycss2.color5 import parse_color as parse  # type: ignore[import-untyped]

    color = parse(css) if len(css) <= 200 else None
    if color is None or isinstance(color, str) or color.alpha == 0:
        return None
    values = tuple(float(value or 0) for value in color.coordinates)
    if not all(abs(value) < 1e6 for value in values):
        return None
    return _to_oklab(color.space, values[0], values[1], values[2], color)


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
    if space in ("hsl", "hwb"):
        x, y, z = color.to("srgb").coordinates
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
