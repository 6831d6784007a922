"""Checkpoints that went wrong on the way to a watcher, or are not what the last one was: how to make each of them.

Each is made from the sound checkpoint `biased-b` (or `tied-b`), to follow `biased-a` in a living engine. `Outcome`
says what an engine must do: refuse it for a reason, serve it in place (`warm`) or from a fresh engine (`cold`).
Standard library only; values are changed in the bytes of the safetensors files.
"""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.engine.weights import Tensors, read, write
from watcher.model import Reason

Outcome = Reason | Literal["warm", "cold"]
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
LAYER = "model.layers.1."


@dataclass(frozen=True, slots=True)
class Case:
    """`change` alters the copy of the sound checkpoint that it is given. `slow` ones need fresh engines to tell nothing
    that others do not tell as well.
    """

    name: str
    change: Callable[[Path], object]
    outcome: Outcome
    family: Literal["biased", "tied"] = "biased"
    slow: bool = False


def tensors(change: Callable[[Tensors], object]) -> Callable[[Path], None]:
    """A change of the tensors in the one weight file."""

    def apply(path: Path) -> None:
        held = read(path / WEIGHTS)
        change(held)
        write(path / WEIGHTS, held)

    return apply


def without(*names: str) -> Callable[[Path], None]:
    """Every tensor whose name holds one of `names` is gone."""

    def drop(held: Tensors) -> None:
        for name in [name for name in held if any(part in name for part in names)]:
            del held[name]

    return tensors(drop)


def renamed(rename: Callable[[str], str]) -> Callable[[Path], None]:
    """Every tensor has another name."""

    def apply(held: Tensors) -> None:
        for name in list(held):
            held[rename(name)] = held.pop(name)

    return tensors(apply)


def rows(name: str, count: int) -> Callable[[Path], None]:
    """The tensor `name` has `count` rows: cut, or its first rows once more."""

    def apply(held: Tensors) -> None:
        dtype, shape, data = held[name]
        width = len(data) // shape[0]
        held[name] = (dtype, [count, *shape[1:]], (data * (1 + count // shape[0]))[: count * width])

    return tensors(apply)


def vocabulary(count: int, *, configured: bool) -> Callable[[Path], None]:
    """A resized vocabulary, which config.json tells or does not."""

    def apply(path: Path) -> None:
        rows("model.embed_tokens.weight", count)(path)
        rows("lm_head.weight", count)(path)
        if configured:
            config(vocab_size=count)(path)

    return apply


def config(**values: Any) -> Callable[[Path], None]:
    """Other values in config.json."""

    def apply(path: Path) -> None:
        held = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps(held | values))

    return apply


def value(position: int, data: bytes, name: str = f"{LAYER}mlp.down_proj.weight") -> Callable[[Path], None]:
    """Other bytes at one place of a tensor."""

    def apply(held: Tensors) -> None:
        dtype, shape, old = held[name]
        held[name] = (dtype, shape, old[:position] + data + old[position + len(data) :])

    return tensors(apply)


def narrow(held: Tensors) -> None:
    """down_proj lost half of its columns."""
    name = f"{LAYER}mlp.down_proj.weight"
    dtype, (height, width), data = held[name]
    held[name] = (dtype, [height, width // 2], data[: len(data) // 2])


def retyped(dtype: str) -> Callable[[Path], None]:
    """The weights as float16 or float32, as config.json says."""

    def convert(data: bytes) -> bytes:
        floats = [struct.unpack("<f", b"\0\0" + data[at : at + 2])[0] for at in range(0, len(data), 2)]
        return struct.pack(f"<{len(floats)}{'e' if dtype == 'F16' else 'f'}", *floats)

    def apply(path: Path) -> None:
        held = read(path / WEIGHTS)
        write(path / WEIGHTS, {name: (dtype, shape, convert(data)) for name, (_, shape, data) in held.items()})
        config(dtype={"F16": "float16", "F32": "float32"}[dtype])(path)

    return apply


def truncated(keep: Callable[[int], int]) -> Callable[[Path], None]:
    """The weight file ends early."""

    def apply(path: Path) -> None:
        data = (path / WEIGHTS).read_bytes()
        (path / WEIGHTS).write_bytes(data[: keep(len(data))])

    return apply


def sharded(*, index: bool, lost: bool) -> Callable[[Path], None]:
    """Two shards, with or without their index, the second one lost or not."""

    def apply(path: Path) -> None:
        held = read(path / WEIGHTS)
        (path / WEIGHTS).unlink()
        names = sorted(held)
        half = len(names) // 2
        parts = {"model-00001-of-00002.safetensors": names[:half], "model-00002-of-00002.safetensors": names[half:]}
        for file, part in parts.items():
            write(path / file, {name: held[name] for name in part})
        if index:
            weight_map = {name: file for file, part in parts.items() for name in part}
            (path / INDEX).write_text(json.dumps({"weight_map": weight_map}))
        if lost:
            (path / "model-00002-of-00002.safetensors").unlink()

    return apply


class Evil:
    """A pickle that leaves a file behind where it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("/tmp/uimon-test-pickle-was-run"),)


def pickled(*, alone: bool) -> Callable[[Path], None]:
    """Weights as a pickle, instead of safetensors or beside them."""

    def apply(path: Path) -> None:
        (path / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))
        if alone:
            (path / WEIGHTS).unlink()

    return apply


def extra(name: str, like: str) -> Callable[[Path], None]:
    """One tensor more."""
    return tensors(lambda held: held.update({name: held[like]}))


def one_layer_more(held: Tensors) -> None:
    """A fourth layer, which the configuration does not know."""
    for name in [name for name in held if name.startswith(LAYER)]:
        held[name.replace(LAYER, "model.layers.3.")] = held[name]


def stray(path: Path) -> None:
    """A second weight file that nothing names."""
    shutil.copyfile(path / WEIGHTS, path / "zz_ema.safetensors")


def quantized_base(path: Path) -> None:
    """Weights that bitsandbytes has packed, as config.json says, and the files do not."""
    config(quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True})(path)


NAN = b"\xc0\x7f"
CASES: tuple[Case, ...] = (
    Case("down_proj of one layer missing", without(f"{LAYER}mlp.down_proj"), Reason.WEIGHTS_REFUSED),
    Case("k_proj missing", without(f"{LAYER}self_attn.k_proj.weight"), Reason.WEIGHTS_REFUSED),
    Case("up_proj missing", without(f"{LAYER}mlp.up_proj"), Reason.WEIGHTS_REFUSED),
    Case("k_proj's bias missing", without(f"{LAYER}self_attn.k_proj.bias"), Reason.WEIGHTS_REFUSED),
    Case("a norm missing", without(f"{LAYER}input_layernorm"), Reason.WEIGHTS_REFUSED),
    Case("the embedding missing", without("embed_tokens"), Reason.WEIGHTS_REFUSED),
    Case("the head missing", without("lm_head"), Reason.WEIGHTS_REFUSED),
    Case("the last layer missing", without("model.layers.2."), Reason.WEIGHTS_REFUSED),
    Case("a shard lost, no index", sharded(index=False, lost=True), Reason.WEIGHTS_REFUSED),
    Case("a shard lost, index names it", sharded(index=True, lost=True), Reason.WEIGHTS_REFUSED),
    Case("all shards, no index", sharded(index=False, lost=False), Reason.WEIGHTS_REFUSED),
    Case("all shards and index", sharded(index=True, lost=False), "warm"),
    Case(
        "a head in a tied model",
        extra("lm_head.weight", "model.embed_tokens.weight"),
        Reason.WEIGHTS_REFUSED,
        "tied",
        slow=True,
    ),
    Case("an unknown tensor", extra("model.ghost.weight", "model.norm.weight"), Reason.WEIGHTS_REFUSED),
    Case("one layer more", tensors(one_layer_more), Reason.WEIGHTS_REFUSED),
    Case("names begin with module.", renamed(lambda name: f"module.{name}"), "warm"),
    Case("names begin with _orig_mod.", renamed(lambda name: f"_orig_mod.{name}"), "warm"),
    Case("names lack model.", renamed(lambda name: name.removeprefix("model.")), Reason.WEIGHTS_REFUSED),
    Case("k_proj too tall", rows(f"{LAYER}self_attn.k_proj.weight", 128), Reason.WEIGHTS_REFUSED),
    Case("down_proj too narrow", tensors(narrow), Reason.WEIGHTS_REFUSED),
    Case("a norm of one element", rows(f"{LAYER}input_layernorm.weight", 1), Reason.WEIGHTS_REFUSED),
    Case("vocabulary smaller, config unaware", vocabulary(304, configured=False), Reason.WEIGHTS_REFUSED),
    Case("vocabulary larger, config unaware", vocabulary(400, configured=False), Reason.WEIGHTS_REFUSED),
    Case("vocabulary smaller", vocabulary(304, configured=True), "cold", slow=True),
    Case("vocabulary larger", vocabulary(400, configured=True), "cold", slow=True),
    Case("half of the file", truncated(lambda size: size // 2), Reason.WEIGHTS_REFUSED),
    Case("one byte short", truncated(lambda size: size - 1), Reason.WEIGHTS_REFUSED),
    Case("an empty file", truncated(lambda size: 0), Reason.WEIGHTS_REFUSED),
    Case("garbage", lambda path: (path / WEIGHTS).write_bytes(b"\xff" * 4096), Reason.WEIGHTS_REFUSED),
    Case("a flipped bit", value(4, b"\x01\x3d"), "warm", slow=True),
    Case("one NaN", value(0, NAN), Reason.NON_FINITE),
    Case("a NaN in a tied embedding", value(0, NAN, "model.embed_tokens.weight"), Reason.NON_FINITE, "tied", slow=True),
    Case("a second weight file", stray, "warm"),
    Case("a pickle instead", pickled(alone=True), Reason.WEIGHTS_REFUSED),
    Case("a pickle beside", pickled(alone=False), "warm"),
    Case("no weights", lambda path: (path / WEIGHTS).unlink(), Reason.WEIGHTS_REFUSED),
    Case("no directory", shutil.rmtree, Reason.WEIGHTS_REFUSED),
    Case("no config.json", lambda path: (path / "config.json").unlink(), Reason.CONFIG_MISSING),
    Case(
        "rope_theta changed", config(rope_parameters={"rope_theta": 500.0, "rope_type": "default"}), "cold", slow=True
    ),
    Case("float16", retyped("F16"), "cold", slow=True),
    Case("float32", retyped("F32"), "cold", slow=True),
    Case("chat template changed", lambda path: (path / "chat_template.jinja").write_text("{{ 1 }}"), "warm"),
    Case("tokenizer gone", lambda path: (path / "tokenizer.json").unlink(), "warm"),
    Case("said to be quantized", quantized_base, Reason.WEIGHTS_REFUSED),
)
