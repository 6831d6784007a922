"""NaN and infinity, evaluation that falls behind, a silent trainer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.alerts.making import episodes, made
from watcher.alerts import AlertSettings, Arrival, Entry, Episode, History, Rule, entry_of, evaluate
from watcher.checkpoints.training_log import LogSign, SignKind


def entry(step: int, *, seen_at: float = 0.0, at: float | None = None, uid: str = "") -> Entry:
    """A healthy entry that was first seen then."""
    return replace(entry_of(made(step, at=at, uid=uid)), seen_at=seen_at)


def test_weights_that_are_not_finite_are_an_error_until_a_finite_checkpoint_follows() -> None:
    run = [entry(100), entry(400)]
    found = episodes(run, Rule.NON_FINITE, non_finite=[(200, "abc"), (300, "def"), (500, "fff")])
    assert [(episode.step, episode.level, episode.cleared_step) for episode in found] == [
        (200, "error", 400),
        (500, "error", None),
    ]
    assert found[0].key != found[1].key
    assert not episodes(run, Rule.NON_FINITE)


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    found = episodes([entry(100)], Rule.NON_FINITE, losses=[(90, 1.0), (120, math.nan), (130, math.inf), (140, 2.0)])
    assert [(e.step, e.evidence) for e in found] == [(120, "The trainer logged a loss of nan at step 120.")]


def _arrivals(every: float, takes: float, count: int, now: float) -> list[Arrival]:
    """Checkpoints that come regularly and are evaluated one after the other."""
    free, found = 0.0, []
    for i in range(count):
        seen = i * every
        free = max(free, seen) + takes
        if seen <= now:
            found.append(Arrival(10 * i, seen, free if free <= now else None))
    return found


def _signs(rule: Rule, arrivals: Sequence[Arrival], now: float, *unwatched: tuple[float, float]) -> list[Episode]:
    history = History((), arrivals=tuple(arrivals), now=now, unwatched=unwatched)
    return [episode for episode in evaluate(history, AlertSettings()) if episode.rule is rule]


def _behind(every: float, takes: float, now: float) -> list[Episode]:
    return episodes([], Rule.FALLING_BEHIND, arrivals=_arrivals(every, takes, 60, now), now=now)


def test_a_queue_that_grows_is_raised_once_while_it_lasts() -> None:
    seen = [_behind(60, 200, now) for now in range(0, 3000, 30)]
    assert not seen[5]
    assert seen[-1]
    assert len({episode.key for found in seen for episode in found}) == 1
    assert "waited" in seen[-1][0].evidence


@pytest.mark.parametrize("intervals", [1.25, 1.5, 2.0, 2.98, 10.0])
def test_a_queue_that_grows_is_seen_however_slowly_it_does(intervals: float) -> None:
    (early,) = _behind(60, 60 * intervals, 20 * 60)
    (late,) = episodes([], Rule.FALLING_BEHIND, arrivals=_arrivals(60, 60 * intervals, 400, 24_000), now=24_000)
    assert early.key == late.key


def test_a_watcher_that_keeps_up_or_catches_up_is_not_behind() -> None:
    assert not [episode for now in range(0, 3000, 30) for episode in _behind(60, 50, now)]
    backlog = [Arrival(10 * i, 0.0, 200.0 * (i + 1) if i < 3 else None) for i in range(12)]
    assert not episodes([], Rule.FALLING_BEHIND, arrivals=backlog, now=700)


def test_what_waits_for_an_engine_that_starts_slowly_is_not_behind() -> None:
    # It starts for ten intervals, and then evaluates two checkpoints in an interval; every other one is passed over.
    queued = [Arrival(10 * i, 60.0 * i, 600 + 30.0 * (i + 1)) for i in range(60)]
    passed = [Arrival(10 * i + 5, 60.0 * i + 30, 60.0 * i + 30.1) for i in range(60)]
    for now in range(0, 3600, 20):
        known = [
            replace(a, settled_at=None if a.settled_at is None or a.settled_at > now else a.settled_at)
            for a in (*queued, *passed)
            if a.seen_at <= now
        ]
        assert not episodes([], Rule.FALLING_BEHIND, arrivals=known, now=now)


def test_a_backlog_that_is_worked_off_by_fits_and_starts_is_not_behind() -> None:
    # Of each eight intervals the first three see ten evaluations, the others none.
    settled = [480.0 * block + 18 * i for block in range(10) for i in range(1, 11)]
    came = [*([0.0] * 40), *(60.0 * i for i in range(1, 61))]
    for now in range(0, 3600, 60):
        arrivals = [
            Arrival(i, at, end if end <= now else None)
            for i, (at, end) in enumerate(zip(came, settled, strict=True))
            if at <= now
        ]
        assert not _signs(Rule.FALLING_BEHIND, arrivals, now)


def test_what_came_while_nobody_watched_is_not_behind() -> None:
    before = [Arrival(10 * i, 60.0 * i, 60.0 * i + 50) for i in range(20)]
    found = [Arrival(200 + 10 * i, 9000.0) for i in range(30)]
    arrivals = [*before, *found, *(Arrival(500 + 10 * i, 9060.0 + 60 * i) for i in range(4))]
    arrivals = [replace(a, settled_at=9000.0 + 50 * (i - 19)) if 20 <= i < 25 else a for i, a in enumerate(arrivals)]
    assert _signs(Rule.FALLING_BEHIND, arrivals, 9300)
    # The first look of a start comes somewhat before the first one that is taken down.
    assert not _signs(Rule.FALLING_BEHIND, arrivals, 9300, (1200.0, 9020.0))


def test_a_queue_that_was_worked_off_is_over() -> None:
    grown = _arrivals(60, 200, 20, 1200)
    assert episodes([], Rule.FALLING_BEHIND, arrivals=grown, now=1200)
    worked_off = [replace(a, settled_at=a.settled_at or 5000.0) for a in grown]
    assert not episodes([], Rule.FALLING_BEHIND, arrivals=worked_off, now=6000)


def _silent(now: float, *, ended: bool = False, settings: AlertSettings | None = None) -> list[Episode]:
    arrivals = [Arrival(10 * i, 300.0 * i, 300.0 * i + 60) for i in range(6)]
    return episodes([], Rule.TRAINER_SILENT, settings, arrivals=arrivals, now=now, ended=ended)


def test_a_trainer_is_silent_after_several_times_the_usual_interval() -> None:
    assert not _silent(1500 + 1199)
    found = _silent(1500 + 1201)
    assert "No checkpoint for 20 min 1 s after step 50; they came every 5 min" in found[0].evidence
    assert _silent(9000)[0].key == found[0].key
    assert not _silent(9000, ended=True)
    assert not _silent(9000, settings=AlertSettings(silent_factor=100))


def test_a_trainer_that_pauses_now_and_then_is_not_silent_each_time() -> None:
    arrivals = [Arrival(i, at) for i, at in enumerate((0.0, 300.0, 600.0, 4200.0, 4500.0, 4800.0))]
    assert not episodes([], Rule.TRAINER_SILENT, arrivals=arrivals, now=4800 + 5000)
    assert episodes([], Rule.TRAINER_SILENT, arrivals=arrivals, now=4800 + 5500)


def test_silence_needs_a_usual_interval() -> None:
    together = [Arrival(10 * i, 5.0 + i / 10) for i in range(8)]
    assert not episodes([], Rule.TRAINER_SILENT, arrivals=together, now=1e6)


def test_hours_in_which_nobody_watched_hide_no_silence() -> None:
    # Checkpoints come each 10 minutes; after the twentieth nobody watches for 8 hours, then five more come.
    stopped, back = 19 * 600.0 + 60, 19 * 600 + 8 * 3600.0
    times = [*(600.0 * i for i in range(20)), *(back + 600 * i for i in range(5))]
    arrivals = [Arrival(i, at, at + 30) for i, at in enumerate(times)]
    assert not _signs(Rule.TRAINER_SILENT, arrivals, times[-1] + 2390, (stopped, back + 20))
    assert _signs(Rule.TRAINER_SILENT, arrivals, times[-1] + 2410, (stopped, back + 20))


def test_hours_in_which_nobody_watched_are_no_silence() -> None:
    arrivals = [Arrival(10 * i, 300.0 * i, 300.0 * i + 60) for i in range(6)]
    assert not _signs(Rule.TRAINER_SILENT, arrivals, 40_000, (1600, 39_500))
    # A silence that was one before goes on to be the same one.
    (before,) = _signs(Rule.TRAINER_SILENT, arrivals, 2900)
    (after,) = _signs(Rule.TRAINER_SILENT, arrivals, 40_000, (3000, 39_990))
    assert before.key == after.key


def _gone_back(first: int, again: int) -> list[Entry]:
    """Healthy up to `first`, then back at 200 and healthy up to `again`, each step once."""
    steps = [*range(100, first + 1, 100), *range(200, again + 1, 100)]
    return [entry(step, at=at + 0.5, uid=f"u{at}", seen_at=float(at)) for at, step in enumerate(steps, 1)]


def test_a_second_nan_after_the_trainer_went_back_is_told_though_its_step_was_passed_before() -> None:
    first = [Arrival(e.step, e.seen_at) for e in _gone_back(500, 100)]
    (told,) = episodes(_gone_back(400, 100), Rule.NON_FINITE, losses=[(420, math.nan)], arrivals=first)
    again = [Arrival(e.step, e.seen_at) for e in _gone_back(500, 500)]
    (second,) = episodes(_gone_back(500, 400), Rule.NON_FINITE, losses=[(420, math.nan)], arrivals=again)
    assert told.active
    assert second.active
    assert told.key != second.key


def test_nan_is_over_only_by_a_checkpoint_of_the_branch_that_the_trainer_is_on() -> None:
    (lasting,) = episodes(_gone_back(600, 300), Rule.NON_FINITE, losses=[(330, math.nan)])
    assert lasting.active
    (over,) = episodes(_gone_back(600, 400), Rule.NON_FINITE, losses=[(330, math.nan)])
    assert over.cleared_step == 400


def _from_log(
    *signs: LogSign, entries: Sequence[Entry] = (), losses: Sequence[tuple[int, float]] = ()
) -> list[Episode]:
    history = History(tuple(entries), losses=tuple(losses), signs=signs)
    return [a for a in evaluate(history, AlertSettings()) if a.rule in (Rule.NON_FINITE, Rule.NOT_LEARNING)]


def test_gradients_without_a_number_are_one_error_which_no_evaluation_ends() -> None:
    sign = LogSign(SignKind.GRADIENTS, 5, "The gradient norm is NaN since step 5.")
    (episode,) = _from_log(sign, entries=[entry(10), entry(20)], losses=[(7, math.nan)])
    assert (episode.rule, episode.level, episode.step, episode.cleared_step) == (Rule.NON_FINITE, "error", 5, None)
    assert "gradient norm is NaN" in episode.evidence
    (later,) = _from_log(replace(sign, evidence="It went on.", cleared_step=12), entries=[entry(10)])
    assert (later.key, later.cleared_step) == (episode.key, 12)


def test_a_log_without_learning_is_a_warning_for_each_sign_of_it() -> None:
    found = _from_log(LogSign(SignKind.ZERO_RATE, 1, "The rate is 0."), LogSign(SignKind.SAME_LOSS, 1, "The same.", 9))
    assert [(a.rule, a.level, a.step, a.cleared_step) for a in found] == [
        (Rule.NOT_LEARNING, "warn", 1, None),
        (Rule.NOT_LEARNING, "warn", 1, 9),
    ]
    assert found[0].key != found[1].key
