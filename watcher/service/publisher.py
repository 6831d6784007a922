"""When the tracker is tried, and for how long at the end; what rows wait for is said once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from watcher.evaluation.rows import RowMaker
from watcher.ledger.ledger import Ledger
from watcher.model import Reason
from watcher.service.board import Board
from watcher.service.signals import Signals, log
from watcher.trackers.base import PublishOutcome, Tracker

_TICK = 1.0
_SAY_EVERY = 10.0


class Publisher:
    """Brings what is due to the tracker while the service lives; at the end until all is there, or does not get on for
    too long.

    `tracker` is None where nothing is logged: then no row is made. `rows` makes them of what the ledger knows.
    """

    def __init__(
        self,
        tracker: Tracker | None,
        rows: RowMaker,
        ledger: Ledger,
        signals: Signals,
        board: Board,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tracker = tracker
        self._rows = rows
        self._ledger = ledger
        self._signals = signals
        self._board = board
        self._sleep = sleep
        self._finishing = threading.Event()
        self._within = 0.0
        self._deadline = float("inf")
        self._progress_said_at = float("-inf")
        self._hasty = False
        self._said: Reason | None = None

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
        """Until when the last attempts may go on as it looks now, in seconds; it grows with all that gets on, and while
        rows are on their way.
        """
        if self._tracker is not None and self._tracker.sending and not self._hasty:
            return self._within
        return self._deadline - self._signals.clock()

    def deliver(self, within: float) -> None:
        """Deliver what is due now, until `within` so many seconds nothing gets on, where nothing else is to be done."""
        if self._tracker is not None:
            self._look(self._tracker, now=True)
            self.finish(within)
            self._drain(self._tracker)
            self._tracker.leave(hasty=False)

    def run(self) -> None:
        """Publish until `finish()` was called; then until all is there, stuck, or out of time."""
        if self._tracker is None:
            return
        while not self._finishing.is_set():
            self._look(self._tracker)
            self._step(self._tracker)
            self._tracker.tend()
            self._signals.due.wait(_TICK)
            self._signals.due.clear()
        self._drain(self._tracker)
        self._tracker.leave(hasty=self._hasty)

    def _look(self, tracker: Tracker, *, now: bool = False) -> None:
        tracker.look(now=now)
        if url := tracker.life.url:
            self._board.update(url=url)

    def _step(self, tracker: Tracker) -> None:
        """One batch, where something is due and the time has come."""
        self._rows.make()
        if not tracker.ready():
            return
        self._board.update(publishing=True)
        delivery = tracker.publish()
        counts = self._ledger.outbox().counts().values()
        self._board.update(publishing=False, due=sum(due for due, _ in counts), waiting=delivery.waiting)
        if delivery.url:
            self._board.update(url=delivery.url)
        self._say(delivery)
        self._note_progress(delivery, sum(sent for _, sent in counts), sum(map(sum, counts)))

    def _drain(self, tracker: Tracker) -> None:
        """The last attempts: at once, whatever the pause after the last failure was."""
        self._rows.make()
        tracker.hurry()
        if tracker.waits_for_end and self._hasty:
            # No time for a session that opens an ended run and has to close it again.
            return
        while not tracker.empty:
            tracker.retry_now()
            self._step(tracker)
            pause = tracker.retry_in
            if pause is None or self._signals.clock() + pause >= self._deadline:
                return
            self._sleep(pause)

    def _note_progress(self, delivery: PublishOutcome, delivered: int, known: int) -> None:
        """What gets on puts off the end of the last attempts; how far it is, is said now and then while much is due."""
        if not delivery.moved:
            return
        now = self._signals.clock()
        if self._finishing.is_set() and not self._hasty:
            self._deadline = now + self._within
        if delivered < known and now - self._progress_said_at >= _SAY_EVERY:
            self._progress_said_at = now
            log.info("%d of %d rows are in the run.", delivered, known)

    def _say(self, delivery: PublishOutcome) -> None:
        """Say why rows wait once, not at each attempt."""
        if delivery.waiting is not None and delivery.waiting is not self._said:
            log.warning("Rows wait in the ledger (%s): %s", delivery.waiting, delivery.detail)
        elif delivery.waiting is None and self._said is not None:
            log.info("Rows are delivered again.")
        self._said = delivery.waiting
