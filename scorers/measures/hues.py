"""Which hues a sample's colors have."""

from __future__ import annotations

from collections import Counter

from scorers.css.palette import hue_bin
from scorers.sample import Sample


def hues_of(sample: Sample) -> Counter[str]:
    """The occurrences of each hue bin in a sample; grays, black, white and unresolved colors have none.

    A sample that was stored without hues has those of its tokens.

    >>> from scorers import Outcome
    >>> dict(hues_of(Sample("", Outcome.VALID, colors=(("blue-500", 2), ("gray-100", 1)))))
    {'blue_purple': 2}
    >>> dict(hues_of(Sample("", Outcome.VALID, colors=(("sky-600", 1),), hues=(("blue_purple", 1),))))
    {'blue_purple': 1}
    """
    if sample.hues is not None:
        return Counter(dict(sample.hues))
    counts: Counter[str] = Counter()
    for token, count in sample.colors:
        if hue := hue_bin(token):
            counts[hue] += count
    return counts
