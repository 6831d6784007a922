"""The stack of open elements of an HTML parser, with every question about it answered in constant time.

A parser asks all the time for the topmost open element of a name or of a kind ("has an element in scope"). Walking the
stack for it takes quadratic time on deep pages, so each name and kind keeps the stack indices of its elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scorers.html.elements import kinds
from scorers.position import shown

# Line and column, counted from 1: tuples, because one is made for every tag.
LineColumn = tuple[int, int]


class Tag(NamedTuple):
    """A start or end tag: its name in lower case, its place, whether it ends in `/>`.

    >>> Tag("b", (1, 2)).written, Tag("b", (1, 2), ending=True).written
    ('`<b>`', '`</b>`')
    """

    name: str
    at: LineColumn
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

    def __init__(self, name: str, at: LineColumn, space: str = "", html_inside: bool = True) -> None:
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


class OpenElements(list[Element]):
    """The open elements, the root first; `top` is the current node. Only `push` and `pop` may change the list."""

    __slots__ = ("_where", "top")

    def __init__(self) -> None:
        super().__init__()
        self.top: Element | None = None
        self._where: dict[str, list[int]] = {}

    def push(self, element: Element) -> None:
        """Opens an element."""
        index, where = len(self), self._where
        for kind in element.kinds:
            if kind in where:
                where[kind].append(index)
            else:
                where[kind] = [index]
        self.append(element)
        self.top = element

    def pop(self) -> Element:  # type: ignore[override]
        """Closes the current node."""
        element, where = super().pop(), self._where
        self.top = self[-1] if self else None
        for kind in element.kinds:
            where[kind].pop()
        # Without this, a text of a million different names would leave a million empty lists.
        if len(element.kinds) < 3 and not where[element.key]:
            del where[element.key]
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
