"""The alert for a checkpoint that will not be evaluated."""

from __future__ import annotations

from watcher.ledger import Record
from watcher.model import Alert, AlertLevel, Reason


def failed_alert(record: Record, reason: Reason | None, sentence: str) -> Alert:
    """One for each checkpoint and reason, however often it is tried; diverged training is worse than the others."""
    diverged = reason is Reason.NON_FINITE
    what = "holds NaN or infinity: training has diverged" if diverged else f"could not be evaluated ({reason})"
    key = f"failed/{record.name}/{record.digest or record.id}/{reason}"
    return Alert(key, AlertLevel.ERROR if diverged else AlertLevel.WARN, f"{record.name} {what}", sentence)
