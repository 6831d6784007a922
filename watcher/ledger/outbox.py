"""The ledger's outbox: which rows are due where; the alerts for W&B are due in `deliveries`.

A row is due in the trainer's run until it was read back from there; one that was sent and not read back is unconfirmed.
The same row may be due in another target as well; what became of it there is kept apart.

What an evaluation or a loss has to tell is due once somebody asks: where no tracker does, nothing waits here.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from watcher.ledger.deliveries import LedgerDeliveries
from watcher.ledger.rows import row_body, to_row
from watcher.ledger.transactions import Transactions
from watcher.model import Alert, Reason, Row, RowKind, Target

_DUE: Final = "target = ?1 AND published_at IS NULL"
_NOT_SENT: Final = "sent_first = NULL, sent_last = NULL, looks = 0, look_at = NULL"


class LedgerOutbox:
    """What is due in one `target`. Each call is one transaction, and durable when it returns."""

    def __init__(self, ledger: Transactions, target: Target, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._target = target
        self._clock = clock
        self._deliveries = LedgerDeliveries(ledger, clock)

    # What becomes due.

    def add_rows(self, rows: Iterable[Row]) -> None:
        """These rows are due from now on; one that was added before stays as it is."""
        now = self._clock()
        with self._ledger.change() as db:
            for row in rows:
                db.execute(
                    "INSERT OR IGNORE INTO row (uid, kind, step, body, created_at) VALUES (?, ?, ?, ?, ?)",
                    (row.uid, row.kind, row.step, row_body(row), now),
                )
                self._enlist(db, "uid = ?3", row.uid)

    def add_written(self, place: int) -> int:
        """The rows that were written behind that `place` (0: all) with what they tell of, evaluations and the work that
        follows them, are due, too; the place of the last one.
        """
        with self._ledger.read() as db:
            last = int(db.execute("SELECT COALESCE(MAX(rowid), 0) FROM row").fetchone()[0])
        if last > place:
            with self._ledger.change() as db:
                self._enlist(db, f"rowid > ?3 AND kind != '{RowKind.TRAIN}'", place)
        return max(place, last)

    def add_undelivered(self, other: Target) -> None:
        """Whatever is due in the `other` target is due in this one too."""
        with self._ledger.change() as db:
            undelivered = "uid IN (SELECT uid FROM outbox WHERE target = ?3 AND published_at IS NULL)"
            self._enlist(db, undelivered, other)

    def _enlist(self, db: sqlite3.Connection, where: str, value: str | int) -> None:
        db.execute(
            "INSERT OR IGNORE INTO outbox (uid, target, kind, step, published_at) "
            "SELECT uid, ?1, kind, step, CASE WHEN EXISTS "
            "(SELECT 1 FROM found WHERE found.uid = row.uid AND found.target = ?1) THEN ?2 END "
            f"FROM row WHERE {where}",
            (self._target, self._clock(), value),
        )

    def invalidate(self) -> int:
        """Rows that were delivered have to be looked for again; returns how many there are.

        The next publication surveys the run anew, and sends what somebody has overwritten.
        """
        with self._ledger.change() as db:
            query = "UPDATE outbox SET published_at = NULL WHERE target = ? AND published_at IS NOT NULL"
            invalidated = db.execute(query, (self._target,)).rowcount
            # Also what a survey found and what has not become due yet may be overwritten by then.
            forgotten = db.execute("DELETE FROM found WHERE target = ?", (self._target,)).rowcount
            if invalidated or forgotten:
                db.execute("DELETE FROM meta WHERE key = ?", (self._surveyed,))
                # They were seen: nothing of them is still on its way.
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, '0')", (self._survey_began,))
            return invalidated

    def survey_again(self) -> None:
        """Rows may have been sent of which this ledger does not know: what is there is looked for before anything is
        sent, and where nothing is, it may still be on its way.
        """
        with self._ledger.change() as db:
            db.execute("DELETE FROM meta WHERE key IN (?, ?)", (self._surveyed, self._survey_began))
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, 'yes')", (self._rebuilt,))

    # What is due.

    @property
    def empty(self) -> bool:
        """True where no row is due, and no alert."""
        with self._ledger.read() as db:
            row = db.execute(f"SELECT 1 FROM outbox WHERE {_DUE} LIMIT 1", (self._target,)).fetchone()
        return row is None and not self.due_alerts()

    def due_rows(self, limit: int, now: float | None = None) -> list[Row]:
        """Rows not yet read back: evaluations first, then by step; with `now`, without those that are to be looked for
        later than that.
        """
        with self._ledger.read() as db:
            rows = db.execute(
                "SELECT row.body, row.created_at, due.* FROM (SELECT * FROM outbox "
                f"WHERE {_DUE} AND (?2 IS NULL OR look_at IS NULL OR look_at <= ?2) ORDER BY kind, step, rowid LIMIT ?3"
                ") AS due JOIN row ON row.uid = due.uid ORDER BY due.kind, due.step, row.created_at",
                (self._target, now, limit),
            ).fetchall()
        return [to_row(row) for row in rows]

    def note_attempt(self, uids: Sequence[str], mark: int, at: float, until: float | None = None) -> None:
        """Before anything is sent: these rows cannot be in the run's history before position `mark`, and may be there
        from the time `at` on; whoever sends them has ended by `until` (None: has ended).

        Of two attempts' marks the smaller one stays, because what the first one sent may show up late.
        """
        with self._ledger.change() as db:
            db.executemany(
                "UPDATE outbox SET mark = MIN(COALESCE(mark, ?1), ?1), attempts = attempts + 1, looks = 0, "
                "sent_first = COALESCE(sent_first, ?4), sent_last = ?6, look_at = ?4, reason = ?5 "
                "WHERE uid = ?2 AND target = ?3",
                [(mark, uid, self._target, at, Reason.UNCONFIRMED, at if until is None else until) for uid in uids],
            )

    def rows_absent(self, uids: Sequence[str], look_at: float) -> None:
        """These rows may be in the run, and a look did not show them; the next one is at `look_at`."""
        with self._ledger.change() as db:
            db.executemany(
                "UPDATE outbox SET looks = looks + 1, look_at = ?, reason = ? WHERE uid = ? AND target = ?",
                [(look_at, Reason.UNCONFIRMED, uid, self._target) for uid in uids],
            )

    def rows_unsent(self, uids: Sequence[str]) -> None:
        """It is certain that these rows are not in the run by what was tried until now."""
        with self._ledger.change() as db:
            db.executemany(
                f"UPDATE outbox SET {_NOT_SENT} WHERE uid = ? AND target = ?", [(uid, self._target) for uid in uids]
            )

    def look_now(self, now: float) -> None:
        """All rows that wait for their next look are to be looked for now; nobody sends any."""
        with self._ledger.change() as db:
            self.sending_over(now)
            db.execute(f"UPDATE outbox SET look_at = MIN(look_at, ?2) WHERE {_DUE}", (self._target, now))

    def sending_over(self, now: float) -> None:
        """Nobody sends any more: whatever may have been sent was sent by now. Also what a clock that was ahead tells
        would keep a row unconfirmed until that time has come.
        """
        with self._ledger.change() as db:
            db.execute(
                "UPDATE outbox SET sent_first = MIN(sent_first, ?2), sent_last = MIN(sent_last, ?2) "
                f"WHERE {_DUE} AND sent_last > ?2",
                (self._target, now),
            )

    def unconfirmed(self) -> tuple[int, float | None]:
        """How many rows may be in the run and are not seen, and when the first of them was sent (seconds since the
        epoch; None: not known).
        """
        query = f"SELECT COUNT(*) AS rows, MIN(sent_first) AS since FROM outbox WHERE {_DUE} AND reason = ?2"
        with self._ledger.read() as db:
            row = db.execute(query, (self._target, Reason.UNCONFIRMED)).fetchone()
        return int(row["rows"]), row["since"]

    def rows_published(self, uids: Sequence[str]) -> None:
        """These rows were read back."""
        now = self._clock()
        with self._ledger.change() as db:
            db.executemany(
                f"UPDATE outbox SET published_at = ?, reason = NULL, {_NOT_SENT} WHERE uid = ? AND target = ?",
                [(now, uid, self._target) for uid in uids],
            )

    def rows_copied(self, copies: Iterable[tuple[str, int]]) -> None:
        """The target holds these rows more than once: (uid, how often)."""
        with self._ledger.change() as db:
            db.executemany(
                "UPDATE outbox SET copies = ? WHERE uid = ? AND target = ?",
                [(count, uid, self._target) for uid, count in copies],
            )

    @property
    def surveyed(self) -> bool:
        """True once it is known which rows were in the run before this ledger was made."""
        with self._ledger.read() as db:
            return db.execute("SELECT 1 FROM meta WHERE key = ?", (self._surveyed,)).fetchone() is not None

    @property
    def rebuilt(self) -> bool:
        """True where a ledger that was lost has sent rows of which this one does not know."""
        with self._ledger.read() as db:
            return db.execute("SELECT 1 FROM meta WHERE key = ?", (self._rebuilt,)).fetchone() is not None

    def holds(self, uid: str) -> bool:
        """True where the survey has found this row: it was there before this ledger."""
        query = "SELECT 1 FROM found WHERE uid = ? AND target = ?"
        with self._ledger.read() as db:
            return db.execute(query, (uid, self._target)).fetchone() is not None

    def survey_began(self, now: float) -> float:
        """When this ledger first asked what was in the run before it; `now`, where it has not asked yet."""
        with self._ledger.change() as db:
            db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (self._survey_began, repr(now)))
            found = db.execute("SELECT value FROM meta WHERE key = ?", (self._survey_began,)).fetchone()
        return float(found["value"])

    def found_by_survey(self, uids: Sequence[str]) -> None:
        """These rows were there before; whenever one of them becomes due, it is delivered already."""
        with self._ledger.change() as db:
            db.executemany("INSERT OR IGNORE INTO found VALUES (?, ?)", [(uid, self._target) for uid in uids])
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, 'yes')", (self._surveyed,))
            db.execute("DELETE FROM meta WHERE key = ?", (self._rebuilt,))
            due = {row.uid for row in self.due_rows(-1)}
            self.rows_published([uid for uid in uids if uid in due])

    @property
    def _surveyed(self) -> str:
        return f"surveyed {self._target}"

    @property
    def _rebuilt(self) -> str:
        return f"rebuilt {self._target}"

    @property
    def _survey_began(self) -> str:
        return f"survey began {self._target}"

    def rows_waiting(self, uids: Sequence[str], reason: Reason) -> None:
        """These rows are still due, and this is why; those that may be in the run stay unconfirmed."""
        with self._ledger.change() as db:
            db.executemany(
                "UPDATE outbox SET reason = ? WHERE uid = ? AND target = ? AND sent_first IS NULL",
                [(reason, uid, self._target) for uid in uids],
            )

    # Alerts, which have one target: wherever rows can go at the moment.

    def due_alerts(self) -> list[Alert]:
        """What W&B was not told yet of the early warnings, the oldest first."""
        return self._deliveries.due_alerts()

    def alerts_raised(self, keys: Sequence[str]) -> None:
        """The tracker has taken these alerts."""
        self._deliveries.alerts_raised(keys)

    # For people.

    def counts(self) -> dict[RowKind, tuple[int, int]]:
        """For each kind of row: how many are due, and how many were read back."""
        with self._ledger.read() as db:
            rows = db.execute(
                "SELECT kind, SUM(published_at IS NULL) AS due, COUNT(published_at) AS sent FROM outbox "
                "WHERE target = ? GROUP BY kind",
                (self._target,),
            ).fetchall()
        return {RowKind(r["kind"]): (int(r["due"]), int(r["sent"])) for r in rows}

    def waiting_reasons(self) -> list[Reason]:
        """Why rows are not there yet, each reason once."""
        query = f"SELECT DISTINCT reason FROM outbox WHERE {_DUE} AND reason IS NOT NULL ORDER BY reason"
        with self._ledger.read() as db:
            return [Reason(row["reason"]) for row in db.execute(query, (self._target,)).fetchall()]

    def copies(self) -> list[tuple[str, int]]:
        """Rows that the target holds more than once: (uid, how often)."""
        query = "SELECT uid, copies FROM outbox WHERE target = ? AND copies > 1 ORDER BY kind, step, uid"
        with self._ledger.read() as db:
            return [(row["uid"], int(row["copies"])) for row in db.execute(query, (self._target,)).fetchall()]
