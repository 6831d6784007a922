"""The trainer's losses as the ledger keeps them: each logged step with the number that was logged, also NaN.

What is made of them, a row for the run or what the warnings read, is made elsewhere; nothing is read back from that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from watcher.ledger.rows import LOSSES_IN_ROWS
from watcher.ledger.transactions import Transactions
from watcher.model import RowKind, row_uid


class LedgerLosses:
    """The losses of one ledger. Each call is one transaction."""

    def __init__(self, ledger: Transactions) -> None:
        self._ledger = ledger

    def add(self, run: str, losses: Iterable[tuple[int, float]]) -> None:
        """The finite ones of these (step, loss) are known from now on; a step that was trained again has several."""
        with self._ledger.change() as db:
            for step, loss in losses:
                uid = loss_uid(run, step, loss)
                # They are added again at each look, and nearly all of them are known.
                if uid and db.execute("SELECT 1 FROM loss WHERE uid = ?", (uid,)).fetchone() is None:
                    db.execute("INSERT INTO loss (step, loss, uid) VALUES (?, ?, ?)", (step, repr(loss), uid))

    def keep_non_finite(self, losses: Iterable[tuple[int, float]]) -> None:
        """These (step, loss) are all that are NaN or infinity, the last one of each step."""
        with self._ledger.change() as db:
            db.execute("DELETE FROM loss WHERE uid IS NULL")
            lines = [(step, repr(loss)) for step, loss in dict(losses).items()]
            db.executemany("INSERT INTO loss (step, loss) VALUES (?, ?)", lines)

    def uids(self) -> dict[int, set[str]]:
        """The uids of the finite losses, by step; a step that was trained again has several."""
        uids: dict[int, set[str]] = {}
        with self._ledger.read() as db:
            for row in db.execute("SELECT step, uid FROM loss WHERE uid IS NOT NULL"):
                uids.setdefault(int(row["step"]), set()).add(row["uid"])
        return uids

    def after(self, place: int) -> tuple[list[tuple[int, float]], int]:
        """The finite (step, loss) that became known after the one at `place` (0: all), in that order, and the last
        one's place.
        """
        query = "SELECT place, step, loss FROM loss WHERE uid IS NOT NULL AND place > ? ORDER BY place"
        with self._ledger.read() as db:
            rows = db.execute(query, (place,)).fetchall()
        found = [(int(row["step"]), float(row["loss"])) for row in rows]
        return found, int(rows[-1]["place"]) if rows else place

    def non_finite(self) -> list[tuple[int, float]]:
        """The steps at which the loss was NaN or infinity, by step; none that the trainer has gone back behind."""
        with self._ledger.read() as db:
            rows = db.execute("SELECT step, loss FROM loss WHERE uid IS NULL ORDER BY step").fetchall()
        return [(int(row["step"]), float(row["loss"])) for row in rows]

    @property
    def in_rows(self) -> int:
        """The place of the last one of which the row was made; 0 where none was."""
        with self._ledger.read() as db:
            found = db.execute("SELECT value FROM meta WHERE key = ?", (LOSSES_IN_ROWS,)).fetchone()
        return 0 if found is None else int(found["value"])

    def note_in_rows(self, place: int) -> None:
        """The rows of all up to this place are made."""
        with self._ledger.change() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (LOSSES_IN_ROWS, str(place)))


def loss_uid(run: str, step: int, loss: float) -> str | None:
    """The identity of a finite loss, which is that of the row of it; None for NaN and infinity, which have no row."""
    return row_uid(RowKind.TRAIN, run, step, repr(loss)) if math.isfinite(loss) else None
