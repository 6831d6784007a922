"""What the trainer's own log shows of the training's health, read as a whole: loss, gradient norm, learning rate. Pure.

Hugging Face's Trainer puts another number in the place of a loss that is NaN (`logging_nan_inf_filter`, which is on by
default): 0.0 where every step since the last row was so. So a loss of exactly 0.0 is a number only where the gradient
norm beside it is one too, and not 0. In mixed precision a gradient norm of infinity or NaN now and then is ordinary:
the loss scale is too large, the step is left out and the scale halved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, pairwise

from watcher.model import LoggedStep

LASTING_GRADIENTS = 5
"""Rows in a row whose gradient norm is no number, from which on that is no search for a loss scale: it starts at 65,536
and finds its place within a few halvings."""
ZERO_ROWS = 3
"""Rows in a row with a loss of exactly 0.0, or with a learning rate of 0 from the first row on, that are no accident: a
warm-up begins with one."""
SAME_ROWS = 5
"""Rows in a row with a learning rate of 0 after other ones, or with one and the same loss from the first row on."""
SLOW_ROWS = 20
"""As many rows with the same loss are needed where it is ordinary for some: while the learning rate still rises from
almost 0, and where the loss is that of two answers that are as likely (`UNDECIDED`) although there are gradients."""
UNDECIDED = math.log(2)
"""The first loss of preference training (DPO and its kin): the model and its reference are the same model yet."""
_ROUNDING = 1e-4


class SignKind(StrEnum):
    """What a stretch of the log shows."""

    GRADIENTS = "gradients"
    ZERO_LOSS = "zero_loss"
    SAME_LOSS = "same_loss"
    ZERO_RATE = "zero_rate"


@dataclass(frozen=True, slots=True)
class LogSign:
    """A stretch of the log that begins at `step`; `cleared_step` is the first one after it, None while it lasts."""

    kind: SignKind
    step: int
    evidence: str
    cleared_step: int | None = None


def measured_loss(row: LoggedStep) -> float | None:
    """The loss of a row; None where it is 0.0 and nothing shows that it is a number at all, and where it is no mean of
    negative log-likelihoods, which have a perplexity: losses of rewards are none, and negative ones.

    >>> [measured_loss(LoggedStep(5, 0.0, norm)) for norm in (math.nan, None, 0.0, 0.3)]
    [None, None, None, 0.0]
    >>> measured_loss(LoggedStep(5, 0.69, 1.0, rewarded=True)) is measured_loss(LoggedStep(5, -0.1, 1.0)) is None
    True
    """
    if row.rewarded or row.loss < 0.0:
        return None
    if row.loss == 0.0 and not (row.grad_norm and math.isfinite(row.grad_norm)):
        return None
    return row.loss


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What a whole log says beside its losses: (step, loss) of those that are NaN or infinity, and its signs."""

    non_finite: tuple[tuple[int, float], ...] = ()
    signs: tuple[LogSign, ...] = ()


def read_log(log: Sequence[LoggedStep]) -> LogFacts:
    """The facts of one checkpoint's log."""
    return LogFacts(tuple((row.step, row.loss) for row in log if not math.isfinite(row.loss)), read_signs(log))


def measured(log: Sequence[LoggedStep]) -> Iterator[tuple[int, float]]:
    """The (step, loss) of the rows whose loss is one."""
    return ((row.step, loss) for row in log if (loss := measured_loss(row)) is not None)


def read_signs(log: Sequence[LoggedStep]) -> tuple[LogSign, ...]:
    """Every sign in the log of one checkpoint, by step."""
    found = [*_gradients(log), *_zero_loss(log), *_zero_rate(log), *_same_loss(log)]
    return tuple(sorted(found, key=lambda sign: sign.step))


def _gradients(log: Sequence[LoggedStep]) -> Iterator[LogSign]:
    for rows, after in _stretches(log, lambda row: row.grad_norm is not None and not math.isfinite(row.grad_norm)):
        lost = [row for row in rows if row.loss == 0.0 or not math.isfinite(row.loss)]
        if not lost and len(rows) < LASTING_GRADIENTS:
            continue
        said = f"The gradient norm is {_word(rows[0].grad_norm)} since step {rows[0].step}, at {_times(rows)}"
        if lost:
            said += f", with a logged loss of {_word(lost[0].loss)} from step {lost[0].step} on"
        yield LogSign(SignKind.GRADIENTS, rows[0].step, f"{said}.", after)


def _zero_loss(log: Sequence[LoggedStep]) -> Iterator[LogSign]:
    for rows, after in _stretches(log, lambda row: row.loss == 0.0 and not row.grad_norm):
        if len(rows) >= ZERO_ROWS:
            said = f"The loss is exactly 0 since step {rows[0].step}, at {_times(rows)}."
            yield LogSign(SignKind.ZERO_LOSS, rows[0].step, said, after)


def _zero_rate(log: Sequence[LoggedStep]) -> Iterator[LogSign]:
    # A step that is left out in the search for a loss scale is left out for the schedule too, whose rate stays 0.
    taken = [row for row in log if _has_stepped(row)]
    for rows, after in _stretches(taken, lambda row: row.learning_rate == 0.0):
        if len(rows) >= (ZERO_ROWS if rows[0] is taken[0] else SAME_ROWS):
            said = f"The learning rate is 0 since step {rows[0].step}, at {_times(rows)}."
            yield LogSign(SignKind.ZERO_RATE, rows[0].step, said, after)


def _same_loss(log: Sequence[LoggedStep]) -> Iterator[LogSign]:
    if len(log) < SAME_ROWS or log[0].loss == 0.0 or not math.isfinite(log[0].loss):
        return
    rows, after = next(_stretches(log, lambda row: row.loss == log[0].loss))
    if _is_stuck(rows):
        said = f"The loss is {rows[0].loss:.6g} since step {rows[0].step}, the very same number at {_times(rows)}."
        yield LogSign(SignKind.SAME_LOSS, rows[0].step, said, after)


def _has_stepped(row: LoggedStep) -> bool:
    """False where the gradient norm is none: the optimizer has left that step out."""
    return row.grad_norm is None or (math.isfinite(row.grad_norm) and row.grad_norm >= 0.0)


def _is_stuck(rows: Sequence[LoggedStep]) -> bool:
    """Whether so many rows with the same loss, from the first row of the log on, are more than a slow beginning."""
    if len(rows) >= SLOW_ROWS:
        return True
    if abs(rows[0].loss - UNDECIDED) < _ROUNDING and any(row.grad_norm for row in rows):
        return False
    rates = [row.learning_rate or 0.0 for row in rows]
    rising = sum(later > earlier for earlier, later in pairwise(rates))
    # The first row has none before it; where the second one's rate is higher, it belongs to the warm-up.
    return len(rows) - rising - (len(rates) > 1 and rates[1] > rates[0]) >= SAME_ROWS


def _stretches(
    log: Sequence[LoggedStep], shows: Callable[[LoggedStep], bool]
) -> Iterator[tuple[list[LoggedStep], int | None]]:
    """Each run of rows that show something, with the step of the first row after it."""
    place = 0
    for holds, group in groupby(log, shows):
        rows = list(group)
        place += len(rows)
        if holds:
            yield rows, log[place].step if place < len(log) else None


def _word(value: float | None) -> str:
    """A number that JSON has no word for as people write it."""
    return "NaN" if value is None or math.isnan(value) else f"{value:g}".replace("inf", "infinity")


def _times(rows: Sequence[LoggedStep]) -> str:
    """How many logged steps."""
    return f"{len(rows)} logged step{'s' if len(rows) > 1 else ''}"
