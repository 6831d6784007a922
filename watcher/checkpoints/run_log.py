"""What the run that is watched has logged itself, as W&B shows it, and whether a training agrees with it. Pure."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from watcher.checkpoints.lineage import Rows
from watcher.model import LoggedStep

ROUNDED = 1e-3
"""By what part a number may be away from a rounded one: loggers keep four digits or more."""
SINGLE_PRECISION = 1e-6
"""By what part numbers may differ that went through 32 bits."""


@dataclass(frozen=True, slots=True)
class RunLog:
    """What W&B's run itself has logged, by step: a step that was trained again has several rows. `cut`: there is more,
    which was not read.
    """

    rows: Mapping[int, Collection[LoggedStep]] = field(default_factory=dict)
    cut: bool = False

    @property
    def reach(self) -> int:
        """The last step that is logged. Of a log that was read in part that may be any."""
        return sys.maxsize if self.cut else max(self.rows, default=-1)

    def agrees(self, training: Rows, step: int) -> bool:
        """True where a row of this step, which both have, is that of a training: of a number that one of the two lacks
        nothing is shown.
        """
        place = training.place(step)
        assert place is not None
        return any(
            _same(training.losses[place], row.loss)
            and _same_or_missing(training.rates[place], row.learning_rate)
            and _same_or_missing(training.norms[place], row.grad_norm)
            for row in self.rows[step]
        )


def _same_or_missing(first: float, second: float | None) -> bool:
    """True where one of two numbers is not known."""
    return second is None or math.isnan(first) or _same(first, second)


def _same(logged: float, shown: float) -> bool:
    """What a trainer has logged, and what W&B shows of it, which may be rounded.

    >>> _same(0.987654321, 0.9877), _same(2.4567, 2.5), _same(2.5, 2.501), _same(math.nan, math.nan)
    (True, False, False, True)
    """
    if not (math.isfinite(logged) and math.isfinite(shown)):
        return logged == shown or (math.isnan(logged) and math.isnan(shown))
    if math.isclose(logged, shown, rel_tol=SINGLE_PRECISION):
        return True
    digits = -int(Decimal(repr(shown)).as_tuple().exponent)
    return math.isclose(logged, shown, rel_tol=ROUNDED) and round(logged, digits) == shown
