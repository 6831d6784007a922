"""Lines of SQLite as frozen dataclasses: the name of a column stands once, as the name of a field."""

from __future__ import annotations

import sqlite3
import types
from collections.abc import Callable
from dataclasses import fields
from enum import Enum
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar, get_args, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
Column = Callable[[sqlite3.Row], object]


class RowReader(Generic[T]):
    """Reads a line as a `made`. Each field is the column of its name, by the field's type: a flag, a path, an enum, or
    the value itself. NULL is None, and the empty text in a field that is a text. A field in `computed` is what that
    function makes of the line. Raises IndexError for a column that the line lacks, ValueError for a word that an enum
    does not have.
    """

    def __init__(self, made: type[T], **computed: Column) -> None:
        self._made = made
        hints = get_type_hints(made)
        names = [field.name for field in fields(made)]
        self._columns = [(name, computed.get(name) or _column(name, hints[name])) for name in names]

    def __call__(self, row: sqlite3.Row) -> T:
        return self._made(**{name: read(row) for name, read in self._columns})


def _column(name: str, hint: object) -> Column:
    """How the column of this name is read for a field of this type."""
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not types.NoneType]
    if hint is str:
        return lambda row: "" if row[name] is None else row[name]
    if len(kinds) == 1 and isinstance(kinds[0], type) and issubclass(kinds[0], (bool, Path, Enum)):
        kind = kinds[0]
        return lambda row: None if row[name] is None else kind(row[name])
    return itemgetter(name)
