"""The colors in CSS values: of declarations, of SVG attributes, of arbitrary Tailwind values.

Only properties that take a color are read, so `href="#add"`, an id selector or `font-family: Tan` is no color. A custom
property (`--brand: #f00`) is a definition, not a use; its color counts where `var(--brand)` is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from scorers.css.declarations import MAX_VALUE_LENGTH
from scorers.css.palette import UNRESOLVED, Color, color_of, named, palette

MAX_HOPS = 5

# Properties whose value is a color, or has one in a definite place.
_COLORED = re.compile(
    r"-?(?:[a-z]+-)*color|background|border(?:-(?:top|right|bottom|left|block|inline)(?:-(?:start|end))?)?"
    r"|outline|(?:fill|stroke)(?:-style)?|text-decoration|column-rule|text-emphasis|bgcolor|bg"
)
# Properties in which colors may stand, and that are often given as a whole by a variable.
_DECORATED = re.compile(
    r"background-image|border-image(?:-source)?|(?:box|text)-shadow|(?:backdrop-)?filter|mask(?:-image)?"
)
# Unclosed urls run to the end of the text, so that no part is searched twice.
_URL = re.compile(r"url\((?:\"[^\"]*\"?|'[^']*'?|[^)]*)\)?", re.IGNORECASE)
_VAR = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,([^()]*(?:\([^()]*\)[^()]*)*))?\)")
_THEME = re.compile(r"theme\(\s*['\"]?(?:colors\.|--color-)([\w.-]+)[^()]*\)")
# Stands for a name that is defined elsewhere; no CSS value holds it.
_OPEN = "\0"
_OPEN_NAME = re.compile(rf"{_OPEN}([\w-]+)")
# What a variable is not called whose value is a color.
_OTHER_NAME = re.compile(
    r"tw-.*|(?:.*-)?(?:width|height|size|radius|shadow|style|spacing|space|gap|opacity|alpha|blur|angle|deg|position|stop"
    r"|x|y|duration|delay|image|url|gradient|filter|font|text-(?:xs|sm|base|lg|\d?xl))(?:-\w+)?"
)
# A color that is made from another one; only the other one is known without computing.
_RELATIVE = re.compile(
    r"(?<![\w-])(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color)\(\s*from\s+([^\s()]++(?:\([^()]*+\))?)[^()]*+\)",
    re.IGNORECASE,
)
# An opacity that is defined elsewhere: which color it is stands before it.
_OPEN_ALPHA = re.compile(rf"\s*[/,]\s*(?:{_OPEN}[\w-]+|<alpha-value>)\s*\)$")
_COLOR = re.compile(
    r"#[0-9a-f]{3,8}(?![\w-])|(?<![\w-])(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color)\([^()]*\)"
    rf"|{_OPEN}[\w-]+|(?<![\w.#-])[a-z]+(?![\w(-])",
    re.IGNORECASE,
)
# The bare channels in which design systems keep a color, `217 91% 60%` or `59 130 246`.
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_CHANNELS = (
    ("hsl", re.compile(rf"{_NUMBER}(?:deg)?[\s,]+{_NUMBER}%[\s,]+{_NUMBER}%")),
    ("oklch", re.compile(rf"(?:[01]|0?\.\d+|\d+(?:\.\d+)?%)\s+(?:0|0?\.\d+)\s+{_NUMBER}(?:deg)?")),
    ("rgb", re.compile(r"\d{1,3}(?:\.\d+)?[\s,]+\d{1,3}(?:\.\d+)?[\s,]+\d{1,3}(?:\.\d+)?")),
)


def takes_color(name: str) -> bool:
    """True for a CSS property whose value may hold colors.

    >>> [takes_color(p) for p in ("background", "border-top-color", "stop-color", "font-family", "--brand")]
    [True, True, True, False, False]
    """
    return is_colored(name) or _DECORATED.fullmatch(name) is not None


def is_colored(name: str) -> bool:
    """True for a property of which a variable alone is a color, as far as anyone can tell.

    >>> is_colored("background"), is_colored("box-shadow")
    (True, False)
    """
    return _COLORED.fullmatch(name) is not None


def colors_in(value: str, variables: Mapping[str, str], *, colored: bool = True) -> list[Color]:
    """All colors in a CSS value, in order; `var()` is resolved over at most five hops.

    A variable that the code does not define is an unresolved color, unless its name says that it is something else
    (`--border-width`). With `colored` false only one inside of a color function is: `box-shadow: var(--lift)`.

    >>> colors_in("1px solid #fff", {})[0].token, colors_in("hsl(var(--p) / .5)", {"--p": "0 100% 50%"})[0].token
    ('white', 'red-500')
    >>> colors_in("var(--brand)", {}) == colors_in("hsl(var(--p))", {}) == [UNRESOLVED], colors_in("url(#add) none", {})
    (True, [])
    >>> [c.token for c in colors_in("rgb(255 0 0 / var(--o)), theme('colors.blue.500'), var(--color-sky-50)", {})]
    ['red-500', 'blue-500', 'sky-50']
    >>> [color.token for color in colors_in("oklch(from var(--p) l c h / 50%)", {"--p": "#f00"})]
    ['red-500']
    """
    if len(value) > MAX_VALUE_LENGTH:
        value = value[:MAX_VALUE_LENGTH]
    if "theme(" in value:
        value = _THEME.sub(lambda match: f"var(--color-{_key(match[1])})", value)
    value = substitute(value, variables)
    if "from" in value:
        value = _RELATIVE.sub(r" \1 ", value)
    found = (_color(match[0], colored) for match in _COLOR.finditer(value))
    return [color for color in found if color is not None]


def _color(text: str, colored: bool) -> Color | None:
    """One color; of `hsl(…)` around a name, whose parts are defined elsewhere, nothing but that it is one."""
    color = color_of(_OPEN_ALPHA.sub(")", text).lower())
    if color is not None or _OPEN not in text:
        return color
    name = _OPEN_NAME.search(text)
    if name is None:
        return None
    # Tailwind itself defines `--color-blue-500`.
    if name[1] in palette():
        return named(name[1])
    alone = name[0] == text
    return None if alone and (not colored or _OTHER_NAME.fullmatch(name[1])) else UNRESOLVED


def _key(path: str) -> str:
    return path.replace(".", "-").removesuffix("-DEFAULT")


def definition_color(value: str, variables: Mapping[str, str]) -> Color | None:
    """The color that a definition stands for, also where it gives nothing but the channels; None where it is no color.

    >>> [definition_color(v, {}).token for v in ("217 91% 60%", "59, 130, 246", "0.623 0.214 259.8", "#3b82f6")]
    ['blue-500', 'blue-500', 'blue-500', 'blue-500']
    >>> definition_color("0.5rem", {})
    """
    value = substitute(value, variables).strip()
    for function, channels in _CHANNELS:
        if channels.fullmatch(value):
            return color_of(f"{function}({value})")
    found = colors_in(value, variables)
    return found[0] if found else None


def substitute(value: str, variables: Mapping[str, str]) -> str:
    """`value` with every `var()` replaced by what it stands for; growth is bounded, whatever the definitions say."""
    for _ in range(MAX_HOPS):
        if "var(" not in value or len(value) > MAX_VALUE_LENGTH:
            break
        value = _VAR.sub(lambda match: _definition(match, variables), value)
    return _URL.sub(" ", value)[: 2 * MAX_VALUE_LENGTH]


def _definition(match: re.Match[str], variables: Mapping[str, str]) -> str:
    defined = variables.get(match[1])
    if defined is not None:
        return defined
    if match[2]:
        return match[2]
    return _OPEN + match[1].removeprefix("--").removeprefix("color-")
