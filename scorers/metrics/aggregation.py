"""From samples to the metrics of one evaluation: pure, over stored samples as well as fresh ones.

Rates count samples. Pooled statistics are functions of a sum over prompts (see `tally`): the value is that of the
whole sum, the interval comes from sums of prompts drawn again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from scorers.extraction import Found
from scorers.measures.hues import hue_known, hues_of
from scorers.metrics.catalog import EXTRACTION, METRICS, POOLED, RATES
from scorers.metrics.likeness import ALIKE, Likeness, distinct, likeness
from scorers.metrics.resampling import REPLICATES, bootstrap
from scorers.metrics.statistics import Interval, clustered_wilson
from scorers.metrics.tally import Tally
from scorers.sample import DARK, Outcome, Sample

Metrics = dict[str, float | None]


def aggregate(samples: Iterable[Sample], replicates: int = REPLICATES) -> Metrics:
    """The metrics of a set of samples by their full names, all names always present; None where undefined.

    The bootstrap intervals are made of so many `replicates`; with 0 they are left undefined, and it takes a tenth of
    the time.

    >>> metrics = aggregate([])
    >>> metrics["eval/samples"], metrics["eval/syntax_validity_rate"], metrics["eval/color_entropy"]
    (0.0, None, None)
    """
    everything = tuple(samples)
    prompts = [sample.prompt or f"#{number}" for number, sample in enumerate(everything)]
    alike = likeness([sample.shape for sample in everything], prompts)
    return {
        **_counts(everything, prompts),
        **_rates(everything, prompts, alike),
        **_pooled(Tally.of(everything, prompts, alike), replicates),
        "eval/distinct_4": _distinct_4(everything),
    }


def _counts(samples: Sequence[Sample], prompts: Sequence[str]) -> Metrics:
    outcomes = Counter(sample.outcome for sample in samples)
    return {
        "eval/samples": float(len(samples)),
        "eval/prompts": float(len(set(prompts))),
        **{f"eval/outcome_{outcome.value}": float(outcomes[outcome]) for outcome in Outcome},
        **_shapes(samples),
        "eval/soft_issues": float(sum(sample.soft_issues for sample in samples)),
        "eval/total_colors_used": _if_any(samples, sum(sample.num_colors for sample in samples)),
        "eval/distinct_colors": _if_any(samples, len({name for s in samples for name, _ in s.colors})),
        "eval/unique_tailwind_classes": _if_any(samples, len({name for s in samples for name, _ in s.classes})),
    }


def _shapes(samples: Sequence[Sample]) -> Metrics:
    """How many answers came in each shape. A shape that only another version of uimon knows keeps its name."""
    # Blank answers were stored without one.
    found = Counter(s.extraction or (Found.EMPTY.value if s.outcome is Outcome.EMPTY else "") for s in samples)
    names = (*(shape.value for shape in Found), *sorted(filter(None, found)))
    return {f"{EXTRACTION}{name}": float(found[name]) for name in names}


def _if_any(samples: Sequence[Sample], count: int) -> float | None:
    return float(count) if samples else None


def _rates(samples: Sequence[Sample], prompts: Sequence[str], alike: Likeness | None) -> Metrics:
    pairs = list(zip(samples, prompts, strict=True))
    cases = {
        "eval/syntax_validity_rate": [(p, s.syntax_valid) for s, p in pairs],
        "eval/syntax_validity_rate_complete": [
            (p, s.syntax_valid) for s, p in pairs if s.outcome is not Outcome.TRUNCATED
        ],
        "eval/repetition_share": [(p, s.loops) for s, p in pairs if s.loops is not None],
        "eval/script_error_rate": [(p, s.script_errors > 0) for s, p in pairs if s.script_errors is not None],
        "eval/early_error_rate": [(p, s.early_errors > 0) for s, p in pairs if s.early_errors is not None],
        "eval/hueless_share": [(p, not hues_of(s)) for s, p in pairs if hue_known(s)],
        "eval/lightness_dark_share": [(p, s.lightness == DARK) for s, p in pairs if s.lightness],
        "eval/duplicate_share": _copies(pairs),
        "eval/lookalike_share": [] if alike is None else [(p, v >= ALIKE) for p, v in _nearest(alike)],
    }
    metrics: Metrics = {}
    for name in RATES:
        clusters = _clusters(cases[name])
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


def _copies(pairs: Sequence[tuple[Sample, str]]) -> list[tuple[str, bool]]:
    """For each different code of each prompt, whether an earlier prompt has it; undefined for fewer than two."""
    seen: dict[str, str] = {}
    cases = [
        (prompt, seen.setdefault(code, prompt) != prompt)
        for prompt, code in dict.fromkeys((p, s.fingerprint) for s, p in pairs if s.fingerprint)
    ]
    return cases if len(cases) > 1 else []


def _nearest(alike: Likeness) -> Iterable[tuple[str, float]]:
    return zip(alike.prompts, alike.nearest, strict=True)


def _pooled(tally: Tally, replicates: int) -> Metrics:
    values = tally.statistics(tally.total())
    intervals = bootstrap(tally.units, tally.statistics, replicates)
    metrics: Metrics = {"eval/hue_samples": float(tally.n["eval/hue_entropy"])}
    for name in POOLED:
        value = values[name]
        metrics |= _with_interval(name, value, intervals.get(name), tally.n[name])
    return metrics


def _with_interval(name: str, value: float | None, interval: Interval | None, n: int) -> Metrics:
    low, high = interval if interval and value is not None else (None, None)
    # A reflected interval may leave the range of what it is about.
    low = None if low is None else max(0.0, low)
    high = None if high is None else min(high, 1.0 if METRICS[name].unit == "0-1" else high)
    return {name: value, f"{name}_low": low, f"{name}_high": high, f"{name}_n": float(n)}


def _distinct_4(samples: Sequence[Sample]) -> float | None:
    words = sum(sample.words for sample in samples)
    return min(1.0, distinct(sample.grams for sample in samples) / words) if words else None
