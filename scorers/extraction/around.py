"""What a fence, a wrapper or a string holds: code at once, or a text in which code stands."""

from __future__ import annotations

import re

from scorers.extraction.found import AnswerShape
from scorers.extraction.json_text import begins_json
from scorers.extraction.look import TAG, begins_code, begins_module
from scorers.extraction.names import Hint, extension, is_text
from scorers.extraction.passage import BLANK
from scorers.extraction.wrappers import WrapperTag, child_name, is_wrapper, tag_at, words_end

# Elements with words alone that stand before the first wrapper.
_MOST_WORDS = 20


def is_text_around_code(text: str, start: int, hint: Hint, shape: AnswerShape) -> bool:
    """Whether code does not begin at once but somewhere in a text, or in a wrapper or a fence of its own."""
    if text.startswith(("```", "~~~"), start) or child_name(text, start)[0]:
        return True
    tag = tag_at(text, start) if text.startswith("<", start) else None
    if tag is not None and ((shape is not AnswerShape.FENCE and not tag.may_be_markup) or _wraps(text, tag)):
        return True
    markdown = hint.word in ("md", "markdown", "mdx") or extension(hint.name) in ("md", "txt")
    if markdown and re.search(r"^[ \t]*(?:```|~~~)", text, re.MULTILINE):
        return True
    if begins_code(text, start):
        return False
    named = hint.language is not None
    return not named and (is_text(hint.word) or shape is not AnswerShape.FENCE)


def _wraps(text: str, tag: WrapperTag | None) -> bool:
    """Whether a tag wraps code, or one does that follows elements which hold nothing but words."""
    for _ in range(_MOST_WORDS):
        if tag is None:
            return False
        if is_wrapper(text, tag, True):
            return True
        end = words_end(text, tag)
        if end < 0 or tag.is_known:
            return False
        tag = tag_at(text, end + len(text[end : end + 300]) - len(text[end : end + 300].lstrip(BLANK)))
    return False


def may_be_code(text: str) -> bool:
    """Whether a decoded string without a name is worth reading: it holds a tag, a fence, JSON or a module."""
    if begins_json(text.lstrip()[:300]) or "```" in text:
        return True
    return TAG.search(text) is not None or begins_module(text)
