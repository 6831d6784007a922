"""Under which names roles reach the template, and what is said of that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.validation.rows_read import NO, TOLD, as_turns, read
from watcher.validation import choose


def test_a_call_can_be_left_under_its_role_as_well(tmp_path: Path) -> None:
    called = {"from": "function_call", "value": json.dumps({"name": "f"})}
    row = {"conversations": [{"from": "human", "value": "u"}, called]}
    val = read(tmp_path / "val.jsonl", row, choose("sharegpt-as-is"))
    assert as_turns(val)[1] == {"role": "function_call", "content": '{"name": "f"}'}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": [{"from": "human", "value": "u"}], "completion": [{"from": "gpt", "value": "a"}]},
        {"prompt": [{"from": "human", "value": "u"}], "chosen": {"from": "gpt", "value": "a"}, "rejected": NO},
        {"conversations": [{"from": "human", "value": "u"}], "chosen": {"from": "gpt", "value": "a"}, "rejected": NO},
    ],
)
def test_roles_of_pairs_and_preferences_can_be_left_as_well(tmp_path: Path, row: dict[str, Any]) -> None:
    val = read(tmp_path / "val.jsonl", row, choose("sharegpt-as-is"))
    assert as_turns(val) == ([{"role": "human", "content": "u"}], {"role": "gpt", "content": "a"})
    assert "role human as it is, role gpt as it is" in val.summary


@pytest.mark.parametrize(
    ("messages", "keys"),
    [
        ([{"role": "User", "content": "u"}, {"role": "Assistant", "content": "a"}], {}),
        ([{"role": "client", "content": "u"}, TOLD], {"role.user": "client"}),
    ],
)
def test_the_way_to_leave_roles_is_proposed_where_it_is_one(
    tmp_path: Path, messages: list[Any], keys: dict[str, str]
) -> None:
    val = read(tmp_path / "val.jsonl", {"messages": messages}, choose(None, keys))
    assert "as user" in val.summary
    assert "sharegpt-as-is" not in val.summary
