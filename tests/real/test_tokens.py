"""What reaches the model is what the tokenizer's own files say, whatever class they are named after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.real.cases_tokens import CLASSES
from tests.support.uimon_command import Make, Uimon

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
CASES = "tests.real.cases_tokens"
OTHER_CLASS = "uimon reads the tokenizer from its tokenizer.json alone"
OTHER_MERGES = "uimon reads the tokenizer from its tokenizer.model alone"


@pytest.fixture(scope="session")
def opened(made: Make) -> dict[str, Any]:
    """What uimon makes of each tokenizer."""
    seen: dict[str, Any] = json.loads((made(CASES, "families") / "opened.json").read_text())
    return seen


FILES = (
    *(f"bytewise as {name}" for name in CLASSES),
    *("digits in threes as LlamaTokenizer", "digits in threes as Qwen2Tokenizer", "without a class", "with code"),
    *("pieces of old", "pieces", "pieces without names", "unigram", "wordpiece", "wordpiece as LlamaTokenizerFast"),
    *("cut and padded", "with options", "saved by a wrong class"),
)
LOSSY = ("pieces of old", "unigram", "wordpiece", "wordpiece as LlamaTokenizerFast", "saved by a wrong class")


@pytest.mark.parametrize("name", FILES)
def test_ids_are_those_of_tokenizer_json(opened: dict[str, Any], name: str) -> None:
    for text, ids, own, _ in opened[name]["rows"]:
        assert ids == own, text


@pytest.mark.parametrize("name", [name for name in FILES if name not in LOSSY])
def test_blanks_come_back_from_ids(opened: dict[str, Any], name: str) -> None:
    for text, _, _, back in opened[name]["rows"]:
        # The decoder of Llama 2 takes one blank from the beginning.
        assert back.lstrip(" ") == text.lstrip(" ")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bytewise as LlamaTokenizerFast", "LlamaTokenizer, makes other token ids of 'one two'"),
        ("digits in threes as LlamaTokenizer", "LlamaTokenizer, makes other token ids of"),
        ("digits in threes as Qwen2Tokenizer", "Qwen2Tokenizer, makes other token ids of"),
        ("wordpiece as LlamaTokenizerFast", "LlamaTokenizer, makes other token ids of 'one two'"),
        ("bytewise as PreTrainedTokenizerFast", ""),
        ("bytewise as NoSuchTokenizer", ""),
        ("bytewise as GPT2Tokenizer", ""),
        ("pieces", ""),
        ("cut and padded", ""),
    ],
)
def test_a_class_that_makes_other_ids_is_named(opened: dict[str, Any], name: str, said: str) -> None:
    assert said in opened[name]["note"]
    assert (OTHER_CLASS in opened[name]["note"]) == bool(said)


@pytest.mark.parametrize("name", ["tokenizer.model of old", "tokenizer.model of today"])
def test_merges_in_another_order_than_the_files_are_said(opened: dict[str, Any], name: str) -> None:
    assert OTHER_MERGES in opened[name]["note"]


def test_blanks_that_the_file_itself_loses_are_said(opened: dict[str, Any]) -> None:
    assert "loses blanks: it turns 'one two' into 'onetwo'" in opened["saved by a wrong class"]["note"]


def test_merges_are_not_left_out_by_lot(opened: dict[str, Any]) -> None:
    drawn, plain = (opened[name]["rows"] for name in ("by lot", "bytewise as GPT2Tokenizer"))
    assert [ids for _, ids, _, _ in drawn] == [ids for _, ids, _, _ in plain]
    assert "drops merges at random (dropout 0.5)" in opened["by lot"]["note"]
    assert OTHER_CLASS not in opened["by lot"]["note"]


def test_special_tokens_around_a_text_are_the_files_own(opened: dict[str, Any]) -> None:
    assert opened["pieces"]["marked"][0] == 1
    assert opened["bytewise as LlamaTokenizerFast"]["marked"] == opened["bytewise as GPT2Tokenizer"]["rows"][0][1]


def test_a_beginning_that_only_the_class_names_is_taken_over(opened: dict[str, Any]) -> None:
    assert [opened[f"pieces {name}"]["bos"] for name in ("with an end", "without a beginning")] == ["<s>", None]


def test_an_end_token_that_only_the_class_names_is_taken_over(opened: dict[str, Any]) -> None:
    assert opened["pieces without names"]["eos"] == "</s>"


@pytest.mark.parametrize(
    "name",
    [
        *("tokenizer.model as LlamaTokenizer", "tokenizer.model as NoSuchTokenizer"),
        *("tokenizer.model of old", "tokenizer.model of today", "vocab.json as GPT2Tokenizer"),
    ],
)
def test_a_converted_vocabulary_is_used_where_it_is_proved(opened: dict[str, Any], name: str) -> None:
    for text, ids, own, back in opened[name]["rows"]:
        # Where a blank at the beginning goes is left to what `legacy` says, and special tokens are not the library's.
        if not text.startswith(" ") and "</s>" not in text:
            assert ids == (own or ids), text
            assert back == text


@pytest.mark.parametrize(("name", "begin", "end"), [("tekken.json of old", 1, 2), ("tekken.json of today", 2, 5)])
def test_a_tekken_file_by_itself_has_its_own_beginning_and_end(
    opened: dict[str, Any], name: str, begin: int, end: int
) -> None:
    seen = opened[name]
    for text, ids, own, back in seen["rows"]:
        if "</s>" not in text:
            assert (ids, back) == (own, text)
    assert seen["marked"] == [begin, *seen["rows"][0][2]]
    assert (seen["eos"], seen["eos_id"]) == ("</s>", end)


def test_what_mistrals_class_makes_of_an_end_in_a_text_is_said(opened: dict[str, Any]) -> None:
    note = opened["tekken.json of today"]["note"]
    assert "MistralCommonBackend, with which transformers would load the tokenizer, takes the texts of special" in note
    assert "alone, because the class" not in note
    other = opened["tekken.json as TokenizersBackend"]["note"]
    assert (
        "TokenizersBackend, puts other special tokens around a text. If training used that class, let it save" in other
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("unigram as LlamaTokenizer", "get other ids than from sentencepiece"),
        ("vocab.json as LlamaTokenizer", "do not come back from its ids ('card 0')"),
        ("vocab.txt", "do not come back from its ids"),
    ],
)
def test_a_converted_vocabulary_that_is_not_the_files_is_refused(opened: dict[str, Any], name: str, why: str) -> None:
    assert opened[name]["reason"] == "tokenizer_mismatch"
    assert why in opened[name]["sentence"]
    assert "--tokenizer" in opened[name]["sentence"]


def test_a_tokenizer_json_that_cannot_be_read_is_named(opened: dict[str, Any]) -> None:
    assert opened["half a file"]["reason"] == "tokenizer_missing"
    assert "cannot be loaded (" in opened["half a file"]["sentence"]


def test_merges_are_not_guessed(opened: dict[str, Any]) -> None:
    assert opened["vocab.json alone"]["reason"] == "tokenizer_missing"
    assert "without its merges.txt" in opened["vocab.json alone"]["sentence"]


def test_tokens_that_only_the_configuration_has_count_and_are_said(opened: dict[str, Any]) -> None:
    seen = opened["added by the configuration"]
    changed = [(text, seen["size"] - 1 in ids) for text, ids, own, _ in seen["rows"] if ids != own]
    assert changed == [("<ui>a</ui>", True)]
    assert "has tokens, or options of tokens, that its tokenizer.json does not have" in seen["note"]
    assert "'<ui>a</ui>'" in seen["note"]


def test_a_token_with_two_numbers_is_refused(opened: dict[str, Any]) -> None:
    assert opened["numbered otherwise"]["reason"] == "tokenizer_mismatch"
    assert "gives the token '<ui>' the id" in opened["numbered otherwise"]["sentence"]


@pytest.mark.parametrize("name", ["numbered otherwise beside", "tokenizer.model numbered otherwise"])
def test_so_is_one_whose_number_stands_in_a_file_of_its_own(opened: dict[str, Any], name: str) -> None:
    assert opened[name]["reason"] == "tokenizer_mismatch"
    assert "added_tokens.json gives the token '<ui>' the id" in opened[name]["sentence"]


def once(uimon: Uimon, place: Path) -> tuple[Any, Any]:
    ended = uimon.once(place / "ck", place / "val.jsonl")
    return ended, uimon.status()[0]


def test_a_tokenizer_of_another_class_is_measured_by_its_own_file(made: Make, uimon: Uimon) -> None:
    place = made(CASES, "bytewise-as-llama")
    ended, checkpoint = once(uimon, place)
    assert ended.code == 0
    expected = json.loads((place / "expected.json").read_text())
    assert checkpoint["metrics"]["eval/perplexity"] == pytest.approx(expected, rel=0.02)
    assert ended.log.count(OTHER_CLASS) == 1
    assert not any("Ġ" in sample["completion"] for sample in uimon.samples())


@pytest.mark.soak
def test_a_tokenizer_whose_class_is_code_of_the_checkpoint_is_measured_by_its_file(made: Make, uimon: Uimon) -> None:
    place = made(CASES, "with-code")
    ended, checkpoint = once(uimon, place)
    expected = json.loads((place / "expected.json").read_text())
    assert ended.code == 0
    assert checkpoint["metrics"]["eval/perplexity"] == pytest.approx(expected, rel=0.02)


@pytest.mark.soak
def test_a_vocabulary_that_is_read_wrongly_fails_its_checkpoint(made: Make, uimon: Uimon) -> None:
    ended, checkpoint = once(uimon, made(CASES, "no-json"))
    assert ended.code == 1
    assert (checkpoint["state"], checkpoint["reason"]) == ("failed", "tokenizer_mismatch")
    assert "there is no tokenizer.json" in ended.log
