"""Statistics without each single sample, in closed form: all that a paired test between two evaluations needs to know
of their samples.

Each is the statistic of the same name in `statistic`, computed for every sample left out in the time of one.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scorers.metrics.similarity import OfPage, Similarities, SimilarityRows
from scorers.metrics.statistics import Rarefied

# Differences of sums leave crumbs where nothing is left.
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Jackknifed:
    """A statistic over an evaluation's samples: its `value`, what it is `without` each single sample, in the order of
    the samples (plain doubles where many are kept), and from how many `pages` it comes (samples that have what is
    measured).
    """

    value: float
    without: Sequence[float]
    pages: int


def ratio(parts: Sequence[float], wholes: Sequence[float]) -> Jackknifed | None:
    """A sum over samples, divided by another one; None where fewer than two samples have a whole.

    >>> ratio([1, 0, 0], [1, 1, 0])
    Jackknifed(value=0.5, without=array('d', [0.0, 1.0, 0.5]), pages=2)
    """
    counted = sum(1 for whole in wholes if whole)
    if counted < 2:
        return None
    part, whole = sum(parts), sum(wholes)
    value = part / whole
    without = (
        (part - own_part) / (whole - own_whole) if own_whole else value
        for own_part, own_whole in zip(parts, wholes, strict=True)
    )
    return Jackknifed(value, array("d", without), counted)


def entropy(pages: Sequence[Mapping[str, float]]) -> Jackknifed | None:
    """The entropy, in bits, of the pages' weights together: log2 W - (sum of w log2 w) / W. None for fewer than two
    pages that have any."""
    pooled: dict[str, float] = {}
    for page in pages:
        for name, weight in page.items():
            pooled[name] = pooled.get(name, 0.0) + weight
    counted = sum(1 for page in pages if page)
    if counted < 2:
        return None
    total, information = sum(pooled.values()), sum(map(_w_log_w, pooled.values()))

    def rest(page: Mapping[str, float]) -> float:
        left = total - sum(page.values())
        change = sum(_w_log_w(pooled[name]) - _w_log_w(pooled[name] - weight) for name, weight in page.items())
        return max(0.0, math.log2(left) - (information - change) / left) if left > _NOTHING else 0.0

    value = rest({})
    return Jackknifed(value, array("d", (rest(page) if page else value for page in pages)), counted)


def _w_log_w(weight: float) -> float:
    return weight * math.log2(weight) if weight > _NOTHING else 0.0


def rarefaction(found: Rarefied | None, pages: int) -> Jackknifed | None:
    """The things to expect in some samples; None where no sample can be left out."""
    if found is None or len(found.without) <= found.draws:
        return None
    return Jackknifed(found.value, array("d", found.without), pages)


def similarities(found: Similarities | None, way: Callable[[SimilarityRows], OfPage], n: int) -> Jackknifed | None:
    """The mean over the compared of `n` samples of how alike others are to each; None for fewer than three pages."""
    if found is None or found.pages < 3:
        return None
    value, *values = _leaving_out(way(found.rows), len(found.rows))
    without = array("d", [value]) * n
    for number, rest in zip(found.compared, values, strict=True):
        without[number] = rest
    return Jackknifed(value, without, found.pages)


def _leaving_out(of_page: OfPage, n: int) -> list[float]:
    """The mean over `n` pages, then the same without each page."""
    means: list[float] = []
    for skipped in (None, *range(n)):
        found = (of_page(i, skipped) for i in range(n) if i != skipped)
        values = [value for value in found if value is not None]
        means.append(sum(values) / len(values) if values else means[0])
    return means
