"""What stands on an HTML page: tags, class names, style sheets, colors in attributes. Never a syntax verdict.

Beautiful Soup holds the tree. It is built from the same tokens that the syntax check judges (its own parsers take
quadratic time on some broken input), so both see the same page. Of the text, only style sheets and scripts are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from scorers.class_names import applied, names_of
from scorers.css import declarations
from scorers.dead_classes import Mentions, is_known_sheet, read_mentions
from scorers.theme import Theme, read_theme

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

MAX_CHARACTERS = 2_000_000
COLOR_ATTRIBUTES = frozenset(("fill", "stroke", "stop-color", "flood-color", "lighting-color", "color", "bgcolor"))
# Attributes in which code stands that may name classes.
_CODE = re.compile(r"on\w+|x-.+|@.+|:.+|v-.+|hx-.+|data-.+|_")
_KEPT_TEXT = frozenset(("script", "style"))


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


def read_page(code: str) -> Page:
    """Reads HTML, broken or not; what lies beyond `MAX_CHARACTERS` is not read. Never raises.

    >>> page = read_page('<style>a{color:red}</style><p class="p-4 flex" style="top:0">Hi <b :class="x?`w-1`:0">')
    >>> page.tags, page.class_names, page.styles
    (('style', 'p', 'b'), ('p-4', 'flex', 'w-1'), (('color', 'red'), ('top', '0')))
    """
    soup = _soup(code[:MAX_CHARACTERS])
    elements: list[Tag] = soup.find_all(True)
    sheets = [e.get_text() for e in elements if e.name == "style"]
    scripts = [e.get_text() for e in elements if e.name == "script"]
    inline = [str(e.attrs["style"]) for e in elements if "style" in e.attrs]
    return Page(
        tags=tuple(e.name for e in elements),
        class_names=tuple(
            name for e in elements for key, value in e.attrs.items() for name in names_of(key, str(value))
        )
        + tuple(applied(sheets)),
        styles=tuple(pair for css in (*sheets, *inline) for pair in declarations(css)),
        color_attributes=tuple(
            str(value) for e in elements for name, value in e.attrs.items() if name in COLOR_ATTRIBUTES
        ),
        theme=read_theme((*sheets, *inline), scripts),
        mentions=_mentions(elements, sheets, scripts),
    )


def _mentions(elements: list[Tag], sheets: list[str], scripts: list[str]) -> Mentions | None:
    links = [e.attrs for e in elements if e.name == "link" and "stylesheet" in str(e.attrs.get("rel", "")).lower()]
    if not all(is_known_sheet(str(link.get("href", ""))) for link in links):
        return None
    code = [str(value) for e in elements for name, value in e.attrs.items() if _CODE.fullmatch(name)]
    return read_mentions(sheets, (*scripts, *code))


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
