"""How values of settings are read and what is refused: ranges are closed, texts and paths such as can be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from watcher.settings.arguments import trouble_of
from watcher.settings.bounds import Bound


def within(least: float, most: float, unit: str = "", *, open: bool = False) -> Bound:
    """A number from `least` to `most`, as an annotation of a field. Infinities and NaN are in no range."""
    return Bound(least, most, unit, open)


def require_texts(value: object) -> object:
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


def pairs(value: object) -> object:
    """`prompt=ask,completion=html` as a dictionary; raises ValueError for text of another kind."""
    if not isinstance(value, str):
        return value
    parts = [pair.partition("=") for pair in value.split(",") if pair.strip()]
    if not all(name.strip() and own.strip() for name, _, own in parts):
        raise ValueError("write it as prompt=ask,completion=html")
    return {name.strip(): own.strip() for name, _, own in parts}


def names(value: object) -> object:
    """`shadcn,globals.css` as a list."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def require_address(value: SecretStr) -> SecretStr:
    """Raises ValueError for what is no address of a web server; its own text stays out of the message."""
    address = value.get_secret_value()
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or not address.isprintable() or " " in address:
        raise ValueError("give an address that begins with https:// or http://")
    return value
