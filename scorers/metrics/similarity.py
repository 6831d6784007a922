"""Do samples look alike?

Fingerprints find exact copies, 5-grams of tags pages with the same layout: two pages of one template with new words
share most of those and few words, so structure is compared, not text. On real pages the mean similarity of pairs lies
between 0.04 and 0.23; for one layout with other words it is 1.

A template whose leaves change from page to page shows in the pages that are *least* alike: all pages share some of it,
while of different pages many have next to nothing in common. A quarter of the leaves changed leaves each page 0.15 to
0.25 like the tenth of the pages that is least like it; different pages are 0.01 to 0.14 like those.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

GRAM = 5
WORD_GRAM = 4
SKETCH = 256
# Pairs grow with the square; 64 samples make 2,016 of them.
MAX_COMPARED = 64
# A page as much like another one as this has its layout: healthy pages are 0.10 to 0.34 like their nearest, those made
# from a template 1.
NEAR_DUPLICATE = 0.8
# The pages least like a page are this part of all others.
LEAST_ALIKE = 0.1
# As for the page itself: what lies beyond is a symptom of something else.
MAX_CHARACTERS = 2_000_000


T = TypeVar("T")
ShapeSketch = Sequence[int]
Similarity = Callable[[ShapeSketch, ShapeSketch], float]
SimilarityRows = Sequence[Mapping[int, float]]
"""For each page that was compared its similarity to the others, by their number among these."""
OfPage = Callable[[int, int | None], float | None]
"""A page's value when another page is left out; None where nothing is left to compare it with."""


@dataclass(frozen=True, slots=True)
class Similarities:
    """How alike the pages of different prompts are. `compared` are the numbers of the samples that were compared,
    `rows` their similarities, and `pages` says how many samples have a shape at all."""

    compared: tuple[int, ...]
    rows: SimilarityRows
    pages: int

    def each(self, way: Callable[[SimilarityRows], OfPage]) -> list[tuple[int, float]]:
        """For each page that has others to be compared with: the number of its sample, and its value."""
        of_page = way(self.rows)
        found = ((number, of_page(place, None)) for place, number in enumerate(self.compared))
        return [(number, value) for number, value in found if value is not None]


def average(rows: SimilarityRows) -> OfPage:
    """A page's mean similarity to the others."""
    totals = [sum(row.values()) for row in rows]

    def of_page(i: int, skipped: int | None) -> float | None:
        row = rows[i]
        if skipped is None or skipped not in row:
            return totals[i] / len(row) if row else None
        return (totals[i] - row[skipped]) / (len(row) - 1) if len(row) > 1 else None

    return of_page


def nearest(rows: SimilarityRows) -> OfPage:
    """A page's similarity to the one that is most like it."""
    # The two nearest are enough: at most one of them is left out.
    closest = [sorted(row.items(), key=lambda item: -item[1])[:2] for row in rows]

    def of_page(i: int, skipped: int | None) -> float | None:
        return next((value for j, value in closest[i] if j != skipped), None)

    return of_page


def floor(rows: SimilarityRows) -> OfPage:
    """The similarity below which the tenth of the other pages lies that is least like a page."""
    ordered = [sorted(row.values()) for row in rows]

    def of_page(i: int, skipped: int | None) -> float | None:
        values, gone = ordered[i], None if skipped is None else rows[i].get(skipped)
        if gone is None:
            return values[floor_place(len(values))] if values else None
        if len(values) < 2:
            return None
        place = floor_place(len(values) - 1)
        # Without a value that stands no higher, the next one takes the place.
        return values[place + 1] if gone <= values[place] else values[place]

    return of_page


def fingerprint(code: str) -> str:
    """Identifies code up to white space.

    >>> fingerprint("<p> a</p>\\n") == fingerprint("<p>\\ta</p>")
    True
    """
    return hashlib.blake2b(" ".join(code.split()).encode(), digest_size=8).hexdigest()


def shape(tags: Sequence[str]) -> tuple[int, ...]:
    """The smallest hashes of the 5-grams of a page's tags, in order; a shorter page is one gram."""
    following = (tags[start:] for start in range(GRAM))
    grams = set(map(" ".join, zip(*following, strict=False))) if len(tags) >= GRAM else {" ".join(tags)} - {""}
    return _smallest(set(map(zlib.crc32, map(str.encode, grams))))


def word_grams(code: str) -> tuple[int, tuple[int, ...]]:
    """The number of 4-grams of the code's words (what blanks separate), and the smallest hashes of the distinct ones.

    >>> word_grams("a b c d a b c d")[0], len(word_grams("a b c d a b c d")[1]), word_grams("a b c")
    (5, 4, (0, ()))
    """
    words = code[:MAX_CHARACTERS].encode().split()
    following = (words[start:] for start in range(WORD_GRAM))
    grams = set(map(b" ".join, zip(*following, strict=False)))
    return max(0, len(words) - WORD_GRAM + 1), _smallest(set(map(zlib.crc32, grams)))


def _smallest(hashes: set[int]) -> tuple[int, ...]:
    return tuple(sorted(hashes)[:SKETCH])


def distinct(sketches: Iterable[Sequence[int]]) -> float:
    """How many distinct grams several sketches stand for: exact below `SKETCH`, else estimated to some 6 % from the
    place of the last of the smallest hashes (Z. Bar-Yossef et al., Counting Distinct Elements, RANDOM 2002).

    >>> distinct([(1, 2), (2, 3)])
    3.0
    """
    union = sorted(set().union(*sketches))
    if len(union) < SKETCH:
        return float(len(union))
    return (SKETCH - 1) * 2**32 / union[SKETCH - 1]


def similarity(a: Sequence[int], b: Sequence[int]) -> float:
    """The Jaccard similarity of two shapes, 0 to 1: exact below `SKETCH` grams, else estimated from the smallest hashes
    of the union (a bottom-k sketch).

    >>> similarity((1, 2, 3), (2, 3, 4)), similarity((), ())
    (0.5, 0.0)
    """
    return _similarity(frozenset(a), frozenset(b))


def _similarity(left: frozenset[int], right: frozenset[int]) -> float:
    common = left & right
    size = len(left) + len(right) - len(common)
    if not common:
        return 0.0
    if size > SKETCH:
        last = sorted(left | right)[SKETCH - 1]
        return sum(value <= last for value in common) / SKETCH
    return len(common) / size


def similarities(
    shapes: Sequence[ShapeSketch], prompts: Sequence[str], compare: Similarity | None = None
) -> Similarities | None:
    """Compares the pages that have a shape, each with those of other prompts: answers to one prompt may be alike.

    None where there are no two such pages. Of more than `MAX_COMPARED` pages an evenly spaced part is compared.
    `compare` says how alike two shapes are, where `similarity` does not.

    >>> found = similarities([(1, 2), (1, 2), (3, 4)], ["a", "b", "c"])
    >>> found.each(average), found.each(nearest)
    ([(0, 0.5), (1, 0.5), (2, 0.0)], [(0, 1.0), (1, 1.0), (2, 0.0)])
    >>> similarities([(1, 2), (1, 2)], ["a", "a"])
    """
    shaped = [number for number, grams in enumerate(shapes) if grams]
    pages = len(shaped)
    compared = shaped if pages <= MAX_COMPARED else [shaped[i * pages // MAX_COMPARED] for i in range(MAX_COMPARED)]
    grams, asked = [shapes[number] for number in compared], [prompts[number] for number in compared]
    rows = _rows(grams, asked, compare) if compare else _rows(list(map(frozenset, grams)), asked, _similarity)
    return Similarities(tuple(compared), rows, pages) if any(rows) else None


def _rows(shapes: Sequence[T], prompts: Sequence[str], compare: Callable[[T, T], float]) -> SimilarityRows:
    rows: list[dict[int, float]] = [{} for _ in shapes]
    for i, (grams, prompt) in enumerate(zip(shapes, prompts, strict=True)):
        for j in range(i):
            if prompt != prompts[j]:
                rows[i][j] = rows[j][i] = compare(grams, shapes[j])
    return rows


def floor_place(others: int) -> int:
    """Which of a page's similarities to so many others, from the lowest on, is its floor.

    >>> floor_place(3), floor_place(15), floor_place(63)
    (0, 1, 6)
    """
    return int(others * LEAST_ALIKE)
