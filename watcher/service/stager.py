"""Which of the complete checkpoints are staged, and when; and what gives way where there is no room for all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from watcher.checkpoints.policy import Policy
from watcher.checkpoints.sources.source import Source
from watcher.checkpoints.staging.sharing import staging_mode_of
from watcher.checkpoints.staging.stage import stage, unstage
from watcher.checkpoints.staging.transfer import StagingMode
from watcher.ledger.ledger import Ledger, Record
from watcher.model import FINAL_NAME, Checkpoint, Condition, Reason, Staged, State, UimonError
from watcher.service.signals import Signals, log
from watcher.system.crashpoint import crash_point

# What the policy counts as evaluated, or to be.
_TAKEN = (State.COMPLETE, State.STAGED, State.EVALUATING, State.EVALUATED, State.PUBLISHED)


@dataclass(frozen=True, slots=True)
class Staging:
    """Where and how checkpoints are staged: `way` is a `StagingMode` or `auto`; see `--stage` and its neighbors."""

    directory: Path
    way: str
    floor_bytes: int
    budget_bytes: int | None
    free: Callable[[Path], int]

    def ways(self, *, idle: bool) -> tuple[StagingMode, ...]:
        """The ways to try. An idle engine reads a checkpoint at once, so that a copy of it would be made for nothing.

        >>> auto = Staging(Path("stage"), "auto", 0, None, lambda _: 10**9)
        >>> [way.value for way in auto.ways(idle=False)], [way.value for way in auto.ways(idle=True)]
        (['reflink', 'copy'], ['none'])
        """
        if self.way != "auto":
            return (StagingMode(self.way),)
        return (StagingMode.IN_PLACE,) if idle else (StagingMode.REFLINK, StagingMode.COPY)


class Stager:
    """Stages what the ledger has as complete and the source has read. Used from one thread.

    `early`: checkpoints whose weights are whole are begun while their writer still saves the optimizer. `on_failed` is
    called where one is given up.
    """

    def __init__(
        self,
        source: Source,
        ledger: Ledger,
        signals: Signals,
        *,
        staging: Staging,
        policy: Policy,
        early: bool,
        on_failed: Callable[[], None],
    ) -> None:
        self._source = source
        self._ledger = ledger
        self._signals = signals
        self._staging = staging
        self._policy = policy
        self._early = early
        self._on_failed = on_failed
        self._begun_early: set[tuple[str, str]] = set()
        self._disk_said = False

    def step(self) -> None:
        """Drop what does not count or has no room, and stage what is due."""
        self._abandon_unfinished()
        self._keep_floor()
        self._stage_complete()
        if self._early:
            self._stage_early()

    def discard(self, record: Record) -> None:
        """Remove what was staged of a checkpoint, unless the engine is reading it: the evaluator removes that."""
        if record.stage is not None and record.state is State.STAGED:
            unstage(record.stage)

    def _abandon_unfinished(self) -> None:
        """Drop what was taken early and will not be finished: its trainer has finished a later one."""
        for record in self._ledger.early():
            # Seen after it: those of a later part of the run, from which the trainer has gone back, say nothing.
            later = [r for r in self._ledger.records(*_TAKEN) if r.step > record.step and r.id > record.id]
            if later:
                sentence = f"its writer went on to {later[-1].name} without finishing it"
                self._ledger.abandon(record, State.SKIPPED, Reason.ABANDONED, sentence)
                log.warning("%s skipped (%s): %s.", record.name, Reason.ABANDONED, sentence)
                self.discard(record)
                self._signals.work.set()

    def _keep_floor(self) -> None:
        """Give up what waits, the oldest first, while less disk is free than is to stay free: what the trainer deletes
        is not free before the copies or links of it are gone.
        """
        waiting = [r for r in self._waiting() if r.stage is not None and staging_mode_of(r.stage).holds_disk]
        # The base model and the final checkpoint go last: no policy passes them over.
        waiting.sort(key=lambda r: r.step == 0 or r.final)
        with contextlib.suppress(FileNotFoundError):  # somebody has removed the stage directory
            while waiting and self._staging.free(self._staging.directory) < self._staging.floor_bytes:
                self._drop_staged(waiting.pop(0), "less disk is free than --disk-floor-gb")

    def _waiting(self) -> list[Record]:
        """What is staged and complete, by ascending step; what was begun early is nobody's to give up."""
        return [record for record in self._ledger.records(State.STAGED) if not record.early]

    def _drop_staged(self, record: Record, why: str) -> None:
        """Remove a staged checkpoint; where it still lies at the trainer's, it is staged again when there is room."""
        there = self._source.at(record.name)
        again = there is not None and there.stamp == record.stamp and there.condition is Condition.COMPLETE
        state = State.COMPLETE if again else State.SKIPPED
        if self._ledger.drop_staged(record, Reason.DISK_FULL, why, state=state):
            log.warning("%s: uimon drops its staged files (%s): %s.", record.name, Reason.DISK_FULL, why)
            self.discard(record)

    def _stage_early(self) -> None:
        """Begin with a checkpoint that is still being saved, where there is nothing else to do."""
        if self._signals.stop.is_set() or self._ledger.records(State.COMPLETE, State.STAGED, State.EVALUATING):
            return
        early = [checkpoint for checkpoint in self._source.readings().values() if checkpoint.early]
        for checkpoint in sorted(early, key=lambda checkpoint: -checkpoint.step):
            key = (checkpoint.name, checkpoint.stamp)
            record = self._ledger.latest(checkpoint.name)
            seen = record is not None and record.state is State.SEEN
            if record is not None and seen and key not in self._begun_early and self._is_due(record):
                self._begun_early.add(key)
                self._stage(record, checkpoint)
                return

    def _stage_complete(self) -> None:
        complete = self._ledger.records(State.COMPLETE)
        due = self._policy.in_order([r for r in complete if not self._passed_over(r)])
        # The model in the run directory comes last, so that it is known by the checkpoint whose weights it has.
        for record in sorted(due, key=lambda r: r.name == FINAL_NAME):
            checkpoint = self._source.readings().get(record.name)
            # One that somebody asked for again, and that cannot be loaded as it stands, is looked at first.
            whole = checkpoint is not None and checkpoint.condition is Condition.COMPLETE
            if checkpoint is not None and whole and not self._signals.stop.is_set():
                self._stage(record, checkpoint)

    def _passed_over(self, record: Record) -> bool:
        """Whether the policy skips this checkpoint, which is then on record; by ascending step."""
        if self._is_due(record):
            return False
        self._ledger.skipped(record, Reason.NOT_DUE, f"--policy evaluates one in {self._policy.every} steps")
        return True

    def _is_due(self, record: Record) -> bool:
        if not self._policy.every or record.name == FINAL_NAME:
            return True
        return self._policy.is_due(record, self._ledger.steps(*_TAKEN, besides=record.id))

    def _stage(self, record: Record, checkpoint: Checkpoint) -> None:
        staged = self._bring(record, checkpoint)
        if staged is None:
            return
        crash_point("intake.copied")
        self._disk_said = False
        if self._ledger.staged(record, staged, early=checkpoint.early) is None:
            unstage(staged.path)
            log.info("%s holds the same weights as before; nothing to do.", record.name)
        self._signals.news()
        self._signals.work.set()

    def _bring(self, record: Record, checkpoint: Checkpoint) -> Staged | None:
        """What is staged of the checkpoint; None where there is nothing now, which is on record."""
        # Starting an engine, and proving the first swap, take long and read the files more than once.
        idle = self._signals.swapped.is_set() and not self._ledger.records(State.STAGED, State.EVALUATING)
        while True:
            try:
                return stage(
                    checkpoint,
                    self._staging.directory,
                    ways=self._staging.ways(idle=idle),
                    floor_bytes=self._staging.floor_bytes,
                    budget_bytes=self._staging.budget_bytes,
                    should_stop=self._signals.stop.is_set,
                    free=self._staging.free,
                )
            except UimonError as error:
                if error.reason is Reason.CONFIG_INVALID:
                    raise
                if error.reason is not Reason.DISK_FULL or not self._made_room(record):
                    self._not_staged(record, error)
                    return None

    def _made_room(self, record: Record) -> bool:
        """Give up the oldest checkpoint that waits, where the policy wants newer ones first."""
        waiting = [r for r in self._waiting() if r.step < record.step]
        if not self._policy.newest_first or not waiting:
            return False
        self._drop_staged(waiting[0], f"there is no room, and --policy latest evaluates {record.name} first")
        return True

    def _not_staged(self, record: Record, error: UimonError) -> None:
        """A staging that did not come about: deleted meanwhile, written again meanwhile, or no room for it now."""
        if error.reason is Reason.DELETED:
            self._ledger.skipped(record, error.reason, error.sentence)
            log.warning("%s skipped (%s): %s", record.name, error.reason, error.sentence)
        elif error.reason is Reason.DISK_FULL:
            # It stays `complete` and is tried again at each look; saying so each time would drown the log.
            if not self._disk_said:
                log.warning("%s waits for disk space: %s", record.name, error.sentence)
            self._disk_said = True
        elif error.reason is Reason.WEIGHTS_CHANGED:
            log.info("%s %s uimon inspects it again.", record.name, error.sentence)
            self._source.forget(record.name)
        elif record.state is State.SEEN:
            return  # it was only begun early
        elif error.reason is not Reason.INTERRUPTED:
            self._ledger.failed(record, error.reason, error.sentence)
            log.error("%s failed (%s): %s", record.name, error.reason, error.sentence)
            self._on_failed()
