from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.test_ledger import found
from watcher.ledger.deliveries import WANDB
from watcher.ledger.episodes import Changes
from watcher.ledger.ledger import Ledger
from watcher.model import Alert, AlertLevel, Checkpoint, Event, LoggedStep, TrainerState


@dataclass(frozen=True)
class Warned:
    key: str
    step: int = 50
    active: bool = True
    level: AlertLevel = AlertLevel.WARN

    def to_dict(self) -> dict[str, Any]:
        title = "colors collapsed"
        return {"key": self.key, "step": self.step, "active": self.active, "title": title, "level": self.level}


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


RAISED, RISEN, CLEARED = Event.RAISED, Event.RISEN, Event.CLEARED
CHANNELS = {"webhook": frozenset(Event), "command": frozenset({RAISED, RISEN})}


def settle(ledger: Ledger, found: Sequence[Warned], *args: Any, **options: Any) -> Changes:
    """Settle, and have both channels pass on what is news, as the monitor does."""
    changes = ledger.episodes().settle(found, *args, **options)
    news = ((RAISED, changes.begun), (RISEN, changes.risen), (CLEARED, changes.over))
    for channel, events in CHANNELS.items():
        for event, keys in news:
            for key in keys if event in events else ():
                ledger.deliveries().add(channel, key, event, {"key": key})
    return changes


def due(ledger: Ledger, channel: str) -> list[tuple[str, str]]:
    return [(delivery.key, delivery.event) for delivery in ledger.deliveries().due(channel)]


def test_a_warning_begins_once_and_ends_once_across_restarts(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    first = settle(ledger, [Warned("a")])
    assert (first.begun, first.over) == (("a",), ())
    again = Ledger(tmp_path / "ledger.sqlite3", clock)
    assert settle(again, [Warned("a"), Warned("b", 60)]).begun == ("b",)
    over = settle(again, [Warned("a", active=False)])
    assert (over.begun, sorted(over.over)) == ((), ["a", "b"])
    assert settle(again, [Warned("a", active=False)]).over == ()
    assert [(a["key"], a["active"]) for a in again.episodes().all()] == [("a", False), ("b", False)]
    assert due(again, "webhook") == [("a", RAISED), ("b", RAISED)]
    # A command may stop the trainer: it is not run because something is well again.
    assert due(again, "command") == [("a", RAISED), ("b", RAISED)]
    again.close()


def test_that_one_is_over_is_due_only_where_its_beginning_was_passed_on(ledger: Ledger) -> None:
    deliveries = ledger.deliveries()
    settle(ledger, [Warned("a"), Warned("b"), Warned("c")])
    settle(ledger, [])
    for delivery, error in zip(deliveries.due("webhook"), ("it answered 404", None), strict=False):
        deliveries.passed_on(delivery, "webhook", error)
    assert due(ledger, "webhook") == [("c", RAISED), ("b", CLEARED)]


def test_of_one_that_is_no_longer_watched_nobody_hears_that_it_is_over_until_it_is(ledger: Ledger) -> None:
    deliveries = ledger.deliveries()
    settle(ledger, [Warned("a")])
    deliveries.passed_on(deliveries.due("webhook")[0], "webhook")
    lost = settle(ledger, [], {"a"})
    assert (lost.over, lost.unwatched) == ((), ("a",))
    assert [a["active"] for a in ledger.episodes().all()] == [False]
    assert settle(ledger, [], {"a"}).unwatched == ()
    assert due(ledger, "webhook") == []
    back = settle(ledger, [Warned("a", active=False)])
    assert (back.begun, back.over) == ((), ("a",))
    assert due(ledger, "webhook") == [("a", CLEARED)]


def test_one_that_is_watched_again_lasts_and_nobody_is_told_twice(ledger: Ledger) -> None:
    for unwatched in (set(), {"a"}, set()):
        changes = settle(ledger, [] if unwatched else [Warned("a")], unwatched)
    assert (changes.begun, changes.over) == ((), ())
    assert [a["active"] for a in ledger.episodes().all()] == [True]
    assert due(ledger, "webhook") == [("a", RAISED)]


def test_one_that_lasts_after_all_is_active_again_and_nobody_is_told_twice(ledger: Ledger) -> None:
    for now in ([Warned("a")], [], [Warned("a")]):
        settle(ledger, now)
    assert [a["active"] for a in ledger.episodes().all()] == [True]
    assert due(ledger, "command") == [("a", RAISED)]


def test_one_that_was_over_before_anybody_looked_is_on_record_and_nobody_is_told(ledger: Ledger) -> None:
    assert settle(ledger, [Warned("a", active=False)]).begun == ()
    assert due(ledger, "webhook") == due(ledger, "command") == []
    assert [a["active"] for a in ledger.episodes().all()] == [False]


def test_each_channel_passes_each_warning_on_once(ledger: Ledger, clock: Clock) -> None:
    deliveries = ledger.deliveries()
    settle(ledger, [Warned("a"), Warned("b", 60)])
    first, second = deliveries.due("webhook")
    deliveries.passed_on(first, "webhook")
    deliveries.postpone(second, "webhook", 30, "it answered 500")
    assert due(ledger, "webhook") == []
    assert due(ledger, "command") == [("a", RAISED), ("b", RAISED)]
    clock.now += 31
    assert [(n.key, n.attempts) for n in deliveries.due("webhook")] == [("b", 1)]


def test_what_was_postponed_is_due_early_where_that_is_asked_for(ledger: Ledger) -> None:
    deliveries = ledger.deliveries()
    settle(ledger, [Warned("a")])
    deliveries.postpone(deliveries.due("webhook")[0], "webhook", 3600, "it answered 500")
    assert deliveries.due("webhook") == []
    assert [n.key for n in deliveries.due("webhook", early=True)] == ["a"]


def test_one_that_has_risen_is_news_once_and_told_after_its_beginning(ledger: Ledger, clock: Clock) -> None:
    worse = Warned("a", level=AlertLevel.ERROR)
    settle(ledger, [Warned("a")])
    assert settle(ledger, [worse]).risen == ("a",)
    assert settle(ledger, [worse]).risen == settle(ledger, [Warned("a")]).risen == ()
    assert due(ledger, "webhook") == due(ledger, "command") == [("a", RAISED)]
    deliveries = ledger.deliveries()
    for channel in CHANNELS:
        deliveries.passed_on(deliveries.due(channel)[0], channel)
        assert due(ledger, channel) == [("a", RISEN)]
        deliveries.passed_on(deliveries.due(channel)[0], channel)
        assert due(ledger, channel) == []
    assert [a["level"] for a in ledger.episodes().all()] == ["error"]


def test_who_refused_its_beginning_hears_that_it_has_risen_and_then_that_it_is_over(ledger: Ledger) -> None:
    deliveries = ledger.deliveries()
    settle(ledger, [Warned("a")])
    deliveries.passed_on(deliveries.due("webhook")[0], "webhook", "it answered 404")
    settle(ledger, [Warned("a", level=AlertLevel.ERROR)])
    settle(ledger, [])
    assert due(ledger, "webhook") == [("a", RISEN)]
    deliveries.passed_on(deliveries.due("webhook")[0], "webhook")
    assert due(ledger, "webhook") == [("a", CLEARED)]


def test_a_brief_one_begins_and_is_over(ledger: Ledger) -> None:
    changes = settle(ledger, [Warned("a", active=False)], brief={"a"})
    assert (changes.begun, changes.over) == (("a",), ("a",))
    assert settle(ledger, [Warned("a", active=False)], brief={"a"}) == Changes((), (), (), (), ())
    past = settle(ledger, [Warned("a", active=False), Warned("b", active=False)], quiet={"b"}, brief={"b"})
    assert (past.begun, past.over, past.past) == ((), (), ("b",))


def test_wandb_hears_of_each_event_once_and_of_two_like_titles_by_number(ledger: Ledger) -> None:
    deliveries = ledger.deliveries()

    def add(key: str, event: Event, title: str) -> None:
        deliveries.add_alert(key, event, Alert(key, AlertLevel.WARN, title, "text"))

    for _ in range(2):
        add("a", RAISED, "All gray")
        add("b", RAISED, "All gray")
        add("a", RISEN, "Worse")
        # Nobody was to tell that it began.
        add("c", CLEARED, "Over")
    assert [(alert.key, alert.title) for alert in deliveries.due_alerts()] == [
        ("a", "All gray"),
        ("b", "All gray (no. 2)"),
        ("a/risen", "Worse"),
    ]
    deliveries.alerts_raised(["a", "a/risen"])
    assert [alert.key for alert in deliveries.due_alerts()] == ["b"]
    add("a", CLEARED, "Over")
    deliveries.note_told(WANDB, "c")
    add("c", CLEARED, "Over")
    assert [alert.key for alert in deliveries.due_alerts()] == ["b", "a/over", "c/over"]
    assert [delivery.key for delivery in deliveries.due(WANDB)] == ["b", "a", "c"]


def test_losses_are_what_the_trainer_logged_nan_and_infinity_included(ledger: Ledger) -> None:
    losses = tuple(LoggedStep(*pair) for pair in ((10, 0.5), (20, float("nan")), (30, float("inf"))))
    ledger.observe(replace(found(30), trainer=TrainerState(30, 100, losses)), "run")
    assert [(step, round(loss, 9)) for step, loss in ledger.losses().after(0)[0]] == [(10, 0.5)]
    assert [(step, repr(loss)) for step, loss in ledger.losses().non_finite()] == [(20, "nan"), (30, "inf")]


def test_nan_that_the_trainer_has_gone_back_behind_is_forgotten_also_when_it_is_read_again(ledger: Ledger) -> None:
    def save(step: int, *odd: int) -> Checkpoint:
        state = TrainerState(step, 100, (LoggedStep(5, 0.5), *(LoggedStep(at, float("nan")) for at in odd)))
        ledger.observe(made := replace(found(step), trainer=state), "run")
        return made

    left = save(50, 42)
    assert [step for step, _ in ledger.losses().non_finite()] == [42]
    save(30)
    # As at a restart, where all that still lies there is looked into.
    ledger.observe(left, "run")
    assert ledger.losses().non_finite() == []
    save(55, 43)
    assert [step for step, _ in ledger.losses().non_finite()] == [43]
