"""Prompts and the tokens in the loss are those of training: against TRL's own trainer."""

from __future__ import annotations

import json
from itertools import takewhile
from typing import Any

import pytest

from tests.support.uimon_command import Make, Uimon
from watcher.cli.validation import validation_file
from watcher.doctor.checks import Status, check_val
from watcher.settings.config import Settings

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


def test_a_prompt_of_plain_text_ends_where_the_answer_begins(tokens: Tokens) -> None:
    # Also where the tokenizer puts a special token behind every text.
    for family in ("bytes", "llama2", "unigram", "wordpiece"):
        by_trl, by_uimon = tokens[f"{family} plain_pair"]
        for (ids, labels), prompt in zip(by_trl, by_uimon, strict=True):
            assert prompt["token_ids"] == _in_loss(ids, labels)[0]


def test_texts_alone_are_measured_and_not_sampled(tokens: Tokens) -> None:
    for name, (_, by_uimon) in tokens.items():
        assert all(prompt["sampled"] == (not name.endswith(" text")) for prompt in by_uimon)


def _is_plain(name: str) -> bool:
    return name.split()[1].startswith(("plain", "text", "alpaca_text", "assistant_only"))


FILES = [
    ("ck", "system.jsonl", "system"),
    ("ck", "sharegpt.jsonl", "system"),
    ("ck", "json_text.jsonl", "chat"),
    ("ck", "array.json", "chat"),
    ("ck", "gz.jsonl.gz", "chat"),
    ("ck", "utf16.jsonl", "chat"),
    ("ck", "chat.parquet", "chat"),
    ("ck", "pair.jsonl", "pair"),
    ("bare", "pair.jsonl", "pair"),
    ("bare", "text.jsonl", "text"),
]


@pytest.mark.engine
@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("checkpoints", "file", "expected"), FILES)
def test_perplexity_of_what_people_have(made: Make, uimon: Uimon, checkpoints: str, file: str, expected: str) -> None:
    place = made("tests.real.cases_prompts", "served")
    done = uimon.once(place / checkpoints, place / file)
    assert done.code == 0, done.log
    (seen,) = uimon.status()
    wanted = json.loads((place / "expected.json").read_text())[expected]
    print(f"{checkpoints} {file}: transformers {wanted:.3f}, uimon {seen['metrics']['eval/perplexity']:.3f}")
    assert seen["metrics"]["eval/perplexity"] == pytest.approx(wanted, rel=0.02)
    assert ("eval/samples" in seen["metrics"]) == (expected != "text")
    assert "4 prompts, read " in done.log, done.log
    assert ("columns left out: score" in done.log) == (file == "sharegpt.jsonl")


def test_pictures_are_never_left_out_of_a_prompt(made: Make, uimon: Uimon) -> None:
    place = made("tests.real.cases_prompts", "files")
    done = uimon.run("watch", place, "--wandb", "off", "--once", "--val", place / "images.jsonl")
    assert done.code == 2
    assert "4 lines unusable: 4 with images (first line 1); uimon evaluates text models" in done.log


def test_the_doctor_says_what_was_read(made: Make) -> None:
    place = made("tests.real.cases_prompts", "files")
    check = check_val(lambda: validation_file(Settings(val=place / "some_images.jsonl"), place), 1)
    assert check.status is Status.NOTE
    assert "1 prompt, read as chat messages; 4 lines unusable: 4 with images (first line 2)" in check.sentence
