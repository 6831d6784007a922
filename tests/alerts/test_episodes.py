"""What holds for all alarms."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

import scorers
from tests.alerts.making import alarms, entry, healthy, made
from watcher.alerts import MEANINGS, AlertSettings, History, Replay, Rule, entry_of, evaluate, limits, needed_samples
from watcher.alerts.episodes import DETECTORS
from watcher.alerts.history import views
from watcher.model import AlertLevel

RUN = [*healthy([100, 150, 200, 250]), entry(300, bad=range(20))]


def test_every_rule_has_a_meaning_with_cause_and_fix() -> None:
    assert set(MEANINGS) == set(Rule)
    assert set(Rule) - set(DETECTORS) == {Rule.NON_FINITE, Rule.FALLING_BEHIND, Rule.TRAINER_SILENT}
    for meaning in MEANINGS.values():
        assert all(text[0].isupper() for text in (meaning.title, meaning.cause, meaning.fix))
        # W&B takes less than 64 characters.
        assert len(f"{meaning.title} (step 1000000)") < 64


def test_a_silenced_rule_is_not_raised() -> None:
    assert alarms(RUN, Rule.VALIDITY_DROPPED)
    assert not alarms(RUN, Rule.VALIDITY_DROPPED, AlertSettings(silence=(Rule.VALIDITY_DROPPED,)))
    assert not alarms([], Rule.NON_FINITE, AlertSettings(silence=(Rule.NON_FINITE,)), non_finite=[(1, "a")])


def test_settings_take_names_and_lengths_of_time_as_a_file_has_them_and_refuse_others() -> None:
    read = AlertSettings.model_validate({"silence": ["overfitting"], "silent_least": "30m"})
    assert (read.silence, read.silent_least) == ((Rule.OVERFITTING,), 1800)
    for wrong in ({"silence": ["nonsense"]}, {"validty_drop": 0.1}, {"false_alarms": 0}):
        with pytest.raises(ValidationError):
            AlertSettings.model_validate(wrong)


def test_every_setting_is_documented() -> None:
    assert all(field.description for field in AlertSettings.model_fields.values())


def test_an_alarm_reads_as_text_and_as_json() -> None:
    alarm = alarms(RUN, Rule.VALIDITY_DROPPED)[0]
    assert alarm.text.splitlines()[1].startswith("Likely cause: ")
    assert "Samples of step 300 that show it, as in `uimon status` and samples.jsonl: 0, 1, 2, 3, 4." in alarm.text
    assert json.loads(json.dumps(alarm.to_dict()))["cleared_step"] is None
    alert = alarm.alert()
    assert (alert.key, alert.level) == (alarm.key, AlertLevel.WARN)
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


def test_an_evaluation_without_samples_is_refused_with_a_sentence() -> None:
    with pytest.raises(scorers.SampleError, match="step 100 has no samples"):
        entry_of(replace(made(100), samples=()))


def test_an_empty_history_has_no_alarms() -> None:
    assert evaluate(History(()), AlertSettings()) == ()


def test_another_suite_or_other_weights_give_another_key() -> None:
    other = [*RUN[:-1], entry(300, bad=range(20), uid="other")]
    assert alarms(RUN, Rule.VALIDITY_DROPPED)[0].key != alarms(other, Rule.VALIDITY_DROPPED)[0].key


def test_too_few_samples_are_told_before_the_run() -> None:
    settings = AlertSettings()
    assert limits(needed_samples(settings) or 0, settings) == ()
    assert "needs about" in limits(64, settings)[0]
    assert "no fall of validity" in limits(3, settings)[0]
    assert "16 samples with pages" in limits(3, settings)[1]


def test_a_history_that_grows_has_the_alarms_that_it_has_as_a_whole() -> None:
    settings = AlertSettings()
    entries = (*RUN, *healthy([350, 400, 450]), entry(500, bad=range(30)))
    replay = Replay(settings)
    for count in range(len(entries) + 1):
        grown = History(entries[:count])
        assert replay.evaluate(grown) == evaluate(grown, settings)
    assert [alarm.rule for alarm in replay.evaluate(History(entries))]
    # The trainer has gone back: what was looked at before no longer counts.
    again = History(entries[:3])
    assert replay.evaluate(again) == evaluate(again, settings) == ()
