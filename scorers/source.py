"""One file of an answer, and where its characters stand in the completion."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OffsetMap:
    """Maps offsets in code to offsets in the completion that it was taken from.

    `pieces` are pairs (offset in the code, offset in the completion), in order, the first for offset 0: from each on,
    the code is the completion's text, up to the next pair. Code that stands there as it is has one pair; code that was
    decoded (JSON, entities, quoted lines) one for each place where characters were taken out.
    """

    pieces: tuple[tuple[int, int], ...] = ((0, 0),)

    @classmethod
    def at(cls, offset: int) -> OffsetMap:
        """The places of code that stands in the completion as it is, from `offset` on."""
        return cls(((0, offset),))

    def __call__(self, offset: int) -> int:
        """Where the character at `offset` of the code stands in the completion.

        >>> places = OffsetMap(((0, 10), (5, 20))); places(4), places(5), places(7)
        (14, 20, 22)
        """
        code, text = self.pieces[bisect_right(self.pieces, (offset, float("inf"))) - 1]
        return text + offset - code


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of an answer. `name` is the path that the answer gives it, empty where it gives none; `cut` says that
    the code runs into the end of the text without its own end."""

    code: str
    language: str
    places: OffsetMap = OffsetMap()
    name: str = ""
    cut: bool = False
