"""Color tokens in CSS: declarations of style sheets and of `style=`, SVG attributes, arbitrary Tailwind values.

Only properties that take a color are read, so `href="#add"`, an id selector or `font-family: Tan` is no color. A custom
property (`--brand: #f00`) is a definition, not a use; its color counts where `var(--brand)` is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from scorers.css.palette import CUSTOM, palette, token_of

MAX_HOPS = 5
MAX_VALUE_LENGTH = 2_000

_PROPERTY = re.compile(
    r"-?(?:[a-z]+-)*color|background(?:-image)?|border(?:-(?:top|right|bottom|left|block|inline)(?:-(?:start|end))?)?"
    r"|border-image(?:-source)?|outline|fill|stroke|(?:box|text)-shadow|(?:backdrop-)?filter|text-decoration"
    r"|column-rule|mask(?:-image)?|text-emphasis"
)
# Unclosed comments and urls run to the end of the text, so that no part is searched twice.
_COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)")
_BOUNDARY = re.compile(r"[;{}]")
_BRACE = re.compile(r"[{}]")
_URL = re.compile(r"url\((?:\"[^\"]*\"?|'[^']*'?|[^)]*)\)?", re.IGNORECASE)
_VAR = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,([^()]*(?:\([^()]*\)[^()]*)*))?\)")
_THEME = re.compile(r"theme\(\s*['\"]?(?:colors\.|--color-)([\w.-]+)[^()]*\)")
_CUSTOM = re.compile(rf"{CUSTOM}([\w-]+)")
# A color that is made from another one; only the other one is known without computing.
_RELATIVE = re.compile(
    r"(?<![\w-])(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color)\(\s*from\s+([^\s()]++(?:\([^()]*+\))?)[^()]*+\)",
    re.IGNORECASE,
)
# An opacity that is defined elsewhere: which color it is stands before it.
_OPEN_ALPHA = re.compile(rf"\s*[/,]\s*(?:{CUSTOM}[\w-]+|<alpha-value>)\s*\)$")
_COLOR = re.compile(
    r"#[0-9a-f]{3,8}(?![\w-])|(?<![\w-])(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color)\([^()]*\)"
    rf"|(?<![\w-]){CUSTOM}[\w-]+|(?<![\w.#-])[a-z]+(?![\w(-])",
    re.IGNORECASE,
)


def declarations(css: str) -> Iterator[tuple[str, str]]:
    """Every `property: value` of a style sheet or a `style=` attribute, properties in lower case.

    >>> list(declarations("a:hover { color: red; --x: 1px } /* b { color: blue } */"))
    [('a', 'hover'), ('color', 'red'), ('--x', '1px')]
    """
    for piece in _BOUNDARY.split(_COMMENT.sub(" ", css)):
        name, colon, value = piece.partition(":")
        words = name.split()
        if colon and len(words) == 1:
            name = words[0]
            yield (name if name.startswith("--") else name.lower()), value.strip()[:MAX_VALUE_LENGTH]


def blocks(css: str, rule: str) -> Iterator[str]:
    """What stands between the braces of every `rule` (`@theme`), nested braces included.

    >>> list(blocks("@theme inline { --a: 1; @keyframes x { to { top: 0 } } } a { b: c } @theme{--d: 2", "@theme"))
    [' --a: 1; @keyframes x { to { top: 0 } } ', '--d: 2']
    """
    css = _COMMENT.sub(" ", css)
    at = css.find(rule)
    while at >= 0:
        start = css.find("{", at)
        if start < 0:
            return
        depth, end = 1, len(css)
        for brace in _BRACE.finditer(css, start + 1):
            depth += 1 if brace[0] == "{" else -1
            if depth == 0:
                end = brace.start()
                break
        yield css[start + 1 : end]
        at = css.find(rule, end)


def takes_color(name: str) -> bool:
    """True for a CSS property whose value may hold colors.

    >>> [takes_color(p) for p in ("background", "border-top-color", "stop-color", "font-family", "--brand")]
    [True, True, True, False, False]
    """
    return _PROPERTY.fullmatch(name) is not None


def color_tokens(value: str, variables: Mapping[str, str]) -> list[str]:
    """The palette tokens of all colors in a CSS value, in order; `var()` is resolved over at most five hops.

    A variable that the code does not define becomes `custom:name` (without the conventional `color-` before it), for
    it names one color, whichever that is.

    >>> color_tokens("1px solid #fff", {}), color_tokens("hsl(var(--p) / .5)", {"--p": "0 100% 50%"})
    (['white'], ['red-500'])
    >>> color_tokens("var(--color-brand)", {}), color_tokens("url(#add) none", {})
    (['custom:brand'], [])
    >>> color_tokens("hsl(var(--p))", {}), color_tokens("rgb(255 0 0 / var(--opacity))", {})
    (['custom:p'], ['red-500'])
    >>> color_tokens("theme('colors.blue.500')", {}), color_tokens("var(--color-blue-500)", {})
    (['blue-500'], ['blue-500'])
    >>> color_tokens("oklch(from var(--p) l c h / 50%)", {"--p": "#f00"})
    ['red-500']
    """
    if len(value) > MAX_VALUE_LENGTH:
        value = value[:MAX_VALUE_LENGTH]
    value = _THEME.sub(lambda match: CUSTOM + match[1].replace(".", "-"), value)
    found = (_token(match[0]) for match in _COLOR.finditer(_RELATIVE.sub(r" \1 ", substitute(value, variables))))
    return [token for token in found if token is not None]


def _token(text: str) -> str | None:
    """The token of one color; of `hsl(custom:p)`, whose parts are defined elsewhere, the name of that definition."""
    if token := token_of(_OPEN_ALPHA.sub(")", text).lower()):
        return token
    custom = _CUSTOM.search(text)
    if custom is None:
        return None
    # Tailwind itself defines `--color-blue-500`.
    return custom[1] if custom[1] in palette() else custom[0]


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
    return CUSTOM + match[1].removeprefix("--").removeprefix("color-")
