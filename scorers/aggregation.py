"""From samples to the metrics of one evaluation: pure, over stored samples as well as fresh ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from scorers.diversity import structure_similarity
from scorers.palette import BLUE_PURPLE, family, hue_bin
from scorers.sample import Outcome, Sample
from scorers.statistics import entropy, mean, rarefaction, weighted_entropy, wilson

Metrics = dict[str, float | None]

# Below this many color tokens, the hues of one page say nothing.
MIN_TOKENS = 3
DRAWS = 3


def aggregate(samples: Iterable[Sample]) -> Metrics:
    """The metrics of a set of samples by their full names, all names always present; None where undefined.

    >>> metrics = aggregate([])
    >>> metrics["eval/samples"], metrics["eval/syntax_validity_rate"], metrics["eval/color_entropy"]
    (0.0, None, None)
    """
    everything = tuple(samples)
    return {
        **_syntax(everything),
        **_colors(everything),
        **_hues(everything),
        **_classes(everything),
        **_likeness(everything),
    }


def _syntax(samples: Sequence[Sample]) -> Metrics:
    n = len(samples)
    outcomes = Counter(sample.outcome for sample in samples)
    valid, complete = outcomes[Outcome.VALID], n - outcomes[Outcome.TRUNCATED]
    low, high = wilson(valid, n) or (None, None)
    return {
        "eval/samples": float(n),
        "eval/syntax_validity_rate": valid / n if n else None,
        "eval/syntax_validity_rate_low": low,
        "eval/syntax_validity_rate_high": high,
        "eval/syntax_validity_rate_complete": valid / complete if complete else None,
        **{f"eval/outcome_{outcome.value}": float(outcomes[outcome]) for outcome in Outcome},
        "eval/soft_issues": float(sum(sample.soft_issues for sample in samples)),
    }


def _colors(samples: Sequence[Sample]) -> Metrics:
    shades: Counter[str] = Counter()
    for sample in samples:
        shades.update(dict(sample.colors))
    families: Counter[str] = Counter()
    for token, count in shades.items():
        families[family(token)] += count
    return {
        "eval/color_entropy": entropy(families.values()),
        "eval/color_shade_entropy": entropy(shades.values()),
        "eval/total_colors_used": float(sum(sample.num_colors for sample in samples)) if samples else None,
        "eval/distinct_colors": float(len(shades)) if samples else None,
    }


def _hues(samples: Sequence[Sample]) -> Metrics:
    """Each sample weighs the same, so that one long page does not decide; see `MIN_TOKENS`."""
    pages = [page for sample in samples if sample.num_colors >= MIN_TOKENS and (page := _hue_shares(sample))]
    pooled: dict[str, float] = {}
    for page in pages:
        for hue, share in page.items():
            pooled[hue] = pooled.get(hue, 0.0) + share
    leaders: dict[str, float] = {}
    for page in pages:
        top = [hue for hue, share in page.items() if share == max(page.values())]
        # Hues that lead together share the page: no hue may win by its place in the alphabet.
        for hue in top:
            leaders[hue] = leaders.get(hue, 0.0) + 1 / len(top)
    return {
        "eval/hue_entropy": weighted_entropy(list(pooled.values())),
        "eval/blue_purple_share": mean([page.get(BLUE_PURPLE, 0.0) for page in pages]),
        "eval/dominant_hue_share": max(leaders.values()) / len(pages) if pages else None,
        "eval/hue_samples": float(len(pages)),
    }


def _hue_shares(sample: Sample) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for token, count in sample.colors:
        if hue := hue_bin(token):
            counts[hue] += count
    total = counts.total()
    return {hue: count / total for hue, count in counts.items()}


def _classes(samples: Sequence[Sample]) -> Metrics:
    occurrence = Counter(name for sample in samples for name, _ in sample.classes)
    tokens = sum(sample.class_tokens for sample in samples)
    return {
        "eval/unique_tailwind_classes": float(len(occurrence)) if samples else None,
        "eval/unique_tailwind_classes_3": rarefaction(occurrence, len(samples), DRAWS),
        "eval/utility_share": sum(sample.num_classes for sample in samples) / tokens if tokens else None,
    }


def _likeness(samples: Sequence[Sample]) -> Metrics:
    prints = [sample.fingerprint for sample in samples if sample.fingerprint]
    pairs, nearest = structure_similarity([sample.shape for sample in samples]) or (None, None)
    return {
        "eval/duplicate_share": 1 - len(set(prints)) / len(prints) if len(prints) > 1 else None,
        "eval/structure_similarity": pairs,
        "eval/structure_nearest": nearest,
    }
