"""How a checkpoint stands, for people: `uimon status`, the live display, and the document that both come from."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final

from watcher.ledger.row_reader import RowReader
from watcher.ledger.rows import state_of
from watcher.model import Reason, State


@dataclass(frozen=True, slots=True)
class CheckpointStatus:
    """A checkpoint with its last evaluation. `digest` is None until all its bytes were read, `suite` before it was
    evaluated. `rescored`: its samples were scored anew. `published`: `yes`, `no` (nothing is due), `pending`, or why
    its row waits. `superseded`: the trainer has written the step again since, and that is evaluated. `copies` is how
    often the run holds the row.
    """

    step: int
    name: str
    state: State
    reason: Reason | None = None
    detail: str = ""
    digest: str | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    suite: str | None = None
    rescored: bool = False
    published: str = "no"
    superseded: bool = False
    copies: int = 1

    def to_dict(self) -> dict[str, object]:
        """Plain values for `json.dumps`: the checkpoint in `uimon status --json`."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def to_status(row: sqlite3.Row, *, off: bool) -> CheckpointStatus:
    """A line of the joined tables; `off` where nothing is logged, so that nothing is due."""
    status = _status(row)
    return replace(status, published="no") if off and status.published != "yes" else status


def _published(row: sqlite3.Row) -> str:
    if row["published_at"] is not None:
        return "yes"
    if row["evaluated_uid"] is None:
        return "no"
    waiting = row["waiting"]
    return str(waiting) if waiting in (Reason.DEFERRED, Reason.UNCONFIRMED) else "pending"


_status: Final = RowReader(
    CheckpointStatus,
    state=state_of,
    metrics=lambda row: json.loads(row["metrics"] or "{}"),
    published=_published,
)
