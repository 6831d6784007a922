"""The ledger's SQLite file: opening it, its schema and version, transactions. What is in it is the ledger's matter."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

from watcher.ledger.rows import MIGRATIONS, SCHEMA, SCHEMA_VERSION, PackedList, loss_in, packed
from watcher.ledger.seal import committed_frames, has_other_version, keep_sealed, require_whole, seal_all
from watcher.model import Reason, UimonError

log = logging.getLogger("uimon")

# What is no fault of the file. Names of columns, or text, that are not what they were have other codes, or none.
_OTHERS: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
    }
)


FAILURES: Final = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite's failures arrive as: where one quotes a damaged schema, Python cannot read its words."""
_LARGE: Final = frozenset({"answers", "row", "outbox"})
"""The tables that hold nearly all bytes, or nearly all lines."""


class LedgerFile:
    """One open file. Safe to use from several threads."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time, *, read_only: bool = False) -> None:
        """Open or create the file. Raises UimonError(LEDGER_DAMAGED, DISK_FULL, STATE_DIR_UNUSABLE) with a sentence.

        `behind` is true where its journal is damaged or gone, so that it lacks what was committed last.
        """
        self.path = path
        self.read_only = read_only
        self._clock = clock
        self._lock = _Access(path)
        self.behind = False
        with _explained(path):
            target = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
            self._db = sqlite3.connect(target, uri=True, check_same_thread=False, isolation_level=None, timeout=30)
            self._db.row_factory = sqlite3.Row
            # SQLite's own 2 MB would be most of what uimon grows by in a long run; the system caches the file anyway.
            self._db.execute("PRAGMA cache_size = -256")
            try:
                if read_only:
                    self._require_version()
                else:
                    frames = committed_frames(path)
                    self._db.execute("PRAGMA journal_mode = WAL")
                    # An older version's journal is empty once it is brought into this version's form.
                    found = self._frames()
                    self._prepare()
                    self.behind = frames is None or found < frames
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._lock:
            self._db.close()

    def require_whole(self) -> None:
        """Raises UimonError(LEDGER_DAMAGED) where the file does not hold what was written into it; reads all of it,
        which takes a second for a gigabyte.
        """
        with self._lock:
            require_whole(self._db)

    def require_figures_whole(self) -> None:
        """The same for what people are shown of checkpoints and evaluations, in a tenth of the time."""
        with self._lock:
            require_whole(self._db, but=_LARGE)

    def remember(self, key: str, value: str) -> None:
        """Keep a small fact under a name."""
        with self.change() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def recall(self, key: str) -> str | None:
        """A small fact kept earlier."""
        with self._lock:
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row["value"])

    @property
    def changes(self) -> tuple[int, int]:
        """Another pair than before where this process, or any other one, may have changed something since."""
        with self._lock:
            return self._db.total_changes, int(self._db.execute("PRAGMA data_version").fetchone()[0])

    # Inside.

    def _require_version(self) -> None:
        """A ledger that is only read cannot be brought up to date."""
        if self._version() == 0:
            raise UimonError(Reason.LEDGER_DAMAGED, f"{self.path} is still being made; try again in a moment.")
        self._require_no_later()
        if self._version() != SCHEMA_VERSION:
            sentence = f"{self.path} was written by another version of uimon; `uimon watch` of this one upgrades it."
            raise UimonError(Reason.CONFIG_INVALID, sentence)

    def _require_no_later(self) -> None:
        """Nothing is known of what later versions make of a ledger."""
        if (version := self._version()) > SCHEMA_VERSION:
            if has_other_version(self._db):
                raise sqlite3.DatabaseError(f"it says that it has version {version}, which was not written")
            raise UimonError(
                Reason.CONFIG_INVALID,
                f"{self.path} has ledger version {version}, and this uimon reads {SCHEMA_VERSION}; use the uimon that "
                "wrote it, or another --state-dir.",
            )

    def _prepare(self) -> None:
        self._db.execute("PRAGMA synchronous = FULL")
        version = self._version()
        if version == 0:
            if self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise sqlite3.DatabaseError("it is not a ledger of uimon")
            self._run(SCHEMA, SCHEMA_VERSION)
        self._require_no_later()
        if 0 < version < SCHEMA_VERSION:
            log.info("Upgrading %s to this version's schema, which takes minutes for a gigabyte.", self.path)
            self._migrate(version)
            self._give_back()
        keep_sealed(self._db)

    def _give_back(self) -> None:
        """Give back to the disk what the earlier form took; where there is no room to do it, it is used up later."""
        with contextlib.suppress(sqlite3.OperationalError):
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _migrate(self, version: int) -> None:
        # What is damaged has to be found before it is sealed as what it is.
        if (said := self._db.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(said)
        self._db.create_function("packed", 1, packed)
        self._db.create_function("loss_in", 1, loss_in)
        self._db.create_aggregate("packed_list", 1, PackedList)  # type: ignore[arg-type]  # typeshed knows no bytes
        for older in range(version, SCHEMA_VERSION):
            self._run(MIGRATIONS[older], older + 1)

    def _frames(self) -> int:
        """How many pages of changes SQLite has found in the journal."""
        return int(self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])

    def _run(self, script: str, version: int) -> None:
        """Change the schema, all of it or nothing."""
        try:
            self._db.executescript(f"BEGIN; {script} PRAGMA user_version = {version};")
            if version == SCHEMA_VERSION:
                seal_all(self._db)
            self._db.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            raise

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The file while no other thread uses it."""
        with self._lock:
            yield self._db

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction; a nested call joins the outer one."""
        with self._lock:
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._roll_back()
                raise
            self._db.execute("COMMIT")

    def _roll_back(self) -> None:
        # A full disk makes SQLite roll back by itself; a second rollback would fail and hide the reason.
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


class _Access:
    """The lock around an open file; SQLite's failures while it is held become sentences."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lock.release()
        if isinstance(error, FAILURES):
            with _explained(self._path):
                raise error


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's failures into sentences."""
    try:
        yield
    except FAILURES as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            sentence = (
                f"The disk of {path.parent} is full or fails ({error}): free some space, or look into the "
                "system's log; nothing that was committed is lost."
            )
            raise UimonError(Reason.DISK_FULL, sentence) from error
        if code in _OTHERS:
            sentence = (
                f"The ledger {path} cannot be used ({error}); check who else uses it, and that it may be written."
            )
            raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence) from error
        sentence = f"The ledger {path} is damaged ({error}); `uimon watch` rebuilds it from the JSON lines beside it."
        raise UimonError(Reason.LEDGER_DAMAGED, sentence) from error
