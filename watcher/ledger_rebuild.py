"""Opening a ledger, and making a damaged one anew from the JSON lines beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from scorers.sample import SampleError
from watcher.evaluation import TableLimits, eval_row
from watcher.ledger import Evaluation, Ledger
from watcher.model import Reason, Row, UimonError
from watcher.publish.jsonl import read_records
from watcher.statedir import StateDir


def open_ledger(state: StateDir, table: TableLimits, say: Callable[[str], None]) -> Ledger:
    """The state directory's ledger. `say` is told where a damaged one was set aside, and what was saved of it.

    What is known of a run then is each evaluation that had been exported; its rows are due again, and those that are
    in W&B are found there by their uids before anything is sent. Raises UimonError as `Ledger` does for everything
    but damage.
    """
    try:
        return Ledger(state.ledger)
    except UimonError as error:
        if error.reason is not Reason.LEDGER_DAMAGED or not state.ledger.is_file():
            raise
        said = error.sentence
    aside = _set_aside(state)
    count = _rebuild(state, table)
    ledger = Ledger(state.ledger)
    say(
        f"{said} It was set aside as {aside}, and a new ledger made of {state.evaluations.name}: {count} evaluations "
        "are kept, and checkpoints that are still there are read again."
    )
    return ledger


def _set_aside(state: StateDir) -> str:
    """Move the database and its journals, whatever state they are in, to names of their own."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", "-wal", "-shm"):
        file = state.ledger.with_name(state.ledger.name + suffix)
        if file.exists():
            file.rename(file.with_name(f"{file.name}.damaged-{stamp}"))
    return f"{state.ledger.name}.damaged-{stamp}"


def _rebuild(state: StateDir, table: TableLimits) -> int:
    """Make the new ledger under another name, so that one which was not finished is never taken for it."""
    draft = state.ledger.with_name(f"{state.ledger.name}.rebuilding")
    draft.unlink(missing_ok=True)
    ledger = Ledger(draft)
    with ledger.change():
        count = _restore(ledger, state, table)
    ledger.close()
    draft.rename(state.ledger)
    return count


def _restore(ledger: Ledger, state: StateDir, table: TableLimits) -> int:
    samples: dict[str, dict[int, dict[str, Any]]] = {}
    for line in read_records(state.samples):
        if {"uid", "position"} <= line.keys():
            sample = {key: value for key, value in line.items() if key not in ("uid", "step", "position")}
            samples.setdefault(str(line["uid"]), {})[int(line["position"])] = sample
    restored = 0
    for line in read_records(state.evaluations):
        evaluation = _evaluation(line, samples)
        if evaluation is not None:
            ledger.restore(evaluation, _row(evaluation, table, ledger.occurred()))
            restored += 1
    return restored


def _row(evaluation: Evaluation, table: TableLimits, occurred: Collection[str]) -> Row:
    """The row that is due; without its table where a sample cannot be read back."""
    try:
        return eval_row(evaluation, table, occurred)
    except SampleError:
        return eval_row(replace(evaluation, samples=()), table, occurred)


def _evaluation(line: dict[str, Any], samples: dict[str, dict[int, dict[str, Any]]]) -> Evaluation | None:
    """A line of `evaluations.jsonl` with its samples; None where it lacks something."""
    try:
        uid = str(line["uid"])
        return Evaluation(
            uid,
            int(line["step"]),
            str(line["suite"]),
            dict(line["metrics"]),
            tuple(sample for _, sample in sorted(samples.get(uid, {}).items())),
            float(line["at"]),
            str(line["name"]),
            str(line["digest"]),
            origin=str(line.get("origin") or ""),
        )
    except (KeyError, TypeError, ValueError):
        return None
