"""A pool of scripted engines, which hands out another one each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

from watcher.service.engines import LeasedEngine


class Scripted(LeasedEngine, Protocol):
    """An engine of a test."""

    def interrupt(self) -> None:
        """Let whoever waits for it go."""
        ...


class FakeEngines:
    """Hands out its engines in turn. `leased` are their places, by lease; what is given back is not to be used."""

    def __init__(self, *engines: Scripted) -> None:
        self._engines: Sequence[Scripted] = engines
        self.leased: list[int] = []
        self.out = False

    @contextmanager
    def lease(self) -> Iterator[LeasedEngine]:
        """The next engine."""
        assert not self.out, "the engine that was leased before was not given back"
        place = len(self.leased) % len(self._engines)
        self.leased.append(place)
        lease = _Lease(self._engines[place])
        self.out = True
        try:
            yield cast("LeasedEngine", lease)
        finally:
            lease.over, self.out = True, False

    def interrupt(self) -> None:
        """All of them."""
        for engine in self._engines:
            engine.interrupt()


class _Lease:
    def __init__(self, engine: LeasedEngine) -> None:
        self._engine = engine
        self.over = False

    def __getattr__(self, name: str) -> Any:
        assert not self.over, f"{name} of an engine that was given back"
        return getattr(self._engine, name)
