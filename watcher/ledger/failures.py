"""Checkpoints that were given up: each failure stays on record, also where its checkpoint is evaluated later."""

from __future__ import annotations

from typing import Final

from watcher.ledger.row_reader import RowReader
from watcher.ledger.transactions import Transactions
from watcher.model import Failure, Reason

_failure: Final = RowReader(Failure)


class LedgerFailures:
    """The failures of one run; NaN and infinity are told of in another way and are none."""

    def __init__(self, ledger: Transactions) -> None:
        self._ledger = ledger

    def note(self, checkpoint_id: int) -> None:
        """This checkpoint is `failed`, and it is known that it is of this run: nobody needs to hear of another's."""
        query = (
            "INSERT OR IGNORE INTO failure (key, name, step, reason, detail, seen_at, at) SELECT 'failed/' || name "
            "|| '/' || COALESCE(NULLIF(digest, ''), stamp) || '/' || reason, name, step, reason, detail, seen_at, "
            "changed_at FROM checkpoint WHERE id = ? AND reason != ?"
        )
        with self._ledger.change() as db:
            db.execute(query, (checkpoint_id, Reason.NON_FINITE))

    def all(self) -> list[Failure]:
        """Every failure, in the order in which they happened."""
        with self._ledger.read() as db:
            rows = db.execute("SELECT * FROM failure ORDER BY at, rowid").fetchall()
        return [_failure(row) for row in rows]
