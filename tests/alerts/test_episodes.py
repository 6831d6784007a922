"""What holds for all episodes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from pydantic import ValidationError

import scorers
from tests.alerts.making import entry, episodes, healthy, made
from watcher.alerts import (
    MEANINGS,
    AlertSettings,
    Arrival,
    Entry,
    History,
    Replay,
    Rule,
    best,
    compare,
    entry_of,
    evaluate,
    limits,
    needed_prompts,
)
from watcher.alerts.episodes import DETECTORS
from watcher.alerts.history import current, views
from watcher.doctor.checks import check_samples
from watcher.model import AlertLevel

RUN = [*healthy([100, 150, 200, 250]), entry(300, bad=range(20))]


def test_every_rule_has_a_meaning_with_cause_and_fix() -> None:
    assert set(MEANINGS) == set(Rule)
    others = {Rule.NON_FINITE, Rule.NOT_LEARNING, Rule.FALLING_BEHIND, Rule.TRAINER_SILENT, Rule.CHECKPOINT_FAILED}
    assert set(Rule) - set(DETECTORS) == others
    for meaning in MEANINGS.values():
        assert all(text[0].isupper() for text in (meaning.title, meaning.cause, meaning.fix))
        # W&B takes less than 64 characters.
        assert len(f"{meaning.title} (step 1000000)") < 64


def test_a_meaning_names_what_its_rule_can_see_and_where_samples_are_shown() -> None:
    texts = {rule: f"{meaning.cause} {meaning.fix}" for rule, meaning in MEANINGS.items()}
    assert "it has collapsed" in texts[Rule.EMPTY_OFTEN]
    # A rise has two rules, and none of them may claim what only the other knows.
    assert "too little training" in texts[Rule.PERPLEXITY_HIGH]
    assert "too little" not in texts[Rule.DIVERGING]
    assert "does not heal" not in texts[Rule.NON_FINITE]
    for text in texts.values():
        assert "below" not in text
        assert ("Look at the samples" in text) == ("`uimon status` shows some" in text)


def test_a_silenced_rule_is_not_raised() -> None:
    assert episodes(RUN, Rule.VALIDITY_DROPPED)
    assert not episodes(RUN, Rule.VALIDITY_DROPPED, AlertSettings(silence=(Rule.VALIDITY_DROPPED,)))
    assert not episodes([], Rule.NON_FINITE, AlertSettings(silence=(Rule.NON_FINITE,)), non_finite=[(1, "a")])


def test_settings_take_names_and_lengths_of_time_as_a_file_has_them_and_refuse_others() -> None:
    read = AlertSettings.model_validate({"silence": ["overfitting"], "silent_least": "30m"})
    assert (read.silence, read.silent_least) == ((Rule.OVERFITTING,), 1800)
    for wrong in ({"silence": ["nonsense"]}, {"validty_drop": 0.1}, {"false_alarms": 0}):
        with pytest.raises(ValidationError):
            AlertSettings.model_validate(wrong)


def test_every_setting_is_documented() -> None:
    assert all(field.description for field in AlertSettings.model_fields.values())


def test_an_alarm_reads_as_text_and_as_json() -> None:
    episode = episodes(RUN, Rule.VALIDITY_DROPPED)[0]
    assert episode.text.splitlines()[1].startswith("Likely cause: ")
    assert "Samples of step 300 that show it, as in `uimon status` and samples.jsonl: 0, 1, 2, 3, 4." in episode.text
    assert json.loads(json.dumps(episode.to_dict()))["cleared_step"] is None
    alert = episode.alert()
    assert (alert.key, alert.level) == (episode.key, AlertLevel.WARN)
    assert "step 300" in alert.title


def test_looks_follow_the_order_of_evaluation_and_drop_a_branch_that_was_left() -> None:
    first, third, late = entry(100, at=1), entry(300, at=2), entry(200, at=3)
    again = entry(200, at=4, uid="again")
    looks = [[(e.step, e.uid) for e in view.entries] for view in views(History((late, first, third, again)))]
    assert looks == [
        [(100, "uid-100")],
        [(100, "uid-100"), (300, "uid-300")],
        [(100, "uid-100"), (200, "again")],
    ]


def _seen(step: int, seen_at: float, bad: Sequence[int] = (), at: float | None = None) -> Entry:
    """An entry whose checkpoint was first seen then, and evaluated a little later unless `at` says when."""
    when = seen_at + 0.5 if at is None else at
    return replace(entry(step, bad=bad, at=when, uid=f"{step} seen {seen_at:g}"), seen_at=seen_at)


TO_400 = [_seen(step, step) for step in (100, 200, 300, 400)]


def test_a_lower_step_that_is_seen_later_drops_the_branch_that_was_left_and_its_collapse_is_warned_of() -> None:
    again = [_seen(step, 1000 + step, bad=range(20)) for step in (220, 260, 310)]
    history = History((*TO_400, *again))
    assert [e.step for e in [*views(history)][-1].entries] == [100, 200, 220, 260, 310]
    assert [(a.step, a.active) for a in episodes(history.entries, Rule.VALIDITY_DROPPED)] == [(220, True)]


def test_going_back_is_seen_before_the_step_gone_back_to_is_evaluated() -> None:
    history = History((*TO_400, _seen(310, 1310)), arrivals=(Arrival(220, 1220.0), Arrival(310, 1310.0)))
    assert [e.step for e in [*views(history)][-1].entries] == [100, 200, 310]
    assert [e.step for e in current(History(tuple(TO_400), arrivals=(Arrival(220, 1220.0),)))] == [100, 200]
    # A directory that was copied, or that a policy passes over, may hold the weights that are known.
    passed_over = History(tuple(TO_400), arrivals=(Arrival(220, 1220.0, 1220.0, new=False),))
    assert [e.step for e in current(passed_over)] == [100, 200, 300, 400]


def test_a_checkpoint_of_the_branch_that_was_left_does_not_count_when_it_is_evaluated_at_last() -> None:
    late = _seen(350, 350, bad=range(20), at=1300)
    history = History((*TO_400, _seen(220, 1220), late))
    assert [e.step for e in [*views(history)][-1].entries] == [100, 200, 220]


def test_what_is_evaluated_later_but_was_seen_in_order_is_no_going_back() -> None:
    backfilled = [_seen(100, 100), _seen(400, 400), _seen(300, 300, at=500), _seen(200, 200, at=600)]
    base = replace(entry(0, at=700, uid="base"), seen_at=690.0)
    history = History((*backfilled, base, _seen(500, 800)))
    assert [e.step for e in [*views(history)][-1].entries] == [0, 100, 200, 300, 400, 500]
    other_base = replace(entry(0, at=900, uid="other base"), seen_at=890.0)
    assert [e.uid for e in current(replace(history, entries=(*history.entries, other_base)))][:2] == [
        "other base",
        "100 seen 100",
    ]


def test_an_evaluation_without_samples_is_refused_with_a_sentence() -> None:
    with pytest.raises(scorers.SampleError, match="step 100 has no samples"):
        entry_of(replace(made(100), samples=()))


def test_texts_that_were_measured_alone_are_warned_of_by_their_perplexity_and_compared_by_it() -> None:
    curve = {100: 3.0, 200: 2.0, 300: 4.0, 400: 8.0}
    entries = [
        entry_of(replace(made(step, perplexity=value), samples=()), sampled=False) for step, value in curve.items()
    ]
    raised = evaluate(History(tuple(entries)), AlertSettings())
    assert [(episode.rule, episode.step) for episode in raised] == [(Rule.DIVERGING, 400)]
    chosen = best(entries)
    assert chosen is not None
    assert (chosen.step, chosen.sentence) == (200, "Step 200: perplexity 2.")
    assert [delta.metric for delta in compare(entries[-1], entries[0])] == ["eval/perplexity"]


def test_an_empty_history_has_no_alarms() -> None:
    assert evaluate(History(()), AlertSettings()) == ()


def test_another_suite_or_other_weights_give_another_key() -> None:
    other = [*RUN[:-1], entry(300, bad=range(20), uid="other")]
    assert episodes(RUN, Rule.VALIDITY_DROPPED)[0].key != episodes(other, Rule.VALIDITY_DROPPED)[0].key


def test_too_few_samples_are_told_before_the_run() -> None:
    settings = AlertSettings()
    assert limits(needed_prompts(settings) or 0, settings) == ()
    assert "needs about" in limits(64, settings)[0]
    assert "no fall of validity" in limits(3, settings)[0]
    assert "16 samples with pages" in limits(3, settings)[1]
    # More answers to a prompt are more pages, but no more witnesses of a fall.
    assert limits(3, settings, n=8) == limits(3, settings)[:1]
    assert check_samples(limits(3, settings)).next_step == "Raise --samples, if the file has the prompts."


def test_a_history_that_grows_has_the_alarms_that_it_has_as_a_whole() -> None:
    settings = AlertSettings()
    entries = (*RUN, *healthy([350, 400, 450]), entry(500, bad=range(30)))
    replay = Replay(settings)
    for count in range(len(entries) + 1):
        grown = History(entries[:count])
        assert replay.evaluate(grown) == evaluate(grown, settings)
    assert [episode.rule for episode in replay.evaluate(History(entries))]
    # The trainer has gone back: what was looked at before no longer counts.
    again = History(entries[:3])
    assert replay.evaluate(again) == evaluate(again, settings) == ()
