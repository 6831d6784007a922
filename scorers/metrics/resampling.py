"""Bootstrap intervals of pooled statistics: how far they would move with other prompts from the same source.

The units that are drawn again are prompts with all their samples (a cluster bootstrap), because samples of one prompt
resemble each other. Each unit is a vector of non-negative numbers, and a statistic is a function of the vectors' sum:
so one draw serves every statistic. A draw costs one sum of long integers, which hold a vector each.
"""

from __future__ import annotations

import random
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence

from scorers.metrics.statistics import Interval

REPLICATES = 1_000
# An interval from fewer units than this would look far more certain than it is.
MIN_UNITS = 8
# Beyond this, units are drawn in groups: the cost of a draw stays bounded, the spread between groups tells the same.
MAX_UNITS = 256
_SEED = 20_261_125
# A lane is 8 bytes: 2**23 for parts of a number, 2**40 for the sum over all units.
_SCALE = 1 << 23
_LANE = 8

Statistics = Callable[[Sequence[float]], Mapping[str, float | None]]


def bootstrap(
    units: Sequence[Sequence[float]], statistics: Statistics, replicates: int = REPLICATES
) -> dict[str, Interval]:
    """The 95 % interval of each statistic by its name; without those that are undefined in the units or in most draws.

    A statistic must not depend on the scale of the sum, as a share or an entropy does not.
    These are basic intervals, reflected at the value itself (A. C. Davison and D. V. Hinkley, Bootstrap Methods and
    Their Application, 1997, ch. 5.2), and never leave the value out. Entropies of samples are too low, those of
    resamples twice so: percentile intervals then hold the true value in 56 of 100 simulated evaluations of 64 pages,
    basic ones in 92. The draws are the same in every call.

    >>> def mean(sums): return {"mean": sums[0] / sums[1]}
    >>> [round(end, 2) for end in bootstrap([(float(i % 2), 1.0) for i in range(100)], mean)["mean"]]
    [0.4, 0.6]
    >>> bootstrap([(1.0, 1.0)] * 7, mean)
    {}
    """
    if len(units) < MIN_UNITS or not replicates:
        return {}
    packed = [_pack(vector) for vector in _grouped(units)]
    chance = random.Random(_SEED)
    drawn: dict[str, list[float]] = {}
    for _ in range(replicates):
        for name, value in statistics(_unpack(sum(chance.choices(packed, k=len(packed))), len(units[0]))).items():
            if value is not None:
                drawn.setdefault(name, []).append(value)
    values = statistics([sum(lane) for lane in zip(*units, strict=True)])
    return {
        name: _basic(value, sorted(drawn[name]))
        for name, value in values.items()
        if value is not None and 2 * len(drawn.get(name, ())) > replicates
    }


def _basic(value: float, drawn: Sequence[float]) -> Interval:
    cut = len(drawn) // 40
    low, high = drawn[cut], drawn[-1 - cut]
    return (min(value, 2 * value - high), max(value, 2 * value - low))


def _grouped(units: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    if len(units) <= MAX_UNITS:
        return list(units)
    return [[sum(lane) for lane in zip(*units[start::MAX_UNITS], strict=True)] for start in range(MAX_UNITS)]


def _pack(vector: Sequence[float]) -> int:
    return int.from_bytes(array("Q", (round(value * _SCALE) for value in vector)).tobytes(), sys.byteorder)


def _unpack(packed: int, lanes: int) -> Sequence[float]:
    """The sums in units of 1 / `_SCALE`: to scale each of them back would take longer than most statistics do."""
    return memoryview(packed.to_bytes(lanes * _LANE, sys.byteorder)).cast("Q")
