"""Every metric, declared once: what it means, what computes it, and where a reader should look up.

The computation, the intervals, `uimon score`'s table, the columns of `uimon status`, the log's figures, what is charted
in W&B, what the early warnings compare, and docs/metrics.md are made of these declarations, in their order. A further
metric is one more entry, wherever a reader of the table looks for it.

One with an interval takes the next free `place`, so that its keys follow all others of its kind in JSON documents:
`catalog` refuses to be imported where a place is missing, left free or taken twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from scorers.css.palette import BLUE_PURPLE
from scorers.extraction import AnswerShape
from scorers.measures.hues import hue_known, hues_of
from scorers.metrics import grades as bands
from scorers.metrics.cases import above_zero, copies, distinct_4, near_duplicates, unresolved, valid_if_complete
from scorers.metrics.computation import (
    Behind,
    Count,
    Elsewhere,
    Estimate,
    Pooled,
    Rate,
    if_any,
    rate_of,
)
from scorers.metrics.metric import Direction, Metric
from scorers.metrics.sections import (
    COMPARED,
    EXPECTED_CLASSES,
    FAMILIES,
    HUE_PAGES,
    HUES,
    LEADERS,
    LIGHTNESS,
    SAMPLES,
    SHADES,
    similarity_to_others,
)
from scorers.metrics.similarity import average, floor, nearest
from scorers.metrics.statistic import Entropy, Expected, Largest, MeanSimilarity, Ratio
from scorers.metrics.tally import each_sample
from scorers.sample import DARK, Outcome

EXTRACTION: Final = "eval/extraction_"
"""What the names of the counts of answers by their shape begin with; the rest is a value of `AnswerShape`."""
_HIGHER, _LOWER = Direction.HIGHER, Direction.LOWER


def _outcome(outcome: Outcome, meaning: str, better: Direction = _LOWER) -> Metric:
    count = Count(lambda corpus: float(corpus.outcomes[outcome]))
    return Metric(f"eval/outcome_{outcome.value}", "samples", meaning, count, better=better)


def _shape(found: AnswerShape) -> Metric:
    count = Count(lambda corpus: float(corpus.shapes[found.value]))
    return Metric(f"{EXTRACTION}{found.value}", "samples", f"answers whose shape is `{found.value}`", count, rare=True)


def _different(names: Iterable[str]) -> int:
    return len(set(names))


DECLARED: Final = (
    Metric(
        "train/perplexity",
        "",
        "exp(loss) of a logged training step",
        Elsewhere.TRAINER,
        better=_LOWER,
        bands=bands.PERPLEXITY,
        document_bands=bands.PERPLEXITY,
    ),
    Metric(
        "eval/perplexity",
        "",
        "exp(mean loss per token) of the reference answers",
        Elsewhere.ENGINE,
        better=_LOWER,
        bands=bands.PERPLEXITY,
        document_bands=bands.PERPLEXITY,
        headline="ppl",
    ),
    Metric("eval/nll_per_char", "nats", "loss per character of the reference answers", Elsewhere.ENGINE, better=_LOWER),
    Metric(
        "eval/references_skipped",
        "answers",
        "reference answers that are not measured: too long, or unusable",
        Elsewhere.ENGINE,
        better=_LOWER,
    ),
    Metric(
        "eval/prompts_skipped",
        "prompts",
        "prompts that are left out: too long, or unusable",
        Elsewhere.ENGINE,
        better=_LOWER,
    ),
    Metric("eval/samples", "samples", "completions that were scored", Count(lambda corpus: float(len(corpus.samples)))),
    Metric(
        "eval/prompts",
        "prompts",
        "different prompts among them",
        Count(lambda corpus: float(_different(corpus.prompts))),
        logged=False,
    ),
    Metric(
        "eval/syntax_validity_rate",
        "0-1",
        "share of all samples whose code parses",
        rate_of(lambda sample: sample.syntax_valid),
        better=_HIGHER,
        bands=bands.VALIDITY,
        document_bands=bands.VALIDITY,
        headline="valid",
        place=1,
    ),
    Metric(
        "eval/syntax_validity_rate_complete",
        "0-1",
        "the same without samples cut by the token limit",
        rate_of(valid_if_complete),
        better=_HIGHER,
        bands=bands.VALIDITY,
        place=2,
    ),
    _outcome(Outcome.VALID, "the code parses", _HIGHER),
    _outcome(Outcome.INVALID, "the code is broken"),
    _outcome(Outcome.TRUNCATED, "the token limit cut the code"),
    _outcome(Outcome.NO_CODE, "text without HTML or JSX"),
    _outcome(Outcome.EMPTY, "nothing but blanks"),
    *map(_shape, AnswerShape),
    Metric(
        "eval/script_error_rate",
        "0-1",
        "pages with scripts of which one does not parse",
        rate_of(lambda sample: above_zero(sample.script_errors)),
        better=_LOWER,
        place=6,
    ),
    Metric(
        "eval/early_error_rate",
        "0-1",
        "code that parses and that every bundler refuses",
        rate_of(lambda sample: above_zero(sample.early_errors)),
        better=_LOWER,
        place=7,
    ),
    Metric(
        "eval/soft_issues",
        "issues",
        "slips that browsers forgive, over all samples",
        Count(lambda corpus: float(sum(sample.soft_issues for sample in corpus.samples))),
        better=_LOWER,
    ),
    Metric(
        "eval/color_entropy",
        "bits",
        "diversity of color families, over all samples",
        Pooled(Entropy(FAMILIES)),
        better=_HIGHER,
        document_bands=bands.ENTROPY,
        headline="entropy",
        watched=True,
        place=10,
    ),
    Metric(
        "eval/color_shade_entropy",
        "bits",
        "diversity of shades, over all samples",
        Pooled(Entropy(SHADES)),
        better=_HIGHER,
        place=11,
    ),
    Metric(
        "eval/hue_entropy",
        "bits",
        "diversity of eight hues, samples weighted alike",
        Pooled(Entropy(HUES)),
        better=_HIGHER,
        bands=bands.HUE,
        least=bands.LEAST,
        watched=True,
        place=12,
    ),
    Metric(
        "eval/blue_purple_share",
        "0-1",
        "blue to purple among hues, mean over samples",
        Pooled(Ratio(HUES, HUE_PAGES, BLUE_PURPLE)),
        better=_LOWER,
        bands=bands.BLUE_PURPLE,
        least=bands.LEAST,
        headline="blue",
        watched=True,
        place=13,
    ),
    Metric(
        "eval/dominant_hue_share",
        "0-1",
        "samples led by the most common hue",
        Pooled(Largest(LEADERS, HUE_PAGES)),
        better=_LOWER,
        bands=bands.DOMINANT,
        least=bands.LEAST,
        place=14,
    ),
    Metric(
        "eval/hueless_share",
        "0-1",
        "pages without any color that has a hue",
        rate_of(lambda sample: not hues_of(sample) if hue_known(sample) else None),
        better=_LOWER,
        bands=bands.HUELESS,
        least=bands.LEAST,
        watched=True,
        place=8,
    ),
    Metric(
        "eval/lightness_dark_share",
        "0-1",
        "dark pages among those of known lightness",
        rate_of(lambda sample: sample.lightness == DARK if sample.lightness else None),
        better=_LOWER,
        bands=bands.DARK,
        least=bands.LEAST,
        watched=True,
        place=9,
    ),
    Metric(
        "eval/lightness_entropy",
        "bits",
        "diversity of light and dark pages",
        Pooled(Entropy(LIGHTNESS)),
        better=_HIGHER,
        place=23,
    ),
    Metric("eval/hue_samples", "samples", "samples with enough colors for the hue metrics", Behind(HUE_PAGES)),
    Metric(
        "eval/unresolved_color_share",
        "0-1",
        "theme names without a known theme, of all colors",
        Pooled(
            Ratio(
                each_sample("unresolved colors", unresolved),
                each_sample("all colors", lambda sample: sample.num_colors + sample.unresolved_colors),
            )
        ),
        better=_LOWER,
        place=24,
    ),
    Metric(
        "eval/total_colors_used",
        "occurrences",
        "color tokens, over all samples",
        if_any(lambda corpus: sum(sample.num_colors for sample in corpus.samples)),
        headline="colors",
    ),
    Metric(
        "eval/distinct_colors",
        "colors",
        "distinct color tokens, over all samples",
        if_any(lambda corpus: _different(name for s in corpus.samples for name, _ in s.colors)),
        better=_HIGHER,
    ),
    Metric(
        "eval/distinct_colors_1",
        "colors",
        "distinct color tokens in one sample, mean",
        Pooled(Ratio(each_sample("distinct colors", lambda sample: len(sample.colors)), SAMPLES)),
        better=_HIGHER,
        place=17,
    ),
    Metric(
        "eval/unique_tailwind_classes",
        "classes",
        "distinct utilities; grows with the number of samples",
        if_any(lambda corpus: _different(name for s in corpus.samples for name, _ in s.classes)),
        better=_HIGHER,
    ),
    Metric(
        "eval/unique_tailwind_classes_3",
        "classes",
        "distinct utilities to expect in three samples",
        Pooled(Expected(EXPECTED_CLASSES, SAMPLES)),
        better=_HIGHER,
        bands=bands.CLASSES,
        document_bands=bands.CLASSES,
        headline="classes",
        watched=True,
        place=15,
    ),
    Metric(
        "eval/unique_tailwind_classes_1",
        "classes",
        "distinct utilities in one sample, mean",
        Pooled(Ratio(each_sample("distinct classes", lambda sample: len(sample.classes)), SAMPLES)),
        better=_HIGHER,
        place=16,
    ),
    Metric(
        "eval/utility_share",
        "0-1",
        "class names that are Tailwind utilities",
        Pooled(
            Ratio(
                each_sample("utilities", lambda sample: sample.num_classes),
                each_sample("class names", lambda sample: sample.class_tokens),
            )
        ),
        place=18,
    ),
    Metric(
        "eval/dead_class_rate",
        "0-1",
        "class names that neither Tailwind nor their page knows",
        Pooled(
            Ratio(
                each_sample("dead classes", lambda sample: sample.dead_classes),
                each_sample("judged classes", lambda sample: sample.judged_classes),
            )
        ),
        better=_LOWER,
        place=19,
    ),
    Metric(
        "eval/duplicate_share",
        "0-1",
        "samples whose code repeats that for another prompt",
        Rate(copies),
        better=_LOWER,
        place=3,
    ),
    Metric(
        "eval/structure_similarity",
        "0-1",
        "similarity of page structure, mean over pairs",
        Pooled(MeanSimilarity(average, similarity_to_others("similarity", average), COMPARED, pairs=True)),
        better=_LOWER,
        bands=bands.SIMILARITY,
        least=bands.LEAST,
        watched=True,
        place=20,
    ),
    Metric(
        "eval/structure_nearest",
        "0-1",
        "similarity of each page to its nearest other page",
        Pooled(MeanSimilarity(nearest, similarity_to_others("nearest", nearest), COMPARED)),
        better=_LOWER,
        bands=bands.NEAREST,
        least=bands.LEAST,
        watched=True,
        place=21,
    ),
    Metric(
        "eval/structure_floor",
        "0-1",
        "similarity of each page to those least like it",
        Pooled(MeanSimilarity(floor, similarity_to_others("floor", floor), COMPARED)),
        better=_LOWER,
        bands=bands.FLOOR,
        least=bands.LEAST,
        watched=True,
        place=22,
    ),
    Metric(
        "eval/lookalike_share",
        "0-1",
        "pages with the layout of another prompt's page",
        Rate(near_duplicates),
        better=_LOWER,
        place=4,
    ),
    Metric("eval/distinct_4", "0-1", "distinct among all runs of four words", Estimate(distinct_4), better=_HIGHER),
    Metric(
        "eval/repetition_share",
        "0-1",
        "samples that end in a repetition loop",
        rate_of(lambda sample: sample.loops),
        better=_LOWER,
        place=5,
    ),
)
