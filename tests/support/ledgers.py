"""Short ways of asking a ledger what a tracker would."""

from __future__ import annotations

from watcher.evaluation.rows import RowMaker
from watcher.ledger.ledger import Ledger
from watcher.model import Row, RowKind


def due_rows(ledger: Ledger, run: str = "run") -> list[Row]:
    """What is due in the run once somebody asks."""
    RowMaker(ledger, run).make()
    return ledger.outbox().due_rows(100)


def due_evaluations(ledger: Ledger, run: str = "run") -> list[Row]:
    """The evaluations among them."""
    return [row for row in due_rows(ledger, run) if row.kind is RowKind.EVAL]
