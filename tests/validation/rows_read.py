"""Rows of a validation file, read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from watcher.engine.types import Conversation
from watcher.validation import Choice, ValFile, load_val

SYSTEM, ASKED, TOLD = (
    {"role": "system", "content": "s"},
    {"role": "user", "content": "u"},
    {"role": "assistant", "content": "a"},
)
EARLIER = [{"role": "user", "content": "v"}, {"role": "assistant", "content": "b"}]
PAIR = {"human": "v", "assistant": "b"}
NO = {"role": "assistant", "content": "n"}
CALL = {"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}


def read(path: Path, row: Any, choice: Choice | None = None, system: str | None = None) -> ValFile:
    path.write_text(json.dumps(row) + "\n")
    return load_val(path, system, choice)


def as_turns(val: ValFile) -> tuple[list[Any], Any]:
    (asked,) = val.conversations
    assert isinstance(asked, Conversation)
    return [dict(message) for message in asked.messages], asked.reference
