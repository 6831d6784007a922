"""The turns of a conversation, out of what files hold in their place: lists, JSON text, other names of keys and roles.

A message keeps every key that it has in the file, since trainers hand the whole message to the chat template.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Turn = dict[str, Any]

ROLES: Final[Mapping[str, str]] = {
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "system": "system",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
    "tool_response": "tool",
    "function_call": "function_call",
    "tool_call": "function_call",
}
"""The names that ShareGPT's users, Axolotl, LLaMA-Factory and ms-swift have for roles, and the templates' own."""
_ROLE_KEYS: Final = ("role", "from")
_CONTENT_KEYS: Final = ("content", "value")
_TEXT_PARTS: Final = frozenset({"text", "input_text", "output_text"})
_MEDIA: Final[Mapping[str, str]] = {
    name: f"with {kind}"
    for kind, names in {
        "images": ("image", "images", "image_url", "input_image", "image_path"),
        "videos": ("video", "videos", "video_url", "input_video"),
        "audio": ("audio", "audios", "audio_url", "input_audio"),
    }.items()
    for name in names
}
"""Columns, and types of content parts, that are no text, and the reason why their line is unusable."""
MEDIA_REASONS: Final = frozenset(_MEDIA.values())
_PLACEHOLDER: Final = re.compile(r"<(image|video|audio)>")
_MARKED_TEXT: Final = re.compile(r"""\A\s*\[\s*\{\s*["'](role|from|content|value)["']\s*:""")
_UNTRAINED: Final = (("weight", 0), ("train", False), ("training", False), ("loss", False), ("loss_scale", 0))
"""Message keys, and their value for a turn whose tokens training leaves out of the loss (OpenAI, Axolotl, ms-swift)."""

_PARTLY_TRAINED: Final = ("train_detail", "training_detail")
"""Axolotl's keys for the parts of a turn that are in the loss."""


class Unusable(Exception):
    """A line that cannot be asked; the text is the reason, as it stands behind a number ("2 with images")."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How messages are written: the keys of role and content (None: the usual ones), the file's own names of roles,
    and whether roles that mean user and assistant go to the template as they are.
    """

    role: str | None = None
    content: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    as_is: bool = False

    def meaning(self, role: str) -> str:
        """What a role's name stands for; itself where it is no known one.

        >>> Naming().meaning("human"), Naming(roles={"ask": "user"}).meaning("ask"), Naming().meaning("narrator")
        ('user', 'user', 'narrator')
        """
        return self.roles.get(role) or ROLES.get(role) or ROLES.get(role.lower(), role)


def listed(value: Any, column: str) -> list[Any] | None:
    """The messages that a column holds, as a list or as text; None for other text, and for nothing.

    >>> listed('[{"role": "user", "content": "a"}]', "messages")
    [{'role': 'user', 'content': 'a'}]
    >>> listed("[1, 2] is a list", "prompt") is None
    True

    Raises Unusable for text that begins as messages do and cannot be read.
    """
    if isinstance(value, Mapping):
        value = [dict(value)]
    if isinstance(value, list | tuple):
        return [_decoded(item) if isinstance(item, str) and item.lstrip().startswith("{") else item for item in value]
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{", '"'):
        return None
    decoded = _decoded(value)
    if isinstance(decoded, str) and decoded != value:
        decoded = _decoded(decoded)
    if isinstance(decoded, Mapping):
        decoded = [decoded]
    if isinstance(decoded, list) and decoded and all(_is_message(item) for item in decoded):
        return decoded
    if _MARKED_TEXT.match(value):
        raise Unusable(f"whose {column} is text that begins as messages do and is no JSON")
    return None


def _decoded(text: str) -> Any:
    """What JSON text, or a list as Python prints it, stands for; the text itself where it is neither."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return text


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and any(key in value for key in (*_ROLE_KEYS, "human", "user"))


def turns(messages: Sequence[Any], naming: Naming) -> list[Turn]:
    """The messages with `role` and `content` under these names. Raises Unusable with what is wrong."""
    found: list[Turn] = []
    for message in messages:
        if not isinstance(message, Mapping):
            raise Unusable("with turns that are no messages")
        found += _pair(message) or [_turn(message, naming)]
    return found


def _pair(message: Mapping[str, Any]) -> list[Turn]:
    """The two turns of ms-swift's `{"human": ..., "assistant": ...}`; none for another message."""
    asked = next((message[key] for key in ("human", "user") if isinstance(message.get(key), str)), None)
    if asked is None or any(key in message for key in _ROLE_KEYS):
        return []
    pair = [turn("user", asked)]
    if isinstance(message.get("assistant"), str):
        pair.append(turn("assistant", message["assistant"]))
    return pair


def turn(role: str, content: str) -> Turn:
    """A message of no more than text."""
    return {"role": role, "content": content}


def _turn(message: Mapping[str, Any], naming: Naming) -> Turn:
    role_key = naming.role or next((key for key in _ROLE_KEYS if key in message), "role")
    content_key = naming.content or next((key for key in _CONTENT_KEYS if key in message), "content")
    named = message.get(role_key)
    if not isinstance(named, str):
        keys = ", ".join(map(str, message)) or "nothing"
        raise Unusable(f"with a turn without a {role_key} (keys: {keys})")
    role = named if naming.as_is else naming.meaning(named)
    rest = {key: value for key, value in message.items() if key not in (role_key, content_key)}
    content = _content(message.get(content_key), naming.meaning(named))
    if role == "function_call":
        return {"role": "assistant", "content": "", "tool_calls": _calls(content), **rest}
    if content is None and content_key not in message:
        return {"role": role, **rest}
    return {"role": role, "content": content, **rest}


def _content(content: Any, role: str) -> Any:
    """A message's text, its parts joined; None, and what a tool returned, stay as they are."""
    if content is None:
        return None
    if isinstance(content, str):
        if role != "assistant":
            _refuse_placeholders(content)
        return content
    if isinstance(content, list) and (role != "tool" or any(_is_part(part) for part in content)):
        return "".join(_part(part) for part in content)
    if role == "tool":
        return content
    raise Unusable("whose content is neither text nor parts")


def _is_part(part: Any) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get("type"), str)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        raise Unusable("whose content is neither text nor parts")
    kind = str(part.get("type") or next((key for key in part if key in _MEDIA), "text"))
    if kind in _MEDIA:
        raise Unusable(_MEDIA[kind])
    text = part.get("text", part.get("content"))
    if kind not in _TEXT_PARTS or not isinstance(text, str):
        raise Unusable(f"with content in parts of the type {kind}")
    return text


def _refuse_placeholders(text: str) -> None:
    """`<image>` stands for a picture; a page that has the element of that name closes it as well."""
    for found in _PLACEHOLDER.finditer(text):
        if f"</{found[1]}>" not in text:
            raise Unusable(_MEDIA[found[1]])


def _calls(value: Any) -> list[dict[str, Any]]:
    """ShareGPT's function call, JSON text, as the tool calls that templates read."""
    decoded = _decoded(value) if isinstance(value, str) else value
    calls = decoded if isinstance(decoded, list) else [decoded]
    if not all(isinstance(call, Mapping) and isinstance(call.get("name"), str) for call in calls):
        raise Unusable("with a function call that is no JSON with a name")
    return [{"type": "function", "function": dict(call)} for call in calls]


def refuse_media(row: Mapping[str, Any]) -> None:
    """Raise Unusable for a row with pictures, films or sound in a column of its own: the model would not see them."""
    for column, reason in _MEDIA.items():
        value = row.get(column)
        if value is not None and not (isinstance(value, str | list | tuple | dict) and not value):
            raise Unusable(reason)


def refuse_text_media(*texts: str | None) -> None:
    """The same for placeholders in plain text prompts."""
    for text in texts:
        _refuse_placeholders(text or "")


def refuse_foreign(value: Any) -> None:
    """Raise Unusable for what cannot be JSON: bytes, dates, half a character."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise Unusable("that hold something other than text, numbers, lists and objects") from None


def is_trained(message: Mapping[str, Any]) -> bool:
    """Whether training has all of this turn in the loss, as the message's own flags say.

    >>> is_trained({"role": "assistant", "weight": 0}), is_trained({"role": "assistant", "train": None})
    (False, True)
    """
    told = any(message.get(key) is not None and message[key] == value for key, value in _UNTRAINED)
    return not told and not any(message.get(key) for key in _PARTLY_TRAINED)


def roles_of(messages: Iterable[Mapping[str, Any]]) -> str:
    """The roles of a conversation, for a sentence."""
    return ", ".join(dict.fromkeys(str(message["role"]) for message in messages)) or "none"
