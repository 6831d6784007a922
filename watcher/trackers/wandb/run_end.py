"""A run that a session opened, and whether somebody has to end it again: it is left as its trainer left it.

A session that found the run ended, or saw it end, ends it itself. What is left are a session that was killed before,
and an end that no look has seen. Until the run is known to live, or to have ended, `JoinState` keeps what is in doubt:
since when (`opened`), and how the trainer had left it, where that is known (`ended_as`).

| W&B says                                         | then                                                           |
|--------------------------------------------------|----------------------------------------------------------------|
| heartbeats go on for longer than late posts take | the trainer lives: nothing is in doubt                         |
| finished, failed or killed                       | the trainer, or a session, has said so: the same               |
| running or crashed, no heartbeat between two     | ended as the trainer left it: by what a session saw, else      |
| looks                                            | `finished` where the trainer has left it since; looked at      |
|                                                  | again otherwise: W&B calls one that was killed crashed         |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from watcher.trackers.wandb.join_state import JoinState
from watcher.trackers.wandb.run import ENDED, RunFacts

LATE: Final = 75.0
"""Seconds of W&B's clock after the first look within which a heartbeat may be that of a session which is gone: requests
of a killed one are under way for a minute at most, for which servers and proxies hold them. The SDK's is every 30 s.
"""


class RunEnd:
    """`end(state, since)` ends an open run as `state`, or, where that is empty, as finished if its trainer has left it
    since that moment of W&B's clock; it says whether it did.
    """

    def __init__(self, state: JoinState, end: Callable[[str, float], bool] | None) -> None:
        self._state = state
        self._end = end
        self._first: float | None = None
        self._heard: float | None = None

    @property
    def in_doubt(self) -> bool:
        """True where a session may have left the run open."""
        return self._state.opened is not None

    def opening(self, heartbeat: float | None, ended: str | None) -> None:
        """A session may open the run, of which W&B last heard at `heartbeat`, and which its trainer has left as `ended`
        (None: it has not).
        """
        if ended and not self._state.ended_as:
            self._state.note_ended_as(ended)
        if not self.in_doubt:
            self._state.note_opened(heartbeat or 0.0)

    def opened(self) -> None:
        """A session may have opened the run: its own posts count as heartbeats, too."""
        self._first = self._heard = None

    def look(self, facts: RunFacts | None) -> None:
        """What W&B says of the run, now and then."""
        if facts is None or not facts.exists or not self.in_doubt:
            return
        state = facts.state or ""
        if state in ENDED and (state != "crashed" or self._state.ended_as == state):
            self._settled()
        elif self._first is None or self._heard is None:
            self._first = self._heard = facts.heartbeat
        elif facts.heartbeat is None or facts.heartbeat <= self._heard:
            self.end()
        elif facts.heartbeat - self._first > LATE:
            self._settled()
        else:
            self._heard = facts.heartbeat

    def end(self) -> bool:
        """End the run where it is known how its trainer left it; true where that was tried. Whether it came to be is
        for the next look to see: what says so may have been lost on its way.
        """
        opened, state = self._state.opened, self._state.ended_as
        return bool(self._end and opened is not None and (state or opened) and self._end(state, opened))

    def _settled(self) -> None:
        self._first = self._heard = None
        self._state.note_settled()
