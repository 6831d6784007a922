"""W&B's tracker: where rows go while the run waits for its end, and what of that is state and what is only said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.outboxes import train_row
from watcher.ledger.ledger import Ledger
from watcher.model import Alert, Reason, Row, Target
from watcher.trackers.wandb import Outbox, PublishPlan, PublishResult, RunFacts, Settling
from watcher.trackers.wandb.run import Writer
from watcher.trackers.wandb.run_watch import RunWatch
from watcher.trackers.wandb.tracker import Outboxes, WandbTracker, plans_of


@dataclass
class Sessions:
    """Takes every row beside the run, and into the run unless there is a reason; `orders` are what it was told."""

    reason: Reason | None = None
    orders: list[PublishPlan] = field(default_factory=list)
    during: Callable[[], None] = lambda: None

    def publish(
        self,
        rows: Sequence[Row],
        alerts: Sequence[Alert],
        order: PublishPlan,
        on_mark: Callable[[Sequence[str], int], None],
    ) -> PublishResult:
        self.orders.append(order)
        if self.reason is not None and order.target is Target.RUN:
            return PublishResult((), self.reason, "not now")
        on_mark([row.uid for row in rows], 0)
        self.during()
        return PublishResult(tuple(row.uid for row in rows), url=f"http://{order.target}")


class House:
    """A ledger, the sessions of its tracker, and a run whose state somebody changes."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.sessions, self.now = ledger, Sessions(), 1_000.0
        self.facts = RunFacts(True, "running", Writer.SHARED, begun=5.0, url="http://page")

    def tracker(self) -> WandbTracker:
        watch = RunWatch(lambda: self.facts, Settling(), lambda: self.now)
        order = plans_of(self.ledger, watch, "auto")
        shared = {"gather": 0.0, "clock": lambda: self.now}
        return WandbTracker(
            self.ledger,
            Outboxes(
                Outbox(self.ledger.outbox(), self.sessions, order=order, **shared),  # type: ignore[arg-type]
                Outbox(
                    self.ledger.outbox(Target.COMPANION),
                    self.sessions,
                    order=lambda: PublishPlan(Target.COMPANION),
                    **shared,  # type: ignore[arg-type]
                ),
            ),
            watch,
        )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with closing(Ledger(tmp_path / "ledger.sqlite3")) as ledger:
        ledger.outbox().add_rows([train_row(1)])
        yield House(ledger)


def test_what_the_run_does_not_take_before_its_end_is_shown_beside_it_in_the_same_step(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.sessions.reason = Reason.DEFERRED
    tracker = house.tracker()
    assert tracker.ready()
    with caplog.at_level("INFO", logger="uimon"):
        delivery = tracker.publish()
    assert (delivery.waiting, delivery.delivered, tracker.waits_for_end) == (Reason.DEFERRED, (), True)
    assert [order.target for order in house.sessions.orders] == [Target.RUN, Target.COMPANION]
    assert (tracker.empty, tracker.ready()) == (False, False)
    assert "Until then they are in the companion run http://companion." in caplog.text


def test_why_the_run_waits_is_known_also_when_only_the_companion_was_tried(house: House) -> None:
    house.sessions.reason = Reason.DEFERRED
    tracker = house.tracker()
    tracker.publish()
    house.ledger.outbox().add_rows([train_row(2)])
    assert tracker.publish().waiting is Reason.DEFERRED
    assert [order.target for order in house.sessions.orders] == [Target.RUN, Target.COMPANION, Target.COMPANION]
    house.sessions.reason = None
    tracker.retry_now()
    assert tracker.publish().waiting is None
    assert (tracker.waits_for_end, tracker.empty) == (False, True)


@pytest.mark.parametrize(
    ("reason", "state", "pause"),
    [
        (Reason.DEFERRED, "running", None),
        (Reason.DEFERRED, "finished", 45.0),
        (Reason.RUN_NOT_FOUND, "running", None),
        (Reason.WANDB_REFUSED, "running", None),
    ],
)
def test_how_long_it_is_worth_waiting(house: House, reason: Reason, state: str, pause: float | None) -> None:
    house.sessions.reason = reason
    house.facts = RunFacts(True, state, Writer.DEFAULT)
    tracker = house.tracker()
    tracker.look()
    tracker.publish()
    assert tracker.retry_in == pause


def test_rows_are_on_their_way_while_a_session_has_them(house: House) -> None:
    tracker, seen = house.tracker(), []
    house.sessions.during = lambda: seen.append(tracker.sending)
    tracker.publish()
    assert (seen, tracker.sending) == ([True], False)


def test_what_is_known_of_the_run_is_what_w_and_b_has_said(house: House) -> None:
    tracker = house.tracker()
    assert not tracker.asked.is_set()
    tracker.look()
    life = tracker.life
    assert tracker.asked.is_set()
    assert (life.running, life.ended, life.begun, life.missing, life.url) == (True, None, 5.0, False, "http://page")
    house.facts, house.now = RunFacts(True, "failed", Writer.SHARED), 1_100.0
    tracker.look()
    house.now += 7
    assert (tracker.life.running, tracker.life.ended, tracker.life.ended_seconds) == (False, "failed", 7.0)
    house.facts, house.now = RunFacts(False), 1_200.0
    tracker.look()
    assert tracker.life.missing
