"""A piece of code as it was found in an answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from scorers.extraction.found import AnswerShape
from scorers.extraction.names import Hint
from scorers.extraction.passage import Passage

# Which shape tells more, where one stands in the other.
_RANK = (
    AnswerShape.TOOL_CALL,
    AnswerShape.JSON,
    AnswerShape.EDIT,
    AnswerShape.ESCAPED,
    AnswerShape.WRAPPER,
    AnswerShape.FENCE_OPEN,
    AnswerShape.FENCE,
)
# Code that was cut before this many characters may be anything.
BEGUN = 40
FAILED = frozenset((AnswerShape.EDIT_UNAPPLIED, AnswerShape.JSON_BROKEN, AnswerShape.OTHER_CODE))


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of code; `passage.open` says that the completion may have been cut in it.

    With a reason of `FAILED` in `found` it says that something was seen there that cannot be read. `span` is its place
    in the passage that it was read from, its fences and tags included. `final` marks what an answer tag holds.
    """

    passage: Passage
    hint: Hint
    found: AnswerShape
    span: tuple[int, int]
    final: bool = False

    @property
    def failed(self) -> bool:
        """Whether nothing can be read here."""
        return self.found in FAILED


def inside(
    blocks: Iterable[Block], found: AnswerShape, span: tuple[int, int], hint: Hint, final: bool = False
) -> list[Block]:
    """Blocks that stand in one of another shape: its place, and its hint where they have none."""
    blocks = list(blocks)
    one = len(blocks) == 1
    return [
        replace(
            block,
            found=outermost(block.found, found),
            span=span,
            hint=block.hint.or_else(hint) if one else block.hint,
            final=block.final or final,
        )
        for block in blocks
    ]


def outermost(first: AnswerShape, second: AnswerShape) -> AnswerShape:
    """The shape that tells more of two that hold one another."""
    if first in FAILED:
        return first
    return min((first, second), key=lambda found: _RANK.index(found) if found in _RANK else len(_RANK))
