"""What the user said of the validation file: `--val-format` and `--val-keys`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from watcher.model import Reason, UimonError
from watcher.validation.content import Unusable
from watcher.validation.roles import RoleNames
from watcher.validation.rows import ReadOptions
from watcher.validation.shapes import BESIDE, BY_NAME, COLUMNS

_MESSAGE_KEYS: Final = ("role", "content")
_ROLE: Final = "role."
_MEANINGS: Final = ("user", "assistant", "system", "tool")
_OPTIONAL: Final = BESIDE | {"input"}
"""What a row may do without, also where the user named the column."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How a file is read. `shape` is None where each row is recognized; `columns` are the file's own by the names
    that shapes look for.
    """

    shape: str | None = None
    way: ReadOptions = field(default_factory=ReadOptions)
    columns: Mapping[str, str] = field(default_factory=dict)

    def renamed(self, row: Mapping[str, object]) -> tuple[Mapping[str, object], ReadOptions]:
        """The row with the named columns under the names that shapes look for, and how it is to be read; what had such
        a name gives way.

        Raises Unusable where a named column is missing that is not optional.
        """
        if not self.columns:
            return row, self.way
        there = {name: row[own] for name, own in self.columns.items() if row.get(own) is not None}
        missing = [own for name, own in self.columns.items() if name not in there and name not in _OPTIONAL]
        if missing:
            raise Unusable(f"without {', '.join(missing)}")
        own = set(self.columns.values())
        rest = {name: value for name, value in row.items() if name not in own and name not in self.columns}
        return {**there, **rest}, replace(self.way, named=frozenset(there))

    def left_out(self, row: Mapping[str, object], used: Collection[str]) -> list[str]:
        """The columns of the row as the file has them that are not `used` under the names that shapes look for."""
        done = {self.columns.get(name, name) for name in used}
        done |= {own for own in self.columns.values() if row.get(own) is None}
        return [str(name) or "one without a name" for name in row if name not in done]

    def require_columns(self, path: Path, rows: Sequence[Mapping[str, object]]) -> None:
        """Raises UimonError(VAL_INVALID) where no row has one of the named columns."""
        there = dict.fromkeys(name for row in rows for name in row)
        for name, own in self.columns.items():
            if own not in there:
                sentence = (
                    f"No row of {path} has the column {own!r}, which --val-keys names as {name}; there are "
                    f"{', '.join(map(str, there)) or 'none'}."
                )
                raise UimonError(Reason.VAL_INVALID, sentence)


def choose(
    val_format: str | None = None, val_keys: Mapping[str, str] | None = None, *, templated: bool = False
) -> Choice:
    """Make a choice of what the user said of the file.

    Args:
        val_format: `--val-format`: a shape's name, `text:MARKER`, or `auto`. None: `auto`.
        val_keys: `--val-keys`: the usual name of each column, key or role, and the file's own name for it.
        templated: As in `ReadOptions`.

    Returns:
        The choice, which `load_val` takes.

    Raises:
        UimonError: CONFIG_INVALID for a format or key that does not exist.
    """
    shape, marker = _shape(val_format)
    keys = dict(val_keys or {})
    roles = {own: name[len(_ROLE) :] for name, own in keys.items() if name.startswith(_ROLE)}
    known = {name: own for name, own in keys.items() if not name.startswith(_ROLE)}
    unknown = [name for name in known if name not in COLUMNS and name not in _MESSAGE_KEYS]
    unknown += [f"{_ROLE}{name}" for name in roles.values() if name not in _MEANINGS]
    if unknown:
        names = ", ".join((*sorted(COLUMNS), *_MESSAGE_KEYS, *(_ROLE + name for name in _MEANINGS)))
        sentence = f"--val-keys cannot name {', '.join(unknown)}; it names {names}, as in prompt=ask,completion=html."
        raise UimonError(Reason.CONFIG_INVALID, sentence)
    naming = RoleNames(known.pop("role", None), known.pop("content", None), roles)
    return Choice(shape, ReadOptions(naming, templated, marker), known)


def _shape(val_format: str | None) -> tuple[str | None, str | None]:
    """The shape's name, and the marker of `text:MARKER`, in which `\\n` is a line break."""
    if val_format is None or val_format == "auto":
        return None, None
    name, _, marker = val_format.partition(":")
    if name not in BY_NAME or (marker and name != "text"):
        sentence = (
            f"--val-format cannot be {val_format!r}; it is auto, {', '.join(BY_NAME)} or text:MARKER, where MARKER "
            "ends the prompt in a text."
        )
        raise UimonError(Reason.CONFIG_INVALID, sentence)
    return name, marker.replace("\\n", "\n") or None
