"""Reads what Hugging Face's Trainer says about itself in `trainer_state.json`. Pure."""

from __future__ import annotations

import json
import math

from watcher.model import TrainerState


def parse_trainer_state(text: bytes) -> TrainerState:
    """The trainer's step, its last step (0 where it does not say) and the losses that it logged.

    Python's JSON writes NaN and Infinity for a diverged loss, and reads them back.
    Raises ValueError where the text is not a whole trainer state.
    """
    try:
        state = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(state, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a malformed file, not a programmer's wrong type
    step, last = state.get("global_step"), state.get("max_steps")
    if type(step) is not int or step < 0:
        raise ValueError("no global_step")
    history = state.get("log_history")
    rows = history if isinstance(history, list) else []
    losses = tuple(pair for pair in map(_loss, rows) if pair is not None)
    return TrainerState(step, last if type(last) is int else 0, losses)


def _loss(row: object) -> tuple[int, float] | None:
    """(step, loss) of one row of `log_history`; None for the rows of evaluations."""
    if not isinstance(row, dict):
        return None
    step, loss = row.get("step"), row.get("loss")
    if type(step) is not int or isinstance(loss, bool) or not isinstance(loss, int | float):
        return None
    try:
        return step, float(loss)
    except OverflowError:
        return step, math.inf
