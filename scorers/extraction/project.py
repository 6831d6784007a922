"""The files of an answer: one rule chooses the page and what belongs to it.

Of the pieces of code that an answer holds, those in an answer tag count alone where they hold a page. Of several files
with one name the last counts, a mere snippet of it aside. The page is the piece that looks most like UI code, the
longest of equals. With it go: style sheets; every other file with a name; modules without a name that define something
of their own; beside HTML its scripts. Not: commands, data, further HTML without a name (another version, or a hint),
components beside an HTML page that no name and no import ties to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from scorers.extraction.blocks import BEGUN, Block
from scorers.extraction.found import AnswerShape
from scorers.extraction.look import (
    TAG,
    begins_document,
    begins_element,
    begins_markup,
    begins_module,
    has_tags,
    language_of,
)
from scorers.extraction.names import extension
from scorers.extraction.passage import BLANK
from scorers.language import LANGUAGES, LanguageSupport, Role
from scorers.sample import Language
from scorers.source import SourceFile

_DEFINED = re.compile(
    r"^[ \t]*(?:export[ \t]+)?(?:default[ \t]+)?(?:async[ \t]+)?"
    r"(?:function\*?|class|const|let|var|interface|type|enum)[ \t]+([A-Za-z_$][\w$]*)",
    re.MULTILINE,
)
_EXPORTED = re.compile(
    r"^[ \t]*(?:export\b|module\.exports\b)|^[ \t]*(?:function|class)[ \t]+[A-Z]"
    r"|^[ \t]*const[ \t]+[A-Z]\w*[ \t]*(?::[^=\n]+)?=[ \t]*(?:\(|function|React|memo|forwardRef|async)",
    re.MULTILINE,
)
_CONFIG = re.compile(
    r"(?:^|/)(?!tailwind\.)[\w.-]+\.config\.\w+$|(?:^|/)(?:\.eslintrc|vite-env|next-env|setupTests|jest)[\w.-]*$|\.(?:test|spec|stories|d)\.\w+$"
)
# A piece this much smaller than another is a snippet of it and no further version.
_SNIPPET = 0.4
# Far above what an answer holds; keeps an extraction small whatever a model writes.
_MOST_FILES = 100


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block with its language and how much it looks like UI code."""

    block: Block
    language: LanguageSupport
    rank: int

    @property
    def code(self) -> str:
        return self.block.passage.text

    @property
    def name(self) -> str:
        return self.block.hint.name

    @property
    def is_module(self) -> bool:
        """Whether it is a component written as a script, which defines what other files use."""
        return self.language.is_script and self.language.role is Role.COMPONENT


@dataclass(frozen=True, slots=True)
class AnswerProject:
    """The files of an answer, the page first; none without a page. `found` is the page's shape, or the reason."""

    found: AnswerShape
    files: tuple[SourceFile, ...] = ()


def choose(blocks: Sequence[Block], truncated: bool = False) -> AnswerProject | None:
    """The project that the blocks of an answer make; None where there is nothing like code.

    `truncated` says that a token limit cut the answer: a module that was cut before its first tag is a page then.
    """
    pieces = [piece for block in blocks if (piece := _piece(block)) is not None]
    final = [piece for piece in pieces if piece.block.final]
    pieces = final if any(piece.rank > 0 for piece in final) else pieces
    pieces = _latest(pieces)
    page = _page(pieces)
    if page is None and (script := _script(pieces, truncated)) is not None:
        page, pieces = script, [script if piece.block is script.block else piece for piece in pieces]
    if page is None:
        reasons = [block.found for block in blocks if block.failed]
        return AnswerProject(_worst(reasons)) if reasons else None
    beside = islice(_beside(page, pieces, truncated), _MOST_FILES)
    return AnswerProject(page.block.found, tuple(_file(piece) for piece in (page, *beside)))


def _worst(reasons: list[AnswerShape]) -> AnswerShape:
    order = (AnswerShape.EDIT_UNAPPLIED, AnswerShape.JSON_BROKEN, AnswerShape.OTHER_CODE)
    return min(reasons, key=order.index)


def _piece(block: Block) -> _Piece | None:
    if block.failed or _CONFIG.search(block.hint.name) or extension(block.hint.name) in ("md", "mdx", "txt", "json"):
        return None
    code = block.passage.text
    if not code.strip(BLANK):
        begun = block.passage.open and bool(block.hint.word or block.hint.name) and not block.hint.other
        return _Piece(block, block.hint.language or LANGUAGES[Language.CSS], 0) if begun else None
    language = language_of(code, block.hint)
    if language is None and block.passage.open and len(code) < BEGUN and block.found is not AnswerShape.FRAGMENT:
        # Too little was written to tell what it was to be; css has no errors of its own.
        return _Piece(block, LANGUAGES[Language.CSS], 0)
    if language is None:
        return None
    return _Piece(block, LANGUAGES[language], _rank(block, LANGUAGES[language], code))


def _rank(block: Block, language: LanguageSupport, code: str) -> int:
    """How much a piece looks like the page: 0 for what is none."""
    if not language.is_page:
        return 0
    tagged = TAG.search(code) is not None
    if language.role is Role.DOCUMENT and not tagged:
        return 0
    named = block.hint.language
    sure = (named is not None and named.is_page) or begins_document(code) or begins_module(code)
    if block.found is AnswerShape.FRAGMENT:
        return 1
    return 1 + 2 * sure + 2 * tagged + (begins_document(code) or begins_markup(code) or begins_module(code))


def _latest(pieces: list[_Piece]) -> list[_Piece]:
    """Without older drafts: of pieces with one name the last, of those that define the same the last."""
    kept: dict[str, _Piece] = {}
    for number, piece in enumerate(pieces):
        key = piece.name.lstrip("./") or f"#{number}"
        older = kept.get(key)
        if older is not None and _is_snippet(piece, older):
            continue
        kept.pop(key, None)
        kept[key] = piece
    return list(kept.values())


def _is_snippet(piece: _Piece, whole: _Piece) -> bool:
    small = len(piece.code) < _SNIPPET * len(whole.code)
    return (
        small
        and not begins_document(piece.code)
        and not (begins_module(piece.code) and _EXPORTED.search(piece.code))
        and not piece.block.passage.open
    )


def _page(pieces: list[_Piece]) -> _Piece | None:
    candidates = [piece for piece in pieces if piece.rank > 0]
    if not candidates:
        return None
    return max(candidates, key=lambda piece: (piece.rank, len(piece.code)))


def _script(pieces: list[_Piece], truncated: bool) -> _Piece | None:
    """The script that is the page where there is no other: it writes HTML, or the text ends in it, within its first
    element or cut before that."""
    for piece in reversed(pieces):
        ends = piece.block.passage.open and (truncated or begins_element(piece.code))
        language = piece.language
        if language.role in (Role.SCRIPT, Role.COMPONENT) and (ends or has_tags(piece.code)):
            return replace(piece, language=LANGUAGES[language.with_markup or language.name])
    return None


def _beside(page: _Piece, pieces: list[_Piece], truncated: bool) -> Iterator[_Piece]:
    """What belongs to the page, in the order of the answer. What the token limit cut was a part of it."""
    for piece in _without_drafts(page, pieces):
        cut = truncated and piece.block.passage.open and piece.block.found is not AnswerShape.FRAGMENT
        if piece is not page and (cut or _belongs(piece, page)):
            yield piece


def _without_drafts(page: _Piece, pieces: list[_Piece]) -> list[_Piece]:
    """The pieces without those that have no name and define what a later one defines."""
    if len(pieces) == 1:
        return pieces
    seen = _names(page)
    kept: list[_Piece] = []
    for piece in reversed(pieces):
        names = _names(piece)
        draft = not piece.name and piece.is_module and names & seen and piece is not page
        if not draft:
            kept.append(piece)
            seen |= names
    return kept[::-1]


def _names(piece: _Piece) -> set[str]:
    """The components that a piece defines."""
    if not piece.is_module:
        return set()
    return {name for name in islice((m[1] for m in _DEFINED.finditer(piece.code)), 200) if name[0].isupper()}


def _belongs(piece: _Piece, page: _Piece) -> bool:
    if piece.language.role is Role.SHEET:
        return True
    named, react = bool(piece.name), page.language.role is Role.COMPONENT
    if piece.language.role is Role.DOCUMENT:
        return named and (react or bool(page.name) or begins_document(piece.code)) and bool(TAG.search(piece.code))
    if piece.language.role is Role.SCRIPT:
        return named or not react or (_EXPORTED.search(piece.code) is not None) or "tailwind.config" in piece.code
    if not react:
        return named and page.block.hint.name != ""
    return named or _EXPORTED.search(piece.code) is not None


def _file(piece: _Piece) -> SourceFile:
    passage = piece.block.passage
    return SourceFile(passage.text, piece.language.name, passage.places, piece.name, cut=passage.open)
