"""What publishes to W&B, without W&B."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from watcher.model import Alert, Reason, Row, Target
from watcher.trackers.wandb import PublishPlan, PublishResult


@dataclass
class ScriptedTracker:
    """Takes every row, or answers with `refuse` while it is set; `deferred` ends as it does for a run that ended."""

    refuse: Reason | None = None
    rows: list[Row] = field(default_factory=list)
    companion: list[Row] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    attempts: int = 0

    def publish(
        self,
        rows: Sequence[Row],
        alerts: Sequence[Alert],
        order: PublishPlan,
        on_mark: Callable[[Sequence[str], int], None],
    ) -> PublishResult:
        """Keep the rows as if they had been read back."""
        if order.target is Target.COMPANION:
            on_mark([row.uid for row in rows], 0)
            self.companion += rows
            self.alerts += alerts
            return PublishResult(
                tuple(row.uid for row in rows), url="http://companion", alerted=tuple(alert.key for alert in alerts)
            )
        self.attempts += 1
        if self.refuse is Reason.DEFERRED and order.settled:
            self.refuse = None
        if self.refuse is not None:
            return PublishResult((), self.refuse, "it was refused")
        uids = [row.uid for row in rows]
        on_mark(uids, len(self.rows))
        self.rows += rows
        self.alerts += alerts
        return PublishResult(tuple(uids), url="http://run", alerted=tuple(alert.key for alert in alerts))
