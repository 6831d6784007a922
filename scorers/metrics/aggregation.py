"""From samples to the metrics of one evaluation: pure, over stored samples as well as fresh ones.

What computes each metric is declared in `catalog`. Rates count samples. Pooled statistics are functions of a sum over
prompts (see `tally`): the value is that of the whole sum, the interval comes from sums of prompts drawn again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from scorers.extraction import AnswerShape
from scorers.metrics.catalog import METRICS, WATCHED, computed_by
from scorers.metrics.computation import Behind, Count, Estimate, Pooled, Rate
from scorers.metrics.corpus import Corpus
from scorers.metrics.declarations import EXTRACTION
from scorers.metrics.jackknife import Jackknifed
from scorers.metrics.resampling import REPLICATES, bootstrap
from scorers.metrics.similarity import Similarity
from scorers.metrics.statistics import Interval, clustered_wilson
from scorers.metrics.tally import Tally
from scorers.sample import Sample

MetricValues = dict[str, float | None]

_COUNTS: Final = computed_by(Count)
_RATES: Final = computed_by(Rate)
_BEHIND: Final = computed_by(Behind)
_STATISTICS: Final = {name: pooled.statistic for name, pooled in computed_by(Pooled).items()}
_ESTIMATES: Final = computed_by(Estimate)
_SECTIONS: Final = (
    *(behind.section for behind in _BEHIND.values()),
    *(section for statistic in _STATISTICS.values() for section in statistic.sections),
)
_SHAPES: Final = frozenset(found.value for found in AnswerShape)


def aggregate(samples: Iterable[Sample], replicates: int = REPLICATES) -> MetricValues:
    """The metrics of a set of samples. Pure; the same samples have the same metrics, intervals included.

    Args:
        samples: The samples of one evaluation, fresh or stored.
        replicates: Of how many draws the bootstrap intervals are made; with 0 they are left undefined, and it takes a
            tenth of the time.

    Returns:
        Each metric that `METRICS` declares and samples tell by its full name, all names always present; None where it
        is undefined for these samples.

    >>> metrics = aggregate([])
    >>> metrics["eval/samples"], metrics["eval/syntax_validity_rate"], metrics["eval/color_entropy"]
    (0.0, None, None)
    """
    corpus = Corpus(tuple(samples))
    return {
        **{name: count.of(corpus) for name, count in _COUNTS.items()},
        **_unknown_shapes(corpus),
        **_rates(corpus),
        **_pooled(corpus, replicates),
        **{name: estimate.of(corpus) for name, estimate in _ESTIMATES.items()},
    }


def jackknifed(samples: Sequence[Sample], similarity: Similarity | None = None) -> dict[str, Jackknifed]:
    """What the early warnings compare, with its value without every single sample.

    Args:
        samples: The samples of one evaluation.
        similarity: How alike two shapes are, as in `Corpus`.

    Returns:
        The values of each `watched` metric by its name; what is undefined for so few samples is left out.

    >>> jackknifed([])
    {}
    """
    corpus = Corpus(samples, similarity)
    found = ((metric.name, metric.compared.without_each(corpus)) for metric in WATCHED)
    return {name: value for name, value in found if value is not None}


def _unknown_shapes(corpus: Corpus) -> MetricValues:
    """The shapes that only another version of uimon knows keep their names."""
    names = sorted(corpus.shapes.keys() - _SHAPES - {""})
    return {f"{EXTRACTION}{name}": float(corpus.shapes[name]) for name in names}


def _rates(corpus: Corpus) -> MetricValues:
    metrics: MetricValues = {}
    for name, computed in _RATES.items():
        clusters = _clusters((corpus.prompts[number], hit) for number, hit in computed.cases(corpus))
        n = sum(size for _, size in clusters)
        rate = sum(hits for hits, _ in clusters) / n if n else None
        metrics |= _with_interval(name, rate, clustered_wilson(clusters), n)
    return metrics


def _clusters(cases: Iterable[tuple[str, bool]]) -> list[tuple[int, int]]:
    """(successes, n) of each prompt."""
    n: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for prompt, hit in cases:
        n[prompt] += 1
        hits[prompt] += hit
    return [(hits[prompt], size) for prompt, size in n.items()]


def _pooled(corpus: Corpus, replicates: int) -> MetricValues:
    tally = Tally.of(corpus, _SECTIONS)
    of_sums = {name: statistic.over(tally) for name, statistic in _STATISTICS.items()}

    def statistics(sums: Sequence[float]) -> MetricValues:
        return {name: of(sums) for name, of in of_sums.items()}

    values, intervals = statistics(tally.total()), bootstrap(tally.units, statistics, replicates)
    metrics: MetricValues = {name: float(tally.behind[behind.section.name]) for name, behind in _BEHIND.items()}
    for name, statistic in _STATISTICS.items():
        n = tally.behind[statistic.behind.name]
        metrics |= _with_interval(name, values[name], intervals.get(name), n)
    return metrics


def _with_interval(name: str, value: float | None, interval: Interval | None, n: int) -> MetricValues:
    low, high = interval if interval and value is not None else (None, None)
    # A reflected interval may leave the range of what it is about.
    low = None if low is None else max(0.0, low)
    high = None if high is None else min(high, 1.0 if METRICS[name].unit == "0-1" else high)
    return {name: value, f"{name}_low": low, f"{name}_high": high, f"{name}_n": float(n)}
