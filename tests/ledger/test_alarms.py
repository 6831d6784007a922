from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.test_ledger import found
from watcher.ledger.alarms import CLEARED, RAISED
from watcher.ledger.ledger import Ledger
from watcher.model import Checkpoint, LoggedStep, TrainerState


@dataclass(frozen=True)
class Warned:
    key: str
    step: int = 50
    active: bool = True

    def to_dict(self) -> dict[str, Any]:
        return {"key": self.key, "step": self.step, "active": self.active, "title": "colors collapsed"}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite3", clock)
    yield opened
    opened.close()


WEBHOOK = {"webhook": frozenset({RAISED, CLEARED})}
BOTH = {**WEBHOOK, "command": frozenset({RAISED})}


def due(ledger: Ledger, channel: str) -> list[tuple[str, str]]:
    return [(notice.key, notice.event) for notice in ledger.alarms().due(channel)]


def test_a_warning_begins_once_and_ends_once_across_restarts(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    first = ledger.alarms().settle([Warned("a")], BOTH)
    assert (first.begun, first.over) == (("a",), ())
    again = Ledger(tmp_path / "ledger.sqlite3", clock)
    assert again.alarms().settle([Warned("a"), Warned("b", 60)], BOTH).begun == ("b",)
    over = again.alarms().settle([Warned("a", active=False)], BOTH)
    assert (over.begun, sorted(over.over)) == ((), ["a", "b"])
    assert again.alarms().settle([Warned("a", active=False)], BOTH).over == ()
    assert [(a["key"], a["active"]) for a in again.alarms().all()] == [("a", False), ("b", False)]
    assert due(again, "webhook") == [("a", RAISED), ("b", RAISED)]
    # A command may stop the trainer: it is not run because something is well again.
    assert due(again, "command") == [("a", RAISED), ("b", RAISED)]
    again.close()


def test_that_one_is_over_is_due_only_where_its_beginning_was_passed_on(ledger: Ledger) -> None:
    alarms = ledger.alarms()
    alarms.settle([Warned("a"), Warned("b"), Warned("c")], BOTH)
    alarms.settle([], BOTH)
    for notice, error in zip(alarms.due("webhook"), ("it answered 404", None), strict=False):
        alarms.passed_on(notice, "webhook", error)
    assert due(ledger, "webhook") == [("c", RAISED), ("b", CLEARED)]


def test_of_one_that_is_no_longer_watched_nobody_hears_that_it_is_over_until_it_is(ledger: Ledger) -> None:
    alarms = ledger.alarms()
    alarms.settle([Warned("a")], BOTH)
    alarms.passed_on(alarms.due("webhook")[0], "webhook")
    lost = alarms.settle([], BOTH, {"a"})
    assert (lost.over, lost.unwatched) == ((), ("a",))
    assert [a["active"] for a in alarms.all()] == [False]
    assert alarms.settle([], BOTH, {"a"}).unwatched == ()
    assert due(ledger, "webhook") == []
    back = alarms.settle([Warned("a", active=False)], BOTH)
    assert (back.begun, back.over) == ((), ("a",))
    assert due(ledger, "webhook") == [("a", CLEARED)]


def test_one_that_is_watched_again_lasts_and_nobody_is_told_twice(ledger: Ledger) -> None:
    alarms = ledger.alarms()
    for unwatched in (set(), {"a"}, set()):
        changes = alarms.settle([] if unwatched else [Warned("a")], BOTH, unwatched)
    assert (changes.begun, changes.over) == ((), ())
    assert [a["active"] for a in alarms.all()] == [True]
    assert due(ledger, "webhook") == [("a", RAISED)]


def test_one_that_lasts_after_all_is_active_again_and_nobody_is_told_twice(ledger: Ledger) -> None:
    for now in ([Warned("a")], [], [Warned("a")]):
        ledger.alarms().settle(now, BOTH)
    assert [a["active"] for a in ledger.alarms().all()] == [True]
    assert due(ledger, "command") == [("a", RAISED)]


def test_one_that_was_over_before_anybody_looked_is_on_record_and_nobody_is_told(ledger: Ledger) -> None:
    assert ledger.alarms().settle([Warned("a", active=False)], BOTH).begun == ()
    assert due(ledger, "webhook") == due(ledger, "command") == []
    assert [a["active"] for a in ledger.alarms().all()] == [False]


def test_each_channel_passes_each_warning_on_once(ledger: Ledger, clock: Clock) -> None:
    alarms = ledger.alarms()
    alarms.settle([Warned("a"), Warned("b", 60)], BOTH)
    first, second = alarms.due("webhook")
    alarms.passed_on(first, "webhook")
    alarms.postpone(second, "webhook", 30, "it answered 500")
    assert due(ledger, "webhook") == []
    assert due(ledger, "command") == [("a", RAISED), ("b", RAISED)]
    clock.now += 31
    assert [(n.key, n.attempts) for n in alarms.due("webhook")] == [("b", 1)]


def test_what_was_postponed_is_due_early_where_that_is_asked_for(ledger: Ledger) -> None:
    alarms = ledger.alarms()
    alarms.settle([Warned("a")], BOTH)
    alarms.postpone(alarms.due("webhook")[0], "webhook", 3600, "it answered 500")
    assert alarms.due("webhook") == []
    assert [n.key for n in alarms.due("webhook", early=True)] == ["a"]


def test_losses_are_what_the_trainer_logged_nan_and_infinity_included(ledger: Ledger) -> None:
    losses = tuple(LoggedStep(*pair) for pair in ((10, 0.5), (20, float("nan")), (30, float("inf"))))
    ledger.sight(replace(found(30), trainer=TrainerState(30, 100, losses)), "run")
    assert [(step, round(loss, 9)) for step, loss in ledger.losses().after(0)[0]] == [(10, 0.5)]
    assert [(step, repr(loss)) for step, loss in ledger.losses().non_finite()] == [(20, "nan"), (30, "inf")]


def test_nan_that_the_trainer_has_gone_back_behind_is_forgotten_also_when_it_is_read_again(ledger: Ledger) -> None:
    def save(step: int, *odd: int) -> Checkpoint:
        state = TrainerState(step, 100, (LoggedStep(5, 0.5), *(LoggedStep(at, float("nan")) for at in odd)))
        ledger.sight(made := replace(found(step), trainer=state), "run")
        return made

    left = save(50, 42)
    assert [step for step, _ in ledger.losses().non_finite()] == [42]
    save(30)
    # As at a restart, where all that still lies there is looked into.
    ledger.sight(left, "run")
    assert ledger.losses().non_finite() == []
    save(55, 43)
    assert [step for step, _ in ledger.losses().non_finite()] == [43]
