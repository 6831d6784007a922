"""What the trainer's directory shows, put into the ledger: what is new, what is there again, and what is gone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from watcher.checkpoints.training_log import LogFacts, measured, read_log
from watcher.ledger.reading import LOG_SIGNS
from watcher.ledger.rows import CHECKPOINTS, Record, to_record
from watcher.ledger.subjects import LedgerSubjects
from watcher.model import Checkpoint, Condition, Reason, State
from watcher.output.printable import printable


class LedgerLooking(LedgerSubjects):
    """The half of `Ledger` that takes note of looks."""

    def observe(self, found: Checkpoint, run: str, at: float | None = None) -> Record | None:
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
                return self._observe_gone(latest)
            if latest is not None and latest.early:
                latest = self._observe_early(latest, found)
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
            record = self._observe_again(latest, found)
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

    def clear_final(self, record: Record) -> None:
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
                self._observe_gone(record)
            return gone

    def early(self) -> list[Record]:
        """Checkpoints that were taken before their writer had finished them, and still has not."""
        return [record for record in self.records(State.STAGED, State.EVALUATING) if record.early]

    def release(self, record: Record, detail: str) -> bool:
        """What was begun early ends without a result and is `seen` again; False where it was finished meanwhile."""
        with self.change():
            if not self.record(record.id).early:
                return False
            self.abandon(record, State.SEEN, Reason.TRAINER_STATE_MISSING, detail)
            return True

    def abandon(self, record: Record, state: State, reason: Reason, detail: str) -> None:
        """Nothing that was done early with this checkpoint counts: it is `seen` again, or `skipped`."""
        with self.change() as db:
            db.execute("UPDATE checkpoint SET early = 0, digest = NULL, stage = NULL WHERE id = ?", (record.id,))
            self._settle(record.id, state, reason, detail)

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

    def _observe_gone(self, latest: Record | None) -> Record | None:
        if latest is None or not (latest.early or latest.state in (State.SEEN, State.COMPLETE)):
            return latest
        if latest.early:
            self.abandon(latest, State.SKIPPED, Reason.DELETED, "its directory was deleted before it was finished")
        else:
            self._settle(latest.id, State.SKIPPED, Reason.DELETED, "its directory was deleted before it was read")
        return self.record(latest.id)

    def _observe_early(self, record: Record, found: Checkpoint) -> Record:
        """What was taken early is complete with the very weights that were taken, or nothing of it counts."""
        if found.condition is Condition.COMPLETE and record.stamp == found.stamp:
            final = found.trainer is not None and found.trainer.final
            self._db.execute("UPDATE checkpoint SET early = 0, final = ? WHERE id = ?", (int(final), record.id))
        elif found.condition is not Condition.PARTIAL:
            self.abandon(record, State.SEEN, Reason.WEIGHTS_CHANGED, "its weights were written again")
        return self.record(record.id)

    def _observe_again(self, record: Record, found: Checkpoint) -> Record:
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
