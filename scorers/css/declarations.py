"""CSS as pieces: the declarations of style sheets and of `style=`, and the blocks of a rule."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_VALUE_LENGTH = 2_000

# Unclosed comments run to the end of the text, so that no part is searched twice.
_COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)")
_BOUNDARY = re.compile(r"[;{}]")
_BRACE = re.compile(r"[{}]")


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
