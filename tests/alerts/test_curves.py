"""The rules over perplexity and the table of expected progress."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.alerts.making import alarms, entry, page
from watcher.alerts import AlertSettings, Entry, Milestone, Rule
from watcher.model import AlertLevel

LEARNING = (8.0, 5.0, 4.0, 3.5, 3.25, 3.1, 3.05, 3.02, 3.0)
FALLING = tuple((step, 1.2 - step / 2000) for step in range(10, 1000, 10))
RISING = tuple((step, 1.2 if step <= 450 else 1.5) for step in range(10, 1000, 10))


def of(perplexities: Sequence[float | None]) -> list[Entry]:
    return [entry(50 * i + 50, [page(0, 0)], perplexity=value) for i, value in enumerate(perplexities)]


def test_held_out_perplexity_that_rises_while_training_improves_is_overfitting() -> None:
    found = alarms(of((*LEARNING, 3.2, 3.35)), Rule.OVERFITTING, losses=FALLING)
    assert [alarm.step for alarm in found] == [550]
    assert "a rise of 8.8 %" in found[0].evidence
    assert "training perplexity went from 2.7" in found[0].evidence
    assert not alarms(of((*LEARNING, 3.2, 3.35)), Rule.DIVERGING, losses=FALLING)


def test_where_training_gets_worse_too_it_is_no_overfitting_but_divergence() -> None:
    assert not alarms(of((*LEARNING, 3.4, 3.8)), Rule.OVERFITTING, losses=RISING)
    assert [a.step for a in alarms(of((*LEARNING, 3.4, 3.8)), Rule.DIVERGING, losses=RISING)] == [550]


def test_without_training_losses_the_rise_is_told_and_that_they_are_not_known() -> None:
    found = alarms(of((*LEARNING, 3.3, 3.5)), Rule.OVERFITTING)
    assert "the training losses are not known" in found[0].evidence


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
        assert not alarms(of(perplexities), rule, losses=FALLING)


def test_a_rise_by_half_needs_no_long_curve() -> None:
    found = alarms(of((3.0, 4.6, 4.7)), Rule.OVERFITTING, losses=FALLING)
    assert [alarm.step for alarm in found] == [150]
    assert "a rise of 55.0 %" in found[0].evidence
    assert "So large a rise is no noise." in found[0].evidence
    assert not alarms(of((3.0, 9.0)), Rule.OVERFITTING)
    assert not alarms(of((3.0, 9.0, 3.1)), Rule.OVERFITTING)
    wild = (3.0, 5.0, 3.1, 4.9, 3.0, 5.2, 3.1, 5.0, 3.0, 9.0, 9.5)
    assert [alarm.step for alarm in alarms(of(wild), Rule.OVERFITTING)] == [550]


def test_a_rise_is_over_when_perplexity_is_back_and_the_next_one_is_another() -> None:
    run = of((*LEARNING, 3.3, 3.4, 3.0, 3.0, *([3.01, 2.99] * 4), 3.6, 3.7))
    found = alarms(run, Rule.OVERFITTING)
    assert [(alarm.step, alarm.cleared_step) for alarm in found] == [(550, 650), (1100, None)]
    keys = {alarm.key for end in range(1, len(run) + 1) for alarm in alarms(run[:end], Rule.OVERFITTING)}
    assert keys == {alarm.key for alarm in found}


def test_high_perplexity_has_two_bands_and_does_not_flicker() -> None:
    struggling = alarms(of((90, 40, 25, 22, 19.5, 18.9)), Rule.PERPLEXITY_HIGH)
    assert [(alarm.step, alarm.level, alarm.cleared_step) for alarm in struggling] == [(150, AlertLevel.WARN, 300)]
    improvable = alarms(of((90, 15, 12, 12)), Rule.PERPLEXITY_HIGH)
    assert [(alarm.step, alarm.level) for alarm in improvable] == [(150, AlertLevel.INFO)]
    assert not alarms(of((90, 9.9, 9, 8)), Rule.PERPLEXITY_HIGH)


def test_expected_progress_is_off_unless_asked_for() -> None:
    slow = [entry(step, bad=range(40)) for step in (50, 100)]
    assert not alarms(slow, Rule.PROGRESSION_MISSED)


def test_a_missed_milestone_is_told_until_it_is_reached() -> None:
    settings = AlertSettings(progression=(Milestone(step=100, metric="eval/perplexity", most=5),))
    found = alarms(of((9, 8, 7, 4)), Rule.PROGRESSION_MISSED, settings)
    assert [(alarm.step, alarm.level, alarm.cleared_step) for alarm in found] == [(100, AlertLevel.INFO, 200)]
    assert "eval/perplexity is 8, at most 5 was expected from step 100 on" in found[0].evidence


def test_the_documented_progress_can_be_named() -> None:
    assert len(AlertSettings(progression="documented").milestones) == 4
    late = of((9.0,))
    assert alarms(late, Rule.PROGRESSION_MISSED, AlertSettings(progression="documented"))


def test_a_milestone_without_a_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="needs `least` or `most`"):
        Milestone(step=1, metric="eval/perplexity")
