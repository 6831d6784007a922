"""Who may read what a trainer writes: its own user; others as its umask and the libraries that save allow."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Barred:
    """A file or directory that uimon's user may not read: whose it is, and its permission bits."""

    path: Path
    uid: int
    gid: int
    mode: int

    @property
    def sentence(self) -> str:
        """What is wrong.

        >>> Barred(Path("checkpoint-5"), 0, 0, 0o700).sentence.partition(", and")[0]
        'checkpoint-5 belongs to user 0 and group 0 with mode 700'
        """
        return (
            f"{self.path} belongs to user {self.uid} and group {self.gid} with mode {self.mode:03o}, and user "
            f"{os.geteuid()}, as whom uimon runs, cannot read it."
        )

    @property
    def next_step(self) -> str:
        """What to do. safetensors 0.8 makes its files with mode 600, whatever the umask is (its issue 782).

        >>> Barred(Path("checkpoint-5/model.safetensors"), 7, 8, 0o600).next_step
        'Run uimon as user 7: safetensors lets only the owner read weights, whatever the umask is.'
        >>> Barred(Path("checkpoint-5"), 7, 8, 0o700).next_step.partition(";")[0]
        'Run uimon as user 7, or the trainer with `umask 022`'
        """
        if self.path.suffix == ".safetensors":
            return f"Run uimon as user {self.uid}: safetensors lets only the owner read weights, whatever the umask is."
        step = f"Run uimon as user {self.uid}, or the trainer with `umask 022`"
        return f"{step}; what is there already needs `chmod -R a+rX`."


def may_read(path: Path) -> bool:
    """Whether this process may read a file, or list and enter a directory; the system is asked, so ACLs count."""
    return os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0), effective_ids=True)


def first_barred(root: Path, checkpoints: Iterable[Path], readable: Callable[[Path], bool]) -> Barred | None:
    """The first of the run's directory, its `checkpoints`, and their files that may not be read; None is good news.

    What vanishes meanwhile, or lies behind a closed directory, is no finding of this function.
    """
    for path in _in_turn(root, checkpoints):
        try:
            if not readable(path):
                found = path.stat()
                return Barred(path, found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
        except OSError:
            continue
    return None


def _in_turn(root: Path, checkpoints: Iterable[Path]) -> Iterator[Path]:
    yield root
    for checkpoint in checkpoints:
        yield checkpoint
        try:
            yield from sorted(checkpoint.iterdir())
        except OSError:
            continue
