"""NaN and infinity, evaluation that falls behind, a silent trainer."""

from __future__ import annotations

import math

from tests.alerts.making import alarms, entry
from watcher.alerts import Alarm, AlertSettings, Arrival, Rule


def test_weights_that_are_not_finite_are_an_error_until_a_finite_checkpoint_follows() -> None:
    run = [entry(100), entry(400)]
    found = alarms(run, Rule.NON_FINITE, non_finite=[(200, "abc"), (300, "def"), (500, "fff")])
    assert [(alarm.step, alarm.level, alarm.cleared_step) for alarm in found] == [
        (200, "error", 400),
        (500, "error", None),
    ]
    assert found[0].key != found[1].key
    assert not alarms(run, Rule.NON_FINITE)


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    found = alarms([entry(100)], Rule.NON_FINITE, losses=[(90, 1.0), (120, math.nan), (130, math.inf), (140, 2.0)])
    assert [(alarm.step, alarm.evidence) for alarm in found] == [(120, "The trainer logged a loss of nan at step 120.")]


def _arrivals(every: float, takes: float, count: int, now: float) -> list[Arrival]:
    """Checkpoints that come regularly and are evaluated one after the other."""
    free, found = 0.0, []
    for i in range(count):
        seen = i * every
        free = max(free, seen) + takes
        if seen <= now:
            found.append(Arrival(10 * i, seen, free if free <= now else None))
    return found


def _behind(every: float, takes: float, now: float) -> list[Alarm]:
    return alarms([], Rule.FALLING_BEHIND, arrivals=_arrivals(every, takes, 60, now), now=now)


def test_a_queue_that_grows_is_raised_once_while_it_lasts() -> None:
    seen = [_behind(60, 200, now) for now in range(0, 3000, 30)]
    assert not seen[5]
    assert seen[-1]
    assert len({alarm.key for found in seen for alarm in found}) == 1
    assert "waited" in seen[-1][0].evidence


def test_a_watcher_that_keeps_up_or_catches_up_is_not_behind() -> None:
    assert not [alarm for now in range(0, 3000, 30) for alarm in _behind(60, 50, now)]
    backlog = [Arrival(10 * i, 0.0, 200.0 * (i + 1) if i < 3 else None) for i in range(12)]
    assert not alarms([], Rule.FALLING_BEHIND, arrivals=backlog, now=700)


def test_a_queue_that_was_worked_off_is_over() -> None:
    arrivals = [Arrival(a.step, a.seen_at, 5000.0) for a in _arrivals(60, 200, 20, 1e9)]
    assert alarms([], Rule.FALLING_BEHIND, arrivals=[Arrival(a.step, a.seen_at) for a in arrivals], now=1200)
    assert not alarms([], Rule.FALLING_BEHIND, arrivals=arrivals, now=6000)


def _silent(now: float, *, ended: bool = False, settings: AlertSettings | None = None) -> list[Alarm]:
    arrivals = [Arrival(10 * i, 300.0 * i, 300.0 * i + 60) for i in range(6)]
    return alarms([], Rule.TRAINER_SILENT, settings, arrivals=arrivals, now=now, ended=ended)


def test_a_trainer_is_silent_after_several_times_the_usual_interval() -> None:
    assert not _silent(1500 + 1199)
    found = _silent(1500 + 1201)
    assert "No checkpoint for 20 min 1 s after step 50; they came every 5 min" in found[0].evidence
    assert _silent(9000)[0].key == found[0].key
    assert not _silent(9000, ended=True)
    assert not _silent(9000, settings=AlertSettings(silent_factor=100))


def test_a_trainer_that_pauses_now_and_then_is_not_silent_each_time() -> None:
    arrivals = [Arrival(i, at) for i, at in enumerate((0.0, 300.0, 600.0, 4200.0, 4500.0, 4800.0))]
    assert not alarms([], Rule.TRAINER_SILENT, arrivals=arrivals, now=4800 + 5000)
    assert alarms([], Rule.TRAINER_SILENT, arrivals=arrivals, now=4800 + 5500)


def test_silence_needs_a_usual_interval() -> None:
    together = [Arrival(10 * i, 5.0 + i / 10) for i in range(8)]
    assert not alarms([], Rule.TRAINER_SILENT, arrivals=together, now=1e6)
