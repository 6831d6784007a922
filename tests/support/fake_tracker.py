"""A tracker in memory, for tests of what the service makes of any tracker."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from watcher.checkpoints.run_log import RunLog
from watcher.ledger.ledger import Ledger
from watcher.model import Alert, Reason, Row
from watcher.trackers.base import PublishOutcome, RunLife


@dataclass
class FakeTracker:
    """Takes `batch` rows at a time out of the ledger's outbox, none while it `refuses`. `pause` is its `retry_in`,
    `life` and `logged_steps` are what it knows of the run. `calls` are the names of what the service has asked for.
    """

    ledger: Ledger
    batch: int = 100
    refuses: Reason | None = None
    pause: float | None = 1.0
    waits_for_end: bool = False
    life: RunLife = field(default_factory=RunLife)
    logged_steps: RunLog | None = None
    rows: list[Row] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    sending: bool = False

    def look(self, *, now: bool = False) -> None:
        self.calls.append("look now" if now else "look")
        self.asked.set()

    def logged(self) -> RunLog | None:
        return self.logged_steps

    def ready(self) -> bool:
        return not self.empty

    def publish(self) -> PublishOutcome:
        self.calls.append("publish")
        if self.refuses is not None:
            return PublishOutcome(waiting=self.refuses, detail="it was refused")
        rows, alerts = self.ledger.outbox().due_rows(self.batch), self.ledger.outbox().due_alerts()
        self.rows += rows
        self.alerts += alerts
        self.ledger.outbox().rows_published(uids := tuple(row.uid for row in rows))
        self.ledger.outbox().alerts_raised([alert.key for alert in alerts])
        return PublishOutcome(uids, url="http://run", moved=bool(rows))

    def tend(self) -> None:
        self.calls.append("tend")

    def hurry(self) -> None:
        self.calls.append("hurry")

    def retry_now(self) -> None:
        self.calls.append("retry now")

    def leave(self, *, hasty: bool) -> None:
        self.calls.append("leave in haste" if hasty else "leave")

    @property
    def empty(self) -> bool:
        return self.ledger.outbox().empty

    @property
    def retry_in(self) -> float | None:
        return self.pause
