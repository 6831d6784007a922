"""The queue of work that follows evaluations: one line for each evaluation and kind of work.

An attempt is counted before anything can kill it, so that work which takes the process with it comes to an end. What
an attempt brings is taken only while that very attempt is the one that runs: one that was handed back or counted again
meanwhile, and comes late, changes nothing.

| the process died                      | the ledger says | after the restart                             |
|---------------------------------------|-----------------|-----------------------------------------------|
| before or while the work is done      | running         | due again, `failed` after `MOST_ATTEMPTS`     |
| after it, before its result is kept   | running         | the same: nothing of it was sent              |
| after its result is committed         | done            | its row is due; nothing is done again         |
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from watcher.ledger.reading import RESTORED
from watcher.ledger.row_reader import RowReader
from watcher.ledger.rows import row_body
from watcher.ledger.transactions import Transactions
from watcher.model import FollowupState, Reason, Row
from watcher.output.printable import printable

MOST_ATTEMPTS: Final = 5
OPEN: Final = f"state IN ('{FollowupState.DUE}', '{FollowupState.RUNNING}')"
"""What is true of work that is still to be done."""

_JOINED: Final = "followup f JOIN evaluation e ON e.uid = f.evaluation JOIN checkpoint c ON c.id = e.checkpoint"
_THIS: Final = "evaluation = ? AND kind = ?"
_OWN: Final = f"e.rowid > COALESCE((SELECT CAST(value AS INTEGER) FROM meta WHERE key = '{RESTORED}'), 0)"
"""What is true of the evaluations that came from no earlier ledger."""


@dataclass(frozen=True, slots=True)
class Queued:
    """One line of the queue. `uid` is the evaluation's, `step` and `name` are the checkpoint's; `at`: since when it is
    in this state (Unix time). `reason` and `detail` say how the last attempt ended where it brought nothing. `metrics`
    are None until it is done, and where an earlier ledger had done it.
    """

    uid: str
    kind: str
    step: int
    name: str
    state: FollowupState
    at: float
    attempts: int = 0
    reason: Reason | None = None
    detail: str = ""
    metrics: Mapping[str, float | None] | None = None

    def to_dict(self) -> dict[str, Any]:
        """It for `uimon status --json`."""
        return {
            "step": self.step,
            "name": self.name,
            "uid": self.uid,
            "kind": self.kind,
            "state": self.state,
            "at": self.at,
            "attempts": self.attempts,
            "reason": self.reason,
            "detail": self.detail,
            "metrics": None if self.metrics is None else dict(self.metrics),
        }


class LedgerFollowups:
    """The queue of one ledger. Each call is one transaction."""

    def __init__(self, ledger: Transactions, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock

    def enlist(self, uid: str, kinds: Collection[str]) -> None:
        """Work of these kinds follows the evaluation; what was enlisted before stays as it is."""
        with self._ledger.change() as db:
            db.executemany(
                "INSERT OR IGNORE INTO followup (evaluation, kind, state, at) VALUES (?, ?, ?, ?)",
                [(uid, kind, FollowupState.DUE, self._clock()) for kind in kinds],
            )

    # What is due.

    def due(self, kinds: Collection[str], *, restored: bool) -> Queued | None:
        """The oldest work of these kinds that is to be done now; of evaluations that an earlier ledger had only where
        `restored`.
        """
        found = self._select(
            f"f.state = ? AND f.not_before <= ? AND {_of(kinds)} AND (? OR {_OWN}) ORDER BY e.rowid, f.kind LIMIT 1",
            FollowupState.DUE,
            self._clock(),
            restored,
        )
        return found[0] if found else None

    def open(self, kinds: Collection[str], *, restored: bool = True) -> list[Queued]:
        """All of these kinds that is still to be done."""
        return self._select(f"f.{OPEN} AND {_of(kinds)} AND (? OR {_OWN}) ORDER BY e.rowid, f.kind", restored)

    def due_in(self, kinds: Collection[str], *, restored: bool) -> float:
        """Seconds until there is something for `due`; infinity where nothing is to be done."""
        query = f"SELECT MIN(f.not_before) FROM {_JOINED} WHERE f.state = ? AND {_of(kinds)} AND (? OR {_OWN})"
        with self._ledger.read() as db:
            first = db.execute(query, (FollowupState.DUE, restored)).fetchone()[0]
        return math.inf if first is None else max(0.0, float(first) - self._clock())

    def all(self) -> list[Queued]:
        """The whole queue, by step."""
        return self._select("1 ORDER BY c.step, e.rowid, f.kind")

    # The way of one.

    def begin(self, work: Queued) -> Queued | None:
        """An attempt is made; it is counted. None: it is not due any more."""
        with self._ledger.change() as db:
            query = "UPDATE followup SET state = ?, attempts = attempts + 1, at = ? WHERE state = ? AND "
            values = (FollowupState.RUNNING, self._clock(), FollowupState.DUE)
            if not db.execute(query + _THIS, (*values, work.uid, work.kind)).rowcount:
                return None
            return self._one(work)

    def done(self, work: Queued, metrics: Mapping[str, float | None], row: Row) -> bool:
        """This attempt brought these metrics, and the row that is due. False, and nothing is kept, where it is not the
        one that runs.
        """
        with self._ledger.change() as db:
            if not self._settle(work, FollowupState.DONE, metrics=json.dumps(dict(metrics))):
                return False
            db.execute(
                "INSERT OR IGNORE INTO row (uid, kind, step, body, created_at) VALUES (?, ?, ?, ?, ?)",
                (row.uid, row.kind, row.step, row_body(row), self._clock()),
            )
            return True

    def found(self, work: Queued) -> None:
        """The run has the row of this work, which an earlier ledger has sent: nothing is to be done."""
        with self._ledger.change():
            if begun := self.begin(work):
                self._settle(begun, FollowupState.DONE, counted=False)

    def postpone(self, work: Queued, seconds: float, reason: Reason, detail: str) -> bool:
        """This attempt brought nothing; the next one is made in so many seconds."""
        return self._settle(work, FollowupState.DUE, reason, detail, not_before=self._clock() + seconds)

    def fail(self, work: Queued, reason: Reason, detail: str) -> bool:
        """This work will not be done unless somebody asks for it again."""
        return self._settle(work, FollowupState.FAILED, reason, detail)

    def requeue(self, work: Queued) -> bool:
        """This attempt was interrupted: it does not count, and the work is due."""
        return self._settle(work, FollowupState.DUE, Reason.INTERRUPTED, "uimon was stopped meanwhile", counted=False)

    def recover(self) -> list[Queued]:
        """Put right what a crash left behind, by the table at the top of this module; returns what was given up."""
        with self._ledger.change():
            given_up = []
            for work in self._select("f.state = ?", FollowupState.RUNNING):
                if work.attempts < MOST_ATTEMPTS:
                    self._settle(work, FollowupState.DUE)
                    continue
                self.fail(work, Reason.FOLLOWUP_DIED, f"uimon died {work.attempts} times while this was done")
                given_up.append(work)
            return [self._one(work) for work in given_up]

    def retry(self, step: int | None = None) -> list[Queued]:
        """Take what failed (at one step, or all) up again; returns it."""
        with self._ledger.change() as db:
            failed = self._select("f.state = ? AND (?2 IS NULL OR c.step = ?2)", FollowupState.FAILED, step)
            query = f"UPDATE followup SET state = ?, attempts = 0, not_before = 0, at = ? WHERE {_THIS}"
            values = (FollowupState.DUE, self._clock())
            db.executemany(query, [(*values, work.uid, work.kind) for work in failed])
            return failed

    def _settle(
        self,
        work: Queued,
        state: FollowupState,
        reason: Reason | None = None,
        detail: str = "",
        *,
        not_before: float = 0.0,
        metrics: str | None = None,
        counted: bool = True,
    ) -> bool:
        """The running attempt ends; False where it is not this one."""
        query = (
            "UPDATE followup SET state = ?, reason = ?, detail = ?, not_before = ?, metrics = ?, at = ?, "
            f"attempts = attempts - ? WHERE {_THIS} AND state = ? AND attempts = ? AND at = ?"
        )
        # A sentence may quote what no database can hold.
        now = (state, reason, printable(detail), not_before, metrics, self._clock(), int(not counted))
        with self._ledger.change() as db:
            ended = db.execute(query, (*now, work.uid, work.kind, FollowupState.RUNNING, work.attempts, work.at))
            return bool(ended.rowcount)

    def _one(self, work: Queued) -> Queued:
        return self._select("f.evaluation = ? AND f.kind = ?", work.uid, work.kind)[0]

    def _select(self, where: str, *values: str | float | None) -> list[Queued]:
        with self._ledger.read() as db:
            return [
                _QUEUED(row)
                for row in db.execute(f"SELECT f.*, c.step, c.name FROM {_JOINED} WHERE {where}", values).fetchall()
            ]


def _of(kinds: Collection[str]) -> str:
    """That work is of one of these kinds, which are words of uimon's own."""
    names = ", ".join(f"'{kind}'" for kind in sorted(kinds))
    return f"f.kind IN ({names})"


def _metrics(row: sqlite3.Row) -> object:
    return json.loads(row["metrics"]) if row["metrics"] else None


_QUEUED: Final = RowReader(Queued, uid=itemgetter("evaluation"), metrics=_metrics)
