"""What is logged of a row and of an alert. Nothing outside a session imports this module: it imports the SDK."""

from __future__ import annotations

import wandb

from watcher.model import Alert, JsonScalar, Row, RowKind, Table

_LONGEST_TITLE = 63
"""W&B takes titles of less than 64 characters."""
_SAMPLES_KEY = "eval/sample_generations"
_X_AXIS = "train/global_step"


def title_of(alert: Alert) -> str:
    """Both ends of a title that is too long: what happened is at its start, the step at its end."""
    if len(alert.title) <= _LONGEST_TITLE:
        return alert.title
    half = _LONGEST_TITLE // 2
    return f"{alert.title[:half]}…{alert.title[-half:]}"


def of_row(row: Row) -> dict[str, object]:
    """What is logged of a row: undefined values are left out, the axis and the uid are always there."""
    logged: dict[str, object] = {key: value for key, value in row.values.items() if value is not None}
    logged[_X_AXIS] = row.step
    logged[f"{row.kind}/uid"] = row.uid
    if row.table is not None and row.kind is RowKind.EVAL:
        logged[_SAMPLES_KEY] = _table(row.table)
    return logged


def _table(table: Table) -> wandb.Table:
    columns = [{_type_of(cell) for cell in column if cell is not None} for column in zip(*table.rows, strict=True)]
    # The SDK refuses a column of mixed types unless told that they are meant.
    mixed = any(len(types) > 1 for types in columns)
    data = [list(cells) for cells in table.rows]
    return wandb.Table(columns=list(table.columns), data=data, allow_mixed_types=mixed, log_mode="IMMUTABLE")


def _type_of(cell: JsonScalar) -> str:
    if isinstance(cell, bool):
        return "boolean"
    return "number" if isinstance(cell, int | float) else "string"
