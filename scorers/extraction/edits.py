"""Edit formats: what they make where they make a whole file, else named.

SEARCH/REPLACE blocks with an empty search part give the whole file, and further ones change it. Unified diffs and
patches are read where they add a file or replace all of it. What changes a file that the answer does not hold cannot
be applied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from scorers.extraction.blocks import Block
from scorers.extraction.found import AnswerShape
from scorers.extraction.look import begins_document
from scorers.extraction.markup_end import document_end
from scorers.extraction.names import Hint, extension, file_name, named_in
from scorers.extraction.passage import Passage

_SEARCH = re.compile(r"^[ \t]*(?:<{5,9}|-{5,9})[ \t]?(?:SEARCH|ORIGINAL|HEAD|OLD|BEFORE)\b[^\n]*(?:\n|$)", re.MULTILINE)
# Where an edit looks, as some tools have it above what it looks for.
_LINES = re.compile(r"\A(?:[ \t]*:(?:start|end)_line:[^\n]*\n)+(?:[ \t]*-{5,9}[ \t]*\n)?")
_DIVIDER = re.compile(r"^[ \t]*={5,9}[ \t]*(?:\n|$)", re.MULTILINE)
_REPLACE = re.compile(
    r"^[ \t]*(?:>{5,9}|\+{5,9})[ \t]?(?:REPLACE|UPDATED?|NEW|AFTER|[\w/-]+)\b[^\n]*(?:\n|$)", re.MULTILINE
)
_DIFF = re.compile(
    r"^(?:diff --git [^\n]*|-{3} (?:[^\n]*)\n\+{3} [^\n]*"
    r"|\*{3} (?:Begin Patch|(?:Add|Update|Delete) File:[^\n]*)|@@ -\d[^\n]*@@)",
    re.MULTILINE,
)
_FILE_HEAD = re.compile(
    r"^(?:diff --git [^\n]*\n(?:(?!-{3} |@@|diff )[^\n]*\n){0,8})?(?:-{3} ([^\n]*)\n)\+{3} ([^\n]*)(?:\n|$)"
    r"|^\*{3} (Add|Update|Delete) File: ?([^\n]*)(?:\n|$)",
    re.MULTILINE,
)
_HUNK = re.compile(r"@@(?: -(\d+)[^\n]*)?")
_END = ("*** End", "*** Begin", "\\ No newline", "diff --git", "index ", "new file mode", "similarity ", "```")
_EDIT_AT_START = re.compile(rf"\s*+(?:[^\n]{{0,200}}\n)?(?:{_SEARCH.pattern[1:]}|{_DIFF.pattern[1:]})", re.MULTILINE)


def begins_edit(text: str) -> bool:
    """Whether a text is an edit, after at most one line that names the file.

    >>> begins_edit("index.html\\n<<<<<<< SEARCH\\n"), begins_edit("<p>\\n"), begins_edit("--- a/x\\n+++ b/x\\n")
    (True, False, True)
    """
    return _EDIT_AT_START.match(text) is not None


def read_edits(passage: Passage, hint: Hint) -> list[Block]:
    """The files that edits make; one block that says so for those that cannot be applied."""
    text = passage.text
    if _SEARCH.search(text):
        return list(_replacements(passage, hint))
    return list(_patches(passage, hint))


@dataclass(frozen=True, slots=True)
class _Change:
    search: str
    replacement: Passage
    start: int
    end: int


def _changes(passage: Passage) -> Iterator[_Change]:
    text, position = passage.text, 0
    while opened := _SEARCH.search(text, position):
        divider = _DIVIDER.search(text, opened.end())
        if divider is None:
            yield _Change("…", passage.part(len(text)), opened.start(), len(text))
            return
        closed = _REPLACE.search(text, divider.end())
        stop, position = (closed.start(), closed.end()) if closed else (len(text), len(text))
        part = passage.part(divider.end(), stop)
        yield _Change(
            _LINES.sub("", text[opened.end() : divider.start()]),
            part if not closed else part.closed(),
            opened.start(),
            position,
        )


def _replacements(passage: Passage, hint: Hint) -> Iterator[Block]:
    """The files of SEARCH/REPLACE blocks, each with what later blocks change in it."""
    files: dict[str, Block] = {}
    last, name = 0, hint.name
    for change in _changes(passage):
        name = named_in(passage.text[last : change.start].strip().rpartition("\n")[2]) or name
        last = change.end
        known = files.get(name)
        if not change.search.strip():
            code = change.replacement
        elif known and not known.failed and change.search in known.passage.text:
            code = _applied(known.passage, change)
        else:
            files.setdefault(name, Block(change.replacement, Hint(hint.word, name), AnswerShape.EDIT_UNAPPLIED, (0, 0)))
            continue
        files[name] = Block(code, Hint(hint.word, name), AnswerShape.EDIT, (0, 0))
    yield from files.values()


def _applied(known: Passage, change: _Change) -> Passage:
    """The file with the first place of `search` replaced; what is new takes the places of what it replaces."""
    at = known.text.find(change.search)
    end = at + len(change.search)
    made = known.joined([(0, known.text[:at]), (at, change.replacement.text), (end, known.text[end:])])
    return replace(made, open=change.replacement.open or known.open)


def _patches(passage: Passage, hint: Hint) -> Iterator[Block]:
    """The files of a unified diff or of a patch."""
    text = passage.text
    heads = list(_FILE_HEAD.finditer(text))
    if not heads:
        yield from _patched(passage, hint, added=False)
        return
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        body = passage.part(head.end(), following.start() if following else len(text))
        if head[3] == "Delete" or (head[2] or "").startswith("/dev/null"):
            continue
        name = _path(head[4] or head[2] or "")
        if head[3] == "Update":
            yield Block(body, Hint(hint.word, name or hint.name), AnswerShape.EDIT_UNAPPLIED, (0, 0))
            continue
        added = head[3] == "Add" or (head[1] or "").startswith("/dev/null")
        yield from _patched(body, Hint(hint.word if not extension(name) else "", name or hint.name), added)


def _path(head: str) -> str:
    path = head.split("\t")[0].strip()
    return file_name(path.removeprefix("b/")) or named_in(path)


def _patched(body: Passage, hint: Hint, added: bool) -> Iterator[Block]:
    parts: list[tuple[int, str]] = []
    plus = context = minus = hunks = 0
    first = ""
    for start, line in _lines(body.text):
        if line.startswith("@@"):
            found = _HUNK.match(line)
            first = first or (found[1] or "" if found else "")
            hunks += 1
        elif line.startswith("+"):
            parts.append((start + 1, line[1:]))
            plus += 1
        elif line.startswith("-") and not added:
            minus += 1
        elif line.startswith(_END):
            continue
        elif line.strip() or hunks == 1:
            parts.append((start + 1, line[1:]) if line.startswith(" ") else (start, line))
            context += bool(line.strip()) and not added
    code = body.joined(parts)
    whole = plus and hunks <= 1 and first in ("", "0", "1") and (not context or _is_whole(code.text))
    yield Block(code, hint, AnswerShape.EDIT if whole else AnswerShape.EDIT_UNAPPLIED, (0, 0))


def _is_whole(code: str) -> bool:
    return begins_document(code) and document_end(code, 0, len(code)) > 0


def _lines(text: str) -> Iterator[tuple[int, str]]:
    position = 0
    while position < len(text):
        end = text.find("\n", position) + 1 or len(text)
        yield position, text[position:end]
        position = end
