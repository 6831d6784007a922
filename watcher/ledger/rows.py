"""What the ledger keeps, and how it looks in SQLite: the schema, and rows into values and back."""

from __future__ import annotations

import json
import math
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from watcher.ledger.episode_schema import EPISODES, EPISODES_OF_ALARMS
from watcher.ledger.row_reader import RowReader
from watcher.ledger.samples import KeptSample
from watcher.ledger.seal import SEAL
from watcher.model import CheckpointKind, Reason, Row, RowKind, Sending, State, Table

SCHEMA_VERSION: Final = 8
LOSSES_IN_ROWS: Final = "losses in rows"
"""The ledger's name for the place of the last loss of which the row was made."""
_TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE suite (request TEXT PRIMARY KEY, digest TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, step INTEGER NOT NULL, stamp TEXT NOT NULL, path TEXT NOT NULL,
    kind TEXT NOT NULL, base TEXT, final INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT,
    detail TEXT NOT NULL DEFAULT '', digest TEXT, stage TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL DEFAULT 0, early INTEGER NOT NULL DEFAULT 0, adopted INTEGER NOT NULL DEFAULT 0,
    seen_at REAL NOT NULL, changed_at REAL NOT NULL);
CREATE INDEX checkpoint_name ON checkpoint (name, id);
CREATE INDEX checkpoint_state ON checkpoint (state, step);
CREATE TABLE evaluation (
    uid TEXT PRIMARY KEY, checkpoint INTEGER NOT NULL REFERENCES checkpoint (id), suite TEXT NOT NULL,
    metrics TEXT NOT NULL, at REAL NOT NULL, exported INTEGER NOT NULL DEFAULT 0, origin TEXT);
CREATE INDEX evaluation_checkpoint ON evaluation (checkpoint);
CREATE TABLE row (
    uid TEXT PRIMARY KEY, kind TEXT NOT NULL, step INTEGER NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE outbox (
    uid TEXT NOT NULL REFERENCES row (uid), target TEXT NOT NULL, kind TEXT NOT NULL, step INTEGER NOT NULL,
    mark INTEGER, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, published_at REAL,
    copies INTEGER NOT NULL DEFAULT 1, sent_first REAL, sent_last REAL, looks INTEGER NOT NULL DEFAULT 0,
    look_at REAL, UNIQUE (uid, target));
CREATE INDEX outbox_due ON outbox (target, published_at, kind, step);
CREATE TABLE found (uid TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (uid, target));
"""
_NON_FINITE: Final = "CREATE TABLE non_finite_loss (step INTEGER PRIMARY KEY, loss TEXT NOT NULL);"
_ALARMS: Final = """
CREATE TABLE alarm (
    key TEXT PRIMARY KEY, step INTEGER NOT NULL, body TEXT NOT NULL, began_at REAL NOT NULL, over INTEGER NOT NULL);
CREATE TABLE notice (
    alarm TEXT NOT NULL REFERENCES alarm (key), channel TEXT NOT NULL, event TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, done_at REAL, error TEXT,
    PRIMARY KEY (alarm, channel, event));
"""
# When a row that was attempted before was sent is not known: the upgrade counts as the moment.
_SENT: Final = """
ALTER TABLE outbox ADD COLUMN sent_first REAL;
ALTER TABLE outbox ADD COLUMN sent_last REAL;
ALTER TABLE outbox ADD COLUMN looks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN look_at REAL;
UPDATE outbox SET sent_first = strftime('%s', 'now'), sent_last = strftime('%s', 'now'), look_at = 0,
    reason = 'unconfirmed' WHERE published_at IS NULL AND attempts > 0;
"""
_ANSWERS: Final = """
CREATE TABLE answers (uid TEXT PRIMARY KEY REFERENCES evaluation (uid), count INTEGER NOT NULL, body BLOB NOT NULL);
"""
_KNOWN: Final = """
CREATE INDEX checkpoint_final ON checkpoint (seen_at) WHERE final;
CREATE TABLE summary (uid TEXT PRIMARY KEY, version TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE sighting (
    name TEXT PRIMARY KEY, step INTEGER NOT NULL, mark TEXT NOT NULL, written REAL NOT NULL, training TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL);
"""
# A loss as Python writes it: SQLite takes NaN for NULL. `uid` is that of the row of it; NULL where it is not finite.
_LOSSES: Final = """
CREATE TABLE loss (place INTEGER PRIMARY KEY, step INTEGER NOT NULL, loss TEXT NOT NULL, uid TEXT UNIQUE);
"""
_LOSSES_OF_ROWS: Final = f"""
{_LOSSES}
INSERT INTO loss (step, loss, uid) SELECT step, loss_in(body), uid FROM row WHERE kind = 'train' ORDER BY rowid;
INSERT INTO meta SELECT '{LOSSES_IN_ROWS}', MAX(place) FROM loss HAVING MAX(place) IS NOT NULL;
INSERT INTO loss (step, loss) SELECT step, loss FROM non_finite_loss ORDER BY step;
DROP TABLE non_finite_loss;
"""
# `state` is a `FollowupState`; `at`, since when it is that; `metrics` are JSON, and NULL until they are known.
_FOLLOWUPS: Final = """
CREATE TABLE followup (
    evaluation TEXT NOT NULL REFERENCES evaluation (uid), kind TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, reason TEXT,
    detail TEXT NOT NULL DEFAULT '', metrics TEXT, at REAL NOT NULL, PRIMARY KEY (evaluation, kind));
CREATE INDEX followup_open ON followup (state, not_before);
"""
# What the outbox knows is in no second place.
_PUBLISHED_BY_OUTBOX: Final = "UPDATE checkpoint SET state = 'evaluated' WHERE state = 'published';"
SCHEMA: Final = _TABLES + _ANSWERS + _KNOWN + _LOSSES + EPISODES + _FOLLOWUPS + SEAL
MIGRATIONS: Final = {
    1: """
ALTER TABLE checkpoint ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox RENAME TO old_outbox;
DROP INDEX outbox_due;
CREATE TABLE row (
    uid TEXT PRIMARY KEY, kind TEXT NOT NULL, step INTEGER NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE outbox (
    uid TEXT NOT NULL REFERENCES row (uid), target TEXT NOT NULL, kind TEXT NOT NULL, step INTEGER NOT NULL,
    mark INTEGER, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, published_at REAL,
    copies INTEGER NOT NULL DEFAULT 1, UNIQUE (uid, target));
INSERT INTO row SELECT uid, kind, step, body, created_at FROM old_outbox;
INSERT INTO outbox (uid, target, kind, step, mark, attempts, reason, published_at)
    SELECT uid, 'run', kind, step, mark, attempts, REPLACE(reason, 'trainer_not_shared', 'deferred'), published_at
    FROM old_outbox;
DROP TABLE old_outbox;
CREATE INDEX outbox_due ON outbox (target, published_at, kind, step);
CREATE TABLE found (uid TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (uid, target));
CREATE TABLE alert (
    key TEXT PRIMARY KEY, level TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, created_at REAL NOT NULL,
    raised_at REAL);
INSERT INTO meta VALUES ('surveyed run', 'yes');
""",
    2: "ALTER TABLE checkpoint ADD COLUMN early INTEGER NOT NULL DEFAULT 0;" + _NON_FINITE + _ALARMS,
    3: "ALTER TABLE checkpoint ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0;",
    4: "ALTER TABLE evaluation ADD COLUMN origin TEXT; CREATE INDEX evaluation_checkpoint ON evaluation (checkpoint);",
    5: f"""
{_SENT}
{_ANSWERS}
INSERT INTO answers
    SELECT uid, COUNT(*), packed_list(body) FROM (SELECT * FROM sample ORDER BY uid, position) GROUP BY uid;
DROP TABLE sample;
UPDATE row SET body = packed(body) WHERE kind = 'eval';
{_KNOWN}
{SEAL}
""",
    6: _LOSSES_OF_ROWS + _PUBLISHED_BY_OUTBOX + EPISODES + EPISODES_OF_ALARMS,
    7: _FOLLOWUPS,
}
"""How a ledger of each earlier version becomes one of the next. `packed` and `loss_in` are the functions below, and
`packed_list` is `packed` over a JSON list of what it gets."""


def packed(text: str) -> bytes:
    """Text as the ledger keeps what is large: a quarter of its size for code."""
    return zlib.compress(text.encode(errors="surrogatepass"))


def unpacked(stored: str | bytes) -> str:
    """What `packed` was given; text is as it was. Raises ValueError where it is damaged."""
    if isinstance(stored, str):
        return stored
    try:
        return zlib.decompress(stored).decode(errors="surrogatepass")
    except zlib.error as error:
        raise ValueError(str(error)) from None


class PackedList:
    """`packed_list` in SQL: JSON texts, one after the other, as one packed JSON list."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def step(self, text: str) -> None:
        self._texts.append(text)

    def finalize(self) -> bytes:
        return packed(f"[{', '.join(self._texts)}]")


# CROSS JOIN: left to itself, SQLite goes through all that is published, once for each checkpoint.
TOLD_AT: Final = (
    "(SELECT MIN(sent.published_at) FROM evaluation own CROSS JOIN outbox sent ON sent.uid = own.uid "
    "AND sent.target = 'run' WHERE own.checkpoint = c.id AND own.origin IS NULL) AS told_at"
)
"""When the row of the evaluation of checkpoint `c` was read back from the run; NULL: it was not."""
CHECKPOINTS: Final = f"(SELECT c.*, {TOLD_AT} FROM checkpoint c)"
"""Every checkpoint, with when its row was read back."""
EVALUATION_COLUMNS: Final = (
    "evaluation.*, evaluation.rowid AS place, checkpoint.step, checkpoint.name, checkpoint.digest, checkpoint.seen_at"
)
"""What `to_evaluation` reads of an evaluation joined with its checkpoint."""


@dataclass(frozen=True, slots=True)
class Record:
    """One checkpoint as the ledger knows it; `digest` is None until all its bytes were read.

    `stamp` is `Checkpoint.stamp` as it was last seen. `asked`: somebody wants this one (`uimon retry`), so no policy
    passes it over. `early`: it was taken before its writer had finished it, and nothing of it counts until then.
    `adopted`: it is another training's, and is evaluated because somebody wants that.
    """

    id: int
    name: str
    step: int
    path: Path
    kind: CheckpointKind
    base: str | None
    final: bool
    state: State
    reason: Reason | None
    detail: str
    digest: str | None
    stage: Path | None
    attempts: int
    asked: bool
    seen_at: float
    changed_at: float
    stamp: str = ""
    early: bool = False
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the evaluation of one checkpoint found. `name`, `digest` and `seen_at` (0: not known) are the checkpoint's.
    `at` is when its samples were drawn (Unix time). Where they were scored anew, `origin` is the uid of the evaluation
    that drew them; else it is empty.
    """

    uid: str
    step: int
    suite: str
    metrics: Mapping[str, float | None]
    samples: tuple[KeptSample, ...]
    at: float
    name: str = ""
    digest: str = ""
    seen_at: float = 0.0
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many complete checkpoints wait, the newest step that is there, and the newest that was evaluated (None:
    none was).
    """

    waiting: int
    newest: int
    evaluated: int | None


def loss_in(body: str) -> str:
    """The loss of a row of `train/perplexity` as the table of losses has it, from what the outbox holds of the row."""
    perplexity = json.loads(body)["values"]["train/perplexity"]
    # The exponential of a loss of rewards may have come to 0, which is no reason to take a ledger for damaged.
    return repr(math.log(perplexity) if perplexity > 0 else -math.inf)


def state_of(row: sqlite3.Row) -> State:
    """Where a checkpoint stands, of which `told_at` is when a row of its evaluation was read back from the run."""
    state = State(row["state"])
    return State.PUBLISHED if state is State.EVALUATED and row["told_at"] is not None else state


to_record: Final = RowReader(
    Record, state=state_of, changed_at=lambda row: max(row["changed_at"], row["told_at"] or 0.0)
)
"""A line of `CHECKPOINTS` as a record."""
to_evaluation: Final = RowReader(Evaluation, metrics=lambda row: json.loads(row["metrics"]), samples=lambda _: ())
"""An evaluation's line, without its samples."""


def row_body(row: Row) -> str | bytes:
    """What an outbox line holds of a row, as JSON; packed where it has a table."""
    body = json.dumps({"values": dict(row.values), "table": row.table and asdict(row.table)})
    return body if row.table is None else packed(body)


def to_row(row: sqlite3.Row) -> Row:
    """An outbox line, with the row's body, as the row that is due."""
    body = json.loads(unpacked(row["body"]))
    table = None if body["table"] is None else Table.of_plain(body["table"])
    sent = None if row["sent_first"] is None else Sending(row["sent_first"], row["sent_last"], row["looks"])
    kind = RowKind(row["kind"])
    return Row(row["uid"], kind, row["step"], body["values"], table, row["mark"], row["attempts"], sent)
