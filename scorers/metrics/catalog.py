"""Every metric by name: what it means, its unit, and where a reader should look up.

Two kinds of bands stand beside one another. The *measured* ones grade a value: they lie between what healthy sets of
pages have and what collapsed ones have; docs/scores.md gives both distributions, and the command that measures them.
The *document's* are those of the metrics this tool took over; they are shown as what they are. Where the two
distributions overlap, no mark can tell them apart, so there is no measured band and no grade: color entropy is such a
metric, because grays, black and white carry most of it.

A metric with an interval has three companions: `…_low` and `…_high`, the ends of its 95 % interval, and `…_n`, the
number of samples that it says something of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from scorers.extraction import Found

EXTRACTION = "eval/extraction_"
"""What the names of the counts of answers by their shape begin with; the rest is a value of `Found`."""


class Grade(StrEnum):
    """How a value reads; a value between the bands has none."""

    GOOD = "good"
    MEDIUM = "medium"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Band:
    """All values from `low` to `high`, both included; None is without bound."""

    grade: Grade
    low: float | None = None
    high: float | None = None

    def __contains__(self, value: float) -> bool:
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """One metric. Bands share their bounds; the first that contains a value grades it.

    `bands` are the measured ones, `document_bands` those of the document that the metrics came with. `least` is the
    number of samples behind a value (its `…_n`) from which on the measured bands hold: a few pages may well be blue.
    `of` names the metric that this one is a companion of. What is not `logged` is in the JSON forms only: a chart for
    each would bury those that people look at. A `rare` count is 0 in most runs, and is charted from the evaluation on
    in which it first is not.
    """

    name: str
    unit: str
    meaning: str
    bands: tuple[Band, ...] = ()
    least: int = 0
    of: str = ""
    logged: bool = True
    rare: bool = False
    document_bands: tuple[Band, ...] = ()

    def grade(self, value: float | None, samples: float | None = None) -> Grade | None:
        """The grade of a value over so many samples, if there is one; without `samples`, enough are assumed.

        >>> METRICS["eval/syntax_validity_rate"].grade(0.95).value, METRICS["eval/hue_entropy"].grade(0.0, 8)
        ('good', None)
        """
        if value is None or (samples is not None and samples < self.least):
            return None
        return _grade(value, self.bands)

    def document_grade(self, value: float | None) -> Grade | None:
        """How the document that the metrics came with calls a value, whether or not that was found to hold.

        >>> METRICS["eval/color_entropy"].document_grade(3.4).value, METRICS["eval/color_entropy"].grade(3.4)
        ('good', None)
        """
        return None if value is None else _grade(value, self.document_bands)


def _grade(value: float, bands: tuple[Band, ...]) -> Grade | None:
    return next((band.grade for band in bands if value in band), None)


_PERPLEXITY = (Band(Grade.MEDIUM, 10, 20), Band(Grade.GOOD, None, 10), Band(Grade.BAD, 20, None))
_VALIDITY = (Band(Grade.GOOD, 0.95, None), Band(Grade.MEDIUM, 0.90, 0.95), Band(Grade.BAD, None, 0.90))
_ENTROPY = (Band(Grade.MEDIUM, 2, 3), Band(Grade.GOOD, 3, None), Band(Grade.BAD, None, 1.5))
_CLASSES = (Band(Grade.GOOD, 50, None), Band(Grade.BAD, None, 30), Band(Grade.MEDIUM, 30, 50))
# From windows of 12 and more pages of six tuned models and of a human collection (docs/scores.md): at most one healthy
# one in a hundred is beyond the bad mark; nearly all are whose pages have one hue, no hue, or one template's layout.
_LEAST = 12


def _rising(good: float, bad: float) -> tuple[Band, ...]:
    """Low values are good: up to `good`, and from `bad` on they are not."""
    return (Band(Grade.GOOD, None, good), Band(Grade.BAD, bad, None), Band(Grade.MEDIUM, good, bad))


_HUE = (Band(Grade.GOOD, 1.5, None), Band(Grade.BAD, None, 0.75), Band(Grade.MEDIUM, 0.75, 1.5))
_BLUE_PURPLE = _rising(0.65, 0.85)
_DOMINANT = _rising(0.75, 0.92)
_HUELESS = _rising(0.65, 0.85)
_DARK = _rising(0.85, 0.97)
_ALIKE = _rising(0.23, 0.3)
_NEAREST = _rising(0.65, 0.8)
_FLOOR = _rising(0.1, 0.14)

_INFOS = (
    MetricInfo("train/perplexity", "", "exp(loss) of a logged training step", _PERPLEXITY, document_bands=_PERPLEXITY),
    MetricInfo(
        *("eval/perplexity", "", "exp(mean loss per token) of the reference answers", _PERPLEXITY),
        document_bands=_PERPLEXITY,
    ),
    MetricInfo("eval/nll_per_char", "nats", "loss per character of the reference answers"),
    MetricInfo("eval/samples", "samples", "completions that were scored"),
    MetricInfo("eval/prompts", "prompts", "different prompts among them", logged=False),
    MetricInfo(
        *("eval/syntax_validity_rate", "0-1", "share of all samples whose code parses", _VALIDITY),
        document_bands=_VALIDITY,
    ),
    MetricInfo(
        "eval/syntax_validity_rate_complete", "0-1", "the same without samples cut by the token limit", _VALIDITY
    ),
    MetricInfo("eval/outcome_valid", "samples", "the code parses"),
    MetricInfo("eval/outcome_invalid", "samples", "the code is broken"),
    MetricInfo("eval/outcome_truncated", "samples", "the token limit cut the code"),
    MetricInfo("eval/outcome_no_code", "samples", "text without HTML or JSX"),
    MetricInfo("eval/outcome_empty", "samples", "nothing but blanks"),
    *(
        MetricInfo(f"{EXTRACTION}{found.value}", "samples", f"answers whose shape is `{found.value}`", rare=True)
        for found in Found
    ),
    MetricInfo("eval/script_error_rate", "0-1", "pages with scripts of which one does not parse"),
    MetricInfo("eval/early_error_rate", "0-1", "code that parses and that every bundler refuses"),
    MetricInfo("eval/soft_issues", "issues", "slips that browsers forgive, over all samples"),
    MetricInfo("eval/color_entropy", "bits", "diversity of color families, over all samples", document_bands=_ENTROPY),
    MetricInfo("eval/color_shade_entropy", "bits", "diversity of shades, over all samples"),
    MetricInfo("eval/hue_entropy", "bits", "diversity of eight hues, samples weighted alike", _HUE, _LEAST),
    MetricInfo("eval/blue_purple_share", "0-1", "blue to purple among hues, mean over samples", _BLUE_PURPLE, _LEAST),
    MetricInfo("eval/dominant_hue_share", "0-1", "samples led by the most common hue", _DOMINANT, _LEAST),
    MetricInfo("eval/hueless_share", "0-1", "pages without any color that has a hue", _HUELESS, _LEAST),
    MetricInfo("eval/lightness_dark_share", "0-1", "dark pages among those of known lightness", _DARK, _LEAST),
    MetricInfo("eval/lightness_entropy", "bits", "diversity of light and dark pages"),
    MetricInfo("eval/hue_samples", "samples", "samples with enough colors for the hue metrics"),
    MetricInfo("eval/unresolved_color_share", "0-1", "theme names without a known theme, of all colors"),
    MetricInfo("eval/total_colors_used", "occurrences", "color tokens, over all samples"),
    MetricInfo("eval/distinct_colors", "colors", "distinct color tokens, over all samples"),
    MetricInfo("eval/distinct_colors_1", "colors", "distinct color tokens in one sample, mean"),
    MetricInfo("eval/unique_tailwind_classes", "classes", "distinct utilities; grows with the number of samples"),
    MetricInfo(
        *("eval/unique_tailwind_classes_3", "classes", "distinct utilities to expect in three samples", _CLASSES),
        document_bands=_CLASSES,
    ),
    MetricInfo("eval/unique_tailwind_classes_1", "classes", "distinct utilities in one sample, mean"),
    MetricInfo("eval/utility_share", "0-1", "class names that are Tailwind utilities"),
    MetricInfo("eval/dead_class_rate", "0-1", "class names that neither Tailwind nor their page knows"),
    MetricInfo("eval/duplicate_share", "0-1", "samples whose code repeats that for another prompt"),
    MetricInfo("eval/structure_similarity", "0-1", "likeness of page structure, mean over pairs", _ALIKE, _LEAST),
    MetricInfo("eval/structure_nearest", "0-1", "likeness of each page to its nearest other page", _NEAREST, _LEAST),
    MetricInfo("eval/structure_floor", "0-1", "likeness of each page to those least like it", _FLOOR, _LEAST),
    MetricInfo("eval/lookalike_share", "0-1", "pages with the layout of another prompt's page"),
    MetricInfo("eval/distinct_4", "0-1", "distinct among all runs of four words"),
    MetricInfo("eval/repetition_share", "0-1", "samples that end in a repetition loop"),
)

RATES = (
    "eval/syntax_validity_rate",
    "eval/syntax_validity_rate_complete",
    "eval/duplicate_share",
    "eval/lookalike_share",
    "eval/repetition_share",
    "eval/script_error_rate",
    "eval/early_error_rate",
    "eval/hueless_share",
    "eval/lightness_dark_share",
)
"""Shares of samples: their intervals are Wilson's, clustered by prompt."""

POOLED = (
    "eval/color_entropy",
    "eval/color_shade_entropy",
    "eval/hue_entropy",
    "eval/blue_purple_share",
    "eval/dominant_hue_share",
    "eval/unique_tailwind_classes_3",
    "eval/unique_tailwind_classes_1",
    "eval/distinct_colors_1",
    "eval/utility_share",
    "eval/dead_class_rate",
    "eval/structure_similarity",
    "eval/structure_nearest",
    "eval/structure_floor",
    "eval/lightness_entropy",
    "eval/unresolved_color_share",
)
"""Statistics of all samples together: their intervals come from the bootstrap."""

# The interval of these is in every row; the others' are in the JSON forms.
_HEADLINES = frozenset(
    (
        "eval/syntax_validity_rate",
        "eval/color_entropy",
        "eval/blue_purple_share",
        "eval/unique_tailwind_classes_3",
    )
)


def _with_companions(info: MetricInfo) -> Iterator[MetricInfo]:
    yield info
    if info.name in RATES or info.name in POOLED:
        shown = info.name in _HEADLINES
        for end in ("low", "high"):
            meaning = f"{'lower' if end == 'low' else 'upper'} end of its 95 % interval"
            yield MetricInfo(f"{info.name}_{end}", info.unit, meaning, of=info.name, logged=shown)
        yield MetricInfo(f"{info.name}_n", "samples", "samples it is about", of=info.name, logged=False)


METRICS: Mapping[str, MetricInfo] = MappingProxyType(
    {info.name: info for base in _INFOS for info in _with_companions(base)}
)
_GRADED: Final = tuple((name, info) for name, info in METRICS.items() if info.bands or info.document_bands)


def grade_of(name: str, metrics: Mapping[str, float | None]) -> Grade | None:
    """The grade of one of an evaluation's metrics, over the samples that stand behind it.

    >>> grade_of("eval/hue_entropy", {"eval/hue_entropy": 0.0, "eval/hue_entropy_n": 40.0, "eval/samples": 64.0}).value
    'bad'
    """
    info = METRICS.get(name)
    behind = metrics.get(f"{name}_n", metrics.get("eval/samples"))
    return info.grade(metrics.get(name), behind) if info else None


def grades(metrics: Mapping[str, float | None]) -> dict[str, dict[str, str | None]]:
    """For every metric that has bands and a value: its grade by the measured bands, and by the document's.

    >>> grades({"eval/color_entropy": 3.4, "eval/samples": 64.0})
    {'eval/color_entropy': {'grade': None, 'document': 'good'}}
    """
    return {
        name: {"grade": _word(grade_of(name, metrics)), "document": _word(info.document_grade(metrics[name]))}
        for name, info in _GRADED
        if metrics.get(name) is not None
    }


def _word(grade: Grade | None) -> str | None:
    return None if grade is None else grade.value


def is_logged(name: str) -> bool:
    """Whether a metric belongs into the run's charts; one that is not known here (a plug-in's) does.

    >>> is_logged("eval/color_entropy_low"), is_logged("eval/utility_share_low"), is_logged("eval/mine/score")
    (True, False, True)
    """
    info = METRICS.get(name)
    return info is None or info.logged


def is_rare(name: str) -> bool:
    """Whether a metric is a count that most runs never have.

    >>> is_rare("eval/extraction_fence"), is_rare("eval/outcome_empty")
    (True, False)
    """
    info = METRICS.get(name)
    return info is not None and info.rare
