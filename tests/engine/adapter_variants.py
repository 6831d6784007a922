"""Every kind of adapter that PEFT writes, and broken ones: `python -m tests.engine.adapter_variants ROOT BASE NAME…`.

Runs as a program of its own, so that the tests' process imports neither torch nor peft; what is expected of each
variant, `VARIANTS`, can be imported without them. Each variant that is named becomes a directory of its name in ROOT.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.engine.weights import Tensors, altered
from watcher.checkpoints.layouts.files import ADAPTER_CONFIG as CONFIG
from watcher.checkpoints.layouts.files import ADAPTER_WEIGHTS as WEIGHTS
from watcher.model import Reason

Change = Callable[[Tensors], object]
TARGETS = ("q_proj", "v_proj", "down_proj")
_LAYER = "base_model.model.model.layers.1"
_A = f"{_LAYER}.self_attn.q_proj.lora_A.weight"
_B = f"{_LAYER}.self_attn.q_proj.lora_B.weight"


@dataclass(frozen=True, slots=True)
class Variant:
    """An adapter and what is to become of it: served by vLLM, merged into its base, or refused with a reason.

    `options` go to `LoraConfig`. `vocabulary` is the number of tokens that the embeddings are resized to. With a
    `source`, it is a copy of that variant with its tensors altered by `change` and its configuration by `options`.
    """

    name: str
    outcome: Literal["lora", "merged"] | Reason
    options: Mapping[str, object] = field(default_factory=dict)
    seed: int = 1
    vocabulary: int = 0
    source: str = ""
    change: Change = len


def _rename(tensors: Tensors) -> None:
    for name in list(tensors):
        tensors[name.replace(".model.layers.", ".model.blocks.")] = tensors.pop(name)


def _drop(*names: str) -> Change:
    return lambda tensors: [tensors.pop(name) for name in names]


def _without(part: str) -> Change:
    return lambda tensors: [tensors.pop(name) for name in list(tensors) if part in name]


def _one_layer_more(tensors: Tensors) -> None:
    tensors |= {name.replace(".layers.2.", ".layers.3."): tensor for name, tensor in tensors.items()}


def _narrow(tensors: Tensors) -> None:
    dtype, (rank, columns), data = tensors[_A]
    tensors[_A] = dtype, [rank, columns - 1], data[: 4 * rank * (columns - 1)]


def _poison(tensors: Tensors) -> None:
    dtype, shape, data = tensors[_B]
    tensors[_B] = dtype, shape, struct.pack("<f", float("nan")) + data[4:]


def _add_magnitude(tensors: Tensors) -> None:
    tensors[f"{_LAYER}.self_attn.q_proj.lora_magnitude_vector"] = "F32", [128], struct.pack("<f", 1.0) * 128


def _add_unknown(tensors: Tensors) -> None:
    tensors[f"{_LAYER}.self_attn.q_proj.lora_C.weight"] = tensors[_A]


def _refused(name: str, change: Change, source: str = "plain") -> Variant:
    return Variant(name, Reason.WEIGHTS_REFUSED, source=source, change=change)


VARIANTS: tuple[Variant, ...] = (
    Variant("plain", "lora"),
    Variant("plain-2", "lora", seed=2),
    Variant("rslora", "lora", {"use_rslora": True}),
    Variant("alpha-pattern", "lora", {"alpha_pattern": {"q_proj": 4}}),
    Variant("rank-pattern", "lora", {"rank_pattern": {"v_proj": 4}}),
    Variant("attention-only", "lora", {"target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]}),
    Variant("one-layer-only", "lora", {"layers_to_transform": [1]}),
    Variant("named-modules", "lora", {"target_modules": ["layers.0.self_attn.q_proj", "layers.1.mlp.down_proj"]}),
    Variant("dora", "merged", {"use_dora": True}),
    Variant("dora-2", "merged", {"use_dora": True}, seed=2),
    Variant("head-saved", "merged", {"modules_to_save": ["lm_head"]}),
    Variant("embeddings-saved", "merged", {"modules_to_save": ["embed_tokens"]}),
    Variant("both-saved", "merged", {"modules_to_save": ["embed_tokens", "lm_head"]}),
    Variant("both-saved-tied", "merged", {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True}),
    Variant("head-targeted", "merged", {"target_modules": [*TARGETS, "lm_head"]}),
    Variant("embeddings-targeted", "merged", {"target_modules": [*TARGETS, "embed_tokens"]}),
    Variant(
        "embeddings-targeted-tied",
        "merged",
        {"target_modules": [*TARGETS, "embed_tokens"], "ensure_weight_tying": True},
    ),
    Variant("embeddings-dora", "merged", {"target_modules": [*TARGETS, "embed_tokens"], "use_dora": True}),
    Variant("bias-all", "merged", {"bias": "all"}),
    Variant("bias-lora-only", "merged", {"bias": "lora_only"}),
    Variant("tokens", "merged", {"trainable_token_indices": [1, 2, 300]}),
    Variant("tokens-apart", "merged", {"trainable_token_indices": {"embed_tokens": [1, 2], "lm_head": [3]}}),
    Variant("resized", "merged", vocabulary=328),
    Variant("resized-saved", "merged", {"modules_to_save": ["embed_tokens", "lm_head"]}, vocabulary=328),
    Variant("resized-targeted", "merged", {"target_modules": [*TARGETS, "embed_tokens", "lm_head"]}, vocabulary=328),
    Variant("resized-tokens", "merged", {"trainable_token_indices": [321, 322]}, vocabulary=328),
    Variant("pissa", "merged", {"init_lora_weights": "pissa"}),
    Variant("olora", "merged", {"init_lora_weights": "olora"}),
    Variant("rank-600", "merged", {"r": 600}),
    Variant("pissa-niter", Reason.ADAPTER_UNSUPPORTED, {"init_lora_weights": "pissa_niter_4"}),
    Variant("another-type", Reason.ADAPTER_UNSUPPORTED, {"peft_type": "IA3"}, source="plain"),
    Variant("activated", Reason.ADAPTER_UNSUPPORTED, {"alora_invocation_tokens": [1, 2]}, source="plain"),
    _refused("renamed-keys", _rename),
    _refused("missing-module", _drop(_A, _B)),
    _refused("missing-layer", _without(".layers.2.")),
    _refused("missing-target", _without(".q_proj.")),
    _refused("extra-layer", _one_layer_more),
    _refused("narrow", _narrow),
    _refused("missing-half", _drop(_B)),
    _refused("unknown-tensor", _add_unknown),
    _refused("undeclared-magnitude", _add_magnitude),
    _refused("dora-missing-module", _drop(_A, _B, _B.replace("lora_B.weight", "lora_magnitude_vector")), "dora"),
    _refused("dora-missing-magnitude", _drop(_B.replace("lora_B.weight", "lora_magnitude_vector")), "dora"),
    Variant("another-rank", Reason.WEIGHTS_REFUSED, {"r": 4}, source="plain"),
    Variant("nan", Reason.NON_FINITE, source="plain", change=_poison),
    Variant("dora-nan", Reason.NON_FINITE, source="dora", change=_poison),
)
# These need a base whose attention has biases.
WITH_BIASES: tuple[Variant, ...] = (
    Variant("lora-bias", "merged", {"lora_bias": True, "target_modules": ["q_proj", "v_proj"]}),
)


def trained(variant: Variant, base: Path) -> Any:
    """PEFT's model of a variant without a source, its base in fp32, after a training step of noise."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(variant.seed)
    if variant.vocabulary:
        model.resize_token_embeddings(variant.vocabulary)
    options: dict[str, Any] = {"r": 8, "lora_alpha": 16, "target_modules": list(TARGETS), "task_type": "CAUSAL_LM"}
    wrapped = get_peft_model(model, LoraConfig(**{**options, **variant.options}))
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return wrapped.eval()


def broken(variant: Variant, root: Path) -> None:
    """A variant with a source, which is in `root` already."""
    path = altered(root / variant.source, root / variant.name, variant.change, WEIGHTS)
    config = json.loads((path / CONFIG).read_text())
    (path / CONFIG).write_text(json.dumps({**config, **variant.options}))


def build(root: Path, base: Path, names: Collection[str]) -> None:
    """Those of `VARIANTS` that have these names, for one base; the source of each has to be among them."""
    for variant in (each for each in VARIANTS if each.name in names):
        if variant.source:
            broken(variant, root)
        else:
            trained(variant, base).save_pretrained(root / variant.name)


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
