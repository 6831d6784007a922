"""CSS as pieces: the declarations of style sheets and of `style=`, and the blocks of a rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

MAX_VALUE_LENGTH = 2_000
# What a `style=` mostly has at most. Pages repeat them, so that what they say is remembered.
_SHORT = 200

# Unclosed comments run to the end of the text, so that no part is searched twice.
_COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)")
# Of a page that says that it is dark.
DARK_SELECTOR = r"(?:\.dark|\[data-(?:[\w-]+-)?(?:theme|mode|scheme)=[\"']?dark[\"']?\])"
_BOUNDARY = re.compile(r"[;{}]")
_BRACE = re.compile(r"[{}]")


def declarations(css: str) -> Iterable[tuple[str, str]]:
    """Every `property: value` of a style sheet or a `style=` attribute, properties in lower case.

    >>> list(declarations("a:hover { color: red; --x: 1px } /* b { color: blue } */"))
    [('a', 'hover'), ('color', 'red'), ('--x', '1px')]
    """
    return _of_short(css) if len(css) <= _SHORT else _declarations(css)


@lru_cache(maxsize=1 << 12)
def _of_short(css: str) -> tuple[tuple[str, str], ...]:
    return tuple(_declarations(css))


def _declarations(css: str) -> Iterator[tuple[str, str]]:
    for piece in _BOUNDARY.split(without_comments(css)):
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
    css = without_comments(css)
    for _, start, end in _spans(css, rule):
        yield css[start:end]


def without_blocks(css: str, rule: str) -> str:
    """The style sheet but for every `rule`, whatever stands in its braces.

    >>> without_blocks("a { b: c } @media print { a { b: d } } e { f: g }", "@media")
    'a { b: c }  e { f: g }'
    """
    css = without_comments(css)
    kept, last = [], 0
    for at, _, end in _spans(css, rule):
        kept.append(css[last:at])
        last = end + 1
    return "".join((*kept, css[last:]))


def without_comments(css: str) -> str:
    """The style sheet with a blank for each comment."""
    return _COMMENT.sub(" ", css) if "/*" in css else css


def _spans(css: str, rule: str) -> Iterator[tuple[int, int, int]]:
    """Of every `rule` the place where it begins, and what its braces enclose."""
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
        yield at, start + 1, end
        at = css.find(rule, end)
