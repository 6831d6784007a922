"""What stands on an HTML page: tags, class names, style sheets, colors in attributes. Never a syntax verdict.

Beautiful Soup holds the tree. It is built from the same tokens that the syntax check judges (its own parsers take
quadratic time on some broken input), so both see the same page. Of the text, only style sheets and scripts are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from scorers.css import declarations
from scorers.theme import Theme, read_theme

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

MAX_CHARACTERS = 2_000_000
COLOR_ATTRIBUTES = frozenset(("fill", "stroke", "stop-color", "flood-color", "lighting-color", "color", "bgcolor"))
_BOUND_CLASSES = frozenset((":class", "x-bind:class", "v-bind:class", "class:list", ":classname", "[ngclass]"))
_LITERAL = re.compile(r"'([^'\\]*)'|\"([^\"\\]*)\"|`([^`\\]*)`")
_APPLY = re.compile(r"@apply\s+([^;}]*)")
_KEPT_TEXT = frozenset(("script", "style"))


@dataclass(frozen=True, slots=True)
class Page:
    """What was read from one page, in document order.

    `class_names` holds every occurrence of a class name; `loose_names` words from string literals elsewhere in JSX,
    which are class names only if they are utilities. `styles` are CSS declarations that are in use.
    """

    tags: tuple[str, ...]
    class_names: tuple[str, ...]
    styles: tuple[tuple[str, str], ...]
    color_attributes: tuple[str, ...]
    loose_names: tuple[str, ...] = ()
    theme: Theme = field(default_factory=Theme)


def read_page(code: str) -> Page:
    """Reads HTML, broken or not; what lies beyond `MAX_CHARACTERS` is not read. Never raises.

    >>> page = read_page('<style>a{color:red}</style><p class="p-4 flex" style="top:0">Hi <b :class="x?`w-1`:0">')
    >>> page.tags, page.class_names, page.styles
    (('style', 'p', 'b'), ('p-4', 'flex', 'w-1'), (('color', 'red'), ('top', '0')))
    """
    soup = _soup(code[:MAX_CHARACTERS])
    elements: list[Tag] = soup.find_all(True)
    sheets = [e.get_text() for e in elements if e.name == "style"]
    inline = [str(e.attrs["style"]) for e in elements if "style" in e.attrs]
    return Page(
        tags=tuple(e.name for e in elements),
        class_names=tuple(name for e in elements for name in _class_names(e)) + tuple(_applied(sheets)),
        styles=tuple(pair for css in (*sheets, *inline) for pair in declarations(css)),
        color_attributes=tuple(
            str(value) for e in elements for name, value in e.attrs.items() if name in COLOR_ATTRIBUTES
        ),
        theme=read_theme((*sheets, *inline), [e.get_text() for e in elements if e.name == "script"]),
    )


def class_literals(expression: str) -> Iterator[str]:
    """The class names in the string literals of a JavaScript expression (`:class="open ? 'flex' : 'hidden'"`)."""
    for match in _LITERAL.finditer(expression):
        yield from (match[1] or match[2] or match[3] or "").split()


def _class_names(element: Tag) -> Iterator[str]:
    for name, value in element.attrs.items():
        if name == "class" or name.startswith("x-transition:"):
            yield from str(value).split()
        elif name in _BOUND_CLASSES:
            yield from class_literals(str(value))


def _applied(styles: Iterable[str]) -> Iterator[str]:
    for style in styles:
        for match in _APPLY.finditer(style):
            yield from (name for name in match[1].split() if name != "!important")


def _soup(code: str) -> BeautifulSoup:
    from bs4 import BeautifulSoup

    return BeautifulSoup(code, builder=_builder())


@cache
def _builder() -> Any:
    """The class that feeds tokens to Beautiful Soup; made on first use, because bs4 takes long to import."""
    from bs4.builder import HTMLTreeBuilder
    from turbohtml import TokenType, tokenize

    from scorers.html_elements import VOID
    from scorers.html_syntax import MAX_DEPTH

    class TokenTreeBuilder(HTMLTreeBuilder):
        """Feeds Beautiful Soup from the tokenizer of the syntax check."""

        NAME = "tokens"
        features: list[str] = []  # noqa: RUF012 - Beautiful Soup's own declaration
        DEFAULT_CDATA_LIST_ATTRIBUTES: dict[str, set[str]] = {}  # noqa: RUF012 - keep `class` as it was written

        def prepare_markup(self, markup: Any, *_: Any, **__: Any) -> Iterator[tuple[Any, None, None, bool]]:
            yield markup, None, None, False

        def feed(self, markup: str | bytes) -> None:
            soup = self.soup
            assert soup is not None
            assert isinstance(markup, str)
            for token in tokenize(markup):
                kind, tag = token.type, token.tag or ""
                if kind is TokenType.TEXT:
                    if soup.currentTag is not None and soup.currentTag.name in _KEPT_TEXT:
                        soup.handle_data(token.data or "")
                elif kind is TokenType.START_TAG:
                    soup.handle_starttag(tag, None, None, dict(token.attrs or ()))
                    if token.self_closing or tag in VOID or len(soup.tagStack) > MAX_DEPTH:
                        soup.handle_endtag(tag)
                elif kind is TokenType.END_TAG:
                    soup.handle_endtag(tag)

    return TokenTreeBuilder
