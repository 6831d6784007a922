"""Rows whose question and answer are columns of text: Alpaca, OpenOrca, and the names that ms-swift knows."""

from __future__ import annotations

from typing import Final

from watcher.validation.content import Unusable, placeholders_in
from watcher.validation.rows import (
    SYSTEMS,
    Cells,
    Line,
    ReadOptions,
    Text,
    chat,
    has,
    history,
    judged,
    optional,
    said,
    system_of,
    text_of,
)
from watcher.validation.turns import Turn, listed, turn

ALPACA: Final = ("instruction", "input", "output", "history")
QUERIES: Final = ("query", "question", "instruction", "problem", "prompt", "input")
RESPONSES: Final = (
    *("response", "answer", "output", "solution", "completion"),
    *("target", "targets", "answers", "answer_key"),
)
_MAYBE_NO_TEXT: Final = frozenset({"target", "targets", "answers", "answer_key"})
"""Columns that hold text in some files, and in others lists or numbers that no trainer takes for an answer."""
_ALPACA_TURNS: Final = (
    "Alpaca, as chat turns, as LLaMA-Factory and ms-swift train it (--val-format alpaca-text: the text prompt of "
    "Stanford and Axolotl)"
)
_WITH_INPUT: Final = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request."
)
_WITHOUT_INPUT: Final = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request."
)


def _alpaca_turns(row: Cells, way: ReadOptions) -> list[Turn]:
    asked = "\n".join(part for part in (text_of(row, "instruction"), optional(row, "input")) if part)
    return [*history(row, way), turn("user", asked)]


def alpaca(row: Cells, way: ReadOptions) -> Line:
    """Alpaca's columns as chat turns."""
    output = row.get("output")
    answer = [turn("assistant", text_of(row, "output"))] if output is not None else []
    return chat(row, [*_alpaca_turns(row, way), *answer], _ALPACA_TURNS, way, *ALPACA)


def alpaca_text(row: Cells, way: ReadOptions) -> Line:  # noqa: ARG001
    """Alpaca's columns as Stanford's text prompt."""
    asked, given, output = (text_of(row, "instruction"), optional(row, "input"), optional(row, "output"))
    if row.get("history"):
        raise Unusable("with a history, which Alpaca's text prompt has no place for")
    system = system_of(row)
    opening = row[system] if system else (_WITH_INPUT if given else _WITHOUT_INPUT)
    middle = f"\n\n### Input:\n{given}" if given else ""
    prompt = f"{opening}\n\n### Instruction:\n{asked}{middle}\n\n### Response:\n"
    line = Line(
        Text(prompt, prompt + output if output else None),
        "Alpaca, as its text prompt without a chat template",
        frozenset({*ALPACA, *([system] if system else SYSTEMS)}) & row.keys(),
        tuple(placeholders_in(asked, given)),
    )
    return judged(row, line)


def openorca(row: Cells, way: ReadOptions) -> Line:
    """A system message, a question and a response."""
    found = [turn("user", text_of(row, "question"))]
    if has(row, "response"):
        found.append(turn("assistant", text_of(row, "response")))
    return chat(row, found, "OpenOrca, as chat turns", way, "question", "response")


def query_columns(row: Cells, way: ReadOptions) -> tuple[str, str | None] | None:
    """The columns of the query and its response; no response where there is none. None where a row has no query.

    A `prompt` of messages has no partner but `response`: an `answer` or a `solution` beside it is what a reward is
    computed of (GRPO).
    """
    query = next((name for name in QUERIES if has(row, name)), None)
    if query is None:
        return None
    messages = query == "prompt" and listed(row["prompt"], "prompt", way.naming) is not None
    partners = ("response",) if messages else RESPONSES
    fitting = (name for name in partners if has(row, name))
    return query, next((name for name in fitting if name not in _MAYBE_NO_TEXT or isinstance(row[name], str)), None)


def knows_pair(row: Cells, way: ReadOptions) -> bool:
    """Whether a row has a query and its response."""
    columns = query_columns(row, way)
    return columns is not None and columns[1] is not None


def query_turns(row: Cells, query: str, way: ReadOptions) -> tuple[list[Turn], set[str]]:
    """The turns of a query in this column and of the history before it, and the columns that they are made of."""
    if row.get("context"):
        # Dropped, it would leave half a prompt.
        raise Unusable("with a context beside the query, which trainers place in different ways")
    if query == "instruction":
        return _alpaca_turns(row, way), {"instruction", "input", "history"}
    return [*history(row, way), *said(row.get(query), query, "user", way)], {query, "history"}


def query_response(row: Cells, way: ReadOptions) -> Line:
    """A query and its response, or a query alone."""
    query, response = query_columns(row, way) or ("query", None)
    asked, used = query_turns(row, query, way)
    answer = [] if response is None else said(row.get(response), response, "assistant", way)
    used |= {response} if response else set()
    shape = f"{query} and {response}, as chat turns" if response else f"{query} alone"
    if query == "prompt" and response not in (None, "response"):
        shape += ", as ms-swift trains it (--val-format prompt asks the prompts alone)"
    return chat(row, [*asked, *answer], shape, way, *used)
