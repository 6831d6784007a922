"""Each shape of a row, as (turns before the reference, reference), or (prompt, text) where it is plain text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.validation.rows_read import ASKED, CALL, EARLIER, NO, PAIR, SYSTEM, TOLD, as_turns, read
from watcher.engine.types import Conversation, PlainText
from watcher.validation import choose, load_val

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
    ("question and target", {"question": "u", "target": "a"}, [ASKED]),
    ("question and targets", {"question": "u", "targets": "a"}, [ASKED]),
    ("question and answers", {"question": "u", "answers": "a"}, [ASKED]),
    ("question and answer_key", {"question": "u", "answer_key": "a"}, [ASKED]),
    ("prompt and answer, as chat turns, as ms-swift trains it", {"prompt": "u", "answer": "a"}, [ASKED]),
    ("prompt and output", {"prompt": "u", "output": "a"}, [ASKED]),
    ("input and output", {"input": "u", "output": "a"}, [ASKED]),
    ("turns from the column system_prompt", {"system_prompt": "s", "messages": [ASKED, TOLD]}, [SYSTEM, ASKED]),
    ("turns from the column system_prompt", {"system_prompt": "s", "prompt": "u", "response": "a"}, [SYSTEM, ASKED]),
    ("turns from the column system_prompt", {"system_prompt": "s", "prompt": "u", "completion": "a"}, [SYSTEM, ASKED]),
    ("system_prompt", {"system_prompt": "s", "instruction": "u", "output": "a"}, [SYSTEM, ASKED]),
    ("system_prompt", {"system_prompt": "s", "chosen": [ASKED, TOLD], "rejected": [ASKED, NO]}, [SYSTEM, ASKED]),
    ("chat messages", {"messages": [SYSTEM, TOLD]}, [SYSTEM]),
    ("ShareGPT", {"conversation": [{"system": "s", "human": "u", "assistant": "a"}]}, [SYSTEM, ASKED]),
    ("ShareGPT", {"conversation": [{"system": "", "input": "u", "output": "a"}]}, [ASKED]),
    (
        "ShareGPT",
        {"conversation": [{"human": "u", "assistant": "b"}, {"tool": "1", "assistant": "a"}]},
        [ASKED, EARLIER[1], {"role": "tool", "content": "1"}],
    ),
    (
        "role ai as assistant",
        {"conversations": [{"from": "user", "value": "u"}, {"from": "ai", "value": "a"}]},
        [ASKED],
    ),
    ("role AI as assistant", {"messages": [ASKED, {"role": "AI", "content": "a"}]}, [ASKED]),
    (
        "role ai as assistant",
        {"prompt": [ASKED], "chosen": [{"role": "ai", "content": "a"}], "rejected": [NO]},
        [ASKED],
    ),
    (
        "role human as user, role gpt as assistant, --val-format sharegpt-as-is leaves them.",
        {"prompt": [{"from": "human", "value": "u"}], "completion": [{"from": "gpt", "value": "a"}]},
        [ASKED],
    ),
    (
        "role observations as tool",
        {"messages": [ASKED, {"role": "observations", "content": "1"}, TOLD]},
        [ASKED, {"role": "tool", "content": "1"}],
    ),
    (
        "unknown role narrator as it is",
        {"messages": [ASKED, {"role": "narrator", "content": "n"}, TOLD]},
        [ASKED, {"role": "narrator", "content": "n"}],
    ),
    (
        "of completions with several turns, only the last",
        {"prompt": [ASKED], "completion": [TOLD, ASKED, TOLD]},
        [ASKED, TOLD, ASKED],
    ),
    ("JSON text in prompt as messages", {"prompt": json.dumps([ASKED]), "completion": "a"}, [ASKED]),
    ("question and answer", {"question": '{"user": "Ann"}', "answer": "a"}, [{**ASKED, "content": '{"user": "Ann"}'}]),
    ("Alpaca", {"instruction": '[{"role": "a"}]', "output": "a"}, [{**ASKED, "content": '[{"role": "a"}]'}]),
    (
        "OpenAI's preference pairs",
        {"input": {"messages": [ASKED]}, "preferred_output": [TOLD], "non_preferred_output": [NO]},
        [ASKED],
    ),
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
    ({"prompt": "u ", "completion": ""}, None, "u ", "u ", True),
    ({"prompt": "u ", "completion": "a", "label": 1}, None, "u ", "u a", True),
    ({"prompt": "u ", "completion": "a", "label": 0}, None, "u ", None, True),
    ({"prompt": "u ", "completion": "a", "label": "0.0"}, None, "u ", None, True),
    ({"prompt": "u ", "completion": "a", "label": 3}, None, "u ", "u a", True),
    *(
        ({"prompt": text, "completion": f"{text} "}, None, text, f"{text}{text} ", True)
        for text in (
            '{"user": "Ann", "plan": "pro"}',
            '{"role": "button", "content": "OK"}',
            '[{"role": "button", "content": "OK"}]',
            '[{"from": "2024-01-01", "to": "x"}]',
            '[{"role": "user"}]',
        )
    ),
    ({"prompt": "u", "completion": json.dumps([ASKED, TOLD])}, None, "u", "u" + json.dumps([ASKED, TOLD]), True),
    ({"prompt": "u", "chosen": json.dumps([TOLD]), "rejected": "n"}, None, "u", "u" + json.dumps([TOLD]), True),
    ({"prompt": "A <video> hero", "completion": "a"}, None, "A <video> hero", "A <video> heroa", True),
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


def test_a_placeholder_without_its_column_is_text_and_is_said(tmp_path: Path) -> None:
    hero = "A hero with a background <video> element"
    row = {"messages": [{"role": "user", "content": hero}, {"role": "assistant", "content": "<image>"}], "images": []}
    val = read(tmp_path / "val.jsonl", row)
    assert val.unusable == 0
    assert "<video> in prompts stays as text, since no column has that name" in val.summary
    assert "<image>" not in val.summary


def test_parts_of_text_reach_the_template_as_they_are(tmp_path: Path) -> None:
    asked = {"role": "user", "content": [{"type": "text", "text": "u"}, {"type": "text", "text": "v"}]}
    told = {"role": "assistant", "content": [{"type": "text", "text": "a"}]}
    val = read(tmp_path / "val.jsonl", {"messages": [asked, told]})
    assert as_turns(val) == ([asked], told)
    assert [(each.asked, each.answer) for each in val.conversations] == [("uv", "a")]


def test_the_keys_of_a_pair_are_its_answers(tmp_path: Path) -> None:
    val = read(
        tmp_path / "val.jsonl", {"conversation": [{**PAIR, "n": 1}, {"human": "u", "assistant": "a", "weight": 0}]}
    )
    assert as_turns(val) == ([EARLIER[0], {**EARLIER[1], "n": 1}, ASKED], None)
    assert "1 answer no reference" in val.summary


def test_a_thought_may_stand_before_a_call(tmp_path: Path) -> None:
    called = {"from": "function_call", "value": '<think>\nhm\n</think>\n\n{"name": "f", "arguments": {"x": 1}}'}
    val = read(tmp_path / "val.jsonl", {"conversations": [{"from": "human", "value": "u"}, called]})
    assert as_turns(val)[1] == {"role": "assistant", "content": "<think>\nhm\n</think>", "tool_calls": [CALL]}
    assert "role function_call as an assistant turn with tool_calls" in val.summary


@pytest.mark.parametrize("tools", [None, "", "null", "None"])
def test_tools_may_be_none(tmp_path: Path, tools: str | None) -> None:
    (asked,) = read(tmp_path / "val.jsonl", {"messages": [ASKED, TOLD], "tools": tools}).conversations
    assert isinstance(asked, Conversation)
    assert asked.variables == {}


def test_one_tool_is_a_list_of_one_and_those_of_an_input_reach_the_template(tmp_path: Path) -> None:
    one = {"messages": [ASKED, TOLD], "tools": json.dumps({"name": "f"})}
    inner = {"input": {"messages": [ASKED], "tools": [{"name": "f"}], "seed": 1}, "preferred_output": [TOLD]}
    for row in (one, inner):
        val = read(tmp_path / "val.jsonl", row)
        (asked,) = val.conversations
        assert isinstance(asked, Conversation)
        assert asked.variables == {"tools": [{"name": "f"}]}
    assert "left out of input: seed" in val.summary


def test_an_answer_beside_a_prompt_of_messages_is_for_a_reward(tmp_path: Path) -> None:
    val = read(tmp_path / "val.jsonl", {"prompt": [ASKED], "answer": "4", "reward_model": {}})
    assert as_turns(val) == ([ASKED], None)
    assert "columns left out: answer, reward_model; 1 prompt without a reference answer" in val.summary


def test_what_a_marker_does_is_said(tmp_path: Path) -> None:
    path = tmp_path / "val.jsonl"
    path.write_text('{"text": "u ### v ### a"}\n{"text": "u"}\n')
    said = load_val(path, None, choose("text:###")).summary
    assert "1 as text, split behind '###', 1 as text without '###', measured and not sampled" in said
    assert "where '###' stands several times, the last one ends the prompt" in said
