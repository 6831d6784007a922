"""Does the work that follows evaluations, in a thread of its own, from a queue in the ledger.

| what ends an attempt | what becomes of the work |
|---|---|
| metrics | done; its row is due |
| Retryable, or what nobody expected | due again after a pause; failed after `MOST_ATTEMPTS` |
| Refused, or samples that are not there | failed |
| the end of the service | due, as if it had not been tried |

Failed work is named in the log and by `uimon status`, and taken up again by `uimon retry`. Where an earlier ledger was
lost, the run may have the row of work that this one knows nothing of: what was evaluated then waits until the run was
surveyed.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from watcher.evaluation.rows import followup_row, followup_uid
from watcher.evaluation.stored_samples import whole_samples
from watcher.followups import Followup, Retryable
from watcher.ledger.followups import MOST_ATTEMPTS, Queued
from watcher.ledger.ledger import Evaluation, Ledger
from watcher.model import FollowupState, Reason, UimonError
from watcher.service.signals import log
from watcher.settings.durations import format_duration
from watcher.system.crashpoint import crash_point

PAUSES: Final = (10.0, 60.0, 300.0, 1800.0)
"""Seconds between two attempts."""
LONGEST_PAUSE: Final = 3600.0
"""Whatever a server asks for that is overloaded, in seconds."""
_LOOK: Final = 30.0
"""Seconds between two looks at a queue that nobody has called for: `uimon retry` fills it from another process."""
_SURVEY: Final = 1.0
_NAMED: Final = 3


class FollowupWorker:
    """Does what is due of these kinds. `publish` wakes whoever brings rows into the run; None where nobody does."""

    def __init__(
        self,
        followups: Sequence[Followup],
        ledger: Ledger,
        run: str,
        publish: Callable[[], None] | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._followups = {followup.kind: followup for followup in followups}
        self._ledger = ledger
        self._run = run
        self._publish = publish
        self._clock = clock
        self._wake = threading.Event()
        self._finishing = threading.Event()
        self._interrupted = threading.Event()
        self._within = 0.0
        self._deadline = math.inf
        self._running: Queued | None = None
        self.kinds = frozenset(self._followups)

    # What the service asks.

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    @property
    def pending(self) -> bool:
        """True while there is work that waiting brings to an end."""
        if not self.kinds:
            return False
        return bool(self._ledger.followups().open(self.kinds, restored=not self._unsurveyed))

    @property
    def lacking(self) -> bool:
        """True where work has failed for good, or is left."""
        return bool(self.kinds) and bool(self._left() or self._failed())

    def finish(self, within: float) -> None:
        """Nothing more will be enlisted: `run()` does what there is, until for so many seconds nothing gets on."""
        self._within = within
        self._deadline = self._clock() + within
        self._finishing.set()
        self._wake.set()

    @property
    def seconds_left(self) -> float:
        """Until when the last work may go on as it looks now; it grows with all that gets on."""
        return self._deadline - self._clock()

    def interrupt(self) -> None:
        """End now; what is being done is handed back."""
        self._interrupted.set()
        self._wake.set()
        for followup in self._followups.values():
            followup.interrupt()

    def leave(self) -> None:
        """Say what is left, and what failed; what still runs does so for nothing."""
        if (running := self._running) is not None:
            self._ledger.followups().requeue(running)
        if left := self._left():
            log.warning("Left for the next start: %s.", _names(left))
        if failed := self._failed():
            log.error("Failed: %s; `uimon retry STEP` takes it up again.", _names(failed))

    # The thread.

    def run(self) -> None:
        """Do what is due until `interrupt()`, or after `finish()` until nothing is left or there is no time."""
        while not self._interrupted.is_set():
            if self.step():
                continue
            pause = self._pause()
            if self._finishing.is_set() and pause >= self.seconds_left:
                return
            self._wake.wait(min(pause, _LOOK))
            self._wake.clear()

    def step(self) -> bool:
        """Do the oldest work; False where none is due."""
        queue = self._ledger.followups()
        work = queue.due(self.kinds, restored=not self._unsurveyed)
        evaluation = None if work is None else self._ledger.evaluation(work.uid)
        if work is None or evaluation is None:
            return False
        if self._ledger.outbox().holds(followup_uid(self._run, evaluation, work.kind)):
            queue.found(work)
        elif (begun := queue.begin(work)) is not None:
            self._running = begun
            self._attempt(begun, evaluation)
            self._running = None
        # Whatever became of it, it got on.
        self._deadline = max(self._deadline, self._clock() + self._within)
        return True

    def _pause(self) -> float:
        """Seconds until something may be due; infinity where nothing is left."""
        pause = self._ledger.followups().due_in(self.kinds, restored=not self._unsurveyed)
        return min(pause, _SURVEY) if self._unsurveyed and self._left() else pause

    def _attempt(self, work: Queued, evaluation: Evaluation) -> None:
        try:
            samples = whole_samples(self._ledger, evaluation)
        except LookupError as error:
            self._fail(work, Reason.SAMPLES_MISSING, f"There is nothing to look at: {error}.")
            return
        crash_point("followup.before_run")
        try:
            metrics = self._followups[work.kind].run(evaluation, samples)
            row = followup_row(self._run, evaluation, work.kind, metrics)
        except Retryable as error:
            self._again(work, error.reason, error.sentence, error.after)
        except UimonError as error:
            self._fail(work, error.reason, error.sentence)
        except Exception as error:  # noqa: BLE001 (work of one kind must not end the watch)
            log.debug("%s ended unexpectedly.", _name(work), exc_info=error)
            sentence = f"It ended unexpectedly ({type(error).__name__}: {error}); --debug shows where."
            self._again(work, Reason.FOLLOWUP_ERROR, sentence, None)
        else:
            crash_point("followup.before_commit")
            if self._ledger.followups().done(work, metrics, row):
                crash_point("followup.committed")
                self._say_done(work, metrics)

    def _say_done(self, work: Queued, metrics: Mapping[str, float | None]) -> None:
        if self._publish is not None:
            self._publish()
        log.info("%s is done: %d metrics.", _name(work), len(metrics))

    def _again(self, work: Queued, reason: Reason, sentence: str, after: float | None) -> None:
        if self._requeue(work):
            return
        if work.attempts >= MOST_ATTEMPTS:
            self._fail(work, reason, sentence)
            return
        pause = min(PAUSES[work.attempts - 1] if after is None else after, LONGEST_PAUSE)
        if self._ledger.followups().postpone(work, pause, reason, sentence):
            log.warning("%s: %s (%s) It is tried again in %s.", _name(work), sentence, reason, format_duration(pause))

    def _fail(self, work: Queued, reason: Reason, sentence: str) -> None:
        if not self._requeue(work) and self._ledger.followups().fail(work, reason, sentence):
            log.error("%s failed (%s): %s", _name(work), reason, sentence)

    def _requeue(self, work: Queued) -> bool:
        """True where the end of the service is why an attempt has failed, as far as anybody knows."""
        if not self._interrupted.is_set():
            return False
        self._ledger.followups().requeue(work)
        return True

    @property
    def _unsurveyed(self) -> bool:
        """True while the run may have rows of which nothing is known."""
        return self._publish is not None and self._ledger.outbox().rebuilt

    def _left(self) -> list[Queued]:
        return self._ledger.followups().open(self.kinds)

    def _failed(self) -> list[Queued]:
        every = self._ledger.followups().all()
        return [work for work in every if work.state is FollowupState.FAILED and work.kind in self.kinds]


def _name(work: Queued) -> str:
    return f"{work.kind} of {work.name}"


def _names(works: Sequence[Queued]) -> str:
    more = f", and {len(works) - _NAMED} more" if len(works) > _NAMED else ""
    return ", ".join(map(_name, works[:_NAMED])) + more
