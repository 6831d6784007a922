"""The rules over perplexity and the table of expected progress."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from tests.alerts.making import entry, episodes, page
from watcher.alerts import AlertSettings, Entry, Milestone, Rule
from watcher.model import AlertLevel

LEARNING = (8.0, 5.0, 4.0, 3.5, 3.25, 3.1, 3.05, 3.02, 3.0)
FALLING = tuple((step, 1.2 - step / 2000) for step in range(10, 1000, 10))
RISING = tuple((step, 1.2 if step <= 450 else 1.5) for step in range(10, 1000, 10))


def of(perplexities: Sequence[float | None]) -> list[Entry]:
    return [entry(50 * i + 50, [page(0, 0)], perplexity=value) for i, value in enumerate(perplexities)]


def test_held_out_perplexity_that_rises_while_training_improves_is_overfitting() -> None:
    found = episodes(of((*LEARNING, 3.2, 3.35)), Rule.OVERFITTING, losses=FALLING)
    assert [episode.step for episode in found] == [550]
    assert "a rise of 8.8 %" in found[0].evidence
    assert "training perplexity went from 2.7" in found[0].evidence
    assert not episodes(of((*LEARNING, 3.2, 3.35)), Rule.DIVERGING, losses=FALLING)


def test_where_training_gets_worse_too_it_is_no_overfitting_but_divergence() -> None:
    assert not episodes(of((*LEARNING, 3.4, 3.8)), Rule.OVERFITTING, losses=RISING)
    assert [a.step for a in episodes(of((*LEARNING, 3.4, 3.8)), Rule.DIVERGING, losses=RISING)] == [550]


def test_without_training_losses_the_rise_is_told_and_that_they_are_not_known() -> None:
    found = episodes(of((*LEARNING, 3.3, 3.5)), Rule.DIVERGING)
    assert "the training losses are not known" in found[0].evidence
    assert not episodes(of((*LEARNING, 3.3, 3.5)), Rule.OVERFITTING)


def test_a_training_loss_that_rises_less_is_no_overfitting_either() -> None:
    little = tuple((step, 1.2 if step <= 450 else 1.22) for step in range(10, 1000, 10))
    assert not episodes(of((*LEARNING, 3.4, 3.8)), Rule.OVERFITTING, losses=little)
    assert [a.step for a in episodes(of((*LEARNING, 3.4, 3.8)), Rule.DIVERGING, losses=little)] == [550]


@pytest.mark.parametrize("silence", [(), (Rule.OVERFITTING,), (Rule.DIVERGING,)])
@pytest.mark.parametrize("turns", [1.0, -1.0])
def test_a_rise_keeps_its_rule_also_when_the_training_losses_turn(turns: float, silence: tuple[Rule, ...]) -> None:
    begins = Rule.OVERFITTING if turns > 0 else Rule.DIVERGING
    losses = tuple(
        (step, 2.0 if step <= 450 else 2.0 - turns / 10 if step <= 550 else 2.0 + turns) for step in range(10, 1000, 10)
    )
    run = of((*LEARNING, 3.3, 3.5, 3.8, 4.0, 4.2, 4.4))
    settings = AlertSettings(silence=silence)
    for rule in (Rule.OVERFITTING, Rule.DIVERGING):
        found = episodes(run, rule, settings, losses=losses)
        assert [episode.step for episode in found] == ([550] if rule is begins and rule not in silence else [])


def test_a_huge_rise_is_told_without_its_digits() -> None:
    found = episodes(of((3.0, 2e4, 3e4)), Rule.DIVERGING)
    assert "Held-out perplexity is 2.45e+04 at steps 100 and 150, after 3 at step 50, more than a hundredfold;" in (
        found[0].evidence
    )


@pytest.mark.parametrize(
    "perplexities",
    [
        LEARNING * 1,
        (*LEARNING, 3.1, 3.1),  # 3 %: too little
        (8.0, 5.0, 5.6, 5.0, 5.7, 5.1, 5.6, 5.0, 5.7, 5.6),  # a rise that the curve's own noise explains
        (8.0, 5.0, None, None, 5.5, 5.6),
        (3.0, 3.3, 3.5),  # too short to know the noise
    ],
)
def test_no_rise_no_alarm(perplexities: Sequence[float | None]) -> None:
    for rule in (Rule.OVERFITTING, Rule.DIVERGING):
        assert not episodes(of(perplexities), rule, losses=FALLING)


def test_a_rise_by_half_needs_no_long_curve() -> None:
    found = episodes(of((3.0, 4.6, 4.7)), Rule.DIVERGING)
    assert [episode.step for episode in found] == [150]
    assert "a rise of 55.0 %" in found[0].evidence
    assert "A rise this large is not noise." in found[0].evidence
    assert not episodes(of((3.0, 9.0)), Rule.DIVERGING)
    assert not episodes(of((3.0, 9.0, 3.1)), Rule.DIVERGING)
    wild = (3.0, 5.0, 3.1, 4.9, 3.0, 5.2, 3.1, 5.0, 3.0, 9.0, 9.5)
    assert [episode.step for episode in episodes(of(wild), Rule.DIVERGING)] == [550]


def test_a_rise_is_over_when_perplexity_is_back_and_the_next_one_is_another() -> None:
    run = of((*LEARNING, 3.3, 3.4, 3.0, 3.0, *([3.01, 2.99] * 4), 3.6, 3.7))
    found = episodes(run, Rule.DIVERGING)
    assert [(episode.step, episode.cleared_step) for episode in found] == [(550, 650), (1100, None)]
    keys = {episode.key for end in range(1, len(run) + 1) for episode in episodes(run[:end], Rule.DIVERGING)}
    assert keys == {episode.key for episode in found}


def test_high_perplexity_has_two_bands_and_does_not_flicker() -> None:
    struggling = episodes(of((90, 40, 25, 22, 19.5, 18.9)), Rule.PERPLEXITY_HIGH)
    assert [(e.step, e.level, e.cleared_step) for e in struggling] == [(150, AlertLevel.WARN, 300)]
    improvable = episodes(of((90, 15, 12, 12)), Rule.PERPLEXITY_HIGH)
    assert [(episode.step, episode.level) for episode in improvable] == [(150, AlertLevel.INFO)]
    assert not episodes(of((90, 9.9, 9, 8)), Rule.PERPLEXITY_HIGH)


def test_perplexity_that_was_low_and_rises_is_not_called_too_little_training() -> None:
    collapse = of((1.84, 1.28, 1.09, 18.8, 12.6, 11.0))
    assert not episodes(collapse, Rule.PERPLEXITY_HIGH)
    assert [episode.step for episode in episodes(collapse, Rule.DIVERGING)] == [250]
    # What is never below 10, but was below 20, is still to be improved, and no more than that.
    found = episodes(of((40, 15, 15, 30, 30)), Rule.PERPLEXITY_HIGH)
    assert [(episode.step, episode.level) for episode in found] == [(150, AlertLevel.INFO)]


def test_expected_progress_is_off_unless_asked_for() -> None:
    slow = [entry(step, bad=range(40)) for step in (50, 100)]
    assert not episodes(slow, Rule.PROGRESSION_MISSED)


def test_a_missed_milestone_is_told_until_it_is_reached() -> None:
    settings = AlertSettings(progression=(Milestone(step=100, metric="eval/perplexity", most=5),))
    found = episodes(of((9, 8, 7, 4)), Rule.PROGRESSION_MISSED, settings)
    assert [(episode.step, episode.level, episode.cleared_step) for episode in found] == [(100, AlertLevel.INFO, 200)]
    assert "eval/perplexity is 8, at most 5 was expected from step 100 on" in found[0].evidence


def test_the_documented_progress_can_be_named() -> None:
    assert len(AlertSettings(progression="documented").milestones) == 4
    late = of((9.0,))
    assert episodes(late, Rule.PROGRESSION_MISSED, AlertSettings(progression="documented"))


def test_a_milestone_without_a_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="needs `least` or `most`"):
        Milestone(step=1, metric="eval/perplexity")


@pytest.mark.parametrize("metric", ["eval/perplexty", "train/perplexity", "eval/mine", "color_entropy"])
def test_a_milestone_whose_metric_no_evaluation_has_is_refused(metric: str) -> None:
    with pytest.raises(ValueError, match=f"no evaluation has a metric called {metric}"):
        Milestone(step=1, metric=metric, most=2)


def test_a_misspelt_metric_is_answered_with_the_right_one_and_a_plug_ins_is_taken() -> None:
    table = {"progression": [{"step": 1, "metric": "eval/perplexty", "most": 2}]}
    with pytest.raises(ValidationError) as refused:
        AlertSettings.model_validate(table)
    assert "perhaps eval/perplexity is meant" in refused.value.errors()[0]["msg"]
    assert Milestone(step=1, metric="eval/headings/mean", least=2).metric == "eval/headings/mean"
