"""Each shape of a row, as (turns before the reference, reference), or (prompt, text) where it is plain text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from watcher.engine.types import Conversation, PlainText
from watcher.validation import Choice, ValFile, choose, load_val

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


CHATS: list[tuple[str, dict[str, Any], list[Any]]] = [
    ("chat messages", {"messages": [SYSTEM, ASKED, TOLD]}, [SYSTEM, ASKED]),
    ("chat messages", {"conversations": [ASKED, TOLD]}, [ASKED]),
    ("chat messages", {"messages": json.dumps([ASKED, TOLD])}, [ASKED]),
    ("chat messages", {"messages": json.dumps(json.dumps([ASKED, TOLD]))}, [ASKED]),
    ("chat messages", {"messages": str([ASKED, TOLD])}, [ASKED]),
    ("chat messages", {"messages": [json.dumps(ASKED), json.dumps(TOLD)]}, [ASKED]),
    ("chat messages; system turns from the column system", {"system": "s", "messages": [ASKED, TOLD]}, [SYSTEM, ASKED]),
    ("chat messages", {"system": "other", "messages": [SYSTEM, ASKED, TOLD]}, [SYSTEM, ASKED]),
    ("chat messages", {"messages": [*EARLIER, ASKED, TOLD]}, [*EARLIER, ASKED]),
    ("chat messages", {"messages": [ASKED, NO, TOLD]}, [ASKED, NO]),
    (
        "role human as user, role gpt as assistant",
        {"messages": [{"role": "human", "content": "u"}, {"role": "gpt", "content": "a"}]},
        [ASKED],
    ),
    ("role Human as user", {"messages": [{"role": "Human", "content": "u"}, {"role": "Bot", "content": "a"}]}, [ASKED]),
    ("ShareGPT", {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]}, [ASKED]),
    (
        "ShareGPT",
        {"conversation": [{"human": "v", "assistant": "b"}, {"human": "u", "assistant": "a"}]},
        [*EARLIER, ASKED],
    ),
    ("prompt and completion", {"prompt": [ASKED], "completion": [TOLD]}, [ASKED]),
    ("prompt and completion", {"prompt": [ASKED], "completion": "a"}, [ASKED]),
    ("prompt and completion", {"prompt": json.dumps([ASKED]), "completion": json.dumps([TOLD])}, [ASKED]),
    ("prompt and completion", {"system": "s", "prompt": "u", "completion": "a"}, [SYSTEM, ASKED]),
    ("KTO", {"prompt": [ASKED], "completion": [TOLD], "label": True}, [ASKED]),
    ("Alpaca", {"instruction": "u", "input": "", "output": "a"}, [ASKED]),
    ("Alpaca", {"instruction": "u", "output": "a", "system": "s", "history": [["v", "b"]]}, [SYSTEM, *EARLIER, ASKED]),
    ("OpenOrca", {"system_prompt": "s", "question": "u", "response": "a"}, [SYSTEM, ASKED]),
    ("OpenOrca", {"system_prompt": "", "question": "u", "response": "a"}, [ASKED]),
    ("query and response", {"query": "u", "response": "a", "history": json.dumps([["v", "b"]])}, [*EARLIER, ASKED]),
    ("query and response", {"query": "u", "response": "a", "system": "s"}, [SYSTEM, ASKED]),
    ("question and answer", {"question": "u", "answer": "a"}, [ASKED]),
    ("instruction and response", {"instruction": "u", "response": "a"}, [ASKED]),
    ("prompt and response", {"prompt": "u", "response": "a"}, [ASKED]),
    ("preference", {"prompt": [ASKED], "chosen": [TOLD], "rejected": [NO]}, [ASKED]),
    ("preference", {"chosen": [ASKED, TOLD], "rejected": [ASKED, NO]}, [ASKED]),
    ("preference", {"prompt": "u", "chosen": [ASKED, TOLD], "rejected": [ASKED, NO]}, [ASKED]),
    ("preference", {"prompt": "u", "chosen": [TOLD], "rejected": [NO]}, [ASKED]),
    ("preference", {"messages": [ASKED, TOLD], "chosen": [ASKED, TOLD], "rejected": [ASKED, NO]}, [ASKED]),
    (
        "preference",
        {"conversations": [{"from": "human", "value": "u"}], "chosen": {"from": "gpt", "value": "a"}, "rejected": NO},
        [ASKED],
    ),
    ("preference", {"instruction": "u", "input": "", "chosen": "a", "rejected": "n"}, [ASKED]),
    ("preference", {"system": "s", "question": "u", "chosen": "a", "rejected": "n"}, [SYSTEM, ASKED]),
]


@pytest.mark.parametrize(("shape", "row", "turns"), CHATS)
def test_conversations(tmp_path: Path, shape: str, row: dict[str, Any], turns: list[Any]) -> None:
    val = read(tmp_path / "val.jsonl", row)
    assert as_turns(val) == (turns, TOLD)
    assert val.summary.startswith(f"{tmp_path / 'val.jsonl'}: 1 prompt, read as ")
    assert shape in val.summary


TEXTS: list[tuple[dict[str, Any], str | None, str | None, str | None, bool]] = [
    ({"prompt": "u ", "completion": "a"}, None, "u ", "u a", True),
    ({"prompt": "u ", "completion": "a", "label": True}, None, "u ", "u a", True),
    ({"prompt": "u ", "completion": "a", "label": False}, None, "u ", None, True),
    ({"prompt": "u "}, None, "u ", None, True),
    ({"prompt": "u ", "completion": None}, None, "u ", None, True),
    ({"prompt": "[1] [2]", "completion": "a"}, None, "[1] [2]", "[1] [2]a", True),
    ({"prompt": "u ", "chosen": "a", "rejected": "n"}, None, "u ", "u a", True),
    ({"chosen": "Q: u A: a", "rejected": "Q: u A: n"}, None, "Q: u A:", "Q: u A: a", True),
    ({"text": "u ### a"}, None, None, "u ### a", False),
    ({"text": "u ### v ### a"}, "text:###", "u ### v ###", "u ### v ### a", False),
    ({"text": "u\na"}, "text:\\n", "u\n", "u\na", False),
    ({"text": "u a"}, "text:###", None, "u a", False),
]


@pytest.mark.parametrize(("row", "shape", "prompt", "text", "masked"), TEXTS)
def test_plain_texts(
    tmp_path: Path, row: dict[str, Any], shape: str | None, prompt: str | None, text: str | None, masked: bool
) -> None:
    (asked,) = read(tmp_path / "val.jsonl", row, choose(shape)).conversations
    assert isinstance(asked, PlainText)
    assert (asked.prompt, asked.text, asked.masked) == (prompt, text, masked)


def test_pairs_of_text_are_turns_where_a_format_a_template_or_a_system_message_says_so(tmp_path: Path) -> None:
    row = {"prompt": "u", "completion": "a"}
    path = tmp_path / "val.jsonl"
    assert as_turns(read(path, row, choose("pair-chat"))) == ([ASKED], TOLD)
    assert as_turns(read(path, row, choose(templated=True), "s")) == ([SYSTEM, ASKED], TOLD)
    assert as_turns(read(path, {"prompt": "u"}, choose(templated=True))) == ([ASKED], None)
    assert as_turns(read(path, {"prompt": "u"}, choose("pair-chat"))) == ([ASKED], None)
    pair = {"prompt": "u", "chosen": "a", "rejected": "n"}
    assert as_turns(read(path, pair, choose("pair-chat"))) == ([ASKED], TOLD)


def test_plain_text_that_no_system_message_reaches_is_said(tmp_path: Path) -> None:
    val = read(tmp_path / "val.jsonl", {"text": "u"}, choose(templated=True), "s")
    assert "1 prompt of plain text, without the system message" in val.summary


def test_alpacas_own_text(tmp_path: Path) -> None:
    path = tmp_path / "val.jsonl"
    (bare,) = read(path, {"instruction": "u", "input": "", "output": "a"}, choose("alpaca-text")).conversations
    (given,) = read(path, {"instruction": "u", "input": "i", "output": "a"}, choose("alpaca-text")).conversations
    assert isinstance(bare, PlainText)
    assert isinstance(given, PlainText)
    assert bare.prompt is not None
    assert bare.prompt.startswith("Below is an instruction that describes a task. Write")
    assert bare.prompt.endswith("\n\n### Instruction:\nu\n\n### Response:\n")
    assert bare.answer == "a"
    assert given.prompt is not None
    assert given.prompt.endswith("### Instruction:\nu\n\n### Input:\ni\n\n### Response:\n")
    assert as_turns(read(path, {"instruction": "u", "input": "i", "output": "a"}))[0][0]["content"] == "u\ni"


def test_what_a_message_and_a_row_bring_for_the_template_reaches_it(tmp_path: Path) -> None:
    thought = {**TOLD, "reasoning_content": "r", "id": 7}
    called = [
        ASKED,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "name": "f", "content": "1"},
    ]
    row = {"messages": [*called, thought], "tools": json.dumps([{"name": "f"}]), "chat_template_kwargs": {"deep": True}}
    val = read(tmp_path / "val.jsonl", row)
    (asked,) = val.conversations
    assert isinstance(asked, Conversation)
    assert list(asked.messages) == called
    assert asked.reference == thought
    assert asked.variables == {"tools": [{"name": "f"}], "deep": True}
    assert "left out" not in val.summary


def test_calls_in_sharegpt_are_tool_calls(tmp_path: Path) -> None:
    named = [
        {"from": "human", "value": "u"},
        {"from": "function_call", "value": json.dumps({"name": "f", "arguments": {"x": 1}})},
        {"from": "observation", "value": "1"},
        {"from": "gpt", "value": "a"},
    ]
    turns, reference = as_turns(read(tmp_path / "val.jsonl", {"conversations": named}))
    assert turns[1:] == [
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "1"},
    ]
    assert reference == TOLD


def test_roles_go_to_the_template_as_they_are_where_that_is_asked(tmp_path: Path) -> None:
    row = {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]}
    turns, reference = as_turns(read(tmp_path / "val.jsonl", row, choose("sharegpt-as-is")))
    assert (turns, reference) == ([{"role": "human", "content": "u"}], {"role": "gpt", "content": "a"})


@pytest.mark.parametrize(
    "flag", [{"weight": 0}, {"train": False}, {"training": False}, {"loss": False}, {"train_detail": [1]}]
)
def test_an_answer_that_training_does_not_learn_is_no_reference(tmp_path: Path, flag: dict[str, Any]) -> None:
    val = read(tmp_path / "val.jsonl", {"messages": [ASKED, {**TOLD, **flag}]})
    assert as_turns(val) == ([ASKED], None)
    assert "1 answer no reference" in val.summary


def test_an_answer_to_be_unlearned_is_no_reference(tmp_path: Path) -> None:
    val = read(tmp_path / "val.jsonl", {"prompt": [ASKED], "completion": [TOLD], "label": False})
    assert as_turns(val) == ([ASKED], None)
    assert "1 answer no reference" in val.summary


def parts(*kinds: str) -> list[dict[str, Any]]:
    return [{"type": kind, kind: "x"} for kind in kinds]


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"messages": [{"role": "user", "content": parts("text", "image")}, TOLD]}, "with images"),
    ({"messages": [{"role": "user", "content": parts("image_url")}, TOLD]}, "with images"),
    ({"messages": [{"role": "user", "content": parts("text", "video")}, TOLD]}, "with videos"),
    ({"messages": [{"role": "user", "content": parts("input_audio")}, TOLD]}, "with audio"),
    ({"messages": [{"role": "user", "content": parts("thinking")}, TOLD]}, "parts of the type thinking"),
    ({"messages": [ASKED, TOLD], "images": ["a.png"]}, "with images"),
    ({"image": {"path": "a.png"}, "text": "<p>a</p>"}, "with images"),
    ({"prompt": "u", "completion": "a", "videos": ["a.mp4"]}, "with videos"),
    ({"messages": [{"role": "user", "content": "<image>Build it"}, TOLD], "images": ["a.png"]}, "with images"),
    ({"messages": [TOLD]}, r"without a user turn before the answer \(roles: assistant\)"),
    (
        {"messages": [{"role": "client", "content": "u"}, {"role": "page", "content": "a"}]},
        "with the unknown role page at the end",
    ),
    ({"messages": []}, "without a user turn"),
    ({"messages": "u"}, "messages is text that is no JSON list"),
    ({"messages": '[{"role": "user", "content": "u"}, {"role'}, "begins as messages do and is no JSON"),
    ({"prompt": '[{"role": "user", "content": "u"}, {"role', "completion": "a"}, "begins as messages do"),
    ({"messages": [{"content": "u"}, TOLD]}, r"a turn without a role \(keys: content\)"),
    ({"messages": ["u", "a"]}, "turns that are no messages"),
    ({"messages": [{"role": "user", "content": 3}]}, "content is neither text nor parts"),
    ({"messages": [ASKED, TOLD], "tools": "[{"}, "tools is text that is no JSON"),
    ({"messages": [ASKED, TOLD], "tools": 3}, "tools are no list"),
    ({"messages": [ASKED, TOLD], "chat_template_kwargs": [1]}, "chat_template_kwargs are no object"),
    ({"messages": [{"role": "user", "content": "\ud800"}, TOLD]}, "half a character"),
    ({"conversations": [{"from": "human", "value": "u"}, {"from": "function_call", "value": "f(1)"}]}, "function call"),
    ({"prompt": [ASKED, TOLD]}, "ends with an answer to be continued"),
    ({"instruction": "u", "context": "c", "response": "a"}, "context beside the query"),
    ({"prompt": " ", "completion": "a"}, "without a prompt"),
    ({"question": 3}, "question is neither text nor messages"),
    ({"ask": "u", "html": "a"}, r"in no known shape \(columns: ask, html\)"),
    ({}, r"in no known shape \(columns: none\)"),
]


@pytest.mark.parametrize(("row", "reason"), UNUSABLE)
def test_what_cannot_be_honored_is_unusable_with_its_reason(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    path = tmp_path / "val.jsonl"
    path.write_text(json.dumps({"question": "u", "answer": "a"}) + "\n" + json.dumps(row) + "\n")
    val = load_val(path)
    assert (len(val.conversations), val.unusable) == (1, 1)
    assert re.search(f"1 line unusable: 1 .*{reason}.* \\(first line 2\\)", val.summary), val.summary


def test_pages_may_have_elements_named_as_placeholders(tmp_path: Path) -> None:
    row = {
        "messages": [
            {"role": "user", "content": "Mend <video></video>"},
            {"role": "assistant", "content": "<video><image>"},
        ],
        "images": [],
    }
    assert read(tmp_path / "val.jsonl", row).unusable == 0
