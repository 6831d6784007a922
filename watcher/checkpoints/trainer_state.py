"""Reads what Hugging Face's Trainer says about itself in `trainer_state.json`. Pure."""

from __future__ import annotations

import json
import math
import re

from watcher.model import LoggedStep, TrainerState

_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?")
_WORDS = {"nan": math.nan, "inf": math.inf, "infinity": math.inf, "-inf": -math.inf, "-infinity": -math.inf}


def parse_trainer_state(text: bytes) -> TrainerState:
    """The trainer's step, its last step (0 where it does not say) and what it logged of each training step.

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
    log = tuple(logged for logged in map(_logged, rows) if logged is not None)
    return TrainerState(step, last if type(last) is int else 0, log)


def _logged(row: object) -> LoggedStep | None:
    """One row of `log_history`; None for the rows of evaluations and the summary at the end."""
    if not isinstance(row, dict):
        return None
    step = row.get("step")
    if type(step) is not int or "loss" not in row:
        return None
    loss = _number(row["loss"])
    if loss is None:
        return None
    gradient = _number(row["grad_norm"]) if "grad_norm" in row else None
    rate, epoch = _number(row.get("learning_rate", "")), _number(row.get("epoch", ""))
    return LoggedStep(step, loss, gradient, rate, epoch, any(map(_is_reward, row)))


def _is_reward(key: object) -> bool:
    """Whether a key of the log is one of those that TRL's trainers of preferences and policies have beside the loss.

    >>> [_is_reward(key) for key in ("rewards/chosen", "reward", "mean_reward", "loss")]
    [True, True, True, False]
    """
    return isinstance(key, str) and (key in ("reward", "mean_reward") or key.startswith("rewards/"))


def _number(value: object) -> float | None:
    """A logged number. What JSON has no word for is written as `NaN` by Python, as null or as text by other writers;
    some callbacks write every number as text.

    >>> [_number(value) for value in (1, None, "nan", "-Infinity", "0.53", "soon", True)]
    [1.0, nan, nan, -inf, 0.53, None, None]
    """
    if value is None:
        return math.nan
    if isinstance(value, str):
        return _of_text(value.strip().lower())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _of_text(text: str) -> float | None:
    """A number that was written as text, as `f"{loss:.4f}"` does."""
    if _DECIMAL.fullmatch(text):
        return float(text)
    return _WORDS.get(text)
