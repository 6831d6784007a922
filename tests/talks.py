"""Conversations of plain turns, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from watcher.engine.types import Conversation


def talk(name: str, turns: Sequence[tuple[str, str]], answer: str | None = None) -> Conversation:
    """A conversation of (role, text) turns and the answer to them."""
    messages = tuple({"role": role, "content": content} for role, content in turns)
    return Conversation(name, messages, None if answer is None else {"role": "assistant", "content": answer})
