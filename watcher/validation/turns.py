"""The turns of a conversation, out of what files hold in their place: lists, JSON text, other names of keys and roles.

A message keeps every key and all content that it has in the file, since trainers hand the whole message to the chat
template.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from watcher.engine.types import texts_of
from watcher.validation.content import Unusable, checked, refuse_media
from watcher.validation.roles import CALL, RoleNames

Turn = dict[str, object]

CONVERSATIONS: Final = ("messages", "conversations", "conversation")
"""Columns that hold messages and nothing else."""
_MAYBE_MESSAGES: Final = frozenset({"prompt", "completion", "chosen", "rejected"})
"""Columns that hold messages or text."""
_ROLE_KEYS: Final = ("role", "from")
_CONTENT_KEYS: Final = ("content", "value")
_MESSAGE_KEYS: Final = (*_CONTENT_KEYS, "tool_calls", "reasoning_content", "parts")
_ASKING: Final[Mapping[str, str]] = {"human": "user", "user": "user", "input": "user", "tool": "tool"}
_ANSWERING: Final = ("assistant", "output")
"""The keys of a pair of turns in one object, as ms-swift and XTuner have them."""
_CUT_MESSAGES: Final = re.compile(
    r"""\A\s*\[\s*\{(?=.*?["'](?:role|from)["']\s*:\s*["'](\w+)["'])\s*["'](?:role|from|content|value)["']\s*:""",
    re.DOTALL,
)
_THOUGHT: Final = re.compile(r"\A\s*(<think>.*?</think>)?\s*(.*)\Z", re.DOTALL)
_UNTRAINED: Final = (("weight", 0), ("train", False), ("training", False), ("loss", False), ("loss_scale", 0))
"""Message keys, and their value for a turn whose tokens training leaves out of the loss (OpenAI, Axolotl, ms-swift)."""

_PARTLY_TRAINED: Final = ("train_detail", "training_detail")
"""Axolotl's keys for the parts of a turn that are in the loss."""


def listed(value: object, column: str, naming: RoleNames) -> list[object] | None:
    """The messages that a column holds, as a list or as JSON text; None for other text, and for nothing.

    Text counts as messages in columns that hold nothing else, and where each item of a list has a known role and
    content in those that may hold either. Elsewhere text is text: a prompt may be JSON.

    >>> listed('[{"role": "user", "content": "a"}]', "prompt", RoleNames())
    [{'role': 'user', 'content': 'a'}]
    >>> listed('{"user": "Ann"}', "prompt", RoleNames()) is None
    True

    Raises Unusable for text that begins as messages do and cannot be read, and for an object that is no message.
    """
    if isinstance(value, Mapping):
        if column not in CONVERSATIONS and not roles_in([value], naming):
            raise Unusable(f"whose {column} is an object that is not a message")
        return [dict(value)]
    if isinstance(value, list | tuple):
        return [_decoded(item) if isinstance(item, str) and item.lstrip().startswith("{") else item for item in value]
    if not isinstance(value, str) or column not in {*CONVERSATIONS, *_MAYBE_MESSAGES}:
        return None
    if value.lstrip()[:1] not in ("[", "{", '"'):
        return None
    decoded = _decoded(value)
    if isinstance(decoded, str) and decoded != value:
        decoded = _decoded(decoded)
    if column in CONVERSATIONS and isinstance(decoded, Mapping):
        decoded = [decoded]
    if isinstance(decoded, list) and decoded and all(isinstance(item, Mapping) for item in decoded):
        if column in CONVERSATIONS or all(_is_message(item, naming) for item in decoded):
            return decoded
    elif (cut := _CUT_MESSAGES.match(value)) and naming.knows(cut[1]):
        raise Unusable(f"whose {column} is text that begins as messages do and is not JSON")
    return None


def _decoded(text: str) -> object:
    """What JSON text, or a list as Python prints it, stands for; the text itself where it is neither."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return text


def _is_message(value: Mapping[str, object], naming: RoleNames) -> bool:
    told = any(key in value for key in (naming.content, *_MESSAGE_KEYS))
    return told and any(naming.knows(role) for role in roles_in([value], naming))


def is_conversation(value: object) -> bool:
    """Whether a value that stands where a row should is a list of messages.

    >>> is_conversation([{"role": "user", "content": "a"}]), is_conversation([{"prompt": "a"}])
    (True, False)
    """
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Mapping) and _is_message(item, RoleNames()) for item in value)
    )


def turns(messages: Sequence[object], naming: RoleNames) -> list[Turn]:
    """The messages with `role` and `content` under these names. Raises Unusable with what is wrong."""
    found: list[Turn] = []
    for message in messages:
        if not isinstance(message, Mapping):
            raise Unusable("with turns that are not messages")
        # Trainers and chat servers also hang pictures on the message itself, with or without a mark in its text.
        refuse_media(message)
        found += _pair(message) or [_turn(message, naming)]
    return found


def roles_in(messages: Iterable[object], naming: RoleNames) -> list[str]:
    """The names of the roles in messages, as the file has them."""
    keys = (naming.role, *_ROLE_KEYS) if naming.role else _ROLE_KEYS
    objects = (message if isinstance(message, Mapping) else {} for message in messages)
    named = (next((message[key] for key in keys if key in message), None) for message in objects)
    return [name for name in named if isinstance(name, str)]


def is_sharegpt(messages: Sequence[object]) -> bool:
    """Whether messages have ShareGPT's keys, or are its pairs as ms-swift has them."""
    first = messages[0] if messages else None
    return isinstance(first, Mapping) and ("from" in first or bool(_pair(first)))


def _pair(message: Mapping[str, object]) -> list[Turn]:
    """The turns of an object with a question and its answer under their roles; none for another message. Its other
    keys are the answer's.
    """
    key = next((key for key in _ASKING if isinstance(message.get(key), str)), None)
    if key is None or any(name in message for name in (*_ROLE_KEYS, *_CONTENT_KEYS)):
        return []
    system, answering = message.get("system"), next((key for key in _ANSWERING if key in message), _ANSWERING[0])
    asked, answer = message[key], message.get(answering)
    if any(value is not None and not isinstance(value, str) for value in (system, answer)):
        raise Unusable("whose content is neither text nor parts")
    pair = [turn("system", system)] if system else []
    pair.append(turn(_ASKING[key], asked))
    if answer is not None:
        pair.append(turn("assistant", answer))
    rest = {name: value for name, value in message.items() if name not in ("system", key, answering)}
    return [*pair[:-1], {**pair[-1], **rest}]


def turn(role: str, content: object) -> Turn:
    """A message of no more than text."""
    return {"role": role, "content": content}


def _turn(message: Mapping[str, object], naming: RoleNames) -> Turn:
    role_key = naming.role or next((key for key in _ROLE_KEYS if key in message), "role")
    content_key = naming.content or next((key for key in _CONTENT_KEYS if key in message), "content")
    named = message.get(role_key)
    if not isinstance(named, str):
        keys = ", ".join(map(str, message)) or "nothing"
        raise Unusable(f"with a turn without a {role_key} (keys: {keys})")
    role = named if naming.as_is else naming.meaning(named)
    rest = {key: value for key, value in message.items() if key not in (role_key, content_key)}
    content = checked(message.get(content_key), naming.meaning(named))
    if role == CALL and not naming.as_is:
        thought, calls = _calls("".join(texts_of(content)))
        return {"role": "assistant", "content": thought, "tool_calls": calls, **rest}
    if content is None and content_key not in message:
        return {"role": role, **rest}
    return {"role": role, "content": content, **rest}


def _calls(text: str) -> tuple[str, list[dict[str, object]]]:
    """ShareGPT's function call, JSON text, as the tool calls that templates read; and the thought that LLaMA-Factory
    allows before it.
    """
    thought, called = _THOUGHT.fullmatch(text).groups()  # type: ignore[union-attr]  # It matches every text.
    decoded = _decoded(called)
    calls = decoded if isinstance(decoded, list) else [decoded]
    named = [dict(call) for call in calls if isinstance(call, Mapping) and isinstance(call.get("name"), str)]
    if len(named) < len(calls):
        raise Unusable("with a function call that is not JSON with a name")
    return thought or "", [{"type": "function", "function": call} for call in named]


def is_trained(message: Mapping[str, object]) -> bool:
    """Whether training has all of this turn in the loss, as the message's own flags say.

    >>> is_trained({"role": "assistant", "weight": 0}), is_trained({"role": "assistant", "train": None})
    (False, True)
    """
    told = any(message.get(key) is not None and message[key] == value for key, value in _UNTRAINED)
    return not told and not any(message.get(key) for key in _PARTLY_TRAINED)


def roles_of(messages: Iterable[Mapping[str, object]]) -> str:
    """The roles of a conversation, for a sentence."""
    return ", ".join(dict.fromkeys(str(message["role"]) for message in messages)) or "none"
