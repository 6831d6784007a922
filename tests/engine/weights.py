"""Reading, breaking and writing safetensors files with the standard library, for tests."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

# name → (dtype, shape, bytes)
Tensors = dict[str, tuple[str, list[int], bytes]]


def read(file: Path) -> Tensors:
    """All tensors of a file."""
    data = file.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    body = data[8 + length :]
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return {n: (e["dtype"], e["shape"], body[slice(*e["data_offsets"])]) for n, e in header.items()}


def write(file: Path, tensors: Mapping[str, tuple[str, list[int], bytes]]) -> None:
    """A valid file that holds `tensors`."""
    header, body = {}, b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + body)


def zeros(*shape: int, dtype: str = "BF16") -> tuple[str, list[int], bytes]:
    """A tensor of zeros."""
    size = {"BF16": 2, "F32": 4}[dtype]
    for length in shape:
        size *= length
    return dtype, list(shape), bytes(size)


def altered(source: Path, target: Path, change: Callable[[Tensors], object], name: str = "model.safetensors") -> Path:
    """A copy of the checkpoint `source` in which `change` was applied to the tensors of the file `name`."""
    shutil.copytree(source, target)
    tensors = read(target / name)
    change(tensors)
    write(target / name, tensors)
    return target


def tiny_checkpoint(path: Path, **config: object) -> Path:
    """A checkpoint with two small layers, for checks that read headers only."""
    path.mkdir(parents=True)
    tensors = {"model.embed_tokens.weight": zeros(32, 8), "lm_head.weight": zeros(32, 8)}
    for layer in range(2):
        for module, shape in (("q_proj", (8, 8)), ("k_proj", (4, 8)), ("v_proj", (4, 8))):
            tensors[f"model.layers.{layer}.self_attn.{module}.weight"] = zeros(*shape)
    write(path / "model.safetensors", tensors)
    (path / "config.json").write_text(json.dumps({"model_type": "llama", "num_hidden_layers": 2, **config}))
    return path


def split(path: Path) -> Path:
    """Turn the single file in `path` into two shards with an index."""
    tensors = read(path / "model.safetensors")
    (path / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[:3], "model-00002-of-00002.safetensors": names[3:]}
    for file, part in parts.items():
        write(path / file, {name: tensors[name] for name in part})
    weight_map = {name: file for file, part in parts.items() for name in part}
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return path
