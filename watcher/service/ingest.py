"""The look at the trainer's directory: what is there goes into the ledger, and what is worth a word into the log.

Two memories meet here and no third is kept: what the directory looked like when it was last read (the source's), and
what became of each checkpoint (the ledger's). Each look brings what differs, whatever made it differ: a file that was
written, `uimon retry`, a checkpoint that was held for another run's, an early one whose writer began anew.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable

from watcher.checkpoints.sources.source import Awaited, Source
from watcher.ledger.ledger import Ledger, Record
from watcher.ledger.sightings import Sighting
from watcher.model import BASE_NAME, FINAL_NAME, LAST_STEP, Checkpoint, Condition, Reason, State, UimonError
from watcher.service.belonging import Belonging
from watcher.service.signals import Signals, log
from watcher.service.stager import Stager
from watcher.system.crashpoint import crash_point

_KEPT_TOGETHER = 100
"""So many sightings of one look are kept in one transaction."""
_LONGEST_PAUSE = 300.0
"""Longest pause, in seconds, between two searches for checkpoints that lie elsewhere."""


class CheckpointIngest:
    """Looks, takes note, has `stager` stage. One look is `step()`; `run()` looks until the service stops.

    `on_failed` is called where a checkpoint is given up. `belonging` tells whose they are.
    """

    def __init__(
        self,
        source: Source,
        ledger: Ledger,
        signals: Signals,
        *,
        run: str,
        poll: float,
        stager: Stager,
        belonging: Belonging,
        on_failed: Callable[[], None],
    ) -> None:
        self._source = source
        self._ledger = ledger
        self._signals = signals
        self._run = run
        self._poll = poll
        self._stager = stager
        self._belonging = belonging
        self._on_failed = on_failed
        self._looked_at = time.time()
        self._noted: list[Sighting] = []
        self._many_said = False
        self._missing_said = False
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
            self._take_in(seen)
            self._stager.step()
            self.settling = self._is_settling()
            self._look_elsewhere()
        self._signals.looked.set()

    def _take_in(self, seen: Iterable[Checkpoint]) -> None:
        """Put one look into the ledger, and say what is worth a word once it is known whose each is."""
        noted = [news for checkpoint in seen if (news := self._take_note(checkpoint)) is not None]
        self._keep_noted()
        names = self._source.names()
        there = None if names is None else set(names)
        self.there = frozenset(self._source.readings() if there is None else there)
        if there is not None:
            self._skip_vanished(there)
        self._belonging.settle(there)
        for before, record in noted:
            self._announce(before, self._ledger.record(record.id))

    def _remember(self) -> None:
        """Before the first look: what was evaluated and has not changed since is not read again."""
        with contextlib.suppress(UimonError, OSError):  # the look itself says what is wrong with the directory
            seen = self._ledger.sightings().evaluated()
            same = self._source.unchanged({one.name: one.mark for one in seen})
            for name in self._belonging.restore([one for one in seen if one.name in same], self._source.at):
                self._source.forget(name)

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

    def _skip_vanished(self, names: set[str]) -> None:
        for record in self._ledger.vanished(names):
            log.warning("%s was deleted before it could be read; skipped.", record.name)
            self._stager.discard(record)

    def _awaited(self) -> Awaited:
        """The checkpoints with which the ingest is not done, each with the condition in which it is on record; of a
        name the newest. What is deleted by the record may only have been out of sight, as on a disk that was unmounted.
        """
        waiting = [*self._ledger.records(State.SEEN, State.COMPLETE), *self._ledger.early()]
        return dict.fromkeys(self._ledger.deleted(), Condition.GONE) | {
            record.name: Condition.COMPLETE if record.state is State.COMPLETE else Condition.PARTIAL
            for record in sorted(waiting, key=lambda record: record.id)
        }

    def _is_settling(self) -> bool:
        there = (name for name, condition in self._awaited().items() if condition is not Condition.GONE)
        readings = map(self._source.readings().get, there)
        return any(reading.settling for reading in readings if reading is not None)

    def _look(self) -> Iterable[Checkpoint] | None:
        """The source's look; a directory that cannot be listed now is looked at again later, as a missing one is."""
        awaited, sentence = self._awaited(), "The checkpoint directory does not exist yet; waiting for it."
        try:
            seen = self._source.look(awaited)
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
                self._ledger.abandon(before, State.SKIPPED, Reason.EARLIER_RUN, why)
                log.warning("%s skipped (%s): %s.", before.name, Reason.EARLIER_RUN, why)
                self._stager.discard(before)
                before = self._ledger.record(before.id)
        self._say_left_out(checkpoint)
        record = self._ledger.observe(checkpoint, self._run, self._looked_at)
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
        elif record.state is State.COMPLETE and (reading := self._source.readings().get(record.name)) is not None:
            log.info("%s is complete (%.1f MB).", record.name, reading.bytes / 1e6)

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
            self._stager.discard(before)
        self._signals.news()
        self._signals.work.set()
