"""Validators that settings share: each range is closed, and what no text or path can hold is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import AfterValidator, SecretStr

from watcher.settings.arguments import trouble_of
from watcher.settings.bounds import Bound


def within(least: float, most: float, unit: str = "", *, open: bool = False) -> AfterValidator:
    """`of(Bound(…))`."""
    return of(Bound(least, most, unit, open))


def of(bound: Bound) -> AfterValidator:
    """A number in the bound. Infinities and NaN are in none."""

    def require(value: Any) -> Any:
        if not bound.holds(value):
            raise ValueError(f"give {bound.said}")
        return value

    return AfterValidator(require)


def require_texts(value: Any) -> Any:
    """The value, with all that is in it. Raises ValueError for a text or path in it that is of no use."""
    if isinstance(value, str | Path):
        if trouble := trouble_of(value):
            raise ValueError(trouble)
    elif isinstance(value, SecretStr):
        require_texts(value.get_secret_value())
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            require_texts(name)
            require_texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            require_texts(inner)
    return value
