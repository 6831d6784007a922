"""The state directory of one run: what is in it, who may read it, and the lease that lets one watcher own it.

Answers of a model, prompts and logs may be private. So what uimon writes is readable by its own user alone, whatever
the umask: directories have mode 0700, files 0600. What an earlier version has left wider is tightened at the start,
where it belongs to this user.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from watcher.model import Reason, UimonError
from watcher.system.mounts import local_alternative, memory_file_system, nearest, network_file_system
from watcher.system.umask import OWNER_ONLY, close_to_others

STAYS: Final = (
    "It stays on this machine: on another one, uimon evaluates the checkpoints that still exist again, and sends no "
    "row twice; to resume there, copy the directory once uimon has ended."
)
"""What a state directory on a machine's own disk means where the next start may be on another machine."""


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

    @property
    def lock(self) -> Path:
        """What the lease is taken on; it names the process that has it."""
        return self.root / "lock"

    def create(self) -> None:
        """Make the directories, for this user alone, as whatever this process writes from now on. Raises
        UimonError(STATE_DIR_UNUSABLE) where that is not possible, or where the ledger would not be safe.
        """
        self._require_local()
        # The engine's process and W&B's make files of their own, and inherit this.
        close_to_others()
        try:
            for directory in (self.root, self.engine):
                directory.mkdir(parents=True, exist_ok=True)
            self._tighten()
        except OSError as error:
            sentence = f"The state directory {self.root} cannot be made ({error.strerror}); choose another --state-dir."
            raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence) from None

    def _require_local(self) -> None:
        if kind := network_file_system(nearest(self.root)):
            sentence = f"{not_local(self.root, kind)} {elsewhere(self.root)} {STAYS}"
            raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence)

    def _tighten(self) -> None:
        """Take from others what an earlier version has left to them. A directory that is more than a state directory
        keeps its mode: its other files are somebody else's matter.
        """
        own = self.lock.exists() or self.ledger.exists() or not any(p for p in self.root.iterdir() if p != self.engine)
        for path in (*((self.root,) if own else ()), *self._left()):
            status = path.lstat()
            if status.st_uid == os.geteuid() and status.st_mode & OWNER_ONLY and not path.is_symlink():
                path.chmod(status.st_mode & 0o777 & ~OWNER_ONLY)

    def _left(self) -> Iterator[Path]:
        """What uimon has made in it. What lies in the directories here is closed with them."""
        for directory in (self.engine, self.stage, self.root / "wandb"):
            if directory.exists():
                yield directory
        for pattern in ("ledger.sqlite3*", "evaluations.jsonl*", "samples.jsonl*", "lock", "publisher"):
            yield from self.root.glob(pattern)


def not_local(root: Path, kind: str) -> str:
    """That a state directory lies where the ledger is not safe, in a sentence."""
    return (
        f"The state directory {root} lies on a network file system ({kind}), where the ledger's locks and shared "
        "memory are not safe."
    )


def elsewhere(root: Path) -> str:
    """What to do about a place that is no good for a state directory, in a sentence."""
    place = local_alternative(root.name)
    return f"Name one on a disk of this machine{f', as --state-dir {place}' if place else ' with --state-dir'}."


def in_memory(root: Path) -> str:
    """That a state directory is gone when the machine restarts, in a sentence; empty where that is not so."""
    kind = memory_file_system(nearest(root))
    return kind and f"The state directory {root} lies in memory ({kind}) and is lost when this machine restarts."


def set_aside(path: Path) -> Path:
    """Move a damaged file, whatever it is, to a name of its own, which is returned."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = (f"{path.name}.damaged-{stamp}{f'-{number}' if number else ''}" for number in range(1000))
    free = next(name for name in names if not path.with_name(name).exists())
    return path.rename(path.with_name(free)) if path.exists() else path.with_name(free)


class Lease:
    """The right to be the one watcher of a state directory; the kernel takes it back when the process dies."""

    def __init__(self, state: StateDir, otherwise: str = "or give this one its own --state-dir") -> None:
        """Take the lease. Raises UimonError(STATE_DIR_BUSY) with the holder, where somebody else has it; the sentence
        says to stop that one, or what can be done `otherwise`.
        """
        try:
            self._file: IO[str] = os.fdopen(os.open(state.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        except OSError as error:
            sentence = f"{state.lock} cannot be written ({error.strerror}); choose another --state-dir."
            raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
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
