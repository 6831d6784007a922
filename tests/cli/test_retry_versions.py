"""`uimon retry` beside a watcher of another version leaves the ledger to it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from watcher.cli.retry import run_retry
from watcher.ledger.rows import SCHEMA_VERSION
from watcher.ledger.state_dir import Lease, StateDir
from watcher.model import Reason, UimonError

SOURCE = Path(__file__).parents[1] / "ledger" / "version_6.sql"


def leave(state: StateDir) -> None:
    state.create()
    db = sqlite3.connect(state.ledger)
    db.executescript(SOURCE.read_text())
    db.close()


def version(state: StateDir) -> int:
    db = sqlite3.connect(state.ledger)
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    db.close()
    return found


def test_beside_a_watcher_of_an_earlier_version_nothing_is_changed(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    leave(state)
    lease = Lease(state)
    with pytest.raises(UimonError, match="another version of uimon") as caught:
        run_retry("all", None, tmp_path)
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert version(state) == 6
    lease.release()


def test_with_no_watcher_the_ledger_is_taken_over(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    leave(state)
    assert run_retry("310", None, tmp_path) == 0
    assert version(state) == SCHEMA_VERSION
