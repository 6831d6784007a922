"""The tags of components' markup: names and attributes as they are written, with their places."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Value(Enum):
    """How an attribute's value is written."""

    NONE = auto()
    PLAIN = auto()
    QUOTED = auto()
    BRACES = auto()


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: `text` is its value without quotes or braces, which begins at offset `value_at`. A spread
    (`{...a}`) and a shorthand (`{a}`) have no name."""

    name: str
    at: int
    text: str = ""
    value_at: int = 0
    value: Value = Value.NONE


@dataclass(frozen=True, slots=True)
class StartTag:
    """A start tag; `end` is the offset behind it, `closed` says that it ends in `/>`."""

    name: str
    at: int
    end: int
    attributes: tuple[Attribute, ...] = ()
    closed: bool = False

    def get(self, name: str) -> str | None:
        """The value of an attribute, empty for one without a value; None where the tag has no such attribute."""
        return next((attribute.text for attribute in self.attributes if attribute.name == name), None)


class OpenTags:
    """The open elements and blocks of a component, with the names asked for in constant time."""

    def __init__(self) -> None:
        self._open: list[tuple[str, int]] = []
        self._count: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __bool__(self) -> bool:
        return bool(self._open)

    @property
    def top(self) -> tuple[str, int]:
        """Name and offset of the innermost open one; an empty name where nothing is open."""
        return self._open[-1] if self._open else ("", 0)

    def push(self, name: str, at: int) -> None:
        """Opens one."""
        self._open.append((name, at))
        self._count[name] = self._count.get(name, 0) + 1

    def pop(self) -> tuple[str, int]:
        """Closes the innermost one."""
        name, at = self._open.pop()
        self._count[name] -= 1
        return name, at

    def has(self, name: str) -> bool:
        """Whether one of this name is open.

        >>> tags = OpenTags(); tags.push("p", 0); tags.has("p"), tags.has("b"), tags.top
        (True, False, ('p', 0))
        """
        return self._count.get(name, 0) > 0
