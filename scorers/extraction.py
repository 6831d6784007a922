"""Finds the code in what a model wrote: thoughts dropped, then a fenced block, a document, a component, a fragment.

The order, each step only if the one before found nothing:

1. The text is blank: nothing. `<think>…</think>` is dropped; what an orphan `</think>` ends is thought, too; a
   `<think>` that never ends leaves what stood before it.
2. The answer begins with `<!doctype` or `<html`: that document.
3. CommonMark fences, the end of the text closing the last: the block whose info string and content look most like
   UI code, the longest of equals.
4. From `<!doctype` or `<html` anywhere to the last `</html>` before a next document.
5. The text begins like a module (`import`, `export`, `const`, `function`, `"use client"`): all of it.
6. From the first line that begins with a tag to the last `>`.

`cut` says that the code runs into the end of the text without its own end, so that a generator that stopped at
its token limit stopped in it. Not covered: code spread over several blocks, Vue or Svelte files (read as HTML).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from scorers.sample import Completion, Language


class Found(StrEnum):
    """How the code was found, or why none was."""

    FILE = "file"
    FENCE = "fence"
    FENCE_TRUNCATED = "fence_truncated"
    DOCUMENT = "document"
    DOCUMENT_TRUNCATED = "document_truncated"
    MODULE = "module"
    FRAGMENT = "fragment"
    THINK_UNCLOSED = "think_unclosed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Extraction:
    """The code of a completion: `code` is `text[offset:offset + len(code)]` of the text as it was given."""

    found: Found
    code: str = ""
    offset: int = 0
    language: Language | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Block:
    """A fenced block: `word` is the info string's first word, `closed` false where the end of the text closed it."""

    word: str
    start: int
    end: int
    closed: bool


_THINK = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_DOCUMENT = re.compile(r"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_DOCUMENT_END = re.compile(r"</html\s*>", re.IGNORECASE)
_TAG = re.compile(r"</?(?!https?:|mailto:)[a-z][\w.:-]*[\s/>]", re.IGNORECASE)
_TAG_LINE = re.compile(r"^[ \t]*<(?!https?:|mailto:)[a-z][\w.:-]*[\s/>]|^[ \t]*<>", re.IGNORECASE | re.MULTILINE)
_MODULE = re.compile(
    r"\s*(?:import\s[^\n]*['\"]|export\s+(?:default|const|function|class|async|type|interface|\{|\*)"
    r"|(?:const|let)\s+(?:[\w$]+\s*[:=]|[{\[])|(?:async\s+)?function\s*\*?\s*\w*\s*[(<]"
    r"|['\"]use (?:client|server)['\"])"
)
_JSX = re.compile(
    r"\bclassName=|^\s*import\s[^\n]*\bfrom\s|^\s*export\s+(?:default|const|function)\b|=>\s*\(|\{/\*", re.MULTILINE
)
_SCORES = {
    **dict.fromkeys(("html", "htm", "xhtml", "jsx", "tsx", "react", "vue", "svelte"), 3),
    "svg": 2,
    **dict.fromkeys(("", "js", "javascript", "ts", "typescript", "xml", "markup", "code"), 1),
}
_LANGUAGES = {
    **dict.fromkeys(("html", "htm", "xhtml", "vue", "svelte", "svg"), Language.HTML),
    **dict.fromkeys(("jsx", "react", "js", "javascript"), Language.JSX),
    **dict.fromkeys(("tsx", "ts", "typescript"), Language.TSX),
}


def extract(completion: Completion) -> Extraction:
    """The code of a completion. Lines end in `\\n` in `completion.text`. Linear; never raises.

    >>> found = extract(Completion("Sure!\\n```html\\n<p>Hi</p>\\n```\\nEnjoy."))
    >>> found.code, found.language.value, found.found.value, found.cut
    ('<p>Hi</p>\\n', 'html', 'fence', False)
    >>> extract(Completion("I cannot do that.")).found.value
    'none'
    >>> extract(Completion("<think>```html\\n<p>")).found.value
    'think_unclosed'
    """
    text = completion.text
    if completion.language is not None:
        return _file(text, completion.language)
    spans, thinking = _answer_spans(text)
    for start, end in reversed(spans):
        found = _search(text, start, end)
        if found is not None:
            return found
    return Extraction(Found.THINK_UNCLOSED if thinking else Found.NONE)


def detect_language(code: str, word: str = "") -> Language:
    """The language of code whose fence names `word`; what the code begins with outweighs the fence.

    >>> detect_language("<p class='x'>"), detect_language("<!doctype html><p>", "jsx")
    (<Language.HTML: 'html'>, <Language.HTML: 'html'>)
    >>> detect_language("export default () => <p/>", "html"), detect_language("<p className='x' />")
    (<Language.TSX: 'tsx'>, <Language.TSX: 'tsx'>)
    """
    named = _LANGUAGES.get(word)
    if _DOCUMENT.match(code.lstrip()[:20]):
        return Language.HTML
    if named is None or (named is Language.HTML and _MODULE.match(code)):
        return Language.TSX if _JSX.search(code) or _MODULE.match(code) else Language.HTML
    return named


def _file(text: str, language: Language) -> Extraction:
    if not text.strip() or (language is Language.HTML and not _TAG.search(text)):
        return Extraction(Found.NONE)
    ended = language is Language.HTML and _DOCUMENT_END.search(text[-200:].rstrip()) is not None
    return Extraction(Found.FILE, text, 0, language, cut=not ended)


def _answer_spans(text: str) -> tuple[list[tuple[int, int]], bool]:
    """The stretches of text outside of thoughts, and whether the text ends inside a thought."""
    spans: list[tuple[int, int]] = []
    start, thinking = 0, False
    for match in _THINK.finditer(text):
        closing = match[1] == "/"
        if closing and not thinking:
            spans.clear()
        if not closing and not thinking:
            spans.append((start, match.start()))
        thinking = not closing
        start = match.end()
    if not thinking:
        spans.append((start, len(text)))
    return [span for span in spans if text[slice(*span)].strip()], thinking


def _search(text: str, start: int, end: int) -> Extraction | None:
    """The code between two offsets."""
    document = _DOCUMENT.search(text, start, end)
    if document and not text[start : document.start()].strip():
        return _document(text, document.start(), end)
    if block := _best_block(text, start, end):
        return _fenced(text, block)
    if document:
        return _document(text, document.start(), end)
    first = end - len(text[start:end].lstrip())
    if _MODULE.match(text, first, end) and _TAG.search(text, first, end):
        return _code(Found.MODULE, text, first, end, "tsx", cut=True)
    return _fragment(text, start, end)


def _document(text: str, start: int, end: int) -> Extraction:
    """A document from `start`: it ends with the last `</html>` before the next document begins, else at `end`."""
    first_end = _DOCUMENT_END.search(text, start, end)
    if first_end is None:
        return _code(Found.DOCUMENT_TRUNCATED, text, start, end, "html", cut=True)
    following = _DOCUMENT.search(text, first_end.end(), end)
    stop = first_end.end()
    for match in _DOCUMENT_END.finditer(text, stop, following.start() if following else end):
        stop = match.end()
    return _code(Found.DOCUMENT, text, start, stop, "html", cut=False)


def _fenced(text: str, block: _Block) -> Extraction:
    if block.closed:
        return _code(Found.FENCE, text, block.start, block.end, block.word, cut=False)
    document = _DOCUMENT.search(text, block.start, block.end)
    if document and not text[block.start : document.start()].strip():
        inside = _document(text, document.start(), block.end)
        if not inside.cut:
            return inside
    return _code(Found.FENCE_TRUNCATED, text, block.start, block.end, block.word, cut=True)


def _fragment(text: str, start: int, end: int) -> Extraction | None:
    first = _TAG_LINE.search(text, start, end)
    if first is None:
        return None
    last = text.rfind(">", first.start(), end)
    if last < 0:
        return _code(Found.FRAGMENT, text, first.start(), end, "", cut=True)
    # Talk after the last tag means that the code was over; another `<` means that the text stops inside a tag.
    rest = text[last + 1 : end].strip()
    stop = end if "<" in rest else last + 1
    return _code(Found.FRAGMENT, text, first.start(), stop, "", cut=not rest or "<" in rest)


def _code(found: Found, text: str, start: int, end: int, word: str, cut: bool) -> Extraction:
    code = text[start:end]
    return Extraction(found, code, start, detect_language(code, word), cut)


def _best_block(text: str, start: int, end: int) -> _Block | None:
    best, rank = None, (0, -1)
    for block in _blocks(text, start, end):
        has_tag = _TAG.search(text, block.start, block.end) is not None
        named = _SCORES.get(block.word, -5)
        # A block in a language that is always UI code needs no tag unless it is HTML, where prose parses too.
        usable = has_tag or (named == 3 and _LANGUAGES.get(block.word) is not Language.HTML)
        score = named + (2 if has_tag else 0)
        blank = not text[block.start : block.end].strip()
        if usable and not blank and score > 0 and (score, block.end - block.start) > rank:
            best, rank = block, (score, block.end - block.start)
    return best


def _blocks(text: str, start: int, end: int) -> Iterator[_Block]:
    """The fenced blocks, by CommonMark's rules, with any indentation (models fence inside lists)."""
    opened: re.Match[str] | None = None
    for match in _FENCE.finditer(text, start, end):
        marker, info = match[1], match[2].strip()
        if opened is None:
            if marker[0] == "~" or "`" not in info:
                opened = match
        elif not info and marker[0] == opened[1][0] and len(marker) >= len(opened[1]):
            yield _Block(_word(opened), min(opened.end() + 1, match.start()), match.start(), closed=True)
            opened = None
    if opened is not None:
        yield _Block(_word(opened), min(opened.end() + 1, end), end, closed=False)


def _word(opened: re.Match[str]) -> str:
    """The first word of the info string: `html` of ```` ```html:index.html ````."""
    words = re.split(r"[\s:{,]", opened[2].strip(), maxsplit=1)
    return words[0].lower()
