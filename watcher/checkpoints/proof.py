"""What shows that the writer of a checkpoint is done with it, whole as its files may be. Pure.

Hugging Face's Trainer writes `trainer_state.json` last. What other writers leave is complete when one of these holds:
it has a whole `trainer_state.json` after all; it has one of the markers that its writer puts there last (`MARKERS`),
not older than the weights; nothing in it has changed for `QUIET_S`, by this machine's clock that does not jump, so
that the clock of a file server does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from watcher.checkpoints import layout
from watcher.model import Checkpoint, Condition, FileStamp, Reason

Files = Mapping[str, FileStamp]
DETAIL_LIMIT = 1000
"""Longest `detail`, in characters."""
MTIME_SLACK_S = 2.0
"""Coarsest timestamps of a file system in use (FAT's), in seconds."""
REWRITE_GRACE_S = 300.0
"""How long, in seconds, weights newer than `trainer_state.json` count as a checkpoint that is being written again.
After it they are taken for a copy, which a file manager or download wrote in an order of its own."""

QUIET_S = 60.0
"""How long, in seconds, nothing may have changed in a directory that tells in no other way that it is whole. A trainer
that writes a checkpoint is never silent for as long within one directory."""
AFTER_THE_MODEL = ("training_args.bin", "optimizer.pt", "optimizer.bin", "scheduler.pt")
"""What the Trainer writes once the model and its tokenizer are written, and long before `trainer_state.json`."""
MARKERS = ("COMPLETED", "STABLE", ".complete", "commit_success.txt")
"""Files that writers put into a checkpoint last: open-instruct, prime-rl, miles, Orbax."""


class Finding(Exception):
    """The way out of a nested check: what the checkpoint is instead of complete."""

    def __init__(self, condition: Condition, reason: Reason, detail: str, *, early: bool = False) -> None:
        super().__init__(detail)
        # A hostile header may hold a name of megabytes, which no log line or ledger is to carry.
        self.condition, self.reason, self.detail = condition, reason, detail[:DETAIL_LIMIT]
        self.early = early


class Proof(Protocol):
    """What shows that a checkpoint's writer is done with it."""

    @property
    def takes_the_states_step(self) -> bool:
        """True where the name states no step, and a `trainer_state.json` does."""
        ...

    def is_settled(self, files: Files) -> bool:
        """True where nothing more is to come, even without a `trainer_state.json`."""
        ...

    def check(self, found: Checkpoint, files: Files) -> None:
        """Raises `Finding` for a checkpoint, whole otherwise, whose writer may not be done with it."""
        ...


@dataclass(frozen=True, slots=True)
class NeedsNone:
    """A directory that somebody has named; nobody is writing it."""

    takes_the_states_step: bool = False

    def is_settled(self, files: Files) -> bool:  # noqa: ARG002
        return True

    def check(self, found: Checkpoint, files: Files) -> None:
        """Nothing to check."""


@dataclass(frozen=True, slots=True)
class NeedsTrainerState:
    """Hugging Face's Trainer, which writes `trainer_state.json` last."""

    now: Callable[[], float]
    takes_the_states_step: bool = False

    def is_settled(self, files: Files) -> bool:  # noqa: ARG002
        return False

    def check(self, found: Checkpoint, files: Files) -> None:
        if found.trainer is None:
            detail = f"{found.name} has no {layout.TRAINER_STATE} yet, the last file of a checkpoint."
            early = any(name in files for name in AFTER_THE_MODEL)
            raise Finding(Condition.PARTIAL, Reason.TRAINER_STATE_MISSING, detail, early=early)
        if found.trainer.global_step != found.step:
            detail = f"{layout.TRAINER_STATE} in {found.name} states step {found.trainer.global_step}."
            raise Finding(Condition.PARTIAL, Reason.TRAINER_STATE_MISMATCH, detail)
        written = _written_at(found)
        if _is_older(files[layout.TRAINER_STATE], written) and self.now() - written < REWRITE_GRACE_S:
            detail = f"{found.name} is being written again: its weights are newer than its {layout.TRAINER_STATE}."
            raise Finding(Condition.PARTIAL, Reason.TRAINER_STATE_MISMATCH, detail)


@dataclass(frozen=True, slots=True)
class NeedsAnySign:
    """Any other writer: its state, its marker, or its silence, `quiet` seconds so far."""

    quiet: float
    takes_the_states_step: bool

    def is_settled(self, files: Files) -> bool:
        return self.quiet >= QUIET_S or any(name in files for name in MARKERS)

    def check(self, found: Checkpoint, files: Files) -> None:
        signs = [files[name] for name in (*MARKERS, layout.TRAINER_STATE) if name in files]
        written = _written_at(found)
        if self.quiet >= QUIET_S or any(not _is_older(sign, written) for sign in signs):
            return
        detail = (
            f"{found.name} has no {layout.TRAINER_STATE} and no marker of its writer; it counts as complete once "
            f"nothing in it has changed for {QUIET_S:.0f} s."
        )
        raise Finding(Condition.PARTIAL, Reason.STILL_CHANGING, detail)


def _written_at(found: Checkpoint) -> float:
    """When the last weights were written, in seconds since the epoch."""
    return max(s.mtime_ns for s in found.files if s.name.endswith(".safetensors")) / 1e9


def _is_older(sign: FileStamp, written: float) -> bool:
    """True where a file is of an earlier save than the weights."""
    return sign.mtime_ns / 1e9 + MTIME_SLACK_S < written
