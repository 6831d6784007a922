"""Which colors a page uses, and how often: utilities, CSS declarations, SVG attributes and code.

A token says which color is used, irrespective of what for: `bg-blue-500`, `hover:text-blue-500/50` and
`style="color:#3b82f6"` are three occurrences of `blue-500`. The page's own theme is resolved first. `transparent`,
`current` and `inherit` name no color and are left out, as is `border-t-2` (a width) or `bg-opacity-50`. A theme name or
a variable whose definition is not known is a color of which nobody can tell which one it is: it counts apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from scorers.css.palette import UNRESOLVED, Color, named, palette
from scorers.css.values import colors_in, is_colored, takes_color
from scorers.measures.classes import ClassCount
from scorers.page import Page
from scorers.tailwind.conventions import CONVENTIONAL, conventional_color
from scorers.tailwind.theme import Theme
from scorers.tailwind.utility import Utility

_COLOR_ROOT = re.compile(
    r"bg|text|from|via|to|fill|stroke|accent|caret|divide|decoration|outline|placeholder|ring|ring-offset|inset-ring"
    r"|border(?:-(?:[xysetrbl]|b[se]))?|(?:inset-|text-|drop-)?shadow|scrollbar-(?:thumb|track)|bg-(?:linear|radial|conic)"
)
# Underscores stand for blanks, but not in the name of a variable.
_UNDERSCORE = re.compile(r"(--[\w-]+)|_")
# Names of colors in the theme of MUI and Chakra.
_DOTTED = re.compile(
    r"[A-Za-z]\w*(?:\.\w+)*\.(?:\d{2,3}|main|light|dark|contrastText|primary|secondary|disabled|default|paper|white"
    r"|black|hover|selected|active|focus|fg|bg|muted|subtle|emphasized|solid|contrast|border|text)"
)
_SHADE = re.compile(r"(?<=[(,\s])([A-Za-z]{2,20})\.(\d{2,3})(?=[),\s])")
_HINT = re.compile(r"([a-z-]+):")


@dataclass(frozen=True, slots=True)
class ColorCount:
    """Occurrences: `tokens` of each palette token, `hues` of each hue bin; `unresolved` of colors that are defined
    elsewhere, which are in neither."""

    tokens: Counter[str]
    hues: Counter[str]
    unresolved: int


def count_colors(page: Page, classes: ClassCount) -> ColorCount:
    """Counts the colors of a page.

    >>> from scorers.measures.classes import count_classes
    >>> page = Page((), ("bg-blue-500", "border-t-2", "text-[#fff]", "bg-primary"), (("color", "red"),), ("none",))
    >>> count = count_colors(page, count_classes(page))
    >>> dict(count.tokens), dict(count.hues), count.unresolved
    ({'blue-500': 1, 'white': 1, 'red-500': 1}, {'blue_purple': 1, 'red': 1}, 1)
    """
    found: Counter[Color] = Counter()
    for name, count in classes.utilities.items():
        for color in utility_colors(classes.parsed[name], page.theme):
            found[color] += count
    for name, count in classes.others.items():
        if (other := _conventional(name, page.theme)) is not None:
            found[other] += count
    for name, count in Counter(page.loose_names).items():
        if name not in classes.parsed and (other := _conventional(name, page.theme)) is not None:
            found[other] += count
    for (value, colored), count in _css_values(page).items():
        for color in colors_in(value, page.theme.variables, colored=colored):
            found[color] += count
    return _counted(found)


def _counted(found: Counter[Color]) -> ColorCount:
    unresolved = found.pop(UNRESOLVED, 0)
    tokens: Counter[str] = Counter()
    hues: Counter[str] = Counter()
    for color, count in found.items():
        tokens[color.token] += count
        if color.hue is not None:
            hues[color.hue] += count
    return ColorCount(tokens, hues, unresolved)


def _css_values(page: Page) -> Counter[tuple[str, bool]]:
    """The CSS that may hold colors, each value once: pages repeat themselves."""
    values = Counter((_reference(value), True) for value in (*page.color_attributes, *page.literals))
    for (name, value), count in Counter(page.styles).items():
        if takes_color(name):
            values[_reference(value), is_colored(name)] += count
    return values


def _reference(value: str) -> str:
    """The CSS for the name of a color that a library of components defines; anything else as it is.

    >>> _reference("primary.main"), _reference("grey.500"), _reference("muted"), _reference("red")
    ('var(--color-primary-main)', 'var(--color-gray-500)', 'var(--color-muted)', 'red')
    >>> _reference("linear(to-r, sky.500, #fff 1.5%)")
    'linear(to-r, var(--color-sky-500), #fff 1.5%)'
    """
    if "." in value and "(" in value:
        # Chakra's `linear(to-r, teal.500, green.500)`.
        return _SHADE.sub(r"var(--color-\1-\2)", value)
    if "." in value and _DOTTED.fullmatch(value):
        return f"var(--color-{value.replace('.', '-').replace('grey', 'gray').removeprefix('common-')})"
    return f"var(--color-{value})" if value in CONVENTIONAL.colors else value


def utility_colors(utility: Utility, theme: Theme) -> Iterable[Color]:
    """The colors that a utility names.

    >>> [color.token for color in utility_colors(Utility("bg", "sky-500", "50"), Theme())]
    ['sky-500']
    """
    if utility.root.startswith("["):
        name, _, css = utility.root[1:-1].partition(":")
        css = css.replace("_", " ")
        return colors_in(css, theme.variables, colored=is_colored(name)) if takes_color(name) else ()
    value = utility.value
    if not value or not _has_color(utility.root):
        return ()
    if value.startswith(("[", "(")):
        return colors_in(_arbitrary_css(value), theme.variables, colored="shadow" not in utility.root)
    if value in palette() and value not in theme.colors:
        return (named(value),)
    color = theme.color(value)
    return () if color is None else (color,)


@lru_cache(maxsize=1 << 12)
def _has_color(root: str) -> bool:
    """Whether the value of such a utility may be a color."""
    return _COLOR_ROOT.fullmatch(root) is not None


def _arbitrary_css(value: str) -> str:
    """The CSS that an arbitrary value stands for; a hint other than color or image means that it is no color.

    >>> _arbitrary_css("[0_1px_#000]"), _arbitrary_css("(--x)"), _arbitrary_css("[length:red]")
    ('0 1px #000', 'var(--x)', '')
    """
    inner = value[1:-1]
    hint = _HINT.match(inner)
    if hint and not inner.startswith("--"):
        if hint[1] not in ("color", "image"):
            return ""
        inner = inner[hint.end() :]
    inner = _UNDERSCORE.sub(lambda match: match[1] or " ", inner)
    return f"var({inner})" if inner.startswith("--") else inner


def _conventional(name: str, theme: Theme) -> Color | None:
    """The color of `bg-primary-dark` and the like, which a design system defines elsewhere."""
    value = conventional_color(name)
    return theme.color(value) if value else None
