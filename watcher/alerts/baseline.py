"""What training has changed: one evaluation against another one, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scorers.sample import Outcome
from watcher.alerts.history import PERPLEXITY, Entry
from watcher.alerts.measures import Measure
from watcher.alerts.statistics import difference, unpaired_difference

VALIDITY = "eval/syntax_validity_rate"
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Delta:
    """How one metric differs: `before` in the baseline, `now`, and the 95 % interval of the change.

    The interval is None for perplexity: only its sum over all references is kept, and the same weights give the same
    number. `paired` is true where both evaluations have the same prompts.
    """

    metric: str
    before: float
    now: float
    low: float | None
    high: float | None
    paired: bool

    @property
    def change(self) -> float:
        """Now minus before."""
        return self.now - self.before

    @property
    def clear(self) -> bool | None:
        """Whether the interval leaves no change out; None without an interval."""
        return None if self.low is None or self.high is None else self.low > 0 or self.high < 0


def compare(entry: Entry, baseline: Entry) -> tuple[Delta, ...]:
    """Every metric that both have: prompt by prompt where the prompts are the same, else as two sets of samples.

    The intervals are D. G. Bonett's and R. M. Price's for paired rates (Journal of Educational and Behavioral
    Statistics 37, 2012), A. Agresti's and B. Caffo's for unpaired ones (American Statistician 54, 2000), and the
    jackknife's for pooled statistics.
    """
    paired = entry.prompts == baseline.prompts
    deltas = []
    if entry.sampled and baseline.sampled:
        low, high = (_paired_rates if paired else _unpaired_rates)(entry, baseline)
        deltas.append(Delta(VALIDITY, baseline.validity, entry.validity, low, high, paired))
    if entry.perplexity is not None and baseline.perplexity is not None:
        deltas.append(Delta(PERPLEXITY, baseline.perplexity, entry.perplexity, None, None, paired))
    for name in Measure:
        if name in entry.measures and name in baseline.measures:
            now, before = entry.measures[name], baseline.measures[name]
            found = difference([now], [before], prompts=entry.prompts) if paired else unpaired_difference(now, before)
            low, high = found.interval()
            deltas.append(Delta(name.value, before.value, now.value, low, high, paired))
    return tuple(deltas)


def _paired_rates(entry: Entry, baseline: Entry) -> tuple[float, float]:
    pairs = [(a is Outcome.VALID, b is Outcome.VALID) for a, b in zip(entry.outcomes, baseline.outcomes, strict=True)]
    n = len(pairs) + 2
    better = (sum(a and not b for a, b in pairs) + 1) / n
    worse = (sum(b and not a for a, b in pairs) + 1) / n
    half = _Z * math.sqrt((better + worse - (better - worse) ** 2) / n)
    return max(-1.0, better - worse - half), min(1.0, better - worse + half)


def _unpaired_rates(entry: Entry, baseline: Entry) -> tuple[float, float]:
    n, m = len(entry.outcomes) + 2, len(baseline.outcomes) + 2
    p, q = (entry.valid + 1) / n, (baseline.valid + 1) / m
    half = _Z * math.sqrt(p * (1 - p) / n + q * (1 - q) / m)
    return max(-1.0, p - q - half), min(1.0, p - q + half)
