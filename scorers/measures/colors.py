"""Which colors a page uses, and how often: utilities, CSS declarations and SVG attributes, as palette tokens.

A token says which color is used, irrespective of what for: `bg-blue-500`, `hover:text-blue-500/50` and
`style="color:#3b82f6"` are three occurrences of `blue-500`. The page's own theme is resolved first. `transparent`,
`current` and `inherit` name no color and are left out, as is `border-t-2` (a width) or `bg-opacity-50`.
"""

from __future__ import annotations

import re
from collections import Counter

from scorers.css.declarations import color_tokens, takes_color
from scorers.css.palette import palette
from scorers.measures.classes import ClassCount
from scorers.page import Page
from scorers.tailwind.theme import CONVENTIONAL, Theme
from scorers.tailwind.utility import MAX_NAME_LENGTH, Additions, Utility, parse_utility

_COLOR_ROOT = re.compile(
    r"bg|text|from|via|to|fill|stroke|accent|caret|divide|decoration|outline|placeholder|ring|ring-offset|inset-ring"
    r"|border(?:-(?:[xysetrbl]|b[se]))?|(?:inset-|text-|drop-)?shadow|scrollbar-(?:thumb|track)|bg-(?:linear|radial|conic)"
)
# Underscores stand for blanks, but not in the name of a variable.
_UNDERSCORE = re.compile(r"(--[\w-]+)|_")
_HINT = re.compile(r"([a-z-]+):")
_CONVENTIONAL = re.compile(rf"-((?:{'|'.join(sorted(CONVENTIONAL))})(?:-[a-z0-9]+)*)(?:/[^/]+)?!?$")


def count_colors(page: Page, classes: ClassCount) -> Counter[str]:
    """Counts the color tokens of a page.

    >>> from scorers.measures.classes import count_classes
    >>> page = Page((), ("bg-blue-500", "border-t-2", "text-[#fff]", "bg-primary"), (("color", "red"),), ("none",))
    >>> dict(count_colors(page, count_classes(page)))
    {'blue-500': 1, 'white': 1, 'custom:primary': 1, 'red-500': 1}
    """
    found: Counter[str] = Counter()
    for name, count in classes.utilities.items():
        for token in _utility_tokens(classes.parsed[name], page.theme):
            found[token] += count
    for name, count in classes.others.items():
        if custom := _conventional_token(name, page.theme):
            found[custom] += count
    for value, count in _css_values(page).items():
        for token in color_tokens(value, page.theme.variables):
            found[token] += count
    return found


def _css_values(page: Page) -> Counter[str]:
    """The CSS that may hold colors, each value once: pages repeat themselves."""
    values = Counter(page.color_attributes)
    for (name, value), count in Counter(page.styles).items():
        if takes_color(name):
            values[value] += count
    return values


def _utility_tokens(utility: Utility, theme: Theme) -> list[str]:
    if utility.root.startswith("["):
        name, _, css = utility.root[1:-1].partition(":")
        return color_tokens(css.replace("_", " "), theme.variables) if takes_color(name) else []
    value = utility.value
    if not value:
        return []
    arbitrary = value.startswith(("[", "("))
    named = value in theme.colors
    if not (arbitrary or named or value in palette()) or not _COLOR_ROOT.fullmatch(utility.root):
        return []
    if named:
        token = theme.token(value)
        return [] if token is None else [token]
    return color_tokens(_arbitrary_css(value), theme.variables) if arbitrary else [value]


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


def _conventional_token(name: str, theme: Theme) -> str | None:
    """The token of `bg-primary` and the like, which a design system defines elsewhere."""
    # The pattern is for names; in what else may stand in a class name it would look everywhere.
    match = _CONVENTIONAL.search(name) if len(name) <= MAX_NAME_LENGTH else None
    if match is None:
        return None
    utility = parse_utility(name, Additions(colors=frozenset((match[1],))))
    if utility is None or not _COLOR_ROOT.fullmatch(utility.root):
        return None
    return theme.token(utility.value)
