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

from scorers.css.palette import BLUE_PURPLE, family
from scorers.measures.hues import hue_known, hues_of
from scorers.metrics.likeness import MAX_COMPARED, floor_place, similarity
from scorers.metrics.tally import DRAWS, MIN_TOKENS
from scorers.sample import DARK, Sample
from watcher.alerts.statistics import Jackknifed

Shape = Sequence[int]
Similarity = Callable[[Shape, Shape], float]
Rows = Sequence[Mapping[int, float]]
"""For each page its likeness to others, by their number."""
OfPage = Callable[[int, int | None], float | None]
"""A page's value when another page is left out; None where nothing is left to compare it with."""


class Measure(StrEnum):
    """A pooled statistic; the value is the metric's name."""

    COLOR_ENTROPY = "eval/color_entropy"
    HUE_ENTROPY = "eval/hue_entropy"
    BLUE_PURPLE = "eval/blue_purple_share"
    CLASSES = "eval/unique_tailwind_classes_3"
    HUELESS = "eval/hueless_share"
    DARK = "eval/lightness_dark_share"
    LIKENESS = "eval/structure_similarity"
    NEAREST = "eval/structure_nearest"
    FLOOR = "eval/structure_floor"


def measure(samples: Sequence[Sample], alike: Similarity = similarity) -> dict[Measure, Jackknifed]:
    """All that can be measured of these samples; what is undefined for so few pages is left out."""
    families = [_families(sample) for sample in samples]
    hues = [_hues(sample) for sample in samples]
    found = {
        Measure.COLOR_ENTROPY: _entropy(families),
        Measure.HUE_ENTROPY: _entropy(hues),
        Measure.BLUE_PURPLE: _mean([hue.get(BLUE_PURPLE, 0.0) if hue else None for hue in hues]),
        Measure.HUELESS: _mean([float(not hues_of(s)) if hue_known(s) else None for s in samples]),
        Measure.DARK: _mean([float(s.lightness == DARK) if s.lightness else None for s in samples]),
        Measure.CLASSES: _rarefied([frozenset(name for name, _ in sample.classes) for sample in samples]),
        **_likeness(samples, alike),
    }
    return {name: value for name, value in found.items() if value is not None}


def _families(sample: Sample) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for token, count in sample.colors:
        counts[family(token)] += count
    return {name: float(count) for name, count in counts.items()}


def _hues(sample: Sample) -> dict[str, float]:
    """The shares of the hues of one page, as every page weighs the same; empty where it has too few colors."""
    counts = hues_of(sample) if sample.num_colors >= MIN_TOKENS else Counter[str]()
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
    """Distinct classes to expect in three samples (`scorers.metrics.statistics.rarefaction`)."""
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


def _likeness(samples: Sequence[Sample], alike: Similarity) -> dict[Measure, Jackknifed]:
    """How much a page is like those of other prompts on average, like the nearest, and like the tenth that is least
    like it: means over pages."""
    places = [i for i, sample in enumerate(samples) if sample.shape]
    pages = len(places)
    if pages > MAX_COMPARED:
        places = [places[i * pages // MAX_COMPARED] for i in range(MAX_COMPARED)]
    rows: list[dict[int, float]] = [{} for _ in places]
    for i, page in enumerate(samples[place] for place in places):
        for j, other in enumerate(samples[place] for place in places[:i]):
            # Answers to one prompt may be alike.
            if not page.prompt or page.prompt != other.prompt:
                rows[i][j] = rows[j][i] = alike(page.shape, other.shape)
    if pages < 3 or not any(rows):
        return {}
    ways = {Measure.LIKENESS: _average(rows), Measure.NEAREST: _nearest(rows), Measure.FLOOR: _floor(rows)}
    return {
        name: _spread(_leaving_out(of_page, len(rows)), places, len(samples), pages) for name, of_page in ways.items()
    }


def _average(rows: Rows) -> OfPage:
    totals = [sum(row.values()) for row in rows]

    def of_page(i: int, skipped: int | None) -> float | None:
        row = rows[i]
        if skipped is None or skipped not in row:
            return totals[i] / len(row) if row else None
        return (totals[i] - row[skipped]) / (len(row) - 1) if len(row) > 1 else None

    return of_page


def _nearest(rows: Rows) -> OfPage:
    # The two nearest are enough: at most one of them is left out.
    closest = [sorted(row.items(), key=lambda item: -item[1])[:2] for row in rows]

    def of_page(i: int, skipped: int | None) -> float | None:
        return next((value for j, value in closest[i] if j != skipped), None)

    return of_page


def _floor(rows: Rows) -> OfPage:
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


def _leaving_out(of_page: OfPage, n: int) -> list[float]:
    """The mean over `n` pages, then the same without each page."""
    means: list[float] = []
    for skipped in (None, *range(n)):
        found = (of_page(i, skipped) for i in range(n) if i != skipped)
        values = [value for value in found if value is not None]
        means.append(sum(values) / len(values) if values else means[0])
    return means


def _spread(values: Sequence[float], places: Sequence[int], n: int, pages: int) -> Jackknifed:
    """Values of the compared pages, put in the places of all samples."""
    without = [values[0]] * n
    for place, value in zip(places, values[1:], strict=True):
        without[place] = value
    return Jackknifed(values[0], array("d", without), pages)
