"""Time that no setting of a clock changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

_CLOCK = "clock"
"""The memory's name for the time of the boot, in seconds since the epoch, and the id of that boot."""


class Memory(Protocol):
    """The ledger, as far as the clock needs it."""

    def recall(self, key: str) -> str | None:
        """A small fact kept earlier."""
        ...

    def remember(self, key: str, value: str) -> None:
        """Keep a small fact under a name."""
        ...


def steady_clock(memory: Memory | None = None) -> Callable[[], float]:
    """Seconds since the epoch, counted from now on by the machine's clock since its boot.

    With a `memory`, all processes of one boot count on from what the first of them took for now: a clock that is set
    forward while none runs would make rows that were just sent look long overdue.
    """
    boot = boot_id()
    began = time.time() - _since_boot()
    if memory is not None and boot:
        kept, _, kept_boot = (memory.recall(_CLOCK) or "").partition(" ")
        if kept_boot == boot:
            began = float(kept)
        else:
            memory.remember(_CLOCK, f"{began!r} {boot}")
    return lambda: began + _since_boot()


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Changes when the machine starts again; empty where the system does not say."""
    # psutil has the time of the boot only, which another setting of the clock changes.
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
