"""From samples to metrics: sums, undefined values, entropies, intervals, rarefaction."""

import json
import math
import random
from collections import Counter
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers import (
    METRICS,
    Completion,
    Grade,
    Language,
    Outcome,
    Sample,
    aggregate,
    grade_of,
    grades,
    score,
    score_sample,
)
from scorers.css.palette import family, palette
from scorers.extraction import AnswerShape
from scorers.metrics.catalog import POOLED, RATES
from scorers.metrics.computation import Elsewhere
from scorers.metrics.statistics import entropy, rarefied, wilson

COLORS = ("red-500", "blue-500", "teal-300", "amber-200", "pink-700", "gray-100", "white", "black")


def sample(*colors: str, outcome: Outcome = Outcome.VALID, classes: tuple[str, ...] = ()) -> Sample:
    return Sample(
        "",
        outcome,
        colors=tuple(sorted(Counter(colors).items())),
        num_colors=len(colors),
        classes=tuple(sorted(Counter(classes).items())),
        num_classes=len(classes),
        class_tokens=len(classes),
    )


def number(metrics: dict[str, float | None], name: str) -> float:
    value = metrics[name]
    assert value is not None
    return value


def test_of_no_samples_counts_are_zero_and_everything_else_is_undefined() -> None:
    metrics = aggregate([])
    defined = {name: value for name, value in metrics.items() if value is not None}
    assert set(defined) == {
        "eval/samples",
        "eval/prompts",
        "eval/soft_issues",
        "eval/hue_samples",
        *(f"eval/outcome_{o.value}" for o in Outcome),
        *(f"eval/extraction_{found.value}" for found in AnswerShape),
        *(f"{name}_n" for name in (*RATES, *POOLED)),
    }
    assert set(defined.values()) == {0.0}


def test_every_metric_is_always_there_and_explained() -> None:
    names = {name for name, metric in METRICS.items() if not isinstance(metric.computed, Elsewhere)}
    assert set(aggregate([])) == set(aggregate([sample("red-500")] * 5)) == names


def test_what_the_samples_do_not_hold_is_undefined_and_never_zero() -> None:
    metrics = score([Completion(""), Completion("I cannot.")]).metrics
    assert metrics["eval/syntax_validity_rate"] == 0
    for name in ("color_entropy", "color_shade_entropy", "hue_entropy", "blue_purple_share", "dominant_hue_share"):
        assert metrics[f"eval/{name}"] is None
    for name in ("utility_share", "duplicate_share", "structure_similarity", "lookalike_share", "distinct_4"):
        assert metrics[f"eval/{name}"] is None
    assert metrics["eval/unique_tailwind_classes_3"] is None
    assert metrics["eval/color_entropy_n"] == 0
    assert metrics["eval/color_entropy_low"] is None
    assert metrics["eval/total_colors_used"] == 0


def test_only_samples_cut_by_the_token_limit_leave_the_rate_of_complete_ones() -> None:
    outcomes = [Outcome.VALID] * 3 + [Outcome.INVALID, Outcome.NO_CODE, Outcome.EMPTY] + [Outcome.TRUNCATED] * 4
    metrics = aggregate(sample(outcome=outcome) for outcome in outcomes)
    assert metrics["eval/syntax_validity_rate"] == 0.3
    assert metrics["eval/syntax_validity_rate_complete"] == 0.5
    assert aggregate([sample(outcome=Outcome.TRUNCATED)])["eval/syntax_validity_rate_complete"] is None


SAMPLES = st.lists(
    st.builds(
        lambda outcome, colors, classes, prompt: replace(
            sample(*colors, outcome=outcome, classes=tuple(classes)), prompt=prompt
        ),
        st.sampled_from(Outcome),
        st.lists(st.sampled_from(COLORS), max_size=8),
        st.lists(st.sampled_from(("p-1", "flex", "mt-2", "w-1/2")), max_size=6),
        st.sampled_from(("", "a", "b")),
    ),
    max_size=16,
)


@settings(max_examples=100, deadline=None)
@given(SAMPLES)
def test_outcomes_sum_to_n_and_every_value_is_finite_and_in_its_range(samples: list[Sample]) -> None:
    metrics = aggregate(samples, replicates=20)
    assert sum(number(metrics, f"eval/outcome_{o.value}") for o in Outcome) == metrics["eval/samples"] == len(samples)
    for name, value in metrics.items():
        assert value is None or (math.isfinite(value) and value >= 0), name
        assert value is None or METRICS[name].unit != "0-1" or value <= 1, name
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    for name in (*RATES, *POOLED):
        value, low, high = metrics[name], metrics[f"{name}_low"], metrics[f"{name}_high"]
        assert low is None or (value is not None and high is not None and low <= value <= high), name
    assert aggregate([Sample.from_dict(s.to_dict()) for s in samples], replicates=20) == metrics


def test_color_entropy_is_over_families_pooled_over_all_samples() -> None:
    metrics = aggregate([sample("blue-500", "blue-700"), sample("red-500", "red-100")])
    assert metrics["eval/color_entropy"] == 1
    assert metrics["eval/color_shade_entropy"] == 2
    assert (metrics["eval/total_colors_used"], metrics["eval/distinct_colors"]) == (4, 4)
    assert aggregate([sample("blue-500", "blue-700")])["eval/color_entropy"] == 0


def recolored(page: Sample, to: str) -> Sample:
    """The page with every hue replaced by one, shades and grays kept."""
    counts: Counter[str] = Counter()
    for token, count in page.colors:
        shade = token.partition("-")[2]
        counts[token if family(token) in ("gray", "white", "black") else f"{to}-{shade}"] += count
    return replace(page, colors=tuple(sorted(counts.items())))


def test_an_all_blue_recoloring_lowers_the_entropies_and_raises_the_blue_purple_share() -> None:
    shades = [token for token in sorted(palette()) if token.endswith(("-300", "-500", "-700")) and "gray" not in token]
    pages = [sample(*shades[i % 60 :: 23], "white", "gray-100") for i in range(16)]
    before, after = aggregate(pages), aggregate([recolored(page, "blue") for page in pages])
    for name in ("eval/color_entropy", "eval/color_shade_entropy", "eval/hue_entropy"):
        assert number(after, name) < number(before, name) - 0.5
    assert number(before, "eval/blue_purple_share") < 0.6
    assert after["eval/blue_purple_share"] == after["eval/dominant_hue_share"] == 1
    assert after["eval/hue_entropy"] == 0
    assert after["eval/total_colors_used"] == before["eval/total_colors_used"]


def test_a_takeover_by_neighboring_hues_is_seen_by_the_hue_metrics() -> None:
    metrics = aggregate([sample("blue-500", "indigo-500", "violet-500", "purple-500", "white")] * 16)
    assert number(metrics, "eval/color_entropy") > 2
    assert (metrics["eval/hue_entropy"], metrics["eval/blue_purple_share"]) == (0, 1)


def test_hue_metrics_weigh_pages_alike_and_leave_out_pages_with_few_colors() -> None:
    long_blue, short_red = sample(*["blue-500"] * 97), sample("red-500", "red-500", "white")
    metrics = aggregate([long_blue, short_red, sample("blue-500", "blue-500"), sample("white", "black", "gray-100")])
    assert metrics["eval/hue_samples"] == 2
    assert metrics["eval/blue_purple_share"] == 0.5
    assert metrics["eval/hue_entropy"] == 1
    assert metrics["eval/dominant_hue_share"] == 0.5


def test_hues_that_lead_together_share_their_page() -> None:
    metrics = aggregate([sample("blue-500", "red-500", "white"), sample("red-500", "red-300", "white")])
    assert metrics["eval/dominant_hue_share"] == 0.75


@settings(max_examples=60, deadline=None)
@given(st.lists(st.frozensets(st.sampled_from("abcdefg")), min_size=3, max_size=7))
def test_rarefaction_is_the_mean_over_all_draws_of_three(samples: list[frozenset[str]]) -> None:
    draws = list(combinations(samples, 3))
    expected = sum(len(frozenset().union(*draw)) for draw in draws) / len(draws)
    found = rarefied([sorted(names) for names in samples], 3)
    assert found is not None
    assert found.value == pytest.approx(expected)
    metrics = aggregate(sample(classes=(*names, *names)) for names in samples)
    assert metrics["eval/unique_tailwind_classes_3"] == pytest.approx(expected)
    assert metrics["eval/unique_tailwind_classes"] == len(frozenset().union(*samples))


def test_intervals_are_wilson_of_rates_and_bootstrapped_of_pooled_statistics() -> None:
    pages = [sample(*COLORS[i % 5 : i % 5 + 4], outcome=Outcome.VALID if i % 8 else Outcome.INVALID) for i in range(64)]
    metrics = aggregate(pages)
    assert (metrics["eval/syntax_validity_rate_low"], metrics["eval/syntax_validity_rate_high"]) == wilson(56, 64)
    assert number(metrics, "eval/color_entropy_low") < number(metrics, "eval/color_entropy")
    assert number(metrics, "eval/color_entropy") < number(metrics, "eval/color_entropy_high")
    assert number(metrics, "eval/color_entropy_high") - number(metrics, "eval/color_entropy_low") < 0.5
    assert aggregate(pages) == metrics
    without = aggregate(pages, replicates=0)
    assert {name for name in metrics if metrics[name] != without[name]} == {
        f"{name}_{end}" for name in POOLED for end in ("low", "high") if metrics[f"{name}_low"] is not None
    }


def test_samples_of_one_prompt_widen_every_interval() -> None:
    def page(i: int, prompt: str) -> Sample:
        blue = i % 4 < 2
        made = sample(
            *(("blue-500",) if blue else ("red-500",)) * 3, outcome=Outcome.VALID if blue else Outcome.INVALID
        )
        return replace(made, prompt=prompt)

    apart = aggregate([page(i, "") for i in range(64)])
    together = aggregate([page(i, f"p{i % 16}") for i in range(64)])
    assert (apart["eval/prompts"], together["eval/prompts"]) == (64, 16)
    for name in ("eval/syntax_validity_rate", "eval/blue_purple_share"):
        assert apart[name] == together[name] == 0.5
        widths = [number(m, f"{name}_high") - number(m, f"{name}_low") for m in (apart, together)]
        assert widths[1] > 1.5 * widths[0]


def test_pooled_intervals_need_eight_prompts() -> None:
    pages = [replace(sample("blue-500", "red-500"), prompt=f"p{i % 7}") for i in range(70)]
    assert aggregate(pages)["eval/color_entropy_low"] is None
    assert aggregate([*pages, sample("blue-500")])["eval/color_entropy_low"] is not None


def test_rarefaction_of_fewer_samples_than_draws_is_undefined() -> None:
    assert aggregate([sample(classes=("p-1",))] * 2)["eval/unique_tailwind_classes_3"] is None


# From R: prop.test(x, n, correct = FALSE).
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (1, 1, 0.2065, 1.0),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_the_wilson_interval_has_its_known_bounds(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_entropy_has_its_known_values() -> None:
    assert entropy([1] * 8) == 3
    assert entropy([3, 1]) == pytest.approx(0.8112781)
    assert (entropy([7]), entropy([]), entropy([0, 0])) == (0, None, None)


def test_utility_share_counts_occurrences_over_all_samples() -> None:
    codes = ["<p class='p-4 p-4 card'>", "<p class='card fa-x flex'>"]
    metrics = aggregate(score_sample(Completion(code, language=Language.HTML)) for code in codes)
    assert metrics["eval/utility_share"] == 0.5


@pytest.mark.parametrize(
    ("name", "value", "samples", "grade"),
    [
        ("eval/color_entropy", 3.4, 64, None),
        ("eval/color_entropy", 1.4, 64, None),
        ("eval/syntax_validity_rate", 0.89, 64, Grade.BAD),
        ("eval/hue_entropy", None, 64, None),
        ("eval/hue_entropy", 0.7, 12, Grade.BAD),
        ("eval/hue_entropy", 0.7, 11, None),
        ("eval/hue_entropy", 1.8, 64, Grade.GOOD),
        ("eval/blue_purple_share", 0.9, 64, Grade.BAD),
        ("eval/hueless_share", 1.0, 16, Grade.BAD),
        ("eval/structure_floor", 0.2, 16, Grade.BAD),
        ("eval/structure_similarity", 0.46, 16, Grade.BAD),
        ("eval/structure_nearest", 0.6, 64, Grade.GOOD),
        ("eval/unique_tailwind_classes", 12.0, 64, None),
        ("eval/unique_tailwind_classes_3", 29.0, 64, Grade.BAD),
    ],
)
def test_measured_bands_grade_values(name: str, value: float | None, samples: int, grade: Grade | None) -> None:
    assert METRICS[name].grade(value, samples) is grade


def test_the_samples_behind_a_value_decide_whether_it_is_graded() -> None:
    metrics = {"eval/samples": 64.0, "eval/hue_entropy": 0.0, "eval/hue_entropy_n": 11.0}
    assert grade_of("eval/hue_entropy", metrics) is None
    assert grade_of("eval/hue_entropy", metrics | {"eval/hue_entropy_n": 12.0}) is Grade.BAD
    assert grade_of("eval/hue_entropy", {"eval/samples": 64.0, "eval/hue_entropy": 0.0}) is Grade.BAD
    assert grade_of("eval/mine/score", {"eval/mine/score": 1.0}) is None


@pytest.mark.parametrize(("value", "grade"), [(3.1, Grade.GOOD), (3.0, Grade.MEDIUM), (1.4, Grade.BAD), (None, None)])
def test_the_documents_bands_stay_beside_the_measured_ones(value: float | None, grade: Grade | None) -> None:
    assert METRICS["eval/color_entropy"].document_grade(value) is grade
    found = grades({"eval/color_entropy": value, "eval/samples": 64.0})
    assert found == ({} if value is None else {"eval/color_entropy": {"grade": None, "document": grade}})


def page(**fields: Any) -> Sample:
    return replace(Sample("", Outcome.VALID, Language.HTML, fingerprint="f"), **fields)


def test_pages_without_a_hue_are_counted_among_the_pages_that_tell() -> None:
    gray = page(colors=(("gray-500", 3), ("white", 1)), num_colors=4, hues=())
    blue = page(colors=(("blue-500", 3),), num_colors=3, hues=(("blue_purple", 3),))
    bare, unknown = page(lightness="light"), page(unresolved_colors=2)
    known, empty = replace(blue, unresolved_colors=2), Sample("", Outcome.EMPTY)
    metrics = aggregate([gray, blue, bare, unknown, known, empty])
    assert (metrics["eval/hueless_share"], metrics["eval/hueless_share_n"]) == (0.5, 4)
    old = page(colors=(("custom:primary", 1), ("gray-500", 1)), num_colors=2)
    assert aggregate([old])["eval/hueless_share"] is None


COLORED_ELSEWHERE = (
    ("<html><head><link rel=stylesheet href=bootstrap.css></head><body><a class='btn btn-primary'>x</a></body></html>"),
    ("import { Button } from 'antd'; export default () => <Button type='primary'>x</Button>"),
    ("export default () => <div className='flex p-4'><Card /></div>"),
)


@pytest.mark.parametrize("code", COLORED_ELSEWHERE)
def test_pages_that_a_library_colors_are_not_called_gray(code: str) -> None:
    language = Language.HTML if code.startswith("<") else Language.TSX
    pages = [score_sample(Completion(code, language=language, prompt=str(n))) for n in range(3)]
    assert aggregate(pages)["eval/hueless_share"] is None
    bare = score_sample(Completion("<html><body><p>x</p></body></html>", language=Language.HTML))
    assert aggregate([bare])["eval/hueless_share"] == 1.0


def test_light_and_dark_pages_are_counted_where_the_background_is_known() -> None:
    pages = [page(lightness=value) for value in ("dark", "light", "light", "light", "", "")]
    metrics = aggregate(pages)
    assert (metrics["eval/lightness_dark_share"], metrics["eval/lightness_dark_share_n"]) == (0.25, 4)
    assert metrics["eval/lightness_entropy"] == pytest.approx(0.8113, abs=1e-4)
    assert metrics["eval/lightness_entropy_n"] == 4
    assert aggregate(pages[:1])["eval/lightness_entropy"] == 0
    assert aggregate(pages[4:])["eval/lightness_entropy"] is None


def test_the_new_statistics_have_intervals() -> None:
    rng = random.Random(4)
    samples = [page(prompt=str(n), lightness=rng.choice(("light", "dark")), shape=(n, n + 1, 9)) for n in range(24)]
    metrics = aggregate(samples)
    for name in ("eval/hueless_share", "eval/lightness_dark_share", "eval/lightness_entropy", "eval/structure_floor"):
        assert number(metrics, f"{name}_low") <= number(metrics, name) <= number(metrics, f"{name}_high"), name


def test_shapes_are_counted_also_those_that_only_another_version_knows() -> None:
    fresh = [score_sample(Completion(text)) for text in ("```html\n<p>Hi</p>\n```", "", "No.")]
    stored = [Sample("a", Outcome.VALID, extraction="wreath"), Sample("b", Outcome.EMPTY)]
    metrics = aggregate([*fresh, *stored])
    counts = {name: value for name, value in metrics.items() if name.startswith("eval/extraction_") and value}
    assert counts == {
        "eval/extraction_fence": 1,
        "eval/extraction_none": 1,
        "eval/extraction_empty": 2,
        "eval/extraction_wreath": 1,
    }
