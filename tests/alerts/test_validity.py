"""The rules over counts: validity, truncation, answers without code, loops."""

from __future__ import annotations

import pytest

from scorers.sample import Outcome
from tests.alerts.making import N, alarms, entry, healthy, page
from watcher.alerts import AlertSettings, Rule

EARLY = healthy([100, 150, 200, 250])
DROPPED = range(20)


def test_a_fall_of_validity_is_raised_with_its_numbers_its_chance_and_its_samples() -> None:
    found = alarms([*EARLY, entry(300, bad=DROPPED)], Rule.VALIDITY_DROPPED)
    assert [alarm.step for alarm in found] == [300]
    assert "on average 62.0 of 64 pages parsed at steps 100 to 250, 44 of 64 pages at step 300 (20 invalid)" in (
        found[0].evidence
    )
    assert "20 prompts got worse, 0 better; by chance less than once in" in found[0].evidence
    assert found[0].samples == (0, 1, 2, 3, 4)
    assert "validity_drop = 0.09" in found[0].threshold
    assert "simulation" in found[0].source


def test_two_checkpoints_alone_are_told_in_whole_pages() -> None:
    found = alarms([entry(100, bad=[0, 1, 2]), entry(200, bad=range(2, 26))], Rule.VALIDITY_DROPPED)
    assert "61 of 64 pages parsed at step 100, 40 of 64 pages at step 200" in found[0].evidence
    assert "23 prompts got worse, 2 better" in found[0].evidence


def test_a_healthy_run_raises_nothing() -> None:
    run = healthy(range(50, 1500, 50))
    assert not [alarm for rule in Rule for alarm in alarms(run, rule)]


def test_a_smaller_fall_is_seen_in_two_evaluations_together() -> None:
    small = [entry(step, bad=range(start, start + 9)) for step, start in ((300, 3), (350, 40))]
    assert not alarms([*EARLY, small[0]], Rule.VALIDITY_DROPPED)
    assert [alarm.step for alarm in alarms([*EARLY, *small], Rule.VALIDITY_DROPPED)] == [350]


def test_a_certain_but_small_fall_is_not_worth_a_warning() -> None:
    # Always the same five prompts: certain, but hardly a change of the whole.
    run = [
        *[entry(step) for step in range(100, 600, 50)],
        *[entry(step, bad=range(5)) for step in range(600, 1600, 50)],
    ]
    assert not alarms(run, Rule.VALIDITY_DROPPED)
    assert alarms(run, Rule.VALIDITY_DROPPED, AlertSettings(validity_drop=0.05))


def test_a_model_that_still_learns_has_not_dropped() -> None:
    run = [entry(step, bad=range(N - step // 4)) for step in range(0, 100, 20)]
    assert not alarms(run, Rule.VALIDITY_DROPPED)


def test_an_alarm_lasts_until_validity_is_back_twice_and_comes_again_under_another_key() -> None:
    bad, good = [entry(step, bad=DROPPED) for step in (300, 350)], healthy([400, 450, 500])
    again = entry(550, bad=DROPPED)
    found = alarms([*EARLY, *bad, *good, again], Rule.VALIDITY_DROPPED)
    assert [(alarm.step, alarm.cleared_step) for alarm in found] == [(300, 450), (550, None)]
    assert len({alarm.key for alarm in found}) == 2


def test_a_restart_finds_the_same_keys_at_every_step() -> None:
    run = [*EARLY, *[entry(step, bad=DROPPED) for step in (300, 350)], *healthy([400, 450, 500])]
    keys = [[alarm.key for alarm in alarms(run[:end], Rule.VALIDITY_DROPPED)] for end in range(len(run) + 1)]
    assert keys == [[]] * 5 + [keys[-1]] * 5
    assert len(keys[-1]) == 1


def test_an_older_checkpoint_that_is_evaluated_later_changes_no_key() -> None:
    newest = entry(300, bad=DROPPED, at=300)
    before = alarms([*EARLY, newest], Rule.VALIDITY_DROPPED)
    late = entry(275, bad=DROPPED, at=310)
    assert [a.key for a in alarms([*EARLY, newest, late], Rule.VALIDITY_DROPPED)] == [a.key for a in before]


def test_a_trainer_that_goes_back_ends_the_episode_of_the_branch_it_left() -> None:
    gone = [entry(step, bad=DROPPED) for step in (250, 300)]
    back = [entry(step, bad=[5], at=1000 + step, uid=f"again-{step}") for step in (250, 300, 350)]
    found = alarms([*healthy([100, 150, 200]), *gone, *back], Rule.VALIDITY_DROPPED)
    assert [(alarm.step, alarm.active) for alarm in found] == [(250, False)]


@pytest.mark.parametrize("rate", [range(30), range(40)])
def test_validity_that_stays_low_is_raised_once(rate: range) -> None:
    run = [entry(step, bad=rate) for step in range(50, 500, 50)]
    found = alarms(run, Rule.VALIDITY_LOW)
    assert [alarm.step for alarm in found] == [200]
    assert found[0].active
    assert not alarms(run, Rule.VALIDITY_LOW, AlertSettings(settled_step=1000))


def test_low_validity_that_climbs_or_was_good_once_is_not_stuck() -> None:
    climbing = [entry(step, bad=range(50 - step // 10)) for step in range(50, 400, 50)]
    assert not alarms(climbing, Rule.VALIDITY_LOW)
    assert not alarms([entry(50), *[entry(step, bad=range(30)) for step in range(100, 400, 50)]], Rule.VALIDITY_LOW)


def test_low_validity_is_over_when_it_is_good() -> None:
    run = [*[entry(step, bad=range(30)) for step in (100, 150, 200, 250)], entry(300)]
    assert [alarm.cleared_step for alarm in alarms(run, Rule.VALIDITY_LOW)] == [300]


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (Rule.TRUNCATED_OFTEN, Outcome.TRUNCATED),
        (Rule.EMPTY_OFTEN, Outcome.EMPTY),
        (Rule.EMPTY_OFTEN, Outcome.NO_CODE),
    ],
)
def test_an_outcome_that_comes_too_often_is_raised_and_cleared(rule: Rule, outcome: Outcome) -> None:
    many = [entry(step, bad=range(10, 30), outcome=outcome) for step in (50, 100, 150)]
    found = alarms([*many, *healthy([200, 250])], rule)
    assert [(alarm.step, alarm.samples, alarm.cleared_step) for alarm in found] == [(100, (10, 11, 12, 13, 14), 250)]
    assert "20 of 64 answers" in found[0].evidence
    few = [entry(step, bad=[3, 9], outcome=outcome) for step in range(100, 1000, 50)]
    assert not alarms(few, rule)


def test_answers_that_end_in_a_loop_are_raised() -> None:
    assert [a.step for a in alarms([entry(100, loops=True)], Rule.REPEATS_ITSELF)] == [100]
    assert not alarms([entry(100)], Rule.REPEATS_ITSELF)


def test_what_four_samples_show_can_still_be_chance() -> None:
    few = [entry(100, [page(i, 100) for i in range(4)]), entry(150, [page(i, 150, Outcome.INVALID) for i in range(4)])]
    assert not alarms(few, Rule.VALIDITY_DROPPED)
