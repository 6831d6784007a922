"""From the outbox to the run, and to its companion while the run may not be written into."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from watcher.evaluation.rows import RowMaker
from watcher.ledger.ledger import Ledger
from watcher.model import Reason, Target
from watcher.service.board import Board
from watcher.service.run_end import RunEnd
from watcher.service.run_watch import RunWatch, is_default
from watcher.service.signals import Signals, log
from watcher.trackers.wandb import RunFacts
from watcher.trackers.wandb.claim import Claim
from watcher.trackers.wandb.outbox import Outbox, OutboxReport

# Waiting longer at the exit does not help against these.
_NOT_BY_WAITING = frozenset({Reason.RUN_NOT_FOUND, Reason.WANDB_KEY_MISSING, Reason.WANDB_REFUSED})
_TICK = 1.0
_TRIES = 3
"""Attempts at the exit to end a run that a session left open."""
FIRST_ROWS = "first rows"
"""The ledger's name for what became of the trainer's first rows when uimon joined its run: `KEPT` or `LOST`."""
KEPT, LOST = "kept", "lost"
RUN_MADE = "run made"
"""The ledger's name for when W&B's run was made, in seconds since the epoch by W&B's clock."""
_SAY_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class Outboxes:
    """The outbox of the trainer's run and that of its companion."""

    run: Outbox
    companion: Outbox
    claim: Claim | None = None
    """That of this uimon among others on the run; None where there can be no other."""
    end: Callable[[str, float], bool] | None = None
    """Ends an open run as its trainer has left it, as `RunEnd` has it; None where no run is."""


class Publisher:
    """Empties the outbox while the service lives; at the end until it is empty, or does not get on for too long.

    `outboxes` is None where nothing is logged.
    """

    def __init__(
        self,
        outboxes: Outboxes | None,
        watch: RunWatch,
        ledger: Ledger,
        signals: Signals,
        board: Board,
        rows: RowMaker,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._outboxes = outboxes
        self._watch = watch
        self._ledger = ledger
        self._signals = signals
        self._board = board
        self._rows = rows
        self._sleep = sleep
        self._finishing = threading.Event()
        self._within = 0.0
        self._deadline = float("inf")
        self._said_at = float("-inf")
        self._hasty = False
        self._at: Outbox | None = None
        self._said: dict[Target, Reason | None] = {}
        self._companion_said = False
        self._end = RunEnd(ledger, outboxes.end if outboxes else None)

    @property
    def deferred(self) -> bool:
        """True while rows wait for the run's end."""
        return self._said.get(Target.RUN) is Reason.DEFERRED

    def finish(self, within: float, *, hasty: bool = False) -> None:
        """Nothing more will become due: deliver what there is, until for so many seconds nothing gets on.

        `hasty`: the process will be killed soon after, whatever gets on.
        """
        self._hasty = hasty
        self._within = within
        self._deadline = self._signals.clock() + within
        self._finishing.set()
        self._signals.due.set()

    @property
    def seconds_left(self) -> float:
        """Until when the last attempts may go on as it looks now, in seconds; it grows with all that gets on. A session
        that has rows on their way ends by itself: cut off, nobody would know whether they are there.
        """
        at = self._at
        if at is not None and at.sending and not self._hasty:
            return self._within
        return self._deadline - self._signals.clock()

    def deliver(self, within: float) -> None:
        """Deliver what is due now, until `within` so many seconds nothing gets on, where nothing else is to be done."""
        if self._outboxes is not None:
            self._look(now=True)
            self.finish(within)
            self._drain(self._outboxes)
            self._leave(self._outboxes)

    def run(self) -> None:
        """Publish until `finish()` was called; then until the outbox is empty, stuck, or out of time."""
        if self._outboxes is None:
            return
        while not self._finishing.is_set():
            self._look()
            self._step(self._outboxes)
            if self._outboxes.claim is not None:
                self._outboxes.claim.tend()
            self._signals.due.wait(_TICK)
            self._signals.due.clear()
        self._drain(self._outboxes)
        self._leave(self._outboxes)

    def _look(self, *, now: bool = False) -> None:
        """Ask W&B how the run is, now and then; what lies in a run that a default-mode trainer goes on with is no
        longer certain to be there.
        """
        facts = self._watch.look(now=now)
        self._end.look(facts)
        self._note_made(facts)
        if is_default(facts) and (doubted := self._ledger.outbox().doubt()):
            log.warning("The run goes on in W&B's default mode; %d rows in it are looked for again later.", doubted)

    def _note_made(self, facts: RunFacts | None) -> None:
        """A run that was deleted and made again under its id is another one, and may be another training's: what the
        earlier one had is not sent into it unasked.
        """
        if facts is None or facts.begun is None or (known := self._ledger.recall(RUN_MADE)) == repr(facts.begun):
            return
        self._ledger.remember(RUN_MADE, repr(facts.begun))
        delivered = sum(sent for _, sent in self._ledger.outbox().counts().values())
        if known is not None and delivered:
            log.error(
                "W&B's run was made anew under its id: the %d rows that were delivered until now may not be in it, and "
                "are not sent again, since it may be another training's. If it is this one's, start uimon with another "
                "--state-dir: it evaluates what is still there, and sends what the run lacks.",
                delivered,
            )

    def _step(self, outboxes: Outboxes) -> None:
        """One batch into the run, or into its companion, where something is due and the time has come."""
        self._rows.make()
        if outboxes.run.ready:
            self._publish(outboxes.run, Target.RUN)
        if self.deferred:
            self._ledger.outbox(Target.COMPANION).add_undelivered(Target.RUN)
            if outboxes.companion.ready:
                self._publish(outboxes.companion, Target.COMPANION)

    def _drain(self, outboxes: Outboxes) -> None:
        """The last attempts: at once, whatever the pause after the last failure was."""
        self._rows.make()
        outboxes.companion.hurry()
        if self.deferred and self._hasty:
            # No time for a session that opens an ended run and has to close it again.
            return
        outboxes.run.hurry()
        while not outboxes.run.empty:
            if self.deferred:
                self._look(now=True)
            outboxes.run.retry_now()
            self._step(outboxes)
            pause = self._worth_waiting(outboxes)
            if pause is None or self._signals.clock() + pause >= self._deadline:
                return
            self._sleep(pause)

    def _leave(self, outboxes: Outboxes) -> None:
        """Leave the run as its trainer has, and let another uimon publish at once, unless it could not see yet what was
        sent, and would send it again.
        """
        for _ in range(0 if self._hasty else _TRIES):
            if self._end.in_doubt:
                # One that a session has just ended again, or that lives, is in no doubt.
                self._look(now=True)
            if not self._end.in_doubt or not self._end.end():
                break
        unseen = sum(self._ledger.outbox(target).unconfirmed()[0] for target in Target)
        if outboxes.claim is not None and not unseen:
            outboxes.claim.release()

    def _worth_waiting(self, outboxes: Outboxes) -> float | None:
        """Seconds after which the run may take what is due; None where waiting does not help."""
        reason = self._said.get(Target.RUN)
        if reason is Reason.DEFERRED:
            settles_in = self._watch.settles_in
            return None if settles_in is None else max(settles_in, _TICK)
        if reason in _NOT_BY_WAITING:
            return None
        # Unconfirmed rows have times of their own to be looked for.
        return outboxes.run.next_attempt_in if outboxes.run.ready else max(outboxes.run.next_attempt_in, _TICK)

    def _publish(self, outbox: Outbox, target: Target) -> None:
        self._board.update(publishing=True)
        self._at = outbox
        report = self._step_into_the_run(outbox) if target is Target.RUN else outbox.step()
        counts = self._ledger.outbox().counts().values()
        self._board.update(publishing=False, due=sum(due for due, _ in counts))
        if target is Target.RUN:
            self._board.update(waiting=report.waiting)
            if report.url:
                self._board.update(url=report.url)
        self._say(report, target)
        if target is Target.RUN:
            self._note_first_rows(report)
            self._note_progress(report, sum(sent for _, sent in counts), sum(map(sum, counts)))
        self._at = None

    def _note_progress(self, report: OutboxReport, delivered: int, known: int) -> None:
        """What gets on puts off the end of the last attempts; how far it is, is said now and then while much is due."""
        if not report.moved:
            return
        now = self._signals.clock()
        if self._finishing.is_set() and not self._hasty:
            self._deadline = now + self._within
        if delivered < known and now - self._said_at >= _SAY_EVERY:
            self._said_at = now
            log.info("%d of %d rows are in the run.", delivered, known)

    def _note_first_rows(self, report: OutboxReport) -> None:
        """The trainer's first rows are looked at once, after the run was joined for the first time."""
        if report.first_rows is None:
            return
        self._ledger.remember(FIRST_ROWS, KEPT if report.first_rows else LOST)
        if not report.first_rows:
            log.error(
                "Rows that the trainer had logged first are gone from its run after uimon had joined it, as W&B has it "
                "for a trainer that is not in shared mode: uimon does not join this run again before it has ended, and "
                "shows its rows in a companion run. Start the trainer with WANDB_MODE=shared."
            )

    def _step_into_the_run(self, outbox: Outbox) -> OutboxReport:
        """A session opens the run; killed, it leaves one whose state no longer tells how it had ended."""
        self._end.opening(self._watch.heartbeat, self._watch.ended_state)
        report = outbox.step()
        if report.waiting is not Reason.DEFERRED:
            self._end.opened()
        return report

    def _say(self, report: OutboxReport, target: Target) -> None:
        """Say why rows wait once, not at each attempt."""
        before = self._said.get(target)
        if report.waiting is not None and report.waiting is not before:
            where = "" if target is Target.RUN else " for the companion run"
            log.warning("Rows wait in the ledger%s (%s): %s", where, report.waiting, report.detail)
        elif report.waiting is None and before is not None:
            log.info("Rows are delivered again.")
        if target is Target.COMPANION and report.published and not self._companion_said:
            self._companion_said = True
            log.info("Until then they are in the companion run %s.", report.url)
        for uid, count in report.copies.items():
            log.warning("W&B holds the row %s %d times; readers that group by uid see one.", uid, count)
        self._said[target] = report.waiting
