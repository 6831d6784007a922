"""SCSS and Less as far as colors go: their variables as CSS variables, their comments as blanks.

Nesting reads as CSS does, and functions (`darken($brand, 10%)`) stand for the color that they are given. A name that
comes from another file stays undefined, so that it counts as unresolved. Not read: maps, loops, the indented syntax.
"""

from __future__ import annotations

import re

_SCSS = re.compile(r"\$([\w-]{1,100})(\s*:)?")
# `@page :first` is an at-rule.
_LESS_DEFINITION = re.compile(r"@(?!page\b)([\w-]{1,100})\s*:(?!:)")
_LESS = re.compile(r"@\{?([\w-]{1,100})\}?(\s*:)?")
# `url(//host/x.svg)` and `https://` are none.
_LINE_COMMENT = re.compile(r"(?:^|(?<=[\s;{}]))//[^\n]*")
# `rgba($brand, .5)` is no CSS: there a color has channels.
_FADED = re.compile(r"\brgba?\(\s*(\$[\w-]{1,100}|@[\w-]{1,100}|#[\da-fA-F]{3,8})\s*,[^()]{0,100}\)")


def plain_css(sheet: str) -> str:
    """The style sheet with CSS variables for those of SCSS and Less; CSS stays as it is. Linear.

    >>> plain_css("$brand: red; a { color: darken($brand, 5%); background: rgba($brand, .5) } // b")
    '--scss-brand: red; a { color: darken(var(--scss-brand), 5%); background: var(--scss-brand) } '
    >>> plain_css("@c: red; @media print { a { color: @c } }"), plain_css("a { background: url(//x/y) }")
    ('--less-c: red; @media print { a { color: var(--less-c) } }', 'a { background: url(//x/y) }')
    """
    scss = "$" in sheet and _SCSS.search(sheet) is not None
    less = set() if scss or "@" not in sheet else set(_LESS_DEFINITION.findall(sheet))
    if not scss and not less:
        return sheet
    sheet = _FADED.sub(r"\1", _LINE_COMMENT.sub("", sheet))
    if scss:
        return _SCSS.sub(lambda m: _variable("scss", m[1], m[2]), sheet)
    return _LESS.sub(lambda m: _variable("less", m[1], m[2]) if m[1] in less else m[0], sheet)


def _variable(kind: str, name: str, colon: str | None) -> str:
    return f"--{kind}-{name}{colon}" if colon else f"var(--{kind}-{name})"
