"""The shapes of validation files, as the documentation of the usual trainers has them.

A shape knows its rows by their columns and reads one row into a conversation (`Chat`, for the chat template) or into
text that no template touches (`Text`). Where trainers make different prompts of the same columns, the line's `shape`
says which one is taken, and how to choose the other.

| shape (`--val-format`) | columns | what training makes of it |
|---|---|---|
| `preference` | `chosen` (`rejected`), `prompt`, what both share, or `messages`; OpenAI's | SFT on the chosen answer |
| `chat`, `sharegpt` | `messages`, `conversations` or `conversation` | the template's turns |
| `sharegpt-as-is` | those of any shape with messages | the same, roles under the file's names |
| `pair`, `pair-chat` | `prompt`, `completion` | text is text (TRL), messages are turns |
| `alpaca`, `alpaca-text` | `instruction`, `output`, maybe `input`, `history` | turns, or Alpaca's own text |
| `openorca` | `system_prompt`, `question`, `response` | turns |
| `query-response` | a query and a response under the names ms-swift knows, maybe `history` | turns |
| `text` | `text` | text, all of it in the loss |
| `prompt` | `prompt`, or a query alone | what is sampled from, without a reference |

A column `system` or `system_prompt` beside turns is their system turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from watcher.validation.content import Unusable, refuse_media
from watcher.validation.pairs import (
    has_messages,
    messages,
    pair,
    pair_chat,
    preference,
    prompt_alone,
    whole,
)
from watcher.validation.queries import (
    ALPACA,
    QUERIES,
    RESPONSES,
    alpaca,
    alpaca_text,
    knows_pair,
    openorca,
    query_columns,
    query_response,
)
from watcher.validation.rows import SYSTEMS, Cells, Line, ReadOptions, has
from watcher.validation.turns import CONVERSATIONS

BESIDE: Final = frozenset(
    {*SYSTEMS, "tools", "chat_template_kwargs", "enable_thinking", "history", "label", "kto_tag", "rejected"}
)
"""Columns that may stand beside those of a shape, and may be empty."""
_RIVALS: Final = (
    frozenset(CONVERSATIONS),
    frozenset(SYSTEMS),
    frozenset(QUERIES) - {"input"},
    frozenset(RESPONSES),
    frozenset({"label", "kto_tag"}),
)
"""Columns of which a row is read by one; `input` is a query alone, and stands beside an instruction."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape. `read` raises Unusable; `knows` says whether a row is one, by its columns; `columns` are those that
    it has a place for, besides `BESIDE`.
    """

    name: str
    columns: frozenset[str]
    knows: Callable[[Cells, ReadOptions], bool]
    read: Callable[[Cells, ReadOptions], Line]


def recognize(row: Cells, way: ReadOptions, name: str | None = None) -> Line:
    """The row as the first shape that knows it, or as the one named. Raises Unusable with the reason.

    Columns that the user named win: others of the kind are as if they were not there, and the shape is one that they
    make by themselves, else one that has a place for each of them.
    """
    refuse_media(row)
    seen = _without_rivals(row, way.named)
    shape = BY_NAME[name] if name else _first(seen, way)
    if shape is None:
        beside = f" with {', '.join(sorted(way.named - BESIDE))}" if way.named - BESIDE else ""
        raise Unusable(f"in no known shape{beside} (columns: {', '.join(map(str, row)) or 'none'})")
    return shape.read(seen, way)


def _first(row: Cells, way: ReadOptions) -> Shape | None:
    wanted = way.named - BESIDE
    fitting = [each for each in SHAPES if wanted <= each.columns]
    own = {name: value for name, value in row.items() if name in way.named}
    alone = (each for each in fitting if each not in _WITHOUT_ANSWER and each.knows(own, way))
    return next(alone, None) or next((each for each in fitting if each.knows(row, way)), None)


def _without_rivals(row: Cells, named: frozenset[str]) -> Cells:
    rivals = {name for group in _RIVALS if group & named for name in group - named}
    return {name: value for name, value in row.items() if name not in rivals}


def _as_is(row: Cells, way: ReadOptions) -> Line:
    """Any shape, with the roles as the file has them."""
    kept = replace(way, naming=replace(way.naming, as_is=True))
    return (_first(row, kept) or BY_NAME["chat"]).read(row, kept)


def _knows_messages(row: Cells, way: ReadOptions) -> bool:  # noqa: ARG001
    return has_messages(row)


def _needs(*columns: str) -> Callable[[Cells, ReadOptions], bool]:
    return lambda row, _: has(row, *columns)


_MESSAGES: Final = frozenset(CONVERSATIONS)
_PAIR: Final = frozenset({"prompt", "completion"})
_PREFERENCE: Final = frozenset({"chosen", "preferred_output", *CONVERSATIONS, *QUERIES})
_ANY_QUERY: Final = frozenset({*QUERIES, *RESPONSES})
_WITHOUT_ANSWER: Final = (
    Shape("prompt", frozenset({"prompt"}), _needs("prompt"), prompt_alone),
    Shape("query-response", _ANY_QUERY, lambda row, way: query_columns(row, way) is not None, query_response),
)
SHAPES: Final = (
    Shape("preference", _PREFERENCE, lambda row, _: has(row, "chosen") or has(row, "preferred_output"), preference),
    Shape("chat", _MESSAGES, _knows_messages, messages),
    Shape("pair", _PAIR, _needs("prompt", "completion"), pair),
    Shape("alpaca", frozenset(ALPACA), _needs("instruction", "output"), alpaca),
    Shape("openorca", frozenset({"question", "response"}), _needs("system_prompt", "question"), openorca),
    Shape("query-response", _ANY_QUERY, knows_pair, query_response),
    Shape("text", frozenset({"text"}), _needs("text"), whole),
    *_WITHOUT_ANSWER,
)
"""In the order in which a row is tried: what has a shape's columns may have those of a later one as well."""
BY_NAME: Final[Mapping[str, Shape]] = {
    **{shape.name: shape for shape in SHAPES},
    "sharegpt": Shape("sharegpt", _MESSAGES, _knows_messages, messages),
    "sharegpt-as-is": Shape("sharegpt-as-is", _MESSAGES, _knows_messages, _as_is),
    "pair-chat": Shape("pair-chat", _PAIR, _needs("prompt"), pair_chat),
    "alpaca-text": Shape("alpaca-text", frozenset(ALPACA), _needs("instruction"), alpaca_text),
}
COLUMNS: Final = frozenset({*BESIDE, *ALPACA, *(name for shape in SHAPES for name in shape.columns)})
"""The columns that shapes look for, which a file's own can be named as."""
