"""What the service asks of the place where checkpoints come from.

A source remembers what the place looked like when it was last read. What became of each checkpoint is the ledger's to
remember, and `look` is told of it: where the two differ, the checkpoint is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from watcher.model import Checkpoint, Condition

Awaited = Mapping[str, Condition]
"""Names of the checkpoints that are neither staged nor settled, or were deleted before they were, each with the
condition in which it is on record."""
NONE_AWAITED: Final[Awaited] = MappingProxyType({})


class Source(Protocol):
    """Where checkpoints come from."""

    def look(self, awaited: Awaited = NONE_AWAITED) -> Iterable[Checkpoint] | None:
        """Every checkpoint that changed since it was last read, and every one that is `awaited` and was read in another
        condition, or not at all; each as it stands. None while the place does not exist.
        """
        ...

    def readings(self) -> Mapping[str, Checkpoint]:
        """As they were last read, without their logs: all that the last look has brought, and all that were awaited."""
        ...

    def names(self) -> Iterable[str] | None:
        """Names of all the checkpoints that were there at the last look; None where others may be elsewhere."""
        ...

    def mark(self, name: str) -> str:
        """Tells the content of a complete checkpoint from any other; empty where it is not known."""
        ...

    def unchanged(self, marks: Mapping[str, str]) -> frozenset[str]:
        """Of checkpoints that were complete with these marks those that are as they were: no look brings them before
        they change.
        """
        ...

    def at(self, name: str) -> Checkpoint | None:
        """One checkpoint as it stands; None where there is none of this name."""
        ...

    def elsewhere(self) -> str:
        """Names what else is there and is not evaluated, in a sentence; else empty."""
        ...

    def forget(self, name: str) -> None:
        """What was read of this checkpoint does not hold, or not all of it is known here: the next look brings it."""
        ...

    def wait(self, timeout: float) -> None:
        """Sleep for at most `timeout` seconds, less where something seems to have changed."""
        ...
