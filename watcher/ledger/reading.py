"""What the ledger tells: checkpoints, evaluations, losses and suites, as they stand. Nothing here changes anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from watcher.checkpoints.training_log import LogSign, SignKind
from watcher.ledger.checkpoint_status import CheckpointStatus, to_status
from watcher.ledger.file import LedgerFile
from watcher.ledger.rows import (
    CHECKPOINTS,
    EVALUATION_COLUMNS,
    TOLD_AT,
    Evaluation,
    Record,
    Standing,
    to_evaluation,
    to_record,
    unpacked,
)
from watcher.ledger.samples import StoredSample
from watcher.model import FINAL_NAME, State

AWAY_KEY: Final = "engine_away"
"""The ledger's name for since when the engine is away, in seconds since the epoch, and why (JSON; empty: it is not)."""
RESTORED: Final = "restored"
"""The ledger's name for the place of the last evaluation that came from an earlier ledger."""
LOG_SIGNS: Final = "log signs"
"""The ledger's name for what the trainer's log shows."""

_EVALUATION: Final = (
    f"SELECT {EVALUATION_COLUMNS} FROM evaluation JOIN checkpoint ON checkpoint.id = evaluation.checkpoint"
)

_FIRST: Final = "e.rowid = (SELECT MIN(rowid) FROM evaluation WHERE checkpoint = c.id)"
_LAST: Final = "e.rowid = (SELECT MAX(rowid) FROM evaluation WHERE checkpoint = c.id)"
"""Of a checkpoint whose samples were scored anew there are several evaluations."""

_NOW: Final = "CASE WHEN state = 'evaluated' AND told_at IS NOT NULL THEN 'published' ELSE state END"
"""The state of a line of `CHECKPOINTS`: whether what was evaluated is published, the outbox alone knows."""

_OWN: Final = "COALESCE(reason, '') != 'earlier_run'"
"""What is true of a checkpoint that is not held for an earlier run's."""


class LedgerReading(LedgerFile):
    """The reading half of `Ledger`."""

    def record(self, checkpoint_id: int) -> Record:
        """The record of one checkpoint, by the ledger's own number."""
        with self._lock:
            return to_record(self._db.execute(f"SELECT * FROM {CHECKPOINTS} WHERE id = ?", (checkpoint_id,)).fetchone())

    def latest(self, name: str) -> Record | None:
        """The newest record of a checkpoint's name; a step that was written again has several."""
        query = f"SELECT * FROM {CHECKPOINTS} WHERE name = ? ORDER BY id DESC LIMIT 1"
        with self._lock:
            row = self._db.execute(query, (name,)).fetchone()
        return None if row is None else to_record(row)

    def records(self, *states: State) -> list[Record]:
        """Checkpoints in these states (all without any), by step, then by when they were seen."""
        where = f"WHERE {_in(states)}" if states else ""
        with self._lock:
            rows = self._db.execute(f"SELECT * FROM {CHECKPOINTS} {where} ORDER BY step, id").fetchall()
        return [to_record(row) for row in rows]

    def steps(self, *states: State, besides: int) -> list[int]:
        """The steps of checkpoints in these states, without one of them and without the model in the run directory."""
        query = f"SELECT step FROM {CHECKPOINTS} WHERE {_in(states)} AND id != ? AND name != ?"
        with self._lock:
            rows = self._db.execute(query, (besides, FINAL_NAME)).fetchall()
        return [step for (step,) in rows]

    def state_counts(self) -> dict[State, int]:
        """How many checkpoints are in each state, without those of an earlier run."""
        query = f"SELECT {_NOW} AS now, COUNT(*) AS count FROM {CHECKPOINTS} WHERE {_OWN} GROUP BY now"
        with self._lock:
            rows = self._db.execute(query).fetchall()
        return {State(state): count for state, count in rows}

    def has_earlier(self) -> bool:
        """True where a checkpoint is held for an earlier run's."""
        query = "SELECT 1 FROM checkpoint WHERE reason = 'earlier_run' LIMIT 1"
        with self._lock:
            return self._db.execute(query).fetchone() is not None

    def deleted(self) -> list[str]:
        """Names of checkpoints that were deleted before they were evaluated, and of which nothing is known since."""
        query = (
            "SELECT name FROM checkpoint AS c WHERE state = 'skipped' AND reason = 'deleted' AND digest IS NULL "
            "AND NOT EXISTS (SELECT 1 FROM checkpoint AS later WHERE later.name = c.name AND later.id > c.id)"
        )
        with self._lock:
            return [str(row["name"]) for row in self._db.execute(query).fetchall()]

    def newest_step(self) -> int | None:
        """The largest step seen; None before the first."""
        with self._lock:
            (step,) = self._db.execute(f"SELECT MAX(step) FROM checkpoint WHERE {_OWN}").fetchone()
        return None if step is None else int(step)

    def newest_final(self) -> Record | None:
        """The last of the checkpoints that are whole and the final ones of their training; None where one of a larger
        step came with it or since.
        """
        order = "ORDER BY seen_at DESC, step DESC LIMIT 1"
        query = f"SELECT * FROM {CHECKPOINTS} WHERE final AND state != ? AND {_OWN} {order}"
        later = f"SELECT 1 FROM checkpoint WHERE step > ? AND seen_at >= ? AND NOT adopted AND NOT asked AND {_OWN}"
        with self._lock:
            row = self._db.execute(query, (State.SEEN,)).fetchone()
            final = None if row is None else to_record(row)
            if final is not None and self._db.execute(later, (final.step, final.seen_at)).fetchone():
                return None
        return final

    def evaluations(self, *, exported: bool | None = None) -> list[Evaluation]:
        """All evaluations by step, without their samples; `exported` filters by whether they are in the JSONL files."""
        where = "" if exported is None else f"WHERE exported = {int(exported)}"
        with self._lock:
            rows = self._db.execute(
                f"{_EVALUATION} {where} ORDER BY checkpoint.step, evaluation.at, evaluation.rowid"
            ).fetchall()
        return [to_evaluation(row) for row in rows]

    def evaluation(self, uid: str) -> Evaluation | None:
        """The evaluation of this uid, without its samples."""
        with self._lock:
            row = self._db.execute(f"{_EVALUATION} WHERE evaluation.uid = ?", (uid,)).fetchone()
        return None if row is None else to_evaluation(row)

    def uids(self, *, exported: bool | None = None) -> frozenset[str]:
        """The uids of all evaluations; `exported` filters as it does for `evaluations`."""
        where = "" if exported is None else f"WHERE exported = {int(exported)}"
        with self._lock:
            return frozenset(uid for (uid,) in self._db.execute(f"SELECT uid FROM evaluation {where}").fetchall())

    def of_the_past(self) -> frozenset[str]:
        """The uids of the evaluations that brought no news: their samples were drawn by another one and scored anew, or
        an earlier ledger had them.
        """
        query = "SELECT uid FROM evaluation WHERE origin IS NOT NULL OR rowid <= ?"
        place = int(self.recall(RESTORED) or 0)
        with self._lock:
            return frozenset(uid for (uid,) in self._db.execute(query, (place,)).fetchall())

    def restored_step(self) -> int:
        """The largest step of which an earlier ledger had an evaluation; -1 where there was none."""
        query = (
            "SELECT COALESCE(MAX(step), -1) FROM checkpoint JOIN evaluation ON checkpoint.id = evaluation.checkpoint "
            "WHERE evaluation.rowid <= ?"
        )
        place = int(self.recall(RESTORED) or 0)
        with self._lock:
            return int(self._db.execute(query, (place,)).fetchone()[0])

    def occurred(self) -> frozenset[str]:
        """The rare counts that were above 0 in an evaluation of this run."""
        query = (
            "SELECT DISTINCT one.key FROM evaluation, json_each(evaluation.metrics) AS one "
            "WHERE one.key LIKE 'eval/extraction\\_%' ESCAPE '\\' AND one.value > 0"
        )
        with self._lock:
            return frozenset(name for (name,) in self._db.execute(query).fetchall())

    def samples(self, uid: str) -> tuple[StoredSample, ...]:
        """The samples of one evaluation, in the order of the suite's prompts; none where they were dropped. Raises
        ValueError where they cannot be read back.
        """
        with self._lock:
            row = self._db.execute("SELECT body FROM answers WHERE uid = ?", (uid,)).fetchone()
        (body,) = row or (b"",)
        return tuple(map(StoredSample, json.loads(unpacked(body)))) if body else ()

    def are_dropped(self, uid: str) -> bool:
        """True where there were samples of this evaluation, which were not kept."""
        query = "SELECT 1 FROM answers WHERE uid = ? AND length(body) = 0"
        with self._lock:
            return self._db.execute(query, (uid,)).fetchone() is not None

    def with_samples(self) -> list[tuple[str, int]]:
        """The evaluations whose samples are kept, the oldest first: the uid, and how many bytes they take."""
        query = (
            "SELECT answers.uid, length(body) AS bytes FROM answers JOIN evaluation ON evaluation.uid = answers.uid "
            "WHERE length(body) > 0 ORDER BY evaluation.rowid"
        )
        with self._lock:
            return [(uid, size) for uid, size in self._db.execute(query).fetchall()]

    def standing(self) -> Standing:
        """How far the evaluation is behind the trainer."""
        query = (
            "SELECT COALESCE(SUM(state IN ('complete', 'staged')), 0) AS waiting, COALESCE(MAX(step), 0) AS newest, "
            "MAX(CASE WHEN state = 'evaluated' THEN step END) AS evaluated "
            f"FROM checkpoint WHERE {_OWN}"
        )
        with self._lock:
            return Standing(**self._db.execute(query).fetchone())

    def status(self, last: int | None = None) -> list[CheckpointStatus]:
        """What `uimon status` shows of every checkpoint (or the `last` ones), oldest step first, by the last evaluation
        of each.
        """
        with self._lock:
            rows = self._db.execute(
                f"SELECT c.*, {TOLD_AT}, e.metrics, e.suite, e.origin IS NOT NULL AS rescored, o.published_at, "
                "COALESCE(o.copies, 1) AS copies, o.reason AS waiting, "
                "e.uid AS evaluated_uid, EXISTS (SELECT 1 FROM checkpoint later WHERE later.name = c.name "
                "AND later.id > c.id AND later.state = 'evaluated') AS superseded "
                "FROM (SELECT * FROM checkpoint ORDER BY step DESC, id DESC LIMIT ?) AS c "
                f"LEFT JOIN evaluation e ON e.checkpoint = c.id AND {_LAST} "
                "LEFT JOIN outbox o ON o.uid = e.uid AND o.target = 'run' ORDER BY c.step, c.id",
                (-1 if last is None else last,),
            ).fetchall()
        off = self.recall("wandb") == "off"
        return [to_status(row, off=off) for row in rows]

    def arrivals(self) -> list[tuple[int, float, float | None, bool]]:
        """For each checkpoint that was complete, but for the base model: its step, when it was first seen, when it was
        evaluated, skipped or failed (None: it waits), in seconds since the epoch, and whether all its bytes were read.
        """
        with self._lock:
            rows = self._db.execute(
                "SELECT c.step, c.seen_at, CASE WHEN c.state IN ('evaluated', 'skipped', 'failed') "
                "THEN COALESCE(e.at, c.changed_at) END AS settled_at, c.digest IS NOT NULL AS read FROM checkpoint c "
                f"LEFT JOIN evaluation e ON e.checkpoint = c.id AND {_FIRST} "
                f"WHERE c.state != 'seen' AND NOT c.early AND c.step > 0 AND c.seen_at > 0 AND {_OWN}"
            ).fetchall()
        return [(step, seen_at, settled_at, bool(read)) for step, seen_at, settled_at, read in rows]

    def log_signs(self) -> tuple[LogSign, ...]:
        """What the trainer's log shows as a whole: the log of the checkpoint that came last."""
        return tuple(
            LogSign(SignKind(kind), step, evidence, cleared)
            for kind, step, evidence, cleared in json.loads(self.recall(LOG_SIGNS) or "[]")
        )

    def suite(self, request: str) -> str | None:
        """The body of the suite that was made for this request, if there is one."""
        with self._lock:
            row = self._db.execute("SELECT body FROM suite WHERE request = ?", (request,)).fetchone()
        return None if row is None else str(row[0])

    def suites(self) -> list[tuple[str, str, str]]:
        """Every suite that was kept: its request, its digest and its body, the last one first."""
        with self._lock:
            rows = self._db.execute("SELECT request, digest, body FROM suite ORDER BY rowid DESC").fetchall()
        return [(request, digest, body) for request, digest, body in rows]


def _in(states: Sequence[State]) -> str:
    """That a checkpoint is in one of these states. What the file has of them has an index; the outbox is asked only
    where a published one and one that is not are told apart.
    """
    kept = {State.EVALUATED if state is State.PUBLISHED else state for state in states}
    found = f"state IN ({_listed(kept)})"
    apart = (State.EVALUATED in states) != (State.PUBLISHED in states)
    return f"{found} AND {_NOW} IN ({_listed(states)})" if apart else found


def _listed(states: Iterable[State]) -> str:
    return ", ".join(f"'{state}'" for state in states)
