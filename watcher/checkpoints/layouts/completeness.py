"""What shows that the writer of a checkpoint is done with it, whole or not. Pure.

Hugging Face's Trainer writes `trainer_state.json` last. What other writers leave is complete when one of these holds:
it has a whole `trainer_state.json` after all; it has one of the markers that its layout knows, not older than the
weights; nothing in it has changed for `QUIET_S`, by this machine's clock that does not jump, so that the clock of a
file server does not matter.

A checkpoint that lacks something for good (no configuration, no weights, shards that are missing, files without
tensors) looks like one that is being written. Silence tells the two apart, by one rule:

| the directory | its writer is done once nothing in it has changed for |
|---|---|
| has a whole `trainer_state.json`, or is of a writer that need not leave one | `QUIET_S` |
| has no whole `trainer_state.json`, which its writer leaves last | `LONG_SILENCE_S` |

Silence is that of everything below the directory, and of a download into it. A copy or download in an order of its own,
which has brought the state before the weights, is not silent; one that pauses for longer is taken up again when it goes
on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from watcher.checkpoints.layouts.files import TRAINER_STATE, is_weights
from watcher.model import Checkpoint, Condition, FileStamp, Reason

Files = Mapping[str, FileStamp]
DETAIL_LIMIT = 1000
"""Longest `detail`, in characters."""
MTIME_SLACK_S = 2.0
"""Coarsest timestamps of a file system in use (FAT's), in seconds."""
QUIET_S = 60.0
"""How long, in seconds, nothing may have changed in a directory that tells in no other way that it is whole. A trainer
that writes a checkpoint is never silent for as long within one directory. Weights newer than `trainer_state.json` count
as a checkpoint that is being written again until then; after it they are taken for a copy, which a file manager or
download wrote in an order of its own."""
LONG_SILENCE_S = 600.0
"""How long, in seconds, nothing may have changed where the state is missing, until its writer counts as interrupted:
a trainer may gather a large optimizer for minutes before it writes it."""
INTERRUPTED = (
    "delete it if its trainer was interrupted; for a trainer that leaves none, say how it names checkpoints, as in "
    "--pattern 'checkpoint-{step}'"
)
AFTER_THE_MODEL = ("training_args.bin", "optimizer.pt", "optimizer.bin", "scheduler.pt")
"""What the Trainer writes once the model and its tokenizer are written, and long before `trainer_state.json`."""
MARKERS = ("COMPLETED", "STABLE", ".complete", "commit_success.txt")
"""Files that writers put into a checkpoint last: open-instruct, prime-rl, miles, Orbax. A name such as `step_500` is
that of all of them, and of loops of one's own, so that a layout of such names takes every one of these. Where no writer
leaves one, a file of that name is somebody else's: a job that ends may leave `COMPLETED` in the run's directory, before
the model is saved there or after.
"""


class NotComplete(Exception):
    """The way out of a nested check: what the checkpoint is instead of complete.

    `way_out`: what a person can do about something partial once its writer is done; empty where time alone will tell.
    """

    def __init__(
        self, condition: Condition, reason: Reason, detail: str, *, early: bool = False, way_out: str = ""
    ) -> None:
        super().__init__(detail)
        # A hostile header may hold a name of megabytes, which no log line or ledger is to carry.
        self.condition, self.reason, self.detail = condition, reason, detail[:DETAIL_LIMIT]
        self.early, self.way_out = early, way_out

    @property
    def for_good(self) -> str:
        """The sentence once nothing more is to come."""
        return f"{self.detail.removesuffix('.')}, and its writer is done with it: {self.way_out}."


class CommitCheck(Protocol):
    """What shows that a checkpoint's writer is done with it."""

    def is_settled(self, files: Files, quiet: float) -> bool:
        """Tell whether nothing more is to come, even without a `trainer_state.json`.

        Args:
            files: The files of the checkpoint, by their names in it.
            quiet: For how many seconds nothing in it has changed.

        Returns:
            True if whatever is missing now is missing for good.
        """
        ...

    def is_over(self, found: Checkpoint, quiet: float) -> bool:
        """Tell whether what a partial checkpoint lacks will not come any more.

        Args:
            found: The partial checkpoint.
            quiet: For how many seconds nothing in it has changed.

        Returns:
            True if the checkpoint is to fail now, rather than to be waited for.
        """
        ...

    def is_settling(self, found: Checkpoint) -> bool:
        """Tell whether a partial checkpoint needs nothing but time.

        Args:
            found: The partial checkpoint.

        Returns:
            True if `QUIET_S` without a change makes it either complete or one that is over.
        """
        ...

    def check(self, found: Checkpoint, files: Files, quiet: float) -> None:
        """Require that the writer of a checkpoint, which is whole otherwise, is done with it.

        Args:
            found: The checkpoint, its `trainer_state.json` read if it has one.
            files: Its files, by their names in it.
            quiet: For how many seconds nothing in it has changed.

        Raises:
            NotComplete: The writer may not be done. `early` is true if the engine may begin all the same.
        """
        ...


@dataclass(frozen=True, slots=True)
class NoCheck:
    """Nobody is writing the directory: somebody has named it."""

    def is_settled(self, files: Files, quiet: float) -> bool:  # noqa: ARG002
        return True

    def is_over(self, found: Checkpoint, quiet: float) -> bool:  # noqa: ARG002
        return False  # whoever named it is told at once what it lacks

    def is_settling(self, found: Checkpoint) -> bool:  # noqa: ARG002
        return False

    def check(self, found: Checkpoint, files: Files, quiet: float) -> None:
        """Nothing to check."""


@dataclass(frozen=True, slots=True)
class TrainerStateCheck:
    """Its writer leaves `trainer_state.json` last, as Hugging Face's Trainer does."""

    def is_settled(self, files: Files, quiet: float) -> bool:  # noqa: ARG002
        return quiet >= LONG_SILENCE_S

    def is_over(self, found: Checkpoint, quiet: float) -> bool:
        return quiet >= (LONG_SILENCE_S if found.trainer is None else QUIET_S)

    def is_settling(self, found: Checkpoint) -> bool:
        return found.trainer is not None

    def check(self, found: Checkpoint, files: Files, quiet: float) -> None:
        if found.trainer is None:
            detail = f"{found.name} has no {TRAINER_STATE} yet, the last file of a checkpoint."
            early = any(name in files for name in AFTER_THE_MODEL)
            raise NotComplete(Condition.PARTIAL, Reason.TRAINER_STATE_MISSING, detail, early=early, way_out=INTERRUPTED)
        if found.trainer.global_step != found.step:
            detail = f"{TRAINER_STATE} in {found.name} states step {found.trainer.global_step}."
            way_out = "give the directory the name of its own step"
            raise NotComplete(Condition.PARTIAL, Reason.TRAINER_STATE_MISMATCH, detail, way_out=way_out)
        if _is_older(files[TRAINER_STATE], _written_at(found)) and quiet < QUIET_S:
            detail = f"{found.name} is being written again: its weights are newer than its {TRAINER_STATE}."
            raise NotComplete(Condition.PARTIAL, Reason.TRAINER_STATE_MISMATCH, detail)


@dataclass(frozen=True, slots=True)
class AnySignCheck:
    """Any other writer: its state, one of the `markers` that it puts there last, or its silence."""

    markers: tuple[str, ...] = ()

    def is_settled(self, files: Files, quiet: float) -> bool:
        return quiet >= QUIET_S or any(name in files for name in self.markers)

    def is_over(self, found: Checkpoint, quiet: float) -> bool:  # noqa: ARG002
        return quiet >= QUIET_S

    def is_settling(self, found: Checkpoint) -> bool:  # noqa: ARG002
        return True

    def check(self, found: Checkpoint, files: Files, quiet: float) -> None:
        signs = [files[name] for name in (*self.markers, TRAINER_STATE) if name in files]
        written = _written_at(found)
        if quiet >= QUIET_S or any(not _is_older(sign, written) for sign in signs):
            return
        lacking = f"{TRAINER_STATE} and no marker of its writer" if self.markers else TRAINER_STATE
        detail = (
            f"{found.name} has no {lacking}; it counts as complete once nothing in it has changed for {QUIET_S:.0f} s."
        )
        raise NotComplete(Condition.PARTIAL, Reason.STILL_CHANGING, detail)


def _written_at(found: Checkpoint) -> float:
    """When the last weights were written, in seconds since the epoch."""
    return max(s.mtime_ns for s in found.files if is_weights(s.name)) / 1e9


def _is_older(sign: FileStamp, written: float) -> bool:
    """True where a file is of an earlier save than the weights."""
    return sign.mtime_ns / 1e9 + MTIME_SLACK_S < written
