"""The ledger: one SQLite file that is the record of every checkpoint and the outbox of every row.

Each method is one transaction (WAL, `synchronous=FULL`): what it says has happened survives a crash of the
machine. A checkpoint's identity is (run, step, digest over all bytes of its weights); until the digest is known
it is told apart by its name and its stamp (sizes, mtimes and inodes of the weight files).

What a crash leaves, and what the next start makes of it:

| the process died                           | the ledger says | after the restart                                   |
|--------------------------------------------|-----------------|-----------------------------------------------------|
| before the checkpoint was complete         | seen            | inspected again                                     |
| while its files were copied                | complete        | copied again; the torn copy is removed              |
| before the engine took it                  | staged          | evaluated from the copy                             |
| while it was loaded, generated or scored   | evaluating      | back to staged; evaluated from the start            |
| after the evaluation was committed         | evaluated       | its row is due; nothing is evaluated again          |
| between the log in W&B and the commit here | evaluated       | the row is looked for from its mark, found, settled |
| after the row was read back and committed  | published       | nothing                                             |

A checkpoint during whose evaluation the process died `MAX_ATTEMPTS` times is `failed(engine_died)`.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from watcher.ledger_outbox import LedgerOutbox
from watcher.ledger_rows import (
    MIGRATIONS,
    SCHEMA,
    SCHEMA_VERSION,
    Evaluation,
    Record,
    to_evaluation,
    to_record,
    to_status,
    train_row,
)
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
    UimonError,
)

__all__ = ["MAX_ATTEMPTS", "Evaluation", "Ledger", "Record"]

MAX_ATTEMPTS: Final = 3


class Ledger:
    """The ledger of one run in one state directory. Safe to use from several threads."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time, *, read_only: bool = False) -> None:
        """Open or create the file. Raises UimonError(LEDGER_DAMAGED, DISK_FULL) with a sentence."""
        self.path = path
        self._clock = clock
        self._lock = threading.RLock()
        with _explained(path):
            target = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
            self._db = sqlite3.connect(target, uri=True, check_same_thread=False, isolation_level=None, timeout=30)
            self._db.row_factory = sqlite3.Row
            try:
                if read_only:
                    self._require_version()
                else:
                    self._prepare()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._lock:
            self._db.close()

    # What the trainer's directory shows.

    def sight(self, found: Checkpoint, run: str) -> Record | None:
        """Take note of one inspection and of the losses it brought; returns the checkpoint's record, if it has one.

        A checkpoint that was taken before and is seen again with other weights is a new one, but only once it is
        complete: a directory that rotation is deleting looks like a partial one for a moment.
        """
        with self.change() as db:
            latest = self.latest(found.name)
            if found.condition is Condition.GONE:
                return self._sight_gone(latest)
            if latest is None:
                latest = self._insert(found)
            elif found.condition is Condition.COMPLETE and self._stamp(latest) != found.stamp:
                if _untouched(latest):
                    db.execute("UPDATE checkpoint SET stamp = ? WHERE id = ?", (found.stamp, latest.id))
                else:
                    latest = self._insert(found)
            record = self._sight_again(latest, found)
            if found.condition is Condition.COMPLETE and found.trainer is not None:
                self._add_losses(run, found.trainer.losses)
            return record

    def vanished(self, present: Iterable[str]) -> list[Record]:
        """Settle what is no longer there: unstaged checkpoints whose directory is not in `present` are skipped."""
        names = set(present)
        with self.change():
            gone = [r for r in self.records(State.SEEN, State.COMPLETE) if r.name not in names]
            for record in gone:
                self._settle(record.id, State.SKIPPED, Reason.DELETED, "its directory was deleted before it was read")
            return gone

    # The way of one checkpoint.

    def staged(self, record: Record, staged: Staged) -> Record | None:
        """The files were copied and all bytes of the weights are known.

        Returns None where this step with these very weights is on record already: then it is the same checkpoint,
        written again or copied to another place, and nothing is due. The model in the run directory, which states no
        step of its own, is the same as any checkpoint with its weights.
        """
        with self.change() as db:
            known = db.execute(
                "SELECT id FROM checkpoint WHERE (step = ? OR ?) AND digest = ? AND id != ? "
                "AND state NOT IN ('failed', 'skipped')",
                (record.step, record.name == FINAL_NAME, staged.digest, record.id),
            ).fetchone()
            if known is not None and record.name == FINAL_NAME:
                same = f"it holds the weights of {self.record(known['id']).name}"
                self._settle(record.id, State.SKIPPED, Reason.SAME_WEIGHTS, same)
                return None
            if known is not None:
                stamp = self._stamp(record)
                db.execute("DELETE FROM checkpoint WHERE id = ?", (record.id,))
                db.execute(
                    "UPDATE checkpoint SET stamp = ?, path = ?, kind = ?, base = ?, final = ? WHERE id = ?",
                    (stamp, str(record.path), record.kind, record.base, record.final, known["id"]),
                )
                return None
            db.execute(
                "UPDATE checkpoint SET digest = ?, stage = ? WHERE id = ?",
                (staged.digest, str(staged.path), record.id),
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

    def give_up(self, record: Record, reason: Reason, detail: str) -> bool:
        """Pass over a staged checkpoint; False where the engine has taken it meanwhile."""
        with self.change() as db:
            if self.record(record.id).state is not State.STAGED:
                return False
            db.execute("UPDATE checkpoint SET stage = NULL WHERE id = ?", (record.id,))
            self._settle(record.id, State.SKIPPED, reason, detail)
            return True

    def hand_back(self, record: Record, reason: Reason, detail: str, *, counted: bool = True) -> None:
        """The evaluation ended without a result and may be tried again; `counted=False` takes the attempt back."""
        with self.change() as db:
            if not counted:
                db.execute("UPDATE checkpoint SET attempts = attempts - 1 WHERE id = ?", (record.id,))
            self._settle(record.id, State.STAGED, reason, detail)

    def evaluated(self, record: Record, evaluation: Evaluation, row: Row) -> None:
        """The evaluation is whole: its metrics, samples and the row that is due, in one transaction."""
        with self.change() as db:
            db.execute(
                "INSERT OR REPLACE INTO evaluation (uid, checkpoint, suite, metrics, at) VALUES (?, ?, ?, ?, ?)",
                (evaluation.uid, record.id, evaluation.suite, json.dumps(dict(evaluation.metrics)), evaluation.at),
            )
            db.executemany(
                "INSERT OR REPLACE INTO sample VALUES (?, ?, ?)",
                [(evaluation.uid, i, json.dumps(dict(s))) for i, s in enumerate(evaluation.samples)],
            )
            self.outbox().add_rows([row])
            self._settle(record.id, State.PUBLISHED if self.outbox().is_published(row.uid) else State.EVALUATED)

    def restore(self, evaluation: Evaluation, row: Row) -> None:
        """An evaluation that an earlier ledger had, and its row, which is due again."""
        with self.change() as db:
            now = self._clock()
            made = db.execute(
                "INSERT INTO checkpoint (name, step, stamp, path, kind, final, state, digest, seen_at, changed_at) "
                "VALUES (?, ?, '', '', ?, 0, ?, ?, ?, ?)",
                (evaluation.name, evaluation.step, Kind.FULL, State.EVALUATED, evaluation.digest, now, now),
            )
            self.evaluated(self.record(int(made.lastrowid or 0)), evaluation, row)
            self.mark_exported(evaluation.uid)

    def failed(self, record: Record, reason: Reason, detail: str) -> None:
        """This checkpoint will not be evaluated unless somebody asks for it again."""
        with self.change():
            self._settle(record.id, State.FAILED, reason, detail)

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
                self._settle(record.id, State.FAILED, Reason.ENGINE_DIED, detail)
            for record in self.records(State.EVALUATING, State.STAGED):
                there = record.stage is not None and record.stage.is_dir() and is_whole(record)
                self._settle(record.id, State.STAGED if there else State.COMPLETE, record.reason, record.detail)
            db.execute("UPDATE checkpoint SET stage = NULL WHERE state != 'staged'")
            return [self.record(r.id) for r in given_up]

    def retry(self, step: int | None = None) -> list[Record]:
        """Take the failed and skipped checkpoints (of one step, or all) up again; returns them."""
        with self.change() as db:
            chosen = [r for r in self.records(State.FAILED, State.SKIPPED) if step is None or r.step == step]
            for record in chosen:
                db.execute(
                    "UPDATE checkpoint SET attempts = 0, asked = 1, digest = NULL, stage = NULL WHERE id = ?",
                    (record.id,),
                )
                self._settle(record.id, State.COMPLETE)
            return [self.record(r.id) for r in chosen]

    # Reading.

    def record(self, checkpoint_id: int) -> Record:
        """The record of one checkpoint, by the ledger's own number."""
        with self._lock:
            return to_record(self._db.execute("SELECT * FROM checkpoint WHERE id = ?", (checkpoint_id,)).fetchone())

    def latest(self, name: str) -> Record | None:
        """The newest record of a checkpoint's name; a step that was written again has several."""
        query = "SELECT * FROM checkpoint WHERE name = ? ORDER BY id DESC LIMIT 1"
        with self._lock:
            row = self._db.execute(query, (name,)).fetchone()
        return None if row is None else to_record(row)

    def records(self, *states: State) -> list[Record]:
        """Checkpoints in these states (all without any), by step, then by when they were seen."""
        where = f"WHERE state IN ({','.join('?' * len(states))})" if states else ""
        with self._lock:
            rows = self._db.execute(f"SELECT * FROM checkpoint {where} ORDER BY step, id", states).fetchall()
        return [to_record(row) for row in rows]

    def state_counts(self) -> dict[State, int]:
        """How many checkpoints are in each state."""
        with self._lock:
            rows = self._db.execute("SELECT state, COUNT(*) AS count FROM checkpoint GROUP BY state").fetchall()
        return {State(row["state"]): int(row["count"]) for row in rows}

    def newest_step(self) -> int | None:
        """The largest step seen; None before the first."""
        with self._lock:
            step = self._db.execute("SELECT MAX(step) AS step FROM checkpoint").fetchone()["step"]
        return None if step is None else int(step)

    def newest_final(self) -> Record | None:
        """The last of the checkpoints that are whole and the final ones of their training."""
        query = "SELECT * FROM checkpoint WHERE final AND state != ? ORDER BY step DESC, id DESC LIMIT 1"
        with self._lock:
            row = self._db.execute(query, (State.SEEN,)).fetchone()
        return None if row is None else to_record(row)

    def evaluations(self, *, exported: bool | None = None) -> list[Evaluation]:
        """All evaluations by step, without their samples; `exported` filters by whether they are in the JSONL files."""
        where = "" if exported is None else f"WHERE exported = {int(exported)}"
        with self._lock:
            rows = self._db.execute(
                "SELECT evaluation.*, checkpoint.step, checkpoint.name, checkpoint.digest FROM evaluation JOIN "
                f"checkpoint ON checkpoint.id = evaluation.checkpoint {where} ORDER BY checkpoint.step, evaluation.at"
            ).fetchall()
        return [to_evaluation(row) for row in rows]

    def samples(self, uid: str) -> tuple[dict[str, Any], ...]:
        """The samples of one evaluation, in the order of the suite's prompts."""
        with self._lock:
            rows = self._db.execute("SELECT body FROM sample WHERE uid = ? ORDER BY position", (uid,)).fetchall()
        return tuple(json.loads(row["body"]) for row in rows)

    def status(self) -> list[dict[str, Any]]:
        """What `uimon status` shows of every checkpoint, oldest step first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT c.*, e.metrics, o.published_at, o.copies, o.reason AS waiting, o.uid AS row_uid "
                "FROM checkpoint c LEFT JOIN evaluation e ON e.checkpoint = c.id "
                "LEFT JOIN outbox o ON o.uid = e.uid AND o.target = 'run' ORDER BY c.step, c.id"
            ).fetchall()
        off = self.recall("wandb") == "off"
        return [to_status(row, off=off) for row in rows]

    def mark_exported(self, uid: str) -> None:
        """This evaluation is in the JSONL files."""
        with self.change() as db:
            db.execute("UPDATE evaluation SET exported = 1 WHERE uid = ?", (uid,))

    # What is due.

    def outbox(self, target: Target = Target.RUN) -> LedgerOutbox:
        """What is due in the trainer's run, or in its companion."""
        return LedgerOutbox(self, target, self._clock)

    # Suites and other things to remember.

    def suite(self, request: str) -> str | None:
        """The body of the suite that was made for this request, if there is one."""
        with self._lock:
            row = self._db.execute("SELECT body FROM suite WHERE request = ?", (request,)).fetchone()
        return None if row is None else str(row["body"])

    def keep_suite(self, request: str, digest: str, body: str) -> None:
        """Remember a suite, so that a restart evaluates with the very same token ids."""
        with self.change() as db:
            db.execute("INSERT OR REPLACE INTO suite VALUES (?, ?, ?)", (request, digest, body))

    def remember(self, key: str, value: str) -> None:
        """Keep a small fact under a name."""
        with self.change() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def recall(self, key: str) -> str | None:
        """A small fact kept earlier."""
        with self._lock:
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row["value"])

    # Inside.

    def _require_version(self) -> None:
        """A ledger that is only read cannot be brought up to date."""
        if self._version() == 0:
            raise UimonError(Reason.LEDGER_DAMAGED, f"{self.path} is only being made; look again in a moment.")
        if self._version() != SCHEMA_VERSION:
            raise UimonError(Reason.LEDGER_DAMAGED, f"{self.path} was written by another version of uimon.")

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        version = self._version()
        if version == 0:
            self._run(SCHEMA, SCHEMA_VERSION)
        elif version > SCHEMA_VERSION:
            raise UimonError(
                Reason.CONFIG_INVALID,
                f"{self.path} has ledger version {version}, and this uimon reads {SCHEMA_VERSION}; use the uimon that "
                "wrote it, or another --state-dir.",
            )
        for older in range(max(version, 1), SCHEMA_VERSION) if version else ():
            self._run(MIGRATIONS[older], older + 1)
        # Seconds for a gigabyte, at start only; a page that was torn would otherwise show in some query, days later.
        if (said := self._db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(said)

    def _run(self, script: str, version: int) -> None:
        """Change the schema, all of it or nothing."""
        try:
            self._db.executescript(f"BEGIN; {script} PRAGMA user_version = {version}; COMMIT;")
        except sqlite3.Error:
            self._roll_back()
            raise

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The file while no other thread uses it."""
        with self._lock:
            yield self._db

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction; a nested call joins the outer one."""
        with self._lock, _explained(self.path):
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._roll_back()
                raise
            self._db.execute("COMMIT")

    def _roll_back(self) -> None:
        # A full disk makes SQLite roll back by itself; a second rollback would fail and hide the reason.
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _stamp(self, record: Record) -> str:
        return str(self._db.execute("SELECT stamp FROM checkpoint WHERE id = ?", (record.id,)).fetchone()["stamp"])

    def _insert(self, found: Checkpoint) -> Record:
        now = self._clock()
        self._db.execute(
            "INSERT INTO checkpoint (name, step, stamp, path, kind, base, final, state, seen_at, changed_at) "
            "VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
            (found.name, found.step, found.stamp, str(found.path), found.kind, found.base, State.SEEN, now, now),
        )
        row = self._db.execute("SELECT * FROM checkpoint WHERE name = ? AND stamp = ?", (found.name, found.stamp))
        return to_record(row.fetchone())

    def _sight_gone(self, latest: Record | None) -> Record | None:
        if latest is None or latest.state not in (State.SEEN, State.COMPLETE):
            return latest
        self._settle(latest.id, State.SKIPPED, Reason.DELETED, "its directory was deleted before it was read")
        return self.record(latest.id)

    def _sight_again(self, record: Record, found: Checkpoint) -> Record:
        """Move a checkpoint that nothing was done with yet to where this inspection puts it."""
        settled = record.state in (State.FAILED, State.SKIPPED)
        if not _untouched(record) or (settled and found.condition is not Condition.COMPLETE):
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
            (state, reason, detail, self._clock(), checkpoint_id),
        )

    def _add_losses(self, run: str, losses: Iterable[tuple[int, float]]) -> None:
        """`train/perplexity` rows for logged training steps; a step logged again with the same loss is the same row."""
        self.outbox().add_rows(row for step, loss in losses if (row := train_row(run, step, loss)) is not None)


# What a person can put right on disk, so that the next look finds a checkpoint that can be evaluated.
_CURABLE: Final = frozenset(
    {Reason.DEEPSPEED_ZERO, Reason.FSDP_SHARDED, Reason.TORCH_DCP, Reason.PICKLE_WEIGHTS, Reason.UNREADABLE}
)


def _untouched(record: Record) -> bool:
    """True where nothing was done with a checkpoint yet, so that a new look may change what is known of it."""
    unread = record.state in (State.SEEN, State.COMPLETE)
    curable = record.state is State.FAILED and record.reason in _CURABLE
    # A directory may only seem to be deleted: an unmounted disk comes back.
    back = record.state is State.SKIPPED and record.reason is Reason.DELETED and record.digest is None
    return unread or curable or back


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's failures into sentences."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error) or "disk I/O" in str(error):
            sentence = f"The disk of {path.parent} is full: free some space; nothing that was committed is lost."
            raise UimonError(Reason.DISK_FULL, sentence) from error
        sentence = f"The ledger {path} cannot be used ({error}); check who else uses it, and that it may be written."
        raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence) from error
    except sqlite3.DatabaseError as error:
        sentence = f"The ledger {path} is damaged ({error}); move it away, or choose another --state-dir."
        raise UimonError(Reason.LEDGER_DAMAGED, sentence) from error
