"""What the service is doing right now, for whoever wants to show it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from watcher.evaluation.evaluate import Progress
from watcher.model import Reason


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the service. `since` is when the current phase began, on the board's clock.

    `queue` counts complete checkpoints that wait, `due` rows not yet read back from the run; `waiting` is why.
    `warnings` are the early warnings that hold now, a line each.
    """

    progress: Progress | None = None
    since: float = 0.0
    queue: int = 0
    due: int = 0
    waiting: Reason | None = None
    publishing: bool = False
    url: str | None = None
    closing: bool = False
    warnings: tuple[str, ...] = ()


class Board:
    """The newest `Snapshot`; threads of the service write to it, a display reads it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._now = Snapshot()

    def progress(self, progress: Progress | None) -> None:
        """The evaluator's progress; None when it has nothing to do."""
        with self._lock:
            old = self._now.progress
            same_phase = old and progress and (old.step, old.phase) == (progress.step, progress.phase)
            since = self._now.since if same_phase else self._clock()
            self._now = replace(self._now, progress=progress, since=since)

    def update(self, **changes: object) -> None:
        """Change other fields of the snapshot by name."""
        with self._lock:
            self._now = replace(self._now, **changes)  # type: ignore[arg-type]

    @property
    def snapshot(self) -> Snapshot:
        """The newest state of everything."""
        with self._lock:
            return self._now
