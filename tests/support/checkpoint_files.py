"""Checkpoints made by hand, byte by byte, in the order in which Hugging Face's Trainer writes them."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any


def safetensors_bytes(tensors: dict[str, int], fill: bytes = b"\x3f") -> bytes:
    """A safetensors file with these tensors, each of so many single bytes."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name, size in tensors.items():
        header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [position, position + size]}
        position += size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + fill * position


def state_bytes(step: int, max_steps: int = 100) -> bytes:
    history: list[dict[str, float]] = [{"step": s, "loss": 2.0 / s, "epoch": 0.1} for s in range(1, step + 1)]
    return json.dumps({"global_step": step, "max_steps": max_steps, "log_history": history}).encode()


def full_files(step: int, shards: int = 1, fill: bytes = b"\x3f") -> dict[str, bytes]:
    """The files of a full checkpoint, in the Trainer's own order."""
    files = {"config.json": b'{"model_type": "llama"}', "generation_config.json": b"{}"}
    if shards == 1:
        files["model.safetensors"] = safetensors_bytes({"a": 3000, "b": 2000}, fill)
    else:
        names = [f"model-{i:05}-of-{shards:05}.safetensors" for i in range(1, shards + 1)]
        files |= {name: safetensors_bytes({f"t{i}": 2000}, fill) for i, name in enumerate(names)}
        weight_map = {f"t{i}": name for i, name in enumerate(names)}
        files["model.safetensors.index.json"] = json.dumps({"metadata": {}, "weight_map": weight_map}).encode()
    files |= {
        "tokenizer.json": b"{}",
        "tokenizer_config.json": b"{}",
        "chat_template.jinja": b"{{ messages }}",
        "training_args.bin": b"a pickle",
        "optimizer.pt": b"a pickle",
        "scheduler.pt": b"a pickle",
        "rng_state.pth": b"a pickle",
        "trainer_state.json": state_bytes(step),
    }
    return files


def adapter_files(step: int) -> dict[str, bytes]:
    """The files of a PEFT checkpoint, in the order in which it is written: the weights before the configuration."""
    return {
        "README.md": b"model card",
        "adapter_model.safetensors": safetensors_bytes({"q.lora_A.weight": 100}),
        "adapter_config.json": b'{"base_model_name_or_path": "org/base", "r": 8}',
        "tokenizer.json": b"{}",
        "optimizer.pt": b"a pickle",
        "trainer_state.json": state_bytes(step),
    }


def put(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return path


class Maker:
    """What the tests make checkpoints with."""

    tensors = staticmethod(safetensors_bytes)
    state = staticmethod(state_bytes)
    full = staticmethod(full_files)
    adapter = staticmethod(adapter_files)
    put = staticmethod(put)


def write_checkpoint(root: Path, step: int, *, value: int = 0, max_steps: int = 100) -> Path:
    """A small checkpoint as a trainer leaves it: `value` is the only thing in its weights."""
    path = root / f"checkpoint-{step}"
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    header = json.dumps({"w": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<q", step + value))
    losses = [{"step": step, "loss": 1.0 / step}]
    state = {"global_step": step, "max_steps": max_steps, "log_history": losses}
    (path / "trainer_state.json").write_text(json.dumps(state))
    return path
