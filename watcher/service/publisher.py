"""From the outbox to the run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from watcher.board import Board
from watcher.ledger import Ledger
from watcher.model import Reason
from watcher.publish.outbox import Outbox, OutboxReport
from watcher.service.signals import Signals, log

_RUN_STATE_SECONDS = 30.0
_ENDED = frozenset({"finished", "crashed", "failed", "killed"})
# Waiting longer at the exit does not help against these.
_NOT_BY_WAITING = frozenset(
    {Reason.TRAINER_NOT_SHARED, Reason.RUN_NOT_FOUND, Reason.WANDB_KEY_MISSING, Reason.WANDB_REFUSED}
)


class Publisher:
    """Empties the outbox while the service lives; at the end until it is empty, stuck, or out of time."""

    def __init__(
        self,
        outbox: Outbox | None,
        ledger: Ledger,
        signals: Signals,
        board: Board,
        *,
        run_state: Callable[[], str | None],
        drain_timeout: float,
    ) -> None:
        self._outbox = outbox
        self._ledger = ledger
        self._signals = signals
        self._board = board
        self._run_state = run_state
        self._drain_timeout = drain_timeout
        self._finishing = threading.Event()
        self._deadline = float("inf")
        self._next_state_check = 0.0
        self._said: Reason | None = None
        self._ended_at: float | None = None
        self.ended_state: str | None = None

    @property
    def ended_seconds(self) -> float:
        """Seconds since the run was first seen ended at the tracker; 0 while it has not."""
        return 0.0 if self._ended_at is None else self._signals.clock() - self._ended_at

    def finish(self) -> None:
        """Nothing more will become due: deliver what there is within the drain timeout, then return."""
        self._deadline = self._signals.clock() + self._drain_timeout
        self._finishing.set()
        self._signals.due.set()

    def run(self) -> None:
        """Publish until `finish()` was called; then until the outbox is empty, stuck, or out of time."""
        if self._outbox is None:
            return
        while not self._finishing.is_set():
            if self._ledger.due_rows(1) and self._outbox.next_attempt_in <= 0:
                self._publish(self._outbox)
            elif self._signals.clock() >= self._next_state_check:
                self._check_run_state()
            self._signals.due.wait(1.0)
            self._signals.due.clear()
        self._drain(self._outbox)

    def _drain(self, outbox: Outbox) -> None:
        """The last attempts: at once, whatever the pause after the last failure was."""
        outbox.retry_now()
        while self._ledger.due_rows(1):
            self._publish(outbox)
            pause = outbox.next_attempt_in
            if self._said in _NOT_BY_WAITING or self._signals.clock() + pause >= self._deadline:
                return
            time.sleep(pause)

    def _publish(self, outbox: Outbox) -> None:
        self._board.update(publishing=True)
        report = outbox.step()
        due = sum(count for count, _ in self._ledger.outbox_counts().values())
        self._board.update(publishing=False, due=due, waiting=report.waiting)
        if report.url:
            self._board.update(url=report.url)
        self._say(report)

    def _say(self, report: OutboxReport) -> None:
        """Say why rows wait once, not at each attempt."""
        if report.waiting is not None and report.waiting is not self._said:
            log.warning("Rows wait in the ledger (%s): %s", report.waiting, report.detail)
        elif report.waiting is None and self._said is not None:
            log.info("Rows are delivered again.")
        self._said = report.waiting

    def _check_run_state(self) -> None:
        self._next_state_check = self._signals.clock() + _RUN_STATE_SECONDS
        state = self._run_state()
        if state in _ENDED and self._ended_at is None:
            self._ended_at = self._signals.clock()
        elif state not in _ENDED:
            self._ended_at = None
        self.ended_state = state if state in _ENDED else None
