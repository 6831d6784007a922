"""Ledgers of earlier versions, and damaged ones."""

from __future__ import annotations

import json
import math
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import scorers
from tests.ledger.test_ledger import found, stage
from tests.support.ledgers import due_evaluations
from watcher.alerts.stored import summary_of
from watcher.evaluation.evaluate import TableLimits
from watcher.ledger.export import Exporter
from watcher.ledger.ledger import Evaluation, Ledger
from watcher.ledger.rebuild import open_ledger
from watcher.ledger.rows import MIGRATIONS, SCHEMA_VERSION
from watcher.ledger.samples import StoredSample
from watcher.ledger.seal import committed_frames
from watcher.ledger.state_dir import StateDir
from watcher.ledger.state_home import owner_of
from watcher.model import JsonScalar, Reason, Row, RowKind, Staged, State, Table, UimonError, row_uid

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
        assert [(r.step, r.published) for r in ledger.status()] == [(50, "yes"), (60, "unconfirmed")]
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
        open_ledger(state, RUN, LIMITS, print)
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.sqlite3"]


RUN = "run"
COMPLETION = "<p>x"
DONE = ((50, "aa"), (100, "bb"))


def uid_of(step: int, digest: str, run: str = RUN) -> str:
    return row_uid(RowKind.EVAL, run, step, digest, "suite")


UIDS = [uid_of(step, digest) for step, digest in DONE]


def evaluate(ledger: Ledger, step: int, digest: str, run: str = RUN) -> None:
    record = ledger.begin(stage(ledger, step, digest, written=step))
    assert record is not None
    uid = uid_of(step, digest, run)
    sample = StoredSample({
        "prompt_id": "1", "prompt": "a page", "completion": COMPLETION, "finish_reason": "stop", "score": SCORE,
    })  # fmt: skip
    evaluation = Evaluation(uid, step, "suite", {"eval/perplexity": 3.0}, (sample,), float(step), record.name, digest)
    values: dict[str, JsonScalar] = {"eval/uid": uid, "train/global_step": step}
    ledger.evaluated(record, evaluation, Row(uid, RowKind.EVAL, step, values), summary_of(evaluation))


def filled(state: StateDir, run: str = RUN) -> None:
    """A ledger with two evaluations, both of them exported."""
    ledger = Ledger(state.ledger)
    ledger.remember("run", run)
    for step, digest in DONE:
        evaluate(ledger, step, digest, run)
    Exporter(ledger, state).export()
    ledger.close()


def facts(ledger: Ledger) -> list[tuple[int, str, dict[str, float | None], int]]:
    """(step, digest, metrics, number of samples) of every evaluation, and nothing of it doubled."""
    assert len({record.step for record in ledger.records()}) == len(ledger.records())
    return [(e.step, e.digest, dict(e.metrics), len(ledger.samples(e.uid))) for e in ledger.evaluations()]


WHOLE = [(step, digest, {"eval/perplexity": 3.0}, 1) for step, digest in DONE]


@pytest.mark.parametrize("damage", ["header", "page", "emptied page"])
def test_a_damaged_ledger_is_set_aside_and_made_anew_from_the_json_lines(tmp_path: Path, damage: str) -> None:
    state = StateDir(tmp_path)
    filled(state)
    data = bytearray(state.ledger.read_bytes())
    start, size = {"header": (0, 100), "page": (4096, 4096), "emptied page": (2 * 4096, 4096)}[damage]
    data[start : start + size] = (b"\0" if damage == "emptied page" else b"\x5a") * size
    state.ledger.write_bytes(data)
    said: list[str] = []
    ledger = open_ledger(state, RUN, LIMITS, said.append)
    assert "it keeps 2 evaluations" in said[0]
    assert len(list(tmp_path.glob("ledger.sqlite3.damaged-*"))) == 1
    assert next(tmp_path.glob("ledger.sqlite3.damaged-*")).name in said[0]
    assert [(r.name, r.step, r.digest, r.state) for r in ledger.records()] == [
        ("checkpoint-50", 50, "aa", State.EVALUATED),
        ("checkpoint-100", 100, "bb", State.EVALUATED),
    ]
    rows = ledger.outbox().due_rows(9)
    assert [(row.uid, row.values["eval/perplexity"]) for row in rows] == [(uid, 3.0) for uid in UIDS]
    assert rows[0].table is not None
    assert rows[0].table.rows[0][2] == "a page"
    # What W&B has is found before anything is sent, and what it does not show yet is waited for.
    assert ledger.outbox().surveyed is False
    assert all(row.sent is not None for row in rows)
    # Nothing is exported a second time, and a checkpoint that is still there is known by its weights.
    assert Exporter(ledger, state).export() == 0
    again = ledger.observe(found(50, written=50), "run")
    assert again is not None
    assert ledger.staged(again, Staged(Path("/stage/50-00000000"), "aa")) is None
    final = ledger.observe(found(100, written=100, max_steps=100), "run")
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
        open_ledger(state, RUN, LIMITS, print)
    other.close()
    assert caught.value.reason is Reason.STATE_DIR_UNUSABLE
    assert not list(tmp_path.glob("*damaged*"))


@pytest.mark.parametrize("what", ["missing", "empty", "other database"])
def test_a_lost_ledger_is_made_anew_from_the_json_lines(tmp_path: Path, what: str) -> None:
    state = StateDir(tmp_path)
    filled(state)
    state.ledger.unlink()
    if what == "empty":
        state.ledger.touch()
    if what == "other database":
        with closing(sqlite3.connect(state.ledger)) as db:
            db.execute("CREATE TABLE theirs (a)")
    said: list[str] = []
    with closing(open_ledger(state, RUN, LIMITS, said.append)) as ledger:
        assert facts(ledger) == WHOLE
        assert [row.uid for row in ledger.outbox().due_rows(9)] == UIDS
        assert ledger.outbox().surveyed is False
    assert "it keeps 2 evaluations" in said[0]
    assert len(said) == 1
    with closing(open_ledger(state, RUN, LIMITS, said.append)) as ledger:
        assert facts(ledger) == WHOLE
    assert len(said) == 1


def test_without_json_lines_there_is_nothing_to_make_it_of(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.ledger.touch()
    with closing(open_ledger(state, RUN, LIMITS, pytest.fail)) as ledger:
        assert facts(ledger) == []


def test_a_directory_in_the_ledgers_place_is_refused(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.ledger.mkdir()
    with pytest.raises(UimonError, match="is not a file; move it away") as caught:
        open_ledger(state, RUN, LIMITS, pytest.fail)
    assert caught.value.reason is Reason.STATE_DIR_UNUSABLE


def test_json_lines_of_another_run_are_never_taken_for_this_ones(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    filled(state, "theirs")
    state.ledger.unlink()
    with pytest.raises(UimonError, match="belongs to another run than run") as caught:
        open_ledger(state, RUN, LIMITS, pytest.fail)
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_an_older_ledger_put_back_takes_what_it_lacks_and_asks_before_it_sends(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    with closing(Ledger(state.ledger)) as ledger:
        ledger.remember("run", RUN)
        evaluate(ledger, *DONE[0])
        Exporter(ledger, state).export()
        stage(ledger, 100, "bb", written=100)
        ledger.outbox().found_by_survey([])
    older = state.ledger.read_bytes()
    with closing(Ledger(state.ledger)) as ledger:
        evaluate(ledger, *DONE[1])
        Exporter(ledger, state).export()
    state.ledger.write_bytes(older)
    said: list[str] = []
    with closing(open_ledger(state, RUN, LIMITS, said.append)) as ledger:
        assert facts(ledger) == WHOLE
        assert [r.state for r in ledger.records()] == [State.EVALUATED, State.EVALUATED]
        assert ledger.outbox().surveyed is False
    assert "uimon took 1 evaluations" in said[0]


@pytest.mark.parametrize("place", ["header", "salt", "frame", "last frame's salt", "gone"])
def test_changes_that_are_lost_with_the_journal_are_noticed(tmp_path: Path, place: str) -> None:
    state, copy = StateDir(tmp_path / "a"), StateDir(tmp_path / "b")
    state.root.mkdir()
    copy.root.mkdir()
    with closing(Ledger(state.ledger)) as ledger:
        ledger.remember("run", RUN)
        ledger.outbox().found_by_survey([])
        evaluate(ledger, *DONE[0])
        Exporter(ledger, state).export()
        # As a crash leaves it: what is open is copied, its journal included.
        for file in state.root.iterdir():
            shutil.copyfile(file, copy.root / file.name)
    journal = copy.ledger.with_name("ledger.sqlite3-wal")
    data = bytearray(journal.read_bytes())
    # What lies behind is from before the journal was begun anew.
    last = 32 + ((committed_frames(copy.ledger) or 0) - 1) * (24 + 4096)
    if place == "gone":
        journal.unlink()
    else:
        data[{"header": 5, "salt": 17, "frame": last + 2000, "last frame's salt": last + 9}[place]] ^= 0x10
        journal.write_bytes(data)
    said: list[str] = []
    with closing(open_ledger(copy, RUN, LIMITS, said.append)) as ledger:
        assert facts(ledger) == WHOLE[:1]
        assert ledger.outbox().surveyed is False
    assert said


def test_a_crash_is_no_damage(tmp_path: Path) -> None:
    state, copy = StateDir(tmp_path / "a"), StateDir(tmp_path / "b")
    state.root.mkdir()
    copy.root.mkdir()
    with closing(Ledger(state.ledger)) as ledger:
        ledger.remember("run", RUN)
        for step in range(10, 400, 10):
            evaluate(ledger, step, f"d{step}")
            Exporter(ledger, state).export()
        ledger.outbox().found_by_survey([])
        for file in state.root.iterdir():
            shutil.copyfile(file, copy.root / file.name)
    with closing(open_ledger(copy, RUN, LIMITS, pytest.fail)) as ledger:
        assert len(facts(ledger)) == 39
        assert ledger.outbox().surveyed


def cut(lines: list[str]) -> list[str]:
    return [lines[0], lines[1][: len(lines[1]) // 2]]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda lines: [lines[0].replace("3.0", "3.1"), lines[1]],
            "1 lines that cannot be read, 1 lines that",
        ),
        (cut, "1 lines that cannot be read, 1 lines that are missing"),
        (lambda lines: [*lines, lines[0]], "1 lines that are there twice"),
        (lambda lines: lines[1:], "1 lines that are missing"),
        (lambda _: [], "2 lines that are missing"),
    ],
)
def test_json_lines_that_are_not_what_the_ledger_has_are_written_anew(
    tmp_path: Path, spoil: Callable[[list[str]], list[str]], said: str
) -> None:
    state = StateDir(tmp_path)
    filled(state)
    whole = state.evaluations.read_text()
    spoiled = spoil(whole.splitlines())
    state.evaluations.write_text("".join(f"{line}\n" for line in spoiled))
    heard: list[str] = []
    with closing(open_ledger(state, RUN, LIMITS, heard.append)) as ledger:
        assert facts(ledger) == WHOLE
    assert said in heard[0]
    assert state.evaluations.read_text() == whole
    assert len(list(tmp_path.glob("evaluations.jsonl.damaged-*"))) == 1


@pytest.mark.parametrize(
    "changed",
    [
        *({"step": step} for step in (math.inf, 2**70, -5, True)),
        *({"at": at} for at in (math.nan, 10**400, "soon", None)),
        *(
            {"metrics": metrics}
            for metrics in ({"a": math.inf}, {"a": 10**400}, {"a": "1"}, {"a\ud800": 1}, [["a", 1]])
        ),
        *({"name": name} for name in ("\ud800", "a\0b", None)),
    ],
)
@pytest.mark.parametrize("lost", [False, True])
def test_a_line_without_a_sum_that_no_ledger_can_hold_is_damage(
    tmp_path: Path, changed: dict[str, Any], lost: bool
) -> None:
    state = StateDir(tmp_path)
    filled(state)
    line: dict[str, Any] = {
        "suite": "suite",
        "name": "checkpoint-9",
        "digest": "cc",
        "metrics": {},
        "at": 1.0,
        "step": 9,
    } | changed
    line["uid"] = row_uid(RowKind.EVAL, RUN, line["step"], "cc", "suite")
    with state.evaluations.open("a") as file:
        file.write(f"{json.dumps(line)}\n{'[' * 100_000}\n")
    if lost:
        state.ledger.unlink()
    said: list[str] = []
    with closing(open_ledger(state, RUN, LIMITS, said.append)) as ledger:
        assert facts(ledger) == WHOLE
    assert "2 lines that cannot be read" in said[-1]


def test_samples_that_are_gone_are_written_anew(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    filled(state)
    whole = state.samples.read_text()
    state.samples.write_text(whole[:100])
    with closing(open_ledger(state, RUN, LIMITS, lambda _: None)):
        assert state.samples.read_text() == whole


def test_where_both_are_damaged_what_is_lost_is_said(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    filled(state)
    lines = state.evaluations.read_text().splitlines()
    broken = json.loads(lines[0])
    del broken["digest"]
    state.evaluations.write_text(json.dumps(broken) + '\n{"uid": \n' + lines[1] + "\n" + lines[1] + "\n")
    state.ledger.write_bytes(b"not a database, whatever it was before" * 200)
    said: list[str] = []
    with closing(open_ledger(state, RUN, LIMITS, said.append)) as ledger:
        assert facts(ledger) == WHOLE[1:]
    assert "2 lines of that file cannot be read, and what they held is lost" in said[0]


def test_a_sample_with_a_changed_byte_is_not_taken_back(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    filled(state)
    state.samples.write_text(state.samples.read_text().replace("<p>x", "<p>y", 1))
    state.ledger.unlink()
    with closing(open_ledger(state, RUN, LIMITS, lambda _: None)) as ledger:
        assert [count for *_, count in facts(ledger)] == [0, 1]


def test_a_schema_that_is_no_text_is_damage(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    filled(state)
    data = state.ledger.read_bytes()
    assert data.count(b"CREATE TABLE meta") == 1
    state.ledger.write_bytes(data.replace(b"CREATE TABLE meta", b"CR\xe9ATE TABLE meta"[:17]))
    assert owner_of(state) is None
    with closing(open_ledger(state, RUN, LIMITS, lambda _: None)) as ledger:
        assert facts(ledger) == WHOLE


@pytest.mark.parametrize("bit", [0, 2, 3, 30])
def test_a_version_with_a_changed_bit_is_damage_and_no_later_ones(tmp_path: Path, bit: int) -> None:
    state = StateDir(tmp_path)
    filled(state)
    with closing(sqlite3.connect(state.ledger)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION ^ 1 << bit}")
    said: list[str] = []
    with closing(open_ledger(state, RUN, LIMITS, said.append)) as ledger:
        assert facts(ledger) == WHOLE
    assert said


FLIPS = 200


@pytest.mark.parametrize("chance", [0, *(pytest.param(n, marks=pytest.mark.soak) for n in (1, 2, 3))])
def test_a_byte_that_changes_anywhere_costs_nothing(tmp_path: Path, chance: int) -> None:
    state = StateDir(tmp_path)
    filled(state)
    files = (state.ledger, state.evaluations)
    whole = {file: file.read_bytes() for file in (*files, state.samples)}
    dice = random.Random(chance)
    noticed = 0
    for _ in range(FLIPS):
        for file, data in whole.items():
            file.write_bytes(data)
        hit = dice.choice(files)
        changed = bytearray(whole[hit])
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        hit.write_bytes(changed)
        said: list[str] = []
        with closing(open_ledger(state, RUN, LIMITS, said.append)) as ledger:
            assert facts(ledger) == WHOLE
            assert [row.uid for row in due_evaluations(ledger)] == UIDS
        noticed += bool(said)
        for left in tmp_path.glob("*.damaged-*"):
            left.unlink()
    assert noticed > FLIPS / 5


def schema_of(path: Path) -> set[tuple[str, str]]:
    """Each table and index with its columns, by name; a column that came later is at another place."""
    with closing(sqlite3.connect(path)) as db:
        names = db.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite%'").fetchall()
        return {
            (name, str(sorted(tuple(row[1:]) for row in db.execute(f"PRAGMA table_info({name})"))))
            if kind == "table"
            else (name, str([row[2] for row in db.execute(f"PRAGMA index_info({name})")]))
            for kind, name in names
        }


def test_a_ledger_of_an_earlier_version_gets_the_schema_of_a_new_one(tmp_path: Path) -> None:
    old, new = tmp_path / "old.sqlite3", tmp_path / "new.sqlite3"
    with closing(sqlite3.connect(old)) as db:
        db.executescript(VERSION_1)
    for path in (old, new):
        Ledger(path).close()
    assert schema_of(old) == schema_of(new)


def test_a_ledger_of_version_5_keeps_its_samples_and_is_sealed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="uimon")
    path = tmp_path / "ledger.sqlite3"
    samples = [{"prompt": f"p{i}", "completion": "ü" * 500 * i} for i in range(12)]
    table = {"columns": ["a"], "rows": [["b"]]}
    with closing(sqlite3.connect(path)) as db:
        db.executescript(VERSION_1)
        for version in range(1, 5):
            db.executescript(MIGRATIONS[version])
        # Not in the order of their places, and one uid beside the other.
        for uid in ("a", "b"):
            lines = [(uid, place, json.dumps(sample)) for place, sample in enumerate(samples)]
            db.executemany("INSERT INTO sample VALUES (?, ?, ?)", reversed(lines))
        db.execute("UPDATE row SET body = ?", (json.dumps({"values": {"x": 1}, "table": table}),))
        db.execute("PRAGMA user_version = 5")
        db.commit()
    with closing(Ledger(path)) as ledger:
        ledger.require_whole()
        assert [[sample.to_dict() for sample in ledger.samples(uid)] for uid in ("a", "b")] == [samples, samples]
        assert [row.table for row in ledger.outbox().due_rows(9)] == [Table(("a",), (("b",),))]
    assert f"Upgrading {path} to this version's schema" in caplog.text
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA freelist_count").fetchone() == (0,), "what is not needed is given back"
        db.execute("UPDATE evaluation SET at = 2.0")
        db.commit()
    with closing(Ledger(path)) as ledger, pytest.raises(UimonError, match="table evaluation") as caught:
        ledger.require_whole()
    assert caught.value.reason is Reason.LEDGER_DAMAGED


@pytest.mark.soak
def test_a_byte_that_changes_in_the_journal_of_a_crash_costs_nothing(tmp_path: Path) -> None:
    state, copy = StateDir(tmp_path / "a"), StateDir(tmp_path / "b")
    state.root.mkdir()
    with closing(Ledger(state.ledger)) as ledger:
        ledger.remember("run", RUN)
        ledger.outbox().found_by_survey([])
        for step, digest in DONE:
            evaluate(ledger, step, digest)
        Exporter(ledger, state).export()
        left = {file.name: file.read_bytes() for file in state.root.iterdir()}
    dice = random.Random(0)
    for _ in range(FLIPS):
        shutil.rmtree(copy.root, ignore_errors=True)
        copy.root.mkdir()
        for name, data in left.items():
            (copy.root / name).write_bytes(data)
        hit = copy.root / dice.choice(("ledger.sqlite3-wal", "ledger.sqlite3-wal", "ledger.sqlite3-shm"))
        changed = bytearray(left[hit.name])
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        hit.write_bytes(changed)
        said: list[str] = []
        with closing(open_ledger(copy, RUN, LIMITS, said.append)) as ledger:
            found = [(e.step, e.digest, dict(e.metrics), len(ledger.samples(e.uid))) for e in ledger.evaluations()]
            assert found == WHOLE
            assert [row.uid for row in due_evaluations(ledger)] == UIDS
            # Whatever is lost may be that a row was sent.
            assert ledger.outbox().surveyed is not bool(said)
