"""What numbers and lengths of time may be given, and how that is said: in help, and where a value is refused.

The upper bounds are far above anything of use. They are there so that no value overflows a clock, an integer of the
file system or the engine, and so that a slip (`--samples 64000000`) is a sentence and no empty disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

YEAR: Final = 366 * 86_400.0
"""Seconds. `threading` waits at most 292 years, and dates end in the year 9999."""


@dataclass(frozen=True, slots=True)
class Bound:
    """`least` and `most` may be given themselves, but for a `least` that is `open`. `unit` of a time is `s`.

    In the annotation of a pydantic field it refuses what it does not hold; None stays None.
    """

    least: float
    most: float
    unit: str = ""
    open: bool = False

    def holds(self, value: float) -> bool:
        """True for a value in the range; NaN and infinities are in none."""
        return (self.least < value if self.open else self.least <= value) and value <= self.most

    @property
    def is_time(self) -> bool:
        """Whether it bounds a length of time, in seconds."""
        return self.unit == "s"

    @property
    def said(self) -> str:
        """The range in words.

        >>> Bound(1, 64).said, Bound(0, 1, open=True).said, Bound(0, YEAR, "s").said, Bound(0, 1e6, " GB").said
        ('1 to 64', 'more than 0, at most 1', '0s to 366d', '0 to 1000000 GB')
        """
        least = f"{_plain(self.least)}{'s' if self.is_time else ''}"
        most = f"{self.most / 86_400:g}d" if self.is_time else f"{_plain(self.most)}{self.unit}"
        return f"more than {least}, at most {most}" if self.open else f"{least} to {most}"

    @property
    def short(self) -> str:
        """The range as help has room for it.

        >>> Bound(-(2**63), 2**63 - 1).short, Bound(1, 64).short
        ('64 bits', '1 to 64')
        """
        return "64 bits" if (self.least, self.most) == (-(2**63), 2**63 - 1) else self.said

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The field's own schema, and after it this bound."""
        # Help reads bounds, and loads no pydantic for them.
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self._require, handler(source))

    def _require(self, value: float | None) -> float | None:
        if value is not None and not self.holds(value):
            raise ValueError(f"give {self.said}")
        return value


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"
