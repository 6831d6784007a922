"""Checkpoints made by hand, byte by byte, in the order in which Hugging Face's Trainer writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


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


@pytest.fixture
def make() -> Maker:
    return Maker()


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir()
    return path


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, tuple[int, ...]]]:
    """A function that notes every entry below a directory: what a visitor would have changed shows."""

    def take(root: Path) -> dict[str, tuple[int, ...]]:
        entries = [root, *sorted(root.rglob("*"))]
        stats = ((str(e), e.lstat()) for e in entries)
        return {name: (s.st_mtime_ns, s.st_ctime_ns, s.st_size, s.st_ino, s.st_mode, s.st_nlink) for name, s in stats}

    return take
