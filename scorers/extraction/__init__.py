"""Finds the code in what a model wrote: special tokens and thoughts dropped, then everything that holds code read.

1. The text is blank: nothing. Tokens that begin or end a turn end it; what follows is no answer.
2. Thoughts are set apart (`reasoning`): a draft in one is never taken for the answer.
3. The answer is read from left to right into blocks (`reader`): fences, wrapper tags, JSON, edits, documents and
   modules; markup in none of these comes last. What stands in one of them is read in the same way.
4. One rule chooses the page and the files that belong to it (`project`).

A file's `cut` says that its code runs into the end of the text without its own end, so that a generator that stopped
at its token limit stopped in it. Where there is no code, `found` says why.
"""

from __future__ import annotations

import re

from scorers.extraction.found import AnswerShape, Extraction
from scorers.extraction.look import TAG, detect_language
from scorers.extraction.ordinary import ordinary_fence
from scorers.extraction.passage import BLANK, Passage
from scorers.extraction.project import choose
from scorers.extraction.reader import read, read_whole
from scorers.extraction.reasoning import split_thoughts
from scorers.extraction.special import answer_turn, without_tokens
from scorers.language import LANGUAGES, Role
from scorers.sample import Completion
from scorers.source import OffsetMap, SourceFile

__all__ = ["AnswerShape", "Extraction", "detect_language", "extract"]

_DOCUMENT_END = re.compile(r"</html\s*>", re.IGNORECASE)
# Text has hardly any of these; a file that is no text has many in its first characters.
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\ufffd]")


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
    if not text.strip(BLANK):
        return Extraction(AnswerShape.EMPTY)
    if completion.language is not None:
        return _file(text, completion.language)
    whole = Passage(text, open=True)
    return extract_ordinary(whole, completion.truncated) or extract_any(whole, completion.truncated)


def extract_ordinary(whole: Passage, truncated: bool) -> Extraction | None:
    """What `extract_any` says of talk around one closed fence, in a fraction of its time; None for any other answer."""
    fence = ordinary_fence(whole)
    if fence is None:
        return None
    span = (fence.start, fence.end)
    project = choose(read_whole(fence.body, fence.hint, AnswerShape.FENCE, 0, span), truncated)
    if project is None or not project.files:
        return None
    return Extraction(project.found, project.files, prose=_prose(whole, [span]).strip())


def extract_any(whole: Passage, truncated: bool) -> Extraction:
    """The code of an answer in any shape."""
    text = whole.text
    answer = split_thoughts(answer_turn(whole))
    reason = (
        AnswerShape.THINK_UNCLOSED if answer.thinking else AnswerShape.BINARY if _is_binary(text) else AnswerShape.NONE
    )
    for part in reversed(answer.parts):
        blocks = read(without_tokens(part))
        project = choose(blocks, truncated)
        if project is not None and project.files:
            prose = [_prose(other, [block.span for block in blocks] if other is part else []) for other in answer.parts]
            return Extraction(project.found, project.files, answer.thoughts.strip(), "".join(prose).strip())
        reason = project.found if project is not None and reason is AnswerShape.NONE else reason
    said = "".join(part.text for part in answer.parts)
    return Extraction(reason, reasoning=answer.thoughts.strip(), prose=said.strip())


def _file(text: str, language: str) -> Extraction:
    document = LANGUAGES[language].role is Role.DOCUMENT
    if document and not TAG.search(text):
        return Extraction(AnswerShape.NONE)
    ended = document and _DOCUMENT_END.search(text[-200:].rstrip()) is not None
    return Extraction(AnswerShape.FILE, (SourceFile(text, language, OffsetMap(), cut=not ended),))


def _is_binary(text: str) -> bool:
    head = text[:2_000]
    return len(_CONTROLS.findall(head)) > 0.1 * len(head)


def _prose(part: Passage, spans: list[tuple[int, int]]) -> str:
    """What was said in a part of the answer, without its blocks."""
    return part.without(sorted(set(spans))).text
