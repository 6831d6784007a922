"""What lies over code and is taken off before it is read: numbers of lines, entities, escapes, character data."""

from __future__ import annotations

import html
import re
from itertools import pairwise

from scorers.extraction.found import AnswerShape
from scorers.extraction.json_text import decoded
from scorers.extraction.look import begins_code
from scorers.extraction.passage import MAX_PIECES, Passage

_NUMBERED = re.compile(r"[ \t]*(\d{1,5})(\t|[ ]*[|:│→][ ]?|[.)][ ]|[ ]{1,2}(?=\S|$|[ ]))", re.MULTILINE)
_NUMBER = re.compile(r"^[ \t]*\d{1,5}(?:\t|[ ]*[|:│→][ ]?|[.)][ ]?|[ ]{1,2}|$)", re.MULTILINE)
_ENTITY = re.compile(r"&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-f]{1,5});", re.IGNORECASE)
_ESCAPED = re.compile(r"&lt;[!/]?[A-Za-z]")
_ESCAPED_SCRIPT = re.compile(r"=&gt;|&(?:#39|#x27|quot);| &gt; ")


# A whole answer as one string of JSON, with or without its quotes.
_STRING = re.compile(r'\s*"((?:[^"\\]|\\.)*+\\?)("?)\s*', re.DOTALL)
_INSIDE_STRING = re.compile(r'(?:[^"\\\n]|\\.)*+\\?')
# DeepSeek puts a token into the names of its tags: `<｜DSML｜invoke name="…">`.
_TOKEN_IN_TAG = re.compile(r"(?<=<)(/?)[|｜]\w{2,20}[|｜](?=[a-z])")


def plain(passage: Passage) -> tuple[Passage, AnswerShape] | None:
    """The answer without what lies over all of it, and the shape that this is; None where nothing does."""
    text = passage.text
    if is_escaped(text):
        return unescaped(passage), AnswerShape.ESCAPED
    if text.lstrip()[:1].isdigit() and (bare := unnumbered(passage.trimmed("\n"))).text != text:
        return bare, AnswerShape.FRAGMENT
    if holds_token_in_tag(text):
        return passage.replaced(_TOKEN_IN_TAG, lambda match: match[1]), AnswerShape.FRAGMENT
    return _string(passage)


def _string(passage: Passage) -> tuple[Passage, AnswerShape] | None:
    """What the string says that is all of an answer."""
    text = passage.text
    quoted = _STRING.fullmatch(text) if text.lstrip()[:1] == '"' else None
    if quoted and ("\\n" in text or begins_code(text, quoted.start(1))):
        return decoded(passage, quoted.start(1), quoted.end(1), bool(quoted[2])), AnswerShape.JSON
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if '\\"' in text and text.count("\\n") > 2 and _INSIDE_STRING.fullmatch(text, start, end):
        return decoded(passage, start, end, closed=False), AnswerShape.ESCAPED
    return None


def holds_token_in_tag(text: str) -> bool:
    """Whether some tag's name has a token in it."""
    # Looked for by their first characters, which stand in hardly any text; the pattern is tried at every place.
    if "|" not in text and "｜" not in text:
        return False
    return any(mark in text for mark in ("<|", "</|", "<｜", "</｜")) and _TOKEN_IN_TAG.search(text) is not None


def is_escaped(text: str) -> bool:
    """Whether code has entities instead of all its signs."""
    if "<" in text:
        return False
    return _ESCAPED.search(text) is not None or (">" not in text and _ESCAPED_SCRIPT.search(text) is not None)


def unescaped(passage: Passage) -> Passage:
    """The text with its entities decoded."""
    return passage.replaced(_ENTITY, lambda match: html.unescape(match[0]))


def character_data(body: Passage, start: int) -> Passage:
    """What a CDATA section that begins at `start` holds."""
    closed = body.text.rfind("]]>")
    inner = body.part(start + 9, closed if closed > start else None)
    return inner.closed() if closed > start else inner


def unnumbered(body: Passage) -> Passage:
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
    if (len(found) < 3 and found[0] != 1) or any(b - a != 1 for a, b in pairwise(found)):
        return body
    return body.replaced(_NUMBER, lambda _: "")


def _code_behind(body: Passage, number: re.Match[str]) -> bool:
    return begins_code(body.text, body.text.find(number[2], number.end(1)) + len(number[2].rstrip()))
