"""Rows that hold messages, or a prompt and what follows it: conversations, pairs, preferences, texts, prompts alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from watcher.validation.content import Unusable, placeholders_in
from watcher.validation.queries import QUERIES, query_turns
from watcher.validation.rows import Cells, Line, ReadOptions, Text, chat, has, judged, said, system_of, text_of
from watcher.validation.turns import CONVERSATIONS, is_sharegpt, listed, turn, turns


def has_messages(row: Cells) -> bool:
    """Whether a row has a column of messages."""
    return any(has(row, column) for column in CONVERSATIONS)


def messages(row: Cells, way: ReadOptions) -> Line:
    """A conversation in one column."""
    column, given = _given(row, way)
    return chat(row, turns(given, way.naming), "ShareGPT" if is_sharegpt(given) else "chat messages", way, column)


def _given(row: Cells, way: ReadOptions) -> tuple[str, list[object]]:
    """The column of messages, and what it holds."""
    column = next((each for each in CONVERSATIONS if has(row, each)), CONVERSATIONS[0])
    given = listed(row.get(column), column, way.naming)
    if given is None:
        missing = row.get(column) is None
        raise Unusable(f"whose {column} is " + ("missing" if missing else "text that is not a JSON list of messages"))
    return column, given


# Preference pairs.

_PREFERENCE: Final = "preference pairs (the chosen answer is the reference)"


def preference(row: Cells, way: ReadOptions) -> Line:
    """SFT on the chosen answer."""
    if not has(row, "chosen") and has(row, "preferred_output"):
        return _openai_preference(row, way)
    used = ("prompt", "chosen", "rejected")
    if has_messages(row):
        return _continued(row, way, used)
    chosen = _chosen(row, way)
    if chosen is not None:
        answer = turns(chosen, way.naming)
        prompt = listed(row.get("prompt"), "prompt", way.naming)
        # With a prompt that is text, the messages hold it as well, as in TRL.
        if prompt is None and has(row, "prompt") and all(way.naming.answers(str(t["role"])) for t in answer):
            prompt = [turn("user", text_of(row, "prompt"))]
        return chat(row, [*turns(prompt or [], way.naming), *answer], _PREFERENCE, way, *used)
    query = next((name for name in QUERIES if name != "prompt" and has(row, name)), None)
    if query is not None and not has(row, "prompt"):
        asked, columns = query_turns(row, query, way)
        found = [*asked, turn("assistant", text_of(row, "chosen"))]
        return chat(row, found, _PREFERENCE, way, *columns, *used, plain=True)
    if has(row, "prompt"):
        line = pair({**row, "completion": row.get("chosen")}, way)
        return replace(line, shape=f"{_PREFERENCE}, {line.shape}", used=line.used.union(used) & row.keys())
    shared = _shared(text_of(row, "chosen"), text_of(row, "rejected"))
    whole = Text(shared or None, row["chosen"])
    return Line(whole, f"{_PREFERENCE}, the prompt is what both share", frozenset(used[1:]))


def _continued(row: Cells, way: ReadOptions, used: tuple[str, ...]) -> Line:
    """Messages, and a chosen answer to them; or one that holds the whole conversation again."""
    column, given = _given(row, way)
    chosen = _chosen(row, way)
    answer = [turn("assistant", text_of(row, "chosen"))] if chosen is None else turns(chosen, way.naming)
    whole = answer if len(answer) > 1 else [*turns(given, way.naming), *answer]
    return chat(row, whole, _PREFERENCE, way, column, *used)


def _chosen(row: Cells, way: ReadOptions) -> list[object] | None:
    """The messages of the chosen answer. JSON text is some only where the rejected one is, too: an answer may be
    JSON.
    """
    chosen = listed(row.get("chosen"), "chosen", way.naming)
    if isinstance(row.get("chosen"), str) and has(row, "rejected"):
        return None if listed(row["rejected"], "rejected", way.naming) is None else chosen
    return chosen


def _shared(chosen: str, rejected: str) -> str:
    """What both answers begin with, without the blank before they part; TRL's definition of an implicit prompt."""
    pairs = enumerate(zip(chosen, rejected, strict=False))
    at = next((place for place, (one, other) in pairs if one != other), min(len(chosen), len(rejected)))
    return chosen[: at - 1] if chosen[at - 1 : at] == " " else chosen[:at]


def _openai_preference(row: Cells, way: ReadOptions) -> Line:
    """OpenAI's preference pairs: `input` holds messages and tools, `preferred_output` the chosen answer."""
    given = row.get("input")
    asked = given.get("messages") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(asked, list):
        raise Unusable("whose input has no messages beside a preferred_output")
    inner = {"prompt": asked, "chosen": row["preferred_output"], "rejected": row.get("non_preferred_output")}
    if not isinstance(inner["chosen"], list):
        raise Unusable("whose preferred_output is not a list of messages")
    line = preference(inner, way)
    rest = [name for name in given if name not in ("messages", "tools")]
    notes = (*line.notes, *([f"left out of input: {', '.join(rest)}"] if rest else []))
    tools = {"tools": given["tools"]} if given.get("tools") else {}
    used = frozenset({"input", "preferred_output", "non_preferred_output"}) & row.keys()
    return replace(line, shape=f"OpenAI's {_PREFERENCE}", used=used, notes=notes, variables=tools)


# Prompt and completion.

_PLAIN: Final = "as plain text, as TRL trains it (--val-format pair-chat asks it through the chat template)"
_SEVERAL: Final = "of completions with several turns, only the last is asked and measured"
_EMPTY: Final = "of an empty completion the end token alone is the reference"


def pair(row: Cells, way: ReadOptions) -> Line:
    """A prompt and its completion: text is text, messages are turns."""
    prompt = listed(row.get("prompt"), "prompt", way.naming)
    completion = row.get("completion")
    # A completion may be JSON; it is messages where the prompt is.
    if prompt is not None or not isinstance(completion, str):
        completion = listed(completion, "completion", way.naming)
        plain = prompt is None and completion is None
    else:
        plain = True
    if plain and not (way.templated or system_of(row)):
        return _plain_pair(row)
    shape = "pairs of prompt and completion, as chat turns"
    # A prompt alone is asked through the template as well.
    if plain:
        answered = [turn("assistant", text_of(row, "completion"))] if has(row, "completion") else []
        asked = [turn("user", text_of(row, "prompt"))]
        return chat(row, [*asked, *answered], shape, way, "prompt", "completion", plain=True)
    answered = said(row["completion"], "completion", "assistant", way) if has(row, "completion") else []
    asked = said(row.get("prompt"), "prompt", "user", way)
    line = chat(row, [*asked, *answered], shape, way, "prompt", "completion")
    # TRL has all of these in its loss, the turns of users and tools among them.
    return replace(line, notes=(*line.notes, _SEVERAL)) if len(answered) > 1 else line


def _plain_pair(row: Cells) -> Line:
    asked = text_of(row, "prompt")
    answer = text_of(row, "completion") if has(row, "completion") else None
    notes = [*placeholders_in(asked), *([_EMPTY] if answer == "" else [])]
    content = Text(asked, None if answer is None else asked + answer)
    return judged(row, Line(content, f"pairs {_PLAIN}", frozenset({"prompt", "completion"}), tuple(notes)))


def pair_chat(row: Cells, way: ReadOptions) -> Line:
    """The same, text as turns."""
    templated = replace(way, templated=True)
    return preference(row, templated) if has(row, "chosen") else pair(row, templated)


# Text alone, prompts alone.


def whole(row: Cells, way: ReadOptions) -> Line:
    """Text, all of it in the loss. Of several markers the last one ends the prompt, as TRL's collator for completions
    had it: in a text of several turns it stands before the last answer.
    """
    text = text_of(row, "text")
    if not text.strip():
        raise Unusable("without text")
    used = frozenset({"text"})
    if way.marker is None:
        return Line(Text(None, text, masked=False), "text, all of it in the loss", used)
    before, marker, _ = text.rpartition(way.marker)
    if not marker:
        return Line(Text(None, text, masked=False), f"text without {way.marker!r}, measured and not sampled", used)
    prompt = before + marker
    notes = placeholders_in(prompt)
    if way.marker in before:
        notes = [f"where {way.marker!r} stands several times, the last one ends the prompt", *notes]
    return Line(Text(prompt, text, masked=False), f"text, split behind {way.marker!r}", used, tuple(notes))


def prompt_alone(row: Cells, way: ReadOptions) -> Line:
    """What is sampled from, without a reference."""
    given = listed(row.get("prompt"), "prompt", way.naming)
    if given is None and not (way.templated or system_of(row)):
        asked = text_of(row, "prompt")
        return Line(Text(asked, None), f"prompts alone {_PLAIN}", frozenset({"prompt"}), tuple(placeholders_in(asked)))
    found = said(row.get("prompt"), "prompt", "user", way)
    if found and way.naming.answers(str(found[-1]["role"])):
        raise Unusable("with a prompt that ends with an answer to be continued, which uimon does not do")
    return chat(row, found, "prompts alone, as chat turns", way, "prompt")
