"""What the rules compare between checkpoints: statistics pooled over the pages of one evaluation, each with its value
without every single page, which is all that a paired test needs to know of the pages.

The values are those that `scorers.aggregate` gives for the same samples.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from scorers.diversity import MAX_COMPARED, similarity
from scorers.palette import BLUE_PURPLE, family, hue_bin
from scorers.sample import Sample
from scorers.tally import DRAWS, MIN_TOKENS
from watcher.alerts.statistics import Jackknifed

Shape = Sequence[int]
Similarity = Callable[[Shape, Shape], float]


class Measure(StrEnum):
    """A pooled statistic; the value is the metric's name."""

    COLOR_ENTROPY = "eval/color_entropy"
    HUE_ENTROPY = "eval/hue_entropy"
    BLUE_PURPLE = "eval/blue_purple_share"
    CLASSES = "eval/unique_tailwind_classes_3"
    LIKENESS = "eval/structure_similarity"
    NEAREST = "eval/structure_nearest"


def measure(samples: Sequence[Sample], alike: Similarity = similarity) -> dict[Measure, Jackknifed]:
    """All that can be measured of these samples; what is undefined for so few pages is left out."""
    families = [_families(sample) for sample in samples]
    hues = [_hues(sample) for sample in samples]
    pairs, nearest = _likeness(samples, alike)
    found = {
        Measure.COLOR_ENTROPY: _entropy(families),
        Measure.HUE_ENTROPY: _entropy(hues),
        Measure.BLUE_PURPLE: _mean([hue.get(BLUE_PURPLE, 0.0) if hue else None for hue in hues]),
        Measure.CLASSES: _rarefied([frozenset(name for name, _ in sample.classes) for sample in samples]),
        Measure.LIKENESS: pairs,
        Measure.NEAREST: nearest,
    }
    return {name: value for name, value in found.items() if value is not None}


def _families(sample: Sample) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for token, count in sample.colors:
        counts[family(token)] += count
    return {name: float(count) for name, count in counts.items()}


def _hues(sample: Sample) -> dict[str, float]:
    """The shares of the hues of one page, as every page weighs the same; empty where it has too few colors."""
    counts: Counter[str] = Counter()
    if sample.num_colors >= MIN_TOKENS:
        for token, count in sample.colors:
            if hue := hue_bin(token):
                counts[hue] += count
    total = counts.total()
    return {hue: count / total for hue, count in counts.items()}


def _entropy(pages: Sequence[Mapping[str, float]]) -> Jackknifed | None:
    """The entropy, in bits, of the pages' weights together: log2 W - (sum of w log2 w) / W."""
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
        return max(0.0, math.log2(left) - (information - change) / left) if left > 1e-9 else 0.0

    value = rest({})
    return Jackknifed(value, array("d", (rest(page) if page else value for page in pages)), counted)


def _w_log_w(weight: float) -> float:
    # Differences of sums leave crumbs where nothing is left.
    return weight * math.log2(weight) if weight > 1e-9 else 0.0


def _mean(values: Sequence[float | None]) -> Jackknifed | None:
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    total, n = sum(known), len(known)
    without = array("d", (total / n if value is None else (total - value) / (n - 1) for value in values))
    return Jackknifed(total / n, without, n)


def _rarefied(pages: Sequence[frozenset[str]]) -> Jackknifed | None:
    """Distinct classes to expect in three samples (`scorers.statistics.rarefaction`)."""
    n = len(pages)
    if n <= DRAWS:
        return None
    occurrence = Counter(name for page in pages for name in page)
    seen_all = [1 - math.comb(n - k, DRAWS) / math.comb(n, DRAWS) for k in range(n + 1)]
    seen = [1 - math.comb(n - 1 - k, DRAWS) / math.comb(n - 1, DRAWS) for k in range(n)] + [1.0]
    value = sum(seen_all[k] for k in occurrence.values())
    rest = sum(seen[k] for k in occurrence.values())
    dropped = (sum(seen[k] - seen[k - 1] for k in map(occurrence.__getitem__, page)) for page in pages)
    without = array("d", (rest - fall for fall in dropped))
    return Jackknifed(value, without, sum(1 for page in pages if page))


def _likeness(samples: Sequence[Sample], alike: Similarity) -> tuple[Jackknifed | None, Jackknifed | None]:
    """The mean likeness of all pairs of pages, and of each page to its nearest other page."""
    places = [i for i, sample in enumerate(samples) if sample.shape]
    pages = len(places)
    if pages > MAX_COMPARED:
        places = [places[i * pages // MAX_COMPARED] for i in range(MAX_COMPARED)]
    n = len(places)
    if n < 3:
        return None, None
    rows: list[list[float]] = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i):
            rows[i][j] = rows[j][i] = alike(samples[places[i]].shape, samples[places[j]].shape)
    pairs, nearest = _pairs(rows), _nearest(rows)
    return _spread(pairs, places, len(samples), pages), _spread(nearest, places, len(samples), pages)


def _pairs(rows: Sequence[Sequence[float]]) -> list[float]:
    """The mean over all pairs, then the same without each page."""
    n = len(rows)
    of_page = [sum(row) for row in rows]
    total = sum(of_page) / 2
    return [total / (n * (n - 1) / 2), *((total - own) / ((n - 1) * (n - 2) / 2) for own in of_page)]


def _nearest(rows: Sequence[Sequence[float]]) -> list[float]:
    """The mean over pages of the likeness to the nearest other, then the same without each page."""
    n = len(rows)
    best, second = [], []
    for i, row in enumerate(rows):
        others = [*row[:i], -1.0, *row[i + 1 :]]
        value = max(others)
        nearest = others.index(value)
        others[nearest] = -1.0
        best.append((value, nearest))
        second.append(max(others))
    total = sum(value for value, _ in best)
    losses = [0.0] * n
    for i, (value, j) in enumerate(best):
        losses[j] += value - second[i]
    return [total / n, *((total - best[i][0] - losses[i]) / (n - 1) for i in range(n))]


def _spread(values: Sequence[float], places: Sequence[int], n: int, pages: int) -> Jackknifed:
    """Values of the compared pages, put in the places of all samples."""
    without = [values[0]] * n
    for place, value in zip(places, values[1:], strict=True):
        without[place] = value
    return Jackknifed(values[0], array("d", without), pages)
