"""Reads what Hugging Face's Trainer says about itself in `trainer_state.json`.

The file grows with the training: a row of some hundred bytes for each logged step, in each checkpoint once more. It is
read piece by piece, and of each row only the numbers are kept, so that its size costs no memory.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, BinaryIO

from watcher.model import LAST_STEP, LoggedStep, TrainerState
from watcher.system.files import whole

ROWS_LIMIT = 120_000
"""Most rows of the log that are kept, the newest: some 250 bytes each, of two checkpoints at a time. Earlier ones held
the others."""
STATE_LIMIT = 2**30
"""Longest file that is read, in bytes: some millions of logged steps."""
_PIECE = 2**20
_DIGITS = 1000
_LONGEST_VALUE = 4 * 2**20
_BLANK = re.compile(r"[ \t\n\r]*")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?")
_WORDS = {"nan": math.nan, "inf": math.inf, "infinity": math.inf, "-inf": -math.inf, "-infinity": -math.inf}


def read_trainer_state(file: BinaryIO) -> TrainerState:
    """The trainer's step, its last step (0 where it does not say) and what it logged of each training step.

    Python's JSON writes NaN and Infinity for a diverged loss, and reads them back. Rows whose step is no number that
    could be one are left out, and counted.
    Raises ValueError where the text is not a whole trainer state.
    """
    text = _Text(file)
    found: dict[str, object] = {}
    log: deque[LoggedStep] = deque(maxlen=ROWS_LIMIT)
    rows = 0
    for key in text.members():
        if key == "log_history" and text.peek() == "[":
            log.clear()
            rows = 0
            for row in text.items():
                logged = _logged(row)
                rows += logged is not None or (_is_beyond(row) and whole(row["step"], LAST_STEP) is None)
                if logged is not None:
                    log.append(logged)
        else:
            value = text.value()
            found |= {key: value} if key in ("global_step", "max_steps") else {}
    text.require_end()
    step = whole(found.get("global_step"), LAST_STEP)
    if step is None:
        raise ValueError("no global_step")
    return TrainerState(step, whole(found.get("max_steps"), LAST_STEP) or 0, tuple(log), rows - len(log))


class _Text:
    """A JSON text that is read as far as it is needed. Raises ValueError where it is none."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._scan = json.JSONDecoder(parse_int=_integer).raw_decode
        self._read = 0
        self._held = ""
        self._at = 0
        self._ended = False

    def members(self) -> Iterator[str]:
        """The keys of an object; whoever takes one reads its value before the next."""
        self._take("{")
        if self.peek() == "}":
            self._take("}")
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise ValueError("a key that is not text")  # noqa: TRY004 - a malformed file
            self._take(":")
            yield key
            if self._next(",}") == "}":
                return

    def items(self) -> Iterator[Any]:
        """The values of a list."""
        self._take("[")
        if self.peek() == "]":
            self._take("]")
            return
        while True:
            yield self.value()
            if self._next(",]") == "]":
                return

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            self._at = _BLANK.match(self._held, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._held) or not self._more():
                return self._held[self._at : self._at + 1]

    def value(self) -> object:
        """The next value, whatever it is."""
        self.peek()
        while True:
            try:
                value, end = self._scan(self._held, self._at)
            except RecursionError:
                raise ValueError("nested too deeply") from None
            except ValueError:
                if not self._more():
                    raise
                continue
            # A number may go on in the next piece.
            if end < len(self._held) or not self._more():
                self._at = end
                return value

    def require_end(self) -> None:
        """Nothing but blanks follows."""
        if self.peek():
            raise ValueError("something follows the object")

    def _take(self, mark: str) -> None:
        if self.peek() != mark:
            raise ValueError(f"no {mark!r} where one should be")
        self._at += 1

    def _next(self, marks: str) -> str:
        """The next character, which has to be one of `marks`."""
        found = self.peek()
        if not found or found not in marks:
            raise ValueError(f"none of {marks!r} where one should be")
        self._at += 1
        return found

    def _more(self) -> bool:
        """Read another piece; False at the end of the file."""
        if self._ended:
            return False
        if len(self._held) - self._at > _LONGEST_VALUE:
            raise ValueError(f"a value of more than {_LONGEST_VALUE:,} characters")
        piece = self._file.read(_PIECE)
        self._read += len(piece)
        if self._read > STATE_LIMIT:
            raise ValueError(f"longer than {STATE_LIMIT:,} bytes")
        self._ended = not piece
        self._held = self._held[self._at :] + self._decoder.decode(piece, final=self._ended)
        self._at = 0
        return not self._ended


def _integer(digits: str) -> int | float:
    """An integer; one of more digits than Python converts is out of all bounds anyway."""
    return int(digits) if len(digits) < _DIGITS else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def _is_beyond(row: object) -> bool:
    """Whether a row would be one of training, had it a step that can be one."""
    return isinstance(row, dict) and "loss" in row and isinstance(row.get("step"), int | float)


def _logged(row: object) -> LoggedStep | None:
    """One row of `log_history`; None for the rows of evaluations and the summary at the end."""
    if not isinstance(row, dict):
        return None
    step = whole(row.get("step"), LAST_STEP)
    if step is None or "loss" not in row:
        return None
    loss = _number(row["loss"])
    if loss is None:
        return None
    gradient = _number(row["grad_norm"]) if "grad_norm" in row else None
    rate, epoch = _number(row.get("learning_rate", "")), _number(row.get("epoch", ""))
    return LoggedStep(step, loss, gradient, rate, epoch, any(map(_is_reward, row)))


@lru_cache(maxsize=256)
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
