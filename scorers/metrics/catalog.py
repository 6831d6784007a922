"""The declared metrics by what is asked of them: by name, by what computes them, by who shows or compares them.

A metric with an interval has three companions: `…_low` and `…_high`, the ends of its 95 % interval, and `…_n`, the
number of samples that it says something of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

from scorers.metrics.computation import Elsewhere, Pooled, Rate
from scorers.metrics.declarations import DECLARED
from scorers.metrics.metric import Metric

T = TypeVar("T")


def by_name(declared: Iterable[Metric]) -> Mapping[str, Metric]:
    """The metrics and their companions by name. Raises ValueError where two have one name."""
    found: dict[str, Metric] = {}
    for metric in (each for one in declared for each in one.with_companions()):
        if found.setdefault(metric.name, metric) is not metric:
            raise ValueError(f"two metrics are called {metric.name!r}")
    return MappingProxyType(found)


def in_place(declared: Sequence[Metric]) -> tuple[Metric, ...]:
    """The metrics in the order of JSON documents: those with intervals by their places, behind all others.

    Raises ValueError where the places of those with intervals are not 1, 2, 3, …, each once, or another metric has one.
    Whoever reads a document's keys by their place would take one metric for another.
    """
    others = [metric for metric in declared if not metric.has_interval]
    placed = sorted((metric for metric in declared if metric.has_interval), key=lambda metric: metric.place)
    due = [*(0 for _ in others), *range(1, len(placed) + 1)]
    for metric, place in zip((*others, *placed), due, strict=True):
        if metric.place != place:
            free = min({*due} - {metric.place for metric in placed}, default=0)
            raise ValueError(f"{metric.name!r} has the place {metric.place} where {place} is due; {free} is free")
    return (*others, *placed)


METRICS: Final = by_name(DECLARED)
WATCHED: Final = tuple(metric for metric in DECLARED if metric.watched)
"""What the early warnings compare between checkpoints."""
HEADLINES: Final = tuple(
    sorted(
        (metric for metric in DECLARED if metric.headline), key=lambda metric: isinstance(metric.computed, Elsewhere)
    )
)
"""The few metrics that have to do where there is no room for all: what is scored, then what the engine measures."""
_IN_PLACE: Final = in_place(DECLARED)


def computed_by(kind: type[T]) -> dict[str, T]:
    """The metrics that one kind computes, by name, with their computations, in the order of JSON documents.

    >>> from scorers.metrics.computation import Behind
    >>> list(computed_by(Behind))
    ['eval/hue_samples']
    """
    return {metric.name: metric.computed for metric in _IN_PLACE if isinstance(metric.computed, kind)}


RATES: Final = tuple(computed_by(Rate))
"""Shares of samples: their intervals are Wilson's, clustered by prompt."""
POOLED: Final = tuple(computed_by(Pooled))
"""Statistics of all samples together: their intervals come from the bootstrap."""
