"""From the trainer's directory to copies that rotation cannot take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from watcher.checkpoints.policy import Policy
from watcher.checkpoints.staging import stage, unstage
from watcher.crashpoint import crash_point
from watcher.ledger import Ledger, Record
from watcher.model import FINAL_NAME, Checkpoint, Reason, Staged, State, UimonError
from watcher.service.failed_alert import failed_alert
from watcher.service.signals import Signals, log

# What the policy counts as evaluated, or to be.
_TAKEN = (State.COMPLETE, State.STAGED, State.EVALUATING, State.EVALUATED, State.PUBLISHED)


class Source(Protocol):
    """Where checkpoints come from."""

    def look(self) -> Iterable[Checkpoint] | None:
        """Every checkpoint that changed since the last look, as it stands; None while the place does not exist."""
        ...

    def names(self) -> Iterable[str] | None:
        """Names of all the checkpoints that were there at the last look; None where others may be elsewhere."""
        ...

    def again(self, name: str) -> None:
        """The next look brings this checkpoint, whether or not it has changed."""
        ...

    def wait(self, timeout: float) -> None:
        """Sleep for at most `timeout` seconds, less where something seems to have changed."""
        ...


class Intake:
    """Looks, takes note, copies. One look is `step()`; `run()` looks until the service stops."""

    def __init__(
        self,
        source: Source,
        ledger: Ledger,
        signals: Signals,
        *,
        run: str,
        stage_dir: Path,
        floor_bytes: int,
        poll: float,
        policy: Policy,
    ) -> None:
        self._source = source
        self._ledger = ledger
        self._signals = signals
        self._run = run
        self._stage_dir = stage_dir
        self._floor_bytes = floor_bytes
        self._poll = poll
        self._policy = policy
        self._seen: dict[str, Checkpoint] = {}
        self._missing_said = False
        self._disk_said = False

    def run(self) -> None:
        """Look again and again, until the service stops."""
        while not self._signals.stop.is_set():
            self.step()
            self._source.wait(self._poll)

    def step(self) -> None:
        """One look at the directory, and copies of what is complete."""
        seen = self._look()
        if seen is not None:
            for checkpoint in seen:
                self._take_note(checkpoint)
            names = self._source.names()
            if names is not None:
                self._forget_vanished(set(names))
            self._stage_complete()
        self._signals.looked.set()

    def _forget_vanished(self, names: set[str]) -> None:
        for record in self._ledger.vanished(names):
            log.warning("%s was deleted before it could be read; skipped.", record.name)
        self._seen = {name: checkpoint for name, checkpoint in self._seen.items() if name in names}

    def _look(self) -> Iterable[Checkpoint] | None:
        """The source's look; a directory that cannot be listed now is looked at again later, as a missing one is."""
        try:
            seen, sentence = self._source.look(), "The checkpoint directory does not exist yet; waiting for it."
        except UimonError as error:
            seen, sentence = None, error.sentence
        except OSError as error:
            seen, sentence = None, f"The checkpoint directory cannot be looked at now ({error.strerror})."
        if seen is None and not self._missing_said:
            log.warning("%s", sentence)
        self._missing_said = seen is None
        return seen

    def _take_note(self, checkpoint: Checkpoint) -> None:
        # Without the losses, which would be kept once more for every checkpoint of a long run.
        self._seen[checkpoint.name] = replace(checkpoint, trainer=None)
        before = self._ledger.latest(checkpoint.name)
        record = self._ledger.sight(checkpoint, self._run)
        self._signals.due.set()
        if record is None or (before is not None and (before.id, before.state) == (record.id, record.state)):
            return
        self._signals.news()
        if record.state is State.FAILED:
            log.error("%s cannot be evaluated (%s): %s", record.name, record.reason, record.detail)
            self._ledger.outbox().add_alert(failed_alert(record, record.reason, record.detail))
        elif record.state is State.SEEN:
            log.info("%s is being written (%s).", record.name, record.reason)
        elif record.state is State.COMPLETE:
            log.info("%s is complete (%.1f MB).", record.name, checkpoint.bytes / 1e6)

    def _stage_complete(self) -> None:
        complete = self._ledger.records(State.COMPLETE)
        due = self._policy.in_order([r for r in complete if not self._passed_over(r)])
        # The model in the run directory comes last, so that it is known by the checkpoint whose weights it has.
        for record in sorted(due, key=lambda r: r.name == FINAL_NAME):
            checkpoint = self._seen.get(record.name)
            if checkpoint is not None and not self._signals.stop.is_set():
                self._stage(record, checkpoint)

    def _passed_over(self, record: Record) -> bool:
        """Whether the policy skips this checkpoint, which is then on record; by ascending step."""
        if not self._policy.every or record.name == FINAL_NAME:
            return False
        taken = [r.step for r in self._ledger.records(*_TAKEN) if r.id != record.id and r.name != FINAL_NAME]
        if self._policy.is_due(record, taken):
            return False
        self._ledger.skipped(record, Reason.NOT_DUE, f"--policy evaluates one in {self._policy.every} steps")
        return True

    def _stage(self, record: Record, checkpoint: Checkpoint) -> None:
        copied = self._copy(record, checkpoint)
        if copied is None:
            return
        crash_point("intake.copied")
        self._disk_said = False
        if self._ledger.staged(record, copied) is None:
            unstage(copied.path)
            log.info("%s holds the same weights as before; nothing to do.", record.name)
        self._signals.news()
        self._signals.work.set()

    def _copy(self, record: Record, checkpoint: Checkpoint) -> Staged | None:
        """A copy of the checkpoint; None where there is none now, which is on record."""
        while True:
            try:
                return stage(
                    checkpoint, self._stage_dir, floor_bytes=self._floor_bytes, should_stop=self._signals.stop.is_set
                )
            except UimonError as error:
                if error.reason is not Reason.DISK_FULL or not self._made_room(record):
                    self._not_staged(record, error)
                    return None

    def _made_room(self, record: Record) -> bool:
        """Give up the copy of the oldest checkpoint that waits, where the policy wants newer ones first."""
        waiting = [r for r in self._ledger.records(State.STAGED) if r.step < record.step]
        if not self._policy.newest_first or not waiting:
            return False
        sentence = f"the disk is full, and --policy latest evaluates {record.name} first"
        if self._ledger.give_up(waiting[0], Reason.DISK_FULL, sentence):
            log.warning("%s skipped (%s): %s", waiting[0].name, Reason.DISK_FULL, sentence)
            if waiting[0].stage is not None:
                unstage(waiting[0].stage)
        return True

    def _not_staged(self, record: Record, error: UimonError) -> None:
        """A copy that did not come about: deleted meanwhile, written again meanwhile, or no room for it now."""
        if error.reason is Reason.DELETED:
            self._ledger.skipped(record, error.reason, error.sentence)
            log.warning("%s skipped (%s): %s", record.name, error.reason, error.sentence)
        elif error.reason is Reason.DISK_FULL:
            # It stays `complete` and is tried again at each look; saying so each time would drown the log.
            if not self._disk_said:
                log.warning("%s waits for disk space: %s", record.name, error.sentence)
            self._disk_said = True
        elif error.reason is Reason.WEIGHTS_CHANGED:
            log.info("%s %s It is looked at again.", record.name, error.sentence)
            self._seen.pop(record.name, None)
            self._source.again(record.name)
        elif error.reason is not Reason.INTERRUPTED:
            self._ledger.failed(record, error.reason, error.sentence)
            log.error("%s failed (%s): %s", record.name, error.reason, error.sentence)
            self._ledger.outbox().add_alert(failed_alert(record, error.reason, error.sentence))
