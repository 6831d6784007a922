"""What stands on an HTML page: tags, class names, style sheets, colors in attributes. Never a syntax verdict.

The tokens are those that the syntax check judges, so both see the same page. No tree is built of them: nothing that is
read here depends on what stands inside what. Of the text, only style sheets and scripts are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from scorers.css.declarations import declarations
from scorers.html.class_attributes import applied, reader_of
from scorers.measures.dead_classes import Mentions, is_known_sheet, read_mentions
from scorers.tailwind.theme import Theme, read_theme

MAX_CHARACTERS = 2_000_000
COLOR_ATTRIBUTES = frozenset(("fill", "stroke", "stop-color", "flood-color", "lighting-color", "color", "bgcolor"))
# Attributes in which code stands that may name classes.
_CODE = re.compile(r"on\w+|x-.+|@.+|:.+|v-.+|hx-.+|data-.+|_")
# Longer names come of a missing quote; they are kept out of the cache, because they have no limit.
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Page:
    """What was read from one page, in document order.

    `class_names` holds every occurrence of a class name; `loose_names` words from string literals elsewhere in JSX,
    which are class names only if they are utilities. `styles` are CSS declarations that are in use. `mentions` is what
    the page's own CSS and scripts name; None where the CSS lies elsewhere, so that no class can be called dead.
    """

    tags: tuple[str, ...]
    class_names: tuple[str, ...]
    styles: tuple[tuple[str, str], ...]
    color_attributes: tuple[str, ...]
    loose_names: tuple[str, ...] = ()
    theme: Theme = field(default_factory=Theme)
    mentions: Mentions | None = None


def read_page(code: str, sheets: Sequence[str] = (), scripts: Sequence[str] = ()) -> Page:
    """Reads HTML, broken or not; what lies beyond `MAX_CHARACTERS` is not read. Never raises.

    `sheets` and `scripts` are what belongs to the page and stands beside it: an answer's CSS and JavaScript.

    >>> page = read_page('<style>a{color:red}</style><p class="p-4 flex" style="top:0">Hi <b :class="x?`w-1`:0">')
    >>> page.tags, page.class_names, page.styles
    (('style', 'p', 'b'), ('p-4', 'flex', 'w-1'), (('color', 'red'), ('top', '0')))
    """
    found = _Found()
    found.read(code[:MAX_CHARACTERS])
    found.sheets += sheets
    found.scripts += scripts
    styles = (*found.sheets, *found.inline)
    return Page(
        tags=tuple(found.tags),
        class_names=(*found.class_names, *applied(found.sheets)),
        styles=tuple(pair for css in styles for pair in declarations(css)),
        color_attributes=tuple(found.colors),
        theme=read_theme(styles, found.scripts),
        mentions=read_mentions(found.sheets, (*found.scripts, *found.code)) if found.has_all_css else None,
    )


@dataclass(slots=True)
class _Found:
    """What the tags of a page hold. `inline` are the style attributes, `code` the attributes that are code;
    `has_all_css` is false where a link leads to a style sheet that nobody knows."""

    tags: list[str] = field(default_factory=list)
    class_names: list[str] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    colors: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    has_all_css: bool = True

    def read(self, code: str) -> None:
        """Reads a page. Nothing but text can follow the start tag of a style sheet or a script, up to its end tag."""
        from turbohtml import TokenType, tokenize

        start, between = TokenType.START_TAG, TokenType.TEXT
        texts = {"style": self.sheets, "script": self.scripts}
        text: list[str] | None = None
        for token in tokenize(code):
            kind = token.type
            if kind is start:
                tag, attributes = token.tag or "", token.attrs or ()
                self.tags.append(tag)
                for name, value in attributes:
                    use = _use(name) if len(name) <= _MAX_NAME else None
                    if use is not None:
                        self._take(use, value or "")
                if tag == "link":
                    self._link(dict(attributes))
                text = None if token.self_closing else texts.get(tag)
            elif kind is not between:
                text = None
            elif text is not None:
                text.append(token.data or "")

    def _take(self, use: _Use, value: str) -> None:
        if use.class_names is not None:
            self.class_names += use.class_names(value)
        if use.style:
            self.inline.append(value)
        if use.color:
            self.colors.append(value)
        if use.code:
            self.code.append(value)

    def _link(self, attributes: Mapping[str, str | None]) -> None:
        if "stylesheet" in (attributes.get("rel") or "").lower() and not is_known_sheet(attributes.get("href") or ""):
            self.has_all_css = False


class _Use(NamedTuple):
    """What the attributes of some name hold; `class_names` takes the class names out of the value."""

    class_names: Callable[[str], Iterable[str]] | None
    style: bool
    color: bool
    code: bool


@lru_cache(maxsize=1 << 12)
def _use(name: str) -> _Use | None:
    """What an attribute holds; None for nothing that is read here, as it is for most."""
    use = _Use(reader_of(name), name == "style", name in COLOR_ATTRIBUTES, _CODE.fullmatch(name) is not None)
    return use if any(use) else None
