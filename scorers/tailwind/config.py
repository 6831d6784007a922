"""Reads a page's `tailwind.config = {…}` as data. It is JavaScript or TypeScript, and never run.

TypeScript's own parser reads it (`scorers.jsx.engine`): objects, lists, strings, constants and spreads of the same
file, types and calls around the object (`configuration.js` says more). Everything else (`theme => …`, `require(…)`,
`a + b`) is kept as the text of an expression. A spread that cannot be read, as of what
another file exports, is a member whose name begins with `UNREAD`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from scorers.jsx.engine import read_configuration

MAX_SCRIPT: Final = 100_000
UNREAD: Final = "..."
# Without one of these the parser is not asked: most scripts of pages configure nothing.
_ASSIGNED = re.compile(r"\btailwind\b|\bexports\b|\bexport\s*(?:=|default\b)|\bas\s+default\b")


@dataclass(frozen=True, slots=True)
class Expression:
    """Code that is not evaluated: its text, without blanks."""

    text: str


@dataclass(frozen=True, slots=True)
class PalettePart:
    """A part of Tailwind's own colors by its names: a color (`red`, `500`), or a whole family (`red`)."""

    names: tuple[str, ...]


Value: TypeAlias = "str | Expression | PalettePart | list[Value] | dict[str, Value]"


def read_config(script: str) -> dict[str, Value]:
    """The object that a script assigns to `tailwind.config`; empty where there is none. Never raises.

    >>> read_config("tailwind.config = { theme: { 'a-b': [1, `x`], c: colors.red[500], /* d: 1 */ } } // f")
    {'theme': {'a-b': [Expression(text='1'), 'x'], 'c': PalettePart(names=('red', '500'))}}
    >>> read_config("export default { ...shared }")
    {'...shared': Expression(text='shared')}
    >>> read_config("const c = {a: 'b'}; tailwind.config = c"), read_config("tailwind.config == {a: 'b'}")
    ({'a': 'b'}, {})
    """
    if len(script) > MAX_SCRIPT or not _ASSIGNED.search(script):
        return {}
    value = _value(read_configuration(script))
    return value if isinstance(value, dict) else {}


def _value(found: Any) -> Value:
    """A value of the form that `configuration.js` answers in; it nests no deeper than that allows."""
    if isinstance(found, list):
        return [_value(part) for part in found]
    if not isinstance(found, dict):
        return found if isinstance(found, str) else Expression("")
    if "members" in found:
        return {name: _value(part) for name, part in found["members"]}
    return PalettePart(tuple(found["palette"])) if "palette" in found else Expression(found["code"])
