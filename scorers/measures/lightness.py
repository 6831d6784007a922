"""Is a page light or dark: the lightness of its main background.

The main background is that of the first wrapper as high as the screen (`min-h-screen`), else of `<body>`, else of
`<html>`, else of the outermost element, else of the first section as high as the screen. What lies over a page (`fixed
inset-0 bg-black/50`, as under dialogs) is none, but for an opaque one where nothing else has a background.

It comes from classes, from `style` and from simple rules of the page's own style sheets (`body { … }`, `.page { … }`,
`#app { … }`, `@apply` in them), of which the most specific one decides, else the last. A gradient counts as the mean of
its colors. What stands under a condition (`dark:bg-black`, `@media`) is not how the page comes up, and does not count,
unless the page itself says that it is dark: with the class `dark`, with `data-theme="dark"` and its kin, or by what a
provider of themes comes up with. Dark is an OKLCH lightness below .5, the middle of the scale from black to white.

A document that sets no background anywhere is light: browsers draw it on white. A component or a fragment without one
stands on a page that nobody knows, as does one whose background is a name defined elsewhere; both are unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from scorers.contents import SCREEN, Ground
from scorers.css.declarations import DARK_SELECTOR, declarations, without_blocks
from scorers.css.palette import UNRESOLVED, Color
from scorers.css.values import colors_in
from scorers.html.class_attributes import applied
from scorers.measures.colors import utility_colors
from scorers.page import Page
from scorers.tailwind.theme import Theme
from scorers.tailwind.utility import Utility, parse_utility

_DARK_BELOW = 0.5
# Tailwind's opacity from which on a background hides what is under it, more or less.
_COVERING = 50
_OPAQUE = 100
_BLOCKS = frozenset(("div", "main", "section", "article", "form"))
_EDGES = frozenset(("header", "footer", "nav", "aside"))
# A `<section>` as high as the screen is one of several on a page, and a bar beside them has a width.
_WRAPPERS = frozenset(("div", "main"))
_COLUMN = re.compile(r"(?:^|\s)(?:[a-z0-9]+:)?(?:w|basis)-(?!full|screen|auto|dvw|\[100)")
_ROOTS = frozenset(("body", "html"))
_SWITCH = "dark"
_OVER = frozenset(("fixed", "absolute"))
_BEHIND = re.compile(r"-z-")
_FAINT = re.compile(r"(?:^|\s)opacity-(\d{1,3})(?=\s|$)")
_PAINTING = ("bg-", "from-", "via-", "to-")
_BACKGROUND_OPACITY = re.compile(r"bg-opacity-(\d+)")
# From one brace or semicolon to the next, so that no part is searched twice.
_RULE = re.compile(r"(?:^|(?<=[{};]))([^{};]{1,2000})\{([^{}]*)(?=\}|$)")
# Bounds of what is looked at, far above what pages have.
_MAX_RULES = 500
_MAX_MATCHES = 20
_MAX_CSS = 2_000
_MAX_LOOKS = 30
_DARK = re.compile(DARK_SELECTOR)
_COMPOUND = re.compile(r"(\*|:root|[a-z][\w-]*)?((?:[.#][\w-]+)*)")
_NAME = re.compile(r"[.#][\w-]+")
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
    >>> of(Ground("div", "fixed inset-0 bg-black/60", outermost=False), Ground("div", "bg-white"))
    'light'
    """
    if not page.grounds and not page.sheets:
        return ""
    switched = any(_SWITCH in ground.classes.split() for ground in page.grounds)
    theme = page.theme.as_dark() if switched else page.theme
    grounds = _with_roots(page.grounds)
    rules = _rules(page.sheets, grounds)
    for ground, least in islice(_by_rank(grounds), _MAX_LOOKS):
        colors = _background(ground, theme, rules, least, switched=switched)
        if UNRESOLVED in colors:
            return ""
        if colors:
            mean = sum(color.lightness for color in colors) / len(colors)
            return "dark" if mean < _DARK_BELOW else "light"
    return "light" if page.is_document else ""


def _with_roots(grounds: Sequence[Ground]) -> list[Ground]:
    """With `<body>` and `<html>`, which every page has: a style sheet beside a component speaks of them."""
    written = {ground.tag for ground in grounds}
    return [*grounds, *(Ground(tag, outermost=False) for tag in sorted(_ROOTS - written))]


def _by_rank(grounds: Sequence[Ground]) -> Iterator[tuple[Ground, int]]:
    """The elements that may be the page's background, the one that covers it first, and how opaque each has to be."""
    grounds = [ground for ground in grounds if _is_seen(ground)]
    roots = sorted((ground for ground in grounds if ground.tag in _ROOTS), key=lambda ground: ground.tag)
    others = [ground for ground in grounds if ground.tag not in _ROOTS]
    flow = [ground for ground in others if not _lies_over(ground)]
    screens = [ground for ground in flow if SCREEN.search(ground.classes) and not _COLUMN.search(ground.classes)]
    yield from ((ground, _COVERING) for ground in screens if ground.outermost or ground.tag in _WRAPPERS)
    yield from ((ground, _COVERING) for ground in roots)
    outermost = [ground for ground in flow if ground.outermost]
    # Of several components in a file, the page itself is mostly the last.
    yield from ((ground, _COVERING) for ground in reversed(outermost) if ground.tag in _BLOCKS)
    if len(outermost) == 1 and not any(ground.outermost for ground in roots):
        yield from ((ground, _COVERING) for ground in outermost if ground.tag in _EDGES)
    yield from ((ground, _COVERING) for ground in screens)
    yield from ((g, _OPAQUE) for g in others if g.outermost and _lies_over(g) and SCREEN.search(g.classes))


def _is_seen(ground: Ground) -> bool:
    """False for what is not shown, or hardly."""
    faint = _FAINT.search(ground.classes)
    return "hidden" not in ground.classes.split() and (faint is None or int(faint[1]) >= _COVERING)


def _lies_over(ground: Ground) -> bool:
    """Whether an element lies over others."""
    return not _OVER.isdisjoint(ground.classes.split()) and not _BEHIND.search(ground.classes)


def _background(ground: Ground, theme: Theme, rules: Sequence[_Rule], least: int, *, switched: bool) -> list[Color]:
    """The colors of an element's own background; none where it has none, or one that is not as opaque as `least`."""
    css = [ground.style, *islice(_css_of(ground, rules, switched=switched), _MAX_MATCHES)]
    names = [*ground.classes.split(), *applied(css)]
    dark = [name.removeprefix("dark:") for name in names if name.startswith("dark:")] if switched else []
    if found := _of_classes(dark, theme, least) or _of_classes(names, theme, least):
        return found
    for text in css:
        # Of one rule the last declaration counts.
        for name, value in reversed(list(declarations(text))):
            if name in _BACKGROUNDS and (colors := colors_in(value, theme.variables)):
                return colors
    return []


def _of_classes(names: Sequence[str], theme: Theme, least: int) -> list[Color]:
    plain: list[Color] = []
    stops: list[Color] = []
    names = [name for name in names if name.startswith(_PAINTING)]
    dimmed = next((int(found[1]) for name in names if (found := _BACKGROUND_OPACITY.fullmatch(name))), _OPAQUE)
    for name in names:
        utility = parse_utility(name, theme.additions)
        if utility is None or _opacity(utility, dimmed) < least:
            continue
        (plain if utility.root.startswith("bg") else stops).extend(utility_colors(utility, theme))
    return stops or plain


def _opacity(utility: Utility, dimmed: int) -> float:
    """In percent; `dimmed` is what `bg-opacity-50` of the same element says.

    >>> [_opacity(Utility("bg", "black", modifier), 100) for modifier in ("", "60", "[0.05]", "[5%]")]
    [100, 60.0, 5.0, 5.0]
    """
    written = utility.modifier.strip("[]")
    if not written:
        return dimmed if utility.root == "bg" else _OPAQUE
    try:
        value = float(written.removesuffix("%"))
    except ValueError:
        return _OPAQUE
    return value * 100 if utility.modifier.startswith("[") and not written.endswith("%") else value


@dataclass(frozen=True, slots=True)
class _Rule:
    """The declarations of one simple selector that say something of a background; `dark` is for dark pages alone."""

    tag: str
    names: frozenset[str]
    dark: bool
    css: str


def _names_of(ground: Ground) -> set[str]:
    """What selectors call an element by."""
    return {f".{name}" for name in ground.classes.split()} | ({f"#{ground.id}"} if ground.id else set())


def _css_of(ground: Ground, rules: Sequence[_Rule], *, switched: bool) -> Iterator[str]:
    """The declarations that an element has, those that win first."""
    if not rules:
        return
    own = _names_of(ground)
    for rule in rules:
        if rule.tag in ("", "*", ground.tag) and rule.names <= own and (switched or not rule.dark):
            yield rule.css


def _rules(sheets: Sequence[str], grounds: Iterable[Ground]) -> list[_Rule]:
    """The rules that say something of the background of such elements, the one that wins first."""
    sheets = [sheet for sheet in sheets if _may_paint(sheet)]
    known = {".dark"}.union(*map(_names_of, grounds)) if sheets else set()
    found: list[tuple[tuple[int, int, int, int], _Rule]] = []
    for sheet in sheets:
        for prelude, css in _RULE.findall(without_blocks(sheet, "@media")):
            if not _may_paint(css):
                continue
            for selector in prelude.split(",")[:20]:
                # Most rules of a page are about other elements.
                if not known.issuperset(_NAME.findall(selector)):
                    continue
                if len(found) < _MAX_RULES and (rule := _simple(selector, css)):
                    ids = sum(name.startswith("#") for name in rule.names)
                    weight = ids, len(rule.names) - ids + rule.dark, rule.tag not in ("", "*"), len(found)
                    found.append((weight, rule))
    return [rule for _, rule in sorted(found, key=lambda entry: entry[0], reverse=True)]


def _may_paint(css: str) -> bool:
    return "background" in css or "@apply" in css


def _simple(selector: str, css: str) -> _Rule | None:
    """The rule of a selector without combinators, but for what says that the page is dark (`.dark body`).

    >>> rule = _simple("html[data-theme='dark'] body.page", "background: #000")
    >>> rule.tag, sorted(rule.names), rule.dark
    ('body', ['.page'], True)
    >>> _simple(".a > .b", "background: #000") is _simple("a:hover", "background: #000") is None
    True
    """
    plain = _DARK.sub(" ", selector)
    parts = [part for part in plain.split() if part]
    dark = plain != selector
    # `html.dark`, `.dark body`, `html body`: what stands around the element may be the root alone.
    while len(parts) > 1 and parts[0] in ("html", ":root", "body"):
        del parts[0]
    if not parts:
        parts = ["html"]
    match = _COMPOUND.fullmatch(parts[0]) if len(parts) == 1 else None
    if match is None:
        return None
    tag = "html" if match[1] == ":root" else match[1] or ""
    return _Rule(tag, frozenset(_NAME.findall(match[2])), dark, css[:_MAX_CSS])
