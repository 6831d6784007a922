"""Code that stands in a text as it is: a document, a module, markup, a file under a line with its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from scorers.extraction.blocks import BEGUN, Block
from scorers.extraction.look import (
    MODULE,
    TAG_AT_START,
    after_comments,
    begins_css,
    begins_document,
    begins_markup,
    begins_script,
    language_of,
)
from scorers.extraction.markup_end import before_comments, document_end, fragment_end, last_tag_end, open_document_end
from scorers.extraction.names import Hint, named_in
from scorers.extraction.passage import BLANK, Passage
from scorers.extraction.script_end import End, script_end
from scorers.language import LANGUAGES, Opening, Role

_TAG_LINE = re.compile(r"^[ \t]*+(?=<(?!https?:|mailto:)(?:[a-z][\w.:-]*[\s/>]|>))", re.IGNORECASE | re.MULTILINE)
_NAME_LINE = re.compile(
    r"^[ \t]{0,12}(?:#{1,6}[ \t]{1,8}|\*\*|`|//[ \t]|={2,}[ \t]|-{2,}[ \t]|\[|File:[ \t]{0,8})"
    r"[^\n]{0,80}\.[a-z]{2,6}\b[^\n]{0,20}\n\s{0,20}",
    re.MULTILINE | re.IGNORECASE,
)
_MODULE_END = re.compile(
    r"^(?:[)}\]][)}\]; \t]*|[\w$][^\n]*;[ \t]*|export[ \t]+default[ \t]+[\w$.()]+[ \t]*)$", re.MULTILINE
)
# What shows that a module goes on: an indented line, or one that ends like code.
_CODE_LINE = re.compile(r"^[ \t]+(?![\d*+-])\S|[;{}(,>][ \t]*$", re.MULTILINE)
_COMMENT_LINE = ("//", "/*", "*/", "* ", "{/*")
_FENCE = re.compile(r"\n[ \t]*(?:```|~~~)")
_LITERAL = re.compile(r"<(/?)(?:textarea|script|style|pre|code)\b", re.IGNORECASE)
_BEGINS = {Opening.RULE: begins_css, Opening.STATEMENT: begins_script}
# Far above what an answer holds.
_MOST_NAMED = 300
# How much is looked at to say whether markup is JSX.
_HEAD = 20_000


@dataclass(frozen=True, slots=True)
class Region:
    """Code between two offsets of a passage."""

    code: Passage
    start: int
    end: int


def document_at(passage: Passage, position: int, least: int) -> Region:
    """The document that begins at `position`, with the comments before it from `least` on."""
    text = passage.text
    begin = before_comments(text, position, least)
    stop = document_end(text, position, len(text))
    if stop >= 0:
        return Region(passage.part(begin, stop).closed().bare(), begin, stop)
    limit = _fence_after(text, position)
    found = open_document_end(text, position, limit)
    code = passage.part(begin, found.stop)
    closed = found.followed or limit < len(text)
    return Region((code.closed() if closed else code).bare(), begin, found.stop)


def _fence_after(text: str, start: int) -> int:
    """Where a fence ends a document that has no end tag; not one that stands in text of the page."""
    fence = _FENCE.search(text, start)
    if fence is None:
        return len(text)
    last = None
    for tag in _LITERAL.finditer(text, start, fence.start()):
        last = tag
    return fence.start() + 1 if last is None or last[1] else len(text)


def module_at(passage: Passage, start: int, least: int) -> Region | None:
    """The module whose first statement begins at `start`, with the comments above it; None where none begins."""
    text = passage.text
    if not MODULE.match(text, start):
        return None
    begin = _above(text, start, least)
    found = script_end(text, start, len(text))
    if not found.closed and not found.followed:
        found = _loose_end(text, start)
    stop = found.stop if found.followed else len(text)
    code = passage.part(begin, stop)
    return Region((code.closed() if found.followed else code).bare(), begin, stop)


def _loose_end(text: str, start: int) -> End:
    """The end of a module whose brackets do not close: its last line that can be one, if talk follows."""
    stop = start
    for match in _MODULE_END.finditer(text, start):
        stop = match.end()
    rest = text[stop:]
    talk = stop > start and rest.strip() and rest.startswith("\n\n") and not _CODE_LINE.search(rest)
    return End(stop, False, bool(talk))


def _above(text: str, start: int, least: int) -> int:
    """Where the comments begin that stand directly above a module."""
    if after_comments(text, least) == start:
        # Comments alone stand before it, blank lines between them or not.
        return least + len(text[least:start]) - len(text[least:start].lstrip(BLANK))
    while start > least:
        line = text.rfind("\n", least, start - 1) + 1 or least
        if line >= start or not text[line:start].lstrip().startswith(_COMMENT_LINE):
            break
        start = line
    return start


def fragments(passage: Passage, begin: int, end: int) -> Iterator[Region]:
    """The markup between two offsets, each from a line that begins with a tag to where it ends by itself."""
    position = begin
    while line := _TAG_LINE.search(passage.text, position, end):
        region = _fragment(passage, line.end(), end)
        position = region.end
        yield region


def _fragment(passage: Passage, start: int, end: int) -> Region:
    text = passage.text
    language = language_of(text[start : min(end, start + _HEAD)], Hint())
    scripted = language is not None and LANGUAGES[language].is_script
    found = (script_end if scripted else fragment_end)(text, start, end)
    if scripted and not found.closed and not found.followed:
        found = _loose_markup(text, start, end)
    stop = max(start + 1, found.stop if found.followed or found.closed else end)
    code = passage.part(start, stop)
    open_ = passage.open and end == len(text) and not found.followed
    return Region(Passage(code.text, code.places, open_).bare(), start, stop)


def _loose_markup(text: str, start: int, end: int) -> End:
    """The end of JSX that does not close: its last tag, if talk follows in a paragraph of its own."""
    stop = last_tag_end(text, start, end)
    rest = text[stop:end]
    return End(stop, False, bool(rest.strip()) and rest.startswith("\n\n") and "<" not in rest)


def named_files(passage: Passage, begin: int, end: int) -> Iterator[tuple[Region, Hint]]:
    """Style sheets and scripts between two offsets, each under a line that names its file."""
    text = passage.text
    heads = list(islice(_NAME_LINE.finditer(text, begin, end), _MOST_NAMED))
    for head, stop in zip(heads, [*(match.start() for match in heads[1:]), end], strict=False):
        hint, start = Hint("", named_in(head[0])), head.end()
        cut = passage.open and stop == len(text) and stop - start < BEGUN
        if start < stop and (_is_code(text, start, hint) or (cut and _opening(hint))):
            yield Region(passage.part(start, stop).trimmed(), start, stop), hint


def _is_code(text: str, start: int, hint: Hint) -> bool:
    opening = _opening(hint)
    return opening is not None and _BEGINS[opening](text, start)


def _opening(hint: Hint) -> Opening | None:
    return hint.language.opening if hint.language else None


def ended(block: Block) -> Block:
    """A block that has no closing mark, up to where its code ends by itself."""
    if block.failed:
        return block
    text, end = block.passage.text, len(block.passage.text)
    if begins_document(text):
        stop = document_end(text, 0, end)
        return block if stop < 0 else replace(block, passage=block.passage.part(0, stop).closed())
    name = language_of(text, block.hint)
    if name is None:
        return block
    language = LANGUAGES[name]
    start = len(text) - len(text.lstrip(BLANK))
    if language.is_script:
        found = script_end(text, start, end)
    elif language.role is Role.DOCUMENT and TAG_AT_START.match(text, start) and begins_markup(text):
        found = fragment_end(text, start, end)
    else:
        return block
    return replace(block, passage=block.passage.part(0, found.stop).closed()) if found.followed else block
