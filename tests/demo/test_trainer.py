"""The demo's trainer is Hugging Face's: what it leaves behind is what any run of it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from watcher.demo.dataset import examples
from watcher.demo.trainer import IGNORED, TURN_END, collate, encode, read_messages, train_tokenizer


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trainer")
    command = [sys.executable, "-m", "watcher.demo.trainer", "--out", str(out)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*command, "--steps", "6", "--save-steps", "2", "--batch", "2"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


def test_the_last_two_checkpoints_are_kept_with_weights_tokenizer_and_state(run: Path) -> None:
    kept = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert kept == ["checkpoint-4", "checkpoint-6"]
    last = run / "checkpoints" / "checkpoint-6"
    assert {path.name for path in last.iterdir()} >= {
        "chat_template.jinja",
        "config.json",
        "model.safetensors",
        "optimizer.pt",
        "tokenizer.json",
        "trainer_state.json",
    }
    state = json.loads((last / "trainer_state.json").read_text())
    assert (state["global_step"], state["max_steps"]) == (6, 6)
    assert [entry["step"] for entry in state["log_history"] if "loss" in entry] == [1, 2, 3, 4, 5, 6]


def test_generation_ends_at_the_end_of_the_turn(run: Path) -> None:
    last = run / "checkpoints" / "checkpoint-6"
    tokens = {
        token["content"]: token["id"] for token in json.loads((last / "tokenizer.json").read_text())["added_tokens"]
    }
    assert json.loads((last / "generation_config.json").read_text())["eos_token_id"] == tokens[TURN_END]


def test_step_times_are_written_outside_the_checkpoints(run: Path) -> None:
    records = [json.loads(line) for line in (run / "step_times.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 2, 3, 4, 5, 6]
    assert all(0 < record["seconds"] < 60 for record in records)
    assert [record["time"] for record in records] == sorted(record["time"] for record in records)


def test_a_step_trains_on_as_many_new_examples_as_the_batch_has(run: Path) -> None:
    assert len(read_messages(run / "train.jsonl")) == 6 * 2


def test_only_the_answer_and_its_end_are_learned() -> None:
    record = examples(0, 200)[0].messages()["messages"]
    tokenizer = train_tokenizer([example.messages()["messages"] for example in examples(0, 200)])
    encoded = encode(tokenizer, record)
    learned = [label for label in encoded["labels"] if label != IGNORED]
    assert tokenizer.decode(learned) == record[-1]["content"] + TURN_END
    whole = tokenizer.apply_chat_template(record, tokenize=False)
    assert tokenizer.decode(encoded["input_ids"]) + "\n" == whole
    assert encoded["labels"][-len(learned) :] == learned


def test_a_batch_is_padded_on_the_right_and_padding_is_never_learned() -> None:
    items = [{"input_ids": [5, 6, 7], "labels": [IGNORED, 6, 7]}, {"input_ids": [8], "labels": [8]}]
    batch = collate(items, pad=0)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7], [8, IGNORED, IGNORED]]
