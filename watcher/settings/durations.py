"""Lengths of time as people write them: `90`, `90s`, `30m`, `6h`, `2d`."""

from __future__ import annotations

import re

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PATTERN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*")


def parse_duration(text: str | float) -> float:
    """Seconds in a written duration.

    >>> [parse_duration(text) for text in (90, "90", "1.5m", "6h", "2d")]
    [90.0, 90.0, 90.0, 21600.0, 172800.0]

    Raises ValueError for anything else.
    """
    match = _PATTERN.fullmatch(str(text))
    if match is None:
        raise ValueError("not a length of time; write seconds or 90s, 30m, 6h, 2d")
    return float(match[1]) * _UNITS[match[2]]


def format_duration(seconds: float) -> str:
    """A length of time for people.

    >>> [format_duration(s) for s in (0.34, 12.3, 75, 7260, 200000)]
    ['0.3 s', '12 s', '1 min 15 s', '2 h 1 min', '2 d 7 h']
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, below, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"
