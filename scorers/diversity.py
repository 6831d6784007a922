"""Do samples look alike? Fingerprints for exact copies, 5-grams of tags for pages with the same layout.

Two pages of one template with new words share most 5-grams of their tag sequences and few words, so structure is
compared, not text. On real pages the mean similarity of pairs lies between 0.06 and 0.16; for one layout with other
words it is 1.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

GRAM = 5
SKETCH = 256
# Pairs grow with the square; 64 samples make 2,016 of them.
MAX_COMPARED = 64


def fingerprint(code: str) -> str:
    """Identifies code up to white space.

    >>> fingerprint("<p> a</p>\\n") == fingerprint("<p>\\ta</p>")
    True
    """
    return hashlib.blake2b(" ".join(code.split()).encode(), digest_size=8).hexdigest()


def shape(tags: Sequence[str]) -> tuple[int, ...]:
    """The smallest hashes of the 5-grams of a page's tags, in order; a shorter page is one gram."""
    grams = {" ".join(tags[i : i + GRAM]) for i in range(max(1, len(tags) - GRAM + 1))} if tags else set()
    return tuple(sorted({zlib.crc32(gram.encode()) for gram in grams})[:SKETCH])


def similarity(a: Sequence[int], b: Sequence[int]) -> float:
    """The Jaccard similarity of two shapes, 0 to 1: exact below `SKETCH` grams, else estimated from the smallest hashes
    of the union (a bottom-k sketch).

    >>> similarity((1, 2, 3), (2, 3, 4)), similarity((), ())
    (0.5, 0.0)
    """
    left, right = frozenset(a), frozenset(b)
    union = left | right
    if not union:
        return 0.0
    if len(union) > SKETCH:
        union = frozenset(sorted(union)[:SKETCH])
    return len(union & left & right) / len(union)


def structure_similarity(shapes: Sequence[Sequence[int]]) -> tuple[float, float] | None:
    """Over pages with a shape: the mean similarity of all pairs, and the mean similarity to the nearest other page.

    None for fewer than two pages. Of more than `MAX_COMPARED` pages an evenly spaced part is compared.

    >>> structure_similarity([(1, 2), (1, 2), (3, 4)])
    (0.3333333333333333, 0.6666666666666666)
    """
    pages = [page for page in shapes if page]
    if len(pages) > MAX_COMPARED:
        pages = [pages[i * len(pages) // MAX_COMPARED] for i in range(MAX_COMPARED)]
    if len(pages) < 2:
        return None
    nearest = [0.0] * len(pages)
    total = 0.0
    for i, page in enumerate(pages):
        for j in range(i):
            value = similarity(page, pages[j])
            total += value
            nearest[i], nearest[j] = max(nearest[i], value), max(nearest[j], value)
    return total / (len(pages) * (len(pages) - 1) / 2), sum(nearest) / len(nearest)
