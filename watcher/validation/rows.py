"""What a row gives: the values that shapes make, and how a shape takes them out of the row's columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from watcher.validation.turns import Naming, Turn, Unusable, listed, turn, turns

Cells = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Way:
    """How rows are to be read. `templated`: prompts that are text are asked as turns, because a system message or a
    chat template was named. `marker` ends the prompt in a `text`.
    """

    naming: Naming = field(default_factory=Naming)
    templated: bool = False
    marker: str | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """A whole conversation; the last assistant turn is its reference."""

    turns: list[Turn]
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
    and of many rows once.
    """

    content: Chat | Text
    shape: str
    used: frozenset[str]
    notes: tuple[str, ...] = ()


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


def said(value: Any, column: str, role: str, way: Way) -> list[Turn]:
    """A column that holds messages, or the text of one turn of `role`."""
    messages = listed(value, column)
    if messages is not None:
        return turns(messages, way.naming)
    return turns([turn(role, text_of({column: value}, column))], Naming())


def _opening(row: Cells, found: Sequence[Turn], column: str = "system") -> tuple[list[Turn], frozenset[str]]:
    """The system turn of a column of its own, where the conversation has none; and which column was used."""
    system = row.get(column)
    if not isinstance(system, str) or not system or (found and found[0]["role"] == "system"):
        return [], frozenset({column} & row.keys() if not system else ())
    return [turn("system", system)], frozenset({column})


def chat(row: Cells, found: list[Turn], shape: str, *used: str, system: str = "system") -> Line:
    """A conversation made of the columns `used`, its system turn of the column `system` where it has none."""
    opening, columns = _opening(row, found, system)
    notes = (f"system turns from the column {system}",) if opening else ()
    return judged(row, Line(Chat([*opening, *found]), shape, columns.union(used) & row.keys(), notes))


def judged(row: Cells, line: Line) -> Line:
    """KTO's `label` (TRL) or `kto_tag` (LLaMA-Factory): an answer that is false is one to unlearn."""
    for column in ("label", "kto_tag"):
        # As text in what comes out of CSV; a number is some class, and no judgment.
        good = {"true": True, "false": False}.get(str(row.get(column)).lower())
        if good is None:
            continue
        line = replace(line, used=line.used | {column}, shape=f"{line.shape}, KTO")
        if not good:
            content = line.content
            unlearned = replace(content, answered=False) if isinstance(content, Chat) else Text(content.prompt, None)
            return replace(line, content=unlearned)
    return line


def history(row: Cells, way: Way) -> list[Turn]:
    """Earlier turns as LLaMA-Factory and ms-swift have them, pairs of question and answer, or as messages."""
    value = row.get("history")
    if isinstance(value, str) and value.strip():
        value = _decoded_history(value)
    if not value:
        return []
    if not isinstance(value, list | tuple):
        raise Unusable("whose history is no list")
    if all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value):
        each = [(role, said) for pair in value for role, said in zip(("user", "assistant"), pair, strict=True)]
        return [turn(role, text_of({"history": said}, "history")) for role, said in each]
    return turns(value, way.naming)


def _decoded_history(text: str) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise Unusable("whose history is text that is no JSON list")
    return value
