"""What a row gives: the values that shapes make, and how a shape takes them out of the row's columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from watcher.engine.types import texts_of
from watcher.model import JsonObject
from watcher.validation.content import Unusable, placeholders_in
from watcher.validation.roles import RoleNames, notes_on
from watcher.validation.turns import CONVERSATIONS, Turn, listed, roles_in, turn, turns

Cells = JsonObject

SYSTEMS: Final = ("system", "system_prompt")
"""Columns that hold the system turn, under ms-swift's names."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How rows are to be read. `templated`: prompts that are text are asked as turns, because a system message or a
    chat template was named. `marker` ends the prompt in a `text`. `named`: the columns that the user named, and that
    the row's shape has to have a place for.
    """

    naming: RoleNames = field(default_factory=RoleNames)
    templated: bool = False
    marker: str | None = None
    named: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Chat:
    """A whole conversation; the last assistant turn is its reference."""

    turns: list[Turn]
    naming: RoleNames = field(default_factory=RoleNames)
    answered: bool = True
    """False where the last turn is an answer that training does not learn."""


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text. `prompt` is what is sampled from, `text` what training saw (None: a prompt alone); `masked`: the
    prompt's tokens are not in the loss.
    """

    prompt: str | None
    text: str | None
    masked: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """What a row holds: `shape` for people, and the columns it was made of. `notes` are what else is to be said of it,
    and of many rows once. `variables` are what the row has for the template within the columns used.
    """

    content: Chat | Text
    shape: str
    used: frozenset[str]
    notes: tuple[str, ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict)


def has(row: Cells, *columns: str) -> bool:
    """Whether a row has these columns, and something in each; a table has every column in every row."""
    return all(row.get(column) is not None for column in columns)


def text_of(row: Cells, column: str) -> str:
    """A column's text. Raises Unusable where it holds something else."""
    value = row.get(column)
    if not isinstance(value, str):
        raise Unusable(f"whose {column} is " + ("missing" if value is None else "neither text nor messages"))
    return value


def optional(row: Cells, column: str) -> str:
    """A column's text, empty where it has none. Raises Unusable where it holds something else."""
    return text_of(row, column) if row.get(column) is not None else ""


def said(value: object, column: str, role: str, way: ReadOptions) -> list[Turn]:
    """A column that holds messages, or the text of one turn of `role`."""
    messages = listed(value, column, way.naming)
    return [turn(role, text_of({column: value}, column))] if messages is None else turns(messages, way.naming)


def system_of(row: Cells) -> str | None:
    """The column that holds a system message; None where none does."""
    return next((name for name in SYSTEMS if isinstance(row.get(name), str) and row[name]), None)


def _opening(row: Cells, found: Sequence[Turn]) -> tuple[list[Turn], frozenset[str]]:
    """The system turn of a column of its own, where the conversation has none; and which columns are done with."""
    empty = frozenset(name for name in SYSTEMS if name in row and not row[name])
    column = system_of(row)
    if column is None or (found and found[0]["role"] == "system"):
        return [], empty
    return [turn("system", row[column])], empty | {column}


def chat(row: Cells, found: list[Turn], shape: str, way: ReadOptions, *used: str, plain: bool = False) -> Line:
    """A conversation made of the columns `used` (`plain`: of their text), its system turn of a column of its own where
    it has none.
    """
    opening, columns = _opening(row, found)
    notes = [f"system turns from the column {system_of(row)}"] if opening else []
    notes += [] if plain else _notes(row, used, way.naming)
    asked = [text for each in found if each["role"] != "assistant" for text in texts_of(each.get("content"))]
    notes += placeholders_in(*asked)
    line = Line(Chat([*opening, *found], way.naming), shape, columns.union(used) & row.keys(), tuple(notes))
    return judged(row, line)


def _notes(row: Cells, columns: Sequence[str], naming: RoleNames) -> list[str]:
    """How the messages in these columns were read: that text was taken for messages, and their roles."""
    heard = {name: listed(row.get(name), name, naming) or [] for name in columns if name != "rejected"}
    decoded = [name for name, messages in heard.items() if messages and isinstance(row[name], str)]
    notes = [f"JSON text in {name} as messages" for name in decoded if name not in CONVERSATIONS]
    every = [each for messages in heard.values() for each in messages if isinstance(each, Mapping)]
    return [*notes, *notes_on(roles_in(every, naming), naming)]


_JUDGMENTS: Final = {"true": True, "false": False}
_NUMBERS: Final = {"1": True, "1.0": True, "0": False, "0.0": False}


def judged(row: Cells, line: Line) -> Line:
    """KTO's `label` (TRL) or `kto_tag` (LLaMA-Factory): an answer that is false is one to unlearn.

    Tables write truth as text, or as 0 and 1. Numbers count beside TRL's own columns for KTO alone: elsewhere a
    label's number is some class.
    """
    for column in ("label", "kto_tag"):
        known = dict(_JUDGMENTS) | (_NUMBERS if column == "kto_tag" or has(row, "prompt", "completion") else {})
        good = known.get(str(row.get(column)).lower())
        if good is None:
            continue
        line = replace(line, used=line.used | {column}, shape=f"{line.shape}, KTO")
        if not good:
            content = line.content
            unlearned = replace(content, answered=False) if isinstance(content, Chat) else Text(content.prompt, None)
            return replace(line, content=unlearned)
    return line


def history(row: Cells, way: ReadOptions) -> list[Turn]:
    """Earlier turns as LLaMA-Factory and ms-swift have them, pairs of question and answer, or as messages."""
    value = row.get("history")
    if isinstance(value, str) and value.strip():
        value = _decoded_history(value)
    if not value:
        return []
    if not isinstance(value, list | tuple):
        raise Unusable("whose history is not a list")
    if all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value):
        each = [(role, said) for pair in value for role, said in zip(("user", "assistant"), pair, strict=True)]
        return [turn(role, text_of({"history": said}, "history")) for role, said in each]
    return turns(value, way.naming)


def _decoded_history(text: str) -> list[object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise Unusable("whose history is text that is not a JSON list")
    return value
