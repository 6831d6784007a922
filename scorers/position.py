"""Where a place in extracted code lies in the completion it was cut from."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

_LINE_END = re.compile("\n")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text: `line` and `column` count from 1, in characters.

    >>> Position.of("ab\\ncd", 4)
    Position(line=2, column=2)
    """

    line: int
    column: int

    @classmethod
    def of(cls, text: str, offset: int) -> Position:
        """The place of the character at `offset`."""
        start = text.rfind("\n", 0, offset) + 1
        return cls(text.count("\n", 0, offset) + 1, offset - start + 1)

    def inside(self, origin: Position) -> Position:
        """This place, counted in a cut-out that begins at `origin`, counted in the whole text.

        >>> Position(1, 3).inside(Position(5, 10)), Position(2, 3).inside(Position(5, 10))
        (Position(line=5, column=12), Position(line=6, column=3))
        """
        column = self.column + origin.column - 1 if self.line == 1 else self.column
        return Position(self.line + origin.line - 1, column)


class Lines:
    """The lines of a text: turns offsets into places and back, each in the logarithm of the number of lines.

    >>> lines = Lines("ab\\ncd"); lines.position(4), lines.offset(Position(2, 2))
    (Position(line=2, column=2), 4)
    """

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _starts(self) -> list[int]:
        # Of most texts, which have no errors, nobody asks.
        return [0, *(match.end() for match in _LINE_END.finditer(self._text))]

    def position(self, offset: int) -> Position:
        """The place of the character at `offset`."""
        line = bisect_right(self._starts, offset)
        return Position(line, offset - self._starts[line - 1] + 1)

    def offset(self, position: Position) -> int:
        """The offset of the character at a place; of the text's last line for one beyond it."""
        return self._starts[min(position.line, len(self._starts)) - 1] + position.column - 1


class LineStarts:
    """Offsets of places that are asked for in text order, each in constant time on average; no list is kept.

    >>> starts = LineStarts("ab\\ncd"); starts.offset(1, 1), starts.offset(2, 0)
    (1, 3)
    """

    def __init__(self, text: str) -> None:
        self._text, self._line, self._start = text, 1, 0

    def offset(self, line: int, column: int) -> int:
        """The offset of a line (from 1) and a column (from 0)."""
        while self._line < line:
            self._start = self._text.index("\n", self._start) + 1
            self._line += 1
        return self._start + column


def shown(name: str, limit: int = 40) -> str:
    """A name from a model's text, fit for a message: unprintable characters escaped, cut at `limit` characters.

    >>> shown("a\\x1bb")
    'a\\\\x1bb'
    """
    cut = name[:limit]
    text = cut if cut.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)
    return text + "…" if len(name) > limit else text
