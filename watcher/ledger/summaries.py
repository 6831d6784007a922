"""Evaluations in the order in which they were committed, each with the summary that the early warnings keep of it.

A summary is written with its evaluation, or later where that was made without one, or by other definitions. It holds
nothing that the samples do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from watcher.ledger.rows import EVALUATION_COLUMNS, Evaluation, to_evaluation
from watcher.ledger.transactions import Transactions

_CHUNK: Final = 100
"""Evaluations that are in memory at once; a run has thousands, with a hundred metrics each."""


class Summarized(Protocol):
    """What is stored, and the version of the definitions that it was made by."""

    @property
    def version(self) -> str: ...
    @property
    def body(self) -> bytes: ...


class LedgerSummaries:
    """The summaries of one ledger."""

    def __init__(self, ledger: Transactions) -> None:
        self._ledger = ledger

    def keep(self, uid: str, summary: Summarized) -> None:
        """Keep the summary of an evaluation in place of any that was there."""
        with self._ledger.change() as db:
            db.execute("INSERT OR REPLACE INTO summary VALUES (?, ?, ?)", (uid, summary.version, summary.body))

    def after(self, place: int, version: str) -> Iterator[tuple[int, Evaluation, bytes | None]]:
        """The evaluations that were committed after the one at `place` (0: all), without their samples, with their
        places, and the summaries of this version; None where there is none.
        """
        query = (
            f"SELECT {EVALUATION_COLUMNS}, summary.body FROM evaluation "
            "JOIN checkpoint ON checkpoint.id = evaluation.checkpoint "
            "LEFT JOIN summary ON summary.uid = evaluation.uid AND summary.version = ?1 "
            "WHERE evaluation.rowid > ?2 ORDER BY evaluation.rowid LIMIT ?3"
        )
        while True:
            with self._ledger.read() as db:
                rows = db.execute(query, (version, place, _CHUNK)).fetchall()
            for row in rows:
                place = int(row["place"])
                yield place, to_evaluation(row), row["body"]
            if len(rows) < _CHUNK:
                return

    def lacking(self, version: str) -> int:
        """How many evaluations have no summary of this version."""
        query = "SELECT COUNT(*) FROM evaluation WHERE uid NOT IN (SELECT uid FROM summary WHERE version = ?)"
        with self._ledger.read() as db:
            return int(db.execute(query, (version,)).fetchone()[0])
