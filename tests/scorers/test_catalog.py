"""Every metric is declared once, and everything else about it follows from that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scorers import METRICS, Direction, Grade, Metric, Outcome, Sample, aggregate
from scorers.metrics.aggregation import jackknifed
from scorers.metrics.catalog import HEADLINES, POOLED, RATES, WATCHED, by_name, in_place
from scorers.metrics.computation import Count, Elsewhere, Pooled, rate_of
from scorers.metrics.corpus import Corpus
from scorers.metrics.page import refreshed
from scorers.metrics.sections import HUE_PAGES, LEADERS
from scorers.metrics.statistic import Largest
from scorers.metrics.tally import Section, Tally
from watcher.alerts.measures import Measure, measure
from watcher.evaluation.evaluate import ENGINE_METRICS
from watcher.report.terminal import COLUMNS

DECLARED = [metric for metric in METRICS.values() if not metric.of]


def page(number: int) -> Sample:
    colors = ("blue-500", "red-500", "teal-300", "gray-100")[number % 3 :]
    classes = tuple((f"p-{n}", 1) for n in range(number % 4 + 1))
    return Sample(
        "",
        Outcome.VALID,
        colors=tuple(sorted((color, 2) for color in colors)),
        num_colors=2 * len(colors),
        classes=classes,
        num_classes=len(classes),
        shape=tuple(range(number % 5, 30)),
        fingerprint=str(number),
        lightness="dark" if number % 3 else "light",
    )


PAGES = [page(number) for number in range(12)]


def test_what_is_declared_is_computed_and_what_is_computed_is_declared() -> None:
    of_samples = {name for name, metric in METRICS.items() if not isinstance(metric.computed, Elsewhere)}
    assert set(aggregate(PAGES)) == of_samples
    assert {metric.name for metric in METRICS.values() if metric.has_interval} == {*RATES, *POOLED}


def test_two_metrics_of_one_name_are_refused() -> None:
    one = Metric("eval/one", "", "", rate_of(lambda sample: True))
    twin = Metric("eval/one_low", "", "", Count(lambda corpus: 0.0))
    with pytest.raises(ValueError, match="eval/one_low"):
        by_name((one, twin))


def test_a_metric_with_an_interval_takes_the_next_free_place() -> None:
    first, second = (Metric(f"eval/{n}", "", "", rate_of(lambda sample: True), place=n) for n in (1, 2))
    count = Metric("eval/count", "", "", Count(lambda corpus: 0.0))
    assert in_place((second, count, first)) == (count, first, second)
    forgotten, taken, ahead = (replace(second, name="eval/new", place=place) for place in (0, 1, 4))
    for wrong in (forgotten, taken, ahead):
        with pytest.raises(ValueError, match=r"eval/\w+' has the place \d where \d is due; 3 is free"):
            in_place((first, wrong, second))
    with pytest.raises(ValueError, match="eval/count' has the place 3 where 0 is due"):
        in_place((first, replace(count, place=3), second))


def test_two_sections_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="leading hues"):
        Tally.of(Corpus(()), (LEADERS, Section("leading hues", LEADERS.amounts)))


def test_what_cannot_leave_a_sample_out_cannot_be_watched() -> None:
    with pytest.raises(TypeError, match="eval/one"):
        Metric("eval/one", "", "", Pooled(Largest(LEADERS, HUE_PAGES)), watched=True)


def test_warnings_compare_what_is_declared_as_watched() -> None:
    assert {*Measure} == {metric.name for metric in WATCHED}
    assert list(measure(PAGES)) == list(jackknifed(PAGES)) == [metric.name for metric in WATCHED]


def test_the_engine_measures_what_is_declared_as_its_own() -> None:
    assert {*ENGINE_METRICS} == {m.name for m in DECLARED if m.computed is Elsewhere.ENGINE}
    assert {name for name in METRICS if name.startswith("train/")} == {"train/perplexity"}


def test_headlines_have_columns_and_their_intervals_are_charted() -> None:
    assert list(COLUMNS)[:-1] == [metric.name for metric in HEADLINES]
    charted = {metric.of for metric in METRICS.values() if metric.of and metric.logged}
    assert charted == {metric.name for metric in HEADLINES if metric.has_interval}


@pytest.mark.parametrize("metric", [metric for metric in DECLARED if metric.bands], ids=lambda metric: metric.name)
def test_good_values_lie_where_the_better_ones_are(metric: Metric) -> None:
    good, bad = (next(b for b in metric.bands if b.grade is grade) for grade in (Grade.GOOD, Grade.BAD))
    if metric.better is Direction.HIGHER:
        assert good.low is not None
        assert bad.high is not None
        assert bad.high < good.low
    else:
        assert metric.better is Direction.LOWER
        assert good.high is not None
        assert bad.low is not None
        assert good.high <= bad.low


def test_the_page_has_the_table_of_the_declarations() -> None:
    """`python -m scorers.metrics.page docs/metrics.md` writes it."""
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")
    assert text == refreshed(text)
    with pytest.raises(ValueError, match="metrics:table"):
        refreshed("# Metrics\n")
