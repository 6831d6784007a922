"""What stands on an HTML page: tags, class names, style sheets, colors in attributes. Never a syntax verdict.

The tokens are those that the syntax check judges, so both see the same page. No tree is built of them: nothing that is
read here depends on what stands inside what. Of the text, only style sheets and scripts are kept; what scripts say is
for `scripts` to read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from scorers.contents import DARK_SWITCH, SCREEN, Contents, Ground
from scorers.html.class_attributes import reader_of
from scorers.measures.dead_classes import is_known_sheet
from scorers.position import LineStarts

if TYPE_CHECKING:
    from turbohtml import Token

MAX_CHARACTERS = 1_500_000
COLOR_ATTRIBUTES = frozenset(("fill", "stroke", "stop-color", "flood-color", "lighting-color", "color", "bgcolor"))
# Attributes in which code stands that may name classes.
_CODE = re.compile(r"on\w+|x-.+|@.+|:.+|v-.+|hx-.+|data-.+|_")
_HANDLER = re.compile(r"on[a-z]+")
# Elements that are drawn nowhere: the first one after them is the outermost of the page.
_UNSEEN = frozenset(("head", "title", "meta", "link", "script", "style", "base", "noscript", "template"))
# A page's background is at most so far inside.
_MAX_GROUNDS = 6
# Elements as high as the screen, wherever they stand; more than a page has.
_MAX_SCREENS = 50
_MAX_GROUND = 2_000
# Longer names come of a missing quote; they are kept out of the cache, because they have no limit.
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Script:
    """An inline script: its text, the offset at which it begins in the page, the attributes of its start tag, and
    whether its end tag follows (the end of the text may have cut it off)."""

    text: str
    offset: int
    attributes: Mapping[str, str | None]
    closed: bool


@dataclass(frozen=True, slots=True)
class EventHandler:
    """An event handler's attribute (`onclick`): its name and code, and the line and column of its tag."""

    name: str
    code: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """What stands on a page, and the code on it that is JavaScript."""

    contents: Contents
    scripts: tuple[Script, ...]
    handlers: tuple[EventHandler, ...]


def read_html(code: str) -> Contents:
    """Reads HTML, broken or not; what lies beyond `MAX_CHARACTERS` is not read. Never raises.

    >>> found = read_html('<style>a{color:red}</style><p class="p-4 flex" style="top:0">Hi <b :class="x?`w-1`:0">')
    >>> found.tags, found.class_names, found.sheets, found.inline
    (('style', 'p', 'b'), ('p-4', 'flex', 'w-1'), ('a{color:red}',), ('top:0',))
    """
    return read_page(code).contents


def read_page(code: str) -> HtmlPage:
    """`read_html`, with the scripts and event handlers in their order.

    >>> page = read_page('<b onclick="go()"></b><script>let a</script>')
    >>> page.scripts[0].text, page.scripts[0].offset, page.handlers[0].code
    ('let a', 30, 'go()')
    """
    found = _PageCollector()
    found.read(code[:MAX_CHARACTERS])
    return HtmlPage(found.contents(), tuple(found.scripts), tuple(found.handlers))


def read_markup(pieces: Iterable[str]) -> Contents:
    """What stands in pieces of HTML, each for itself: those that a script writes. Their own scripts are data.

    >>> read_markup(["<p class='a'>", "<b class='c"]).class_names
    ('a',)
    """
    # Where a script puts them, nobody knows: only what is as high as the screen can be the page's background.
    found = _PageCollector(descending=False)
    for piece in pieces:
        found.read(piece)
    return found.contents()


@dataclass(slots=True)
class _PageCollector:
    """What the tags of a page hold. `inline` are the style attributes, `code` the attributes that are code;
    `has_all_css` is false where a link leads to a style sheet that nobody knows."""

    tags: list[str] = field(default_factory=list)
    class_names: list[str] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    handlers: list[EventHandler] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    colors: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    has_all_css: bool = True
    grounds: list[Ground] = field(default_factory=list)
    descending: bool = True

    def contents(self) -> Contents:
        """All of it, but for where it stands."""
        return Contents(
            tags=tuple(self.tags),
            class_names=tuple(self.class_names),
            sheets=tuple(self.sheets),
            inline=tuple(self.inline),
            color_attributes=tuple(self.colors),
            scripts=tuple(script.text for script in self.scripts),
            code=tuple(self.code),
            has_all_css=self.has_all_css,
            grounds=tuple(self.grounds),
        )

    def read(self, code: str) -> None:
        """Reads a page. Nothing but text can follow the start tag of a style sheet or a script, up to its end tag."""
        from turbohtml import TokenType, tokenize

        start, between, end = TokenType.START_TAG, TokenType.TEXT, TokenType.END_TAG
        lines = LineStarts(code)
        script: list[str] | None = None
        sheet = False
        where, opening = (0, 0), None
        for token in tokenize(code):
            kind = token.type
            if kind is between:
                if sheet:
                    self.sheets.append(token.data or "")
                elif script is not None:
                    if not script:
                        where = token.line, token.col
                    script.append(token.data or "")
                continue
            if script:
                self._script(script, lines.offset(*where), opening, kind is end)
            script, sheet = None, False
            if kind is start:
                tag, attributes = token.tag or "", token.attrs or ()
                self.tags.append(tag)
                screen = False
                for name, value in attributes:
                    # Most attributes are of this one, and need no look at what others may hold.
                    if name == "class":
                        self.class_names += (value or "").split()
                        screen = screen or _is_screen(value or "")
                    elif len(name) <= _MAX_NAME and (use := _use(name)) is not None:
                        text = value or ""
                        self._take(use, text)
                        if use.handler:
                            self.handlers.append(EventHandler(name, text, token.line, token.col + 1))
                if tag == "link":
                    self._link(dict(attributes))
                if self.descending and tag not in _UNSEEN:
                    self._ground(tag, dict(attributes))
                elif screen and len(self.grounds) < _MAX_SCREENS:
                    self.grounds.append(_ground_of(tag, dict(attributes), outermost=False))
                if not token.self_closing:
                    sheet = tag == "style"
                    script, opening = ([], token) if tag == "script" else (None, None)
            elif self.descending and kind is end and token.tag not in _UNSEEN:
                self.descending = False
        if script:
            self._script(script, lines.offset(*where), opening, False)

    def _script(self, text: list[str], offset: int, opening: Token | None, closed: bool) -> None:
        attributes = {} if opening is None else dict(opening.attrs or ())
        self.scripts.append(Script("".join(text), offset, attributes, closed))

    def _take(self, use: _Use, value: str) -> None:
        if use.class_names is not None:
            self.class_names += use.class_names(value)
        if use.style:
            self.inline.append(value)
        if use.color:
            self.colors.append(value)
        if use.code:
            self.code.append(value)

    def _ground(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        """The element, as long as each one stands first in the one before."""
        outermost = not any(ground.tag not in ("html", "body") for ground in self.grounds)
        self.grounds.append(_ground_of(tag, attributes, outermost=outermost))
        self.descending = len(self.grounds) < _MAX_GROUNDS

    def _link(self, attributes: Mapping[str, str | None]) -> None:
        if "stylesheet" in (attributes.get("rel") or "").lower() and not is_known_sheet(attributes.get("href") or ""):
            self.has_all_css = False


def _is_screen(classes: str) -> bool:
    # Most are none, and looking for a word is faster than a pattern.
    likely = "screen" in classes or "inset-0" in classes or "vh" in classes
    return likely and SCREEN.search(classes[:_MAX_GROUND]) is not None


def _ground_of(tag: str, attributes: Mapping[str, str | None], *, outermost: bool) -> Ground:
    """The element as what may be the page's background.

    >>> _ground_of("html", {"data-theme": "dark", "class": "h-full", "id": "top"}, outermost=True)
    Ground(tag='html', classes='h-full dark', style='', outermost=True, id='top')
    """
    classes, style, name = ((attributes.get(key) or "")[:_MAX_GROUND] for key in ("class", "style", "id"))
    if any(value == "dark" and DARK_SWITCH.fullmatch(key[:_MAX_NAME]) for key, value in attributes.items()):
        classes = f"{classes} dark".strip()
    return Ground(tag, classes, style, outermost, name)


class _Use(NamedTuple):
    """What the attributes of some name hold; `class_names` takes the class names out of the value."""

    class_names: Callable[[str], Iterable[str]] | None
    style: bool
    color: bool
    code: bool
    handler: bool


@lru_cache(maxsize=1 << 12)
def _use(name: str) -> _Use | None:
    """What an attribute holds; None for nothing that is read here, as it is for most."""
    is_code, is_handler = _CODE.fullmatch(name) is not None, _HANDLER.fullmatch(name) is not None
    use = _Use(reader_of(name), name == "style", name in COLOR_ATTRIBUTES, is_code, is_handler)
    return use if any(use) else None
