"""The validation prompts: JSON lines in the shapes that people fine-tune with.

A line is one of `{"messages": [...]}` (chat), `{"prompt": ..., "completion": ...}` or `{"question": ...,
"answer": ...}`; prompt and completion may themselves be lists of chat messages. The last assistant turn is the
reference, which serves perplexity; a line without one is still a prompt.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.engine.types import Conversation
from watcher.model import Reason, UimonError

_NEXT = "each line is one JSON object with `messages`, `prompt`/`completion` or `question`/`answer`"


@dataclass(frozen=True, slots=True)
class ValFile:
    """The prompts of one file in file order; `unusable` counts lines without a user turn, `digest` covers all bytes."""

    path: Path
    conversations: tuple[Conversation, ...]
    unusable: int
    digest: str


def load_val(path: Path, system: str | None = None) -> ValFile:
    """Read a validation file. `system` is put in front of conversations that have no system turn.

    Raises UimonError: VAL_MISSING without the file, VAL_INVALID where it is empty or a line is not readable (the
    line is named), NO_USABLE_PROMPT where no line holds a prompt.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UimonError(Reason.VAL_MISSING, f"The validation file {path} does not exist; check --val.") from None
    except OSError as error:
        sentence = f"The validation file {path} cannot be read ({error.strerror}); check --val."
        raise UimonError(Reason.VAL_MISSING, sentence) from None
    if not data.strip():
        raise UimonError(Reason.VAL_INVALID, f"The validation file {path} is empty; {_NEXT}.")
    turns = [_turns(path, number, line) for number, line in _lines(path, data)]
    usable = tuple(_conversations([t for t in turns if t], system))
    if not usable:
        sentence = f"No line of {path} holds a prompt: {len(turns)} lines read; {_NEXT}."
        raise UimonError(Reason.NO_USABLE_PROMPT, sentence)
    return ValFile(path, usable, len(turns) - len(usable), hashlib.sha256(data).hexdigest())


def find_val(checkpoints: Path) -> Path:
    """The `val.jsonl` that belongs to a run: next to the checkpoints, in them, or in the current directory.

    Raises UimonError(VAL_MISSING) with the places that were looked at.
    """
    places = list(dict.fromkeys(p.resolve() for p in (checkpoints.parent, checkpoints, Path.cwd())))
    for place in places:
        if (place / "val.jsonl").is_file():
            return place / "val.jsonl"
    looked = ", ".join(str(p) for p in places)
    raise UimonError(Reason.VAL_MISSING, f"No val.jsonl in {looked}; name the validation file with --val FILE.")


def _lines(path: Path, data: bytes) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise UimonError(Reason.VAL_INVALID, f"{path} line {number} is not JSON ({error}); {_NEXT}.") from None
        if not isinstance(value, dict):
            raise UimonError(Reason.VAL_INVALID, f"{path} line {number} is not a JSON object; {_NEXT}.")
        yield number, value


def _turns(path: Path, number: int, line: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The conversation of one line as (role, text) turns; empty where it holds no user turn."""
    if "messages" in line:
        turns = _chat(path, number, line["messages"], "user")
    elif "prompt" in line:
        turns = _chat(path, number, line["prompt"], "user") + _chat(path, number, line.get("completion"), "assistant")
    elif "question" in line:
        turns = _chat(path, number, line["question"], "user") + _chat(path, number, line.get("answer"), "assistant")
    else:
        keys = ", ".join(sorted(map(str, line))) or "nothing"
        raise UimonError(Reason.VAL_INVALID, f"{path} line {number} has only {keys}; {_NEXT}.")
    return turns if any(role == "user" and text.strip() for role, text in turns) else []


def _chat(path: Path, number: int, value: Any, role: str) -> list[tuple[str, str]]:
    if value is None:
        return []
    if isinstance(value, str):
        return [(role, value)]
    if isinstance(value, list) and all(isinstance(m, dict) and isinstance(m.get("role"), str) for m in value):
        return [(m["role"], _text(m.get("content"))) for m in value]
    raise UimonError(Reason.VAL_INVALID, f"{path} line {number} has turns that are neither text nor messages; {_NEXT}.")


def _text(content: Any) -> str:
    """A message's text; of content in parts only the text parts, since uimon evaluates text models."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = (p.get("text") for p in content if isinstance(p, dict))
        return "".join(p for p in parts if isinstance(p, str))
    return ""


def _conversations(lines: list[list[tuple[str, str]]], system: str | None) -> Iterator[Conversation]:
    """Split off the references; a prompt's id is made of its content, so that it survives reordering the file."""
    seen: Counter[str] = Counter()
    for line in lines:
        turns = list(line)
        reference = turns.pop()[1] if turns[-1][0] == "assistant" else None
        while turns and turns[-1][0] == "assistant":
            turns.pop()
        if not turns:
            continue
        if system is not None and turns[0][0] != "system":
            turns.insert(0, ("system", system))
        content = hashlib.sha256(json.dumps(turns).encode()).hexdigest()[:12]
        seen[content] += 1
        suffix = f"-{seen[content]}" if seen[content] > 1 else ""
        yield Conversation(content + suffix, tuple(turns), reference or None)
