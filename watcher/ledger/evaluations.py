"""Evaluations as they get into the ledger: made by an engine, scored anew, or taken from an earlier ledger."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace

from watcher.ledger.followups import OPEN
from watcher.ledger.looking import LedgerLooking
from watcher.ledger.reading import RESTORED
from watcher.ledger.rows import Evaluation, Record, packed, row_body
from watcher.ledger.summaries import Summarized
from watcher.model import CheckpointKind, Row, State
from watcher.system.clock import steady_clock


class LedgerEvaluations(LedgerLooking):
    """The half of `Ledger` that keeps evaluations."""

    def evaluated(
        self,
        record: Record,
        evaluation: Evaluation,
        row: Row,
        summary: Summarized | None = None,
        followups: Collection[str] = (),
    ) -> bool:
        """The evaluation is whole: its metrics, samples, summary, the row that is due, and which kinds of work follow
        it, in one transaction.

        False, and nothing is kept, where the checkpoint's writer has not finished it yet, or never will.
        """
        with self.change():
            now = self.record(record.id)
            taken = (State.EVALUATING, State.EVALUATED, State.PUBLISHED)
            if now.early or now.digest != record.digest or now.state not in taken:
                return False
            self._keep(evaluation, record.id, row, summary)
            if evaluation.samples:
                self.followups().enlist(evaluation.uid, followups)
            self._settle(record.id, State.EVALUATED)
            return True

    def rescored_as(self, evaluation: Evaluation, row: Row, summary: Summarized | None = None) -> bool:
        """The samples of `evaluation.origin` were scored anew: the metrics, the samples, the summary and the row that
        is due, in one transaction. What is on record stays as it is, the checkpoint's state included. No further work
        follows: it looks at the samples, which are the same.

        False, and nothing is kept, where this evaluation is on record already, or its origin is not.
        """
        with self.change() as db:
            origin = db.execute("SELECT checkpoint FROM evaluation WHERE uid = ?", (evaluation.origin,)).fetchone()
            if origin is None or self.evaluation(evaluation.uid) is not None:
                return False
            self._keep(evaluation, int(origin["checkpoint"]), row, summary)
            return True

    def restore(self, evaluation: Evaluation, row: Row, followups: Collection[str] = ()) -> None:
        """An evaluation that an earlier ledger had, and its row, which is due again, and may have been sent a moment
        ago. When its checkpoint was first seen is 0 where nobody knows it any more.
        """
        with self.change() as db:
            if self.evaluation(evaluation.uid) is not None:
                return
            if evaluation.origin and self.rescored_as(evaluation, row):
                self._note_restored_row(evaluation.uid, row)
                return
            if evaluation.origin:
                # Where its origin is lost, its samples are all that is known of the checkpoint.
                evaluation, followups = replace(evaluation, origin=""), ()
            known = db.execute(
                "SELECT id FROM checkpoint WHERE step = ? AND digest = ?", (evaluation.step, evaluation.digest)
            ).fetchone()
            checkpoint = int(known["id"]) if known is not None else self._insert_unseen(evaluation)
            db.execute("UPDATE checkpoint SET stage = NULL WHERE id = ?", (checkpoint,))
            self._settle(checkpoint, State.EVALUATED)
            self.evaluated(self.record(checkpoint), evaluation, row, followups=followups)
            self._note_restored_row(evaluation.uid, row)

    def note_restored(self) -> None:
        """All evaluations that are here come from an earlier ledger: what it warned of was told."""
        with self.change() as db:
            place = db.execute("SELECT COALESCE(MAX(rowid), 0) FROM evaluation").fetchone()[0]
            self.remember(RESTORED, str(place))

    def mark_exported(self, uid: str, *, exported: bool = True) -> None:
        """This evaluation is in the JSONL files, or it is not."""
        with self.change() as db:
            db.execute("UPDATE evaluation SET exported = ? WHERE uid = ?", (int(exported), uid))

    def drop_samples(self, newest: int) -> int:
        """Drop the samples of all evaluations but the `newest` that an engine made, and what was scored anew of those;
        how many they were is still known, and each row that is due keeps its table. Returns of how many evaluations
        they were. What the warnings keep of samples is not dropped; what they, or work that follows the evaluation,
        have not looked at stays.
        """
        with self.change() as db:
            made = "SELECT uid FROM evaluation WHERE origin IS NULL ORDER BY rowid DESC LIMIT ?"
            kept = f"SELECT uid FROM evaluation WHERE COALESCE(origin, uid) IN ({made})"
            summed = "SELECT uid FROM summary"
            query = (
                f"UPDATE answers SET body = x'' WHERE length(body) > 0 AND uid NOT IN ({kept}) AND uid IN ({summed}) "
                f"AND uid NOT IN (SELECT evaluation FROM followup WHERE {OPEN})"
            )
            return db.execute(query, (newest,)).rowcount

    # Inside.

    def _insert_unseen(self, evaluation: Evaluation) -> int:
        """A checkpoint of which only an evaluation is left; it is known by its weights where it is still there."""
        made = self._db.execute(
            "INSERT INTO checkpoint (name, step, stamp, path, kind, final, state, digest, seen_at, changed_at) "
            "VALUES (?, ?, '', '', ?, 0, ?, ?, ?, ?)",
            (
                evaluation.name,
                evaluation.step,
                CheckpointKind.FULL,
                State.EVALUATED,
                evaluation.digest,
                evaluation.seen_at,
                self._clock(),
            ),
        )
        return int(made.lastrowid or 0)

    def _keep(self, evaluation: Evaluation, checkpoint_id: int, row: Row, summary: Summarized | None) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO evaluation (uid, checkpoint, suite, metrics, at, origin) VALUES (?, ?, ?, ?, ?, ?)",
            (
                evaluation.uid,
                checkpoint_id,
                evaluation.suite,
                json.dumps(dict(evaluation.metrics)),
                evaluation.at,
                evaluation.origin or None,
            ),
        )
        if evaluation.samples:
            body = packed(json.dumps([sample.to_dict() for sample in evaluation.samples]))
            answers = (evaluation.uid, len(evaluation.samples), body)
            self._db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", answers)
        self._db.execute("DELETE FROM summary WHERE uid = ?", (evaluation.uid,))
        if summary is not None:
            self.summaries().keep(evaluation.uid, summary)
        self._db.execute(
            "INSERT OR IGNORE INTO row (uid, kind, step, body, created_at) VALUES (?, ?, ?, ?, ?)",
            (row.uid, row.kind, row.step, row_body(row), self._clock()),
        )

    def _note_restored_row(self, uid: str, row: Row) -> None:
        """What an earlier ledger had is exported, and its row is due as one that may have been sent."""
        self.mark_exported(uid)
        self.outbox().add_rows([row])
        self.outbox().note_attempt([row.uid], 0, steady_clock(self)())
