"""The publisher: how long the last attempts go on, what is said meanwhile, and a run that joining has spoiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.outboxes import train_row
from watcher.cli.watch import say_undelivered
from watcher.evaluation.rows import RowMaker
from watcher.ledger.ledger import Ledger
from watcher.model import Alert, Reason, Row, Target
from watcher.service.board import Board
from watcher.service.publisher import Publisher
from watcher.service.signals import Signals
from watcher.trackers.wandb import Outbox, PublishPlan, PublishResult, RunFacts, Settling
from watcher.trackers.wandb.run import Writer
from watcher.trackers.wandb.run_watch import RunWatch
from watcher.trackers.wandb.tracker import Outboxes, WandbTracker, plans_of


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class SlowTracker:
    """Each session takes `seconds`; of what it is sent, it shows all rows, or none where it `lags`; where it `refuses`
    it takes none, and where it `forgets` it loses what it took.
    """

    clock: Clock
    seconds: float
    lags: bool = False
    refuses: bool = False
    forgets: bool = False
    while_sending: Callable[[], None] = lambda: None
    first_rows: bool | None = None
    sessions: list[PublishPlan] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def publish(
        self,
        rows: Sequence[Row],
        alerts: Sequence[Alert],
        order: PublishPlan,
        on_mark: Callable[[Sequence[str], int], None],
    ) -> PublishResult:
        assert not alerts
        self.sessions.append(order)
        if order.spoiled and order.target is Target.RUN:
            return PublishResult((), Reason.DEFERRED, "it was spoiled")
        uids = [row.uid for row in rows]
        patience = order.patience
        if due := [
            row.uid for row in rows if row.sent is None or (self.forgets and patience.is_over(row.sent, order.now))
        ]:
            on_mark(due, len(self.taken))
            self.taken += due
            self.clock.now += self.seconds
            self.while_sending()
        if self.refuses:
            return PublishResult((), Reason.NOT_DELIVERED, "W&B did not take them", unsent=tuple(uids))
        if self.lags:
            return PublishResult((), Reason.UNCONFIRMED, absent=tuple(uids))
        return PublishResult(tuple(uids), first_rows=self.first_rows)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite3")
    yield made
    made.close()


def publisher(ledger: Ledger, tracker: SlowTracker, clock: Clock, made: float | None = None) -> Publisher:
    signals = Signals(clock)
    watch = RunWatch(lambda: RunFacts(True, "running", Writer.SHARED, begun=made), Settling(), clock)

    order = plans_of(ledger, watch, "auto")
    outboxes = Outboxes(
        Outbox(ledger.outbox(), tracker, order=order, batch=100, clock=clock),
        Outbox(ledger.outbox(Target.COMPANION), tracker, order=lambda: PublishPlan(Target.COMPANION), clock=clock),
    )
    wandb = WandbTracker(ledger, outboxes, watch)
    return Publisher(wandb, RowMaker(ledger, "run"), ledger, signals, Board(), sleep=clock.sleep)


def test_the_drains_limit_counts_time_without_progress_and_progress_is_said(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    tracker = SlowTracker(clock, seconds=40.0)
    ledger.outbox().add_rows(train_row(step) for step in range(1_000))
    with caplog.at_level("INFO"):
        publisher(ledger, tracker, clock).deliver(60.0)
    assert ledger.outbox().empty
    assert clock.now >= 1_400.0
    assert "300 of 1000 rows are in the run." in caplog.text


def test_rows_that_do_not_show_end_the_drain_and_are_named(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    tracker = SlowTracker(clock, seconds=1.0, lags=True)
    ledger.outbox().add_rows(train_row(step) for step in range(300))
    publisher(ledger, tracker, clock).deliver(60.0)
    assert len(tracker.taken) == len(set(tracker.taken)) == 300
    # Three sessions that send, and from then on a minute in which nothing gets on.
    assert 50.0 < clock.now - 1_003.0 <= 60.0
    assert say_undelivered(ledger)
    assert "300 rows (0 of them evaluations) wait in the ledger (unconfirmed)" in caplog.text
    assert "Unconfirmed: 300 rows were sent" in caplog.text


def test_rows_that_are_refused_again_and_again_end_the_drain(ledger: Ledger) -> None:
    clock = Clock()
    tracker = SlowTracker(clock, seconds=1.0, refuses=True)
    ledger.outbox().add_rows([train_row(1)])
    tracker.while_sending = lambda: pytest.fail("the drain does not end") if clock.now > 2_000 else None
    publisher(ledger, tracker, clock).deliver(60.0)
    assert 50.0 < clock.now - 1_000.0 <= 61.0
    assert len(tracker.taken) > 1


def test_a_row_that_is_lost_again_and_again_ends_the_drain(ledger: Ledger) -> None:
    clock = Clock()
    tracker = SlowTracker(clock, seconds=1.0, lags=True, forgets=True)
    ledger.outbox().add_rows([train_row(1)])
    tracker.while_sending = lambda: pytest.fail("the drain does not end") if clock.now > 20_000 else None
    publisher(ledger, tracker, clock).deliver(1_000.0)
    assert 900.0 < clock.now - 1_000.0 <= 1_001.0
    assert tracker.taken == ["train-1", "train-1"]


@pytest.mark.parametrize("hasty", [False, True])
def test_a_session_with_rows_on_their_way_is_not_cut_off_unless_in_haste(ledger: Ledger, hasty: bool) -> None:
    clock = Clock()
    tracker = SlowTracker(clock, seconds=500.0)
    ledger.outbox().add_rows([train_row(1)])
    slow, left = publisher(ledger, tracker, clock), []
    slow.finish(60.0, hasty=hasty)
    tracker.while_sending = lambda: left.append(slow.seconds_left)
    slow.run()
    assert left == [-440.0 if hasty else 60.0]
    assert ledger.outbox().empty


def test_a_run_whose_trainer_has_lost_its_first_rows_is_not_joined_again(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    tracker = SlowTracker(clock, seconds=1.0, first_rows=False)
    ledger.outbox().add_rows([train_row(1)])
    publisher(ledger, tracker, clock).deliver(5.0)
    assert "does not join this run again" in caplog.text
    assert [order.check for order in tracker.sessions] == [True]
    # Also by the next start.
    ledger.outbox().add_rows([train_row(2)])
    publisher(ledger, tracker, clock).deliver(5.0)
    assert [(order.target, order.spoiled) for order in tracker.sessions[1:]] == [
        (Target.RUN, True),
        (Target.COMPANION, False),
    ]
    assert ledger.outbox(Target.COMPANION).empty
    assert not ledger.outbox().empty


def test_trainers_rows_that_are_still_there_are_checked_once(ledger: Ledger) -> None:
    clock = Clock()
    tracker = SlowTracker(clock, seconds=1.0, first_rows=True)
    for step in (1, 2):
        ledger.outbox().add_rows([train_row(step)])
        publisher(ledger, tracker, clock).deliver(5.0)
    assert [(order.check, order.spoiled) for order in tracker.sessions] == [(True, False), (False, False)]


def test_a_run_that_was_made_anew_under_its_id_is_named_once(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    tracker = SlowTracker(clock, seconds=1.0)
    said = []
    for step, made in ((1, 100.0), (2, 100.0), (3, 500.0), (4, 500.0)):
        ledger.outbox().add_rows([train_row(step)])
        publisher(ledger, tracker, clock, made).deliver(5.0)
        said.append(sum("created again under its id: the 2 rows" in record.getMessage() for record in caplog.records))
    assert said == [0, 0, 1, 1]
    assert tracker.taken == ["train-1", "train-2", "train-3", "train-4"]
