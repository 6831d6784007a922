"""Whose failure was it: the checkpoint's, or the engine's, which fails with any other as well?

A GPU that is lost, a driver that is reloaded, memory that somebody else has taken: each checkpoint that is tried then
fails, and is as good as ever. So before a checkpoint is given up for a failure that may be the engine's, the engine is
asked to load another one, the witness: one that was evaluated and still lies unchanged where it was, else one that
waits. Where that works, the failure was the checkpoint's. Where it fails alike the engine is away: the queue pauses, a
little longer each time, what is staged stays, and no checkpoint is charged.

Without a witness it counts what else was seen. An engine that has evaluated another one since leaves the checkpoint to
blame; one with which others that wait have failed, too, does not. A lone checkpoint is tried again for `LIMIT`, and
given up then; at the one look of `--once` at once, where the engine was never well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from watcher.checkpoints.staging.sharing import holds
from watcher.engine.types import ContextTooLong, Loaded
from watcher.ledger.ledger import Ledger, Record
from watcher.ledger.reading import AWAY_KEY
from watcher.model import CheckpointKind, Reason, State, UimonError
from watcher.service.signals import log
from watcher.settings.durations import format_duration

ENGINES_OWN = frozenset(
    {
        Reason.ENGINE_DIED,
        Reason.ENGINE_TIMEOUT,
        Reason.ENGINE_ERROR,
        Reason.ENGINE_START,
        Reason.OUT_OF_MEMORY,
        Reason.GPU_MISSING,
        Reason.GPU_OCCUPIED,
    }
)
"""Failures that may be the machine's: the same checkpoint may do well in an engine that is well."""
LIMIT = 600.0
"""Seconds after which a lone checkpoint is given up."""
END_LIMIT = 2 * LIMIT
"""Seconds after which a watch to which nothing more comes ends."""
PAUSES = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""Seconds between two attempts while the engine is away; the last one again and again."""
_WITNESSES = 3


class Loading(Protocol):
    """What of an engine a witness needs."""

    def load(self, path: Path, digest: str, kind: CheckpointKind, base: Path | None) -> Loaded:
        """Serve these weights, and prove that they are served."""
        ...


@dataclass(frozen=True, slots=True)
class Away:
    """The engine is away: since when, on the monotonic clock, and the sentence of its failure."""

    since: float
    reason: Reason
    sentence: str


def may_be_engines(error: UimonError) -> bool:
    """True for a failure that any other checkpoint might have had at that moment."""
    return error.reason in ENGINES_OWN and not isinstance(error, ContextTooLong)


class Outage:
    """Judges failures, and keeps the pauses. `base_of` finds an adapter's base, or raises UimonError. `patient`: others
    may come, so that a lone checkpoint waits also for an engine that was never well.
    """

    def __init__(
        self,
        ledger: Ledger,
        base_of: Callable[[Record], Path],
        *,
        patient: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._base_of = base_of
        self._patient = patient
        self._clock = clock
        self._suspects: dict[int, float] = {}
        self._well_at: float | None = None
        self._pauses = 0
        self._resume_at = 0.0
        self.away: Away | None = None
        """What is wrong; None while the engine is well, as far as anybody knows."""
        ledger.remember(AWAY_KEY, "")

    @property
    def sentence(self) -> str:
        """What is wrong with the engine; empty while it is well, as far as anybody knows."""
        away = self.away
        return "" if away is None else away.sentence

    @property
    def pause_left(self) -> float:
        """Seconds in which nothing is to be tried."""
        return max(0.0, self._resume_at - self._clock()) if self.away is not None else 0.0

    @property
    def seconds(self) -> float:
        """For how long the engine has been away."""
        return 0.0 if self.away is None else self._clock() - self.away.since

    def tried(self, record: Record) -> bool:
        """True for a checkpoint that failed and was not charged: others are tried first."""
        return record.id in self._suspects

    def is_engines(self, engine: Loading, record: Record) -> bool:
        """Whether the failure that an attempt at `record` just ended with is the engine's own, and no bad checkpoint's.

        Raises UimonError (`interrupted`) where the service ends meanwhile.
        """
        well = self._well_at
        failed_at = self._suspects.setdefault(record.id, self._clock())
        spoken = self._ask_witness(engine, record)
        if spoken is not None:
            return not spoken
        if well is not None and well > failed_at:
            return False
        if any(self.tried(other) for other in self._ledger.records(State.STAGED)):
            return True
        known = well is not None or bool(self._ledger.records(State.EVALUATED, State.PUBLISHED))
        return (known or self._patient) and self._clock() - failed_at < LIMIT

    def pause(self, error: UimonError) -> None:
        """Wait before the next attempt; the first time it is said why."""
        pause = PAUSES[min(self._pauses, len(PAUSES) - 1)]
        self._pauses += 1
        self._resume_at = self._clock() + pause
        if self.away is not None:
            return
        self.away = Away(self._clock(), error.reason, error.sentence)
        self._ledger.remember(AWAY_KEY, json.dumps({"since": time.time(), "sentence": error.sentence}))
        log.error(
            "The engine is unavailable: another checkpoint fails as well. %s (%s) uimon keeps the checkpoints that "
            "wait, and retries in %s, then less often.",
            error.sentence,
            error.reason,
            format_duration(pause),
        )

    def well(self, record: Record | None = None) -> None:
        """The engine works; `record` was evaluated."""
        self._well_at = self._clock()
        self._pauses = 0
        if record is not None:
            self._suspects.pop(record.id, None)
        if self.away is not None:
            log.warning("The engine works again, after %s.", format_duration(round(self.seconds)))
            self.away = None
            self._ledger.remember(AWAY_KEY, "")

    def acquit(self, record: Record) -> None:
        """The checkpoint is done with, one way or the other."""
        self._suspects.pop(record.id, None)

    def _ask_witness(self, engine: Loading, record: Record) -> bool | None:
        """Whether the engine loads another checkpoint; None where there is none that could be asked."""
        for witness, path in islice(self._witnesses(record), _WITNESSES):
            try:
                base = self._base_of(witness) if witness.kind is CheckpointKind.ADAPTER else None
                engine.load(path, witness.digest or "", witness.kind, base)
            except UimonError as error:
                if error.reason is Reason.INTERRUPTED:
                    raise
                if may_be_engines(error) and holds(path, witness.stamp):
                    return False
                # What it was is gone, or another failure that says nothing about the engine.
                continue
            self.well()
            return True
        return None

    def _witnesses(self, record: Record) -> Iterator[tuple[Record, Path]]:
        """Other checkpoints and where they lie: those that were evaluated, the newest first, then those that wait."""
        done = self._ledger.records(State.EVALUATED, State.PUBLISHED)
        for known in sorted(done, key=lambda r: -r.id):
            if known.id != record.id and known.digest and holds(known.path, known.stamp):
                yield known, known.path
        for waiting in self._ledger.records(State.STAGED):
            if waiting.id != record.id and not waiting.early and not self.tried(waiting) and waiting.stage is not None:
                yield waiting, waiting.stage
