"""What a tracker knows of the run that is watched, for the rule that tells whose checkpoints are whose."""

from __future__ import annotations

import time

from watcher.checkpoints.run_log import RunLog
from watcher.service.signals import Signals
from watcher.trackers.base import Tracker

_TICK = 0.5
_ORIGIN_SECONDS = 75.0
"""How long the first look waits for the tracker's answer, which is given up itself after a minute."""


class TrackedOrigin:
    """The run as its tracker knows it. The first answer is waited for: what an earlier run left is not to be begun
    with.

    `live`: a run that it does not have yet begins later than now. Where all that is there is to be evaluated once, it
    may also be one that was offline, and whose rows wait until it was synced.
    """

    def __init__(self, tracker: Tracker, signals: Signals, *, live: bool) -> None:
        self._tracker = tracker
        self._signals = signals
        self._live = live
        self._started = time.time()
        self._deadline = time.monotonic() + _ORIGIN_SECONDS

    def begun(self) -> float | None:
        """When the run began, as far as the tracker has answered."""
        while not self._signals.stop.is_set() and time.monotonic() < self._deadline:
            if self._tracker.asked.wait(_TICK):
                break
        life = self._tracker.life
        return self._started if life.missing and self._live else life.begun

    def logged(self) -> RunLog | None:
        """What its trainer has logged into it; None where that is not to be had now."""
        return self._tracker.logged()
