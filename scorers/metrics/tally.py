"""What each prompt's samples add to the pooled statistics, and the statistics as functions of the sum.

A unit is a vector of non-negative numbers, in sections: occurrences of each color family and of each shade, every
page's share of each hue, the pages that a hue leads, those that are light and dark, and sums that are divided by one
another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb

from scorers.css.palette import BLUE_PURPLE, CUSTOM, HUE_BINS, family
from scorers.measures.hues import hues_of
from scorers.metrics.likeness import Likeness
from scorers.metrics.statistics import chances, entropy
from scorers.sample import DARK, LIGHT, Sample

# Below this many color tokens, the hues of one page say nothing.
MIN_TOKENS = 3
DRAWS = 3

Lane = tuple[str, str]
_HUES = tuple(dict.fromkeys(HUE_BINS.values()))
_BLUE_PURPLE = _HUES.index(BLUE_PURPLE)
_LIGHTNESS = (LIGHT, DARK)
# The sums that statistics are made of, in their order in a unit.
_SUMS = (
    "samples",
    "distinct_colors",
    "distinct_classes",
    "classes_3",
    "hue_pages",
    "utilities",
    "class_tokens",
    "dead_classes",
    "judged_classes",
    "compared",
    "similarity",
    "nearest",
    "floor",
    "unresolved",
    "colored",
)


@dataclass(frozen=True, slots=True)
class Tally:
    """`units` holds one vector for each prompt; `n` the samples behind each statistic.

    `families` and `shades` are the lengths of the first two sections. `classes_3` and `similarity` are the values of
    the two statistics that compare samples with one another: a sum over prompts gives only their change.
    """

    units: tuple[Sequence[float], ...]
    n: Mapping[str, int]
    families: int
    shades: int
    classes_3: float | None
    similarity: float | None

    @classmethod
    def of(cls, samples: Sequence[Sample], prompts: Sequence[str], alike: Likeness | None) -> Tally:
        """The tally of samples, given the prompt of each and how alike they are."""
        shades = sorted({token for sample in samples for token, _ in sample.colors})
        families = sorted({family(token) for token in shades})
        hues = [(kind, hue) for kind in ("hue", "leader") for hue in _HUES]
        pages = [*hues, *(("lightness", value) for value in _LIGHTNESS), *(("", name) for name in _SUMS)]
        lanes = [*(("family", f) for f in families), *(("shade", s) for s in shades), *pages]
        place = {lane: number for number, lane in enumerate(lanes)}
        units = {prompt: [0.0] * len(lanes) for prompt in prompts}
        classes = _rarefied(samples)
        for prompt, lane, amount in _contributions(samples, prompts, classes, alike):
            units[prompt][place[lane]] += amount
        return cls(
            tuple(units.values()),
            _sizes(samples, alike),
            len(families),
            len(shades),
            sum(classes) / len(classes) if classes else None,
            sum(alike.means) / len(alike.means) if alike else None,
        )

    def statistics(self, sums: Sequence[float]) -> dict[str, float | None]:
        """The pooled statistics by their names, of the sum of units; the scale of the sum does not matter."""
        hues = self.families + self.shades
        leaders = hues + len(_HUES)
        lightness = leaders + len(_HUES)
        rest = lightness + len(_LIGHTNESS)
        samples, colors, classes, classes_3, hue_pages, utilities, tokens, dead, judged, *others = sums[rest:]
        compared, similarity, nearest, floor, unresolved, colored = others
        return {
            "eval/color_entropy": entropy(sums[: self.families]),
            "eval/color_shade_entropy": entropy(sums[self.families : hues]),
            "eval/hue_entropy": entropy(sums[hues:leaders]),
            "eval/blue_purple_share": _ratio(sums[hues + _BLUE_PURPLE], hue_pages),
            "eval/dominant_hue_share": _ratio(max(sums[leaders:lightness]), hue_pages),
            "eval/lightness_entropy": entropy(sums[lightness:rest]),
            "eval/unique_tailwind_classes_3": _moved(self.classes_3, _ratio(classes_3, samples), DRAWS),
            "eval/unique_tailwind_classes_1": _ratio(classes, samples),
            "eval/distinct_colors_1": _ratio(colors, samples),
            "eval/utility_share": _ratio(utilities, tokens),
            "eval/dead_class_rate": _ratio(dead, judged),
            "eval/structure_similarity": _moved(self.similarity, _ratio(similarity, compared), 2),
            "eval/structure_nearest": _ratio(nearest, compared),
            "eval/structure_floor": _ratio(floor, compared),
            "eval/unresolved_color_share": _ratio(unresolved, colored),
        }

    def total(self) -> Sequence[float]:
        """The sum of all units."""
        return [sum(lane) for lane in zip(*self.units, strict=True)] or [0.0] * (
            2 * len(_HUES) + len(_LIGHTNESS) + len(_SUMS)
        )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _moved(value: float | None, mean: float | None, order: int) -> float | None:
    """A mean over all groups of `order` samples, moved as far as the samples' own means move it.

    This is the first term of the statistic's expansion (W. Hoeffding, Annals of Mathematical Statistics 19, 1948). To
    compute it anew from drawn samples would compare copies of a sample with each other.
    """
    return None if value is None or mean is None else max(0.0, value + order * (mean - value))


def _contributions(
    samples: Sequence[Sample], prompts: Sequence[str], classes: Sequence[float], alike: Likeness | None
) -> Iterator[tuple[str, Lane, float]]:
    for number, (sample, prompt) in enumerate(zip(samples, prompts, strict=True)):
        for token, count in sample.colors:
            yield prompt, ("family", family(token)), count
            yield prompt, ("shade", token), count
        for lane, amount in _hue_lanes(sample):
            yield prompt, lane, amount
        if sample.lightness in _LIGHTNESS:
            yield prompt, ("lightness", sample.lightness), 1
        sums = _sums(sample) | {"classes_3": classes[number] if classes else 0}
        yield from ((prompt, ("", name), amount) for name, amount in sums.items())
    if alike is None:
        return
    for prompt, mean, nearest, floor in zip(alike.prompts, alike.means, alike.nearest, alike.floors, strict=True):
        for name, amount in (("compared", 1.0), ("similarity", mean), ("nearest", nearest), ("floor", floor)):
            yield prompt, ("", name), amount


def _sums(sample: Sample) -> dict[str, float]:
    return {
        "samples": 1,
        "distinct_colors": len(sample.colors),
        "distinct_classes": len(sample.classes),
        "utilities": sample.num_classes,
        "class_tokens": sample.class_tokens,
        "dead_classes": sample.dead_classes,
        "judged_classes": sample.judged_classes,
        # Older samples kept the names of unresolved colors among their tokens.
        "unresolved": sample.unresolved_colors + sum(n for name, n in sample.colors if name.startswith(CUSTOM)),
        "colored": sample.num_colors + sample.unresolved_colors,
    }


def _hue_lanes(sample: Sample) -> Iterator[tuple[Lane, float]]:
    """Each page weighs the same, so that one long page does not decide; see `MIN_TOKENS`."""
    counts = _hues(sample)
    if not counts:
        return
    top = [hue for hue, count in counts.items() if count == max(counts.values())]
    yield ("", "hue_pages"), 1
    for hue, count in counts.items():
        yield ("hue", hue), count / counts.total()
    for hue in top:
        # Hues that lead together share the page: no hue may win by its place in the alphabet.
        yield ("leader", hue), 1 / len(top)


def _hues(sample: Sample) -> Counter[str]:
    return hues_of(sample) if sample.num_colors >= MIN_TOKENS else Counter()


def _rarefied(samples: Sequence[Sample]) -> list[float]:
    """For each sample the number of utilities to expect in it and `DRAWS` - 1 others; empty for too few samples.

    Their mean is the number to expect in `DRAWS` samples. What a sample adds is the difference that it makes: the
    number to expect in all groups, less that in the groups without it.
    """
    n = len(samples)
    if n < DRAWS:
        return []
    occurrence = Counter(name for sample in samples for name, _ in sample.classes)
    seen = chances(n, DRAWS)
    everywhere = comb(n, DRAWS) * sum(seen[k] for k in occurrence.values())
    # A name that is in all n samples is in all n - 1 others too.
    other = [*(chances(n - 1, DRAWS) if n > DRAWS else [0.0] * n), 1.0]
    others = sum(other[k] for k in occurrence.values())
    groups, without = comb(n - 1, DRAWS - 1), comb(n - 1, DRAWS)
    return [
        (everywhere - without * (others + sum(other[occurrence[c] - 1] - other[occurrence[c]] for c, _ in s.classes)))
        / groups
        for s in samples
    ]


def _sizes(samples: Sequence[Sample], alike: Likeness | None) -> Mapping[str, int]:
    colored = sum(bool(sample.colors) for sample in samples)
    hued = sum(bool(_hues(sample)) for sample in samples)
    compared = len(alike.prompts) if alike else 0
    return {
        "eval/color_entropy": colored,
        "eval/color_shade_entropy": colored,
        "eval/hue_entropy": hued,
        "eval/blue_purple_share": hued,
        "eval/dominant_hue_share": hued,
        "eval/unique_tailwind_classes_3": len(samples),
        "eval/unique_tailwind_classes_1": len(samples),
        "eval/distinct_colors_1": len(samples),
        "eval/dead_class_rate": sum(bool(sample.judged_classes) for sample in samples),
        "eval/utility_share": sum(bool(sample.class_tokens) for sample in samples),
        "eval/structure_similarity": compared,
        "eval/structure_nearest": compared,
        "eval/structure_floor": compared,
        "eval/lightness_entropy": sum(sample.lightness in _LIGHTNESS for sample in samples),
        "eval/unresolved_color_share": sum(bool(s.num_colors or s.unresolved_colors) for s in samples),
    }
