"""The shapes of validation files, as the documentation of the usual trainers has them.

A shape knows its rows by their columns and reads one row into a conversation (`Chat`, for the chat template) or into
text that no template touches (`Text`). Where trainers make different prompts of the same columns, `assumed` says which
one is taken, and how to choose the other.

| shape (`--val-format`) | columns | what training makes of it |
|---|---|---|
| `preference` | `chosen` (`rejected`), `prompt` or what both share, or `messages` | SFT on the chosen answer |
| `chat`, `sharegpt`, `sharegpt-as-is` | `messages`, `conversations` or `conversation` | the template's turns |
| `pair`, `pair-chat` | `prompt`, `completion` | text is text (TRL), messages are turns |
| `alpaca`, `alpaca-text` | `instruction`, `output`, maybe `input`, `system`, `history` | turns, or Alpaca's own text |
| `openorca` | `system_prompt`, `question`, `response` | turns |
| `query-response` | a query and a response under the names ms-swift knows, maybe `system`, `history` | turns |
| `text` | `text` | text, all of it in the loss |
| `prompt` | `prompt`, or a query alone | what is sampled from, without a reference |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from watcher.validation.rows import (
    Cells,
    Chat,
    Line,
    Text,
    Way,
    chat,
    has,
    history,
    judged,
    optional,
    said,
    text_of,
)
from watcher.validation.turns import (
    Naming,
    Turn,
    Unusable,
    listed,
    refuse_media,
    refuse_text_media,
    turn,
    turns,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape. `read` raises Unusable; `knows` says whether a row is one, by its columns."""

    name: str
    knows: Callable[[Cells], bool]
    read: Callable[[Cells, Way], Line]


def recognize(row: Cells, way: Way, name: str | None = None) -> Line:
    """The row as the first shape that knows it, or as the one named. Raises Unusable with the reason."""
    refuse_media(row)
    shape = BY_NAME[name] if name else next((each for each in SHAPES if each.knows(row)), None)
    if shape is None:
        raise Unusable(f"in no known shape (columns: {', '.join(map(str, row)) or 'none'})")
    return shape.read(row, way)


# Conversations.

_MESSAGES: Final = ("messages", "conversations", "conversation")


def _has_messages(row: Cells) -> bool:
    return any(has(row, column) for column in _MESSAGES)


def _messages(row: Cells, way: Way) -> Line:
    column = next((each for each in _MESSAGES if has(row, each)), "messages")
    messages = listed(row.get(column), column)
    if messages is None:
        missing = row.get(column) is None
        raise Unusable(f"whose {column} is " + ("missing" if missing else "text that is no JSON list of messages"))
    found = turns(messages, way.naming)
    shape = "ShareGPT" if messages and ("from" in messages[0] or "human" in messages[0]) else "chat messages"
    line = chat(row, found, shape, column)
    return replace(line, notes=(*line.notes, *_roles(messages, way.naming)))


def _roles(messages: Sequence[Any], naming: Naming) -> list[str]:
    """How the roles were read that have another name than templates have for them, a note each."""
    named = [message.get(naming.role or "role", message.get("from")) for message in messages]
    pairs = [(name, naming.meaning(name)) for name in dict.fromkeys(named) if isinstance(name, str)]
    said_so = [f"role {name} {'as it is' if naming.as_is else f'as {meant}'}" for name, meant in pairs if name != meant]
    # TRL renames the keys and leaves the roles.
    return [*said_so, "--val-format sharegpt-as-is leaves them"] if said_so and not naming.as_is else said_so


def _as_is(row: Cells, way: Way) -> Line:
    return _messages(row, replace(way, naming=replace(way.naming, as_is=True)))


# Preference pairs.


def _preference(row: Cells, way: Way) -> Line:
    chosen = listed(row.get("chosen"), "chosen")
    used, shape = ("prompt", "chosen", "rejected"), "preference pairs (the chosen answer is the reference)"
    if _has_messages(row):
        line = _messages(row, way)
        assert isinstance(line.content, Chat)
        answer = said(row.get("chosen"), "chosen", "assistant", way)
        found = answer if len(answer) > 1 else [*line.content.turns, *answer]
        return chat(row, found, shape, *line.used, *used)
    if chosen is not None:
        answer = turns(chosen, way.naming)
        prompt = listed(row.get("prompt"), "prompt")
        # With a prompt that is text, the messages hold it as well, as in TRL.
        if prompt is None and has(row, "prompt") and all(each["role"] == "assistant" for each in answer):
            prompt = [turn("user", text_of(row, "prompt"))]
        return chat(row, [*turns(prompt or [], way.naming), *answer], shape, *used)
    query = next((name for name in _QUERIES if name != "prompt" and has(row, name)), None)
    if query is not None:
        asked, columns = _query(row, query, way)
        return chat(row, [*asked, turn("assistant", text_of(row, "chosen"))], shape, *columns, *used)
    if has(row, "prompt"):
        line = _pair({**row, "completion": row.get("chosen")}, way)
        return replace(line, shape=f"{shape}, {line.shape}", used=line.used.union(used) & row.keys())
    shared = _shared(text_of(row, "chosen"), text_of(row, "rejected"))
    return Line(Text(shared or None, row["chosen"]), f"{shape}, the prompt is what both share", frozenset(used[1:]))


def _shared(chosen: str, rejected: str) -> str:
    """What both answers begin with, without the blank before they part; TRL's definition of an implicit prompt."""
    pairs = enumerate(zip(chosen, rejected, strict=False))
    at = next((place for place, (one, other) in pairs if one != other), min(len(chosen), len(rejected)))
    return chosen[: at - 1] if chosen[at - 1 : at] == " " else chosen[:at]


# Prompt and completion.

_PLAIN: Final = "as plain text, as TRL trains it (--val-format pair-chat asks it through the chat template)"


def _pair(row: Cells, way: Way) -> Line:
    prompt, completion = listed(row.get("prompt"), "prompt"), listed(row.get("completion"), "completion")
    used = ("prompt", "completion")
    if prompt is None and completion is None and not (way.templated or row.get("system")):
        asked, answer = text_of(row, "prompt"), text_of(row, "completion")
        refuse_text_media(asked)
        return judged(row, Line(Text(asked, asked + answer if answer else None), f"pairs {_PLAIN}", frozenset(used)))
    shape = "pairs of prompt and completion, as chat turns"
    # A prompt alone is asked through the template as well.
    answered = said(row["completion"], "completion", "assistant", way) if has(row, "completion") else []
    return chat(row, [*said(row.get("prompt"), "prompt", "user", way), *answered], shape, *used)


def _pair_chat(row: Cells, way: Way) -> Line:
    templated = replace(way, templated=True)
    return _preference(row, templated) if has(row, "chosen") else _pair(row, templated)


# Alpaca.

_ALPACA: Final = ("instruction", "input", "output", "history")
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


def _alpaca_turns(row: Cells, way: Way) -> list[Turn]:
    asked = "\n".join(part for part in (text_of(row, "instruction"), optional(row, "input")) if part)
    return [*history(row, way), *said(asked, "instruction", "user", way)]


def _alpaca(row: Cells, way: Way) -> Line:
    found = _alpaca_turns(row, way)
    output = row.get("output")
    answer = [turn("assistant", text_of(row, "output"))] if output is not None else []
    return chat(row, [*found, *answer], _ALPACA_TURNS, *_ALPACA)


def _alpaca_text(row: Cells, way: Way) -> Line:  # noqa: ARG001
    asked, given, output = (text_of(row, "instruction"), optional(row, "input"), optional(row, "output"))
    if row.get("history"):
        raise Unusable("with a history, which Alpaca's text prompt has no place for")
    refuse_text_media(asked, given)
    opening = optional(row, "system") or (_WITH_INPUT if given else _WITHOUT_INPUT)
    middle = f"\n\n### Input:\n{given}" if given else ""
    prompt = f"{opening}\n\n### Instruction:\n{asked}{middle}\n\n### Response:\n"
    line = Line(
        Text(prompt, prompt + output if output else None),
        "Alpaca, as its text prompt without a chat template",
        frozenset({*_ALPACA, "system"}) & row.keys(),
    )
    return judged(row, line)


# Queries and responses.

_QUERIES: Final = ("query", "question", "instruction", "problem", "prompt", "input")
_RESPONSES: Final = ("response", "answer", "output", "solution", "completion")


def _openorca(row: Cells, way: Way) -> Line:
    found = [*said(text_of(row, "question"), "question", "user", way)]
    if has(row, "response"):
        found.append(turn("assistant", text_of(row, "response")))
    return chat(row, found, "OpenOrca, as chat turns", "question", "response", system="system_prompt")


def _query_columns(row: Cells) -> tuple[str, str | None] | None:
    """The columns of the query and its response; no response where there is none. None where a row has no query.

    `prompt` has `response` as its only partner: an `answer` or a `solution` beside it is what a reward is computed of.
    """
    query = next((name for name in _QUERIES if has(row, name)), None)
    if query is None:
        return None
    partners = ("response",) if query == "prompt" else _RESPONSES
    return query, next((name for name in partners if has(row, name)), None)


def _knows_query(row: Cells) -> bool:
    columns = _query_columns(row)
    return columns is not None and columns[1] is not None


def _query(row: Cells, query: str, way: Way) -> tuple[list[Turn], set[str]]:
    """The turns of a query in this column and of the history before it, and the columns that they are made of."""
    if row.get("context"):
        # Dropped, it would leave half a prompt.
        raise Unusable("with a context beside the query, which trainers place in different ways")
    if query == "instruction":
        return _alpaca_turns(row, way), {"instruction", "input", "history"}
    return [*history(row, way), *said(row.get(query), query, "user", way)], {query, "history"}


def _query_response(row: Cells, way: Way) -> Line:
    query, response = _query_columns(row) or ("query", None)
    asked, used = _query(row, query, way)
    answer = [] if response is None else said(row.get(response), response, "assistant", way)
    used |= {response} if response else set()
    found = [*asked, *answer]
    return chat(row, found, f"{query} and {response}, as chat turns" if response else f"{query} alone", *used)


# Text alone, prompts alone.


def _whole(row: Cells, way: Way) -> Line:
    text = text_of(row, "text")
    if not text.strip():
        raise Unusable("without text")
    used = frozenset({"text"})
    if way.marker is None:
        return Line(Text(None, text, masked=False), "text, all of it in the loss", used)
    before, marker, _ = text.rpartition(way.marker)
    prompt = before + marker if marker else None
    refuse_text_media(prompt)
    return Line(Text(prompt, text, masked=False), f"text, split behind {way.marker!r}", used)


def _prompt_alone(row: Cells, way: Way) -> Line:
    messages = listed(row.get("prompt"), "prompt")
    if messages is None and not (way.templated or row.get("system")):
        asked = text_of(row, "prompt")
        refuse_text_media(asked)
        return Line(Text(asked, None), f"prompts alone {_PLAIN}", frozenset({"prompt"}))
    found = said(row.get("prompt"), "prompt", "user", way)
    if found and found[-1]["role"] == "assistant":
        raise Unusable("with a prompt that ends with an answer to be continued, which uimon does not do")
    return chat(row, found, "prompts alone, as chat turns", "prompt")


SHAPES: Final = (
    Shape("preference", lambda row: has(row, "chosen"), _preference),
    Shape("chat", _has_messages, _messages),
    Shape("pair", lambda row: has(row, "prompt", "completion"), _pair),
    Shape("alpaca", lambda row: has(row, "instruction", "output"), _alpaca),
    Shape("openorca", lambda row: has(row, "system_prompt", "question"), _openorca),
    Shape("query-response", _knows_query, _query_response),
    Shape("text", lambda row: has(row, "text"), _whole),
    Shape("prompt", lambda row: has(row, "prompt"), _prompt_alone),
    Shape("query-response", lambda row: _query_columns(row) is not None, _query_response),
)
"""In the order in which a row is tried: what has a shape's columns may have those of a later one as well."""
BY_NAME: Final[Mapping[str, Shape]] = {
    **{shape.name: shape for shape in SHAPES},
    "sharegpt": Shape("sharegpt", _has_messages, _messages),
    "sharegpt-as-is": Shape("sharegpt-as-is", _has_messages, _as_is),
    "pair-chat": Shape("pair-chat", lambda row: has(row, "prompt"), _pair_chat),
    "alpaca-text": Shape("alpaca-text", lambda row: has(row, "instruction"), _alpaca_text),
}
COLUMNS: Final = frozenset(
    {
        *_MESSAGES,
        *_ALPACA,
        *_QUERIES,
        *_RESPONSES,
        "chosen",
        "rejected",
        "label",
        "text",
        "system",
        "system_prompt",
        "tools",
        "chat_template_kwargs",
    }
)
"""The columns that shapes look for, which a file's own can be named as."""
