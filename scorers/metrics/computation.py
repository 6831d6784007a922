"""What computes a metric: each kind says how its value and its interval are made of a corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from scorers.metrics import jackknife
from scorers.metrics.corpus import Corpus
from scorers.metrics.jackknife import Jackknifed
from scorers.metrics.statistic import Statistic
from scorers.metrics.tally import Section
from scorers.sample import Sample

Cases = Iterable[tuple[int, bool]]
"""The samples that a rate is about, by their numbers, and whether each counts."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number of its own, without an interval; None where it is undefined."""

    of: Callable[[Corpus], float | None]


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of samples. Its interval is Wilson's, clustered by prompt."""

    cases: Callable[[Corpus], Cases]

    def without_each(self, corpus: Corpus) -> Jackknifed | None:
        """The share without each sample."""
        hits, cases = [0.0] * len(corpus.samples), [0.0] * len(corpus.samples)
        for number, hit in self.cases(corpus):
            hits[number], cases[number] = float(hit), 1.0
        return jackknife.ratio(hits, cases)


@dataclass(frozen=True, slots=True)
class Behind:
    """How many samples add to a section of the tally."""

    section: Section


@dataclass(frozen=True, slots=True)
class Pooled:
    """A statistic of all samples together. Its interval comes from the bootstrap over prompts."""

    statistic: Statistic


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number that is estimated over all samples together, and has no interval."""

    of: Callable[[Corpus], float | None]


class Elsewhere(Enum):
    """Who measures what no scorer has a part in."""

    ENGINE = "engine"
    TRAINER = "trainer"


Computation = Count | Rate | Behind | Pooled | Estimate | Elsewhere


def rate_of(of: Callable[[Sample], bool | None]) -> Rate:
    """A rate that looks at each sample alone.

    Args:
        of: Whether a sample counts; None leaves it out.

    Returns:
        The share of those that count among those that are not left out.
    """

    def cases(corpus: Corpus) -> Cases:
        looked_at = ((number, of(sample)) for number, sample in enumerate(corpus.samples))
        return ((number, hit) for number, hit in looked_at if hit is not None)

    return Rate(cases)


def if_any(of: Callable[[Corpus], float]) -> Count:
    """A count that is undefined without samples.

    Args:
        of: The count of a corpus with at least one sample.

    Returns:
        What computes it.
    """
    return Count(lambda corpus: float(of(corpus)) if corpus.samples else None)
