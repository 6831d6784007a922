"""What a row gives the chat template beside the messages: TRL's columns for it, and verl's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from watcher.validation.content import Unusable

_COLUMNS: Final = ("tools", "chat_template_kwargs", "enable_thinking")
_RESERVED: Final = frozenset(
    {
        *("messages", "conversation", "chat_template", "add_generation_prompt", "continue_final_message", "tokenize"),
        *("padding", "truncation", "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask"),
        *("tokenizer_kwargs", "processor_kwargs"),
    }
)
"""Arguments of `apply_chat_template` that are no variables of a template: with most of them a trainer stops as well."""
_NOTHING: Final = (None, "", "null", "None")


def template_variables(row: Mapping[str, object]) -> tuple[dict[str, object], frozenset[str]]:
    """The variables of a row, JSON text decoded; and the columns they came from. Raises Unusable."""
    found = {name: _decoded(row[name], name) for name in _COLUMNS if row.get(name) not in _NOTHING}
    extra = found.pop("chat_template_kwargs", {})
    if not isinstance(extra, dict):
        raise Unusable("whose chat_template_kwargs are not an object")
    if reserved := sorted(_RESERVED & extra.keys()):
        raise Unusable(f"whose chat_template_kwargs hold {', '.join(reserved)}, which is not a variable of a template")
    tools = found.get("tools", [])
    if isinstance(tools, dict):
        found["tools"] = [tools]
    elif not isinstance(tools, list):
        raise Unusable("whose tools are not a list")
    return {**found, **extra}, frozenset(_COLUMNS) & row.keys()


def _decoded(value: object, column: str) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise Unusable(f"whose {column} is text that is not JSON") from None
