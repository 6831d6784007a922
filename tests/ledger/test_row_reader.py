"""A line of SQLite becomes a value by the types of its fields."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from watcher.ledger.row_reader import RowReader
from watcher.model import State


@dataclass(frozen=True)
class Line:
    text: str
    flag: bool
    path: Path | None
    state: State | None
    size: int | None
    doubled: int = 0


read = RowReader(Line, doubled=lambda row: 2 * (row["size"] or 0))


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.row_factory = sqlite3.Row
        yield db


def test_each_column_is_what_its_field_is(db: sqlite3.Connection) -> None:
    row = db.execute("SELECT 'a' AS text, 1 AS flag, '/a' AS path, 'staged' AS state, 3 AS size").fetchone()
    line = read(row)
    assert line == Line("a", True, Path("/a"), State.STAGED, 3, 6)
    assert line.flag is True
    assert line.state is State.STAGED


def test_null_is_none_and_of_a_text_the_empty_one(db: sqlite3.Connection) -> None:
    row = db.execute("SELECT NULL AS text, 0 AS flag, NULL AS path, NULL AS state, NULL AS size").fetchone()
    assert read(row) == Line("", False, None, None, None)


def test_a_column_that_is_missing_and_a_word_that_is_unknown_are_errors(db: sqlite3.Connection) -> None:
    with pytest.raises(IndexError):
        read(db.execute("SELECT 'a' AS text").fetchone())
    row = db.execute("SELECT 'a' AS text, 1 AS flag, '/a' AS path, 'gone' AS state, 3 AS size").fetchone()
    with pytest.raises(ValueError, match="gone"):
        read(row)
