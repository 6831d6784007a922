"""From the trainer's directory to what the engine is given: complete checkpoints, out of rotation's reach."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from watcher.checkpoints.policy import Policy
from watcher.checkpoints.staging.sharing import way_of
from watcher.checkpoints.staging.stage import stage, unstage
from watcher.checkpoints.staging.transfer import Way
from watcher.ledger.ledger import Ledger, Record
from watcher.ledger.sightings import Sighting
from watcher.model import BASE_NAME, FINAL_NAME, LAST_STEP, Checkpoint, Condition, Reason, Staged, State, UimonError
from watcher.service.belonging import Belonging, NoOrigin
from watcher.service.signals import Signals, log
from watcher.system.crashpoint import crash_point

# What is not settled yet.
_OPEN = (State.SEEN, State.COMPLETE, State.STAGED, State.EVALUATING)
# What the policy counts as evaluated, or to be.
_TAKEN = (State.COMPLETE, State.STAGED, State.EVALUATING, State.EVALUATED, State.PUBLISHED)

_KEPT_TOGETHER = 100
"""So many sightings of one look are kept in one transaction."""
_LONGEST_PAUSE = 300.0
"""Longest pause, in seconds, between two searches for checkpoints that lie elsewhere."""


class Source(Protocol):
    """Where checkpoints come from."""

    def look(self) -> Iterable[Checkpoint] | None:
        """Every checkpoint that changed since the last look, as it stands; None while the place does not exist."""
        ...

    def names(self) -> Iterable[str] | None:
        """Names of all the checkpoints that were there at the last look; None where others may be elsewhere."""
        ...

    def mark(self, name: str) -> str:
        """Tells the content of a complete checkpoint from any other; empty where it is not known."""
        ...

    def unchanged(self, marks: Mapping[str, str]) -> frozenset[str]:
        """Of checkpoints that were complete with these marks those that are as they were: no look brings them before
        they change.
        """
        ...

    def at(self, name: str) -> Checkpoint | None:
        """One checkpoint as it stands; None where there is none of this name."""
        ...

    def elsewhere(self) -> str:
        """Names what else is there and is not evaluated, in a sentence; else empty."""
        ...

    def again(self, name: str) -> None:
        """The next look brings this checkpoint, whether or not it has changed."""
        ...

    def wait(self, timeout: float) -> None:
        """Sleep for at most `timeout` seconds, less where something seems to have changed."""
        ...


@dataclass(frozen=True, slots=True)
class Staging:
    """Where and how checkpoints are staged: `way` is a `Way` or `auto`; see `--stage` and its neighbors."""

    directory: Path
    way: str
    floor_bytes: int
    budget_bytes: int | None
    free: Callable[[Path], int]

    def ways(self, *, idle: bool) -> tuple[Way, ...]:
        """The ways to try. An idle engine reads a checkpoint at once, so that a copy of it would be made for nothing.

        >>> auto = Staging(Path("stage"), "auto", 0, None, lambda _: 10**9)
        >>> [way.value for way in auto.ways(idle=False)], [way.value for way in auto.ways(idle=True)]
        (['reflink', 'copy'], ['none'])
        """
        if self.way != "auto":
            return (Way(self.way),)
        return (Way.IN_PLACE,) if idle else (Way.REFLINK, Way.COPY)


class Intake:
    """Looks, takes note, stages. One look is `step()`; `run()` looks until the service stops.

    `early`: checkpoints whose weights are whole are begun while their writer still saves the optimizer. `on_failed` is
    called where one is given up. `belonging` tells whose they are.
    """

    def __init__(
        self,
        source: Source,
        ledger: Ledger,
        signals: Signals,
        *,
        run: str,
        staging: Staging,
        poll: float,
        policy: Policy,
        early: bool,
        on_failed: Callable[[], None],
        belonging: Belonging | None = None,
    ) -> None:
        self._belonging = belonging or Belonging(ledger, run, NoOrigin())
        self._source = source
        self._ledger = ledger
        self._signals = signals
        self._run = run
        self._staging = staging
        self._poll = poll
        self._policy = policy
        self._early = early
        self._on_failed = on_failed
        self._begun_early: set[tuple[str, str]] = set()
        self._seen: dict[str, Checkpoint] = {}
        self._looked_at = time.time()
        self._noted: list[Sighting] = []
        self._many_said = False
        self._missing_said = False
        self._disk_said = False
        self._left_out_said = False
        self._search_at = 0.0
        self._search_pause = poll
        self.first_look: float | None = None
        """When the directory was looked at first, in seconds since the epoch; None before that."""
        self.settling = False
        """True while the silence of a checkpoint, which does not last long enough yet, decides about it."""
        self.there: frozenset[str] = frozenset()
        """Names of the checkpoints that were there at the last look, or that the user has named."""
        self.elsewhere: str | None = None
        """Where else checkpoints are, in a sentence; empty where nowhere, None before it was looked for."""

    def run(self) -> None:
        """Look again and again, until the service stops."""
        while not self._signals.stop.is_set():
            self.step()
            self._source.wait(self._poll)

    def step(self) -> None:
        """One look at the directory, and what is complete is staged."""
        self._looked_at = time.time()
        if self.first_look is None:
            self._remember()
        seen = self._look()
        if seen is not None:
            self.first_look = self.first_look or self._looked_at
            noted = [news for checkpoint in seen if (news := self._take_note(checkpoint)) is not None]
            self._keep_noted()
            names = self._source.names()
            self.there = frozenset(names) if names is not None else self.there | self._seen.keys()
            if names is not None:
                self._forget_vanished(set(names))
            for name in self._belonging.settle(None if names is None else set(names)):
                self._source.again(name)
            for before, record in noted:
                self._announce(before, self._ledger.record(record.id))
            self._look_again()
            self._forsake_abandoned()
            self._keep_floor()
            self._stage_complete()
            if self._early:
                self._stage_early()
            self.settling = any(checkpoint.settling for checkpoint in self._seen.values())
            self._look_elsewhere()
        self._signals.looked.set()

    def _remember(self) -> None:
        """Before the first look: what was evaluated and has not changed since is not read again."""
        with contextlib.suppress(UimonError, OSError):  # the look itself says what is wrong with the directory
            seen = self._ledger.sightings().evaluated()
            same = self._source.unchanged({one.name: one.mark for one in seen})
            for name in self._belonging.restore([one for one in seen if one.name in same], self._source.at):
                self._source.again(name)

    def _keep_noted(self) -> None:
        if self._noted:
            self._ledger.sightings().keep(self._noted)
            self._noted.clear()

    def _say_many(self) -> None:
        """Say once that a look takes long."""
        if not self._many_said:
            self._many_said = True
            log.info(
                "uimon reads the logs of many checkpoints, which takes minutes for thousands; the next start "
                "reads only what has changed."
            )

    def _look_elsewhere(self) -> None:
        """Say once where checkpoints are, if there are none here: trainers make directories of their own, also after
        the start. While there is nothing to say the pauses before the next search grow.
        """
        if self.elsewhere or time.monotonic() < self._search_at:
            return
        self.elsewhere = self._source.elsewhere()
        self._search_at = time.monotonic() + self._search_pause
        self._search_pause = min(2 * self._search_pause, _LONGEST_PAUSE)
        if self.elsewhere:
            log.warning("%s", self.elsewhere)

    def _forget_vanished(self, names: set[str]) -> None:
        for record in self._ledger.vanished(names):
            log.warning("%s was deleted before it could be read; skipped.", record.name)
            self._discard(record)
        # What is settled is not needed any more, and would fill the memory in a long run.
        names &= {record.name for record in self._ledger.records(*_OPEN)}
        self._seen = {name: checkpoint for name, checkpoint in self._seen.items() if name in names}

    def _look_again(self) -> None:
        """What was set back, or is asked for again, is looked at once more: by itself it does not change."""
        for record in self._ledger.records(State.SEEN, State.COMPLETE):
            seen = self._seen.get(record.name)
            set_back = seen is not None and seen.condition is Condition.COMPLETE and record.state is State.SEEN
            if seen is None or set_back:
                self._source.again(record.name)

    def _look(self) -> Iterable[Checkpoint] | None:
        """The source's look; a directory that cannot be listed now is looked at again later, as a missing one is."""
        try:
            seen, sentence = self._source.look(), "The checkpoint directory does not exist yet; waiting for it."
        except UimonError as error:
            seen, sentence = None, error.sentence
        except OSError as error:
            seen, sentence = None, f"The checkpoint directory cannot be read now ({error.strerror})."
        if seen is None and not self._missing_said:
            log.warning("%s", sentence)
        self._missing_said = seen is None
        return seen

    def _take_note(self, checkpoint: Checkpoint) -> tuple[Record | None, Record] | None:
        """Put a sighting into the ledger; gives the record before and after it where that is worth a word."""
        before = self._ledger.latest(checkpoint.name)
        if checkpoint.condition in (Condition.COMPLETE, Condition.UNSUPPORTED) and checkpoint.name != BASE_NAME:
            checkpoint = self._belonging.note(checkpoint, before)
            if before is not None and before.early and (why := self._belonging.is_foreign(checkpoint.name)):
                self._ledger.forsake(before, State.SKIPPED, Reason.EARLIER_RUN, why)
                log.warning("%s skipped (%s): %s.", before.name, Reason.EARLIER_RUN, why)
                self._discard(before)
                before = self._ledger.record(before.id)
        self._say_left_out(checkpoint)
        # Without the losses, which would be kept once more for every checkpoint of a long run.
        self._seen[checkpoint.name] = replace(checkpoint, trainer=None)
        record = self._ledger.sight(checkpoint, self._run, self._looked_at)
        if checkpoint.condition is Condition.COMPLETE and (mark := self._mark_of(checkpoint)):
            self._noted.append(self._belonging.sighting(checkpoint.name, mark))
            # A first look may find thousands: each in a transaction of its own takes long, and a start that is ended
            # before it is through would lose all that it has read.
            if len(self._noted) >= _KEPT_TOGETHER:
                self._keep_noted()
                self._say_many()
        self._signals.due.set()
        if before is not None and before.early:
            self._settle_early(before, record)
            return None
        if record is None or (before is not None and (before.id, before.state) == (record.id, record.state)):
            return None
        crash_point("intake.noted")
        return before, record

    def _mark_of(self, checkpoint: Checkpoint) -> str:
        """Empty for what each start reads: the models that lie beside the checkpoints, or stand for the base."""
        return "" if checkpoint.name in (BASE_NAME, FINAL_NAME) else self._source.mark(checkpoint.name)

    def _say_left_out(self, checkpoint: Checkpoint) -> None:
        """Say once that rows of the trainer's log are not taken."""
        if checkpoint.trainer is not None and checkpoint.trainer.left_out and not self._left_out_said:
            self._left_out_said = True
            sentence = "%s: %d rows of log_history in its trainer_state.json are left out: a step has to be a whole "
            sentence += "number from 0 to %d, and of very many rows uimon keeps the newest."
            log.warning(sentence, checkpoint.name, checkpoint.trainer.left_out, LAST_STEP)

    def _announce(self, before: Record | None, record: Record) -> None:
        """Say what has become of a checkpoint, once it is known whose it is."""
        if before is not None and (before.id, before.state, before.reason) == (record.id, record.state, record.reason):
            return
        self._signals.news()
        if record.state is State.FAILED:
            log.error("%s cannot be evaluated (%s): %s", record.name, record.reason, record.detail)
            self._ledger.failures().note(record.id)
            self._on_failed()
        elif record.state is State.SKIPPED:
            log.warning("%s skipped (%s): %s.", record.name, record.reason, record.detail)
        elif record.state is State.SEEN:
            log.info("%s is being written (%s).", record.name, record.reason)
        elif record.state is State.COMPLETE and record.name in self._seen:
            log.info("%s is complete (%.1f MB).", record.name, self._seen[record.name].bytes / 1e6)

    def _settle_early(self, before: Record, now: Record | None) -> None:
        """Say what has become of a checkpoint that was taken early, once that shows."""
        if now is not None and now.early:
            return
        if now is not None and now.id == before.id and now.state is before.state:
            log.info("%s is complete; its evaluation has begun already.", before.name)
        else:
            change = Reason.DELETED if now is None else now.reason or Reason.WEIGHTS_CHANGED
            log.info(
                "%s changed after its early evaluation began (%s); uimon drops the partial result.", before.name, change
            )
            self._discard(before)
        self._signals.news()
        self._signals.work.set()

    def _forsake_abandoned(self) -> None:
        """Drop what was taken early and will not be finished: its trainer has finished a later one."""
        for record in self._ledger.early():
            # Seen after it: those of a later part of the run, from which the trainer has gone back, say nothing.
            later = [r for r in self._ledger.records(*_TAKEN) if r.step > record.step and r.id > record.id]
            if later:
                sentence = f"its writer went on to {later[-1].name} without finishing it"
                self._ledger.forsake(record, State.SKIPPED, Reason.ABANDONED, sentence)
                log.warning("%s skipped (%s): %s.", record.name, Reason.ABANDONED, sentence)
                self._discard(record)
                self._signals.work.set()

    def _discard(self, record: Record) -> None:
        """Remove what was staged of a checkpoint, unless the engine is reading it: the evaluator removes that."""
        if record.stage is not None and record.state is State.STAGED:
            unstage(record.stage)

    def _keep_floor(self) -> None:
        """Give up what waits, the oldest first, while less disk is free than is to stay free: what the trainer deletes
        is not free before the copies or links of it are gone.
        """
        waiting = [r for r in self._waiting() if r.stage is not None and way_of(r.stage).holds_disk]
        # The base model and the final checkpoint go last: no policy passes them over.
        waiting.sort(key=lambda r: r.step == 0 or r.final)
        with contextlib.suppress(FileNotFoundError):  # somebody has removed the stage directory
            while waiting and self._staging.free(self._staging.directory) < self._staging.floor_bytes:
                self._give_up(waiting.pop(0), "less disk is free than --disk-floor-gb")

    def _waiting(self) -> list[Record]:
        """What is staged and complete, by ascending step; what was begun early is nobody's to give up."""
        return [record for record in self._ledger.records(State.STAGED) if not record.early]

    def _give_up(self, record: Record, why: str) -> None:
        """Remove a staged checkpoint; where it still lies at the trainer's, it is staged again when there is room."""
        there = self._seen.get(record.name)
        again = there is not None and there.stamp == record.stamp and there.condition is Condition.COMPLETE
        state = State.COMPLETE if again else State.SKIPPED
        if self._ledger.give_up(record, Reason.DISK_FULL, why, state=state):
            log.warning("%s: uimon drops its staged files (%s): %s.", record.name, Reason.DISK_FULL, why)
            self._discard(record)

    def _stage_early(self) -> None:
        """Begin with a checkpoint that is still being saved, where there is nothing else to do."""
        if self._signals.stop.is_set() or self._ledger.records(State.COMPLETE, State.STAGED, State.EVALUATING):
            return
        for checkpoint in sorted(self._seen.values(), key=lambda c: -c.step):
            key = (checkpoint.name, checkpoint.stamp)
            record = self._ledger.latest(checkpoint.name)
            fresh = checkpoint.early and key not in self._begun_early
            if fresh and record is not None and record.state is State.SEEN and self._is_due(record):
                self._begun_early.add(key)
                self._stage(record, checkpoint)
                return

    def _stage_complete(self) -> None:
        complete = self._ledger.records(State.COMPLETE)
        due = self._policy.in_order([r for r in complete if not self._passed_over(r)])
        # The model in the run directory comes last, so that it is known by the checkpoint whose weights it has.
        for record in sorted(due, key=lambda r: r.name == FINAL_NAME):
            checkpoint = self._seen.get(record.name)
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
        self._give_up(waiting[0], f"there is no room, and --policy latest evaluates {record.name} first")
        return True

    def _not_staged(self, record: Record, error: UimonError) -> None:
        """A staging that did not come about: deleted meanwhile, written again meanwhile, or no room for it now."""
        if error.reason is Reason.DELETED:
            self._source.again(record.name)
            self._ledger.skipped(record, error.reason, error.sentence)
            log.warning("%s skipped (%s): %s", record.name, error.reason, error.sentence)
        elif error.reason is Reason.DISK_FULL:
            # It stays `complete` and is tried again at each look; saying so each time would drown the log.
            if not self._disk_said:
                log.warning("%s waits for disk space: %s", record.name, error.sentence)
            self._disk_said = True
        elif error.reason is Reason.WEIGHTS_CHANGED:
            log.info("%s %s uimon inspects it again.", record.name, error.sentence)
            self._seen.pop(record.name, None)
            self._source.again(record.name)
        elif record.state is State.SEEN:
            return  # it was only begun early
        elif error.reason is not Reason.INTERRUPTED:
            self._ledger.failed(record, error.reason, error.sentence)
            log.error("%s failed (%s): %s", record.name, error.reason, error.sentence)
            self._on_failed()
