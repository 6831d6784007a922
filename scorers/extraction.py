"""Finds the code in what a model wrote: thoughts dropped, then a fenced block, a document, a component, a fragment.

The order, each step only if the one before found nothing:

1. The text is blank: nothing. `<think>…</think>` is dropped; what an orphan `</think>` ends is thought, too; a
   `<think>` that never ends leaves what stood before it.
2. The answer begins with `<!doctype` or `<html`: that document.
3. CommonMark fences, the end of the text closing the last: the block whose info string and content look most like
   UI code, the longest of equals. The style sheets and scripts in fences of their own go with it.
4. From `<!doctype` or `<html` anywhere to the last `</html>` before a next document, with the comments around.
5. From the first line that begins like a module (`import`, `export`, `const`, `function`, `"use client"`), if no line
   before it begins with a tag, to the last line that reads like code.
6. From the first line that begins with a tag to the last `>`.

`cut` says that the code runs into the end of the text without its own end, so that a generator that stopped at
its token limit stopped in it. Not covered: a page spread over several blocks of HTML or JSX.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from scorers.sample import Completion, Language
from scorers.source import Places, SourceFile


class Found(StrEnum):
    """How the code was found, or why none was."""

    FILE = "file"
    FENCE = "fence"
    FENCE_TRUNCATED = "fence_truncated"
    DOCUMENT = "document"
    DOCUMENT_TRUNCATED = "document_truncated"
    MODULE = "module"
    FRAGMENT = "fragment"
    UNSUPPORTED = "unsupported"
    THINK_UNCLOSED = "think_unclosed"
    NONE = "none"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Extraction:
    """The files of an answer, the page first; none where there is no code that can be read.

    `reasoning` is what was thought, `prose` what was said around the code.
    """

    found: Found
    files: tuple[SourceFile, ...] = ()
    reasoning: str = ""
    prose: str = ""

    @property
    def code(self) -> str:
        """The page's code; empty where there is none."""
        return self.files[0].code if self.files else ""

    @property
    def language(self) -> Language | None:
        """The page's language."""
        return self.files[0].language if self.files else None

    @property
    def cut(self) -> bool:
        """Whether the text ends inside one of the files."""
        return any(file.cut for file in self.files)


@dataclass(frozen=True, slots=True)
class _Main:
    """The page: `text[offset:offset + len(code)]`; without a language it cannot be read."""

    found: Found
    code: str = ""
    offset: int = 0
    language: Language | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Block:
    """A fenced block: `word` is the info string's first word, `closed` false where the end of the text closed it."""

    word: str
    info: str
    start: int
    end: int
    closed: bool


_THINK = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
# With the line end before it: a search for one skips what stands inside lines, `^` is tried at every character.
_FENCE = re.compile(r"\n[ \t]*(`{3,}|~{3,})([^\n]*)")
_FENCE_AT_ONCE = re.compile(_FENCE.pattern.removeprefix(r"\n"))
_DOCUMENT = re.compile(r"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_DOCUMENT_END = re.compile(r"</html\s*>", re.IGNORECASE)
_TAG = re.compile(r"</?(?!https?:|mailto:)[a-z][\w.:-]*[\s/>]", re.IGNORECASE)
_TAG_LINE = re.compile(r"^[ \t]*<(?!https?:|mailto:)[a-z][\w.:-]*[\s/>]|^[ \t]*<>", re.IGNORECASE | re.MULTILINE)
# Blanks are matched inside a line only, and never by two parts of a pattern that touch: both take quadratic time.
_MODULE = re.compile(
    r"^[ \t]*(?:import\b[^\n]*(?:['\"]|\{[ \t]*$)"
    r"|export[ \t]+(?:default|const|let|function|class|async|type|interface|enum|\{|\*)"
    r"|(?:const|let|var)[ \t]+(?:[\w$]+[ \t]*[:=]|[{\[])|(?:async[ \t]+)?function\b[^\n(<]*[(<]"
    r"|type[ \t]+\w[^\n=]*=|interface[ \t]+\w[^\n{]*\{|['\"]use (?:client|server)['\"])",
    re.MULTILINE,
)
_MODULE_END = re.compile(
    r"^(?:[)}\]][)}\]; \t]*|[\w$][^\n]*;[ \t]*|export[ \t]+default[ \t]+[\w$.()]+[ \t]*)$", re.MULTILINE
)
_JSX = re.compile(
    r"\bclassName=|^[ \t]*import\s[^\n]*\bfrom\s|^[ \t]*export\s+(?:default|const|function)\b|=>\s*\(|\{/\*",
    re.MULTILINE,
)
# What shows that a module goes on: an indented line, or one that ends like code.
_CODE_LINE = re.compile(r"^[ \t]+(?![\d*+-])\S|[;{}(,>][ \t]*$", re.MULTILINE)
_INLINE_CODE = re.compile(r"`[^`\n]*`")
_OPENED = re.compile(r"<html[\s>]", re.IGNORECASE)
_COMMENT = re.compile(r"\s*<!--")
_VUE = re.compile(
    r"^<script\b[^>\n]*\bsetup\b|^<script\b[^>\n]*>\s*(?:import\b[^\n]*\n\s*)*export default\b", re.MULTILINE
)
_VUE_TEMPLATE = re.compile(r"^<template(?: lang=[^>\n]*)?>", re.MULTILINE)
_SVELTE = re.compile(r"(?<!\{)\{(?:#(?:if|each|await|key|snippet)\b|@(?:html|render|const|attach)\b)")
_ASTRO = re.compile(r"\s*---[ \t]*\n(?:[^-]|-(?!--))*+---[ \t]*\n\s*<")
_SCORES = {
    **dict.fromkeys(("html", "htm", "xhtml", "jsx", "tsx", "react", "vue", "svelte", "astro"), 3),
    "svg": 2,
    **dict.fromkeys(("", "js", "javascript", "ts", "typescript", "xml", "markup", "code"), 1),
}
_LANGUAGES = {
    **dict.fromkeys(("html", "htm", "xhtml", "svg"), Language.HTML),
    **dict.fromkeys(("jsx", "react", "js", "javascript"), Language.JSX),
    **dict.fromkeys(("tsx", "ts", "typescript"), Language.TSX),
}
_FRAMEWORKS = {"vue": Language.VUE, "svelte": Language.SVELTE, "astro": Language.ASTRO}
_STYLES = frozenset(("css", "postcss", "tailwindcss"))
_SCRIPTS = frozenset(("js", "javascript", "mjs"))
# Far above what an answer holds; keeps an extraction small whatever a model writes.
_MAX_COMPANIONS = 100


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
    if not text.strip():
        return Extraction(Found.EMPTY)
    if completion.language is not None:
        return _whole(_file(text, completion.language))
    spans, thinking = _answer_spans(text)
    thoughts = _outside(text, 0, len(text), spans)
    for start, end in reversed(spans):
        found = _search(text, start, end)
        if found is not None:
            beside = tuple(_companions(text, start, end, found))
            prose = "".join(_prose(text, *span, found) for span in spans)
            return replace(_whole(found, beside), reasoning=_words(thoughts), prose=_words(prose))
    kind = Found.THINK_UNCLOSED if thinking else Found.NONE
    said = "".join(text[slice(*span)] for span in spans)
    return Extraction(kind, reasoning=_words(thoughts), prose=_words(said))


def _whole(main: _Main, beside: tuple[SourceFile, ...] = ()) -> Extraction:
    if main.language is None:
        return Extraction(main.found)
    page = SourceFile(main.code, main.language, Places.at(main.offset), cut=main.cut)
    return Extraction(main.found, (page, *beside))


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
    module = _MODULE.match(code, len(code) - len(code.lstrip()))
    if named is None or (named is Language.HTML and module):
        return Language.TSX if module or _JSX.search(code) else Language.HTML
    return named


def _file(text: str, language: Language) -> _Main:
    if language is Language.HTML and not _TAG.search(text):
        return _Main(Found.NONE)
    ended = language is Language.HTML and _DOCUMENT_END.search(text[-200:].rstrip()) is not None
    return _Main(Found.FILE, text, 0, language, cut=not ended)


def _answer_spans(text: str) -> tuple[list[tuple[int, int]], bool]:
    """The stretches of text outside of thoughts, and whether the text ends inside a thought."""
    spans: list[tuple[int, int]] = []
    start, thinking = 0, False
    for match in _THINK.finditer(text):
        closing = match[1] == "/"
        if not closing and not _begins_line(text, match.start()):
            continue
        if closing and not thinking:
            spans.clear()
        if not closing and not thinking:
            spans.append((start, match.start()))
        thinking = not closing
        start = match.end()
    if not thinking:
        spans.append((start, len(text)))
    return [span for span in spans if text[slice(*span)].strip()], thinking


def _begins_line(text: str, offset: int) -> bool:
    """Whether only blanks, and few, stand before it: a thought begins a line, elsewhere a page may name `<think>`."""
    return text[max(0, offset - 8) : offset].rstrip(" \t")[-1:] in ("", "\n")


def _search(text: str, start: int, end: int) -> _Main | None:
    """The code between two offsets."""
    document = _DOCUMENT.search(text, start, end)
    if document and not text[start : document.start()].strip():
        return _document(text, document.start(), end)
    if block := _best_block(text, start, end):
        return _fenced(text, block)
    if document:
        return _document(text, document.start(), end)
    module, tag = _MODULE.search(text, start, end), _TAG_LINE.search(text, start, end)
    if module and (tag is None or module.start() < tag.start()) and _TAG.search(text, module.start(), end):
        return _module(text, start, module.start(), end)
    return _fragment(text, tag.start(), end) if tag else None


def _document(text: str, start: int, end: int) -> _Main:
    """A document from `start`: it ends with the last `</html>` before the next document begins, else at `end`."""
    start = _before_comments(text, start)
    first_end = _DOCUMENT_END.search(text, start, end)
    if first_end is None:
        return _open_document(text, start, end)
    following = _DOCUMENT.search(text, first_end.end(), end)
    stop = first_end.end()
    for match in _DOCUMENT_END.finditer(text, stop, following.start() if following else end):
        stop = match.end()
    return _code(Found.DOCUMENT, text, start, _after_comments(text, stop, end), "html", cut=False)


def _open_document(text: str, start: int, end: int) -> _Main:
    """A document without `</html>`: cut off, unless it has no `<html>` either and talk follows in a new paragraph."""
    stop = _last_tag_end(text, start, end)
    talk = _INLINE_CODE.sub("", text[stop:end])
    if "\n\n" in talk and talk.strip() and "<" not in talk and not _OPENED.search(text, start, end):
        return _code(Found.DOCUMENT, text, start, stop, "html", cut=False)
    return _code(Found.DOCUMENT_TRUNCATED, text, start, end, "html", cut=True)


def _before_comments(text: str, start: int) -> int:
    """Where the comments begin that stand directly before a document."""
    while (bare := text[max(0, start - 200) : start].rstrip()).endswith("-->"):
        opened = text.rfind("<!--", 0, start)
        stop = start - len(text[max(0, start - 200) : start]) + len(bare)
        if opened < 0 or text.find("-->", opened, stop) != stop - 3:
            break
        start = opened
    return start


def _after_comments(text: str, stop: int, end: int) -> int:
    """Where the comments end that stand directly after a document."""
    while (opened := _COMMENT.match(text, stop, end)) and (closed := text.find("-->", opened.end(), end)) >= 0:
        stop = closed + 3
    return stop


def _module(text: str, least: int, start: int, end: int) -> _Main:
    """A module from `start`, with the comments above it, up to the last line that can end one, if talk follows."""
    while (line := text.rfind("\n", least, max(least, start - 1)) + 1 or least) < start and _is_comment(
        text[line:start]
    ):
        start = line
    stop = start
    for match in _MODULE_END.finditer(text, start, end):
        stop = match.end()
    rest = text[stop:end]
    if stop == start or not rest.strip() or not rest.startswith("\n\n") or _CODE_LINE.search(rest):
        return _code(Found.MODULE, text, start, end, "tsx", cut=True)
    return _code(Found.MODULE, text, start, stop, "tsx", cut=False)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(("//", "/*", "*/", "* "))


def _fenced(text: str, block: _Block) -> _Main:
    if block.closed:
        return _code(Found.FENCE, text, block.start, block.end, block.word, False, block.info)
    document = _DOCUMENT.search(text, block.start, block.end)
    if document and not text[block.start : document.start()].strip():
        inside = _document(text, document.start(), block.end)
        if not inside.cut:
            return inside
    return _code(Found.FENCE_TRUNCATED, text, block.start, block.end, block.word, True, block.info)


def _fragment(text: str, start: int, end: int) -> _Main:
    stop = _last_tag_end(text, start, end)
    # Talk after the last tag means that the code was over; another `<` means that the text stops inside a tag.
    rest = _INLINE_CODE.sub("", text[stop:end]).strip()
    cut = not rest or "<" in rest
    return _code(Found.FRAGMENT, text, start, end if "<" in rest else stop, "", cut)


def _last_tag_end(text: str, start: int, end: int) -> int:
    """Behind the last `>` of the code: talk names tags, too, but in back quotes. `start` where there is none."""
    while end > start:
        line = max(start, text.rfind("\n", start, end) + 1)
        masked = _INLINE_CODE.sub(lambda match: " " * len(match[0]), text[line:end])
        if (last := masked.rfind(">")) >= 0:
            return line + last + 1
        end = line - 1
    return start


def _code(found: Found, text: str, start: int, end: int, word: str, cut: bool, info: str = "") -> _Main:
    code = text[start:end]
    language = _framework(code, word, info) or detect_language(code, word)
    return _Main(found, code, start, language, cut)


def _framework(code: str, word: str, info: str) -> Language | None:
    """The language of a component of Vue, Svelte or Astro; None for all else."""
    for name, language in _FRAMEWORKS.items():
        if word == name or f".{name}" in info:
            return language
    if _DOCUMENT.match(code.lstrip()[:20]) or word in ("jsx", "tsx"):
        return None
    if _VUE_TEMPLATE.search(code) and _VUE.search(code):
        return Language.VUE
    if _ASTRO.match(code):
        return Language.ASTRO
    return Language.SVELTE if _SVELTE.search(code) and not _DOCUMENT.search(code) else None


def _companions(text: str, start: int, end: int, found: _Main) -> Iterator[SourceFile]:
    """The style sheets, and beside HTML the scripts, in blocks of their own."""
    for block in islice(_blocks(text, start, end), _MAX_COMPANIONS):
        script = block.word in _SCRIPTS and found.language is Language.HTML
        if block.start != found.offset and (script or block.word in _STYLES):
            language = Language.JS if script else Language.CSS
            yield SourceFile(text[block.start : block.end], language, Places.at(block.start))


def _prose(text: str, start: int, end: int, found: _Main) -> str:
    """What was said in a stretch of the answer, without its code."""
    code = (found.offset, found.offset + len(found.code))
    blocks = ((block.start, block.end) for block in _blocks(text, start, end) if block.start not in code)
    inside = sorted([span for span in (code, *islice(blocks, _MAX_COMPANIONS)) if start <= span[0] and span[1] <= end])
    return _FENCE.sub("\n", "\n" + _outside(text, start, end, inside))[1:]


def _outside(text: str, start: int, end: int, spans: list[tuple[int, int]]) -> str:
    """The text between two offsets that lies in none of the spans, which are in order."""
    kept = []
    for first, last in spans:
        kept.append(text[start:first])
        start = max(start, last)
    return "".join((*kept, text[start:end]))


def _words(text: str) -> str:
    return _THINK.sub("", text).strip()


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
    if text.find("```", start, end) < 0 and text.find("~~~", start, end) < 0:
        return
    opened: re.Match[str] | None = None
    for match in _fences(text, start, end):
        marker, info = match[1], match[2].strip()
        if opened is None:
            if marker[0] == "~" or "`" not in info:
                opened = match
        elif not info and marker[0] == opened[1][0] and len(marker) >= len(opened[1]):
            yield _Block(_word(opened), opened[2], opened.end() + 1, match.start() + 1, closed=True)
            opened = None
    if opened is not None:
        yield _Block(_word(opened), opened[2], min(opened.end() + 1, end), end, closed=False)


def _fences(text: str, start: int, end: int) -> Iterator[re.Match[str]]:
    """The lines that may open or close a block; all but the text's first with the line end before them."""
    first = _FENCE_AT_ONCE.match(text, 0, end) if start == 0 else None
    if first:
        yield first
    yield from _FENCE.finditer(text, max(0, start - 1), end)


def _word(opened: re.Match[str]) -> str:
    """The first word of the info string: `html` of ```` ```html:index.html ````."""
    words = re.split(r"[\s:{,]", opened[2].strip(), maxsplit=1)
    return words[0].lower()
