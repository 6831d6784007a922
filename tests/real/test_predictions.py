"""`uimon score` on what trainers and inference tools write."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scorers import Completion
from watcher.cli import app
from watcher.commands.score import read_completions
from watcher.model import UimonError

PAGE = "<div class='bg-blue-500 p-4'>hello</div>"
OTHER = "<p>label</p>"
ASKED = [{"role": "user", "content": "card"}]
CHOICE = {"index": 0, "message": {"role": "assistant", "content": PAGE}, "finish_reason": "length"}
PLAIN = {"index": 0, "text": PAGE, "finish_reason": "stop"}
Row = Mapping[str, Any]


def lines(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path, key: str | None = None) -> tuple[list[Completion], list[str]]:
    said: list[str] = []
    return list(read_completions(str(path), key, said.append)), said


# What each tool writes, by its documentation or its source.
WRITTEN: dict[str, tuple[Row, str]] = {
    "llama-factory": ({"prompt": "card", "predict": PAGE, "label": OTHER}, "predict"),
    "ms-swift": ({"response": PAGE, "labels": OTHER, "logprobs": None, "messages": ASKED}, "response"),
    "ms-swift, with the dataset's answer in messages": (
        {"response": PAGE, "messages": [*ASKED, {"role": "assistant", "content": OTHER}]},
        "response",
    ),
    "openai batch": (
        {"custom_id": "a", "response": {"status_code": 200, "body": {"choices": [CHOICE]}}, "error": None},
        "response",
    ),
    "vllm run-batch, plain": ({"custom_id": "a", "response": {"body": {"choices": [PLAIN]}}}, "response"),
    "a chat completion": ({"id": "x", "choices": [CHOICE], "usage": {}}, "choices"),
    "vllm's outputs": ({"prompt": "card", "outputs": [{"index": 0, "text": PAGE, "finish_reason": "stop"}]}, "outputs"),
    "lm-eval": ({"doc_id": 0, "target": OTHER, "resps": [[PAGE]], "filtered_resps": ["hello"]}, "resps"),
    "transformers' pipeline": ({"generated_text": PAGE}, "generated_text"),
    "transformers' chat pipeline": (
        {"generated_text": [*ASKED, {"role": "assistant", "content": PAGE}]},
        "generated_text",
    ),
    "nemo": ({"input": "card", "generation": PAGE, "expected_answer": OTHER}, "generation"),
    "verl": ({"input": "card", "output": PAGE, "score": 1.0, "step": 3}, "output"),
    "inspect": ({"input": "card", "target": OTHER, "output": {"completion": PAGE, "choices": []}}, "output"),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": "card"}, {"from": "gpt", "value": PAGE}]},
        "conversations",
    ),
    "anthropic batch": (
        {"custom_id": "a", "result": {"type": "succeeded", "message": {"content": [{"type": "text", "text": PAGE}]}}},
        "result",
    ),
    "gemini batch": ({"response": {"candidates": [{"content": {"parts": [{"text": PAGE}]}}]}}, "response"),
    "openai responses": (
        {
            "response": {
                "body": {
                    "output": [
                        {"type": "reasoning", "summary": []},
                        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": PAGE}]},
                    ]
                }
            }
        },
        "response",
    ),
    "ollama": ({"model": "x", "message": {"role": "assistant", "content": PAGE}, "done": True}, "message"),
    "evalplus": ({"task_id": "a", "solution": PAGE}, "solution"),
    "parts": ({"response": [{"type": "text", "text": PAGE}]}, "response"),
    "mt-bench": ({"question_id": 1, "choices": [{"index": 0, "turns": [OTHER, PAGE]}]}, "choices"),
}


@pytest.mark.parametrize("tool", WRITTEN)
def test_what_the_model_wrote_is_read_and_the_key_is_said(tmp_path: Path, tool: str) -> None:
    row, key = WRITTEN[tool]
    file = lines(tmp_path / "rows.jsonl", [row, row])
    completions, said = read(file)
    assert [completion.text for completion in completions] == [PAGE, PAGE]
    assert said == [f"{file}: 2 completions, read from `{key}`; --key names another key."]


def test_uimons_own_keys_need_no_word(tmp_path: Path) -> None:
    rows = [{"completion": PAGE, "text": OTHER}, {"messages": [*ASKED, {"role": "assistant", "content": PAGE}]}]
    completions, said = read(lines(tmp_path / "rows.jsonl", rows))
    assert ([completion.text for completion in completions], said) == ([PAGE, PAGE], [])


def test_an_answer_that_was_cut_off_counts_as_that(tmp_path: Path) -> None:
    for name in ("openai batch", "a chat completion"):
        (completion,), _ = read(lines(tmp_path / "rows.jsonl", [WRITTEN[name][0]]))
        assert completion.truncated
    for name in ("vllm run-batch, plain", "vllm's outputs"):
        (completion,), _ = read(lines(tmp_path / "rows.jsonl", [WRITTEN[name][0]]))
        assert not completion.truncated


def test_several_answers_to_one_prompt_are_several_samples_of_it(tmp_path: Path) -> None:
    row = {"doc_id": 0, "resps": [[PAGE, OTHER]]}
    completions, _ = read(lines(tmp_path / "rows.jsonl", [row, {**row, "doc_id": 1}]))
    assert [completion.text for completion in completions] == [PAGE, OTHER] * 2
    assert completions[0].prompt == completions[1].prompt != completions[2].prompt
    assert len({completion.source for completion in completions}) == 4


@pytest.mark.parametrize(
    "document",
    [
        [{"predict": PAGE}, {"predict": PAGE}],
        {"eval": {"task": "ui"}, "samples": [{"output": {"completion": PAGE}}] * 2},
        {"0": {"origin_prompt": "card", "prediction": PAGE}, "1": {"origin_prompt": "form", "prediction": PAGE}},
        [[PAGE], [PAGE]],
        [PAGE, PAGE],
        [[{"generated_text": PAGE}], [{"generated_text": PAGE}]],
    ],
    ids=["array", "container", "numbered", "samples", "texts", "pipeline"],
)
def test_one_json_document_holds_rows_too(tmp_path: Path, document: object) -> None:
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(document, indent=1))
    packed = tmp_path / "rows.json.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    for path in (file, packed):
        assert [completion.text for completion in read(path)[0]] == [PAGE, PAGE]


def test_packed_lines_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    text = json.dumps({"predict": PAGE}) + "\r\n"
    for name, data in (
        ("a.jsonl.gz", gzip.compress(text.encode())),
        ("b.jsonl", text.encode("utf-8-sig")),
        ("c.jsonl", text.encode("utf-16")),
        ("d.ndjson", text.encode()),
    ):
        (tmp_path / name).write_bytes(data)
        assert [completion.text for completion in read(tmp_path / name)[0]] == [PAGE]


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ({"mine": PAGE, "predict": OTHER}, "mine"),
        ({"a": {"b": [OTHER, PAGE]}}, "a.b.1"),
        ({"a": {"b": [{"c": PAGE}]}}, "a.b.c"),
        ({"a": {"b": [{"c": PAGE}]}}, "a.b.*.c"),
        ({"a.b": PAGE}, "a.b"),
        ({"response": {"body": {"choices": [CHOICE]}}}, "response.body.choices.0.message.content"),
    ],
)
def test_a_key_of_ones_own_is_taken(tmp_path: Path, row: Row, key: str) -> None:
    completions, said = read(lines(tmp_path / "rows.jsonl", [row]), key)
    assert ([completion.text for completion in completions], said) == ([PAGE], [])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"predict": PAGE, "response": OTHER}], ("line 1", "`predict` and `response`", "--key")),
        ([{"output": PAGE, "text": OTHER}], ("line 1", "`output` and `text`", "--key")),
        ([{"verdict": PAGE, "label": OTHER}], ("line 1", "its keys are `verdict`, `label`", "--key")),
        ([{"predict": PAGE}, {"output": PAGE}], ("line 2", "no text under `predict`", "--key")),
        ([{"custom_id": "a", "response": None, "error": {"code": "x"}}], ("line 1", "its keys are `custom_id`")),
        ([{"resps": [[[-1.5, False]]]}], ("line 1", "its keys are `resps`")),
        ([{"predict": 3}], ("line 1", "its keys are `predict`")),
    ],
)
def test_what_is_ambiguous_or_unknown_is_named_with_its_keys(
    tmp_path: Path, rows: list[Row], words: tuple[str, ...]
) -> None:
    with pytest.raises(UimonError) as caught:
        read(lines(tmp_path / "rows.jsonl", rows))
    assert all(word in caught.value.sentence for word in words), caught.value.sentence


def test_equal_texts_under_two_keys_are_no_question(tmp_path: Path) -> None:
    completions, _ = read(lines(tmp_path / "rows.jsonl", [{"predict": PAGE, "response": PAGE}]))
    assert [completion.text for completion in completions] == [PAGE]


def test_a_file_that_cannot_be_unpacked_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl.gz").write_bytes(b"\x1f\x8b not packed")
    with pytest.raises(UimonError, match=r"rows\.jsonl\.gz cannot be read"):
        read(tmp_path / "rows.jsonl.gz")


def test_json_files_of_a_directory_are_left_alone(tmp_path: Path) -> None:
    lines(tmp_path / "generated_predictions.jsonl", [WRITTEN["llama-factory"][0]])
    (tmp_path / "all_results.json").write_text('{"predict_bleu-4": 1.0}')
    assert len(read(tmp_path)[0]) == 1


def test_the_command_says_the_key_beside_its_output_and_takes_another(tmp_path: Path) -> None:
    file = lines(tmp_path / "rows.jsonl", [{"predict": PAGE, "label": OTHER}])
    told = CliRunner().invoke(app, ["score", str(file), "--json"])
    assert told.exit_code == 0
    assert json.loads(told.stdout)["samples"][0]["outcome"] == "valid"
    assert "read from `predict`" in told.stderr
    asked = CliRunner().invoke(app, ["score", str(file), "--key", "label", "--json"])
    assert json.loads(asked.stdout)["samples"][0]["num_colors"] == 0
    missing = CliRunner().invoke(app, ["score", str(file), "--key", "none"])
    assert (missing.exit_code, "which --key names" in missing.stderr) == (2, True)
