"""The trainer's losses, the rows that are made of them, and what an older ledger had of both."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.ledger.test_ledger import commit, stage
from tests.support.ledgers import due_rows
from watcher.checkpoints.training_log import LogFacts
from watcher.evaluation.rows import RowMaker, train_row
from watcher.ledger.ledger import Ledger
from watcher.ledger.rows import MIGRATIONS, SCHEMA_VERSION, row_body
from watcher.model import RowKind, State

VERSION_6 = """
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
CREATE TABLE answers (uid TEXT PRIMARY KEY REFERENCES evaluation (uid), count INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX checkpoint_final ON checkpoint (seen_at) WHERE final;
CREATE TABLE summary (uid TEXT PRIMARY KEY, version TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE sighting (
    name TEXT PRIMARY KEY, step INTEGER NOT NULL, mark TEXT NOT NULL, written REAL NOT NULL, training TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL);
CREATE TABLE seal (name TEXT PRIMARY KEY, total INTEGER NOT NULL);
PRAGMA user_version = 6;
"""
LOGGED = ((10, 0.5), (20, 1.2345), (30, 0.0001))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_path / "ledger.sqlite3")) as made:
        yield made


def leave_version_6(path: Path) -> list[str]:
    """A ledger of version 6 as it was left, with losses, a published checkpoint and a NaN; the uids of its rows."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(VERSION_6)
        rows = [row for step, loss in LOGGED if (row := train_row("run", step, loss))]
        for row in rows:
            line = (row.uid, row.kind, row.step, row_body(row))
            db.execute("INSERT INTO row VALUES (?, ?, ?, ?, 1.0)", line)
            db.execute("INSERT INTO outbox (uid, target, kind, step) VALUES (?, 'run', ?, ?)", line[:3])
        db.execute("INSERT INTO non_finite_loss VALUES (40, 'nan')")
        db.execute(
            "INSERT INTO checkpoint (name, step, stamp, path, kind, final, state, digest, seen_at, changed_at) "
            "VALUES ('checkpoint-50', 50, 's', '/c', 'full', 0, 'published', 'aa', 1.0, 1.0)"
        )
        db.execute("INSERT INTO evaluation (uid, checkpoint, suite, metrics, at) VALUES ('e', 1, 's', '{}', 1.0)")
        db.execute("INSERT INTO row VALUES ('e', 'eval', 50, '{\"values\": {}, \"table\": null}', 1.0)")
        db.execute("INSERT INTO outbox (uid, target, kind, step, published_at) VALUES ('e', 'run', 'eval', 50, 2.0)")
        db.commit()
    return [row.uid for row in rows]


def test_the_losses_of_a_ledger_of_version_6_are_those_of_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    uids = leave_version_6(path)
    with closing(Ledger(path)) as ledger:
        ledger.require_whole()
        kept, place = ledger.losses().after(0)
        assert [step for step, _ in kept] == [10, 20, 30]
        assert [loss for _, loss in kept] == pytest.approx([loss for _, loss in LOGGED], abs=1e-15)
        assert [(step, repr(loss)) for step, loss in ledger.losses().non_finite()] == [(40, "nan")]
        # The trainer's log is looked at again, and goes on.
        ledger.add_log("run", [*LOGGED, (50, 0.25)])
        assert ledger.losses().after(place)[0] == [(50, 0.25)]
        assert [(row.uid, row.kind) for row in due_rows(ledger)][:3] == [(uid, RowKind.TRAIN) for uid in uids]
        assert [row.step for row in due_rows(ledger)] == [10, 20, 30, 50]
        assert [record.state for record in ledger.records(State.PUBLISHED)] == [State.PUBLISHED]


def test_each_earlier_version_has_a_way_to_the_next() -> None:
    assert sorted(MIGRATIONS) == list(range(1, SCHEMA_VERSION))


def test_a_loss_is_kept_as_it_was_logged_however_large_it_is(ledger: Ledger) -> None:
    logged = [(1, 800.0), (2, 1e300), (3, 0.1 + 0.2), (4, 690.0)]
    ledger.add_log("run", [*logged, (5, math.nan)], LogFacts(((5, math.nan), (6, -math.inf))))
    assert ledger.losses().after(0)[0] == logged
    assert [(step, repr(loss)) for step, loss in ledger.losses().non_finite()] == [(5, "nan"), (6, "-inf")]
    # exp(800) is no number, so there is no row of it.
    assert [row.step for row in due_rows(ledger)] == [3, 4]
    # Looked at once, also where no row came of it.
    assert ledger.losses().after(ledger.losses().in_rows)[0] == []


def test_losses_behind_nan_that_is_forgotten_are_told_once(ledger: Ledger) -> None:
    ledger.add_log("run", [(1, 0.5)], LogFacts(((2, math.nan),)))
    read, place = ledger.losses().after(0)
    ledger.add_log("run", [(2, 0.4), (3, 0.3)], LogFacts())
    more, _ = ledger.losses().after(place)
    assert [*read, *more] == [(1, 0.5), (2, 0.4), (3, 0.3)]
    assert [row.step for row in due_rows(ledger)] == [1, 2, 3]


def test_where_no_tracker_asks_nothing_waits_and_one_that_does_gets_all_of_it_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with closing(Ledger(path)) as ledger:
        commit(ledger, stage(ledger))
        ledger.add_log("run", LOGGED)
        assert (ledger.outbox().empty, ledger.outbox().counts()) == (True, {})
    for _ in range(2):
        with closing(Ledger(path)) as ledger:
            maker = RowMaker(ledger, "run")
            maker.make()
            if ledger.evaluation("second") is None:
                commit(ledger, stage(ledger, 100, "bb"), "second")
            maker.make()
            rows = ledger.outbox().due_rows(100)
            assert [(row.kind, row.step) for row in rows][:2] == [(RowKind.EVAL, 50), (RowKind.EVAL, 100)]
            assert [row.step for row in rows][2:] == [10, 20, 30, 49, 50, 99, 100]
            assert len({row.uid for row in rows}) == len(rows)


def test_what_is_doubted_is_published_nowhere(ledger: Ledger) -> None:
    commit(ledger, stage(ledger))
    due_rows(ledger)
    ledger.outbox().rows_published(["uid"])
    assert [(line.state, line.published) for line in ledger.status()] == [("published", "yes")]
    assert ledger.state_counts() == {State.PUBLISHED: 1}
    ledger.outbox().invalidate()
    assert [(line.state, line.published) for line in ledger.status()] == [("evaluated", "pending")]
    assert ledger.state_counts() == {State.EVALUATED: 1}
    assert (ledger.records(State.PUBLISHED), len(ledger.records(State.EVALUATED))) == ([], 1)
