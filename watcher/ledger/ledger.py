"""The ledger: one SQLite file that is the record of every checkpoint and the outbox of every row.

Each method is one transaction (WAL, `synchronous=FULL`): what it says has happened survives a crash of the
machine. A checkpoint's identity is (run, step, digest over all bytes of its weights); until the digest is known
it is told apart by its name and its stamp (sizes and mtimes of the weight files).

What a crash leaves, and what the next start makes of it:

| the process died                           | the ledger says | after the restart                                   |
|--------------------------------------------|-----------------|-----------------------------------------------------|
| before the checkpoint was complete         | seen            | inspected again                                     |
| while one not yet complete was taken early | staged or later | back to seen; inspected again                       |
| while its files were copied                | complete        | copied again; the torn copy is removed              |
| before the engine took it                  | staged          | evaluated from the copy                             |
| while it was loaded, generated or scored   | evaluating      | back to staged; evaluated from the start            |
| after the evaluation was committed         | evaluated       | its row is due; nothing is evaluated again          |
| between the log in W&B and the commit here | evaluated       | the row is looked for from its mark, found, settled |
| after the row was read back and committed  | published       | nothing                                             |
| while stored samples were scored anew      | as before       | the next `uimon rescore` does what is not committed |

A checkpoint during whose evaluation the process died `MAX_ATTEMPTS` times is `failed(engine_died)`.

What the early warnings need of an evaluation (`summary`), and what was read of a complete checkpoint (`sighting`), is
kept so that a start over thousands of them reads neither samples nor logs; both can be made anew from those.

A checkpoint of another training is `skipped(earlier_run)`: it is in no lag, and never the final one; its losses are not
in the ledger. Each start finds anew whose a checkpoint is that is complete, and not staged yet. `retry` of its step
takes it into this run, without its log, as `--adopt-earlier` does with all, and that is remembered; `retry all` leaves
it out. One that its writer has left unusable is `failed` with what it lacks, and taken up again once it is whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from watcher.ledger.evaluations import LedgerEvaluations
from watcher.ledger.rows import Evaluation, Record
from watcher.model import FINAL_NAME, Reason, Staged, State

__all__ = ["MAX_ATTEMPTS", "Evaluation", "Ledger", "Record"]

MAX_ATTEMPTS: Final = 3


class Ledger(LedgerEvaluations):
    """The ledger of one run in one state directory: the way of each checkpoint, and all that its halves add. Safe to
    use from several threads.
    """

    def staged(self, record: Record, staged: Staged, *, early: bool = False) -> Record | None:
        """The files are out of the trainer's reach and all bytes of the weights are known; `record` is early where its
        writer has not finished it.

        Returns None where this step with these very weights is on record already: then it is the same checkpoint,
        written again or copied to another place, and nothing is due. The model in the run directory, which states no
        step of its own, is the same as any checkpoint with its weights.
        """
        with self.change() as db:
            known = db.execute(
                "SELECT id FROM checkpoint WHERE (step = ? OR ?) AND digest = ? AND id != ? "
                "AND NOT early AND state NOT IN ('failed', 'skipped')",
                (record.step, record.name == FINAL_NAME, staged.digest, record.id),
            ).fetchone()
            if known is not None and record.name == FINAL_NAME:
                same = f"it holds the weights of {self.record(known['id']).name}"
                self._settle(record.id, State.SKIPPED, Reason.SAME_WEIGHTS, same)
                return None
            if known is not None:
                db.execute("DELETE FROM checkpoint WHERE id = ?", (record.id,))
                db.execute(
                    "UPDATE checkpoint SET stamp = ?, path = ?, kind = ?, base = ?, final = ? WHERE id = ?",
                    (record.stamp, str(record.path), record.kind, record.base, record.final, known["id"]),
                )
                return None
            db.execute(
                "UPDATE checkpoint SET digest = ?, stage = ?, early = ? WHERE id = ?",
                (staged.digest, str(staged.path), int(early), record.id),
            )
            self._settle(record.id, State.STAGED)
            return self.record(record.id)

    def begin(self, record: Record) -> Record | None:
        """The engine takes this checkpoint; counts the attempt before anything can kill it. None: it was given up."""
        with self.change() as db:
            if self.record(record.id).state is not State.STAGED:
                return None
            db.execute("UPDATE checkpoint SET attempts = attempts + 1 WHERE id = ?", (record.id,))
            self._settle(record.id, State.EVALUATING)
            return self.record(record.id)

    def drop_staged(self, record: Record, reason: Reason, detail: str, *, state: State = State.SKIPPED) -> bool:
        """Give up a staged checkpoint: pass over it, or have it staged again later (`complete`); False where the engine
        has taken it meanwhile.
        """
        with self.change() as db:
            if self.record(record.id).state is not State.STAGED:
                return False
            db.execute("UPDATE checkpoint SET stage = NULL WHERE id = ?", (record.id,))
            self._settle(record.id, state, reason, detail)
            return True

    def requeue(self, record: Record, reason: Reason, detail: str, *, counted: bool = True) -> None:
        """The evaluation ended without a result and may be tried again; `counted=False` takes the attempt back.

        Nothing happens where the checkpoint was abandoned meanwhile.
        """
        with self.change() as db:
            now = self.record(record.id)
            if now.state is not State.EVALUATING or now.digest != record.digest:
                return
            if not counted:
                db.execute("UPDATE checkpoint SET attempts = attempts - 1 WHERE id = ?", (record.id,))
            self._settle(record.id, State.STAGED, reason, detail)

    def reset_attempts(self, record: Record, reason: Reason, detail: str) -> None:
        """What ended the attempts was none of this checkpoint's doing: it waits as if it had never been tried."""
        with self.change() as db:
            self.requeue(record, reason, detail)
            db.execute("UPDATE checkpoint SET attempts = 0 WHERE id = ? AND state = 'staged'", (record.id,))

    def failed(self, record: Record, reason: Reason, detail: str) -> None:
        """This checkpoint will not be evaluated unless somebody asks for it again."""
        with self.change():
            self._settle(record.id, State.FAILED, reason, detail)
            self.failures().note(record.id)

    def skipped(self, record: Record, reason: Reason, detail: str) -> None:
        """This checkpoint was passed over."""
        with self.change():
            self._settle(record.id, State.SKIPPED, reason, detail)

    def recover(self, is_whole: Callable[[Record], bool] = lambda _: True) -> list[Record]:
        """Put right what a crash left behind, by the table at the top of this module; returns what was given up.

        `is_whole` tells whether a staged checkpoint's copy is still what it was.
        """
        with self.change() as db:
            given_up = [r for r in self.records(State.EVALUATING) if r.attempts >= MAX_ATTEMPTS]
            for record in given_up:
                detail = f"uimon died {record.attempts} times while it evaluated this checkpoint"
                self.failed(record, Reason.ENGINE_DIED, detail)
            for record in self.early():
                self.abandon(record, State.SEEN, Reason.TRAINER_STATE_MISSING, "it was not finished yet")
            for record in self.records(State.EVALUATING, State.STAGED):
                there = record.stage is not None and record.stage.is_dir() and is_whole(record)
                self._settle(record.id, State.STAGED if there else State.COMPLETE, record.reason, record.detail)
            db.execute("UPDATE checkpoint SET stage = NULL WHERE state != 'staged'")
            return [self.record(r.id) for r in given_up]

    def retry(self, step: int | None = None) -> list[Record]:
        """Take the failed and skipped checkpoints (of one step, or all) up again; returns them. An earlier run's are
        taken only where their step is named.
        """
        with self.change() as db:
            skipped = self.records(State.FAILED, State.SKIPPED)
            named = [r for r in skipped if step is None or r.step == step]
            chosen = [r for r in named if step is not None or r.reason is not Reason.EARLIER_RUN]
            for record in chosen:
                db.execute(
                    "UPDATE checkpoint SET attempts = 0, asked = 1, digest = NULL, stage = NULL WHERE id = ?",
                    (record.id,),
                )
                self._settle(record.id, State.COMPLETE)
            return [self.record(r.id) for r in chosen]
