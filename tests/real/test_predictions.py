"""`uimon score` on what trainers and inference tools write."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scorers import Completion
from watcher.cli.app import app
from watcher.cli.score.command import read_completions
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
    found = read_completions(str(path), key)
    return list(found.completions), list(found.notes)


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
    "ms-swift's pairs": ({"conversation": [{"human": "card", "assistant": PAGE}]}, "conversation"),
    "gemini's thinking": (
        {"response": {"candidates": [{"content": {"parts": [{"text": OTHER, "thought": True}, {"text": PAGE}]}}]}},
        "response",
    ),
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


# Where each tool says what ended an answer, with its word for the token limit in place of `{}`.
ENDINGS: dict[str, tuple[str, Row]] = {
    "uimon": ("length", {"completion": PAGE, "finish_reason": "{}"}),
    "ms-swift": ("length", {"response": PAGE, "labels": OTHER, "finish_reason": "{}"}),
    "openai": ("length", {"choices": [{"message": {"content": PAGE}, "finish_reason": "{}"}]}),
    "openai batch": ("length", {"response": {"body": {"choices": [{"text": PAGE, "finish_reason": "{}"}]}}}),
    "vllm": ("length", {"prompt": "card", "outputs": [{"text": PAGE, "finish_reason": "{}"}]}),
    "anthropic": ("max_tokens", {"result": {"message": {"content": PAGE, "stop_reason": "{}"}}}),
    "inspect": ("max_tokens", {"output": {"choices": [{"message": {"content": PAGE}, "stop_reason": "{}"}]}}),
    "gemini": (
        "MAX_TOKENS",
        {"response": {"candidates": [{"content": {"parts": [{"text": PAGE}]}, "finishReason": "{}"}]}},
    ),
    "gemini, as Python prints it": (
        "FinishReason.MAX_TOKENS",
        {"candidates": [{"content": {"parts": [{"text": PAGE}]}, "finish_reason": "{}"}]},
    ),
    "ollama's chat": ("length", {"message": {"role": "assistant", "content": PAGE}, "done_reason": "{}"}),
    "ollama's generate": ("length", {"model": "x", "response": PAGE, "done": True, "done_reason": "{}"}),
    "sglang": ("length", {"text": PAGE, "meta_info": {"finish_reason": {"type": "{}", "length": 10}}}),
    "tgi": ("length", {"generated_text": PAGE, "details": {"finish_reason": "{}"}}),
    "openai responses": (
        "max_output_tokens",
        {
            "response": {
                "body": {
                    "status": "incomplete",
                    "incomplete_details": {"reason": "{}"},
                    "output": [{"role": "assistant", "content": [{"type": "output_text", "text": PAGE}]}],
                }
            }
        },
    ),
}


def ended(tool: str, word: str) -> object:
    return json.loads(json.dumps(ENDINGS[tool][1]).replace("{}", word))


@pytest.mark.parametrize("tool", ENDINGS)
def test_an_answer_that_was_cut_off_counts_as_that(tmp_path: Path, tool: str) -> None:
    rows = [ended(tool, ENDINGS[tool][0]), ended(tool, "stop")]
    completions, _ = read(lines(tmp_path / "rows.jsonl", rows))
    assert [(completion.text, completion.truncated) for completion in completions] == [(PAGE, True), (PAGE, False)]


def test_a_key_of_ones_own_has_what_the_objects_around_it_say(tmp_path: Path) -> None:
    file = lines(tmp_path / "rows.jsonl", [{"response": {"body": {"choices": [CHOICE]}}}])
    (completion,), _ = read(file, "response.body.choices.0.message.content")
    assert completion.truncated


def test_a_list_of_endings_has_one_for_each_answer(tmp_path: Path) -> None:
    row = {"responses": [PAGE, OTHER], "finish_reason": ["length", "stop"]}
    completions, _ = read(lines(tmp_path / "rows.jsonl", [row]))
    assert [completion.truncated for completion in completions] == [True, False]


# What a failed request leaves, beside a row of the same tool's that went well, and what is said of it.
FAILED: dict[str, tuple[Row, Row, str]] = {
    "openai batch": (
        WRITTEN["openai batch"][0],
        {"custom_id": "b", "response": None, "error": {"code": "server_error", "message": "Try\nagain."}},
        " (its error: Try again.)",
    ),
    "openai batch, status": (
        WRITTEN["openai batch"][0],
        {"response": {"status_code": 400, "body": {"error": {"message": "too long"}}}, "error": None},
        " (its error: too long)",
    ),
    "vllm run-batch": (
        WRITTEN["vllm run-batch, plain"][0],
        {"response": {"status_code": 404, "body": {"object": "error", "message": "no such model"}}},
        " (its error: no such model)",
    ),
    "llama-factory": (WRITTEN["llama-factory"][0], {"prompt": "card", "predict": None, "label": OTHER}, ""),
    "ms-swift, with the dataset's answer": (
        WRITTEN["ms-swift"][0],
        {"response": None, "messages": [*ASKED, {"role": "assistant", "content": OTHER}]},
        "",
    ),
    "anthropic batch": (
        WRITTEN["anthropic batch"][0],
        {"result": {"type": "errored", "error": {"type": "error", "error": {"type": "x", "message": "overloaded"}}}},
        " (its error: overloaded)",
    ),
    "anthropic batch, expired": (
        WRITTEN["anthropic batch"][0],
        {"custom_id": "b", "result": {"type": "expired"}},
        " (its error: expired)",
    ),
    "gemini": (
        WRITTEN["gemini batch"][0],
        {"response": {"promptFeedback": {"blockReason": "SAFETY"}}},
        " (its error: blocked, SAFETY)",
    ),
    "ollama": (WRITTEN["ollama"][0], {"error": "model not found"}, " (its error: model not found)"),
    "sglang": (
        {"text": PAGE, "meta_info": {"finish_reason": {"type": "stop"}}},
        {"text": "<p", "meta_info": {"finish_reason": {"type": "abort"}}},
        " (what ended it: abort)",
    ),
    "inspect": (
        WRITTEN["inspect"][0],
        {"output": {"completion": ""}, "error": {"message": "timeout"}},
        " (its error: timeout)",
    ),
    "thinking alone": (
        {"choices": [CHOICE]},
        {"choices": [{"message": {"content": None, "reasoning_content": "hm"}, "finish_reason": "length"}]},
        " (what ended it: length)",
    ),
    "uimon": ({"completion": PAGE}, {"completion": None}, ""),
}


@pytest.mark.parametrize("tool", FAILED)
@pytest.mark.parametrize("failed_first", [False, True])
def test_a_failed_request_is_named_and_counts_nowhere(tmp_path: Path, tool: str, failed_first: bool) -> None:
    good, bad, why = FAILED[tool]
    rows, number = ([bad, good, good], 1) if failed_first else ([good, bad, good], 2)
    file = lines(tmp_path / "rows.jsonl", rows)
    result = CliRunner().invoke(app, ["score", str(file), "--json"])
    printed = json.loads(result.stdout)
    assert (result.exit_code, len(printed["samples"]), printed["metrics"]["eval/samples"]) == (0, 2, 2)
    assert f"{file}: 1 row has no completion: line {number}{why}; left out of all figures." in result.stderr
    (missing,) = printed["missing"]
    assert (missing["source"], f" ({missing['reason']})" if why else "") == (f"{file}#{number}", why)


def test_an_empty_answer_is_a_sample(tmp_path: Path) -> None:
    rows = [
        {"predict": ""},
        {"predict": [{"type": "text", "text": ""}]},
        {"predict": "", "error": None},
        {"predict": "", "error": 0.5},
    ]
    completions, _ = read(lines(tmp_path / "rows.jsonl", rows))
    assert [completion.text for completion in completions] == ["", "", "", ""]


def test_one_failed_answer_of_several_is_left_out_alone(tmp_path: Path) -> None:
    file = lines(tmp_path / "rows.jsonl", [{"responses": [PAGE, None, OTHER]}])
    completions, said = read(file)
    assert [completion.source for completion in completions] == [f"{file}#1.0", f"{file}#1.2"]
    assert f"{file}: 1 row has no completion: line 1, answer 2; left out of all figures." in said


def test_where_every_request_failed_nothing_is_scored(tmp_path: Path) -> None:
    file = lines(tmp_path / "rows.jsonl", [{"predict": None, "error": "timeout"}] * 7)
    result = CliRunner().invoke(app, ["score", str(file), "--json"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"7 rows have no completion: {file}#1 (its error: timeout), " in result.stderr
    assert "and 2 more" in result.stderr


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
    text = json.dumps(document, indent=1).encode()
    for name in ("rows.json", "rows.jsonl", "rows.json.gz", "rows.jsonl.gz"):
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
        assert [completion.text for completion in read(tmp_path / name)[0]] == [PAGE, PAGE]


def test_packed_lines_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    text = json.dumps({"predict": PAGE}) + "\r\n"
    for name, data in (
        ("a.jsonl.gz", gzip.compress(text.encode())),
        ("b.jsonl", text.encode("utf-8-sig")),
        ("c.jsonl", text.encode("utf-16")),
        ("d.ndjson", text.encode()),
        ("e.json", text.encode()),
        ("f.jsonl.xz", lzma.compress(text.encode())),
        ("g.csv", f'prompt,predict,label\ncard,"{PAGE}",x\n'.encode()),
    ):
        (tmp_path / name).write_bytes(data)
        assert [completion.text for completion in read(tmp_path / name)[0]] == [PAGE]


def test_completions_in_parquet_are_read_where_they_are_named(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [{"step": "1", "prompt": "card", "completion": PAGE, "advantage": 0.5}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "completions_00001.parquet")
    assert [completion.text for completion in read(tmp_path / "completions_00001.parquet")[0]] == [PAGE]


def test_conversations_to_one_prompt_are_samples_of_it(tmp_path: Path) -> None:
    rows = [{"conversation": [{"human": asked, "assistant": PAGE}]} for asked in ("card", "card", "form")]
    first, second, other = read(lines(tmp_path / "rows.jsonl", rows))[0]
    assert first.prompt == second.prompt != other.prompt


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
        ([{"message": PAGE}], ("line 1", "its keys are `message`")),
        ([{"messages": ASKED}], ("line 1", "its keys are `messages`")),
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
    with pytest.raises(UimonError, match=r"rows\.jsonl\.gz is compressed, and damaged"):
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
