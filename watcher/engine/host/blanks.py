"""Whether a chat template leaves an answer's blanks as they are: a page without its indentation is another page.

Ids cannot show it: a tokenizer may have its own way with blanks, which is training's too. The text that the template
makes shows it before any tokenizer reads it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence

# Where templates take an answer apart, they trim what stands on either side.
_SEAMS = r"</?(?:think|thinking|thought|reasoning|response|answer)>"
_BEFORE = 10


def lost_blanks(answer: Sequence[str], text: str, start: int, tokens: Iterable[str]) -> str:
    """What `text` does not have of the parts of an `answer` as they are written there, from a little before on; empty
    where it has all.

    A template may trim an answer, its parts, and what special tokens (`tokens`) or the tags of a thought divide;
    nothing else. The first part's end lies behind `text[:start]`.

    >>> lost_blanks([" a  b\\n"], "<u>a  b<e>a b<e>", 10, ())
    'a  b'
    >>> lost_blanks(["<think>a</think>b  c"], "<think>\\na\\n</think>\\n\\nb  c", 7, ())
    ''
    """
    at = None
    seams = "|".join([_SEAMS, *map(re.escape, filter(str.strip, tokens))])
    for part in (piece for whole in answer for piece in re.split(seams, whole)):
        piece = part.strip()
        begin = max(0, start - len(piece) + 1) if at is None else at
        found = text.find(piece, begin)
        if found < 0:
            known = bisect_left(range(len(piece)), True, key=lambda last: piece[: last + 1] not in text[begin:])
            return piece[max(0, known - _BEFORE) :]
        at = found + len(piece) if piece else at
    return ""
