"""What the service makes of a tracker, whichever it is; and of none."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.checkpoint_files import write_checkpoint
from tests.support.fake_tracker import FakeTracker
from tests.support.house import House
from tests.support.outboxes import train_row
from watcher.evaluation.rows import RowMaker
from watcher.ledger.ledger import Ledger
from watcher.model import Alert, AlertLevel, Event, Reason, RowKind
from watcher.service import Service
from watcher.service.board import Board
from watcher.service.publisher import Publisher
from watcher.service.signals import Signals
from watcher.trackers.base import RunLife, Tracker


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_path / "ledger.sqlite3")) as made:
        yield made


def publisher(ledger: Ledger, tracker: Tracker | None, board: Board | None = None) -> Publisher:
    """One whose pauses pass at once."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return Publisher(tracker, RowMaker(ledger, "run"), ledger, Signals(lambda: now[0]), board or Board(), sleep=sleep)


def with_tracker(house: House, tracker: Tracker | None, **settings: object) -> Service:
    """A service of the house that logs to this tracker, or to none."""
    made = house.service(once=True, **settings)
    parts = replace(made._parts, tracker=tracker)
    return Service(made._settings, "run", made._evaluator._suites._val, house.state.stage, parts)


def test_rows_and_alerts_go_into_any_tracker_batch_by_batch_until_nothing_is_due(ledger: Ledger) -> None:
    ledger.add_log("run", [(step, 1.0 / step) for step in range(1, 8)])
    ledger.deliveries().add_alert("key", Event.RAISED, Alert("key", AlertLevel.WARN, "title", "text"))
    tracker, board = FakeTracker(ledger, batch=3), Board()
    publisher(ledger, tracker, board).deliver(60.0)
    assert [row.step for row in tracker.rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [alert.key for alert in tracker.alerts] == ["key"]
    assert (board.snapshot.due, board.snapshot.url, board.snapshot.publishing) == (0, "http://run", False)
    assert tracker.calls == ["look now", "hurry", *["retry now", "publish"] * 3, "leave"]


def test_a_tracker_of_which_waiting_brings_nothing_is_tried_once(ledger: Ledger) -> None:
    ledger.outbox().add_rows([train_row(1)])
    tracker = FakeTracker(ledger, refuses=Reason.RUN_NOT_FOUND, pause=None)
    publisher(ledger, tracker).deliver(60.0)
    assert tracker.calls.count("publish") == 1


def test_a_tracker_that_refuses_is_tried_until_the_time_is_over_and_that_is_said_once(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.outbox().add_rows([train_row(1)])
    tracker, board = FakeTracker(ledger, refuses=Reason.NOT_DELIVERED, pause=10.0), Board()
    publisher(ledger, tracker, board).deliver(60.0)
    assert tracker.calls.count("publish") == 6
    assert caplog.text.count("Rows wait in the ledger (not_delivered): it was refused") == 1
    assert board.snapshot.waiting is Reason.NOT_DELIVERED


def test_what_waits_for_the_end_of_a_run_is_not_tried_in_haste(ledger: Ledger) -> None:
    ledger.outbox().add_rows([train_row(1)])
    tracker = FakeTracker(ledger, waits_for_end=True)
    made = publisher(ledger, tracker)
    made.finish(4.0, hasty=True)
    made.run()
    assert tracker.calls == ["hurry", "leave in haste"]


def test_rows_on_their_way_are_waited_for_unless_in_haste(ledger: Ledger) -> None:
    tracker = FakeTracker(ledger, sending=True)
    for hasty, left in ((False, 60.0), (True, 0.0)):
        made = publisher(ledger, tracker)
        made.finish(60.0 if not hasty else 0.0, hasty=hasty)
        assert made.seconds_left == left


def test_a_run_that_has_ended_ends_the_service(house: House, caplog: pytest.LogCaptureFixture) -> None:
    write_checkpoint(house.root, 50)
    tracker = FakeTracker(house.ledger, life=RunLife(ended="failed", ended_seconds=99.0))
    made = house.service(until_final=True, grace=0.1)
    parts = replace(made._parts, tracker=tracker)
    with caplog.at_level(logging.INFO, logger="uimon"):
        Service(made._settings, "run", made._evaluator._suites._val, house.state.stage, parts).run()
    assert "The run is failed at W&B" in caplog.text
    # Which of the two the publisher finds first is nobody's promise.
    assert sorted(row.kind for row in tracker.rows) == [RowKind.EVAL, RowKind.TRAIN]
    assert house.states() == [(50, "published", None)]


def test_without_a_tracker_nothing_waits_and_the_first_one_that_comes_gets_all_of_it_once(house: House) -> None:
    for step in (50, 60):
        write_checkpoint(house.root, step)
    with_tracker(house, None).run()
    assert house.states() == [(50, "evaluated", None), (60, "evaluated", None)]
    assert (house.ledger.outbox().empty, house.ledger.outbox().counts()) == (True, {})
    tracker = FakeTracker(house.ledger)
    for _ in range(2):
        with_tracker(house, tracker).run()
        assert [(row.kind, row.step) for row in tracker.rows] == [
            (RowKind.EVAL, 50),
            (RowKind.EVAL, 60),
            (RowKind.TRAIN, 50),
            (RowKind.TRAIN, 60),
        ]
    assert all(row.table is not None for row in tracker.rows[:2])
    assert house.states() == [(50, "published", None), (60, "published", None)]
