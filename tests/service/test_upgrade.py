"""A ledger that the version before has left in the middle of a run: it opens, keeps what it knows, and goes on."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from pathlib import Path

import pytest

from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from watcher.evaluation.rows import train_row
from watcher.ledger.ledger import Ledger
from watcher.model import Reason, RowKind

# Version 3, as it was made; what `watcher.ledger.rows` says must not matter here.
SCHEMA = """
PRAGMA user_version = 3;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE suite (request TEXT PRIMARY KEY, digest TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, step INTEGER NOT NULL, stamp TEXT NOT NULL, path TEXT NOT NULL,
    kind TEXT NOT NULL, base TEXT, final INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT,
    detail TEXT NOT NULL DEFAULT '', digest TEXT, stage TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL DEFAULT 0, early INTEGER NOT NULL DEFAULT 0, seen_at REAL NOT NULL,
    changed_at REAL NOT NULL);
CREATE INDEX checkpoint_name ON checkpoint (name, id);
CREATE INDEX checkpoint_state ON checkpoint (state, step);
CREATE TABLE evaluation (
    uid TEXT PRIMARY KEY, checkpoint INTEGER NOT NULL REFERENCES checkpoint (id), suite TEXT NOT NULL,
    metrics TEXT NOT NULL, at REAL NOT NULL, exported INTEGER NOT NULL DEFAULT 0);
CREATE TABLE sample (uid TEXT NOT NULL, position INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (uid, position));
CREATE TABLE row (
    uid TEXT PRIMARY KEY, kind TEXT NOT NULL, step INTEGER NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE outbox (
    uid TEXT NOT NULL REFERENCES row (uid), target TEXT NOT NULL, kind TEXT NOT NULL, step INTEGER NOT NULL,
    mark INTEGER, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, published_at REAL,
    copies INTEGER NOT NULL DEFAULT 1, UNIQUE (uid, target));
CREATE INDEX outbox_due ON outbox (target, published_at, kind, step);
CREATE TABLE found (uid TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (uid, target));
CREATE TABLE alert (
    key TEXT PRIMARY KEY, level TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, created_at REAL NOT NULL,
    raised_at REAL);
CREATE TABLE non_finite_loss (step INTEGER PRIMARY KEY, loss TEXT NOT NULL);
CREATE TABLE alarm (
    key TEXT PRIMARY KEY, step INTEGER NOT NULL, body TEXT NOT NULL, began_at REAL NOT NULL, over INTEGER NOT NULL);
CREATE TABLE notice (
    alarm TEXT NOT NULL REFERENCES alarm (key), channel TEXT NOT NULL, event TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, done_at REAL, error TEXT,
    PRIMARY KEY (alarm, channel, event));
INSERT INTO meta VALUES ('surveyed run', 'yes');
"""
STATES = {
    10: ("published", None, "d10"),
    20: ("failed", "non_finite", "d20"),
    30: ("evaluated", None, "d30"),
    40: ("skipped", "not_due", None),
    50: ("failed", "pickle_weights", None),
    60: ("seen", "weights_missing", None),
}
"""What the ledger says of each step, with its digest."""


def stamp_of(path: Path) -> str:
    """As that version told weights apart."""
    files = [(file.name, file.stat()) for file in sorted(path.glob("*.safetensors"))]
    text = "\n".join(f"{name}\t{s.st_size}\t{s.st_mtime_ns}\t{s.st_ino}" for name, s in files)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def uid(kind: str, step: int, *parts: str) -> str:
    """As that version identified rows."""
    return hashlib.sha256("\0".join((kind, "run", str(step), *parts)).encode()).hexdigest()[:20]


def trained(root: Path, step: int) -> Path:
    """A checkpoint whose log goes from the first step to its own."""
    path = write_checkpoint(root, step)
    log = [{"step": at, "loss": 2.5 / at} for at in range(1, step + 1)]
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step, "max_steps": 100, "log_history": log}))
    return path


def leave_ledger(house: House) -> None:
    """The directory and the ledger as they were when that version was stopped; rows up to step 20 are published."""
    house.ledger.close()
    for leftover in house.state.root.glob("ledger.sqlite3*"):
        leftover.unlink()
    with sqlite3.connect(house.state.ledger) as db:
        db.executescript(SCHEMA)
        for number, (step, (state, reason, digest)) in enumerate(STATES.items(), 1):
            path = trained(house.root, step)
            if step >= 50:
                (path / "model.safetensors").unlink()
            if step == 50:
                (path / "pytorch_model.bin").write_bytes(b"x")
            if step == 60:
                (path / "trainer_state.json").unlink()
            line = (number, f"checkpoint-{step}", step, stamp_of(path), str(path), state, reason, digest, step, step)
            db.execute(
                "INSERT INTO checkpoint (id, name, step, stamp, path, kind, final, state, reason, digest, seen_at, "
                "changed_at) VALUES (?, ?, ?, ?, ?, 'full', 0, ?, ?, ?, ?, ?)",
                line,
            )
            if state in ("published", "evaluated"):
                row = uid("eval", step, digest or "", "suite")
                add(db, "eval", step, row, {"eval/perplexity": 3.0})
                db.execute("INSERT INTO evaluation VALUES (?, ?, 'suite', '{}', 1.0, 1)", (row, number))
        for step in range(1, 41):
            loss = 2.5 / step
            now = train_row("run", step, loss)
            assert now is not None
            assert now.uid == uid("train", step, repr(loss))
            add(db, "train", step, now.uid, {"train/perplexity": math.exp(loss)})
    db.close()
    house.ledger = Ledger(house.state.ledger)


def add(db: sqlite3.Connection, kind: str, step: int, row: str, values: dict[str, object]) -> None:
    body = json.dumps({"values": {"train/global_step": step, f"{kind}/uid": row, **values}, "table": None})
    db.execute("INSERT INTO row VALUES (?, ?, ?, ?, 1.0)", (row, kind, step, body))
    published = 2.0 if step <= 20 else None
    db.execute(
        "INSERT INTO outbox (uid, target, kind, step, published_at) VALUES (?, 'run', ?, ?, ?)",
        (row, kind, step, published),
    )


def test_it_opens_and_keeps_every_state(house: House) -> None:
    leave_ledger(house)
    assert house.states() == [(step, state, reason) for step, (state, reason, _) in STATES.items()]
    assert house.ledger.outbox().counts() == {RowKind.EVAL: (1, 1), RowKind.TRAIN: (20, 20)}


def test_nothing_is_evaluated_twice_and_nothing_published_twice(house: House) -> None:
    leave_ledger(house)
    house.service(once=True).run()
    assert house.engine.loaded == []
    assert house.states() == [
        (step, "published" if state == "evaluated" else state, reason) for step, (state, reason, _) in STATES.items()
    ]
    sent = [(row.kind, row.step) for row in house.tracker.rows]
    assert sorted(sent) == [(RowKind.EVAL, 30), *((RowKind.TRAIN, step) for step in range(21, 41))]


def test_the_run_goes_on_in_it(house: House) -> None:
    leave_ledger(house)
    trained(house.root, 70)
    house.service(once=True).run()
    assert house.states()[-1] == (70, "published", None)
    assert len(house.engine.loaded) == 1
    assert sorted(row.step for row in house.tracker.rows if row.kind is RowKind.TRAIN) == list(range(21, 71))


def test_what_it_evaluated_tells_whose_a_later_checkpoint_is(house: House) -> None:
    leave_ledger(house)
    path = trained(house.root, 500)
    log = [{"step": at, "loss": 0.9 / at} for at in range(1, 501)]
    (path / "trainer_state.json").write_text(json.dumps({"global_step": 500, "max_steps": 500, "log_history": log}))
    house.service(once=True).run()
    assert house.states()[-1] == (500, "skipped", Reason.EARLIER_RUN)
    assert house.ledger.newest_final() is None


@pytest.mark.parametrize("gone", [True, False])
def test_a_checkpoint_that_it_called_unfinished_gets_its_reason(
    house: House, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    monkeypatch.setattr("watcher.checkpoints.layouts.completeness.QUIET_S", 0.3)
    monkeypatch.setattr("watcher.checkpoints.layouts.completeness.LONG_SILENCE_S", 0.3)
    leave_ledger(house)
    if not gone:
        # Its writer has gone on meanwhile.
        trained(house.root, 60)
    service = house.service(idle_exit=1.5)
    service.run()
    assert house.states()[-1] == ((60, "failed", Reason.WEIGHTS_MISSING) if gone else (60, "published", None))


def shape(path: Path) -> dict[str, list[str]]:
    """The tables with their columns, and the indexes with theirs."""
    with sqlite3.connect(path) as db:
        names = db.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
        columns = {
            # Where a column stands in its table says nothing; an index keeps the order of its columns.
            name: db.execute(f"PRAGMA {'table_info' if kind == 'table' else 'index_info'}({name})").fetchall()
            for kind, name in names
        }
    return {
        name: sorted(str(row[1:]) for row in columns[name]) if kind == "table" else [row[2] for row in columns[name]]
        for kind, name in names
    }


def test_what_an_older_ledger_becomes_is_what_a_fresh_one_is(tmp_path: Path) -> None:
    older, fresh = tmp_path / "older", tmp_path / "fresh"
    with sqlite3.connect(older) as db:
        db.executescript(SCHEMA)
    for path in (older, fresh):
        Ledger(path).close()
    assert shape(older) == shape(fresh)
