"""Comparisons of what is served with files, in torch alone: prints a JSON object of what each of them found.

A program of its own, so that the tests' process imports no torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch

from watcher.engine.host.fingerprints import Files, Part
from watcher.engine.host.worker_extension import _loaded


def matrix(rows: int, columns: int, seed: int, dtype: torch.dtype = torch.bfloat16) -> Any:
    """Noise."""
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)).to(dtype)


def compared(parts: list[Part], files: Mapping[str, Any], shards: int = 1) -> list[list[str]]:
    """The names of strange parameters, and of tensors that are not served as a whole."""
    found = Files(parts, shards).compare(files.items)
    return [list(found.strange), sorted(name for name, share in found.shares.items() if share < 1)]


def part(name: str, tensor: Any, **options: bool) -> Part:
    return Part.of(f"layers.0.{name}", tensor, **options)


def flipped(tensor: Any) -> Any:
    """The same tensor but for the lowest bit of one number."""
    changed = tensor.clone()
    changed.view(torch.int16)[-1, -1] ^= 1
    return changed


def experts_made_longer() -> list[list[str]]:
    """Two experts of 3 rows by 6 that a kernel wants to be 4 long, beside memory that holds anything."""
    files = {f"layers.0.experts.{at}.{way}": matrix(3, 6, 40 + at) for at, way in enumerate(("gate", "up"))}
    files["layers.0.experts.0.down"] = matrix(6, 3, 42)
    layer = SimpleNamespace(
        moe_config=SimpleNamespace(intermediate_size_per_partition=4, intermediate_size_per_partition_unpadded=3)
    )
    gate, up, down = files.values()
    w13 = torch.cat([gate, matrix(1, 6, 50), up, matrix(1, 6, 51)])[None]
    w2 = torch.cat([down, matrix(6, 1, 52)], 1)[None]
    held = {"w13_weight": w13, "w2_weight": w2, "w13_bias": torch.arange(8).bfloat16()[None]}
    assert _loaded(layer, "w13_bias", held["w13_bias"]).tolist() == [[0, 1, 2, 4, 5, 6]]
    return compared([part(name, _loaded(layer, name, held[name])) for name in ("w13_weight", "w2_weight")], files)


def results() -> dict[str, list[list[str]]]:
    """By a name for each comparison."""
    q, k, v, o = (matrix(*shape, seed) for seed, shape in enumerate(((8, 6), (4, 6), (4, 6), (6, 8))))
    fused, bias = torch.cat([q, k, v]), matrix(1, 16, 9)[0]
    files = {f"layers.0.{name}.weight": tensor for name, tensor in (("q", q), ("k", k), ("v", v))}
    experts = {f"layers.0.experts.{at}.up.weight": matrix(4, 6, 20 + at) for at in range(3)}
    exact = {"layers.0.q.weight": matrix(8, 6, 0, torch.float32)}
    decay = {"layers.0.A_log": matrix(1, 8, 5, torch.float32)[0]}
    adapter = {"layers.0.q.lora_A.weight": matrix(2, 6, 30), "layers.0.q.lora_B.weight": matrix(8, 2, 31)}
    longer = torch.nn.functional.pad(adapter["layers.0.q.lora_B.weight"], (0, 6))
    return {
        "fused": compared([part("qkv", fused)], files),
        "another layer's": compared([Part.of("layers.1.qkv", fused)], files),
        "one bit": compared([part("qkv", flipped(fused))], files),
        "a row that nobody wrote": compared([part("qkv", torch.cat([q, torch.zeros_like(k), v]))], files),
        "left out": compared([part("qk", torch.cat([q, k]))], files),
        "two biases in one": compared([part("b", bias)], {"layers.0.q.b": bias[:8], "layers.0.k.b": bias[8:]}),
        "a stack of experts": compared([part("w", torch.stack(list(experts.values())))], experts),
        "experts made longer": experts_made_longer(),
        "a buffer": compared(
            [replace(part("scalar", exact["layers.0.q.weight"]), buffer=True), replace(part("cache", o), buffer=True)],
            exact,
        ),
        "transposed": compared([part("o", o)], {"layers.0.o.weight": o.t().contiguous()}),
        "half of the columns": compared([part("o", o[:, 4:].contiguous())], {"layers.0.o.weight": o}, 2),
        "rounded": compared([part("q", exact["layers.0.q.weight"].bfloat16())], exact),
        "padded": compared([part("q", torch.cat([q, torch.zeros_like(k)]), vocabulary=True)], {"layers.0.q.weight": q}),
        "decay": compared([part("A", -decay["layers.0.A_log"].exp())], decay),
        "adapter": compared(
            [
                part(
                    "a",
                    torch.cat([adapter["layers.0.q.lora_A.weight"], torch.zeros(6, 6).bfloat16()]),
                    longer=True,
                ),
                part("b", longer, longer=True),
            ],
            adapter,
        ),
    }


if __name__ == "__main__":
    print(json.dumps(results()))
