"""Does HTML parse the way its author meant it? A stack of open elements over the tokens of a WHATWG tokenizer.

Browsers never refuse HTML, so "valid" here means that the tree is the one that is written down. Three kinds:

Broken (an issue each): an end tag without an open element; an end tag that closes over an element whose own end tag
is not optional; such an element left open at `</body>` or at the end; the end of the text inside a tag, a comment or a
raw text element; a quote or `<` in an attribute name; nested `a`, `button`, `form` or headings; an end tag for a void
element; a second `html`, `head` or `body`; `<div />` (HTML ignores the slash); an HTML element inside `svg` or `math`.

Fine: omitted optional end tags, void elements with or without a slash, SVG and MathML with their own case and
self-closing, custom elements, `@click`, `:class`, `x-on:` and `hx-` attributes, no doctype, unquoted values, `&`.

Soft (counted only): a duplicate attribute, `</p>` with no open `p`, `<` before something that is no name, no space
between attributes. What a schema would say about attributes is nobody's concern here.

Not covered: foster parenting in tables, `select` content rules, single-file Vue or Svelte components.
The rules are those of https://html.spec.whatwg.org/multipage/parsing.html, "tree construction".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from scorers.html_elements import (
    BREAKOUT,
    CLOSES_P,
    EXCLUSIVE,
    HEADINGS,
    IMPLIES_END,
    INTEGRATION,
    OPTIONAL_END,
    RAW_TEXT,
    SCOPE,
    SKELETON,
    VOID,
)
from scorers.position import Position, shown

_EOF_ISSUES = {
    "eof-in-tag": "the text ends inside a tag",
    "eof-before-tag-name": "the text ends inside a tag",
    "eof-in-comment": "the text ends inside a comment",
    "eof-in-doctype": "the text ends inside the doctype",
    "eof-in-script-html-comment-like-text": "the text ends inside a script",
}
_SOFT = frozenset(
    ("duplicate-attribute", "missing-whitespace-between-attributes", "invalid-first-character-of-tag-name")
)
# Browsers flatten trees deeper than 512; far beyond that only a model in a loop goes, and memory must stay bounded.
MAX_DEPTH = 5_000
MAX_ISSUES = 100


@dataclass(frozen=True, slots=True)
class SyntaxIssue:
    """One reason why code does not parse, placed in the code itself."""

    code: str
    position: Position
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a syntax check found: valid means without `issues`; `soft` counts what is forgiven."""

    issues: tuple[SyntaxIssue, ...]
    soft: int = 0

    @property
    def valid(self) -> bool:
        """True without issues."""
        return not self.issues


@dataclass(slots=True)
class _Open:
    """An open element and what its place in the tree lets through, inherited from its parent in O(1).

    `p` is the stack index of the `p` that a block would close, or -1; `within` names the interactive elements around.
    """

    tag: str
    at: Position
    foreign: bool
    p: int
    within: frozenset[str]
    reported: bool = False


_OUTSIDE = _Open("", Position(1, 1), False, -1, frozenset())


def check_html(code: str) -> Verdict:
    """Judges HTML, a document or a fragment; text without any tag has no issue, so find out first whether it is HTML.

    Lines end in `\\n`. Linear in the length of `code`; never raises. At most `MAX_ISSUES` issues, in text order.

    >>> check_html("<ul><li>one<li>two<br></ul>").valid
    True
    >>> [i.message for i in check_html("<div><p>text</div></section>").issues]
    ['`</section>` has no open element to close']
    >>> [(i.code, i.position.line) for i in check_html("<main>\\n<div>").issues]
    [('unclosed', 1), ('unclosed', 2)]
    """
    from turbohtml import TokenType, tokenize

    stack = _Stack()
    last = Position(1, 1)
    for token in tokenize(code):
        kind = token.type
        if kind is TokenType.TEXT:
            continue
        last = Position(token.line, token.col + 1)
        if kind is TokenType.START_TAG:
            stack.attributes(token.attrs or (), last)
            stack.start(token.tag or "", last, token.self_closing)
            if len(stack.open) > MAX_DEPTH:
                stack.issue("too_deep", last, f"more than {MAX_DEPTH} elements are open inside one another")
                break
        elif kind is TokenType.END_TAG:
            stack.end(token.tag or "", last)
    else:
        stack.finish()
        stack.issues += _end_of_text(code, last)
    issues = sorted(stack.issues, key=lambda i: (i.position.line, i.position.column))
    soft = stack.soft if issues else stack.soft + _forgiven(code)
    return Verdict(tuple(issues), soft)


def _end_of_text(code: str, last: Position) -> list[SyntaxIssue]:
    """What the end of the text cuts off: `last` is the last whole piece of markup, so only the rest is read again."""
    from turbohtml import parse

    lines = code.split("\n")
    rest = "\n".join([lines[last.line - 1][last.column - 1 :], *lines[last.line :]])
    return [
        SyntaxIssue("end_of_text", Position(error.line, error.col + 1).inside(last), _EOF_ISSUES[error.code])
        for error in parse(rest).errors
        if error.code in _EOF_ISSUES
    ]


def _forgiven(code: str) -> int:
    """The tokenizer's soft errors, for code without issues only.

    Building the tree of broken code can take quadratic time and memory (attributes of repeated `body` tags are
    merged, open formatting elements are opened again in each paragraph); of code without issues it cannot.
    """
    from turbohtml import parse

    return sum(error.code in _SOFT for error in parse(code).errors)


@dataclass(slots=True)
class _Stack:
    """The open elements, and what was found wrong so far."""

    open: list[_Open] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    issues: list[SyntaxIssue] = field(default_factory=list)
    soft: int = 0

    def issue(self, code: str, at: Position, message: str) -> None:
        if len(self.issues) < MAX_ISSUES:
            self.issues.append(SyntaxIssue(code, at, message))

    @property
    def top(self) -> _Open:
        return self.open[-1] if self.open else _OUTSIDE

    def attributes(self, attributes: Iterable[tuple[str, str]], at: Position) -> None:
        for name, _ in attributes:
            if '"' in name or "'" in name or "<" in name:
                message = f"a quote or `>` is missing in this tag: `{shown(name)}` is read as an attribute's name"
                self.issue("attribute_name", at, message)
                return

    def start(self, tag: str, at: Position, self_closing: bool) -> None:
        if self._foreign_content(tag):
            if tag in BREAKOUT:
                self.issue("foreign_breakout", at, f"`<{shown(tag)}>` cannot stand inside `<svg>` or `<math>`")
            if not self_closing and tag not in VOID:
                self._push(tag, at)
            return
        if tag in SKELETON and not self._skeleton(tag, at):
            return
        self._imply_ends(tag, at)
        if tag in VOID:
            return
        if self_closing and tag not in ("svg", "math"):
            self.issue("self_closing", at, f"`<{shown(tag)} />` is not closed: HTML ignores the slash here")
            if tag not in RAW_TEXT:
                return
        if tag in self.top.within:
            self.issue("nested", at, f"`<{tag}>` opens inside another `<{tag}>`")
        if not (self_closing and tag in ("svg", "math")):
            self._push(tag, at)

    def end(self, tag: str, at: Position) -> None:
        if tag in VOID:
            self.issue("void_end_tag", at, f"`</{tag}>` closes an element that has no end tag")
        elif tag == "p":
            self._end_p(at)
        elif tag in ("html", "body"):
            self._end_page(tag, at)
        elif self.count[tag] > 0:
            self._pop_to(tag, at)
        elif tag != "head" or {"head", "body"} & self.seen or self.top.tag not in ("", "html"):
            self.issue("stray_end_tag", at, f"`</{shown(tag)}>` has no open element to close")

    def finish(self) -> None:
        self._report_open(lambda tag: f"`<{tag}>` opened here is never closed")

    def _foreign_content(self, tag: str) -> bool:
        return self.top.foreign and self.top.tag not in INTEGRATION and tag not in ("svg", "math")

    def _skeleton(self, tag: str, at: Position) -> bool:
        """True where this html, head or body is the page's first."""
        if tag in self.seen or (tag == "head" and "body" in self.seen):
            self.issue("duplicate", at, f"a second `<{tag}>`")
            return False
        self.seen.add(tag)
        return True

    def _imply_ends(self, tag: str, at: Position) -> None:
        """Closes what the start tag closes by itself, where HTML lets the end tag be left out."""
        if tag in CLOSES_P and self.top.p >= 0:
            self._pop_above(self.top.p, f"`<{tag}>` at line {at.line} ends the paragraph around it")
            self._pop()
        if tag in HEADINGS and self.top.tag in HEADINGS:
            self.issue("nested", at, f"`<{tag}>` opens inside `<{self.top.tag}>`")
            self._pop()
        closes = IMPLIES_END.get(tag)
        if closes is None:
            return
        keep = len(self.open)
        for index in range(len(self.open) - 1, -1, -1):
            if self.open[index].tag in closes:
                keep = index
            elif self.open[index].tag not in OPTIONAL_END or self.open[index].tag in SKELETON:
                break
        while len(self.open) > keep:
            self._pop()

    def _push(self, tag: str, at: Position) -> None:
        parent = self.top
        foreign = tag in ("svg", "math") or (parent.foreign and parent.tag not in INTEGRATION)
        bounded = tag in SCOPE or (foreign and tag in INTEGRATION)
        p = len(self.open) if tag == "p" and not foreign else -1 if bounded or tag == "button" else parent.p
        within: frozenset[str] = frozenset() if bounded else parent.within
        if tag in EXCLUSIVE:
            within |= {tag}
        self.open.append(_Open(tag, at, foreign, p, within))
        self.count[tag] += 1

    def _pop(self) -> _Open:
        element = self.open.pop()
        self.count[element.tag] -= 1
        return element

    def _pop_above(self, index: int, by: str) -> None:
        """Pops all above `index`; what had to be closed by its author is an issue."""
        while len(self.open) - 1 > index:
            element = self._pop()
            if element.tag not in OPTIONAL_END and not element.reported:
                message = f"`<{shown(element.tag)}>` opened here is not closed before {by}"
                self.issue("unclosed", element.at, message)

    def _pop_to(self, tag: str, at: Position) -> None:
        index = len(self.open) - 1
        while self.open[index].tag != tag:
            index -= 1
        self._pop_above(index, f"`</{shown(tag)}>` at line {at.line}")
        self._pop()

    def _end_p(self, at: Position) -> None:
        if self.top.p < 0:
            self.soft += 1
            return
        self._pop_above(self.top.p, f"`</p>` at line {at.line}")
        self._pop()

    def _end_page(self, tag: str, at: Position) -> None:
        """`</body>` and `</html>` close nothing that is open: browsers only note them."""
        end = f"/{tag}"
        if end in self.seen:
            self.issue("duplicate", at, f"a second `<{end}>`")
            return
        self.seen.add(end)
        self._report_open(lambda name: f"`<{name}>` opened here is not closed before `<{end}>` at line {at.line}")

    def _report_open(self, message: Callable[[str], str]) -> None:
        for element in self.open:
            if element.tag not in OPTIONAL_END and not element.reported:
                element.reported = True
                self.issue("unclosed", element.at, message(shown(element.tag)))
