"""The words all rooms share: what a checkpoint is, how its evaluation stands, and why something went another way.

Nothing here does input or output, and nothing here imports another room. Every reason a person may meet,
in the ledger, a log line, the command line or a metric, is a member of `Reason`: one word for one thing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

JsonScalar = str | int | float | bool | None
JsonObject: TypeAlias = Mapping[str, Any]
"""A JSON object whose form its reader knows, or which it reads key by key."""

LAST_STEP = 10**18 - 1
"""The last step that can be one: what is more fits neither the ledger's integers nor the names of directories."""

FINAL_NAME = "final"
"""The name of the model that a trainer saves into the run directory itself."""

BASE_NAME = "base"
"""The name of the base model as the checkpoint of step 0."""


class Reason(StrEnum):
    """Why a checkpoint or a row is not where one would expect it. The value is the word users see."""

    # A checkpoint that is still being written (state `seen`), or that its writer has left like this (`failed`).
    WEIGHTS_MISSING = "weights_missing"
    WEIGHTS_INCOMPLETE = "weights_incomplete"
    CONFIG_MISSING = "config_missing"
    TRAINER_STATE_MISSING = "trainer_state_missing"
    TRAINER_STATE_MISMATCH = "trainer_state_mismatch"
    STILL_CHANGING = "still_changing"

    # A checkpoint that uimon does not evaluate as it stands (state `failed`, until it changes on disk).
    DEEPSPEED_ZERO = "deepspeed_zero"
    FSDP_SHARDED = "fsdp_sharded"
    TORCH_DCP = "torch_dcp"
    PICKLE_WEIGHTS = "pickle_weights"
    UNREADABLE = "unreadable"
    OTHER_WEIGHTS = "other_weights"
    UNKNOWN_ARCHITECTURE = "unknown_architecture"
    TOKENIZER_MISSING = "tokenizer_missing"
    CHAT_TEMPLATE_MISSING = "chat_template_missing"
    BASE_MODEL_MISSING = "base_model_missing"
    ADAPTER_UNSUPPORTED = "adapter_unsupported"

    # A checkpoint that was passed over (state `skipped`).
    DELETED = "deleted"
    ABANDONED = "abandoned"
    NOT_DUE = "not_due"
    SAME_WEIGHTS = "same_weights"
    EARLIER_RUN = "earlier_run"

    # The engine (state `failed`).
    WEIGHTS_CHANGED = "weights_changed"
    WEIGHTS_REFUSED = "weights_refused"
    NON_FINITE = "non_finite"
    STALE_WEIGHTS = "stale_weights"
    ENGINE_MISSING = "engine_missing"
    ENGINE_START = "engine_start"
    ENGINE_DIED = "engine_died"
    ENGINE_TIMEOUT = "engine_timeout"
    ENGINE_ERROR = "engine_error"
    OUT_OF_MEMORY = "out_of_memory"
    MODULE_MISSING = "module_missing"
    GPU_OCCUPIED = "gpu_occupied"
    GPU_MISSING = "gpu_missing"

    # Prompts.
    VAL_MISSING = "val_missing"
    VAL_INVALID = "val_invalid"
    NO_USABLE_PROMPT = "no_usable_prompt"
    TOKENIZER_MISMATCH = "tokenizer_mismatch"
    TEMPLATE_MISMATCH = "template_mismatch"

    # Stored samples that were to be scored anew.
    SAMPLES_MISSING = "samples_missing"

    # Work that follows an evaluation.
    FOLLOWUP_ERROR = "followup_error"
    FOLLOWUP_DIED = "followup_died"

    # Publication (a row that waits in the outbox).
    DEFERRED = "deferred"
    RUN_NOT_FOUND = "run_not_found"
    WANDB_KEY_MISSING = "wandb_key_missing"
    WANDB_UNREACHABLE = "wandb_unreachable"
    WANDB_REFUSED = "wandb_refused"
    NOT_DELIVERED = "not_delivered"
    UNCONFIRMED = "unconfirmed"
    OTHER_PUBLISHER = "other_publisher"

    # The service itself.
    CONFIG_INVALID = "config_invalid"
    CHECKPOINTS_MISSING = "checkpoints_missing"
    LEDGER_DAMAGED = "ledger_damaged"
    DISK_FULL = "disk_full"
    STATE_DIR_BUSY = "state_dir_busy"
    STATE_DIR_UNUSABLE = "state_dir_unusable"
    INTERRUPTED = "interrupted"
    EVALUATION_HUNG = "evaluation_hung"


class UimonError(Exception):
    """A failure that a person must hear of: `reason` is the code, the text says what, where and what next."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence

    def rename(self, place: Path, own: Path | str) -> None:
        """Say `own` where the sentence says `place`: what a person knows, for a copy that is uimon's."""
        self.sentence = self.sentence.replace(str(place), str(own))
        self.args = (self.sentence,)


class State(StrEnum):
    """Where a checkpoint stands in the ledger; the order is the way it goes."""

    SEEN = "seen"
    COMPLETE = "complete"
    STAGED = "staged"
    EVALUATING = "evaluating"
    EVALUATED = "evaluated"
    PUBLISHED = "published"
    SKIPPED = "skipped"
    FAILED = "failed"


class FollowupState(StrEnum):
    """Where work that follows an evaluation stands: `due`, now or later, `running`, `done`, or `failed` for good."""

    DUE = "due"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Condition(StrEnum):
    """What an inspection of a checkpoint directory found."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    UNSUPPORTED = "unsupported"
    GONE = "gone"


class CheckpointKind(StrEnum):
    """What the weights in a checkpoint are."""

    FULL = "full"
    ADAPTER = "adapter"


@dataclass(frozen=True, slots=True)
class FileStamp:
    """One file as it was seen: `name` as an engine gets it, `size` in bytes, `mtime_ns`, `inode`; `place` is the folder
    of the checkpoint in which it lies, empty for the checkpoint itself. `sample`: of weights, a digest of some blocks.
    """

    name: str
    size: int
    mtime_ns: int
    inode: int
    place: str = ""
    sample: str = ""

    @property
    def source(self) -> str:
        """Where the file is, relative to the checkpoint."""
        return f"{self.place}/{self.name}" if self.place else self.name


@dataclass(frozen=True, slots=True)
class LoggedStep:
    """What the trainer logged of one training step. `loss`, `grad_norm` and `learning_rate` may be NaN or infinity;
    what a row does not hold is None. `rewarded`: the loss is one of rewards (preferences, policies), of no likelihood.
    """

    step: int
    loss: float
    grad_norm: float | None = None
    learning_rate: float | None = None
    epoch: float | None = None
    rewarded: bool = False


@dataclass(frozen=True, slots=True)
class TrainerState:
    """What `trainer_state.json` says: `log` holds every logged training step, in file order, but for those that are
    `left_out`: the oldest of very many, and those whose step is beyond `LAST_STEP`.
    """

    global_step: int
    max_steps: int
    log: tuple[LoggedStep, ...]
    left_out: int = 0

    @property
    def final(self) -> bool:
        """True where the trainer has done all the steps it was to do."""
        return 0 < self.max_steps <= self.global_step


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint directory as one inspection found it.

    `name` is the directory's name relative to the watched one (`checkpoint-50`), `path` its absolute path.
    `condition` other than `COMPLETE` carries a `reason` and a `detail`: one sentence that names the file and,
    for what is unsupported, the command that converts it. `files` are the files an engine needs (weights,
    configuration, tokenizer), never the optimizer's. `base` is an adapter's base model as it names it, `NAME@REVISION`
    where it names a revision.
    `early`: it is partial, but all that an engine needs is whole; what its writer still saves is the optimizer.
    `settling`: it is partial, and what it is will be known once nothing in it has changed for a minute.
    """

    name: str
    path: Path
    step: int
    condition: Condition
    reason: Reason | None = None
    detail: str = ""
    kind: CheckpointKind = CheckpointKind.FULL
    files: tuple[FileStamp, ...] = ()
    trainer: TrainerState | None = None
    base: str | None = None
    early: bool = False
    settling: bool = False

    @property
    def stamp(self) -> str:
        """Digest of the weight files' names, sizes, mtimes and some of their blocks: changes when the trainer writes
        them again. Inodes are no part of it: a network mount may number its files anew, and a directory that was moved
        to another disk has others, though every checkpoint in it is what it was.

        Only the weights count: while rotation deletes a directory its other files vanish first now and then,
        and that must not look like a new checkpoint.
        """
        return weights_stamp(self.files)

    @property
    def former_stamp(self) -> str:
        """The stamp as ledgers before version 6 have it, with every inode."""
        return _digest_of(self.files, lambda file: file.inode)

    @property
    def bytes(self) -> int:
        """Bytes of all the files that an engine needs."""
        return sum(f.size for f in self.files)


def weights_stamp(files: Iterable[FileStamp]) -> str:
    """The stamp of a checkpoint with these files; see `Checkpoint.stamp`."""
    return _digest_of(files, lambda file: file.sample)


def _digest_of(files: Iterable[FileStamp], last: Callable[[FileStamp], int | str]) -> str:
    weights = sorted((f for f in files if f.name.endswith(".safetensors")), key=lambda f: f.name)
    text = "\n".join(f"{f.name}\t{f.size}\t{f.mtime_ns}\t{last(f)}" for f in weights)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Failure:
    """That a checkpoint was given up for `reason`, as the sentence `detail` says. `key` is the same for one checkpoint
    and reason, however often it is tried. `seen_at` is when the checkpoint was first seen, `at` when it was given up
    first (Unix time).
    """

    key: str
    name: str
    step: int
    reason: Reason
    detail: str
    seen_at: float
    at: float


@dataclass(frozen=True, slots=True)
class Staged:
    """A checkpoint as the engine gets it, in the stage directory. `digest` is over every byte of the weights (hex)."""

    path: Path
    digest: str


class RowKind(StrEnum):
    """What a row of the outbox is; the value is the prefix of its uid's key in W&B (`eval/uid`, `followup/uid`,
    `train/uid`).
    """

    EVAL = "eval"
    FOLLOWUP = "followup"
    TRAIN = "train"


class AlertLevel(StrEnum):
    """How bad it is, in W&B's words, the mildest first."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"

    def is_above(self, other: AlertLevel) -> bool:
        """Whether this is worse.

        >>> AlertLevel.ERROR.is_above(AlertLevel.WARN), AlertLevel.WARN.is_above(AlertLevel.WARN)
        (True, False)
        """
        order = list(AlertLevel)
        return order.index(self) > order.index(other)


class Event(StrEnum):
    """What happens to an episode: it is raised, its level has risen, it is cleared. The value is what receivers see."""

    RAISED = "raised"
    RISEN = "risen"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Table:
    """A table for W&B: column names and rows of plain values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[JsonScalar, ...], ...]

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Table:
        """The table that `asdict` and JSON have made plain, whatever its texts hold."""
        return cls(tuple(plain["columns"]), tuple(tuple(cells) for cells in plain["rows"]))


class Target(StrEnum):
    """Where a row is to be: in the trainer's own run, or in one of uimon's beside it while that one is closed."""

    RUN = "run"
    COMPANION = "companion"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person should hear of: `key` tells it apart from others of its run, for ever."""

    key: str
    level: AlertLevel
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Sending:
    """That a row may have been sent and was not read back: `first_at` and `last_at`, when it was handed to W&B's SDK
    for the first and for the last time (seconds since the epoch), and how many `looks` at the run did not show it since
    the last.
    """

    first_at: float
    last_at: float
    looks: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One row of W&B history that is due, kept in the ledger until it was read back from the run.

    `values` holds everything that is logged, `train/global_step` and the uid under `<kind>/uid` included, so
    that a retry sends the identical row. `mark` is the run's history position noted before the first attempt:
    the row cannot be before it, so looking for it never reads the whole run; None means never attempted. `sent` is
    None where it is certain that the run does not hold the row by an attempt of this ledger's.
    """

    uid: str
    kind: RowKind
    step: int
    values: Mapping[str, JsonScalar]
    table: Table | None = None
    mark: int | None = None
    attempts: int = 0
    sent: Sending | None = None


def row_uid(kind: RowKind, run: str, step: int, *parts: str) -> str:
    """The identity of a row: the same row gets the same uid on every machine, so it holds no paths.

    >>> row_uid(RowKind.EVAL, "run", 50, "weights", "suite") == row_uid(RowKind.EVAL, "run", 50, "weights", "suite")
    True
    >>> row_uid(RowKind.EVAL, "run", 50, "weights", "suite") == row_uid(RowKind.TRAIN, "run", 50, "weights", "suite")
    False
    """
    text = "\0".join((kind, run, str(step), *parts))
    return hashlib.sha256(text.encode()).hexdigest()[:20]
