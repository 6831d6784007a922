"""Configurations that say how weights are quantized, and tensors that say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.weights import altered, tiny_checkpoint, zeros
from watcher.engine.model_files.inventory import Tensor, read_inventory
from watcher.engine.model_files.quantized import require_agreement
from watcher.model import Reason, UimonError

PLAIN = {"model.embed_tokens.weight": "BF16", "model.position_ids": "I64"}


def layers(*parts: Mapping[str, str]) -> dict[str, str]:
    """The types of a model's tensors, with these in q_proj of each layer."""
    return {
        **PLAIN,
        **{f"model.layers.{at}.q_proj.{name}": t for at, own in enumerate(parts) for name, t in own.items()},
    }


def agree(types: Mapping[str, str], method: str | None = None, **config: Any) -> None:
    settings = {"quantization_config": {"quant_method": method}} if method else {}
    tensors = {name: Tensor("model.safetensors", dtype, (8, 8), 0, 64) for name, dtype in types.items()}
    require_agreement(Path("/ckpts/checkpoint-5"), {**settings, **config}, tensors)


FP8 = {"weight": "F8_E4M3", "weight_scale_inv": "F32"}
GPTQ = {"qweight": "I32", "qzeros": "I32", "scales": "F16", "g_idx": "I32"}
FP4 = {"weight": "U8", "weight_scale": "F8_E4M3", "weight_scale_2": "F32", "input_scale": "F32"}
FEW_BITS = {"weight": "U8", "weight.absmax": "F32", "weight.quant_map": "F32"}
BF16 = {"weight": "BF16"}


def without(parts: Mapping[str, str], name: str) -> dict[str, str]:
    return {part: dtype for part, dtype in parts.items() if part != name}


@pytest.mark.parametrize(
    ("method", "parts"),
    [
        (None, [BF16, BF16]),
        # Numbers that are stored as fp8, each of which is a weight.
        (None, [{"weight": "F8_E4M3"}, {"weight": "F8_E4M3"}]),
        (None, [{"weight": "BF16", "k_scale": "F32"}]),
        ("fp8", [FP8, FP8]),
        ("fp8", [BF16, FP8]),
        ("fp8", [{"weight": "F8_E4M3", "qscale_weight": "BF16"}]),
        ("gptq", [GPTQ, BF16, GPTQ]),
        ("modelopt", [FP4, FP8, without(FP4, "input_scale")]),
        ("bitsandbytes", [FEW_BITS, FEW_BITS]),
        # The cache alone is quantized, or the weights while they are loaded.
        ("compressed-tensors", [{"weight": "BF16", "k_scale": "F32"}]),
        ("fp8_per_tensor", [BF16]),
    ],
)
def test_what_agrees_is_accepted(method: str | None, parts: list[dict[str, str]]) -> None:
    agree(layers(*parts), method)


@pytest.mark.parametrize(
    ("method", "parts", "words"),
    [
        *((method, [BF16, BF16], f"says {method}, and every tensor") for method in ("fp8", "mxfp4", "gptq", "awq")),
        (None, [FP8, FP8], "model.layers.0.q_proj has quantized weights, with weight_scale_inv"),
        (None, [{"weight": "I8", "weight_scale": "F32"}], "no quantization_config"),
        (
            "fp8",
            [FP8, without(FP8, "weight_scale_inv")],
            "the tensor model.layers.1.q_proj.weight_scale_inv is missing",
        ),
        ("fp8", [{"weight": "F8_E4M3"}], "the tensor model.layers.0.q_proj.weight_scale is missing"),
        ("gptq", [without(GPTQ, "scales"), GPTQ], "the tensor model.layers.0.q_proj.scales is missing"),
        ("modelopt", [FP4, without(FP4, "weight_scale_2")], "q_proj.weight_scale_2 is missing"),
    ],
)
def test_what_contradicts_is_refused_by_name(method: str | None, parts: list[dict[str, str]], words: str) -> None:
    with pytest.raises(UimonError) as caught:
        agree(layers(*parts), method)
    assert caught.value.reason is Reason.WEIGHTS_REFUSED
    assert words in caught.value.sentence


def test_the_configuration_of_the_text_counts_too() -> None:
    with pytest.raises(UimonError):
        agree(layers(BF16), text_config={"quantization_config": {"quant_method": "fp8"}})


def test_no_contradiction_comes_near_an_engine(tmp_path: Path) -> None:
    name = "model.layers.0.self_attn.q_proj.weight"
    path = altered(
        tiny_checkpoint(tmp_path / "a", quantization_config={"quant_method": "fp8"}),
        tmp_path / "b",
        lambda tensors: tensors.update({name: ("F8_E4M3", [8, 8], bytes(64)), f"{name}_scale": zeros(1)}),
    )
    assert read_inventory(path).tensors[name].dtype == "F8_E4M3"
    with pytest.raises(UimonError, match="every tensor of the files is plain"):
        read_inventory(tmp_path / "a")
