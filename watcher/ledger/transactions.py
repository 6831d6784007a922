"""What the parts of the ledger need of its file."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from typing import Protocol


class Transactions(Protocol):
    """The ledger's file."""

    def change(self) -> AbstractContextManager[sqlite3.Connection]:
        """One transaction, or part of the one that is open."""
        ...

    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        """The file while no other thread uses it; also of a ledger that was opened for reading only."""
        ...
