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

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from watcher.checkpoints.training_log import LogFacts, measured, read_log
from watcher.ledger.deliveries import LedgerDeliveries
from watcher.ledger.episodes import LedgerEpisodes
from watcher.ledger.failures import LedgerFailures
from watcher.ledger.losses import LedgerLosses
from watcher.ledger.outbox import LedgerOutbox
from watcher.ledger.reading import LOG_SIGNS, RESTORED, LedgerReading
from watcher.ledger.rows import CHECKPOINTS, Evaluation, Record, packed, row_body, to_record
from watcher.ledger.sightings import LedgerSightings
from watcher.ledger.summaries import LedgerSummaries, Summarized
from watcher.model import (
    FINAL_NAME,
    Checkpoint,
    Condition,
    Kind,
    Reason,
    Row,
    Staged,
    State,
    Target,
)
from watcher.output.printable import printable
from watcher.system.clock import steady_clock

__all__ = ["MAX_ATTEMPTS", "Evaluation", "Ledger", "Record"]

MAX_ATTEMPTS: Final = 3


class Ledger(LedgerReading):
    """The ledger of one run in one state directory. Safe to use from several threads."""

    # What the trainer's directory shows.

    def sight(self, found: Checkpoint, run: str, at: float | None = None) -> Record | None:
        """Take note of one inspection and of the log it brought; returns the checkpoint's record, if it has one.
        Of a checkpoint that may not be this run's the log is left out, and added later (`add_log`).

        `at`: when the look was, in seconds since the epoch; all that one look finds was seen at the same time.

        A checkpoint that was taken before and is seen again with other weights is a new one, but only once it is
        complete: a directory that rotation is deleting looks like a partial one for a moment.
        """
        with self.change() as db:
            latest = self._with_stamp_of_now(self.latest(found.name), found)
            fresh = latest is None or latest.early or latest.state is State.SEEN or latest.stamp != found.stamp
            if found.condition is Condition.GONE:
                return self._sight_gone(latest)
            if latest is not None and latest.early:
                latest = self._sight_early(latest, found)
            if latest is None:
                latest = self._insert(found, at)
            elif found.condition is Condition.COMPLETE and latest.stamp != found.stamp:
                if _untouched(latest):
                    # What was left behind when a trainer died is a new sighting once it is written whole.
                    seen = self._clock() if at is None else at
                    db.execute(
                        "UPDATE checkpoint SET stamp = ?, seen_at = ? WHERE id = ?", (found.stamp, seen, latest.id)
                    )
                else:
                    latest = self._insert(found, at)
            record = self._sight_again(latest, found)
            if found.condition is Condition.COMPLETE and found.trainer is not None and found.trainer.log:
                self.add_log(run, measured(found.trainer.log), read_log(found.trainer.log) if fresh else None)
            return record

    def add_log(self, run: str, losses: Iterable[tuple[int, float]], facts: LogFacts | None = None) -> None:
        """Losses of logged training steps; a step logged again with the same loss is the same one.

        `facts`: those of the log of a checkpoint that was not seen before. What its trainer has logged is all that led
        to it: NaN that is not in there came before the trainer went back.
        """
        with self.change():
            if facts is not None:
                self.losses().keep_non_finite(facts.non_finite)
                signs = [(sign.kind, sign.step, sign.evidence, sign.cleared_step) for sign in facts.signs]
                self.remember(LOG_SIGNS, json.dumps(signs))
            self.losses().add(run, losses)

    def readmit(self, record: Record) -> None:
        """A checkpoint that was held for an earlier run's is this run's: it is looked at again."""
        with self.change():
            if self.record(record.id).reason is Reason.EARLIER_RUN:
                self._settle(record.id, State.SEEN)

    def adopt(self, record: Record) -> None:
        """An earlier run's checkpoint is evaluated for this one, and remembered as what it is: the end of that training
        is not the end of this, and its losses stay out.
        """
        with self.change() as db:
            db.execute("UPDATE checkpoint SET final = 0, adopted = 1 WHERE id = ?", (record.id,))

    def unfinish(self, record: Record) -> None:
        """A final checkpoint was not the end: its run has gone on, or has begun anew."""
        with self.change() as db:
            db.execute("UPDATE checkpoint SET final = 0 WHERE id = ?", (record.id,))

    def vanished(self, present: Iterable[str]) -> list[Record]:
        """Settle what is no longer there: unstaged or unfinished checkpoints whose directory is not in `present` are
        skipped.
        """
        names = set(present)
        with self.change():
            lost = [*self.records(State.SEEN, State.COMPLETE), *self.early()]
            gone = [record for record in lost if record.name not in names]
            for record in gone:
                self._sight_gone(record)
            return gone

    def early(self) -> list[Record]:
        """Checkpoints that were taken before their writer had finished them, and still has not."""
        return [record for record in self.records(State.STAGED, State.EVALUATING) if record.early]

    def let_go(self, record: Record, detail: str) -> bool:
        """What was begun early ends without a result and is `seen` again; False where it was finished meanwhile."""
        with self.change():
            if not self.record(record.id).early:
                return False
            self.forsake(record, State.SEEN, Reason.TRAINER_STATE_MISSING, detail)
            return True

    def forsake(self, record: Record, state: State, reason: Reason, detail: str) -> None:
        """Nothing that was done early with this checkpoint counts: it is `seen` again, or `skipped`."""
        with self.change() as db:
            db.execute("UPDATE checkpoint SET early = 0, digest = NULL, stage = NULL WHERE id = ?", (record.id,))
            self._settle(record.id, state, reason, detail)

    # The way of one checkpoint.

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

    def give_up(self, record: Record, reason: Reason, detail: str, *, state: State = State.SKIPPED) -> bool:
        """Give up a staged checkpoint: pass over it, or have it staged again later (`complete`); False where the engine
        has taken it meanwhile.
        """
        with self.change() as db:
            if self.record(record.id).state is not State.STAGED:
                return False
            db.execute("UPDATE checkpoint SET stage = NULL WHERE id = ?", (record.id,))
            self._settle(record.id, state, reason, detail)
            return True

    def hand_back(self, record: Record, reason: Reason, detail: str, *, counted: bool = True) -> None:
        """The evaluation ended without a result and may be tried again; `counted=False` takes the attempt back.

        Nothing happens where the checkpoint was forsaken meanwhile.
        """
        with self.change() as db:
            now = self.record(record.id)
            if now.state is not State.EVALUATING or now.digest != record.digest:
                return
            if not counted:
                db.execute("UPDATE checkpoint SET attempts = attempts - 1 WHERE id = ?", (record.id,))
            self._settle(record.id, State.STAGED, reason, detail)

    def excuse(self, record: Record, reason: Reason, detail: str) -> None:
        """What ended the attempts was none of this checkpoint's doing: it waits as if it had never been tried."""
        with self.change() as db:
            self.hand_back(record, reason, detail)
            db.execute("UPDATE checkpoint SET attempts = 0 WHERE id = ? AND state = 'staged'", (record.id,))

    def evaluated(self, record: Record, evaluation: Evaluation, row: Row, summary: Summarized | None = None) -> bool:
        """The evaluation is whole: its metrics, samples, summary and the row that is due, in one transaction.

        False, and nothing is kept, where the checkpoint's writer has not finished it yet, or never will.
        """
        with self.change():
            now = self.record(record.id)
            taken = (State.EVALUATING, State.EVALUATED, State.PUBLISHED)
            if now.early or now.digest != record.digest or now.state not in taken:
                return False
            self._keep(evaluation, record.id, row, summary)
            self._settle(record.id, State.EVALUATED)
            return True

    def rescored_as(self, evaluation: Evaluation, row: Row, summary: Summarized | None = None) -> bool:
        """The samples of `evaluation.origin` were scored anew: the metrics, the samples, the summary and the row that
        is due, in one transaction. What is on record stays as it is, the checkpoint's state included.

        False, and nothing is kept, where this evaluation is on record already, or its origin is not.
        """
        with self.change() as db:
            origin = db.execute("SELECT checkpoint FROM evaluation WHERE uid = ?", (evaluation.origin,)).fetchone()
            if origin is None or self.evaluation(evaluation.uid) is not None:
                return False
            self._keep(evaluation, int(origin["checkpoint"]), row, summary)
            return True

    def restore(self, evaluation: Evaluation, row: Row) -> None:
        """An evaluation that an earlier ledger had, and its row, which is due again, and may have been sent a moment
        ago. When its checkpoint was first seen is 0 where nobody knows it any more.
        """
        with self.change() as db:
            if self.evaluation(evaluation.uid) is not None:
                return
            if evaluation.origin and self.rescored_as(evaluation, row):
                self._note_restored_row(evaluation.uid, row)
                return
            # Where its origin is lost, its samples are all that is known of the checkpoint.
            evaluation = replace(evaluation, origin="")
            known = db.execute(
                "SELECT id FROM checkpoint WHERE step = ? AND digest = ?", (evaluation.step, evaluation.digest)
            ).fetchone()
            checkpoint = int(known["id"]) if known is not None else self._insert_unseen(evaluation)
            db.execute("UPDATE checkpoint SET stage = NULL WHERE id = ?", (checkpoint,))
            self._settle(checkpoint, State.EVALUATED)
            self.evaluated(self.record(checkpoint), evaluation, row)
            self._note_restored_row(evaluation.uid, row)

    def note_restored(self) -> None:
        """All evaluations that are here come from an earlier ledger: what it warned of was told."""
        with self.change() as db:
            place = db.execute("SELECT COALESCE(MAX(rowid), 0) FROM evaluation").fetchone()[0]
            self.remember(RESTORED, str(place))

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
                self.forsake(record, State.SEEN, Reason.TRAINER_STATE_MISSING, "it was not finished yet")
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

    def mark_exported(self, uid: str, *, exported: bool = True) -> None:
        """This evaluation is in the JSONL files, or it is not."""
        with self.change() as db:
            db.execute("UPDATE evaluation SET exported = ? WHERE uid = ?", (int(exported), uid))

    def drop_samples(self, newest: int) -> int:
        """Drop the samples of all evaluations but the `newest` that an engine made, and what was scored anew of those;
        how many they were is still known, and each row that is due keeps its table. Returns of how many evaluations
        they were. What the warnings keep of samples is not dropped, and what they have not looked at stays.
        """
        with self.change() as db:
            made = "SELECT uid FROM evaluation WHERE origin IS NULL ORDER BY rowid DESC LIMIT ?"
            kept = f"SELECT uid FROM evaluation WHERE COALESCE(origin, uid) IN ({made})"
            summed = "SELECT uid FROM summary"
            query = (
                f"UPDATE answers SET body = x'' WHERE length(body) > 0 AND uid NOT IN ({kept}) AND uid IN ({summed})"
            )
            return db.execute(query, (newest,)).rowcount

    # What is due.

    def outbox(self, target: Target = Target.RUN) -> LedgerOutbox:
        """What is due in the trainer's run, or in the other target."""
        return LedgerOutbox(self, target, self._clock)

    def episodes(self) -> LedgerEpisodes:
        """The early warnings of this run."""
        return LedgerEpisodes(self, self._clock)

    def deliveries(self) -> LedgerDeliveries:
        """Who is still to hear of the early warnings."""
        return LedgerDeliveries(self, self._clock)

    def failures(self) -> LedgerFailures:
        """The checkpoints that were given up."""
        return LedgerFailures(self)

    def losses(self) -> LedgerLosses:
        """What the trainer has logged of its loss."""
        return LedgerLosses(self)

    def summaries(self) -> LedgerSummaries:
        """What the early warnings keep of each evaluation."""
        return LedgerSummaries(self)

    def sightings(self) -> LedgerSightings:
        """What was read of each complete checkpoint."""
        return LedgerSightings(self)

    # Suites and other things to remember.

    def keep_suite(self, request: str, digest: str, body: str) -> None:
        """Remember a suite, so that a restart evaluates with the very same token ids."""
        with self.change() as db:
            db.execute("INSERT OR REPLACE INTO suite VALUES (?, ?, ?)", (request, digest, body))

    # Inside.

    def _with_stamp_of_now(self, latest: Record | None, found: Checkpoint) -> Record | None:
        """A record that an earlier version has stamped in its own way is the checkpoint all the same."""
        if latest is None or latest.stamp != found.former_stamp:
            return latest
        self._db.execute("UPDATE checkpoint SET stamp = ? WHERE id = ?", (found.stamp, latest.id))
        return self.record(latest.id)

    def _insert(self, found: Checkpoint, at: float | None) -> Record:
        now = self._clock() if at is None else at
        self._db.execute(
            "INSERT INTO checkpoint (name, step, stamp, path, kind, base, final, state, seen_at, changed_at) "
            "VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
            (found.name, found.step, found.stamp, str(found.path), found.kind, found.base, State.SEEN, now, now),
        )
        row = self._db.execute(f"SELECT * FROM {CHECKPOINTS} WHERE name = ? AND stamp = ?", (found.name, found.stamp))
        return to_record(row.fetchone())

    def _insert_unseen(self, evaluation: Evaluation) -> int:
        """A checkpoint of which only an evaluation is left; it is known by its weights where it is still there."""
        made = self._db.execute(
            "INSERT INTO checkpoint (name, step, stamp, path, kind, final, state, digest, seen_at, changed_at) "
            "VALUES (?, ?, '', '', ?, 0, ?, ?, ?, ?)",
            (
                evaluation.name,
                evaluation.step,
                Kind.FULL,
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

    def _sight_gone(self, latest: Record | None) -> Record | None:
        if latest is None or not (latest.early or latest.state in (State.SEEN, State.COMPLETE)):
            return latest
        if latest.early:
            self.forsake(latest, State.SKIPPED, Reason.DELETED, "its directory was deleted before it was finished")
        else:
            self._settle(latest.id, State.SKIPPED, Reason.DELETED, "its directory was deleted before it was read")
        return self.record(latest.id)

    def _sight_early(self, record: Record, found: Checkpoint) -> Record:
        """What was taken early is complete with the very weights that were taken, or nothing of it counts."""
        if found.condition is Condition.COMPLETE and record.stamp == found.stamp:
            final = found.trainer is not None and found.trainer.final
            self._db.execute("UPDATE checkpoint SET early = 0, final = ? WHERE id = ?", (int(final), record.id))
        elif found.condition is not Condition.PARTIAL:
            self.forsake(record, State.SEEN, Reason.WEIGHTS_CHANGED, "its weights were written again")
        return self.record(record.id)

    def _sight_again(self, record: Record, found: Checkpoint) -> Record:
        """Move a checkpoint that nothing was done with yet to where this inspection puts it."""
        settled = record.state in (State.FAILED, State.SKIPPED)
        # What lacks more, or less, than before has another reason; one that is being mended keeps it until it is whole.
        still = record.state is State.FAILED and found.condition is Condition.UNSUPPORTED
        if not _untouched(record) or (settled and not still and found.condition is not Condition.COMPLETE):
            return record
        state = {
            Condition.COMPLETE: State.COMPLETE,
            Condition.PARTIAL: State.SEEN,
            Condition.UNSUPPORTED: State.FAILED,
        }[found.condition]
        final = found.trainer is not None and found.trainer.final
        self._db.execute(
            "UPDATE checkpoint SET step = ?, kind = ?, base = ?, path = ?, final = ? WHERE id = ?",
            (found.step, found.kind, found.base, str(found.path), int(final), record.id),
        )
        if (state, found.reason) != (record.state, record.reason):
            self._settle(record.id, state, found.reason, found.detail)
        return self.record(record.id)

    def _settle(self, checkpoint_id: int, state: State, reason: Reason | None = None, detail: str = "") -> None:
        self._db.execute(
            "UPDATE checkpoint SET state = ?, reason = ?, detail = ?, changed_at = ? WHERE id = ?",
            # A sentence may quote what no database can hold, and be as long as the file that it quotes.
            (state, reason, printable(detail), self._clock(), checkpoint_id),
        )


# What a person can put right on disk, so that the next look finds a checkpoint that can be evaluated.
_CURABLE: Final = frozenset(
    {
        Reason.DEEPSPEED_ZERO,
        Reason.FSDP_SHARDED,
        Reason.TORCH_DCP,
        Reason.PICKLE_WEIGHTS,
        Reason.UNREADABLE,
        Reason.OTHER_WEIGHTS,
        Reason.WEIGHTS_MISSING,
        Reason.WEIGHTS_INCOMPLETE,
        Reason.CONFIG_MISSING,
        Reason.TRAINER_STATE_MISSING,
        Reason.TRAINER_STATE_MISMATCH,
    }
)


def _untouched(record: Record) -> bool:
    """True where nothing was done with a checkpoint yet, so that a new look may change what is known of it."""
    unread = record.state in (State.SEEN, State.COMPLETE)
    curable = record.state is State.FAILED and record.reason in _CURABLE
    # A directory may only seem to be deleted, or abandoned: an unmounted disk comes back, a slow writer goes on. What
    # is held for an earlier run's may be written over.
    gone = record.reason in (Reason.DELETED, Reason.ABANDONED, Reason.EARLIER_RUN)
    back = record.state is State.SKIPPED and gone and record.digest is None
    return unread or curable or back
