"""The stack of open elements of an HTML parser, with every question about it answered in constant time.

A parser asks all the time for the topmost open element of a name or of a kind ("has an element in scope"). Walking the
stack for it takes quadratic time on deep pages, so each name and kind keeps the stack indices of its elements.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scorers.html_elements import kinds
from scorers.position import shown

# Line and column, counted from 1: tuples, because one is made for every tag.
Place = tuple[int, int]


class Tag(NamedTuple):
    """A start or end tag: its name in lower case, its place, whether it ends in `/>`.

    >>> Tag("b", (1, 2)).written, Tag("b", (1, 2), ending=True).written
    ('`<b>`', '`</b>`')
    """

    name: str
    at: Place
    closed: bool = False
    attributes: Sequence[tuple[str, str | None]] = ()
    ending: bool = False

    @property
    def written(self) -> str:
        """The tag without attributes, for a message."""
        return f"`<{'/' * self.ending}{shown(self.name)}>`"


class Element:
    """An open element. `space` is `svg` or `math`, or empty in HTML; `key` is its name among the open elements.

    `html_inside` is true where start tags are read by the rules of HTML; `reported` once an issue was made of it.

    >>> Element("a", (3, 7)).place
    '`<a>` opened at line 3, column 7'
    """

    __slots__ = ("at", "html_inside", "key", "kinds", "name", "reported", "space")

    def __init__(self, name: str, at: Place, space: str = "", html_inside: bool = True) -> None:
        self.name = name
        self.at = at
        self.space = space
        self.html_inside = html_inside
        self.reported = False
        self.key = f"{space} {name}" if space else name
        self.kinds = kinds(self.key)

    @property
    def place(self) -> str:
        """What it is and where it was opened, for a message."""
        return f"`<{shown(self.name)}>` opened at line {self.at[0]}, column {self.at[1]}"


class OpenElements:
    """The open elements, the root first."""

    __slots__ = ("_items", "_where")

    def __init__(self) -> None:
        self._items: list[Element] = []
        self._where: dict[str, list[int]] = {}

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
        for kind in element.kinds:
            indices = self._where.get(kind)
            if indices is None:
                self._where[kind] = [index]
            else:
                indices.append(index)
        self._items.append(element)

    def pop(self) -> Element:
        """Closes the current node."""
        element = self._items.pop()
        for kind in element.kinds:
            self._where[kind].pop()
        # Without this, a text of a million different names would leave a million empty lists.
        if len(element.kinds) < 3 and not self._where[element.key]:
            del self._where[element.key]
        return element

    def last(self, kind: str) -> int:
        """The index of the topmost element of a name or kind, or -1.

        >>> stack = OpenElements()
        >>> for name in ("div", "table", "span"):
        ...     stack.push(Element(name, (1, 1)))
        >>> stack.last("div"), stack.last("p"), stack.last("#table-scope")
        (0, -1, 1)
        """
        indices = self._where.get(kind)
        return indices[-1] if indices else -1

    def in_scope(self, name: str, scope: str) -> bool:
        """True where the topmost element of that name is not outside of the innermost boundary of that scope."""
        index = self.last(name)
        return index >= 0 and index >= self.last(scope)
