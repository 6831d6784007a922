"""What a collapsed model writes, made of healthy pages: one hue, no hue, one template, one lightness.

Colors are changed in the samples, since every color of a page is known there; leaves are changed in the HTML.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from scorers import Outcome, Sample, aggregate
from scorers.css.palette import BLUE_PURPLE, HUE_BINS, family
from scorers.html.read import read_html
from scorers.measures.hues import hues_of
from scorers.metrics.similarity import shape

Window = Mapping[str, float | None]
Recolor = Callable[[str, random.Random], str]

BLUES = ("blue", "indigo", "violet", "purple")
RECOLORINGS: Mapping[str, Recolor] = {
    "all blue": lambda token, _: f"blue-{token.partition('-')[2]}",
    "blue-500": lambda *_: "blue-500",
    "blue to purple": lambda token, chance: f"{chance.choice(BLUES)}-{token.partition('-')[2]}",
    "gray only": lambda token, _: f"gray-{token.partition('-')[2]}",
}
# How much of a template's leaves differs from page to page.
CHANGED = (0.10, 0.25)
_LEAF = re.compile(r"<([a-z][a-z0-9]*)(\s[^<>]*)?>([^<>]*)</\1>")
_TAGS = ("span", "a", "p", "b", "strong", "em", "h3", "h4", "button", "small", "label", "code")
_NO_LEAVES = frozenset(("script", "style", "title", "textarea"))


def recolored(sample: Sample, recolor: Recolor, chance: random.Random) -> Sample:
    """The sample with every hue recolored; grays, black, white and colors of unknown hue stay."""
    counts: Counter[str] = Counter()
    for token, count in sample.colors:
        counts[recolor(token, chance) if family(token) in HUE_BINS else token] += count
    total = hues_of(sample).total()
    gray = recolor("red-500", random.Random(0)).startswith("gray")
    hues = () if gray or not total else ((BLUE_PURPLE, total),)
    return replace(sample, colors=tuple(sorted(counts.items())), hues=hues)


def from_template(html: str, changed: float, n: int, chance: random.Random) -> list[Sample]:
    """The layouts of `n` pages that are this one, each with this share of its leaves changed: replaced by an element of
    another kind, left out, or joined by another one.
    """
    blank = Sample("", Outcome.VALID, fingerprint="f")
    return [
        replace(blank, prompt=str(number), shape=shape(read_html(_changed(html, changed, chance)).tags))
        for number in range(n)
    ]


def _changed(html: str, share: float, chance: random.Random) -> str:
    def leaf(match: re.Match[str]) -> str:
        tag, attributes, text = match[1], match[2] or "", match[3]
        if tag in _NO_LEAVES or chance.random() >= share:
            return match[0]
        other = chance.choice([name for name in _TAGS if name != tag])
        added = f"<{other}{attributes}>{text}</{other}>"
        return chance.choice((added, added, "", match[0] + added))

    return _LEAF.sub(leaf, html)


def leaves(html: str) -> int:
    """How many leaves a page has that may be changed."""
    return sum(match[1] not in _NO_LEAVES for match in _LEAF.finditer(html))


def windows(
    pool: Sequence[Sample],
    size: int,
    count: int,
    chance: random.Random,
    change: Callable[[Sample], Sample] | None = None,
) -> list[Window]:
    """The metrics of `count` random windows of pages, each page changed where that is wanted."""
    drawn = (chance.sample(pool, size) for _ in range(count))
    return [measured(window if change is None else map(change, window)) for window in drawn]


def measured(samples: Iterable[Sample]) -> Window:
    """The metrics of a window, without intervals; each page answers a prompt of its own."""
    numbered = [replace(sample, prompt=str(number)) for number, sample in enumerate(samples)]
    return aggregate(numbered, replicates=0)


def values(found: Iterable[Window], metric: str) -> list[float]:
    """The metric's values where it is defined, in order of size."""
    return sorted(value for window in found if (value := window[metric]) is not None)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of the ordered values lies.

    >>> quantile([1, 2, 3, 4], 0.5), quantile([1, 2, 3, 4], 1)
    (3, 4)
    """
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
