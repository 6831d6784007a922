"""The tests behind the rules, against what is known otherwise."""

from __future__ import annotations

import math
import random
from itertools import product
from statistics import fmean, stdev

import pytest

from scorers.metrics.jackknife import Jackknifed
from watcher.alerts.statistics import (
    Difference,
    Stratum,
    difference,
    samples_for_drop,
    student_quantile,
    student_tail,
    worse_by_chance,
)

VALUES = [0.1, 0.5, 0.4, 0.9, 0.7, 0.3]
ZERO = Jackknifed(0.0, (0.0,) * len(VALUES), len(VALUES))


def _mean(values: list[float]) -> Jackknifed:
    n = len(values)
    return Jackknifed(fmean(values), tuple((sum(values) - value) / (n - 1) for value in values), n)


def test_two_checkpoints_give_mcnemars_exact_test() -> None:
    for worse, better in ((12, 1), (5, 5), (0, 3), (7, 0)):
        strata = [Stratum(0, 1, 1, 1)] * worse + [Stratum(1, 1, 0, 1)] * better + [Stratum(1, 1, 1, 1)] * 9
        coins = worse + better
        exact = sum(math.comb(coins, k) for k in range(better + 1)) / 2**coins
        assert worse_by_chance(strata) == pytest.approx(exact)


def test_several_checkpoints_give_the_share_of_all_orders_that_are_as_bad() -> None:
    # Two prompts, four checkpoints each, the last two are now: every order of each prompt's outcomes is as likely.
    outcomes = ((1, 1, 0, 0), (1, 1, 1, 0))
    strata = [Stratum(sum(o[2:]), 2, sum(o[:2]), 2) for o in outcomes]
    pairs = [(a, b) for a in range(4) for b in range(4) if a < b]
    worse = [
        outcomes[0][a] + outcomes[0][b] + outcomes[1][c] + outcomes[1][d] for (a, b), (c, d) in product(pairs, pairs)
    ]
    assert worse_by_chance(strata) == pytest.approx(sum(total <= 1 for total in worse) / 36)


def test_the_jackknife_of_a_mean_is_the_textbooks_standard_error() -> None:
    assert difference([_mean(VALUES)], [ZERO]).error == pytest.approx(stdev(VALUES) / math.sqrt(len(VALUES)))


def test_a_prompt_left_out_with_all_its_samples_is_exact_for_means() -> None:
    by_hand = [fmean(VALUES[2:]), fmean(VALUES[:2] + VALUES[4:]), fmean(VALUES[:4])]
    center = fmean(by_hand)
    error = math.sqrt(2 / 3 * sum((value - center) ** 2 for value in by_hand))
    assert difference([_mean(VALUES)], [ZERO], prompts=list("aabbcc")).error == pytest.approx(error)


def test_students_tail_holds_what_simulation_finds() -> None:
    rng = random.Random(5)

    def t() -> float:
        drawn = [rng.gauss(0, 1) for _ in range(6)]
        return fmean(drawn) / (stdev(drawn) / math.sqrt(6))

    found = sum(t() > 2.015 for _ in range(20_000)) / 20_000
    assert student_tail(2.015, 5) == pytest.approx(found, abs=0.006)
    assert student_tail(student_quantile(1e-4, 63), 63) == pytest.approx(1e-4, rel=1e-6)


def test_an_interval_lies_around_the_difference() -> None:
    low, high = Difference(1.0, 0.1, 64).interval()
    assert (low + high) / 2 == pytest.approx(1.0)
    assert high - low == pytest.approx(2 * 1.998 * 0.1, rel=1e-3)


def test_smaller_falls_and_smaller_chances_need_more_samples() -> None:
    small, large, by_chance = (
        samples_for_drop(0.95, after, 0.0, chance) or 0 for after, chance in ((0.9, 0.001), (0.8, 0.001), (0.8, 0.01))
    )
    assert small > large > by_chance > 0
