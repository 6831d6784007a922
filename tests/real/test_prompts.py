"""Prompts and the tokens in the loss are those of training: against TRL's own trainer."""

from __future__ import annotations

import json
from itertools import takewhile
from typing import Any

import pytest

from tests.real.conftest import Make

Tokens = dict[str, tuple[list[tuple[list[int], list[int]]], list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def tokens(made: Make) -> Tokens:
    found: Tokens = json.loads((made("tests.real.cases_prompts", "tokens") / "tokens.json").read_text())
    return found


def _in_loss(ids: list[int], labels: list[int]) -> tuple[list[int], list[int]]:
    """What stands before the tokens in the loss, and those; nothing predicts a text's first token."""
    before = max(1, len(list(takewhile(lambda label: label == -100, labels))))
    return ids[:before], [label for label in labels[before:] if label != -100]


def test_the_tokens_in_the_loss_are_trls(tokens: Tokens) -> None:
    assert len(tokens) > 100
    wrong = []
    for name, (by_trl, by_uimon) in tokens.items():
        for (ids, labels), prompt in zip(by_trl, by_uimon, strict=True):
            before, wanted = _in_loss(ids, labels)
            mine = prompt["reference_ids"]
            # A conversation's reference ends with its turn; the line break behind it is the template's.
            same = wanted[: len(mine)] == mine and len(wanted) - len(mine) <= (0 if _is_plain(name) else 2)
            if not same or before != (prompt["prefix_ids"] or prompt["token_ids"]):
                wrong.append((name, before, wanted, prompt))
    assert not wrong, wrong[:2]


def _is_plain(name: str) -> bool:
    return name.split()[1].startswith(("plain", "text", "alpaca_text", "assistant_only"))
