"""Intervals hold what they promise; brute force agrees with the short ways."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import pytest

from scorers import Outcome, Sample, aggregate
from scorers.metrics.corpus import Corpus
from scorers.metrics.resampling import MAX_UNITS, bootstrap
from scorers.metrics.sections import EXPECTED_CLASSES, SAMPLES
from scorers.metrics.statistics import clustered_wilson, wilson
from scorers.metrics.tally import Tally


@pytest.mark.parametrize(("rate", "likeness"), [(0.5, 0.3), (0.9, 0.5), (0.95, 1.0), (0.98, 0.2), (0.9, 0.001)])
def test_the_clustered_interval_covers_the_true_rate_of_alike_samples(rate: float, likeness: float) -> None:
    rng = random.Random(5)
    hits = naive = 0
    for _ in range(600):
        clusters = [(successes(rng, rate, likeness, 4), 4) for _ in range(64)]
        low, high = clustered_wilson(clusters) or (1.0, 0.0)
        hits += low <= rate <= high
        low, high = wilson(sum(s for s, _ in clusters), 256) or (1.0, 0.0)
        naive += low <= rate <= high
    assert hits / 600 > 0.91
    assert likeness < 0.1 or naive < hits


def successes(rng: random.Random, rate: float, likeness: float, n: int) -> int:
    """Beta-binomial: `likeness` is the correlation of two samples of a cluster."""
    if likeness == 1:
        return n * (rng.random() < rate)
    spread = 1 / likeness - 1
    own = rng.betavariate(rate * spread, (1 - rate) * spread)
    return sum(rng.random() < own for _ in range(n))


def test_an_interval_ends_exactly_where_its_rate_is_0_or_1() -> None:
    for n in range(1, 300):
        assert (wilson(0, n) or (1, 0))[0] == 0
        assert (wilson(n, n) or (1, 0))[1] == 1


def test_clusters_of_one_are_independent_samples() -> None:
    assert clustered_wilson([(1, 1)] * 7 + [(0, 1)] * 3 + [(0, 0)]) == wilson(7, 10)
    assert clustered_wilson([]) is None
    assert clustered_wilson([(3, 5)]) == wilson(0.6, 1)


def test_a_cluster_that_is_less_alike_than_chance_is_not_rewarded() -> None:
    assert clustered_wilson([(2, 4)] * 10) == wilson(20, 40)


def ratio(sums: Sequence[float]) -> dict[str, float | None]:
    return {"ratio": sums[0] / sums[1] if sums[1] else None}


def test_a_bootstrap_interval_covers_the_true_mean() -> None:
    rng = random.Random(2)
    hits = 0
    for _ in range(200):
        low, high = bootstrap([(rng.random() ** 2, 1.0) for _ in range(40)], ratio, 200)["ratio"]
        hits += low <= 1 / 3 <= high
    assert 0.88 < hits / 200 <= 1


def test_a_bootstrap_of_many_units_costs_no_more_and_says_the_same() -> None:
    rng = random.Random(2)
    units = [(rng.random(), 1.0) for _ in range(MAX_UNITS * 20)]
    low, high = bootstrap(units, ratio, 400)["ratio"]
    assert high - low == pytest.approx(2 * 1.96 * (1 / 12 / len(units)) ** 0.5, rel=0.25)


def test_what_is_undefined_in_most_draws_has_no_interval() -> None:
    assert (
        bootstrap([(1.0, 1.0), *[(0.0, 0.0)] * 40], lambda s: {"x": 1.0 if s[1] and s[0] > 1.5 * s[1] else None}) == {}
    )
    assert "ratio" in bootstrap([(1.0, 1.0)] * 10, ratio)


def page(rng: random.Random) -> Sample:
    classes = tuple(sorted((name, 1) for name in rng.sample("abcdefghij", rng.randint(0, 6))))
    return Sample("", Outcome.VALID, classes=classes, num_classes=len(classes), class_tokens=len(classes))


def test_what_a_sample_adds_to_the_rarefied_classes_is_its_mean_over_all_groups() -> None:
    samples = [page(random.Random(seed)) for seed in range(9)]
    tally = Tally.of(Corpus(samples), (SAMPLES, EXPECTED_CLASSES))
    sizes = {group: len({name for i in group for name, _ in samples[i].classes}) for group in combinations(range(9), 3)}
    for i, unit in enumerate(tally.units):
        with_it = [size for group, size in sizes.items() if i in group]
        assert unit[tally.places[SAMPLES.name, ""]] == 1
        assert unit[tally.places[EXPECTED_CLASSES.name, ""]] == pytest.approx(sum(with_it) / len(with_it))


def templated(rng: random.Random) -> Sample:
    """A page that takes more or less of its structure from a common template."""
    common = rng.sample(range(40), rng.randint(0, 40))
    return replace(page(rng), shape=tuple(sorted({*common, *rng.sample(range(1_000, 10**6), 20)})))


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("eval/unique_tailwind_classes_3", page),
        ("eval/structure_similarity", templated),
        ("eval/structure_nearest", templated),
    ],
)
def test_the_interval_of_what_compares_samples_is_as_wide_as_new_samples_vary(
    name: str, made: Callable[[random.Random], Sample]
) -> None:
    rng = random.Random(11)
    runs = [aggregate([made(rng) for _ in range(30)], replicates=200) for _ in range(60)]
    values = [run[name] or 0.0 for run in runs]
    center = sum(values) / len(values)
    spread = (sum((value - center) ** 2 for value in values) / len(values)) ** 0.5
    ends = [(run[f"{name}_low"], run[f"{name}_high"]) for run in runs]
    widths = [high - low for low, high in ends if low is not None and high is not None]
    assert len(widths) == len(runs)
    assert sum(widths) / len(widths) == pytest.approx(2 * 1.96 * spread, rel=0.35)


def test_an_entropy_interval_reaches_above_the_value_that_few_samples_bias_down() -> None:
    rng = random.Random(4)
    names = [f"custom:{i}" for i in range(40)]
    samples = [replace(page(rng), colors=((name, 3),), num_colors=3) for name in rng.choices(names, k=30)]
    metrics = aggregate(samples)
    value, high = metrics["eval/color_entropy"], metrics["eval/color_entropy_high"]
    assert value is not None
    assert high is not None
    assert value < math.log2(40) - 0.3
    assert high > value + 0.3
