"""The reading of an answer: what stands in it, from left to right, and what stands in that.

A fence, a wrapper tag, a document, an edit, JSON and a module each take the text up to their own end, so that what
looks like one of them inside of another is never taken for one. Markup without any of these is looked for last, in
what is left: talk names tags, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from scorers.extraction.around import is_text_around_code, may_be_code
from scorers.extraction.bare import Region, document_at, ended, fragments, module_at, named_files
from scorers.extraction.blocks import BEGUN, Block, inside
from scorers.extraction.component import BEGINS, component_at
from scorers.extraction.edits import begins_edit, read_edits
from scorers.extraction.element_end import ElementEnds
from scorers.extraction.fences import Fence, Fences
from scorers.extraction.found import AnswerShape
from scorers.extraction.heredoc import BEGINS as HEREDOC
from scorers.extraction.heredoc import Heredoc, heredocs
from scorers.extraction.json_text import begins_json, read_json
from scorers.extraction.layers import character_data, is_escaped, plain, unescaped, unnumbered
from scorers.extraction.look import TAG, begins_code, begun, language_of
from scorers.extraction.names import Hint, extension, is_text, name_before, name_inside
from scorers.extraction.passage import BLANK, INVISIBLE, MAX_PIECES, Passage
from scorers.extraction.reasoning import is_thought
from scorers.extraction.special import without_tokens
from scorers.extraction.wrappers import WrapperTag, child_name, is_markup, is_wrapper, tag_at, words_end
from scorers.language import LANGUAGES, LanguageSupport

STARTER = re.compile(
    r"(?P<fence>`{3,}|~{3,})|(?P<document><!doctype\s+html\b)|(?P<tag><(?=[A-Za-z]))"
    r"|(?:\[TOOL_CALLS\]|\[ARGS\]|[|｜]>)[\w.:-]{0,80}\s{0,5}(?P<call>[{\[])(?=\s{0,20}[\"{\[])"
    r"|^[ \t]*+(?:(?P<edit><{5,9}[ \t]?[A-Z]{3}|-{5,9}[ \t]SEARCH|diff --git "
    r"|\*{3} (?:Begin Patch|Add File:|Update File:)|-{3} [^\n]{1,300}\n\+{3} )|(?P<json>[{\[]\s{0,200}+[\"{\[])"
    rf"|(?P<heredoc>{HEREDOC})"
    r"|(?P<component>---[ \t]*$|\{#(?:if|each|await|key|snippet)\b)"
    r"|(?P<module>(?=['\"]use |import\b|export\b|const\b|let\b|var\b|function\b|async\b|type\b|interface\b|class\b)))",
    re.MULTILINE | re.IGNORECASE,
)
_CALL_TOKEN = re.compile(r"\[TOOL_CALLS\]|\[ARGS\]|<\|python_tag\|>|<\|tool_call|<｜tool▁")
_QUOTED = re.compile(rf"^[ \t{INVISIBLE}]*>[ ]?", re.MULTILINE)
# Shapes hold shapes: a tool call's JSON, an answer tag in it, a fence, a document. Deeper is a loop.
_DEEPEST = 9
# Far above what an answer holds; keeps an extraction small whatever a model writes.
_MOST_BLOCKS = 300
# Places at which a component may begin are looked at this often, because each look may go to the end of the text.
_MOST_COMPONENTS = 5
# Tags that are no markup, and JSON without code, are looked at this often in one text; then they are text.
_MOST_TAGS = 2_000


def read(passage: Passage, hint: Hint | None = None, depth: int = 0) -> list[Block]:
    """The pieces of code in a text with talk around them. Linear; never raises."""
    if depth == 0 and (found := plain(passage)) is not None:
        bare, shape = found
        return inside(read(bare, hint, 1), shape, (0, len(passage.text)), hint or Hint())
    return _PassageReader(passage, hint or Hint(), depth).blocks()


def read_whole(passage: Passage, hint: Hint, shape: AnswerShape, depth: int, span: tuple[int, int]) -> list[Block]:
    """What a fence, a wrapper or a string holds: code, or a text in which code stands.

    `shape` is what it stands in, `span` the place of all of it.
    """
    body = unnumbered(without_tokens(passage.bare()).bare())
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
        written = [block for found in heredocs(body) for block in _written(found, shape, depth, span)]
        if any(not block.failed for block in written):
            return written
        return [Block(body, hint, AnswerShape.OTHER_CODE, span)]
    if is_escaped(text):
        return read_whole(unescaped(body), hint, AnswerShape.ESCAPED, depth + 1, span)
    if text.startswith("<![CDATA[", start):
        return read_whole(character_data(body, start), hint, shape, depth + 1, span)
    if is_text_around_code(text, start, hint, shape):
        found = read(body, hint, depth + 1)
        if found or not body.open or len(text) >= BEGUN:
            return inside(found, shape, span, hint)
    return [Block(body, hint, shape, span)]


def _written(heredoc: Heredoc, shape: AnswerShape, depth: int, span: tuple[int, int]) -> list[Block]:
    """The file that a shell's command writes."""
    hint = Hint(extension(heredoc.name), heredoc.name)
    return inside(read_whole(heredoc.body, hint, shape, depth + 1, span), AnswerShape.WRAPPER, span, hint)


def _read_json(
    body: Passage, start: int, hint: Hint, shape: AnswerShape, depth: int, span: tuple[int, int]
) -> tuple[list[Block], int]:
    """The code in JSON's strings, and where the JSON ends."""
    found = read_json(body, start)
    kind = AnswerShape.TOOL_CALL if found.call or shape is AnswerShape.TOOL_CALL else AnswerShape.JSON
    blocks: list[Block] = []
    for text, own in islice(found.strings, _MOST_BLOCKS):
        if own.name or own.language or may_be_code(text.text):
            blocks += inside(read_whole(text, own.or_else(hint), kind, depth + 1, span), kind, span, own)
    coded = [block for block in blocks if not block.failed]
    if found.edits and not coded:
        return [Block(body.part(start), hint, AnswerShape.EDIT_UNAPPLIED, span)], found.end
    if found.broken and (TAG.search(body.text, start) or coded):
        return [Block(body.part(start), hint, AnswerShape.JSON_BROKEN, span)], len(body.text)
    if found.open and body.open and coded and not any(block.passage.open for block in coded):
        # The JSON has no end: the next file had begun, or would have.
        blocks[-1] = replace(blocks[-1], passage=replace(blocks[-1].passage, open=True))
    return blocks, found.end


class _PassageReader:
    """One passage, read from left to right. `_gap` is where the text begins that belongs to no block yet."""

    def __init__(self, passage: Passage, hint: Hint, depth: int) -> None:
        self._passage, self._text, self._hint, self._depth = passage, passage.text, hint, depth
        self._fences, self._ends = Fences(passage), ElementEnds(passage.text)
        self._found: list[Block] = []
        self._position = self._gap = 0
        self._outer = 0
        self._name = ""
        self._gaps: list[tuple[int, int]] = []
        self._markup_before = self._edits = False
        self._tags = self._components = 0

    def blocks(self) -> list[Block]:
        """All pieces of code, in order."""
        while len(self._found) < _MOST_BLOCKS and (match := STARTER.search(self._text, self._position)):
            self._position = max(match.end(), match.start() + 1)
            take = getattr(self, f"_{match.lastgroup}")
            take(match)
        self._gaps.append((self._gap, len(self._text)))
        self._found += list(self._in_gaps(markup=not any(_is_page(block) for block in self._found)))
        self._found.sort(key=lambda block: block.span)
        return self._found

    def _took(self, blocks: list[Block], start: int, end: int) -> None:
        self._gaps.append((self._gap, start))
        self._found += blocks
        self._gap = max(end, start + 1)
        # Whatever was taken, what was found at this place is not found again.
        self._position = max(self._position, self._gap)
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
        if self._markup_before and self._is_end(fence):
            return
        if self._outer and not fence.hint.word and not begins_code(fence.body.text):
            self._outer -= 1
            return
        hint = self._named(self._line(start), fence.hint)
        blocks = self._fenced(fence, hint)
        # The fence around a whole answer gave way to the first one in it; its own end opens nothing.
        self._outer += fence.outer and is_text(fence.hint.word) and not begins_code(fence.body.text)
        self._took(blocks, self._line(start) if self._blank_before(start) else start, fence.end)

    def _is_end(self, fence: Fence) -> bool:
        """Whether a bare fence stands behind markup that none opened, and talk follows."""
        bare = not (fence.closed or fence.hint.word or fence.hint.name)
        text = fence.body.text
        return bare and bool(text.strip(BLANK)) and not begins_code(text) and not begun(text)

    def _fenced(self, fence: Fence, hint: Hint) -> list[Block]:
        """What a fence holds; where it has no closing fence, up to where its code ends by itself."""
        shape = AnswerShape.FENCE if fence.closed else AnswerShape.FENCE_OPEN
        blocks = read_whole(fence.body, hint, shape, self._depth, (fence.start, fence.end))
        return blocks if fence.closed and not fence.outer else [ended(block) for block in blocks]

    def _is_quoted(self, start: int) -> bool:
        line = self._line(start)
        return _QUOTED.match(self._text, line, start) is not None and not self._text[line:start].strip(BLANK + ">")

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
        if self._text[start - 1 : start] != "`":
            self._region(document_at(self._passage, start, self._gap), AnswerShape.DOCUMENT, "html")

    def _module(self, match: re.Match[str]) -> None:
        start = match.start("module")
        region = module_at(self._passage, start, self._gap) if self._blank_before(start) else None
        if region is not None:
            self._region(region, AnswerShape.MODULE, "")

    def _component(self, match: re.Match[str]) -> None:
        self._begins_component(match.start("component"))

    def _begins_component(self, start: int) -> bool:
        """Takes the component of Vue, Svelte or Astro that begins at an offset, if one does."""
        if not self._blank_before(start) or self._markup_before or self._components > _MOST_COMPONENTS:
            return False
        self._components += 1
        found = component_at(self._passage, start)
        if found is not None:
            self._region(found[0], AnswerShape.FRAGMENT, found[1])
        return found is not None

    def _region(self, region: Region, found: AnswerShape, word: str) -> None:
        """Takes code that stands in the text as it is."""
        block = self._block(region, found, word)
        self._took([block], region.start, region.end)

    def _block(self, region: Region, found: AnswerShape, word: str) -> Block:
        hint = self._named(region.start, Hint(word, self._hint.name))
        name = hint.name or name_inside(region.code.text)[0]
        return Block(region.code, Hint(hint.word, name), found, (region.start, region.end))

    def _in_gaps(self, markup: bool) -> Iterator[Block]:
        """What stands between the blocks: files under their names, and markup where that is asked for."""
        for begin, end in self._gaps[:_MOST_BLOCKS]:
            if markup:
                for region in islice(fragments(self._passage, begin, end), _MOST_BLOCKS):
                    yield self._block(region, AnswerShape.FRAGMENT, "")
            for region, hint in named_files(self._passage, begin, end):
                yield Block(region.code, hint, AnswerShape.MODULE, (region.start, region.end))

    def _tag(self, match: re.Match[str]) -> None:
        start = match.start()
        if self._text[start - 1 : start] == "`":
            return
        if BEGINS.match(self._text, start) and self._begins_component(start):
            return
        if self._text[start : start + 5].lower() == "<html" and self._text[start + 5 : start + 6] in tuple(" \n\t>"):
            if self._blank_before(start) or self._text[max(0, start - 2) : start].rstrip().endswith((":", ">")):
                self._document(match)
            return
        if self._depth or not is_markup(self._text, start):
            self._element(start)
        elif not self._markup_before:
            self._markup_before = self._blank_before(start)

    def _element(self, start: int) -> None:
        if self._tags > _MOST_TAGS:
            return
        self._tags += 1
        name, end = child_name(self._text, start) if self._depth else ("", 0)
        if name:
            self._name = name
            self._skip(start, end)
            return
        tag = tag_at(self._text, start)
        if tag and self._is_aside(tag):
            return
        first = not self._markup_before and (self._blank_before(start) or self._text[start - 1 : start] == ">")
        named = bool(self._name)
        if tag and self._depth < _DEEPEST and not is_thought(tag.name) and is_wrapper(self._text, tag, first, 0, named):
            self._wrapper(tag)
        elif self._blank_before(start) and (tag is None or tag.may_be_markup):
            self._markup_before = True

    def _is_aside(self, tag: WrapperTag) -> bool:
        """Passes over an element around talk or words, or around what an edit looks for, which `_wrapper` has to know.

        Not where markup began: there it is a part of that."""
        if self._markup_before or (tag.may_be_markup and not self._ends.is_replaced(tag)):
            return False
        if (words := words_end(self._text, tag)) >= 0 and not tag.is_old and not tag.is_new:
            self._skip(tag.start, words)
            return True
        if not tag.is_old and (not tag.is_talk or begins_code(self._text, tag.end)):
            return False
        closing, end = self._ends.closing_of(tag, tag.end)
        if closing < 0:
            return False
        self._edits = self._edits or (tag.is_old and bool(self._text[tag.end : closing].strip(BLANK)))
        self._skip(tag.start, end)
        return True

    def _skip(self, start: int, end: int) -> None:
        """Passes over text in which no code stands."""
        self._gaps.append((self._gap, start))
        self._position = self._gap = end

    def _wrapper(self, tag: WrapperTag) -> None:
        after = self._ends.content_end(tag)
        closing, end = self._ends.closing_of(tag, after)
        closed = closing >= 0
        stop = closing if closed else len(self._text)
        body = self._passage.part(tag.end, stop)
        hint = self._named(tag.start, tag.hint.or_else(Hint("", self._hint.name)))
        shape = AnswerShape.TOOL_CALL if tag.is_call or tag.name.lower() == "parameter" else AnswerShape.WRAPPER
        span = (tag.start, end if closed else stop)
        blocks = read_whole(body.closed() if closed else body, hint, shape, self._depth, span)
        if self._edits and tag.is_new:
            blocks = [Block(body, hint, AnswerShape.EDIT_UNAPPLIED, span)]
        if not closed:
            blocks = self._unclosed([ended(block) for block in blocks], body)
        final = tag.is_answer
        self._took([replace(block, final=block.final or final) for block in blocks], tag.start, end if closed else stop)

    def _unclosed(self, blocks: list[Block], body: Passage) -> list[Block]:
        """The blocks of a wrapper without its end tag: if a tag had begun after the last, the answer was cut."""
        if not blocks or not body.open or blocks[-1].passage.open:
            return blocks
        tail = self._text[-400:].rstrip()
        begun = re.search(r"<[A-Za-z/][^<>]{0,300}$", tail) is not None
        last = blocks[-1]
        return [*blocks[:-1], replace(last, passage=replace(last.passage, open=True))] if begun else blocks

    def _edit(self, match: re.Match[str]) -> None:
        begin = self._line(match.start("edit"))
        fence = re.compile(r"\n[ \t]*```").search(self._text, begin)
        end = fence.start() + 1 if fence else len(self._text)
        part = self._passage.part(begin, end)
        hint = self._named(begin, self._hint)
        blocks = inside(read_edits(part, hint), AnswerShape.EDIT, (begin, end), hint)
        self._took(blocks, begin, end)

    def _heredoc(self, match: re.Match[str]) -> None:
        found = next(heredocs(self._passage, self._line(match.start("heredoc"))), None)
        if found is not None and found.start <= match.start("heredoc") and self._depth < _DEEPEST:
            span = (found.start, found.end)
            self._took(_written(found, AnswerShape.WRAPPER, self._depth, span), *span)

    def _json(self, match: re.Match[str]) -> None:
        self._value(match.start("json"))

    def _call(self, match: re.Match[str]) -> None:
        self._value(match.start("call"))

    def _value(self, start: int) -> None:
        """Takes the JSON that begins at `start`, if it holds code."""
        self._tags += 1
        if self._depth >= _DEEPEST or self._tags > _MOST_TAGS:
            return
        called = _CALL_TOKEN.search(self._text, max(0, start - 60), start) is not None
        shape = AnswerShape.TOOL_CALL if called else AnswerShape.JSON
        blocks, end = _read_json(
            self._passage, start, self._named(start, Hint()), shape, self._depth, (start, len(self._text))
        )
        if blocks:
            self._took([replace(block, span=(start, end)) for block in blocks], start, end)
        else:
            self._position = max(self._position, end)

    def _line(self, position: int) -> int:
        return self._text.rfind("\n", max(0, position - 600), position) + 1 or (0 if position < 600 else position)

    def _blank_before(self, position: int) -> bool:
        line = self._text[max(0, position - 100) : position].rpartition("\n")[2]
        return not line.strip(BLANK)


def _is_page(block: Block) -> bool:
    if block.failed or not block.passage.text.strip(BLANK):
        return False
    language = language_of(block.passage.text, block.hint)
    return language is not None and LANGUAGES[language].is_page


def _alike(first: LanguageSupport, second: LanguageSupport) -> bool:
    """Whether code of one may be told to be of the other: both are scripts, or both are markup."""
    if first.is_script or second.is_script:
        return first.is_script and second.is_script
    return first is second or (first.is_page and second.is_page)
