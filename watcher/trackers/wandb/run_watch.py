"""The trainer's run at W&B over time: whether it lives, since when it has ended, and whether that can be relied on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from watcher.trackers.wandb.joining import Settling
from watcher.trackers.wandb.run import ENDED, RunFacts, Writer

_INTERVAL = 30.0
_LIVELY_S = 300.0
"""After a heartbeat that is this long ago nobody knows of a running run that its trainer lives: the SDK sends one every
30 s."""


class RunWatch:
    """Asks `facts` (None: not known now) now and then, and remembers. Used from one thread, read from others."""

    def __init__(
        self,
        facts: Callable[[], RunFacts | None],
        settling: Settling,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._facts = facts
        self._settling = settling
        self._clock = clock
        self._next_look = clock()
        self._ended_at: float | None = None
        self._silence: float | None = None
        self._running = False
        self._lively = False
        self.ended_state: str | None = None
        self.begun: float | None = None
        """When the run began at W&B, in seconds since the epoch; None while that is not known."""
        self.heartbeat: float | None = None
        """When W&B last heard of it, by W&B's clock; None while that is not known."""
        self.missing = False
        """True where W&B was asked, and had no such run (yet)."""
        self.url: str | None = None
        """The run's page; None before it was seen."""
        self.asked = threading.Event()
        """Set once W&B was asked, whatever it knew."""

    def look(self, *, now: bool = False) -> RunFacts | None:
        """Ask W&B if it is time to, or `now`; None where it was not asked, or did not know."""
        if not now and self._clock() < self._next_look:
            return None
        found = self._facts()
        if found is not None:
            self.begun, self.heartbeat, self.missing = found.begun, found.heartbeat, not found.exists
            self.url = found.url or self.url
        self.asked.set()
        self._next_look = self._clock() + _INTERVAL
        if found is None or not found.exists:
            # Not known is no evidence of either; what was seen before stays, and the session looks once more.
            return None
        heard = found.silence is not None and found.silence < _LIVELY_S
        self._running = found.state not in ENDED and (heard or found.silence is None)
        self._lively = self._running and heard
        if found.state not in ENDED:
            self._ended_at = self.ended_state = self._silence = None
            return found
        # uimon's own session turns `crashed` into `failed`, which is no new end.
        if self._ended_at is None:
            self._ended_at = self._clock()
        self.ended_state, self._silence = found.state, found.silence
        return found

    @property
    def running(self) -> bool:
        """True where W&B has the run for a running one, and knows of no silence that contradicts it."""
        return self._running

    @property
    def lively(self) -> bool:
        """True for a running one whose heartbeat came lately."""
        return self._lively

    @property
    def ended_seconds(self) -> float:
        """Seconds since the run was first seen ended; 0 while it has not ended."""
        return 0.0 if self._ended_at is None else self._clock() - self._ended_at

    @property
    def settled(self) -> bool:
        """True where the run has ended and stayed so for long enough that nobody writes into it any more."""
        return self._settling.is_over(self.ended_state, self.ended_seconds, self._silence)

    @property
    def settles_in(self) -> float | None:
        """Seconds until it will be settled if nothing changes; None for a run that has not ended."""
        if self.ended_state is None:
            return None
        return 0.0 if self.settled else self._settling.needed(self.ended_state) - self.ended_seconds


def is_default(facts: RunFacts | None) -> bool:
    """True where a trainer in W&B's default mode lives: it may overwrite what it does not know of."""
    return facts is not None and facts.exists and facts.state not in ENDED and facts.writer is Writer.DEFAULT
