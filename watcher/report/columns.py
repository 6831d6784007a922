"""A table of one line a row, for thousands of them: `rich.table` renders each cell several times, and takes a second
for a thousand rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

_GAP: Final = 2


@dataclass(frozen=True, slots=True)
class Cell:
    """A text without line breaks, and rich's words for how it looks."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """The title of a column. One that is `elastic` is cut where the table is too wide for the terminal."""

    title: str
    right: bool = False
    elastic: bool = False


class Columns:
    """Rows of cells below their columns' titles."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        self._columns = columns
        titles = [Cell(column.title, "bold underline") for column in columns]
        self._rows = [titles, *rows]
        self._widths = [max(len(cell.text) for cell in cells) for cells in zip(*self._rows, strict=True)]

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = sum(self._widths) + _GAP * (len(self._widths) - 1)
        return Measurement(min(width, options.max_width), width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self._fitting(options.max_width)
        styles: dict[str, Style] = {}
        for row in self._rows:
            yield from self._line(console, row, widths, styles)
            yield Segment.line()

    def _fitting(self, room: int) -> list[int]:
        """The widths of the columns in a terminal of this width; what does not fit is cut."""
        over = sum(self._widths) + _GAP * (len(self._widths) - 1) - room
        widths = list(self._widths)
        for place, column in enumerate(self._columns):
            if column.elastic and over > 0:
                widths[place] = max(len(column.title), widths[place] - over)
        left = room
        for place, width in enumerate(widths):
            widths[place] = max(0, min(width, left))
            left -= width + _GAP
        return widths

    def _line(
        self, console: Console, row: Sequence[Cell], widths: Sequence[int], styles: dict[str, Style]
    ) -> Iterator[Segment]:
        gap = ""
        for column, cell, width in zip(self._columns, row, widths, strict=True):
            if not width:
                return
            text = cell.text if len(cell.text) <= width else f"{cell.text[: width - 1]}…"
            padding = " " * (width - len(text))
            if cell.style not in styles:
                styles[cell.style] = console.get_style(cell.style or "none")
            yield Segment(gap + padding if column.right else gap)
            yield Segment(text, styles[cell.style])
            gap = " " * _GAP + ("" if column.right else padding)
