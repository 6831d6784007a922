"""Rows that cannot be asked as training has them, and the reasons."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.validation.rows_read import ASKED, TOLD
from watcher.validation import load_val


def parts(*kinds: str) -> list[dict[str, Any]]:
    return [{"type": kind, kind: "x"} for kind in kinds]


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"messages": [{"role": "user", "content": parts("text", "image")}, TOLD]}, "with images"),
    ({"messages": [{"role": "user", "content": parts("image_url")}, TOLD]}, "with images"),
    ({"messages": [{"role": "user", "content": parts("text", "video")}, TOLD]}, "with videos"),
    ({"messages": [{"role": "user", "content": parts("input_audio")}, TOLD]}, "with audio"),
    ({"messages": [{"role": "user", "content": parts("thinking")}, TOLD]}, "parts of the type thinking"),
    ({"messages": [ASKED, TOLD], "images": ["a.png"]}, "with images"),
    ({"messages": [{"role": "user", "content": "Build it", "images": ["a.png"]}, TOLD]}, "with images"),
    ({"messages": [{"role": "user", "content": "Build it", "image": "a.png"}, TOLD]}, "with images"),
    ({"conversation": [{"human": "Build it", "assistant": "a", "images": ["a.png"]}]}, "with images"),
    ({"image": {"path": "a.png"}, "text": "<p>a</p>"}, "with images"),
    ({"prompt": "u", "completion": "a", "videos": ["a.mp4"]}, "with videos"),
    ({"messages": [{"role": "user", "content": "<image>Build it"}, TOLD], "images": ["a.png"]}, "with images"),
    ({"messages": [TOLD]}, r"without a user turn before the answer \(roles: assistant\)"),
    (
        {"messages": [{"role": "client", "content": "u"}, {"role": "page", "content": "a"}]},
        "with the unknown role page at the end",
    ),
    ({"messages": []}, "without a user turn"),
    (
        {"messages": [{"role": "user", "text": "u"}, {"role": "assistant", "text": "a"}]},
        r"a user turn without content \(keys: role, text; --val-keys content=KEY names",
    ),
    ({"messages": "u"}, "messages is text that is not a JSON list"),
    ({"messages": '[{"role": "user", "content": "u"}, {"role'}, "begins as messages do and is not JSON"),
    ({"prompt": '[{"role": "user", "content": "u"}, {"role', "completion": "a"}, "begins as messages do"),
    ({"messages": [{"content": "u"}, TOLD]}, r"a turn without a role \(keys: content\)"),
    ({"messages": ["u", "a"]}, "turns that are not messages"),
    ({"messages": [{"role": "user", "content": 3}]}, "content is neither text nor parts"),
    ({"messages": [ASKED, TOLD], "tools": "[{"}, "tools is text that is not JSON"),
    ({"messages": [ASKED, TOLD], "tools": 3}, "tools are not a list"),
    ({"messages": [ASKED, TOLD], "chat_template_kwargs": [1]}, "chat_template_kwargs are not an object"),
    *(
        ({"messages": [ASKED, TOLD], "chat_template_kwargs": {name: True}}, f"hold {name}, which is not a variable")
        for name in ("add_generation_prompt", "tokenize", "messages", "chat_template")
    ),
    ({"messages": [ASKED, {"role": "narrator", "content": "n"}]}, "--val-keys role.assistant=narrator reads it"),
    ({"conversation": [{"human": "u", "assistant": ["a"]}]}, "content is neither text nor parts"),
    ({"input": "u", "preferred_output": [TOLD]}, "input has no messages beside a preferred_output"),
    ({"messages": [{"role": "user", "content": "\ud800"}, TOLD]}, "half a character"),
    ({"conversations": [{"from": "human", "value": "u"}, {"from": "function_call", "value": "f(1)"}]}, "function call"),
    ({"prompt": [ASKED, TOLD]}, "ends with an answer to be continued"),
    ({"instruction": "u", "context": "c", "response": "a"}, "context beside the query"),
    ({"prompt": " ", "completion": "a"}, "without a prompt"),
    ({"prompt": {"user": "Ann", "plan": "pro"}, "completion": "a"}, "prompt is an object that is not a message"),
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
