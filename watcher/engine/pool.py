"""The engines of this machine, handed out one at a time: one engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from watcher.engine.supervisor import VllmEngine
from watcher.engine.types import EngineSettings


class OneEngine:
    """One engine, and the only way to it. See `watcher.service.engines.EnginePool`."""

    def __init__(self, settings: EngineSettings) -> None:
        self._engine = VllmEngine(settings)
        self._free = threading.Lock()

    @contextmanager
    def lease(self) -> Iterator[VllmEngine]:
        """The engine, once whoever has it gives it back."""
        with self._free:
            yield self._engine

    def check_arguments(self) -> None:
        """Have vLLM's parser read the user's own arguments. Raises `UimonError` as `VllmEngine.check_arguments`
        does."""
        self._engine.check_arguments()

    def interrupt(self) -> None:
        """Make what the engine does fail soon, and everything later; for another thread than the lease's."""
        self._engine.interrupt()

    def close(self) -> None:
        """Kill the engine's host and its group, also under a lease."""
        self._engine.close()
