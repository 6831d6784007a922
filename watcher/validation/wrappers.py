"""JSON values around rows: one array, one object with a list in it, a list of messages where a row should be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from watcher.model import JsonObject
from watcher.validation.turns import is_conversation

_SPLITS: Final = ("validation", "valid", "val", "eval", "dev", "test")
_TRAIN: Final = "train"
_LISTS: Final = (
    *("data", "dataset", "rows", "examples", "instances", "items", "records", "samples", "entries", "prompts"),
    *(_TRAIN, *_SPLITS),
)
"""Keys under which a file that is one object has its rows; another list of objects is a row's own column."""


class Ambiguous(Exception):
    """An object that holds several lists of rows; the text names them."""


def entries_in(value: JsonObject, columns: Collection[str]) -> tuple[list[object], list[str]] | None:
    """The list of rows in a file that is this object alone, as `{"data": [...]}`, and notes on it; None where the
    object is a row itself, which has some of the `columns` that rows are read by.

    Beside `train` the one list with a usual name of another split is taken. Raises Ambiguous.
    """
    if any(name in columns and name not in _LISTS for name in value):
        return None
    lists = [name for name in _LISTS if isinstance(value.get(name), list) and value[name]]
    others = [name for name in lists if name != _TRAIN]
    if len(lists) > 1 and len(others) == 1 and others[0] in _SPLITS:
        return value[others[0]], [f"of the lists {' and '.join(lists)} the rows of {others[0]}"]
    if len(lists) > 1:
        raise Ambiguous(", ".join(lists))
    return (value[lists[0]], []) if lists else None


def is_columnar(value: JsonObject) -> bool:
    """Whether an object holds a table column by column, as pandas writes one that is not told otherwise.

    >>> is_columnar({"prompt": {"0": "a", "1": "b"}}), is_columnar({"prompt": ["a", "b"], "completion": ["c", "d"]})
    (True, True)
    >>> is_columnar({"columns": ["prompt"], "index": [0], "data": [["a"]]}), is_columnar({"prompt": [{"role": "user"}]})
    (True, False)
    """
    columns = list(value.values())
    if not columns:
        return False
    if all(isinstance(column, dict) and column for column in columns):
        return len({tuple(column) for column in columns}) == 1 and all(name.isdecimal() for name in columns[0])
    if not all(isinstance(column, list) for column in columns):
        return False
    if {"columns", "data"} <= value.keys():
        return True
    cells = [cell for column in columns for cell in column]
    # A row may hold one list alone, of messages, also as JSON text; and `{"data": [...]}` holds rows.
    one = len(columns) == 1 and not all(isinstance(cell, list) for cell in cells)
    if one or value.keys() & set(_LISTS) or any(isinstance(cell, dict) for cell in cells):
        return False
    return len({len(column) for column in columns}) == 1


def answers_in(value: Mapping[str, object]) -> list[object] | None:
    """The list that an object holds around what models wrote; None where it holds none, or several."""
    lists = [held for name in (*_LISTS, "predictions", "results") if isinstance(held := value.get(name), list)]
    # `{"train": [...], "test": []}` has rows in one of them alone.
    filled = [held for held in lists if held] or lists
    return filled[0] if len(filled) == 1 else None


def as_row(value: object) -> Mapping[str, object] | None:
    """The row that a value is: an object; the row inside one of the Hugging Face dataset viewer's; a list of messages,
    as a row that has nothing else. None for another value.

    >>> as_row({"row_idx": 0, "row": {"text": "a"}, "truncated_cells": []})
    {'text': 'a'}
    >>> as_row([{"role": "user", "content": "a"}])
    {'messages': [{'role': 'user', 'content': 'a'}]}
    >>> as_row(["a"]) is None
    True
    """
    if is_conversation(value):
        return {"messages": value}
    if not isinstance(value, dict):
        return None
    inner = value.get("row")
    return inner if isinstance(inner, dict) and "row_idx" in value else value


def cut_cells(value: object) -> Sequence[str]:
    """The columns of the dataset viewer's row whose values it has cut off."""
    cut = value.get("truncated_cells") if isinstance(value, dict) and "row_idx" in value else None
    return [str(name) for name in cut] if isinstance(cut, list) else []
