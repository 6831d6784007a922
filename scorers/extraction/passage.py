"""A stretch of a completion, maybe decoded, that knows where its characters came from."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from scorers.source import OffsetMap

# A page has hundreds of lines. Beyond this, positions in decoded code are those of the last piece, and the memory that
# hostile text takes stays small.
MAX_PIECES = 50_000
# Characters without a width, and marks of direction: at an edge of code they are no code.
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\u00a0\u202a\u202c\x00"
BLANK = " \t\n\f\v" + INVISIBLE
_INVISIBLE = re.compile(f"[{INVISIBLE}]")

_AS_IT_IS = OffsetMap()


@dataclass(frozen=True, slots=True)
class Passage:
    """`text`, and where it stands in the completion. `open` says that it runs to the end of the completion without
    an end of its own, so that a token limit may have cut it."""

    text: str
    places: OffsetMap = _AS_IT_IS
    open: bool = False

    def part(self, start: int, end: int | None = None) -> Passage:
        """The text between two offsets.

        >>> passage = Passage("abcdef", OffsetMap(((0, 10), (3, 20))), open=True)
        >>> part = passage.part(2, 5); part.text, part.places.pieces, part.open
        ('cde', ((0, 12), (1, 20)), False)
        """
        end = len(self.text) if end is None else end
        if start == 0 and end == len(self.text):
            return self
        return Passage(self.text[start:end], self._places(start, end), self.open and end == len(self.text))

    def _places(self, start: int, end: int) -> OffsetMap:
        pieces = self.places.pieces
        if len(pieces) == 1:
            return OffsetMap.at(self.places(start))
        first = bisect_right(pieces, (start, float("inf")))
        last = bisect_right(pieces, (end, -1))
        later = ((code - start, text) for code, text in pieces[first:last])
        return OffsetMap(((0, self.places(start)), *later))

    def closed(self) -> Passage:
        """The same text with an end of its own."""
        return Passage(self.text, self.places, open=False) if self.open else self

    def trimmed(self, characters: str = BLANK) -> Passage:
        """The text without blanks and invisible characters at its edges."""
        start = len(self.text) - len(self.text.lstrip(characters))
        stop = max(start, len(self.text.rstrip(characters)))
        trimmed = self.part(start, stop)
        return Passage(trimmed.text, trimmed.places, self.open)

    def bare(self) -> Passage:
        """The text without invisible characters at its edges and what is beyond them; blanks alone stay."""
        text = self.text
        head, tail = text[: len(text) - len(text.lstrip(BLANK))], text[len(text.rstrip(BLANK)) :]
        if not _INVISIBLE.search(head) and not _INVISIBLE.search(tail):
            return self
        start = max((match.end() for match in _INVISIBLE.finditer(head)), default=0)
        first = _INVISIBLE.search(tail)
        stop = len(text) - len(tail) + first.start() if first else len(text)
        part = self.part(start, max(start, stop))
        return Passage(part.text, part.places, self.open)

    def replaced(self, pattern: re.Pattern[str], with_what: Callable[[re.Match[str]], str]) -> Passage:
        """The text with every match replaced, as `re.sub` does it."""
        return self.joined(_replacements(self.text, pattern, with_what))

    def without(self, spans: Iterable[tuple[int, int]]) -> Passage:
        """The text without some spans, which are in order."""
        return self.joined(_kept(len(self.text), spans, self.text))

    def joined(self, parts: Iterable[tuple[int, str]]) -> Passage:
        """The text made of (offset in this text, what stands there) in order."""
        texts: list[str] = []
        pieces: list[tuple[int, int]] = []
        length = 0
        for offset, text in parts:
            if text and len(pieces) < MAX_PIECES:
                pieces.append((length, self.places(offset)))
            texts.append(text)
            length += len(text)
        return Passage("".join(texts), OffsetMap(tuple(pieces) or ((0, self.places(0)),)), self.open)


def _replacements(
    text: str, pattern: re.Pattern[str], with_what: Callable[[re.Match[str]], str]
) -> Iterator[tuple[int, str]]:
    position = 0
    for match in pattern.finditer(text):
        if match.start() > position or position == 0:
            yield position, text[position : match.start()]
        yield match.start(), with_what(match)
        position = match.end()
    yield position, text[position:]


def _kept(length: int, spans: Iterable[tuple[int, int]], text: str) -> Iterator[tuple[int, str]]:
    position = 0
    for start, end in spans:
        yield position, text[position:start]
        position = max(position, end)
    if position < length:
        yield position, text[position:]
