"""The tests behind the rules. Everything is exact or closed-form, so that the same history gives the same episodes on
every machine and after every restart: no random draws.

Prompts and seeds are the same at every checkpoint, so every comparison is paired. Counts (does the page parse?) get
an exact test that is McNemar's (Q. McNemar, Psychometrika 12, 1947) for two checkpoints and Cochran's stratified one
(W. G. Cochran, Biometrics 10, 1954) for several, each prompt being a stratum, with one answer. Statistics
pooled over pages get the paired jackknife over prompts (R. G. Miller, Biometrika 61, 1974), the linear and repeatable
form of the bootstrap (B. Efron, Annals of Statistics 7, 1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

from scorers.metrics.jackknife import Jackknifed


@dataclass(frozen=True, slots=True)
class Stratum:
    """One prompt: `good` of `total` samples now, `good_before` of `total_before` in the reference."""

    good: int
    total: int
    good_before: int
    total_before: int


def worse_by_chance(strata: Sequence[Stratum]) -> float:
    """How probable it is to find so few good samples now, or fewer, if nothing has changed: exact and one-sided.

    Without change, which of a prompt's good samples are the ones of now is a matter of chance (hypergeometric).

    >>> mcnemar = [Stratum(0, 1, 1, 1)] * 5 + [Stratum(1, 1, 0, 1)] + [Stratum(1, 1, 1, 1)] * 20
    >>> round(worse_by_chance(mcnemar), 4), round(7 / 64, 4)  # at most 1 of 6 fair coins
    (0.1094, 0.1094)
    """
    chances = [1.0]
    least = 0
    for stratum in strata:
        low, weights = _hypergeometric(stratum)
        least += low
        if len(weights) > 1:
            chances = _convolve(chances, weights)
    observed = sum(stratum.good for stratum in strata) - least
    return min(1.0, math.fsum(chances[: observed + 1]))


def _hypergeometric(stratum: Stratum) -> tuple[int, list[float]]:
    """The fewest good samples possible now, and the chances of so many, one more, and so on."""
    good, bad = stratum.good + stratum.good_before, stratum.total + stratum.total_before
    bad -= good
    low, high = max(0, stratum.total - bad), min(stratum.total, good)
    ways = math.comb(good + bad, stratum.total)
    return low, [math.comb(good, k) * math.comb(bad, stratum.total - k) / ways for k in range(low, high + 1)]


def _convolve(a: Sequence[float], b: Sequence[float]) -> list[float]:
    result = [0.0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] += x * y
    return result


def binomial_tail(successes: int, n: int, rate: float) -> float:
    """The probability of so many successes or more in `n` trials. For prompts that differ in difficulty it is an upper
    bound wherever it is small (W. Hoeffding, Annals of Mathematical Statistics 27, 1956).

    >>> [round(tail, 3) for tail in (binomial_tail(1, 2, 0.5), binomial_tail(0, 2, 0.5), binomial_tail(900, 2000, 0.5))]
    [0.75, 1.0, 1.0]
    """
    if successes <= 0:
        return 1.0
    if not 0 < rate < 1:
        return float(rate >= 1)
    terms = (
        math.exp(
            math.lgamma(n + 1)
            - math.lgamma(k + 1)
            - math.lgamma(n - k + 1)
            + k * math.log(rate)
            + (n - k) * math.log1p(-rate)
        )
        for k in range(successes, n + 1)
    )
    return min(1.0, math.fsum(terms))


def student_tail(t: float, freedom: int) -> float:
    """The probability that Student's t exceeds `t`: the finite series of M. Abramowitz and I. A. Stegun, Handbook of
    Mathematical Functions, 1964, 26.7.3 and 26.7.4. Good to about 1e-15, so tails below that read as 0.

    >>> [round(student_tail(t, v), 4) for t, v in ((2.015, 5), (1.812, 10), (-1.812, 10), (6.314, 1), (0.0, 7))]
    [0.05, 0.05, 0.95, 0.05, 0.5]
    """
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine2 = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    series = 0.0
    for k in range(2 + odd, freedom + 1, 2):
        series += term
        term *= cosine2 * (k - 1) / k
    inside = 2 / math.pi * (angle + sine * series) if odd else sine * series
    return max(0.0, (1 - inside) / 2)


def student_quantile(tail: float, freedom: int) -> float:
    """The t that Student's t exceeds with probability `tail` (below one half).

    >>> round(student_quantile(0.025, 10), 3)
    2.228
    """
    low, high = 0.0, 1.0
    while student_tail(high, freedom) > tail:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, freedom) > tail else (low, middle)
    return high


@dataclass(frozen=True, slots=True)
class Difference:
    """Now minus before, of two sets of evaluations of the same prompts: its size, its standard error, and of how many
    prompts it is.
    """

    value: float
    error: float
    prompts: int

    def exceeds(self, least: float) -> float:
        """How probable a difference so much above `least` is, if the true one is `least` or below: one-sided.

        Without any spread only a certain answer is left.

        >>> Difference(2.0, 0.0, 9).exceeds(1.0), Difference(1.0, 0.0, 9).exceeds(1.0)
        (0.0, 1.0)
        """
        if self.prompts < 2 or (self.error <= 0 and self.value <= least):
            return 1.0
        return student_tail((self.value - least) / self.error, self.prompts - 1) if self.error > 0 else 0.0

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The two-sided interval of the true difference."""
        half = student_quantile((1 - confidence) / 2, max(1, self.prompts - 1)) * self.error
        return self.value - half, self.value + half


def difference(
    now: Sequence[Jackknifed], before: Sequence[Jackknifed], sign: float = 1.0, prompts: Sequence[str] = ()
) -> Difference:
    """The paired difference of means over evaluations, times `sign`; leaving a sample out leaves it out everywhere.

    `prompts` names the prompt of each sample, where several samples may have the same one: they are left out together.

    >>> pair = [Jackknifed(3.0, (2.0, 4.0), 2)], [Jackknifed(1.0, (1.0, 1.0), 2)]
    >>> difference(*pair), difference(*pair, prompts=["a", "a"])
    (Difference(value=2.0, error=1.0, prompts=2), Difference(value=2.0, error=0.0, prompts=1))
    """
    value = sign * (fmean(j.value for j in now) - fmean(j.value for j in before))
    samples = range(len(now[0].without))
    without = [sign * (fmean(j.without[i] for j in now) - fmean(j.without[i] for j in before)) for i in samples]
    together = _by_prompt(without, value, prompts)
    return Difference(value, _jackknife_error(together), len(together))


def _by_prompt(without: Sequence[float], value: float, prompts: Sequence[str]) -> list[float]:
    """What a statistic is without each prompt: exact for means, and to first order for what is no mean."""
    shifts: dict[str, float] = {}
    for prompt, left in zip(prompts or map(str, range(len(without))), without, strict=True):
        shifts[prompt] = shifts.get(prompt, 0.0) + left - value
    n, m = len(without), len(shifts)
    scale = (n - 1) / (n - n / m) if m > 1 else 1.0
    return [value + scale * shift for shift in shifts.values()]


def unpaired_difference(now: Jackknifed, before: Jackknifed) -> Difference:
    """The same for two evaluations of different prompts: the errors add, and the smaller set tells the prompts."""
    error = math.hypot(_jackknife_error(now.without), _jackknife_error(before.without))
    return Difference(now.value - before.value, error, min(len(now.without), len(before.without)))


def _jackknife_error(without: Sequence[float]) -> float:
    n, center = len(without), fmean(without)
    return math.sqrt((n - 1) / n * math.fsum((value - center) ** 2 for value in without))


def samples_for_drop(before: float, after: float, least: float, chance: float) -> int | None:
    """The number of samples with which a rate's fall from `before` to `after` is noticed with probability 0.95 by a
    one-sided test at `chance`, within two checkpoints after it and with eight before it, where what is found has to be
    a fall by `least` too: the usual normal approximation for two rates (J. L. Fleiss, Statistical Methods for Rates and
    Proportions, 1981, ch. 3). None where the fall is too small for any number of samples.

    Two checkpoints count as four thirds, because half of the second's samples repeat what the first's said.

    >>> samples_for_drop(0.95, 0.80, 0.0, 0.05), samples_for_drop(0.95, 0.80, 0.09, 0.05)
    (43, 95)
    >>> samples_for_drop(0.95, 0.90, 0.05, 0.05)
    """
    if before - after <= least:
        return None
    looks, references = 4 / 3, 8
    pooled = (looks * after + references * before) / (looks + references)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / looks + 1 / references))
    spread_after = math.sqrt(after * (1 - after) / looks + before * (1 - before) / references)
    level, reach = -NormalDist().inv_cdf(chance), NormalDist().inv_cdf(0.95)
    significant = (level * spread + reach * spread_after) / (before - after)
    large = reach * spread_after / (before - after - least)
    return math.ceil(max(significant, large) ** 2)


def once_in(chance: float) -> str:
    """A probability in words, rounded so that it claims no more than was found.

    >>> [once_in(p) for p in (0.3, 0.0017, 1.9e-5, 0.0)]
    ['once in 3', 'less than once in 580', 'less than once in 52,000', 'less than once in a million']
    """
    if chance < 1e-6:
        return "less than once in a million"
    times = math.floor(1 / chance)
    if times < 10:
        return f"once in {times}"
    step = 10 ** (len(str(times)) - 2)
    return f"less than once in {times // step * step:,}"
