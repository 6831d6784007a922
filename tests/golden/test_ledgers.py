"""Ledgers of every schema so far: each opens, is brought into today's form, and tells what it told."""

from __future__ import annotations

import re
import sqlite3
import zlib
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.golden.comparing import ROOT, assert_same, assert_same_json
from tests.golden.subjects import (
    MIGRATIONS,
    NOW,
    SCHEMA_VERSION,
    SUMMARY_VERSION,
    Ledger,
    Target,
    kept_suite,
    load_ledger,
    old_ledger,
)

VERSIONS = range(1, SCHEMA_VERSION + 1)
# The upgrade takes a row that was attempted before for one that was sent at its own moment, which no test can set.
UNKNOWN_UNTIL = 6


def told(ledger: Ledger, version: int) -> dict[str, Any]:
    """Everything that the product reads from a ledger."""
    return {
        "records": ledger.records(),
        "state counts": ledger.state_counts(),
        "newest step": ledger.newest_step(),
        "newest final": ledger.newest_final(),
        "standing": ledger.standing(),
        "early": [record.name for record in ledger.early()],
        "arrivals": ledger.arrivals(),
        "evaluations": [
            asdict(e) | {"samples": [sample.to_dict() for sample in ledger.samples(e.uid)]}
            for e in ledger.evaluations()
        ],
        "exported": ledger.uids(exported=True),
        "of the past": ledger.of_the_past(),
        "occurred": ledger.occurred(),
        "suites": [(*kept[:2], *suite_of(kept[2])) for kept in ledger.suites()],
        "losses": ledger.losses().after(0),
        "loss uids": ledger.losses().uids(),
        "non-finite losses": ledger.losses().non_finite(),
        "log signs": ledger.log_signs(),
        "outboxes": {target.value: outbox(ledger, target, version) for target in Target},
        "alerts": ledger.outbox().due_alerts(),
        "warnings": ledger.episodes().all(),
        "notices": {c: ledger.deliveries().due(c, early=True) for c in ("log", "webhook", "command")},
        "followups": ledger.followups().all(),
        "sightings": ledger.sightings().evaluated(),
        "summaries": list(ledger.summaries().after(0, SUMMARY_VERSION)),
        "status": [status.to_dict() for status in ledger.status()],
        "meta": facts(ledger),
    }


def suite_of(body: str) -> tuple[object, ...]:
    """A kept suite as it is read back; None for the first version's, which had no tokenizer's stamp."""
    suite = kept_suite(body)
    return (None,) if suite is None else (suite.digest, suite)


def outbox(ledger: Ledger, target: Target, version: int) -> dict[str, Any]:
    box = ledger.outbox(target)
    rows = box.due_rows(-1)
    unconfirmed = box.unconfirmed()
    if version < UNKNOWN_UNTIL:
        rows = [replace(row, sent=row.sent and replace(row.sent, first_at=NOW, last_at=NOW)) for row in rows]
        unconfirmed = (unconfirmed[0], unconfirmed[1] and NOW)
    return {
        "due": rows,
        "counts": box.counts(),
        "unconfirmed": unconfirmed,
        "reasons": box.waiting_reasons(),
        "copies": box.copies(),
        "surveyed": box.surveyed,
        "rebuilt": box.rebuilt,
    }


def facts(ledger: Ledger) -> dict[str, str]:
    with ledger.read() as db:
        return {row["key"]: row["value"] for row in db.execute("SELECT key, value FROM meta ORDER BY key")}


def in_words(value: Any) -> Any:
    """The value with what is stored packed as what was packed; the packing itself may differ between machines."""
    if isinstance(value, bytes):
        return zlib.decompress(value).decode(errors="backslashreplace")
    if isinstance(value, dict):
        return {key: in_words(part) for key, part in value.items()}
    return [in_words(part) for part in value] if isinstance(value, list | tuple) else value


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Each version's ledger, brought into today's form."""
    paths = {}
    for version in VERSIONS:
        with closing(load_ledger(version, tmp_path_factory.mktemp(f"version-{version}"))) as ledger:
            paths[version] = ledger.path
    return paths


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_ledger_tells(migrated: dict[int, Path], version: int) -> None:
    with closing(Ledger(migrated[version], read_only=True)) as ledger:
        ledger.require_whole()
        assert_same_json(f"ledgers/version_{version}", in_words(told(ledger, version)))


@pytest.mark.parametrize("version", VERSIONS)
def test_what_its_tables_hold(migrated: dict[int, Path], version: int) -> None:
    with closing(sqlite3.connect(migrated[version])) as db:
        held = {table: lines(db, table, version) for table in columns(db) if table != "seal"}
    assert_same_json(f"ledgers/version_{version}.tables", in_words(held))


def lines(db: sqlite3.Connection, table: str, version: int) -> list[dict[str, Any]]:
    """The lines of a table, by the names of its columns."""
    rows = db.execute(f"SELECT * FROM {table} ORDER BY rowid")
    names = sorted(part[0] for part in rows.description)
    found = [dict(zip((part[0] for part in rows.description), row, strict=True)) for row in rows]
    if table == "outbox" and version < UNKNOWN_UNTIL:
        moment = {"sent_first": NOW, "sent_last": NOW}
        found = [line | (moment if line["sent_first"] is not None else {}) for line in found]
    return [{name: line[name] for name in names} for line in found]


def test_there_is_a_ledger_of_each_version() -> None:
    assert sorted(MIGRATIONS) == list(VERSIONS)[:-1]


def columns(db: sqlite3.Connection) -> dict[str, list[str]]:
    """The columns of each table, in their order."""
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")
    return {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for (name,) in names.fetchall()}


def shape(db: sqlite3.Connection) -> dict[str, Any]:
    """Tables with columns (type, NOT NULL, default, place in the primary key), foreign keys and indexes, which are
    unique, partial, and over which columns; the order of a table's columns does not count."""
    return {
        table: {
            "columns": sorted(tuple(row[1:]) for row in db.execute(f"PRAGMA table_info({table})")),
            "references": sorted(tuple(row[2:]) for row in db.execute(f"PRAGMA foreign_key_list({table})")),
            "indexes": sorted(index_of(db, tuple(row)) for row in db.execute(f"PRAGMA index_list({table})").fetchall()),
        }
        for table in columns(db)
    }


def index_of(db: sqlite3.Connection, row: tuple[Any, ...]) -> tuple[Any, ...]:
    _, name, unique, origin, partial = row
    over = [(part[2], part[3], part[4]) for part in db.execute(f"PRAGMA index_xinfo({name})") if part[5]]
    made = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
    return name, unique, origin, partial, over, made or ""


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    path = tmp_path / "fresh.sqlite3"
    Ledger(path).close()
    return path


def test_the_schema_of_a_fresh_ledger(fresh: Path) -> None:
    with closing(sqlite3.connect(fresh)) as db:
        lines = [row[0] for row in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")]
        version = db.execute("PRAGMA user_version").fetchone()[0]
    assert_same("ledgers/schema.sql", "\n".join((f"PRAGMA user_version = {version};", *(f"{s};" for s in lines), "")))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_migrated_ledger_has_the_schema_of_a_fresh_one(migrated: dict[int, Path], fresh: Path, version: int) -> None:
    with closing(sqlite3.connect(migrated[version])) as old, closing(sqlite3.connect(fresh)) as new:
        assert shape(old) == shape(new)


def test_no_statement_relies_on_the_order_of_columns_that_differs(migrated: dict[int, Path], fresh: Path) -> None:
    """Where a migration adds a column, it is the last one, and a fresh ledger has it elsewhere."""
    with closing(sqlite3.connect(fresh)) as db:
        new = columns(db)
    differing = set()
    for path in migrated.values():
        with closing(sqlite3.connect(path)) as db:
            differing |= {table for table, order in columns(db).items() if order != new[table]}
    source = "\n".join(file.read_text("utf-8") for file in (ROOT / "watcher").rglob("*.py"))
    unnamed = set(re.findall(r"INSERT (?:OR \w+ )?INTO (\w+) (?:VALUES|SELECT)", source))
    assert len(unnamed) > 5
    assert differing == {"checkpoint"}
    assert not differing & unnamed


def test_an_old_ledger_is_not_changed_by_who_only_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    old_ledger(SCHEMA_VERSION, path)
    before = path.read_bytes()
    Ledger(path, read_only=True).close()
    assert path.read_bytes() == before
