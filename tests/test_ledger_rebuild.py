"""Ledgers of earlier versions, and damaged ones."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

import scorers
from tests.test_ledger import found, stage
from watcher.evaluation import TableLimits
from watcher.export import Exporter
from watcher.ledger import Evaluation, Ledger
from watcher.ledger_rebuild import open_ledger
from watcher.model import JsonScalar, Reason, Row, RowKind, Staged, State, UimonError
from watcher.statedir import StateDir

LIMITS = TableLimits(8, 1_000_000)
SCORE = scorers.score_sample(scorers.Completion('<p class="p-4">x')).to_dict()
VERSION_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE suite (request TEXT PRIMARY KEY, digest TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, step INTEGER NOT NULL, stamp TEXT NOT NULL, path TEXT NOT NULL,
    kind TEXT NOT NULL, base TEXT, final INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT,
    detail TEXT NOT NULL DEFAULT '', digest TEXT, stage TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    seen_at REAL NOT NULL, changed_at REAL NOT NULL);
CREATE INDEX checkpoint_name ON checkpoint (name, id);
CREATE INDEX checkpoint_state ON checkpoint (state, step);
CREATE TABLE evaluation (
    uid TEXT PRIMARY KEY, checkpoint INTEGER NOT NULL REFERENCES checkpoint (id), suite TEXT NOT NULL,
    metrics TEXT NOT NULL, at REAL NOT NULL, exported INTEGER NOT NULL DEFAULT 0);
CREATE TABLE sample (uid TEXT NOT NULL, position INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (uid, position));
CREATE TABLE outbox (
    uid TEXT PRIMARY KEY, kind TEXT NOT NULL, step INTEGER NOT NULL, body TEXT NOT NULL, mark INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, published_at REAL, created_at REAL NOT NULL);
CREATE INDEX outbox_due ON outbox (published_at, kind, step);
INSERT INTO checkpoint VALUES
    (1, 'checkpoint-50', 50, 's', '/c', 'full', NULL, 0, 'published', NULL, '', 'aa', NULL, 1, 1.0, 1.0),
    (2, 'checkpoint-60', 60, 's', '/c', 'full', NULL, 0, 'evaluated', NULL, '', 'bb', NULL, 1, 1.0, 1.0);
INSERT INTO evaluation VALUES ('a', 1, 's', '{}', 1.0, 1), ('b', 2, 's', '{}', 1.0, 1);
INSERT INTO outbox VALUES
    ('a', 'eval', 50, '{"values": {}, "table": null}', 7, 1, NULL, 2.0, 1.0),
    ('b', 'eval', 60, '{"values": {"x": 1}, "table": null}', 9, 3, 'trainer_not_shared', NULL, 1.0);
PRAGMA user_version = 1;
"""


def test_a_ledger_of_version_1_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with sqlite3.connect(path) as old:
        old.executescript(VERSION_1)
    old.close()
    for _ in range(2):
        ledger = Ledger(path)
        assert [(r["step"], r["published"]) for r in ledger.status()] == [(50, "yes"), (60, "unconfirmed")]
        (row,) = ledger.outbox().due_rows(9)
        assert (row.uid, row.mark, row.attempts, row.values) == ("b", 9, 3, {"x": 1})
        assert ledger.outbox().surveyed
        assert ledger.outbox().due_alerts() == []
        assert (ledger.records()[0].asked, ledger.early()) == (False, [])
        ledger.close()


def test_a_ledger_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    with sqlite3.connect(state.ledger) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(UimonError, match="ledger version 99") as caught:
        open_ledger(state, LIMITS, print)
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.sqlite3"]


def filled(state: StateDir) -> None:
    """A ledger with two evaluations, one of them exported, and a checkpoint that waits."""
    ledger = Ledger(state.ledger)
    for step, digest in ((50, "aa"), (100, "bb")):
        record = ledger.begin(stage(ledger, step, digest, written=step))
        assert record is not None
        sample = {"prompt": "a page", "completion": "<p>x", "finish_reason": "stop", "score": SCORE}
        evaluation = Evaluation(f"uid-{step}", step, "suite", {"eval/perplexity": 3.0}, (sample,), 9.0)
        values: dict[str, JsonScalar] = {"eval/uid": f"uid-{step}", "train/global_step": step}
        ledger.evaluated(record, evaluation, Row(f"uid-{step}", RowKind.EVAL, step, values))
    Exporter(ledger, state).export()
    ledger.close()


@pytest.mark.parametrize("damage", ["header", "page", "emptied page"])
def test_a_damaged_ledger_is_set_aside_and_made_anew_from_the_json_lines(tmp_path: Path, damage: str) -> None:
    state = StateDir(tmp_path)
    filled(state)
    data = bytearray(state.ledger.read_bytes())
    start, size = {"header": (0, 100), "page": (4096, 4096), "emptied page": (2 * 4096, 4096)}[damage]
    data[start : start + size] = (b"\0" if damage == "emptied page" else b"\x5a") * size
    state.ledger.write_bytes(data)
    said: list[str] = []
    ledger = open_ledger(state, LIMITS, said.append)
    assert "2 evaluations are kept" in said[0]
    assert len(list(tmp_path.glob("ledger.sqlite3.damaged-*"))) == 1
    assert [(r.name, r.step, r.digest, r.state) for r in ledger.records()] == [
        ("checkpoint-50", 50, "aa", State.EVALUATED),
        ("checkpoint-100", 100, "bb", State.EVALUATED),
    ]
    rows = ledger.outbox().due_rows(9)
    assert [(row.uid, row.values["eval/perplexity"]) for row in rows] == [("uid-50", 3.0), ("uid-100", 3.0)]
    assert rows[0].table is not None
    assert rows[0].table.rows[0][2] == "a page"
    # What W&B has is found before anything is sent, and what it does not show yet is waited for.
    assert ledger.outbox().surveyed is False
    assert all(row.sent is not None for row in rows)
    # Nothing is exported a second time, and a checkpoint that is still there is known by its weights.
    assert Exporter(ledger, state).export() == 0
    again = ledger.sight(found(50, written=50), "run")
    assert again is not None
    assert ledger.staged(again, Staged(Path("/stage/50-00000000"), "aa")) is None
    final = ledger.sight(found(100, written=100, max_steps=100), "run")
    assert final is not None
    assert ledger.staged(final, Staged(Path("/stage/100-00000000"), "bb")) is None
    assert [(r.step, r.final) for r in ledger.records()] == [(50, False), (100, True)]
    assert not state.ledger.with_name("ledger.sqlite3.rebuilding").exists()
    ledger.close()


def test_a_ledger_that_is_only_locked_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = StateDir(tmp_path)
    filled(state)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **{**k, "timeout": 0.1}))
    other = connect(state.ledger, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UimonError, match="check who else uses it") as caught:
        open_ledger(state, LIMITS, print)
    other.close()
    assert caught.value.reason is Reason.STATE_DIR_UNUSABLE
    assert not list(tmp_path.glob("*damaged*"))


def test_lines_that_cannot_be_read_cost_themselves_only(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    filled(state)
    lines = state.evaluations.read_text().splitlines()
    broken = json.loads(lines[0])
    del broken["digest"]
    state.evaluations.write_text(json.dumps(broken) + '\n{"uid": \n' + lines[1] + "\n")
    state.ledger.write_bytes(b"not a database, whatever it was before" * 200)
    ledger = open_ledger(state, LIMITS, lambda _: None)
    assert [r.step for r in ledger.records()] == [100]
    ledger.close()
