"""The few formulas that turn counts into metrics. Undefined is None, never 0; nothing here returns NaN."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

Z_95 = 1.959963984540054


def entropy(counts: Iterable[int]) -> float | None:
    """Shannon entropy in bits of a distribution given by counts; None for an empty one.

    >>> entropy([1, 1, 1, 1]), entropy([5]), entropy([])
    (2.0, 0.0, None)
    """
    return weighted_entropy([float(count) for count in counts])


def weighted_entropy(weights: Sequence[float]) -> float | None:
    """`entropy` of weights that need not be whole numbers."""
    total = sum(weights)
    if total <= 0:
        return None
    return abs(sum(w / total * math.log2(w / total) for w in weights if w > 0))


def wilson(successes: int, n: int) -> tuple[float, float] | None:
    """The 95 % score interval of a rate (E. B. Wilson, JASA 22, 1927); None for n = 0.

    Unlike the textbook interval it is right for rates near 0 and 1: nine of nine does not mean certainty.

    >>> [round(bound, 3) for bound in wilson(9, 9)]
    [0.701, 1.0]
    """
    if n == 0:
        return None
    rate, z2 = successes / n, Z_95**2
    center = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    return (max(0.0, center - half), min(1.0, center + half))


def rarefaction(occurrence: Mapping[str, int], n: int, draws: int) -> float | None:
    """The number of distinct things to expect in `draws` of `n` samples (S. H. Hurlbert, Ecology 52, 1971).

    `occurrence` says in how many of the samples each thing occurs. Counts of distinct things grow with the number of
    samples; this makes sets of different size comparable. None for fewer samples than draws.

    >>> rarefaction({"a": 3, "b": 1}, 3, 3), rarefaction({"a": 2}, 2, 1), rarefaction({}, 2, 3)
    (2.0, 1.0, None)
    """
    if n < draws:
        return None
    everything = math.comb(n, draws)
    return float(sum(1 - math.comb(n - k, draws) / everything for k in occurrence.values()))


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean; None for no values."""
    return sum(values) / len(values) if values else None
