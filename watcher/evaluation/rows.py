"""Rows of what the ledger knows: made once a tracker asks for them, and never changed again."""

from __future__ import annotations

import math

from watcher.ledger.ledger import Ledger
from watcher.ledger.losses import loss_uid
from watcher.model import JsonScalar, Row, RowKind

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


class RowMaker:
    """Makes the rows of `run` due in its outbox.

    The row of an evaluation is written with it, since its samples may be dropped later, and is due once somebody asks;
    that of a loss is made then. Where nobody asks, nothing waits.
    """

    def __init__(self, ledger: Ledger, run: str) -> None:
        self._ledger = ledger
        self._run = run
        self._place = 0

    def make(self) -> None:
        """All that is known and has no row in the outbox has one; costs next to nothing where there is no news."""
        losses, outbox = self._ledger.losses(), self._ledger.outbox()
        self._place = outbox.add_evaluations(self._place)
        new, place = losses.after(losses.in_rows)
        if new:
            with self._ledger.change():
                outbox.add_rows(row for step, loss in new if (row := train_row(self._run, step, loss)) is not None)
                losses.note_in_rows(place)
