"""The usual trainers' documented data formats and the directories that they leave, one test for each cell of the table
in docs/trainers.md.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkpoint_files import adapter_files, full_files, put
from tests.support.uimon_command import ROOT
from watcher.checkpoints import discover, inspect
from watcher.engine.types import Conversation, PlainText
from watcher.model import CheckpointKind, Condition
from watcher.validation import choose, load_val

TOOLS = [{"type": "function", "function": {"name": "palette", "parameters": {"type": "object", "properties": {}}}}]
# What each row asks, as "role: text" turns, "=> " before the reference; plain text as it is, "|" where the prompt ends.
READ: dict[str, tuple[str, dict[str, Any], str]] = {
    "trl messages": (
        "",
        {"messages": [{"role": "user", "content": "a card"}, {"role": "assistant", "content": "<p>"}]},
        "user: a card => assistant: <p>",
    ),
    "trl chat pair": (
        "",
        {
            "prompt": [{"role": "user", "content": "a card"}],
            "completion": [{"role": "assistant", "content": "<p>"}],
        },
        "user: a card => assistant: <p>",
    ),
    "trl plain pair": ("", {"prompt": "a card", "completion": " <p>"}, "a card| <p>"),
    "trl text": ("", {"text": "a card: <p>"}, "a card: <p>"),
    "trl text with a marker": ("text:card:", {"text": "a card: <p>"}, "a card:| <p>"),
    "trl preference": (
        "",
        {
            "prompt": [{"role": "user", "content": "a card"}],
            "chosen": [{"role": "assistant", "content": "<p>"}],
            "rejected": [{"role": "assistant", "content": "no"}],
        },
        "user: a card => assistant: <p>",
    ),
    "trl parts": (
        "",
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a card"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "<p>"}]},
            ]
        },
        "user: [text]a card => assistant: [text]<p>",
    ),
    "trl unpaired preference": ("", {"prompt": "a card", "completion": " no", "label": False}, "a card|"),
    "trl prompt only": ("", {"prompt": [{"role": "user", "content": "a card"}]}, "user: a card"),
    "axolotl chat_template": (
        "",
        {"messages": [{"role": "user", "content": "a card"}, {"role": "assistant", "content": "<p>", "train": True}]},
        "user: a card => assistant: <p>",
    ),
    "axolotl own keys": (
        "keys:messages=talk,role=who,content=said,role.user=client,role.assistant=model",
        {"talk": [{"who": "client", "said": "a card"}, {"who": "model", "said": "<p>"}]},
        "user: a card => assistant: <p>",
    ),
    "axolotl sharegpt": (
        "",
        {"conversations": [{"from": "human", "value": "a card"}, {"from": "gpt", "value": "<p>"}]},
        "user: a card => assistant: <p>",
    ),
    "axolotl alpaca": (
        "alpaca-text",
        {"instruction": "a card", "input": "", "output": "<p>"},
        "### Instruction:\na card\n\n### Response:\n|<p>",
    ),
    "axolotl completion": ("", {"text": "a card: <p>"}, "a card: <p>"),
    "llama-factory alpaca": (
        "",
        {"instruction": "a card", "input": "blue", "output": "<p>", "system": "s", "history": [["hi", "ho"]]},
        "system: s, user: hi, assistant: ho, user: a card\nblue => assistant: <p>",
    ),
    "llama-factory sharegpt": (
        "",
        {
            "conversations": [{"from": "human", "value": "a card"}, {"from": "gpt", "value": "<p>"}],
            "system": "s",
            "tools": json.dumps(TOOLS),
        },
        "system: s, user: a card => assistant: <p>",
    ),
    "llama-factory tool calls": (
        "",
        {
            "conversations": [
                {"from": "human", "value": "a card"},
                {"from": "function_call", "value": '<think>why</think>{"name": "palette", "arguments": {}}'},
                {"from": "observation", "value": "red"},
                {"from": "gpt", "value": "<p>"},
            ],
            "tools": json.dumps(TOOLS),
        },
        "user: a card, assistant: <think>why</think>, tool: red => assistant: <p>",
    ),
    "llama-factory kto": (
        "",
        {"instruction": "a card", "input": "", "output": "no", "kto_tag": False},
        "user: a card",
    ),
    "llama-factory ranking": (
        "",
        {
            "conversations": [{"from": "human", "value": "a card"}],
            "chosen": {"from": "gpt", "value": "<p>"},
            "rejected": {"from": "gpt", "value": "no"},
        },
        "user: a card => assistant: <p>",
    ),
    "llama-factory pretraining": ("", {"text": "a card: <p>"}, "a card: <p>"),
    "ms-swift messages": (
        "",
        {"system": "s", "messages": [{"role": "user", "content": "a card"}, {"role": "assistant", "content": "<p>"}]},
        "system: s, user: a card => assistant: <p>",
    ),
    "ms-swift sharegpt": (
        "",
        {"system": "s", "conversation": [{"human": "a card", "assistant": "<p>"}]},
        "system: s, user: a card => assistant: <p>",
    ),
    "ms-swift query": (
        "",
        {"query": "a card", "response": "<p>", "history": [["hi", "ho"]]},
        "user: hi, assistant: ho, user: a card => assistant: <p>",
    ),
    "ms-swift sharegpt with a system key": (
        "",
        {"conversation": [{"system": "s", "human": "a card", "assistant": "<p>"}]},
        "system: s, user: a card => assistant: <p>",
    ),
    "ms-swift system_prompt": (
        "",
        {"system_prompt": "s", "query": "a card", "response": "<p>"},
        "system: s, user: a card => assistant: <p>",
    ),
    "ms-swift other names": ("", {"prompt": "a card", "answer_key": "<p>"}, "user: a card => assistant: <p>"),
    "ms-swift tool calls": (
        "",
        {
            "messages": [
                {"role": "user", "content": "a card"},
                {"role": "tool_call", "content": '{"name": "palette", "arguments": {}}'},
                {"role": "tool_response", "content": "red"},
                {"role": "assistant", "content": "<p>"},
            ]
        },
        "user: a card, assistant: , tool: red => assistant: <p>",
    ),
    "ms-swift rejected": (
        "",
        {
            "messages": [{"role": "user", "content": "a card"}, {"role": "assistant", "content": "<p>"}],
            "rejected_response": "no",
        },
        "user: a card => assistant: <p>",
    ),
    "unsloth sharegpt": (
        "",
        {"conversations": [{"role": "user", "content": "a card"}, {"role": "assistant", "content": "<p>"}]},
        "user: a card => assistant: <p>",
    ),
    "unsloth text": ("", {"text": "a card: <p></s>"}, "a card: <p></s>"),
    "xtuner": (
        "",
        {"conversation": [{"system": "", "input": "a card", "output": "<p>"}]},
        "user: a card => assistant: <p>",
    ),
    "verl": (
        "",
        {"prompt": [{"role": "user", "content": "a card"}], "reward_model": {"ground_truth": "<p>"}},
        "user: a card",
    ),
    "uigen": ("", {"question": "a card", "reasoning": "why", "answer": "<p>"}, "user: a card => assistant: <p>"),
    "openai": (
        "",
        {"messages": [{"role": "user", "content": "a card"}, {"role": "assistant", "content": "<p>", "weight": 1}]},
        "user: a card => assistant: <p>",
    ),
    "openai preference": (
        "",
        {
            "input": {"messages": [{"role": "user", "content": "a card"}], "tools": TOOLS, "parallel_tool_calls": True},
            "preferred_output": [{"role": "assistant", "content": "<p>"}],
            "non_preferred_output": [{"role": "assistant", "content": "no"}],
        },
        "user: a card => assistant: <p>",
    ),
}


def shown(asked: Conversation | PlainText) -> str:
    """A prompt and its reference in one line."""
    if isinstance(asked, PlainText):
        return asked.text or "" if asked.prompt is None else f"{asked.prompt}|{asked.answer or ''}"
    turns = ", ".join(f"{turn['role']}: {_written(turn['content'])}" for turn in asked.messages)
    answer = asked.reference
    return turns if answer is None else f"{turns} => {answer['role']}: {_written(answer['content'])}"


def _written(content: Any) -> str:
    """Content in one line, the type before each of its parts."""
    return content if isinstance(content, str) else "".join(f"[{part['type']}]{part['text']}" for part in content)


@pytest.mark.parametrize("name", READ)
def test_a_documented_row_is_read(tmp_path: Path, name: str) -> None:
    told, row, expected = READ[name]
    keys = dict(pair.split("=") for pair in told.removeprefix("keys:").split(",")) if "keys:" in told else {}
    file = tmp_path / "val.jsonl"
    file.write_text(json.dumps(row) + "\n")
    (asked,) = load_val(file, None, choose(None if keys else told or None, keys)).conversations
    assert shown(asked).endswith(expected)
    if "tools" in json.dumps(row) and isinstance(asked, Conversation):
        assert asked.variables["tools"] == TOOLS


STEP = 50
NOTES = {"all_results.json": b"{}", "trainer_log.jsonl": b"{}\n", "training_loss.png": b"png"}
# Below the directory that uimon is given: each file, and where the checkpoint is that is found.
LEFT: dict[str, tuple[dict[str, bytes], str, CheckpointKind]] = {
    "trl": (
        {f"checkpoint-50/{name}": data for name, data in full_files(STEP).items()},
        "checkpoint-50",
        CheckpointKind.FULL,
    ),
    "axolotl": (
        # The tokenizer and the configuration are in the output directory from the start, the model only at the end.
        {f"checkpoint-50/{name}": data for name, data in adapter_files(STEP).items()}
        | {"config.json": b"{}", "tokenizer.json": b"{}", "debug.log": b""},
        "checkpoint-50",
        CheckpointKind.ADAPTER,
    ),
    "llama-factory": (
        {f"checkpoint-50/{name}": data for name, data in adapter_files(STEP).items()}
        | NOTES
        | {"llamaboard_config.yaml": b"", "runs/Nov28/events.out": b""},
        "checkpoint-50",
        CheckpointKind.ADAPTER,
    ),
    "ms-swift": (
        {
            f"v0-20261128-153000/{path}": data
            for path, data in {
                **{f"checkpoint-50/{name}": data for name, data in adapter_files(STEP).items()},
                "checkpoint-50/args.json": b"{}",
                "args.json": b"{}",
                "logging.jsonl": b"",
                "images/train_loss.png": b"png",
            }.items()
        },
        "v0-20261128-153000/checkpoint-50",
        CheckpointKind.ADAPTER,
    ),
    "unsloth": (
        {f"checkpoint-50/{name}": data for name, data in adapter_files(STEP).items()}
        | {f"lora_model/{name}": data for name, data in adapter_files(STEP).items() if name != "trainer_state.json"},
        "checkpoint-50",
        CheckpointKind.ADAPTER,
    ),
}


@pytest.mark.parametrize("name", LEFT)
def test_a_trainers_directory_is_understood(tmp_path: Path, name: str) -> None:
    files, where, kind = LEFT[name]
    put(tmp_path, files)
    (found,) = discover(tmp_path)
    assert (found.name, found.step) == (where, STEP)
    checkpoint = inspect(found)
    assert (checkpoint.condition, checkpoint.kind) == (Condition.COMPLETE, kind)


def test_each_cell_of_the_table_names_a_test_that_is_there() -> None:
    text = (ROOT / "docs" / "trainers.md").read_text("utf-8")
    named = re.findall(r"`(\w+/(?:\w+/)?test_\w+\.py)::(test_\w+)(?:\[([^]`]+)\])?`", text)
    assert len(named) > 20
    for file, function, case in named:
        source = (ROOT / "tests" / file).read_text("utf-8")
        assert f"def {function}(" in source, (file, function)
        known = source + " ".join(entry.name for entry in (ROOT / "tests/checkpoints/traces").iterdir())
        assert not case or case in known, (file, case)
