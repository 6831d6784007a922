"""Rows of completions, as trainers and inference tools write them: which key of a row holds what the model wrote.

| who writes it                                   | read from                                            |
|-------------------------------------------------|------------------------------------------------------|
| uimon, TRL's completions                        | `completion`                                         |
| LLaMA-Factory's generated_predictions.jsonl     | `predict`                                            |
| ms-swift's infer result                         | `response`                                           |
| OpenAI batches, vLLM's run-batch                | `response.body.choices`, chat and plain              |
| chat completions and vLLM's outputs, dumped     | `choices`, `outputs`                                 |
| Anthropic's and Gemini's batches, Ollama        | `result`, `response`, `message`                      |
| lm-evaluation-harness' samples                  | `resps`, the raw text, else `filtered_resps`         |
| transformers' pipelines, TGI                    | `generated_text`, text or messages                   |
| NeMo, OpenCompass                               | `generation`, `prediction`                           |
| verl's rollouts, AlpacaEval, Alpaca             | `output`                                             |
| Inspect's logs                                  | `output.completion` of `samples`                     |
| conversations                                   | the last assistant turn of `messages`                |
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorers import Completion
from watcher.model import Reason, UimonError

OWN = "completion"
CHAT = "messages"
CHATS = (CHAT, "conversations")
# Only a model's answer is written under these.
ANSWERS = (
    "predict",
    "prediction",
    "predictions",
    "response",
    "responses",
    "generated_text",
    "generation",
    "generations",
    "model_output",
    "model_response",
    "model_answer",
    "generated",
    "generated_code",
    "pred",
    "completions",
)
# A structure that inference tools write, with the model's answers somewhere in it.
STRUCTURES = ("choices", "outputs", "result", "candidates", "message")
# A harness' raw texts, and what it made of them.
HARNESS = ("resps", "filtered_resps")
# What may as well be a reference, or a text that holds the prompt: taken where nothing better is there.
VAGUE = ("output", "answer", "text", "solution", "code")
KNOWN = (OWN, *ANSWERS, *STRUCTURES, *HARNESS, *CHATS, *VAGUE)

# Where an object of a tool's holds the text, or the next object that does.
_PARTS = (
    "completion",
    "choices",
    "outputs",
    "candidates",
    "message",
    "text",
    "content",
    "parts",
    "generated_text",
    "output",
)
# Objects that hold rows as one of their values do it under these.
_CONTAINERS = ("samples", "predictions", "results", "rows", "data", "examples", "instances")
_PROMPTS = ("prompt_id", "prompt", "question", "query", "instruction", "origin_prompt", "doc_id", "custom_id")
_CUT = frozenset({"length", "max_tokens"})


@dataclass(frozen=True, slots=True)
class Answer:
    """One text that a model wrote. `finish` is what stopped it, as the tool says; None where it does not."""

    text: str
    finish: object = None


def completions_of(file: Path, key: str | None = None) -> Iterator[tuple[str, Completion]]:
    """The completions in a file of rows, each with the key that it was read from.

    `key` names that key, with dots where it lies deeper (`response.body.choices.0.text`); None finds it by the table
    above. The first row decides: where a later row has no text under its key, the file is refused. Raises `UimonError`
    (`val_invalid`) naming file and row.
    """
    found = ""
    for number, row in read_rows(file):
        chosen, answers = _answers_of(file, number, row, key)
        if found and chosen != found and {found, chosen} != {OWN, CHAT}:
            raise bad_row(
                file, number, f"has no text under `{found}`, which the rows before are read from; name one with --key"
            )
        found = found or chosen
        for index, answer in enumerate(answers):
            source = f"{file}#{number}" if len(answers) == 1 else f"{file}#{number}.{index}"
            truncated = answer.finish in _CUT if isinstance(answer.finish, str) else False
            yield chosen, Completion(answer.text, truncated=truncated, source=source, prompt=_prompt_of(row))


def read_rows(file: Path) -> Iterator[tuple[int, object]]:
    """The rows of a file, counted from 1: lines of JSON, or the members of a JSON array or object; `.gz` is unpacked.

    Raises `UimonError` (`val_invalid`) for what cannot be read.
    """
    text = _decoded(file)
    if ".json" in file.suffixes:
        yield from enumerate(_members(file, text), start=1)
        return
    # Only "\n" ends a line of JSONL: `splitlines` would also break at characters that JSON strings may hold.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, _parsed(file, number, line)


def bad_row(file: Path, number: int, what: str) -> UimonError:
    """The error for a row: `what` is said of it."""
    return UimonError(Reason.VAL_INVALID, f"{file}, line {number} {what}.")


def _decoded(file: Path) -> str:
    try:
        data = file.read_bytes()
        if file.suffix.lower() == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise UimonError(
            Reason.VAL_INVALID, f"{file} cannot be read ({why}); check the file and its permissions."
        ) from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding, "replace")


def _parsed(file: Path, number: int, line: str) -> object:
    try:
        row: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise bad_row(file, number, f"is not JSON ({error}); write one object on each line") from error
    return row


def _members(file: Path, text: str) -> Sequence[object]:
    """The rows of a JSON document: an array's members, those of the one array that an object holds, or the object."""
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        sentence = f"{file} is not JSON ({error}); name a file of JSON lines .jsonl."
        raise UimonError(Reason.VAL_INVALID, sentence) from error
    if isinstance(document, list):
        return list(document)
    if isinstance(document, dict) and not any(name in document for name in KNOWN):
        held = [document[name] for name in _CONTAINERS if isinstance(document.get(name), list)]
        if len(held) == 1:
            return list(held[0])
        members = list(document.values())
        if members and all(isinstance(member, dict) for member in members):
            return members
    return [document]


def _answers_of(file: Path, number: int, row: object, key: str | None) -> tuple[str, list[Answer]]:
    """The key of a row that holds what the model wrote, and its texts there."""
    if isinstance(row, str) or (isinstance(row, list) and row and _texts(row)):
        # A bare text, or the samples of one prompt.
        return "", _texts(row)
    if not isinstance(row, dict):
        raise bad_row(file, number, "is not an object; write an object with `completion` or `messages`")
    if key is not None:
        if answers := [answer for value in _at(row, key) for answer in _texts(value)]:
            return key, _finished(row, answers)
        raise bad_row(file, number, f"has no text under `{key}`, which --key names; its keys are {_listed(row)}")
    found = {name: answers for name in KNOWN if (answers := _texts(row.get(name))) and _may_be(name, row[name])}
    chosen = _choose(file, number, found)
    if chosen is None:
        what = (
            "has neither a text under `completion` nor an assistant turn under `messages`, nor a text under another "
            f"key that is known; its keys are {_listed(row)}: name the right one with --key"
        )
        raise bad_row(file, number, what)
    return chosen, _finished(row, found[chosen])


def _may_be(name: str, value: object) -> bool:
    """A conversation is a list of turns; a text under its name is something else."""
    return name not in CHATS or isinstance(value, list)


def _choose(file: Path, number: int, found: Mapping[str, list[Answer]]) -> str | None:
    """The best of several keys that hold texts; None of none. Raises `UimonError` where equally good ones differ."""
    for group in ((OWN,), ANSWERS, STRUCTURES, HARNESS, CHATS, VAGUE):
        there = [name for name in group if name in found]
        if not there:
            continue
        texts = {tuple(answer.text for answer in found[name]) for name in there}
        if len(texts) > 1 and group is not HARNESS:
            names = " and ".join(f"`{name}`" for name in there)
            raise bad_row(file, number, f"has other texts under {names}; name the model's with --key")
        return there[0]
    return None


def _texts(value: object) -> list[Answer]:
    """The model's texts in a value: a text, a conversation's or message's, a tool's structure, or a list of those."""
    if isinstance(value, str):
        return [Answer(value)]
    if isinstance(value, dict):
        return _inside(value)
    if not isinstance(value, list) or not value:
        return []
    if any(isinstance(part, dict) and ("role" in part or "from" in part) for part in value):
        answer = last_answer(value)
        return [] if answer is None else [Answer(answer)]
    if all(isinstance(part, dict) and "type" in part for part in value):
        text = _joined(value)
        return [] if text is None else [Answer(text)]
    each = [_texts(part) for part in value]
    return [answer for answers in each for answer in answers] if all(each) else []


def _inside(value: Mapping[str, Any]) -> list[Answer]:
    """The texts in an object that a tool wrote: a response, one of its choices, a message."""
    if "body" in value:  # an OpenAI batch's response
        return _texts(value["body"])
    if "turns" in value:  # a conversation of several questions, of which the last answer counts
        turns = value["turns"]
        return _texts(turns[-1]) if isinstance(turns, list) and turns else []
    for name in _PARTS:
        if name in value and (answers := _texts(value[name])):
            return _finished(value, answers)
    return []


def _finished(value: Mapping[str, Any], answers: Iterable[Answer]) -> list[Answer]:
    """The answers with what stopped them, where only the object around them says it."""
    finish = value.get("finish_reason") or value.get("stop_reason")
    return [answer if answer.finish else Answer(answer.text, finish) for answer in answers]


def _at(row: object, path: str) -> Iterator[object]:
    """What lies at a dotted path; in lists a number takes one member, any other name goes through all."""
    if isinstance(row, dict) and path in row:
        yield row[path]
        return
    name, _, rest = path.partition(".")
    if isinstance(row, list) and not name.isdecimal():
        inner, rest = list(row), rest if name == "*" else path
    elif isinstance(row, list):
        inner = row[int(name) : int(name) + 1]
    else:
        inner = [row[name]] if isinstance(row, dict) and name in row else []
    for value in inner:
        if rest:
            yield from _at(value, rest)
        else:
            yield value


def last_answer(messages: Sequence[object]) -> str | None:
    """The content of a conversation's last assistant turn; of content in parts, the text parts."""
    for message in reversed(messages):
        if isinstance(message, dict) and (message.get("role") or message.get("from")) in ("assistant", "gpt"):
            content = message.get("content", message.get("value"))
            if isinstance(content, list):
                return _joined(content) or ""
            return content if isinstance(content, str) else None
    return None


def _joined(parts: Sequence[object]) -> str | None:
    """The texts among a message's parts, as one; None where there is none."""
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str)) if any(texts) else None


def _prompt_of(row: object) -> str:
    """What tells the row's prompt from others; empty where the row does not say."""
    if not isinstance(row, dict):
        return ""
    for name in _PROMPTS:
        if row.get(name) not in (None, ""):
            return _digest([row[name], row.get("input")] if name == "instruction" else row[name])
    messages = row.get(CHAT)
    if isinstance(messages, list):
        asked = [m for m in messages if isinstance(m, dict) and m.get("role") != "assistant"]
        return _digest(asked) if asked else ""
    return _digest(row["input"]) if row.get("input") else ""


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _listed(row: Mapping[str, Any]) -> str:
    """A row's keys for a sentence."""
    names = [f"`{name[:40]}`" for name in row]
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "") if names else "none"
