"""Run directories as trainers leave them: used before, with named adapters, empty adapters, NaN, two levels deeper."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.real.making import adapted, chats, llama, save, tokenizer, write_lines, write_state
from tests.support.checkpoint_files import safetensors_bytes

DAY = 86_400.0
Log = Callable[[int], float]


def falling(step: int) -> float:
    return round(2.5 / step, 4)


def of_before(step: int) -> float:
    return round(0.9 / step, 4)


def log_of(loss: Log, step: int) -> list[dict[str, Any]]:
    return [{"step": at, "loss": loss(at), "grad_norm": 0.5, "learning_rate": 1e-4} for at in range(1, step + 1)]


def age(path: Path, seconds: float) -> None:
    """As if it had been written so many seconds ago."""
    at = time.time() - seconds
    for place in (*path.rglob("*"), path):
        os.utime(place, (at, at))


def used_before(place: Path) -> None:
    """The end of a training of two days ago beside the first checkpoint of the one that writes now."""
    tokens = tokenizer()
    for step, loss, ago in ((30, of_before, 2 * DAY), (10, falling, 0.0)):
        path = place / "ck" / f"checkpoint-{step}"
        save(llama(tokens, seed=step), path, tokens)
        write_state(path, step, 30, log_of(loss, step))
        age(path, ago)
    write_lines(place / "val.jsonl", chats())


def gone_back(place: Path) -> None:
    """One training that took up checkpoint-10 again and came another way, so that checkpoint-30 is left over."""
    tokens = tokenizer()

    def other_way(step: int) -> float:
        return falling(step) if step <= 10 else 1.0 / step

    for step, loss, ago in ((10, falling, 300.0), (30, falling, 200.0), (20, other_way, 0.0)):
        path = place / "ck" / f"checkpoint-{step}"
        save(llama(tokens, seed=step), path, tokens)
        write_state(path, step, 100, log_of(loss, step))
        age(path, ago)
    write_lines(place / "val.jsonl", chats())


def named_adapter(place: Path) -> None:
    """What the Trainer leaves of a PEFT model whose adapter has a name: a folder of that name."""
    tokens = tokenizer()
    base = llama(tokens)
    save(base, place / "base", tokens)
    model = adapted(base, adapter_name="ui")
    for step in (10, 20):
        save(model, place / "ck" / f"checkpoint-{step}", tokens, step)
    write_lines(place / "val.jsonl", chats())


def model_in_a_folder(place: Path) -> None:
    """A full model in a folder of the checkpoint, the tokenizer above it."""
    tokens = tokenizer()
    path = place / "ck" / "checkpoint-10"
    llama(tokens).save_pretrained(path / "model")
    tokens.save_pretrained(path)
    write_state(path, 10)
    write_lines(place / "val.jsonl", chats())


def nan_gradients(place: Path) -> None:
    """A training in fp16 that has diverged: the trainer writes a loss of 0 where it is NaN."""
    tokens = tokenizer()
    path = place / "ck" / "checkpoint-10"
    save(llama(tokens), path, tokens)
    nan = float("nan")
    rows: list[Mapping[str, Any]] = [{"step": 1, "loss": 1.0446, "grad_norm": nan}]
    write_state(path, 10, 20, [*rows, *({"step": at, "loss": 0.0, "grad_norm": nan} for at in range(2, 11))])
    write_lines(place / "val.jsonl", chats())


def empty_adapter(place: Path) -> None:
    """DeepSpeed ZeRO-3 with LoRA, nothing gathered: an adapter file of no tensors beside the shards."""
    path = place / "ck" / "checkpoint-10"
    write_state(path, 10)
    (path / "global_step10").mkdir()
    (path / "global_step10" / "zero_pp_rank_0_mp_rank_00_model_states.pt").write_bytes(b"x")
    (path / "zero_to_fp32.py").write_text("#")
    (path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base", "peft_type": "LORA"}))
    (path / "adapter_model.safetensors").write_bytes(safetensors_bytes({}))
    write_lines(place / "val.jsonl", chats())


def without_config(place: Path) -> None:
    """A finished checkpoint of long ago whose configuration was never copied."""
    path = place / "ck" / "checkpoint-10"
    write_state(path, 10)
    (path / "model.safetensors").write_bytes(safetensors_bytes({"a.weight": 8}))
    age(path, DAY)
    write_lines(place / "val.jsonl", chats())


def deeper(place: Path) -> None:
    """Hydra's, LLaMA-Factory's and ms-swift's directories, below the one that is given."""
    runs = ("outputs/2026-11-28/15-30-00", "saves/Qwen2.5-Coder-7B/lora/train_1", "output/Qwen/v0-20261128-153000")
    for number, run in enumerate(runs):
        path = place / "ck" / run / "checkpoint-10"
        write_state(path, 10)
        (path / "model.safetensors").write_bytes(safetensors_bytes({"a.weight": 8}))
        age(path, 100.0 - number)
    write_lines(place / "val.jsonl", chats())


CASES = {
    case.__name__: case
    for case in (
        used_before,
        gone_back,
        named_adapter,
        model_in_a_folder,
        nan_gradients,
        empty_adapter,
        without_config,
        deeper,
    )
}
