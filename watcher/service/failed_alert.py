"""The alert for a checkpoint that will not be evaluated; NaN and infinity are an early warning of their own."""

from __future__ import annotations

from watcher.ledger.ledger import Record
from watcher.model import Alert, AlertLevel, Reason


def failed_alert(record: Record, reason: Reason | None, sentence: str) -> Alert:
    """One for each checkpoint and reason, however often it is tried."""
    key = f"failed/{record.name}/{record.digest or record.stamp}/{reason}"
    return Alert(key, AlertLevel.WARN, f"Not evaluated ({reason}): {record.name}", sentence)
