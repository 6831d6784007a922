"""The rules over counts: validity, truncation, answers without code, loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from scorers.sample import Outcome
from tests.alerts.making import N, entry, episodes, healthy, made, page
from watcher.alerts import AlertSettings, Entry, Rule, entry_of
from watcher.model import AlertLevel

EARLY = healthy([100, 150, 200, 250])
DROPPED = range(20)


def test_a_fall_of_validity_is_raised_with_its_numbers_its_chance_and_its_samples() -> None:
    found = episodes([*EARLY, entry(300, bad=DROPPED)], Rule.VALIDITY_DROPPED)
    assert [episode.step for episode in found] == [300]
    assert "on average 62.0 of 64 pages parsed at steps 100 to 250, 44 of 64 pages at step 300 (20 invalid)" in (
        found[0].evidence
    )
    assert "20 prompts got worse (19.8 pages fewer), 6 better (1.8 more); by chance less than once in" in (
        found[0].evidence
    )
    assert found[0].samples == (0, 1, 2, 3, 4)
    assert "validity_drop = 0.1" in found[0].threshold
    assert "simulation" in found[0].source


def test_two_checkpoints_alone_are_told_in_whole_pages() -> None:
    found = episodes([entry(100, bad=[0, 1, 2]), entry(200, bad=range(2, 26))], Rule.VALIDITY_DROPPED)
    assert "61 of 64 pages parsed at step 100, 40 of 64 pages at step 200" in found[0].evidence
    assert "23 prompts got worse (23 pages fewer), 2 better (2 more);" in found[0].evidence


def test_what_prompts_lost_and_gained_adds_up_over_two_evaluations() -> None:
    run = [entry(step, bad=bad) for step, bad in ((200, [0]), (250, range(5, 17)), (300, range(20, 33)))]
    found = episodes(run, Rule.VALIDITY_DROPPED)
    assert "63 of 64 pages parsed at step 200, on average 51.5 of 64 pages at steps 250 and 300" in found[0].evidence
    assert "25 prompts got worse (12.5 pages fewer), 1 better (1 more);" in found[0].evidence


def test_less_than_half_of_what_parsed_is_an_error() -> None:
    for bad, level in ((range(32), AlertLevel.WARN), (range(36), AlertLevel.ERROR), (range(64), AlertLevel.ERROR)):
        assert [a.level for a in episodes([*EARLY, entry(300, bad=bad)], Rule.VALIDITY_DROPPED)] == [level]


def test_a_run_that_never_was_quite_good_can_drop_too_and_then_is_not_said_to_have_trained_too_little() -> None:
    run = [entry(100 + 50 * k, bad=range(7 + k % 2)) for k in range(8)]
    fallen = [entry(500 + 50 * k, bad=range(45)) for k in range(6)]
    found = episodes([*run, *fallen], Rule.VALIDITY_DROPPED)
    assert [(episode.step, episode.level) for episode in found] == [(500, AlertLevel.ERROR)]
    for silence in ((), (Rule.VALIDITY_DROPPED,)):
        assert not episodes([*run, *fallen], Rule.VALIDITY_LOW, AlertSettings(silence=silence))


def copied(step: int, bad: Sequence[int], outcome: Outcome = Outcome.INVALID) -> Entry:
    """Sixteen prompts, each answered four times in the same way."""
    answers = made(step, bad=[4 * prompt + k for prompt in bad for k in range(4)], outcome=outcome)
    samples = [replace(sample, prompt_id=str(i // 4)) for i, sample in enumerate(answers.samples)]
    return entry_of(replace(answers, samples=samples))


def test_answers_to_one_prompt_are_one_witness_of_a_fall() -> None:
    usual = [copied(step, [step // 50 % 2]) for step in (100, 150, 200, 250)]
    assert not episodes([*usual, copied(300, [2, 3, 4, 5])], Rule.VALIDITY_DROPPED)
    found = episodes([*usual, copied(300, range(2, 12))], Rule.VALIDITY_DROPPED)
    assert "on average 15.0 of 16 pages (the first for each prompt) parsed at" in found[0].evidence
    assert "6 of 16 pages (the first for each prompt) at step 300 (10 invalid); 10 prompts got worse" in (
        found[0].evidence
    )
    assert found[0].samples == (8, 12, 16, 20, 24)


def test_answers_to_one_prompt_are_one_witness_of_a_share() -> None:
    assert not episodes([copied(100, [0, 1, 2], Outcome.NO_CODE)], Rule.EMPTY_OFTEN)
    found = episodes([copied(100, range(6), Outcome.NO_CODE)], Rule.EMPTY_OFTEN)
    assert "6 of 16 answers (the first for each prompt) held no code at step 100" in found[0].evidence
    low = [copied(step, [1, 2, 3, 4]) for step in (100, 150, 200, 250)]
    assert not episodes(low, Rule.VALIDITY_LOW)


def test_a_healthy_run_raises_nothing() -> None:
    run = healthy(range(50, 1500, 50))
    assert not [episode for rule in Rule for episode in episodes(run, rule)]


def test_a_smaller_fall_is_seen_in_two_evaluations_together() -> None:
    small = [entry(step, bad=range(start, start + 9)) for step, start in ((300, 3), (350, 40))]
    assert not episodes([*EARLY, small[0]], Rule.VALIDITY_DROPPED)
    assert [episode.step for episode in episodes([*EARLY, *small], Rule.VALIDITY_DROPPED)] == [350]


def test_a_certain_but_small_fall_is_not_worth_a_warning() -> None:
    # Always the same five prompts: certain, but hardly a change of the whole.
    run = [
        *[entry(step) for step in range(100, 600, 50)],
        *[entry(step, bad=range(5)) for step in range(600, 1600, 50)],
    ]
    assert not episodes(run, Rule.VALIDITY_DROPPED)
    assert episodes(run, Rule.VALIDITY_DROPPED, AlertSettings(validity_drop=0.05))


def test_a_model_that_still_learns_has_not_dropped() -> None:
    run = [entry(step, bad=range(N - step // 4)) for step in range(0, 100, 20)]
    assert not episodes(run, Rule.VALIDITY_DROPPED)


def test_an_alarm_lasts_until_validity_is_back_twice_and_comes_again_under_another_key() -> None:
    bad, good = [entry(step, bad=DROPPED) for step in (300, 350)], healthy([400, 450, 500])
    again = entry(550, bad=DROPPED)
    found = episodes([*EARLY, *bad, *good, again], Rule.VALIDITY_DROPPED)
    assert [(episode.step, episode.cleared_step) for episode in found] == [(300, 450), (550, None)]
    assert len({episode.key for episode in found}) == 2


def test_a_restart_finds_the_same_keys_at_every_step() -> None:
    run = [*EARLY, *[entry(step, bad=DROPPED) for step in (300, 350)], *healthy([400, 450, 500])]
    keys = [[episode.key for episode in episodes(run[:end], Rule.VALIDITY_DROPPED)] for end in range(len(run) + 1)]
    assert keys == [[]] * 5 + [keys[-1]] * 5
    assert len(keys[-1]) == 1


def test_an_older_checkpoint_that_is_evaluated_later_changes_no_key() -> None:
    newest = entry(300, bad=DROPPED, at=300)
    before = episodes([*EARLY, newest], Rule.VALIDITY_DROPPED)
    late = entry(275, bad=DROPPED, at=310)
    assert [a.key for a in episodes([*EARLY, newest, late], Rule.VALIDITY_DROPPED)] == [a.key for a in before]


def test_a_trainer_that_goes_back_ends_the_episode_of_the_branch_it_left() -> None:
    gone = [entry(step, bad=DROPPED) for step in (250, 300)]
    back = [entry(step, bad=[5], at=1000 + step, uid=f"again-{step}") for step in (250, 300, 350)]
    found = episodes([*healthy([100, 150, 200]), *gone, *back], Rule.VALIDITY_DROPPED)
    assert [(episode.step, episode.active) for episode in found] == [(250, False)]


@pytest.mark.parametrize("rate", [range(30), range(40)])
def test_validity_that_stays_low_is_raised_once(rate: range) -> None:
    run = [entry(step, bad=rate) for step in range(50, 500, 50)]
    found = episodes(run, Rule.VALIDITY_LOW)
    assert [episode.step for episode in found] == [200]
    assert found[0].active
    assert not episodes(run, Rule.VALIDITY_LOW, AlertSettings(settled_step=1000))


def test_low_validity_that_climbs_or_was_good_once_is_not_stuck() -> None:
    climbing = [entry(step, bad=range(50 - step // 10)) for step in range(50, 400, 50)]
    assert not episodes(climbing, Rule.VALIDITY_LOW)
    assert not episodes([entry(50), *[entry(step, bad=range(30)) for step in range(100, 400, 50)]], Rule.VALIDITY_LOW)


def test_low_validity_is_over_when_it_is_good() -> None:
    run = [*[entry(step, bad=range(30)) for step in (100, 150, 200, 250)], entry(300)]
    assert [episode.cleared_step for episode in episodes(run, Rule.VALIDITY_LOW)] == [300]


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
    found = episodes([*many, *healthy([200, 250])], rule)
    assert [(e.step, e.samples, e.cleared_step) for e in found] == [(100, (10, 11, 12, 13, 14), 250)]
    assert "20 of 64 answers" in found[0].evidence
    few = [entry(step, bad=[3, 9], outcome=outcome) for step in range(100, 1000, 50)]
    assert not episodes(few, rule)


def test_answers_that_end_in_a_loop_are_raised() -> None:
    assert [a.step for a in episodes([entry(100, loops=True)], Rule.REPEATS_ITSELF)] == [100]
    assert not episodes([entry(100)], Rule.REPEATS_ITSELF)


def test_what_four_samples_show_can_still_be_chance() -> None:
    few = [entry(100, [page(i, 100) for i in range(4)]), entry(150, [page(i, 150, Outcome.INVALID) for i in range(4)])]
    assert not episodes(few, Rule.VALIDITY_DROPPED)
