"""Whether a ledger still holds what was written into it, which SQLite's own check does not tell: a byte that has
changed within a value leaves a file that is whole by its rules.

Each table has a seal: the sum of the checksums (CRC-32) of its rows. Triggers of the connection carry it along with
each change, in the same transaction, so that the sum over what is read back is another one where a value has changed,
a row is gone, or one has come without a transaction. A single changed byte is always found: it changes the checksum of
one row, or the structure that `integrity_check` compares with the indexes.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

SEAL: Final = "CREATE TABLE seal (name TEXT PRIMARY KEY, total INTEGER NOT NULL);"
_SCHEMA: Final = "sqlite_master"
_VERSION: Final = "user_version"
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_PAGE: Final = 4096


def seal_all(db: sqlite3.Connection) -> None:
    """Seal what is there, within the transaction that has made the schema what it is."""
    totals = [(table, _total(db, table)) for table in (*_tables(db), _SCHEMA)]
    totals.append((_VERSION, _version(db)))
    db.execute("DELETE FROM seal")
    db.executemany("INSERT INTO seal VALUES (?, ?)", totals)


def has_other_version(db: sqlite3.Connection) -> bool:
    """True where the file was sealed with another version of the ledger than it says it has: one changed bit would make
    it a later uimon's.
    """
    try:
        sealed = db.execute("SELECT total FROM seal WHERE name = ?", (_VERSION,)).fetchone()
    except sqlite3.OperationalError:
        return False  # not uimon's seal, if there is one
    return sealed is not None and sealed[0] != _version(db)


def keep_sealed(db: sqlite3.Connection) -> None:
    """Whatever this connection changes, its tables' seals go with it."""
    db.create_function("line_sum", -1, _line_sum, deterministic=True)
    # The triggers are the connection's own, and a container may have no place for temporary files.
    db.execute("PRAGMA temp_store = MEMORY")
    # Else a row that INSERT OR REPLACE takes away would leave no trace.
    db.execute("PRAGMA recursive_triggers = ON")
    for table in _tables(db):
        new, old = (f"line_sum({_columns(db, table, prefix)})" for prefix in ("NEW.", "OLD."))
        for event, change in (("INSERT", f"+ {new}"), ("DELETE", f"- {old}"), ("UPDATE", f"- {old} + {new}")):
            db.execute(
                f"CREATE TEMP TRIGGER seal_{table}_{event} AFTER {event} ON main.{table} "
                f"BEGIN UPDATE seal SET total = total {change} WHERE name = '{table}'; END"
            )


def require_whole(db: sqlite3.Connection, *, but: Collection[str] = ()) -> None:
    """Raises sqlite3.DatabaseError where the file does not hold what was written into it. With tables that are left out
    (`but`) only the values of the others are looked at.
    """
    try:
        db.execute("BEGIN")
        said = "ok" if but else db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if said != "ok":
            raise sqlite3.DatabaseError(said)
        if has_other_version(db):
            raise sqlite3.DatabaseError("its version is not the one that was written")
        seals = dict(map(tuple, db.execute("SELECT name, total FROM seal")))
        for table in (*_tables(db), _SCHEMA):
            if table not in but and seals.get(table) != _total(db, table):
                raise sqlite3.DatabaseError(f"what its table {table} holds is not what was written")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def committed_frames(ledger: Path) -> int | None:
    """How many pages of changes the journal beside `ledger` holds up to the last whole transaction, by its own marks;
    None where it cannot be told any more. SQLite itself passes over everything behind the first damaged page in
    silence, so that fewer on opening means that changes are lost.
    """
    journal = ledger.with_name(f"{ledger.name}-wal")
    try:
        with journal.open("rb") as file:
            header, size = file.read(_WAL_HEADER), journal.stat().st_size
            step = _FRAME_HEADER + _page_size(ledger)
            count = 0
            for number in range((size - _WAL_HEADER) // step):
                file.seek(_WAL_HEADER + number * step)
                frame = file.read(_FRAME_HEADER)
                same = (frame[8:12] == header[16:20], frame[12:16] == header[20:24])
                # Pages from before the journal was begun anew share no mark with it.
                if any(same) and not all(same):
                    return None
                if all(same) and any(frame[4:8]):
                    count = number + 1
            return count
    except FileNotFoundError:
        # The two files come and go together, but for somebody who takes one away.
        return None if ledger.with_name(f"{ledger.name}-shm").exists() else 0


def _page_size(ledger: Path) -> int:
    try:
        with ledger.open("rb") as file:
            size = int.from_bytes(file.read(18)[16:18], "big")
    except OSError:
        return _PAGE
    return 65536 if size == 1 else size if size >= 512 else _PAGE


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _tables(db: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name != 'seal'"
    return [row[0] for row in db.execute(query).fetchall()]


def _columns(db: sqlite3.Connection, table: str, prefix: str = "") -> str:
    return ", ".join(f"{prefix}{row[1]}" for row in db.execute(f"PRAGMA main.table_info({table})"))


def _total(db: sqlite3.Connection, table: str) -> int:
    columns = "name, sql" if table == _SCHEMA else _columns(db, table)
    return sum(_sums(db.execute(f"SELECT {columns} FROM main.{table}")))


def _sums(rows: sqlite3.Cursor) -> Iterator[int]:
    rows.row_factory = None
    return (_line_sum(*row) for row in rows)


def _line_sum(*values: str | bytes | float | None) -> int:
    """The checksum of one row, over the types of its values, too. `ascii` writes them alike in every Python.

    >>> len({_line_sum(1), _line_sum(1.0), _line_sum("1"), _line_sum(b"1"), _line_sum(None), _line_sum("", "1")})
    6
    """
    # What is packed would be four times its size in words.
    lean = [("packed", zlib.crc32(value)) if type(value) is bytes else value for value in values]
    return zlib.crc32(ascii(lean).encode())
