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

    >>> found = dict(imported_variables(Contents(constants=(("C.a", "red", False), ("C.b", "blue", False)))))
    >>> found["--js-C-a"], found["--js-C"]
    ('red', 'red blue')
    """
    together: dict[str, list[str]] = {}
    for path, color, _ in file.constants:
        names = path.split(".")
        for end in range(1, len(names) + 1):
            together.setdefault("-".join(names[:end]), []).append(color)
    for name, colors in together.items():
        yield f"--js-{name}", _fitting(colors)


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
            if not used and not any("-".join(names[:end]) in named for end in range(1, len(names) + 1)):
                yield color


def _named(files: Sequence[Contents]) -> Iterator[str]:
    for file in files:
        for text in (*(value for _, value in file.properties), *file.color_attributes, *file.sheets):
            if "--js-" in text:
                yield from _NAMED.findall(text)
