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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GRAM = 5
WORD_GRAM = 4
SKETCH = 256
# Pairs grow with the square; 64 samples make 2,016 of them.
MAX_COMPARED = 64
# A page as much like another one as this has its layout: healthy pages are 0.10 to 0.34 like their nearest, those made
# from a template 1.
ALIKE = 0.8
# The pages least like a page are this part of all others.
LEAST_ALIKE = 0.1
# As for the page itself: what lies beyond is a symptom of something else.
MAX_CHARACTERS = 2_000_000


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike the pages of different prompts are. For each page compared: the prompt, the mean similarity to the
    others, that to the nearest, and that below which the tenth of the others lies that is least like it."""

    prompts: tuple[str, ...]
    means: tuple[float, ...]
    nearest: tuple[float, ...]
    floors: tuple[float, ...]


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


def likeness(shapes: Sequence[Sequence[int]], prompts: Sequence[str]) -> Likeness | None:
    """Compares the pages that have a shape, each with those of other prompts: answers to one prompt may be alike.

    None where there are no two such pages. Of more than `MAX_COMPARED` pages an evenly spaced part is compared.

    >>> found = likeness([(1, 2), (1, 2), (3, 4)], ["a", "b", "c"])
    >>> found.means, found.nearest, found.floors
    ((0.5, 0.5, 0.0), (1.0, 1.0, 0.0), (0.0, 0.0, 0.0))
    >>> likeness([(1, 2), (1, 2)], ["a", "a"])
    """
    pages = [(prompt, frozenset(grams)) for prompt, grams in zip(prompts, shapes, strict=True) if grams]
    if len(pages) > MAX_COMPARED:
        pages = [pages[i * len(pages) // MAX_COMPARED] for i in range(MAX_COMPARED)]
    found: list[list[float]] = [[] for _ in pages]
    for i, (prompt, grams) in enumerate(pages):
        for j, (other, others) in enumerate(pages[:i]):
            if prompt != other:
                value = _similarity(grams, others)
                found[i].append(value)
                found[j].append(value)
    compared = [(page[0], values) for page, values in zip(pages, found, strict=True) if values]
    if not compared:
        return None
    return Likeness(
        tuple(prompt for prompt, _ in compared),
        tuple(sum(values) / len(values) for _, values in compared),
        tuple(max(values) for _, values in compared),
        tuple(sorted(values)[floor_place(len(values))] for _, values in compared),
    )


def floor_place(others: int) -> int:
    """Which of a page's similarities to so many others, from the lowest on, is its floor.

    >>> floor_place(3), floor_place(15), floor_place(63)
    (0, 1, 6)
    """
    return int(others * LEAST_ALIKE)
