"""Is a page light or dark: the lightness of its main background.

The main background is that of the first wrapper as high as the screen (`min-h-screen`), else of `<body>`, else of
`<html>`, else of the outermost element. It comes from classes, from `style` and from simple rules of the page's own
style sheets (`body { … }`, `.page { … }`, `@apply` in them). A gradient counts as the mean of its colors. What stands
under a condition (`dark:bg-black`, `@media (prefers-color-scheme: dark)`) is not how the page comes up, and does not
count. Dark is an OKLCH lightness below .5, the middle of the scale from black to white.

A document that sets no background anywhere is light: browsers draw it on white. A component or a fragment without one
stands on a page that nobody knows, as does one whose background is a name defined elsewhere; both are unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from scorers.contents import Ground
from scorers.css.declarations import blocks, declarations
from scorers.css.palette import UNRESOLVED, Color
from scorers.css.values import colors_in
from scorers.html.class_attributes import applied
from scorers.measures.colors import utility_colors
from scorers.page import Page
from scorers.tailwind.theme import Theme
from scorers.tailwind.utility import parse_utility

_DARK_BELOW = 0.5
# Tailwind's opacity from which on a background hides what is under it, more or less.
_OPAQUE = 50
_SCREEN = re.compile(r"(?:min-)?h-(?:screen|dvh|svh|lvh|\[100[dsl]?vh\])|inset-0|size-screen")
_BLOCKS = frozenset(("div", "main", "section", "article", "form"))
_EDGES = frozenset(("header", "footer", "nav", "aside"))
_DARK_MEDIA = "@media (prefers-color-scheme: dark)"
_MAX_DARK = 4
_SWITCH = "dark"
_DARK_RULE = re.compile(r"\.dark\s*\{([^{}]*)\}")
_RULE = re.compile(r"(?:^|(?<=[{};,]))\s*([.]?[\w-]+|:root)\s*(?:,[^{}]{0,200})?\{([^{}]*)\}")
_BACKGROUNDS = frozenset(("background", "background-color", "background-image"))


def lightness_of(page: Page) -> str:
    """`light`, `dark`, or empty where the main background is not known.

    >>> from scorers.page import make_page
    >>> def of(*grounds: Ground) -> str: return lightness_of(make_page([Contents(grounds=grounds)]))
    >>> from scorers.contents import Contents
    >>> of(Ground("body", "bg-white"), Ground("div", "min-h-screen bg-linear-to-r from-slate-900 to-black"))
    'dark'
    >>> of(Ground("body", "bg-gray-50 dark:bg-black")), of(Ground("body", "bg-background")), of(Ground("div", "p-4"))
    ('light', '', '')
    """
    if not page.grounds:
        return ""
    rules = _rules(page.sheets)
    switched = any(_SWITCH in ground.classes.split() for ground in page.grounds)
    theme = _dark_theme(page) if switched else page.theme
    for ground in _by_rank(page.grounds):
        colors = _background(ground, theme, rules, switched=switched)
        if UNRESOLVED in colors:
            return ""
        if colors:
            mean = sum(color.lightness for color in colors) / len(colors)
            return "dark" if mean < _DARK_BELOW else "light"
    return "light" if page.is_document else ""


def _by_rank(grounds: Sequence[Ground]) -> Iterator[Ground]:
    """The elements that may be the page's background, the one that covers it first."""
    roots = [ground for ground in grounds if ground.tag in ("body", "html")]
    others = [ground for ground in grounds if ground.tag not in ("body", "html")]
    yield from (ground for ground in others if _SCREEN.search(ground.classes))
    yield from sorted(roots, key=lambda ground: ground.tag)
    outermost = [ground for ground in others if ground.outermost]
    # Of several components in a file, the page itself is mostly the last.
    yield from (ground for ground in reversed(outermost) if ground.tag in _BLOCKS)
    if len(outermost) == 1 and not roots:
        yield from (ground for ground in outermost if ground.tag in _EDGES)


def _dark_theme(page: Page) -> Theme:
    """The page's theme with what `.dark { … }` defines."""
    dark = (text for sheet in page.sheets for text in _DARK_RULE.findall(sheet))
    variables = {name: value for text in dark for name, value in declarations(text) if name.startswith("--")}
    return replace(page.theme, variables={**page.theme.variables, **variables})


def _background(ground: Ground, theme: Theme, rules: Mapping[str, str], *, switched: bool) -> list[Color]:
    """The colors of an element's own background; none where it has none."""
    css = [ground.style, *(rules[name] for name in _selectors(ground) if name in rules)]
    names = [*ground.classes.split(), *applied(css)]
    dark = [name.removeprefix("dark:") for name in names if name.startswith("dark:")] if switched else []
    if found := _of_classes(dark, theme) or _of_classes(names, theme):
        return found
    for text in css:
        for name, value in declarations(text):
            if name in _BACKGROUNDS and (colors := colors_in(value, theme.variables)):
                return colors
    return []


def _of_classes(names: Sequence[str], theme: Theme) -> list[Color]:
    plain: list[Color] = []
    stops: list[Color] = []
    for name in names:
        utility = parse_utility(name, theme.additions) if name.startswith(("bg-", "from-", "via-", "to-")) else None
        if utility is None or (utility.modifier.isdigit() and int(utility.modifier) < _OPAQUE):
            continue
        (plain if utility.root.startswith("bg") else stops).extend(utility_colors(utility, theme))
    return stops or plain


def _selectors(ground: Ground) -> Iterator[str]:
    yield from (f".{name}" for name in ground.classes.split())
    yield ground.tag
    if ground.tag == "html":
        yield ":root"


def _rules(sheets: Sequence[str]) -> dict[str, str]:
    """The declarations of rules with one simple selector that say something of a background; the first counts."""
    found: dict[str, str] = {}
    for sheet in sheets:
        if "background" not in sheet and "@apply" not in sheet:
            continue
        # Few, for each is looked for in the whole sheet.
        for dark in islice(blocks(sheet, _DARK_MEDIA), _MAX_DARK) if _DARK_MEDIA in sheet else ():
            sheet = sheet.replace(dark, "")
        for selector, text in _RULE.findall(sheet):
            if "background" in text or "@apply" in text:
                found.setdefault(selector, text)
    return found
