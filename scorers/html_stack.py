"""The stack of open elements of an HTML parser, with every question about it answered in constant time.

A parser asks all the time for the topmost open element of a name or of a kind ("has an element in scope"). Walking the
stack for it takes quadratic time on deep pages, so each name and kind keeps the stack indices of its elements.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from scorers.html_elements import kinds
from scorers.position import Position, shown


class Tag(NamedTuple):
    """A start or end tag: its name in lower case, its place, whether it ends in `/>`.

    >>> Tag("b", Position(1, 2)).written, Tag("b", Position(1, 2), ending=True).written
    ('`<b>`', '`</b>`')
    """

    name: str
    at: Position
    closed: bool = False
    attributes: Sequence[tuple[str, str | None]] = ()
    ending: bool = False

    @property
    def written(self) -> str:
        """The tag without attributes, for a message."""
        return f"`<{'/' * self.ending}{shown(self.name)}>`"


@dataclass(slots=True)
class Element:
    """An open element. `space` is `svg` or `math`, or empty in HTML.

    `html_inside` is true where start tags are read by the rules of HTML; `reported` once an issue was made of it.
    """

    name: str
    at: Position
    space: str = ""
    html_inside: bool = True
    reported: bool = False

    @property
    def key(self) -> str:
        """Its name among the open elements."""
        return f"{self.space} {self.name}" if self.space else self.name

    @property
    def place(self) -> str:
        """What it is and where it was opened, for a message.

        >>> Element("a", Position(3, 7)).place
        '`<a>` opened at line 3, column 7'
        """
        return f"`<{shown(self.name)}>` opened at line {self.at.line}, column {self.at.column}"


@dataclass(slots=True)
class OpenElements:
    """The open elements, the root first."""

    _items: list[Element] = field(default_factory=list)
    _where: dict[str, list[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Element]:
        return iter(self._items)

    def __getitem__(self, index: int) -> Element:
        return self._items[index]

    @property
    def top(self) -> Element | None:
        """The current node."""
        return self._items[-1] if self._items else None

    def push(self, element: Element) -> None:
        """Opens an element."""
        index = len(self._items)
        for kind in kinds(element.key):
            indices = self._where.get(kind)
            if indices is None:
                self._where[kind] = [index]
            else:
                indices.append(index)
        self._items.append(element)

    def pop(self) -> Element:
        """Closes the current node."""
        element = self._items.pop()
        for kind in kinds(element.key):
            indices = self._where[kind]
            indices.pop()
            # Without this, a text of a million different names would leave a million empty lists.
            if not indices:
                del self._where[kind]
        return element

    def last(self, kind: str) -> int:
        """The index of the topmost element of a name or kind, or -1.

        >>> stack = OpenElements()
        >>> for name in ("div", "table", "span"):
        ...     stack.push(Element(name, Position(1, 1)))
        >>> stack.last("div"), stack.last("p"), stack.last("#table-scope")
        (0, -1, 1)
        """
        indices = self._where.get(kind)
        return indices[-1] if indices else -1

    def in_scope(self, name: str, scope: str) -> bool:
        """True where the topmost element of that name is not outside of the innermost boundary of that scope."""
        index = self.last(name)
        return index >= 0 and index >= self.last(scope)
