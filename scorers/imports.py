"""Colors that one file of an answer keeps in constants, and another one imports.

`COLORS.primary` of an imported `COLORS` is read as `var(--js-COLORS-primary)`; an index that only running would tell,
`COLORS[i]`, as `var(--js-COLORS)`: all of them. The file that has the constant defines the variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scorers.contents import Contents

# As long as a definition may be (`scorers.tailwind.theme`): one that is cut would end in another color.
MAX_TOGETHER = 200
_NAMED = re.compile(r"--js-([\w-]+)")


def imported_variables(file: Contents) -> Iterator[tuple[str, str]]:
    """The variables that a file's constants define.

    >>> found = dict(imported_variables(Contents(constants=(("C.a", "#f00", False), ("C.b", "tan", True)))))
    >>> found["--js-C-a"], found["--js-C-b"], found["--js-C"]
    ('#f00', 'tan', '#f00')
    >>> dict(imported_variables(Contents(constants=(("C.0.a", "#f00", False), ("C.1.a", "#00f", False)))))["--js-C-a"]
    '#f00 #00f'
    """
    together: dict[str, list[str]] = {}
    for place, color, _ in file.constants:
        names = place.split(".")
        # Of words that stand together most are no colors.
        first = len(names) if color.isalpha() else 1
        for path in {*("-".join(names[:end]) for end in range(first, len(names) + 1)), _of_each(names)}:
            together.setdefault(path, []).append(color)
    for name, colors in together.items():
        yield f"--js-{name}", _fitting(colors)


def _of_each(names: Sequence[str]) -> str:
    """What a callback calls a part of each item of a list: `items.map((item) => item.color)`."""
    return "-".join(name for name in names if not name.isdigit())


def _fitting(colors: Sequence[str]) -> str:
    text = ""
    for color in colors:
        if len(text) + len(color) >= MAX_TOGETHER:
            break
        text = f"{text} {color}" if text else color
    return text


def unnamed_constants(files: Sequence[Contents]) -> Iterator[str]:
    """The colors in constants that no color place of any file leads to.

    >>> user = Contents(properties=(("color", "var(--js-C-a)"),))
    >>> list(unnamed_constants([user, Contents(constants=(("C.a", "red", False), ("C.b", "blue", False)))]))
    ['blue']
    """
    if not any(file.constants for file in files):
        return
    named = set(_named(files))
    for file in files:
        for path, color, used in file.constants:
            names = path.split(".")
            paths = {_of_each(names), *("-".join(names[:end]) for end in range(1, len(names) + 1))}
            if not used and named.isdisjoint(paths):
                yield color


def _named(files: Sequence[Contents]) -> Iterator[str]:
    for file in files:
        for text in (*(value for _, value in file.properties), *file.color_attributes, *file.sheets):
            if "--js-" in text:
                yield from _NAMED.findall(text)
