"""Does HTML parse the way its author meant it? The parse errors of the HTML standard, sorted by whether they matter.

Browsers never refuse HTML, so "valid" here means that its tags pair up as they are written down. Three kinds:

Broken (an issue each): an end tag without an open element; an end tag that closes over an element whose own end tag
is not optional; such an element left open at `</body>` or at the end; the end of the text inside a tag, a comment or a
raw text element; a quote or `<` in an attribute name; nested `a`, `button`, `form` or headings; an end tag for a void
element; a second `html`, `head` or `body`; `<div />` (HTML ignores the slash); an HTML element inside `svg` or `math`;
a start tag that browsers drop (`<td>` outside of a table); an element between a table and its cells.

Fine: omitted optional end tags, void elements with or without a slash, SVG and MathML with their own case and
self-closing, custom elements, `@click`, `:class`, `x-on:` and `hx-` attributes, no doctype, unquoted values, `&`, a
piece of a table that stands for itself.

Soft (counted only): a duplicate attribute, `</p>` with no open `p`, `<` before something that is no name, no space
between attributes, text and void elements that browsers move (out of a table, into the head or the body). What a
schema would say about attributes is nobody's concern here.

Issues of the tokenizer carry the codes of https://html.spec.whatwg.org/multipage/parsing.html#parse-errors; those of
tree construction, which have none there, codes of the same kind: `unclosed`, `stray-end-tag`, `stray-start-tag`,
`misnested`, `nested`, `duplicate`, `foreign-breakout`, `foster-parented`, `void-end-tag`, and `too-deep`.

Bounds, each with an issue that says so: a tag, or what follows the last one, of `MAX_PIECE` characters (`too_large`:
nothing else is said of the code), `MAX_DEPTH` open elements, and how often text must be read again as markup
(`too_complex`). In code that is longer than `MAX_PIECE` the tokenizer's own soft errors are not counted.

Not covered: framesets, quirks mode; components of Vue, Svelte and Astro have readers of their own (`scorers.sfc`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scorers.html import insertion_modes
from scorers.html.elements import RAW_TEXT
from scorers.html.fast_path import is_ordinary
from scorers.html.open_elements import LineColumn, Tag
from scorers.html.state import TreeState
from scorers.position import LineStarts, Position, shown
from scorers.verdict import MAX_ISSUES, SyntaxIssue, SyntaxVerdict

if TYPE_CHECKING:
    from turbohtml import Token

_EOF_ISSUES = {
    "eof-in-tag": "the text ends inside a tag",
    "eof-before-tag-name": "the text ends inside a tag",
    "eof-in-comment": "the text ends inside a comment",
    "eof-in-doctype": "the text ends inside the doctype",
    "eof-in-script-html-comment-like-text": "the text ends inside a script",
}
_ENDLESS = "the markup here is longer than is read; nothing of the page was judged"
_AGAIN = "the markup switches between text and tags too often; nothing beyond this place was looked at"
_SOFT = frozenset(
    ("duplicate-attribute", "missing-whitespace-between-attributes", "invalid-first-character-of-tag-name")
)
# What the tokenizer says of texts that end too early and of names with a quote: for the rules to judge and to place.
_BREAKING = _EOF_ISSUES.keys() | {"unexpected-character-in-attribute-name"}
_IN_NO_NAME = frozenset("\"'<")
# Browsers flatten trees deeper than 512; far beyond that only a model in a loop goes, and memory must stay bounded.
MAX_DEPTH = 5_000
# No page has a tag as long: each attribute and each error of one takes memory.
MAX_PIECE = 1_000_000
# Characters that may be copied to start the tokenizer again; pages start it again a few times, loops a million times.
_MAX_COPIED = 100_000_000


def check_html(code: str) -> SyntaxVerdict:
    """Judges HTML, a document or a fragment; text without any tag has no issue, so find out first whether it is HTML.

    Lines end in `\\n`. Linear in the length of `code`; never raises. At most `MAX_ISSUES` issues, in text order.

    >>> check_html("<ul><li>one<li>two<br></ul>").valid
    True
    >>> [i.message for i in check_html("<div><p>text</div></section>").issues]
    ['`</section>` has no open element to close']
    >>> [(i.code, i.position.line) for i in check_html("<main>\\n<div>").issues]
    [('unclosed', 1), ('unclosed', 2)]
    """
    if len(code) > MAX_PIECE:
        place = _endless(code)
        return check_by_rules(code) if place is None else SyntaxVerdict((SyntaxIssue("too_large", place, _ENDLESS),))
    if is_ordinary(code):
        errors = _errors(code)
        if _BREAKING.isdisjoint(errors):
            return SyntaxVerdict((), sum(error in _SOFT for error in errors))
    return check_by_rules(code)


def check_by_rules(code: str) -> SyntaxVerdict:
    """`check_html` by the rules of the standard alone, which take several times as long as the proof."""
    from turbohtml import TokenType

    issues: list[SyntaxIssue] = []
    state = TreeState(lambda code, at, message: issues.append(SyntaxIssue(code, Position(*at), message)))
    markup = _Markup(code)
    text, start, end = TokenType.TEXT, TokenType.START_TAG, TokenType.END_TAG
    while (token := next(markup.tokens, None)) is not None:
        kind = token.type
        if kind is text:
            if markup.hidden or state.mode in insertion_modes.TEXT_MODES:
                _read_text(state, markup, token)
            continue
        markup.last = at = markup.place(token)
        markup.hidden = False
        if kind is start:
            _start_tag(state, markup, token, at)
        elif kind is end:
            _end_tag(state, token, at)
        elif kind is TokenType.DOCTYPE:
            state.began.setdefault("doctype", at)
        elif kind is TokenType.COMMENT and state.foreign:
            _skip_character_data(markup, token, at)
        if markup.exhausted:
            state.issue("too_complex", at, _AGAIN)
        if markup.exhausted or len(issues) >= MAX_ISSUES or len(state.open) > MAX_DEPTH:
            break
    else:
        insertion_modes.finish(state)
        issues += _end_of_text(markup)
    issues.sort(key=lambda i: (i.position.line, i.position.column))
    forgiven = 0 if issues or len(code) > MAX_PIECE else _forgiven(code)
    return SyntaxVerdict(tuple(issues[:MAX_ISSUES]), state.soft + forgiven)


def _endless(code: str) -> Position | None:
    """Where a tag, a comment or the text behind the last one is longer than `MAX_PIECE`."""
    from turbohtml import TokenType, tokenize

    lines, text = LineStarts(code), TokenType.TEXT
    # The last piece of markup, and whether the token before this one is that piece: text may be of any length.
    start, place, inside = 0, Position(1, 1), False
    for token in tokenize(code, capture_attributes=False):
        offset = lines.offset(token.line, token.col)
        if inside and offset - start > MAX_PIECE:
            return place
        inside = token.type is not text
        if inside:
            start, place = offset, Position(token.line, token.col + 1)
    return place if len(code) - start > MAX_PIECE else None


class _Markup:
    """The tokens of a text, in which tags can be read where the tokenizer by itself would read none.

    It takes what follows `<style>`, `<title>` or `<noscript>` for text wherever they stand; inside SVG, and without
    scripts, HTML reads tags there. `last` is the place of the last piece of markup, `hidden` true where what follows
    it is such text.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        self.last: LineColumn = (1, 1)
        self.hidden = False
        self._copied = 0
        self._section_end = -1
        # The offset of the line asked for last: places are asked for in order, so that no list of lines is needed.
        self._line, self._line_start = 1, 0
        self.tokens: Iterator[Token] = iter(())
        self._begin(0, (1, 1))

    def place(self, token: Token) -> LineColumn:
        """Where a token begins."""
        if token.line == 1:
            return self._first_line, token.col + self._first_column
        return token.line + self._first_line - 1, token.col + 1

    def offset(self, at: LineColumn) -> int:
        """Where a place lies in the text."""
        line, column = at
        if line < self._line:
            self._line, self._line_start = 1, 0
        for _ in range(line - self._line):
            self._line_start = self.code.index("\n", self._line_start) + 1
        self._line = line
        return self._line_start + column - 1

    def read_again(self, at: LineColumn) -> bool:
        """Starts the tokenizer again at a place; false where that was done too often for linear time."""
        offset = self.offset(at)
        self._copied += len(self.code) - offset
        if self.exhausted:
            return False
        self._begin(offset, at)
        return True

    @property
    def exhausted(self) -> bool:
        """True once it was done too often."""
        return self._copied > _MAX_COPIED

    def section_end(self, start: int) -> int:
        """Where the CDATA section that begins at an offset ends: the end of the text for one that nobody closes."""
        if self._section_end <= start:
            found = self.code.find("]]>", start)
            self._section_end = len(self.code) if found < 0 else found + 3
        return self._section_end

    def stop(self) -> None:
        """Reads no further."""
        self.tokens = iter(())

    def _begin(self, offset: int, at: LineColumn) -> None:
        from turbohtml import tokenize

        self._first_line, self._first_column = at
        self.tokens = tokenize(self.code[offset:])


def _start_tag(state: TreeState, markup: _Markup, token: Token, at: LineColumn) -> None:
    name = token.tag or ""
    tag = Tag(name, at, token.self_closing, token.attrs or ())
    _attribute_names(state, tag)
    insertion_modes.start(state, tag)
    markup.hidden = name in RAW_TEXT and not state.raw
    if len(state.open) > MAX_DEPTH:
        state.issue("too-deep", at, f"more than {MAX_DEPTH} elements are open inside one another")


def _end_tag(state: TreeState, token: Token, at: LineColumn) -> None:
    tag = Tag(token.tag or "", at, False, token.attrs or (), True)
    _attribute_names(state, tag)
    insertion_modes.end(state, tag)


def _read_text(state: TreeState, markup: _Markup, token: Token) -> None:
    at = markup.place(token)
    if markup.hidden:
        markup.hidden = False
        if markup.read_again(at):
            return
    if state.mode in insertion_modes.TEXT_MODES:
        insertion_modes.text(state, token.data or "", at)


def _skip_character_data(markup: _Markup, token: Token, at: LineColumn) -> None:
    """Goes on after a CDATA section, which the tokenizer takes for a comment that ends at the first `>`."""
    if not (token.data or "").startswith("[CDATA["):
        return
    code, start = markup.code, markup.offset(at)
    end = markup.section_end(start)
    if end == len(code) and not code.endswith("]]>"):
        markup.stop()
        return
    # Where no tag stands in the rest of the section, the tokenizer reads it as text, which is all the same here.
    comment_end = code.find(">", start, end) + 1
    if code.find("<", comment_end, end) >= 0:
        place = Position.of(code[start:end], end - start).inside(Position(*at))
        markup.read_again((place.line, place.column))


def _attribute_names(state: TreeState, tag: Tag) -> None:
    for name, _ in tag.attributes:
        if not _IN_NO_NAME.isdisjoint(name):
            message = f"a quote or `>` is missing in {tag.written}: `{shown(name)}` is read as an attribute's name"
            state.issue("unexpected-character-in-attribute-name", tag.at, message)
            return


def _end_of_text(markup: _Markup) -> list[SyntaxIssue]:
    """What the end of the text cuts off, in the last piece of markup or after it: only that is read again."""
    from turbohtml import parse

    last = Position(*markup.last)
    return [
        SyntaxIssue(error.code, Position(error.line, error.col + 1).inside(last), _EOF_ISSUES[error.code])
        for error in parse(markup.code[markup.offset(markup.last) :]).errors
        if error.code in _EOF_ISSUES
    ]


def _forgiven(code: str) -> int:
    """The tokenizer's soft errors, for code without issues only.

    Building the tree of broken code can take quadratic time and memory (attributes of repeated `body` tags are
    merged, open formatting elements are opened again in each paragraph); of code without issues it cannot.
    """
    return sum(error in _SOFT for error in _errors(code))


def _errors(code: str) -> list[str]:
    from turbohtml import parse

    return [error.code for error in parse(code).errors]
