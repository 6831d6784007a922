"""The rules over pooled statistics: colors, hues, layouts, classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import scorers
from scorers.metrics.jackknife import Jackknifed
from scorers.sample import Sample
from tests.alerts.making import N, entry, episodes, healthy, page
from watcher.alerts import AlertSettings, Entry, Rule
from watcher.alerts.measures import Measure, measure
from watcher.alerts.statistics import difference
from watcher.model import AlertLevel

EARLY = healthy([50, 100, 150, 200])
Writer = Callable[[int, int], Sample]


def blue(position: int, step: int) -> Sample:
    return page(position, step, hue="blue")


def one_color(position: int, step: int) -> Sample:
    return page(position, step, hue="blue", neutral="blue")


def half_purple(position: int, step: int) -> Sample:
    return page(position, step, hue=("violet", "purple", "indigo")[position % 3] if position % 2 else "")


def one_layout(position: int, step: int) -> Sample:
    return page(position, step, layout=7)


def one_template(position: int, step: int) -> Sample:
    return page(position, step, layout=7, changed=0.35)


def gray(position: int, step: int) -> Sample:
    return page(position, step, hue="gray")


def dark(position: int, step: int) -> Sample:
    return page(position, step, lightness="dark")


def light(position: int, step: int) -> Sample:
    return page(position, step, lightness="light")


def few_classes(position: int, step: int) -> Sample:
    return page(position, step, classes=25)


def of(writer: Writer, *steps: int) -> list[Entry]:
    return [entry(step, [writer(i, step) for i in range(N)]) for step in steps]


COLLAPSES = [
    (Rule.COLORS_COLLAPSED, blue, "bits of color entropy", AlertLevel.WARN),
    (Rule.COLORS_COLLAPSED, one_color, "bits of color entropy", AlertLevel.ERROR),
    (Rule.BLUE_PURPLE_TAKEOVER, half_purple, "blue to purple", AlertLevel.WARN),
    (Rule.BLUE_PURPLE_TAKEOVER, blue, "blue to purple", AlertLevel.ERROR),
    (Rule.SAMPLES_ALIKE, one_layout, "similarity of the layouts", AlertLevel.ERROR),
    (Rule.SAMPLES_ALIKE, one_template, "to the tenth of the pages that is least similar to it", AlertLevel.ERROR),
    (Rule.HUES_GONE, gray, "of the pages without any hue", AlertLevel.ERROR),
    (Rule.ONE_LIGHTNESS, dark, "of the pages dark", AlertLevel.ERROR),
    (Rule.ONE_LIGHTNESS, light, "of the pages dark", AlertLevel.WARN),
    (Rule.CLASSES_NARROW, few_classes, "different Tailwind classes", AlertLevel.WARN),
]


@pytest.mark.parametrize(("rule", "writer", "words", "level"), COLLAPSES)
def test_a_collapse_is_raised_at_once_with_numbers_and_samples(
    rule: Rule, writer: Writer, words: str, level: AlertLevel
) -> None:
    found = episodes([*EARLY, *of(writer, 250)], rule)
    assert [(episode.step, episode.level, episode.active) for episode in found] == [(250, level, True)]
    assert words in found[0].evidence
    assert "on average at steps 50 to 200, for the same 64 samples" in found[0].evidence
    assert found[0].samples
    assert found[0].cause
    assert found[0].fix


@pytest.mark.parametrize(("rule", "writer", "words", "level"), COLLAPSES)
def test_an_episode_is_one_alarm_until_the_value_is_back_and_the_next_one_is_another(
    rule: Rule, writer: Writer, words: str, level: AlertLevel
) -> None:
    run = [*EARLY, *of(writer, 250, 300, 350), *healthy([400, 450, 500]), *of(writer, 550, 600)]
    found = episodes(run, rule)
    assert [(episode.step, episode.cleared_step) for episode in found] == [(250, 450), (550, None)]
    assert found[0].key != found[1].key
    keys = {episode.key for end in range(1, len(run)) for episode in episodes(run[:end], rule)}
    assert keys == {episode.key for episode in found}


def test_the_samples_shown_are_those_that_make_it_so() -> None:
    red = [page(i, 250, hue="violet" if 15 <= i < 50 else "red") for i in range(N)]
    found = episodes([*EARLY, entry(250, red)], Rule.BLUE_PURPLE_TAKEOVER)
    assert len(found[0].samples) == 5
    assert set(found[0].samples) <= set(range(15, 50))


@pytest.mark.parametrize("rule", [Rule.COLORS_COLLAPSED, Rule.BLUE_PURPLE_TAKEOVER, Rule.SAMPLES_ALIKE])
def test_poor_pages_of_an_untrained_model_are_no_collapse(rule: Rule) -> None:
    def poor(position: int, step: int) -> Sample:
        return page(position, step, hue="blue", neutral="blue", layout=1)

    assert not episodes([*of(poor, 20, 40, 60, 80), *healthy([120, 160])], rule)


def test_broken_code_is_no_reference_for_colors() -> None:
    # Nothing of it parses, so its colors are various by accident; what follows is what the data look like.
    broken = [entry(step, bad=range(N)) for step in (10, 20, 30)]
    assert not episodes([*broken, *of(half_purple, 60, 70, 80)], Rule.BLUE_PURPLE_TAKEOVER)


@pytest.mark.parametrize(
    ("rule", "writer"),
    [
        (Rule.COLORS_COLLAPSED, one_color),
        (Rule.BLUE_PURPLE_TAKEOVER, blue),
        (Rule.SAMPLES_ALIKE, one_layout),
        (Rule.SAMPLES_ALIKE, one_template),
        (Rule.HUES_GONE, gray),
        (Rule.ONE_LIGHTNESS, dark),
    ],
)
def test_a_model_that_never_was_various_is_told_of_once_it_should_be(rule: Rule, writer: Writer) -> None:
    found = episodes(of(writer, 50, 100, 150, 200), rule)
    assert [(episode.step, episode.level) for episode in found] == [(150, AlertLevel.ERROR)]
    assert "no evaluation so far was good" in found[0].evidence


def test_pages_that_always_were_light_are_no_collapse() -> None:
    assert not episodes(of(light, 50, 100, 150, 200, 250), Rule.ONE_LIGHTNESS)


def test_pages_whose_theme_or_background_is_unknown_are_neither_gray_nor_dark() -> None:
    def unknown(position: int, step: int) -> Sample:
        return replace(gray(position, step), unresolved_colors=5, lightness="")

    run = [*EARLY, *of(unknown, 250, 300)]
    assert not episodes(run, Rule.HUES_GONE)
    assert not episodes(run, Rule.ONE_LIGHTNESS)


def test_answers_that_are_gray_dark_or_of_one_template_are_no_collapse() -> None:
    for rule, writer in ((Rule.HUES_GONE, gray), (Rule.ONE_LIGHTNESS, dark), (Rule.SAMPLES_ALIKE, one_template)):
        answers = scorers.aggregate([writer(i, 0) for i in range(N)])
        assert not episodes([*EARLY, *of(writer, 250)], rule, references=answers)
        assert not episodes(of(writer, 150, 200), rule, references=answers)


def test_pages_of_one_brand_blue_are_a_collapse_only_where_the_answers_are_not() -> None:
    def brand(position: int, step: int) -> Sample:
        return page(position, step, hue="red" if position % 16 == 7 else "blue")

    answers = scorers.aggregate([page(i, 0) for i in range(N)])
    for rule in (Rule.COLORS_COLLAPSED, Rule.BLUE_PURPLE_TAKEOVER):
        assert not episodes(of(brand, 100, 150, 200), rule)
        assert episodes(of(brand, 100, 150, 200), rule, references=answers)


def test_what_the_validation_answers_look_like_is_no_collapse() -> None:
    answers = scorers.aggregate([blue(i, 0) for i in range(N)])
    for rule in (Rule.COLORS_COLLAPSED, Rule.BLUE_PURPLE_TAKEOVER):
        assert episodes([*EARLY, *of(blue, 250)], rule)
        assert not episodes([*EARLY, *of(blue, 250)], rule, references=answers)
        assert not episodes(of(blue, 150, 200), rule, references=answers)


def test_samples_of_one_prompt_are_no_independent_witnesses() -> None:
    now, before = (measure([page(i, step, hue=hue) for i in range(24)]) for step, hue in ((2, "blue"), (1, "")))
    pair = [now[Measure.CLASSES]], [before[Measure.CLASSES]]
    alone = difference(*pair)
    together = difference(*pair, prompts=[str(i // 6) for i in range(24)])
    assert (alone.prompts, together.prompts) == (24, 4)
    assert alone.value == together.value
    same = [found.value + (i // 6) * 0.01 for found in pair[0] for i in range(24)]
    clustered = [Jackknifed(pair[0][0].value, tuple(same), 24)]
    zero = [Jackknifed(0.0, (0.0,) * 24, 24)]
    assert (
        difference(clustered, zero, prompts=[str(i // 6) for i in range(24)]).error > difference(clustered, zero).error
    )


def test_few_pages_are_not_judged() -> None:
    def some(writer: Writer, step: int) -> Entry:
        return entry(step, [writer(i, step) for i in range(15)])

    run = [*[some(page, step) for step in (50, 100, 150, 200)], some(blue, 250), some(blue, 300)]
    assert not episodes(run, Rule.BLUE_PURPLE_TAKEOVER)
    assert episodes(run, Rule.BLUE_PURPLE_TAKEOVER, AlertSettings(least_pages=12))


def test_classes_that_stand_still_below_what_is_good_are_a_plateau() -> None:
    run = of(few_classes, *range(50, 400, 50))
    found = episodes(run, Rule.CLASSES_NARROW)
    assert [episode.step for episode in found] == [250]
    assert "24.8 different Tailwind classes to expect in three samples at steps 50 and 100, 24.8 at steps 150" in (
        found[0].evidence
    )
    assert "has stopped growing, below 30." in found[0].evidence


def test_some_classes_are_too_few_only_where_the_validation_answers_have_more() -> None:
    run = [entry(step, [page(i, step, classes=45) for i in range(N)]) for step in range(50, 400, 50)]
    assert not episodes(run, Rule.CLASSES_NARROW)
    found = episodes(run, Rule.CLASSES_NARROW, references={Measure.CLASSES.value: 60.0})
    assert "has stopped growing, below 45." in found[0].evidence
    assert "classes_good" in found[0].threshold


def test_classes_that_grow_or_are_as_many_as_in_the_validation_answers_are_no_plateau() -> None:
    growing = [entry(step, [page(i, step, classes=21 + step // 10) for i in range(N)]) for step in range(50, 400, 50)]
    assert not episodes(growing, Rule.CLASSES_NARROW)
    assert not episodes(
        of(few_classes, *range(50, 400, 50)), Rule.CLASSES_NARROW, references={Measure.CLASSES.value: 26.0}
    )


def test_measures_are_the_metrics_of_the_same_samples() -> None:
    samples = [blue(i, 1) if i % 3 else page(i, 1) for i in range(80)]
    metrics = scorers.aggregate(samples)
    assert {name: found.value for name, found in measure(samples).items()} == pytest.approx(
        {name: metrics[name] for name in Measure}
    )


def test_answers_to_one_prompt_are_not_compared_with_each_other() -> None:
    samples = [replace(page(i, 1, layout=i // 4), prompt=str(i // 4)) for i in range(20)]
    metrics, found = scorers.aggregate(samples), measure(samples)
    names = (Measure.SIMILARITY, Measure.NEAREST, Measure.FLOOR)
    for name in names:
        assert found[name].value == pytest.approx(metrics[name]) == 0
    samples[1] = page(1, 1)
    rest = scorers.aggregate([sample for i, sample in enumerate(samples) if i != 1])
    without = {name: measure(samples)[name].without[1] for name in names}
    assert without == pytest.approx({name: rest[name] for name in without})


def test_a_measure_without_a_page_is_that_of_the_other_pages() -> None:
    samples = [page(i, 1, hue="blue" if i < 9 else "", layout=i // 2) for i in range(20)]
    for left_out in (0, 7, 19):
        rest = scorers.aggregate([sample for i, sample in enumerate(samples) if i != left_out])
        assert {name: found.without[left_out] for name, found in measure(samples).items()} == pytest.approx(
            {name: rest[name] for name in Measure}
        )
