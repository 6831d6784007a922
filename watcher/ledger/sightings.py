"""What was read of each complete checkpoint in the trainer's directory, so that a start reads those that changed since.

A sighting counts only while its checkpoint was evaluated and its directory holds what it held: the `mark` tells. A
trainer saves its whole log with each checkpoint, so that a start that read all of them would read gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from watcher.ledger.transactions import Transactions


@dataclass(frozen=True, slots=True)
class Sighting:
    """A complete checkpoint: the `mark` of its content, when its weights were `written` (seconds since the epoch), and
    the log in it: a name for the training that it is of (empty where it has no log), its first and its last step.
    """

    name: str
    step: int
    mark: str
    written: float
    training: str
    first: int
    last: int


class LedgerSightings:
    """The sightings of one ledger."""

    def __init__(self, ledger: Transactions) -> None:
        self._ledger = ledger

    def keep(self, seen: Iterable[Sighting]) -> None:
        """Keep sightings, each in place of any earlier one of its name."""
        with self._ledger.change() as db:
            db.executemany("INSERT OR REPLACE INTO sighting VALUES (?, ?, ?, ?, ?, ?, ?)", map(astuple, seen))

    def evaluated(self) -> list[Sighting]:
        """Those whose newest record is of an evaluated checkpoint, by step."""
        query = (
            "SELECT sighting.* FROM sighting JOIN checkpoint AS c ON c.name = sighting.name "
            "WHERE c.state = 'evaluated' AND NOT EXISTS "
            "(SELECT 1 FROM checkpoint AS later WHERE later.name = c.name AND later.id > c.id) "
            "ORDER BY sighting.step, sighting.name"
        )
        with self._ledger.read() as db:
            return [Sighting(*row) for row in db.execute(query).fetchall()]
