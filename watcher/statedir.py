"""The state directory of one run: where it lies, what is in it, and the lease that lets one watcher own it."""

from __future__ import annotations

import fcntl
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from watcher.model import Reason, UimonError


def safe_name(run: str) -> str:
    """A run's name as the name of a directory.

    >>> safe_name("../a b")
    '_a_b'
    """
    return re.sub(r"[^\w.-]", "_", run).lstrip(".") or "run"


def default_state_dir(run: str) -> Path:
    """`$XDG_STATE_HOME/uimon/<run>`, by default `~/.local/state/uimon/<run>`."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "uimon" / safe_name(run)


@dataclass(frozen=True, slots=True)
class StateDir:
    """Paths inside one state directory."""

    root: Path

    @property
    def ledger(self) -> Path:
        """The ledger's SQLite file."""
        return self.root / "ledger.sqlite3"

    @property
    def engine(self) -> Path:
        """The engine's own: its logs, what it compiled, and what it has proved."""
        return self.root / "engine"

    @property
    def stage(self) -> Path:
        """Copies of checkpoints that wait, unless another place is configured."""
        return self.root / "stage"

    @property
    def evaluations(self) -> Path:
        """One JSON line for each evaluation."""
        return self.root / "evaluations.jsonl"

    @property
    def samples(self) -> Path:
        """One JSON line for each sample, its completion included."""
        return self.root / "samples.jsonl"

    def create(self) -> None:
        """Make the directories. Raises UimonError(STATE_DIR_UNUSABLE) where that is not possible."""
        try:
            for directory in (self.root, self.engine):
                directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            sentence = f"The state directory {self.root} cannot be made ({error.strerror}); choose another --state-dir."
            raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence) from None


class Lease:
    """The right to be the one watcher of a state directory; the kernel takes it back when the process dies."""

    def __init__(self, state: StateDir, otherwise: str = "or give this one its own --state-dir") -> None:
        """Take the lease. Raises UimonError(STATE_DIR_BUSY) with the holder, where somebody else has it; the sentence
        says to stop that one, or what can be done `otherwise`.
        """
        self._file: IO[str] = (state.root / "lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip() or "an unknown process"
            self._file.close()
            sentence = f"The state directory {state.root} is in use by {holder}: stop that watcher, {otherwise}."
            raise UimonError(Reason.STATE_DIR_BUSY, sentence) from None
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {socket.gethostname()}")
        self._file.flush()

    def release(self) -> None:
        """Give the lease back."""
        self._file.close()
