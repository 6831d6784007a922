"""Whether rows may go into the trainer's run now, and how: decided on what W&B says of the run, never on hope.

Pure. The client asks right before each publication, so what is not covered are the seconds between this answer
and the last row: a trainer in W&B's default mode that starts then may lose rows.

| the run                                       | auto               | deferred           | shared |
|-----------------------------------------------|--------------------|--------------------|--------|
| does not exist                                | wait               | wait               | wait   |
| is running, its newest writer in shared mode  | join               | companion          | join   |
| is running, its newest writer in default mode | companion          | companion          | join   |
| is running, W&B does not show yet how         | wait               | wait               | join   |
| has ended, but not for long enough            | join, if shared    | companion          | join   |
| has ended, and stayed so                      | replay, or join    | replay, or join    | join   |

*join*: a session in shared mode, in which W&B numbers the rows of all writers. *replay*: a session in default mode,
as a trainer that resumes its run has it; only for a run whose last writer was in default mode, and which nobody
writes into any more: W&B does not support a shared writer in such a run. *companion*: a run of uimon's own beside
the trainer's, until that has ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from watcher.model import Reason, UimonError
from watcher.trackers.wandb.run import ENDED, RunFacts, RunRef, Writer, missing_run

Mode: TypeAlias = Literal["auto", "shared", "deferred"]
_MODES: Final[tuple[Mode, ...]] = ("auto", "shared", "deferred")


def mode_of(setting: str) -> Mode:
    """How a run is joined by what `--wandb` says, for a run that is logged to all the same where that is `off`.

    >>> mode_of("deferred"), mode_of("off")
    ('deferred', 'auto')
    """
    return next((mode for mode in _MODES if mode == setting), "auto")


class SessionMode(StrEnum):
    """How a session writes into the trainer's run."""

    JOIN = "join"
    REPLAY = "replay"


class Deferred(UimonError):
    """Rows wait until the run has ended; until then they may go into its companion."""

    def __init__(self, sentence: str) -> None:
        super().__init__(Reason.DEFERRED, sentence)


@dataclass(frozen=True, slots=True)
class Settling:
    """For how long, in seconds, a run has to be seen ended before rows are written into it in default mode.

    `ended`: W&B's `finished` and `failed` are the word of a process that left the run; another one that lives on
    shows by its heartbeat, which the SDK sends every 30 s. `crashed` (also `killed`): all that W&B knows is that no
    heartbeat came for some minutes, and a trainer whose network was down comes back. `old`: where the last heartbeat
    is this long ago by W&B's and this machine's clocks, nothing is waited for.
    """

    ended: float = 45.0
    crashed: float = 270.0
    old: float = 3600.0

    @classmethod
    def after(cls, ended: float) -> Settling:
        """The times that go with `ended`: six times that for a crashed run, and an hour of silence is enough."""
        return cls(ended, 6 * ended)

    def is_over(self, state: str | None, seconds: float, silence: float | None) -> bool:
        """True for a run that was seen in the ended `state` for `seconds`, its last heartbeat `silence` seconds ago.

        >>> Settling().is_over("finished", 60, None), Settling().is_over("crashed", 60, None)
        (True, False)
        >>> Settling().is_over("crashed", 0, 7200.0), Settling().is_over("running", 9000, 7200.0)
        (True, False)
        """
        if state not in ENDED:
            return False
        return (silence is not None and silence >= self.old) or seconds >= self.needed(state)

    def needed(self, state: str | None) -> float:
        """How many seconds a run has to be seen in the ended `state`."""
        return self.ended if state in ("finished", "failed") else self.crashed


def decide(ref: RunRef, facts: RunFacts, mode: Mode, *, settled: bool, spoiled: bool = False) -> SessionMode:
    """The session in which rows may go into the run now, by the table above; `settled`: it ended, and stayed so.
    `spoiled`: joining has cost the trainer rows once, so that it is joined as if by `deferred`, whatever the mode.

    Raises `UimonError`: `run_not_found`, `not_delivered` where W&B does not show yet how the run's writer works, and
    `Deferred`.
    """
    if not facts.exists:
        raise UimonError(Reason.RUN_NOT_FOUND, missing_run(ref, facts))
    shared = facts.writer is Writer.SHARED
    if not spoiled and (mode == "shared" or (mode == "auto" and shared)):
        return SessionMode.JOIN
    if facts.state in ENDED:
        if not settled:
            raise Deferred(
                f"Run {facts.path} is {facts.state}; uimon writes rows into it once it has stayed so for a while."
            )
        return SessionMode.JOIN if shared else SessionMode.REPLAY
    if spoiled:
        raise Deferred(
            f"Rows of the trainer were missing from run {facts.path} after uimon had joined it, so uimon does not join "
            "it again; rows wait until it has ended. Start its trainer with WANDB_MODE=shared."
        )
    if mode == "deferred":
        raise Deferred(f"Rows wait until run {facts.path} has ended (--wandb deferred).")
    if facts.writer is Writer.UNKNOWN:
        raise UimonError(
            Reason.NOT_DELIVERED, f"W&B does not show yet in which mode the trainer of run {facts.path} writes."
        )
    raise Deferred(
        f"The trainer of run {facts.path} writes in W&B's default mode, in which a second writer would overwrite its "
        "rows, so they wait until the run has ended. For live rows in the run, start the trainer with "
        f"WANDB_MODE=shared WANDB_RUN_ID={ref.run_id}."
    )
