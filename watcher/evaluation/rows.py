"""Rows of what the ledger knows: made once a tracker asks for them, and never changed again."""

from __future__ import annotations

import math
from collections.abc import Mapping

from watcher.evaluation.evaluate import finite
from watcher.ledger.ledger import Evaluation, Ledger
from watcher.ledger.losses import loss_uid
from watcher.model import JsonScalar, Row, RowKind, row_uid

_LARGEST = math.log(1e300)
"""The largest loss whose exponential is a number that every reader of a row can take."""


def train_row(run: str, step: int, loss: float) -> Row | None:
    """The row of `train/perplexity` = exp(loss) for one logged step; None where that is no finite number.

    >>> row = train_row("run", 5, 0.0)
    >>> row.values["train/perplexity"], row.values["train/global_step"]
    (1.0, 5)
    >>> train_row("run", 5, 1000.0) is None
    True
    """
    uid = loss_uid(run, step, loss)
    if uid is None or loss > _LARGEST:
        return None
    values: dict[str, JsonScalar] = {
        "train/global_step": step,
        "train/perplexity": math.exp(loss),
        f"{RowKind.TRAIN}/uid": uid,
    }
    return Row(uid, RowKind.TRAIN, step, values)


def followup_uid(run: str, evaluation: Evaluation, kind: str) -> str:
    """The identity of what one kind of work has found about an evaluation, and of the row of it."""
    return row_uid(RowKind.FOLLOWUP, run, evaluation.step, evaluation.digest, evaluation.suite, kind)


def followup_row(run: str, evaluation: Evaluation, kind: str, metrics: Mapping[str, float | None]) -> Row:
    """The row of it, at the evaluation's step. Metrics that are undefined are left out.

    Raises ValueError for a metric that does not begin with `eval/KIND/`: it may be another row's.
    """
    if foreign := [name for name in metrics if not name.startswith(f"eval/{kind}/")]:
        raise ValueError(f"{', '.join(sorted(foreign))}: metrics of {kind} begin with eval/{kind}/")
    uid = followup_uid(run, evaluation, kind)
    values: dict[str, JsonScalar] = {name: value for name, value in finite(metrics).items() if value is not None}
    values |= {
        "train/global_step": evaluation.step,
        f"{RowKind.FOLLOWUP}/uid": uid,
        f"{RowKind.FOLLOWUP}/evaluation": evaluation.uid,
    }
    return Row(uid, RowKind.FOLLOWUP, evaluation.step, values)


class RowMaker:
    """Makes the rows of `run` due in its outbox.

    The row of an evaluation, or of what follows it, is written with it, since its samples may be dropped later, and is
    due once somebody asks; that of a loss is made then. Where nobody asks, nothing waits.
    """

    def __init__(self, ledger: Ledger, run: str) -> None:
        self._ledger = ledger
        self._run = run
        self._place = 0

    def make(self) -> None:
        """All that is known and has no row in the outbox has one; costs next to nothing where there is no news."""
        losses, outbox = self._ledger.losses(), self._ledger.outbox()
        self._place = outbox.add_written(self._place)
        new, place = losses.after(losses.in_rows)
        if new:
            with self._ledger.change():
                outbox.add_rows(row for step, loss in new if (row := train_row(self._run, step, loss)) is not None)
                losses.note_in_rows(place)
