"""What numbers and lengths of time may be given, and how that is said: in help, and where a value is refused.

The upper bounds are far above anything of use. They are there so that no value overflows a clock, an integer of the
file system or the engine, and so that a slip (`--samples 64000000`) is a sentence and no empty disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

YEAR: Final = 366 * 86_400.0
"""Seconds. `threading` waits at most 292 years, and dates end in the year 9999."""


@dataclass(frozen=True, slots=True)
class Bound:
    """`least` and `most` may be given themselves, but for a `least` that is `open`. `unit` of a time is `s`."""

    least: float
    most: float
    unit: str = ""
    open: bool = False

    def holds(self, value: float) -> bool:
        """True for a value in the range; NaN is in none."""
        return (self.least < value if self.open else self.least <= value) and value <= self.most

    @property
    def said(self) -> str:
        """The range in words.

        >>> Bound(1, 64).said, Bound(0, 1, open=True).said, Bound(0, YEAR, "s").said, Bound(0, 1e6, " GB").said
        ('1 to 64', 'more than 0, at most 1', '0s to 366d', '0 to 1000000 GB')
        """
        is_time = self.unit == "s"
        least = f"{_plain(self.least)}{'s' if is_time else ''}"
        most = f"{self.most / 86_400:g}d" if is_time else f"{_plain(self.most)}{self.unit}"
        return f"more than {least}, at most {most}" if self.open else f"{least} to {most}"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


BOUNDS: Final = {
    "settle": Bound(0, YEAR, "s"),
    "samples": Bound(1, 1_000_000),
    "max_tokens": Bound(1, 10_000_000),
    "temperature": Bound(0, 2),
    "top_p": Bound(0, 1, open=True),
    "n": Bound(1, 64),
    "seed": Bound(-(2**63), 2**63 - 1),
    "tensor_parallel": Bound(1, 1024),
    "max_num_seqs": Bound(1, 65_536),
    "max_model_len": Bound(16, 100_000_000),
    "gpu_memory_utilization": Bound(0, 1, open=True),
    "stage_budget_gb": Bound(0, 1e6, " GB", open=True),
    "disk_floor_gb": Bound(0, 1e6, " GB"),
    "poll": Bound(0.01, 86_400, "s"),
    "idle_exit": Bound(0, YEAR, "s"),
    "grace": Bound(0, YEAR, "s"),
    "drain_timeout": Bound(0, YEAR, "s"),
    "table_rows": Bound(0, 100_000),
    "table_kb": Bound(1, 1_000_000, " kB"),
}
"""By the names of the settings."""
