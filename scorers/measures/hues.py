"""Which hues a sample's colors have."""

from __future__ import annotations

from collections import Counter

from scorers.css.palette import CUSTOM, hue_bin
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


def hue_known(sample: Sample) -> bool:
    """Whether it is known if any color of a page has a hue; false for what holds no code.

    A page whose colors have none is not called gray while a theme that nobody knows defines others of its colors. A
    page without any color is gray only where nothing else can color it: not one that is made of a library's components
    (`<Button type="primary">`) or that links a style sheet. Such a page has no lightness either.

    >>> from dataclasses import replace
    >>> from scorers import Outcome
    >>> page = Sample("", Outcome.VALID, fingerprint="f", colors=(("gray-100", 1),))
    >>> hue_known(page), hue_known(replace(page, unresolved_colors=3)), hue_known(replace(page, fingerprint=""))
    (True, False, False)
    >>> hue_known(replace(page, colors=())), hue_known(replace(page, colors=(), lightness="light"))
    (False, True)
    """
    if not sample.fingerprint:
        return False
    unresolved = sample.unresolved_colors or any(token.startswith(CUSTOM) for token, _ in sample.colors)
    return bool(hues_of(sample)) or (not unresolved and bool(sample.colors or sample.lightness))
