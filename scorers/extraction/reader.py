"""The reading of an answer: what stands in it, from left to right, and what stands in that.

A fence, a wrapper tag, a document, an edit, JSON and a module each take the text up to their own end, so that what
looks like one of them inside of another is never taken for one. Markup without any of these is looked for last, in
what is left: talk names tags, too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from scorers.extraction import script_end
from scorers.extraction.blocks import Block, inside
from scorers.extraction.edits import begins_edit, read_edits
from scorers.extraction.fences import Fence, Fences
from scorers.extraction.found import Found
from scorers.extraction.json_text import begins_json, read_json
from scorers.extraction.look import (
    MODULE,
    TAG,
    TAG_AT_START,
    begins_code,
    begins_css,
    begins_document,
    begins_markup,
    begins_module,
    has_markup,
    language_of,
)
from scorers.extraction.markup_end import before_comments, document_end, fragment_end, last_tag_end, open_document_end
from scorers.extraction.names import Hint, extension, is_text, name_before, name_inside, named_in
from scorers.extraction.passage import BLANK, MAX_PIECES, Passage
from scorers.extraction.reasoning import is_thought
from scorers.extraction.special import without_tokens
from scorers.extraction.wrappers import Tag, child_name, closing_of, is_wrapper, tag_at
from scorers.sample import Language

_STARTER = re.compile(
    r"(?P<fence>`{3,}|~{3,})|(?P<document><!doctype\s+html\b)|(?P<tag><(?=[A-Za-z]))"
    r"|(?:\[TOOL_CALLS\]|\[ARGS\]|[|｜]>)[\w.:-]{0,80}\s{0,5}(?P<call>[{\[])(?=\s{0,20}[\"{\[])"
    r"|^[ \t]*+(?:(?P<edit><{5,9}[ \t]?[A-Z]{3}|-{5,9}[ \t]SEARCH|diff --git |\*{3} (?:Begin Patch|Add File:|Update File:)"
    r"|-{3} [^\n]{1,300}\n\+{3} )|(?P<json>[{\[]\s{0,200}+[\"{\[])"
    r"|(?P<module>(?=['\"]use |import\b|export\b|const\b|let\b|var\b|function\b|async\b|type\b|interface\b|class\b)))",
    re.MULTILINE | re.IGNORECASE,
)
_CALL_TOKEN = re.compile(r"\[TOOL_CALLS\]|\[ARGS\]|<\|python_tag\|>|<\|tool_call|<｜tool▁")
_TAG_LINE = re.compile(r"^[ \t]*+(?=<(?!https?:|mailto:)(?:[a-z][\w.:-]*[\s/>]|>))", re.IGNORECASE | re.MULTILINE)
_QUOTED = re.compile(r"^[ \t]*>[ ]?", re.MULTILINE)
_NUMBERED = re.compile(r"[ \t]*(\d{1,5})(\t|[ ]*[|:│→][ ]?|[.)][ ]|[ ]{1,2}(?=\S|$|[ ]))", re.MULTILINE)
_NUMBER = re.compile(r"^[ \t]*\d{1,5}(?:\t|[ ]*[|:│→][ ]?|[.)][ ]?|[ ]{1,2}|$)", re.MULTILINE)
_NAME_LINE = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+|\*\*|`|//[ \t]|File:[ \t]*)[^\n]{0,80}\.[a-z]{2,6}\b[^\n]{0,20}\n\s{0,20}",
    re.MULTILINE | re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-f]{1,5});", re.IGNORECASE)
_ESCAPED = re.compile(r"&lt;[!/]?[A-Za-z]")
_ESCAPED_SCRIPT = re.compile(r"=&gt;|&(?:#39|#x27|quot);| &gt; ")
_MODULE_END = re.compile(
    r"^(?:[)}\]][)}\]; \t]*|[\w$][^\n]*;[ \t]*|export[ \t]+default[ \t]+[\w$.()]+[ \t]*)$", re.MULTILINE
)
# What shows that a module goes on: an indented line, or one that ends like code.
_CODE_LINE = re.compile(r"^[ \t]+(?![\d*+-])\S|[;{}(,>][ \t]*$", re.MULTILINE)
_COMMENT_LINE = ("//", "/*", "*/", "* ", "{/*")
# Shapes hold shapes: a tool call's JSON, an answer tag in it, a fence, a document. Deeper is a loop.
_DEEPEST = 9
# Far above what an answer holds; keeps an extraction small whatever a model writes.
_MOST_BLOCKS = 300


def read(passage: Passage, hint: Hint | None = None, depth: int = 0) -> list[Block]:
    """The pieces of code in a text with talk around them. Linear; never raises."""
    if depth == 0 and (plain := _plain(passage)) is not passage:
        shape = Found.ESCAPED if len(plain.text) < len(passage.text) and "<" not in passage.text else Found.FRAGMENT
        return inside(read(plain, hint, 1), shape, (0, len(passage.text)), hint or Hint())
    return _Reader(passage, hint or Hint(), depth).blocks()


def _plain(passage: Passage) -> Passage:
    """The answer without escapes and line numbers, if all of it has them."""
    if _is_escaped(passage.text):
        return _unescaped(passage)
    return _unnumbered(passage.trimmed("\n")) if passage.text.lstrip()[:1].isdigit() else passage


def _is_escaped(text: str) -> bool:
    """Whether code has entities instead of all its signs."""
    if "<" in text:
        return False
    return _ESCAPED.search(text) is not None or (">" not in text and _ESCAPED_SCRIPT.search(text) is not None)


def _unescaped(passage: Passage) -> Passage:
    return passage.replaced(_ENTITY, lambda match: html.unescape(match[0]))


def read_whole(passage: Passage, hint: Hint, shape: Found, depth: int, span: tuple[int, int]) -> list[Block]:
    """What a fence, a wrapper or a string holds: code, or a text in which code stands.

    `shape` is what it stands in, `span` the place of all of it.
    """
    body = _unnumbered(without_tokens(passage.bare()).bare())
    name, at = name_inside(body.text)
    if at and not hint.name:
        body = body.part(at).bare()
    hint = Hint(hint.word, hint.name or name)
    text = body.text
    if depth >= _DEEPEST or not text.strip(BLANK):
        return [Block(body, hint, shape, span)]
    if begins_edit(passage.text[:20_000]) or (hint.word in ("diff", "patch") and not begins_code(text)):
        return inside(read_edits(passage, hint), shape, span, hint)
    start = len(text) - len(text.lstrip(BLANK))
    if begins_json(text, start) and (hint.language is None or hint.word == "text"):
        return _read_json(body, start, hint, shape, depth, span)[0]
    if hint.other and extension(hint.name) not in ("md", "txt"):
        return [Block(body, hint, Found.OTHER_CODE, span)]
    if _is_escaped(text):
        return read_whole(_unescaped(body), hint, Found.ESCAPED, depth + 1, span)
    if text.startswith("<![CDATA[", start):
        return read_whole(_character_data(body, start), hint, shape, depth + 1, span)
    if _is_text_around_code(text, start, hint, shape):
        found = read(body, hint, depth + 1)
        return inside(found, shape, span, hint)
    return [Block(body, hint, shape, span)]


def _is_text_around_code(text: str, start: int, hint: Hint, shape: Found) -> bool:
    """Whether code does not begin at once but somewhere in a text, or in a wrapper or a fence of its own."""
    if text.startswith(("```", "~~~"), start) or child_name(text, start)[0]:
        return True
    if (tag := tag_at(text, start) if text.startswith("<", start) else None) is not None:
        unlike_markup = (
            shape is not Found.FENCE and not tag.name[:1].isupper() and "-" not in tag.name and not tag.is_known
        )
        if unlike_markup or is_wrapper(text, tag, True):
            return True
    markdown = hint.word in ("md", "markdown", "mdx") or extension(hint.name) in ("md", "txt")
    if markdown and re.search(r"^[ \t]*(?:```|~~~)", text, re.MULTILINE):
        return True
    if begins_code(text, start):
        return False
    named = hint.language is not None
    return not named and (is_text(hint.word) or shape is not Found.FENCE)


def _character_data(body: Passage, start: int) -> Passage:
    closed = body.text.rfind("]]>")
    inner = body.part(start + 9, closed if closed > start else None)
    return inner.closed() if closed > start else inner


def _unnumbered(body: Passage) -> Passage:
    """The code without the numbers of its lines, if its first lines have them."""
    lines = body.text[:2_000].split("\n")[:4]
    numbers = [_NUMBERED.match(line + " ") for line in lines if line.strip()]
    found = [int(match[1]) for match in numbers if match]
    sure = (
        numbers and numbers[0] and (numbers[0][2].strip(" ") in ("|", "│", "→", "\t") or _code_behind(body, numbers[0]))
    )
    least = 1 if sure else 3
    if len(found) < least or len(found) != len(numbers) or body.text.count("\n") > MAX_PIECES:
        return body
    if (len(found) < 3 and found[0] != 1) or any(b - a != 1 for a, b in zip(found, found[1:], strict=False)):
        return body
    return body.replaced(_NUMBER, lambda _: "")


def _code_behind(body: Passage, number: re.Match[str]) -> bool:
    return begins_code(body.text, body.text.find(number[2], number.end(1)) + len(number[2].rstrip()))


def _read_json(
    body: Passage, start: int, hint: Hint, shape: Found, depth: int, span: tuple[int, int]
) -> tuple[list[Block], int]:
    """The code in JSON's strings, and where the JSON ends."""
    found = read_json(body, start)
    kind = Found.TOOL_CALL if found.call or shape is Found.TOOL_CALL else Found.JSON
    blocks: list[Block] = []
    for text, own in islice(found.strings, _MOST_BLOCKS):
        if (
            own.name
            or own.language
            or begins_json(text.text.lstrip()[:300])
            or TAG.search(text.text)
            or "```" in text.text
            or begins_module(text.text)
        ):
            blocks += inside(read_whole(text, own.or_else(hint), kind, depth + 1, span), kind, span, own)
    coded = [block for block in blocks if not block.failed]
    if found.broken and (TAG.search(body.text, start) or coded):
        return [Block(body.part(start), hint, Found.JSON_BROKEN, span)], len(body.text)
    if (
        found.open
        and body.open
        and coded
        and not any(block.passage.open for block in coded)
        and _more_begun(body.text, found.end, blocks)
    ):
        blocks[-1] = replace(blocks[-1], passage=replace(blocks[-1].passage, open=True))
    return blocks, found.end


def _more_begun(text: str, end: int, blocks: list[Block]) -> bool:
    """Whether JSON that has no end had begun something after its last code."""
    return True if blocks else bool(text[end:].strip())


class _Reader:
    """One passage, read from left to right. `_gap` is where the text begins that belongs to no block yet."""

    def __init__(self, passage: Passage, hint: Hint, depth: int) -> None:
        self._passage, self._text, self._hint, self._depth = passage, passage.text, hint, depth
        self._fences = Fences(passage)
        self._found: list[Block] = []
        self._position = self._gap = 0
        self._outer = 0
        self._name = ""
        self._gaps: list[tuple[int, int]] = []
        self._markup_before = False

    def blocks(self) -> list[Block]:
        """All pieces of code, in order."""
        while len(self._found) < _MOST_BLOCKS and (match := _STARTER.search(self._text, self._position)):
            self._position = max(match.end(), match.start() + 1)
            take = getattr(self, f"_{match.lastgroup}")
            take(match)
        self._gaps.append((self._gap, len(self._text)))
        if not any(_is_page(block) for block in self._found):
            self._found += self._fragments()
        self._found += self._named_files()
        self._found.sort(key=lambda block: block.span)
        return self._found

    def _took(self, blocks: list[Block], start: int, end: int) -> None:
        self._gaps.append((self._gap, start))
        self._found += blocks
        self._position = self._gap = max(end, start + 1)
        self._markup_before = False
        self._name = ""

    def _named(self, start: int, hint: Hint) -> Hint:
        """The hint, with the name that the text before gives, or that of a tag before it."""
        if hint.name:
            return hint
        name = self._name or name_before(self._text[max(self._gap, start - 400) : start], min(start - self._gap, 400))
        told = Hint("", name)
        fits = hint.language is None or told.language is None or _alike(hint.language, told.language)
        return Hint(hint.word, name) if name and fits and not hint.other else hint

    def _fence(self, match: re.Match[str]) -> None:
        start = match.start()
        if self._is_quoted(start):
            self._quote(start)
            return
        fence = self._fences.at(start)
        if fence is None:
            return
        if self._outer and not fence.hint.word and not begins_code(fence.body.text):
            self._outer -= 1
            return
        hint = self._named(self._line(start), fence.hint)
        blocks = self._fenced(fence, hint)
        # The fence around a whole answer gave way to the first one in it; its own end opens nothing.
        self._outer += fence.outer and is_text(fence.hint.word) and not begins_code(fence.body.text)
        self._took(blocks, self._line(start) if self._blank_before(start) else start, fence.end)

    def _fenced(self, fence: Fence, hint: Hint) -> list[Block]:
        span = (fence.start, fence.end)
        ended = fence.end < len(self._text) or not fence.body.open
        closed = fence.end > fence.start + len(fence.body.text) and ended and self._has_end(fence)
        shape = Found.FENCE if closed else Found.FENCE_OPEN
        if fence.outer:
            # Markup in a fence that has no end of its own ends where it ends by itself.
            shape = Found.FENCE
        blocks = read_whole(fence.body, hint, shape, self._depth, span)
        return blocks if closed else [_ended(block) for block in blocks]

    def _has_end(self, fence: Fence) -> bool:
        return (
            self._text[max(fence.start + 3, fence.end - 40) : fence.end].rstrip().endswith(("```", "~~~"))
            or fence.outer
        )

    def _is_quoted(self, start: int) -> bool:
        before = self._text[max(self._gap, start - 20) : start].rpartition("\n")[2]
        return ">" in before and not before.strip(BLANK + ">")

    def _quote(self, start: int) -> None:
        """Reads the lines from `start` on that begin with `>`, without it."""
        begin, end = self._line(start), self._line(start)
        while end < len(self._text) and (mark := _QUOTED.match(self._text, end)):
            line_end = self._text.find("\n", mark.end())
            end = len(self._text) if line_end < 0 else line_end + 1
        quoted = self._passage.part(begin, end)
        if self._depth < _DEEPEST and quoted.text.count("\n") < MAX_PIECES:
            plain = quoted.replaced(_QUOTED, lambda _: "")
            blocks = read(plain, self._hint, self._depth + 1)
            self._took([replace(block, span=(begin, end)) for block in blocks], begin, end)

    def _document(self, match: re.Match[str]) -> None:
        start = match.start()
        if self._text[start - 1 : start] == "`":
            return
        begin = before_comments(self._text, start, self._gap)
        stop = document_end(self._text, start, len(self._text))
        hint = self._named(begin, Hint("html", self._hint.name))
        if stop >= 0:
            code = self._passage.part(begin, stop).closed()
        else:
            limit = self._fence_after(start)
            found = open_document_end(self._text, start, limit)
            stop = found.stop
            code = self._passage.part(begin, stop)
            code = code.closed() if found.followed or limit < len(self._text) else code
        self._took([Block(code.bare(), hint, Found.DOCUMENT, (begin, stop))], begin, stop)

    def _fence_after(self, start: int) -> int:
        """Where a fence ends a document that has no end tag."""
        fence = re.compile(r"\n[ \t]*(?:```|~~~)").search(self._text, start)
        if fence is None:
            return len(self._text)
        opened = re.compile(r"<(/?)(?:textarea|script|style|pre|code)\b", re.IGNORECASE)
        last = None
        for tag in opened.finditer(self._text, start, fence.start()):
            last = tag
        return fence.start() + 1 if last is None or last[1] else len(self._text)

    def _tag(self, match: re.Match[str]) -> None:
        start = match.start()
        if self._text[start - 1 : start] == "`":
            return
        if self._text[start : start + 5].lower() == "<html" and self._text[start + 5 : start + 6] in tuple(" \n\t>"):
            if self._blank_before(start) or self._text[max(0, start - 2) : start].rstrip().endswith((":", ">")):
                self._document(match)
            return
        self._element(start)

    def _element(self, start: int) -> None:
        name, end = child_name(self._text, start)
        if name and self._depth:
            self._name, self._position = name, end
            return
        tag = tag_at(self._text, start)
        first = not self._markup_before and (self._blank_before(start) or self._text[start - 1 : start] == ">")
        named = bool(self._name)
        if tag and self._depth < _DEEPEST and not is_thought(tag.name) and is_wrapper(self._text, tag, first, 0, named):
            self._wrapper(tag)
        elif self._blank_before(start):
            self._markup_before = True

    def _wrapper(self, tag: Tag) -> None:
        after = self._content_end(tag)
        closing, end = closing_of(self._text, tag, after)
        closed = closing >= 0
        stop = closing if closed else len(self._text)
        body = self._passage.part(tag.end, stop)
        hint = self._named(tag.start, tag.hint.or_else(Hint("", self._hint.name)))
        shape = Found.TOOL_CALL if tag.is_call or tag.name.lower() == "parameter" else Found.WRAPPER
        span = (tag.start, end if closed else stop)
        blocks = read_whole(body.closed() if closed else body, hint, shape, self._depth, span)
        if not closed:
            blocks = self._unclosed([_ended(block) for block in blocks], body)
        final = tag.is_answer
        self._took([replace(block, final=block.final or final) for block in blocks], tag.start, end if closed else stop)

    def _unclosed(self, blocks: list[Block], body: Passage) -> list[Block]:
        """The blocks of a wrapper without its end tag: where something had begun after the last of them, that was cut."""
        if not blocks or not body.open or blocks[-1].passage.open:
            return blocks
        tail = self._text[-400:].rstrip()
        begun = re.search(r"<[A-Za-z/][^<>]{0,300}$", tail) is not None
        last = blocks[-1]
        return [*blocks[:-1], replace(last, passage=replace(last.passage, open=True))] if begun else blocks

    def _content_end(self, tag: Tag) -> int:
        """From where on a wrapper's end tag is looked for: behind a document or character data that it holds."""
        head = self._text[tag.end : tag.end + 400].lstrip(BLANK)
        if head.startswith("<![CDATA["):
            closed = self._text.find("]]>", tag.end)
            return closed if closed >= 0 else tag.end
        if begins_document(self._text, tag.end):
            end = document_end(self._text, tag.end, len(self._text))
            first = closing_of(self._text, tag, tag.end)[0]
            return (
                end
                if end >= 0
                and (
                    first < 0
                    or tag.name.lower() in self._text[tag.end : first].lower()
                    or end < first
                    or self._balanced(tag, first, end)
                )
                else tag.end
            )
        return tag.end

    def _balanced(self, tag: Tag, first: int, end: int) -> bool:
        """Whether the first end tag stands inside of the document."""
        return first < end and closing_of(self._text, tag, end)[0] >= 0

    def _edit(self, match: re.Match[str]) -> None:
        begin = self._line(match.start("edit"))
        fence = re.compile(r"\n[ \t]*```").search(self._text, begin)
        end = fence.start() + 1 if fence else len(self._text)
        part = self._passage.part(begin, end)
        hint = self._named(begin, self._hint)
        blocks = inside(read_edits(part, hint), Found.EDIT, (begin, end), hint)
        self._took(blocks, begin, end)

    def _json(self, match: re.Match[str]) -> None:
        self._value(match.start("json"))

    def _call(self, match: re.Match[str]) -> None:
        self._value(match.start("call"))

    def _value(self, start: int) -> None:
        """Takes the JSON that begins at `start`, if it holds code."""
        if self._depth >= _DEEPEST:
            return
        called = _CALL_TOKEN.search(self._text, max(0, start - 60), start) is not None
        shape = Found.TOOL_CALL if called else Found.JSON
        blocks, end = _read_json(
            self._passage, start, self._named(start, Hint()), shape, self._depth, (start, len(self._text))
        )
        if blocks:
            self._took([replace(block, span=(start, end)) for block in blocks], start, end)
        else:
            self._position = max(self._position, end)

    def _module(self, match: re.Match[str]) -> None:
        start = match.start("module")
        if not MODULE.match(self._text, start) or not self._blank_before(start):
            return
        begin = self._above(start)
        found = script_end.script_end(self._text, start, len(self._text))
        stop, closed = found.stop, found.followed
        if not found.closed and not found.followed:
            stop, closed = self._loose_end(start)
        code = self._passage.part(begin, stop if closed else len(self._text))
        code = code.closed() if closed else code
        if has_markup(code.text) or code.open or begins_module(code.text):
            hint = self._named(begin, Hint("", self._hint.name))
            name = hint.name or name_inside(code.text)[0]
            blocks = [Block(code.bare(), Hint(hint.word, name), Found.MODULE, (begin, begin + len(code.text)))]
            self._took(blocks, begin, begin + len(code.text))

    def _named_files(self) -> Iterator[Block]:
        """Style sheets and scripts that stand in the text as they are, under a line that names their file."""
        for begin, end in self._gaps:
            for head in islice(_NAME_LINE.finditer(self._text, begin, end), _MOST_BLOCKS):
                start = head.end()
                hint = Hint("", named_in(head[0]))
                fits = begins_css(self._text, start) if hint.language is Language.CSS else hint.language is Language.JS
                if fits and start < end:
                    following = _NAME_LINE.search(self._text, start, end)
                    stop = following.start() if following else end
                    yield Block(self._passage.part(start, stop).trimmed(), hint, Found.MODULE, (start, stop))

    def _loose_end(self, start: int) -> tuple[int, bool]:
        """The end of a module whose brackets do not close: its last line that can be one, if talk follows."""
        stop = start
        for match in _MODULE_END.finditer(self._text, start):
            stop = match.end()
        rest = self._text[stop:]
        talk = stop > start and rest.strip() and rest.startswith("\n\n") and not _CODE_LINE.search(rest)
        return stop, bool(talk)

    def _above(self, start: int) -> int:
        """Where the comments begin that stand directly above a module."""
        least = self._gap
        while start > least:
            line = self._text.rfind("\n", least, start - 1) + 1 or least
            if line >= start or not self._text[line:start].lstrip().startswith(_COMMENT_LINE):
                break
            start = line
        return start

    def _fragments(self) -> Iterator[Block]:
        """Markup that stands in the text as it is."""
        count = 0
        for begin, end in self._gaps:
            position = begin
            while count < _MOST_BLOCKS and (line := _TAG_LINE.search(self._text, position, end)):
                block, position = self._fragment(line.end(), end)
                count += 1
                yield block

    def _fragment(self, start: int, end: int) -> tuple[Block, int]:
        scripted = language_of(self._text[start : min(end, start + 20_000)], Hint()) is Language.TSX
        found = (script_end.script_end if scripted else fragment_end)(self._text, start, end)
        stop, closed = found.stop, found.followed
        if scripted and not found.closed and not found.followed:
            stop = last_tag_end(self._text, start, end)
            rest = self._text[stop:end]
            closed = bool(rest.strip()) and rest.startswith("\n\n") and "<" not in rest
        if not closed and (found.closed is False or end == len(self._text)):
            stop = stop if found.closed else end
        code = self._passage.part(start, max(stop, start + 1))
        open_ = self._passage.open and end == len(self._text) and not closed
        code = Passage(code.text, code.places, open_)
        hint = self._named(start, Hint("", self._hint.name))
        return Block(code.bare(), hint, Found.FRAGMENT, (start, stop)), max(stop, start + 1)

    def _line(self, position: int) -> int:
        return self._text.rfind("\n", max(0, position - 600), position) + 1 or (0 if position < 600 else position)

    def _blank_before(self, position: int) -> bool:
        line = self._text[max(0, position - 100) : position].rpartition("\n")[2]
        return not line.strip(BLANK)


def _is_page(block: Block) -> bool:
    if block.failed or not block.passage.text.strip(BLANK):
        return False
    language = language_of(block.passage.text, block.hint)
    return language in _PAGES


_PAGES = (Language.HTML, Language.JSX, Language.TSX, Language.VUE, Language.SVELTE, Language.ASTRO)


def _alike(first: Language, second: Language) -> bool:
    scripts = (Language.JS, Language.JSX, Language.TS, Language.TSX)
    return (
        first is second
        or (first in scripts and second in scripts)
        or {first, second} <= {Language.HTML, Language.VUE, Language.SVELTE, Language.ASTRO}
    )


def _ended(block: Block) -> Block:
    """A block that has no closing mark, up to where its code ends by itself."""
    if block.failed:
        return block
    text, end = block.passage.text, len(block.passage.text)
    if begins_document(text):
        stop = document_end(text, 0, end)
        return block if stop < 0 else replace(block, passage=block.passage.part(0, stop).closed())
    language = language_of(text, block.hint)
    start = len(text) - len(text.lstrip(BLANK))
    if language in (Language.JSX, Language.TSX, Language.JS, Language.TS):
        found = script_end.script_end(text, start, end)
    elif language is Language.HTML and TAG_AT_START.match(text, start) and begins_markup(text):
        found = fragment_end(text, start, end)
    else:
        return block
    return replace(block, passage=block.passage.part(0, found.stop).closed()) if found.followed else block
