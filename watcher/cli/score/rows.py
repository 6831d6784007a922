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
| conversations                                   | the last assistant turn of `messages`,               |
|                                                 | `conversations` or ms-swift's `conversation`         |

`watcher.validation.files` makes rows of a file, and `score_answers` says what is an answer, a cut one, and none at all.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scorers import Completion
from watcher.cli.score.answers import GeneratedText, asked, error_of, noted, texts, texts_at, texts_under
from watcher.model import Reason, UimonError
from watcher.validation.content import Unusable
from watcher.validation.files import FileRow, FileTable, Unreadable, read_values
from watcher.validation.roles import RoleNames
from watcher.validation.turns import listed
from watcher.validation.wrappers import answers_in

OWN = "completion"
CHAT = "messages"
CHATS = (CHAT, "conversations", "conversation")
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

_PROMPTS = ("prompt_id", "prompt", "question", "query", "instruction", "origin_prompt", "doc_id", "custom_id")


@dataclass(frozen=True, slots=True)
class Missing:
    """A row, or one of its answers, that has no completion: its `source` as a completion's, its `place` for people, and
    the `reason`, empty where the row gives none.
    """

    source: str
    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class RowsRead:
    """What a file of rows holds: its completions, what has none, and from how many completions each key is."""

    completions: tuple[Completion, ...]
    missing: tuple[Missing, ...]
    keys: Mapping[str, int]


def completions_of(file: Path, key: str | None = None) -> RowsRead:
    """The completions in a file of rows.

    `key` names the key that holds them, with dots where it lies deeper (`response.body.choices.0.text`); None finds it
    by the table above. The first row with a completion decides: where a later row has a text under another key, the
    file is refused. A row whose request failed, or that has nothing under its key, is `missing`, and no empty
    completion. Raises `UimonError` (`val_invalid`) naming file and row, and `OSError`.
    """
    table = _table(file, key)
    completions: list[Completion] = []
    missing: list[Missing] = []
    keys: Counter[str] = Counter()
    for row in table.rows:
        place, source = f"{table.unit} {row.place}", f"{file}#{row.place}"
        chosen, answers = _answers_of(file, place, row.value, key)
        if all(answer.lost for answer in answers):
            missing.append(Missing(source, place, answers[0].why))
            continue
        _require_same(file, place, chosen, keys)
        prompt = _prompt_of(row.value)
        for index, answer in enumerate(answers):
            each = source if len(answers) == 1 else f"{source}.{index}"
            if answer.lost or answer.text is None:
                missing.append(Missing(each, f"{place}, answer {index + 1}", answer.why))
                continue
            keys[chosen] += 1
            completions.append(Completion(answer.text, truncated=answer.cut, source=each, prompt=prompt))
    return RowsRead(tuple(completions), tuple(missing), keys)


def _require_same(file: Path, place: str, chosen: str, keys: Mapping[str, int]) -> None:
    """Refuse a row whose text is under another key than those before it; uimon's own two may be mixed."""
    if keys and chosen not in keys and {*keys, chosen} != {OWN, CHAT}:
        first = next(iter(keys))
        what = f"has no text under `{first}`, which the rows before are read from; name one with --key"
        raise _bad_row(file, place, what)


def _bad_row(file: Path, place: str, what: str) -> UimonError:
    """The error for a row: `what` is said of it."""
    return UimonError(Reason.VAL_INVALID, f"{file}, {place} {what}.")


def _table(file: Path, key: str | None) -> FileTable:
    """The rows of a file; those of the one array that its only object holds, or that are its members."""
    try:
        table = read_values(file)
    except Unreadable as what:
        raise UimonError(Reason.VAL_INVALID, f"{file} {what}.") from None
    held = _held(table.rows[0].value, key) if table.unit == "line" and len(table.rows) == 1 else None
    if held is None:
        return table
    return FileTable(tuple(FileRow(place, value) for place, value in enumerate(held, start=1)), "entry", table.digest)


def _held(document: object, key: str | None) -> Sequence[object] | None:
    """The rows that a file's only object holds, in a list or one by one; None where it is a row itself."""
    if not isinstance(document, dict) or any(name in document for name in KNOWN) or error_of(document):
        return None
    if key is not None and texts_at(document, key):
        return None
    members = list(document.values())
    inner = answers_in(document)
    return members if inner is None and members and all(isinstance(one, dict) for one in members) else inner


def _answers_of(file: Path, place: str, row: object, key: str | None) -> tuple[str, list[GeneratedText]]:
    """The key of a row that holds what the model wrote, and its texts there, at least one."""
    if isinstance(row, str) or (isinstance(row, list) and row and texts(row)):
        # A bare text, or the samples of one prompt.
        return "", texts(row)
    if not isinstance(row, dict):
        raise _bad_row(file, place, "is not an object; write an object with `completion` or `messages`")
    failed = noted(row, [GeneratedText(None)]) if error_of(row) else []
    if key is not None:
        answers = texts_at(row, key) or failed
        if not answers:
            what = f"has no text under `{key}`, which --key names; its keys are {_listed(row)}"
            raise _bad_row(file, place, what)
        return key, answers
    found = {name: answers for name in KNOWN if name in row and (answers := _texts_of(name, row[name]))}
    chosen = _choose(file, place, found)
    if chosen is not None:
        return chosen, noted(row, found[chosen])
    if failed:
        return "", failed
    what = (
        "has neither a text under `completion` nor an assistant turn under `messages`, nor a text under another "
        f"key that is known; its keys are {_listed(row)}: name the right one with --key"
    )
    raise _bad_row(file, place, what)


def _texts_of(name: str, value: object) -> list[GeneratedText]:
    """The texts under a key of a row; of a conversation, which may be JSON text as in CSV, the last answer."""
    if name not in CHATS:
        return texts_under(name, value)
    try:
        messages = listed(value, name, RoleNames())
    except Unusable:
        return []
    return texts(messages) if messages and not any(isinstance(each, str) for each in messages) else []


def _choose(file: Path, place: str, found: Mapping[str, list[GeneratedText]]) -> str | None:
    """The best of several keys that hold answers; None of none. Raises `UimonError` where equally good ones differ.

    A key that only a model's answer is written under decides where it is empty as well: what conversations and vague
    keys hold beside it may be the dataset's own answer.
    """
    empty: str | None = None
    for group in ((OWN,), ANSWERS, STRUCTURES, HARNESS, CHATS, VAGUE):
        if empty is not None and group in (CHATS, VAGUE):
            return empty
        there = [name for name in group if any(answer.text is not None for answer in found.get(name, ()))]
        if not there:
            empty = empty or next((name for name in group if name in found), None)
            continue
        said = {tuple(answer.text for answer in found[name]) for name in there}
        if len(said) > 1 and group is not HARNESS:
            names = " and ".join(f"`{name}`" for name in there)
            raise _bad_row(file, place, f"has other texts under {names}; name the model's with --key")
        return there[0]
    return empty


def _prompt_of(row: object) -> str:
    """What tells the row's prompt from others; empty where the row does not say."""
    if not isinstance(row, dict):
        return ""
    for name in _PROMPTS:
        if row.get(name) not in (None, ""):
            return _digest([row[name], row.get("input")] if name == "instruction" else row[name])
    for name in CHATS:
        if isinstance(row.get(name), list) and (turns := asked(row[name])):
            return _digest(turns)
    return _digest(row["input"]) if row.get("input") else ""


def _digest(value: object) -> str:
    # Parquet has dates and bytes.
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _listed(row: Mapping[str, object]) -> str:
    """A row's keys for a sentence."""
    names = [f"`{name[:40]}`" for name in row]
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "") if names else "none"
