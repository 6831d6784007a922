"""The kinds of statistics that are pooled over all samples, each a function of a sum over prompts (see `tally`).

A kind says of its statistic the value of a sum, which serves both the metric and its bootstrap interval; the section
whose samples stand `behind` it; and the value without each single sample, where early warnings may compare it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from scorers.metrics import jackknife, statistics
from scorers.metrics.corpus import DRAWS, Corpus
from scorers.metrics.jackknife import Jackknifed
from scorers.metrics.similarity import OfPage, SimilarityRows
from scorers.metrics.tally import Section, Tally, by_sample

OfSums = Callable[[Sequence[float]], float | None]
"""A statistic of the sum of units; the scale of the sum does not matter."""


class Statistic(Protocol):
    """A pooled statistic."""

    @property
    def sections(self) -> tuple[Section, ...]:
        """All that it is made of."""
        ...

    @property
    def behind(self) -> Section:
        """Whose samples it says something of."""
        ...

    def over(self, tally: Tally) -> OfSums:
        """Its function of the sums in this tally."""
        ...


@runtime_checkable
class LeaveOneOut(Protocol):
    """What can be said without each single sample."""

    def without_each(self, corpus: Corpus) -> Jackknifed | None:
        """The value, and what it is without each sample; None where it is undefined for so few of them."""
        ...


@dataclass(frozen=True, slots=True)
class Entropy:
    """The diversity of a section's keys, in bits."""

    behind: Section

    @property
    def sections(self) -> tuple[Section, ...]:
        """The one."""
        return (self.behind,)

    def over(self, tally: Tally) -> OfSums:
        """See `Statistic`."""
        span, entropy = tally.spans[self.behind.name], statistics.entropy
        return lambda sums: entropy(sums[span])

    def without_each(self, corpus: Corpus) -> Jackknifed | None:
        """The entropy without each sample."""
        return jackknife.entropy(by_sample(self.behind, corpus))


@dataclass(frozen=True, slots=True)
class Ratio:
    """One sum divided by another: that of the `part`'s key by the one of `behind`."""

    part: Section
    behind: Section
    key: str = ""

    @property
    def sections(self) -> tuple[Section, ...]:
        """Both."""
        return (self.part, self.behind)

    def over(self, tally: Tally) -> OfSums:
        """See `Statistic`."""
        part, whole = tally.places[self.part.name, self.key], tally.places[self.behind.name, ""]
        return lambda sums: sums[part] / n if (n := sums[whole]) else None

    def without_each(self, corpus: Corpus) -> Jackknifed | None:
        """The ratio without each sample."""
        parts = [page.get(self.key, 0.0) for page in by_sample(self.part, corpus)]
        return jackknife.ratio(parts, [page.get("", 0.0) for page in by_sample(self.behind, corpus)])


@dataclass(frozen=True, slots=True)
class Largest:
    """The largest of a section's sums, divided by the one of `behind`."""

    of: Section
    behind: Section

    @property
    def sections(self) -> tuple[Section, ...]:
        """Both."""
        return (self.of, self.behind)

    def over(self, tally: Tally) -> OfSums:
        """See `Statistic`."""
        span, whole = tally.spans[self.of.name], tally.places[self.behind.name, ""]
        return lambda sums: max(sums[span]) / n if (n := sums[whole]) else None


def _moved(ratio: Ratio, tally: Tally, value: float | None, order: int) -> OfSums:
    """A mean over all groups of `order` samples, moved as far as the samples' own means move it.

    This is the first term of the statistic's expansion (W. Hoeffding, Annals of Mathematical Statistics 19, 1948). To
    compute it anew from drawn samples would compare copies of a sample with each other.
    """
    if value is None:
        return lambda _: None
    part, whole = tally.places[ratio.part.name, ratio.key], tally.places[ratio.behind.name, ""]
    return lambda sums: max(0.0, value + order * (sums[part] / n - value)) if (n := sums[whole]) else None


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


@dataclass(frozen=True, slots=True)
class Expected:
    """The distinct utilities to expect in a few samples (`Corpus.rarefied`)."""

    part: Section
    behind: Section

    @property
    def sections(self) -> tuple[Section, ...]:
        """Both."""
        return (self.part, self.behind)

    def over(self, tally: Tally) -> OfSums:
        """See `Statistic`."""
        found = tally.corpus.rarefied
        value = _mean(found.with_each()) if found else None
        return _moved(Ratio(self.part, self.behind), tally, value, DRAWS)

    def without_each(self, corpus: Corpus) -> Jackknifed | None:
        """What to expect without each sample."""
        return jackknife.rarefaction(corpus.rarefied, sum(1 for sample in corpus.samples if sample.classes))


@dataclass(frozen=True, slots=True)
class MeanSimilarity:
    """How alike pages are, in one `way`: a mean over the pages that were compared. With `pairs` a page's own value is a
    mean over the pairs that it is in."""

    way: Callable[[SimilarityRows], OfPage]
    part: Section
    behind: Section
    pairs: bool = False

    @property
    def sections(self) -> tuple[Section, ...]:
        """Both."""
        return (self.part, self.behind)

    def over(self, tally: Tally) -> OfSums:
        """See `Statistic`."""
        mean = Ratio(self.part, self.behind)
        if not self.pairs:
            return mean.over(tally)
        similarities = tally.corpus.similarities
        found = similarities.each(self.way) if similarities else []
        return _moved(mean, tally, _mean([value for _, value in found]), 2)

    def without_each(self, corpus: Corpus) -> Jackknifed | None:
        """The mean without each page."""
        return jackknife.similarities(corpus.similarities, self.way, len(corpus.samples))
