"""What stands in a JSX or TSX file: tags, class names, styles and colors, read from its syntax tree.

Class names stand in attributes, keys and variables called `className` and the like (`classes`, `wrapperClass`), and in
the arguments of `cn()`, `clsx()`, `cva()` and their kin; there every word counts, but for what is compared or passed on
to other functions. Components also keep class names in constants and props, so the words of other string literals are
handed on as `loose_names` where a utility with a dash or a colon stands among them; a bare word (`flex`, `table`,
`outline`) alone is too often something else there. Module names, types, directives, keys of an index and `style`
objects hold no class names; a word that touches `${…}` is only a part of one.

Not covered: class names put together from pieces, objects that are passed from file to file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from scorers.css.declarations import declarations, takes_color
from scorers.jsx.engine import read_source
from scorers.page import COLOR_ATTRIBUTES, Page
from scorers.tailwind.utility import MAX_CLASS_LENGTH, parse_utility

_CAPITAL = re.compile(r"[A-Z]")


def read_jsx(code: str, sheets: Sequence[str] = ()) -> Page:
    """Reads JSX or TSX, broken or not; what lies beyond the parser's bounds is not read. Never raises.

    `sheets` are style sheets that belong to it and stand beside it.

    >>> page = read_jsx('const a = ["mt-4 grid", "table"]; <p className="flex" style={{color: "#fff"}} />')
    >>> page.class_names, page.loose_names, page.styles, page.tags
    (('flex',), ('mt-4', 'grid'), (('color', '#fff'),), ('p',))
    """
    source = read_source(code)
    properties = [(_kebab(name), text) for name, text in source.properties]
    styles = [(name, text) for name, text in properties if takes_color(name)]
    for sheet in (*source.sheets, *sheets):
        styles += declarations(sheet)
    return Page(
        tags=source.tags,
        class_names=source.classes,
        loose_names=tuple(word for words in source.loose if any(_telling(word) for word in words) for word in words),
        styles=tuple(styles),
        color_attributes=tuple(text for name, text in source.attributes if _kebab(name) in COLOR_ATTRIBUTES),
    )


def _telling(word: str) -> bool:
    """True for a word that is hardly anything but a class name."""
    return ("-" in word or ":" in word) and len(word) <= MAX_CLASS_LENGTH and parse_utility(word) is not None


def _kebab(name: str) -> str:
    return _CAPITAL.sub(lambda match: "-" + match[0].lower(), name)
