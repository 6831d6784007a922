"""Whether a LoRA adapter is one that vLLM serves as it was trained. Standard library only.

Why this exists: vLLM accepts adapters whose keys match no module, that lack a module or have a layer too many,
and then serves the base model, or half of the adapter, without a word. So names and shapes are checked against
the base's headers before the engine sees the adapter.

Not covered: adapters that would have to be merged into the base first (DoRA, trained embeddings or heads, trained
biases). They are refused as `adapter_unsupported`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.engine.guard import Inventory, Tensor, read_header, refuse
from watcher.model import Reason, UimonError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
# The ranks that vLLM can be started with (vllm.config.lora.MaxLoRARanks); an adapter fits into any larger one.
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
_KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<part>[AB])\.weight")


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """An adapter that was found sound: its largest rank, the names of its tensors, its file, its bytes."""

    rank: int
    tensors: Mapping[str, Tensor]
    file: Path
    bytes: int


def adaptable_modules(base: Inventory) -> list[str]:
    """Names of the base's linear layers, without the output head.

    vLLM would wrap the head too, and its wrapped head takes one row for each request: scoring a batch of whole
    prompts through it fails on a CPU. Adapters of the head are refused anyway.
    """
    matrices = (name for name, tensor in base.tensors.items() if len(tensor.shape) == 2 and name.endswith(".weight"))
    return sorted({name.split(".")[-2] for name in matrices} - {"lm_head", "embed_tokens"})


def check_adapter(path: Path, base: Inventory) -> AdapterInfo:
    """The adapter in `path`, checked against the headers of its base.

    Raises `UimonError`: `adapter_unsupported` for what vLLM cannot apply to a running base, `weights_refused`
    for keys that match no module of the base, halves without their other half, and shapes that do not fit.
    """
    config = _read_config(path)
    _check_supported(path, config)
    file = path / WEIGHTS
    tensors = read_header(file)
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = _KEY.fullmatch(name)
        if match is None:
            raise refuse(f"{file}: {name} is no LoRA weight, and the engine would pass over it.")
        parts.setdefault(match["module"], {})[match["part"]] = tensor
    if not parts:
        raise refuse(f"{file}: the adapter holds no tensor.")
    rank = max(_module_rank(file, module, pair, base) for module, pair in sorted(parts.items()))
    _check_even(file, parts, base)
    return AdapterInfo(rank, tensors, file, file.stat().st_size)


def engine_rank(rank: int) -> int:
    """The smallest rank that vLLM can be started with and that holds `rank`.

    Raises `UimonError` (`adapter_unsupported`) beyond the largest.

    >>> engine_rank(12)
    16
    """
    for allowed in RANKS:
        if rank <= allowed:
            return allowed
    raise _unsupported(f"A LoRA rank of {rank} is more than vLLM's limit of {RANKS[-1]}; merge the adapter first.")


def is_untrained(adapter: AdapterInfo) -> bool:
    """True where every lora_B is zero, as LoRA starts out: such an adapter rightly changes nothing."""
    with adapter.file.open("rb") as stream:
        for name, tensor in adapter.tensors.items():
            if ".lora_B." in name:
                stream.seek(tensor.begin)
                data = stream.read(tensor.end - tensor.begin)
                if data.count(0) != len(data):
                    return False
    return True


def _unsupported(sentence: str) -> UimonError:
    return UimonError(Reason.ADAPTER_UNSUPPORTED, sentence)


def _read_config(path: Path) -> dict[str, Any]:
    file = path / CONFIG
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UimonError(Reason.CONFIG_MISSING, f"{file}: no readable adapter configuration ({error}).") from error
    if not isinstance(config, dict):
        raise UimonError(Reason.CONFIG_MISSING, f"{file}: the adapter configuration is no JSON object.")
    return config


def _check_supported(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse by configuration what vLLM rejects, or would apply only in part."""
    merge = "Merge it into its base (peft: merge_and_unload) and save a full model."
    refused = {
        f"is of type {config.get('peft_type')}, not LORA": config.get("peft_type", "LORA") != "LORA",
        "uses DoRA": bool(config.get("use_dora")),
        f"trains whole modules ({config.get('modules_to_save')})": bool(config.get("modules_to_save")),
        f"trains biases ({config.get('bias')})": config.get("bias", "none") != "none" or bool(config.get("lora_bias")),
        "trains single tokens (trainable_token_indices)": bool(config.get("trainable_token_indices")),
        f"changed the base's weights at its start ({config.get('init_lora_weights')})": _changes_base(config),
        "shares layers (layer_replication)": bool(config.get("layer_replication")),
        "targets parameters (target_parameters)": bool(config.get("target_parameters")),
    }
    for what, applies in refused.items():
        if applies:
            raise _unsupported(f"{path}: the adapter {what}, which the engine cannot apply. {merge}")


def _changes_base(config: Mapping[str, Any]) -> bool:
    """PiSSA, OLoRA, CorDA and LoftQ take something out of the base, which the adapter alone does not restore."""
    start = str(config.get("init_lora_weights", True)).lower()
    return start.startswith(("pissa", "olora", "corda", "loftq"))


def _module_rank(file: Path, module: str, pair: Mapping[str, Tensor], base: Inventory) -> int:
    """The rank of one module's pair, once its halves fit each other and the base's weight."""
    if module.rsplit(".", 1)[-1] in {"lm_head", "embed_tokens"}:
        raise _unsupported(f"{file}: the adapter trains {module}, which the engine cannot apply; merge it first.")
    weight = base.tensors.get(f"{module}.weight")
    if weight is None:
        raise refuse(f"{file}: the module {module} is not in the base model {base.path}; is this the right base?")
    if set(pair) != {"A", "B"}:
        raise refuse(f"{file}: {module} has lora_{next(iter(pair))} alone; its other half is missing.")
    a, b = pair["A"].shape, pair["B"].shape
    if len(a) != 2 or len(b) != 2 or a[0] != b[1] or (b[0], a[1]) != weight.shape:
        raise refuse(
            f"{file}: {module} has lora_A {list(a)} and lora_B {list(b)}, "
            f"which do not fit the base's weight of shape {list(weight.shape)}."
        )
    return a[0]


def _check_even(file: Path, parts: Mapping[str, object], base: Inventory) -> None:
    """Refuse an adapter that lacks a module in some of the layers it has: vLLM would serve what is left of it."""
    number = re.compile(r"\.\d+\.")
    found: dict[str, set[str]] = {}
    for module in parts:
        found.setdefault(number.sub(".#.", module, count=1), set()).add(module)
    layers = {match[0] for module in parts if (match := number.search(module))}
    for pattern, modules in found.items():
        for layer in sorted(layers):
            module = pattern.replace(".#.", layer)
            if "#" in pattern and module not in modules and f"{module}.weight" in base.tensors:
                raise refuse(f"{file}: {module} is missing, which the adapter has in other layers.")
