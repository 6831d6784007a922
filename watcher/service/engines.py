"""What the service needs of engines: one for as long as a checkpoint is evaluated, from whoever keeps them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from watcher.evaluation import evaluate as evaluation
from watcher.service.suites import SuiteEngine


class LeasedEngine(evaluation.Engine, SuiteEngine, Protocol):
    """An engine as the service uses it."""


class EnginePool(Protocol):
    """Engines that answer alike, whichever of them is asked. Whoever made the pool closes it."""

    def lease(self) -> AbstractContextManager[LeasedEngine]:
        """An engine that is nobody else's until it is given back; waits for one.

        It may be another than the last time, hold the weights of another checkpoint or none, and be dead: `reserve` and
        `load` make it ready. A failed `load` leaves one that the next `load` may find well.
        """
        ...

    def interrupt(self) -> None:
        """Make what all engines do fail soon, and everything later; called from another thread."""
        ...
