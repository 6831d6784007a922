"""Which way a LoRA adapter can be served as it was trained: by vLLM, merged into its base, or not at all.

Standard library only; reads headers, not weights. Why this exists: vLLM accepts adapters whose keys match no module,
that lack a module or have a layer too many, and then serves the base model, or half of the adapter, without a word;
PEFT only warns. So names and shapes are checked against the base's headers before either of them sees the adapter.

Not covered: the values, and tensors beside the LoRA pairs that the configuration announces and the file lacks.
`merging` looks at both; vLLM's host looks at the values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from watcher.checkpoints.layouts.files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from watcher.engine.model_files.inventory import Inventory, Tensor, read_configuration, read_header, refuse
from watcher.model import JsonObject, Reason, UimonError
from watcher.system.files import open_regular

# The ranks that vLLM can be started with (vllm.config.lora.MaxLoRARanks); an adapter fits into any larger one.
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
# What PEFT writes after a module's name, and its shape in terms of the module's weight: `o` rows, `i` columns, `r`
# the rank, `n` any number; `=` is the shape of the base's own tensor of that name.
_WHOLE = ("", "base_layer.", "modules_to_save.", "original_module.", "token_adapter.base_layer.")
_SHAPES = {
    "lora_A.weight": "ri",
    "lora_B.weight": "or",
    "lora_B.bias": "o",
    "lora_embedding_A": "ro",
    "lora_embedding_B": "ir",
    "lora_magnitude_vector": "o",
    "token_adapter.trainable_tokens_delta": "ni",
    **{f"{wrapper}{kind}": "=" for wrapper in _WHOLE for kind in ("weight", "bias")},
}
_PAIRS = (("lora_A.weight", "lora_B.weight"), ("lora_embedding_A", "lora_embedding_B"))
# A tensor's name: PEFT's front, the module that is adapted, and what it is of that.
KEY = re.compile(rf"base_model\.model\.(?P<module>.+?)\.(?P<part>{'|'.join(map(re.escape, _SHAPES))})")
_VOCABULARY = ("embed_tokens", "lm_head")
# The module that PEFT adapts for a parameter of fused experts, and the one inside it for a second parameter.
_EXPERTS = re.compile(r".+\.experts(\.base_layer)*")
# Options that, switched on, leave the model's function alone or are dealt with below. Any other one is a variant
# of LoRA (block-diagonal, activated, Monte Carlo, …) that vLLM or a merge would pass over.
_UNDERSTOOD = (
    "alpha_pattern auto_mapping corda_config ensure_weight_tying eva_config exclude_modules fan_in_fan_out "
    "inference_mode init_lora_weights layers_pattern layers_to_transform loftq_config lora_bias lora_ga_config "
    "modules_to_save rank_pattern runtime_config target_modules target_parameters trainable_token_indices use_dora "
    "use_rslora"
)
# Which modules are adapted.
_MODULES = ("target_modules", "exclude_modules", "layers_to_transform")
# Far above any rank and any factor: beyond it a number would only overflow.
_MOST = 2**31
# Ways to start that leave the base as it is, and those that take something out of it which PEFT computes again from
# base and configuration (exact in fp32; after training in bf16, as exact as one rounding). The others (randomized
# SVD: 8 nats off on small models; data; quantization) cannot be repeated.
_PLAIN_STARTS = frozenset({"true", "false", "none", "gaussian", "eva", "orthogonal", "mica"})
_EXACT_STARTS = frozenset({"pissa", "olora"})

T = TypeVar("T")

Parts = Mapping[str, Tensor]
# The names of a module's lora_A and lora_B, and the factor of their product.
Pair = tuple[str, str, float]


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """An adapter that was found sound: its largest rank, the names of its tensors, its file, its bytes.

    `merge` says in a clause why it has to be merged into its base ("uses DoRA"); empty where vLLM serves it as it
    is. `vocabulary` is the number of tokens where the adapter changes it, else 0.
    """

    rank: int
    tensors: Mapping[str, Tensor]
    file: Path
    bytes: int
    merge: str = ""
    vocabulary: int = 0


def adaptable_modules(base: Inventory) -> list[str]:
    """Names of the base's linear layers, without the output head.

    vLLM would wrap the head too, and its wrapped head takes one row for each request: scoring a batch of whole
    prompts through it fails on a CPU. Adapters of the head are merged anyway.
    """
    matrices = (name for name, tensor in base.tensors.items() if len(tensor.shape) == 2 and name.endswith(".weight"))
    return sorted({name.split(".")[-2] for name in matrices} - set(_VOCABULARY))


def check_adapter(path: Path, base: Inventory) -> AdapterInfo:
    """The adapter in `path`, checked against the headers of its base.

    Raises `UimonError`: `config_missing` without a readable configuration; `adapter_unsupported` for what neither
    vLLM nor a merge can apply as it was trained; `weights_refused` for tensors that match nothing in the base,
    halves without their other half, modules that are missing, and shapes that do not fit.
    """
    config = _read_config(path)
    _check_possible(path, config)
    file = path / ADAPTER_WEIGHTS
    tensors = read_header(file)
    modules = _by_module(file, tensors)
    vocabulary = _vocabulary(file, modules, base)
    rank = max((config["r"], *config["rank_pattern"].values()))
    merge = _why_merge(config, modules, rank, vocabulary)
    _check_base(path, base, merge)
    for module, parts in sorted(modules.items()):
        if config.get("target_parameters") and _EXPERTS.fullmatch(module):
            # Its shapes depend on how transformers fuses the experts. PEFT knows, and the merge compares what it took.
            continue
        _check_module(file, module, parts, base, vocabulary, _rank(config, module))
    _check_whole(file, config, modules, base)
    return AdapterInfo(rank, tensors, file, file.stat().st_size, merge, vocabulary)


def engine_rank(rank: int) -> int:
    """The smallest rank that vLLM can be started with and that holds `rank`.

    Raises `UimonError` (`adapter_unsupported`) beyond the largest.

    >>> engine_rank(12)
    16
    """
    for allowed in RANKS:
        if rank <= allowed:
            return allowed
    raise _unsupported(f"A LoRA rank of {rank} is more than vLLM's limit of {RANKS[-1]}.")


def is_untrained(adapter: AdapterInfo) -> bool:
    """True where every lora_B is zero, as LoRA starts out: such an adapter rightly changes nothing."""
    with open_regular(adapter.file) as stream:
        for name, tensor in adapter.tensors.items():
            if ".lora_B." in name:
                stream.seek(tensor.begin)
                data = stream.read(tensor.end - tensor.begin)
                if data.count(0) != len(data):
                    return False
    return True


def plain_pairs(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Pair] | None:
    """For each module its lora_A, its lora_B and the factor of their product, where the adapter in `path` is nothing
    but such pairs; None where it is more. Factors: LoRA (Hu et al. 2021), rsLoRA (Kalajdzievski 2023).

    Raises `UimonError` (`config_missing`) without a readable configuration.
    """
    config = _read_config(path)
    modules = _by_module(path / ADAPTER_WEIGHTS, tensors)
    more = config.get("use_dora") or config["init_lora_weights"] in _EXACT_STARTS or config.get("fan_in_fan_out")
    if more or any(set(parts) != set(_PAIRS[0]) for parts in modules.values()):
        return None
    pairs: dict[str, Pair] = {}
    for module in modules:
        rank, alpha = _rank(config, module), _own(config["alpha_pattern"], module, config["lora_alpha"])
        front = f"base_model.model.{module}"
        scaling = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
        pairs[module] = f"{front}.lora_A.weight", f"{front}.lora_B.weight", scaling
    return pairs


def _unsupported(sentence: str) -> UimonError:
    return UimonError(Reason.ADAPTER_UNSUPPORTED, sentence)


def _read_config(path: Path) -> JsonObject:
    """The adapter's configuration with PEFT's defaults for the ranks and the start, the latter in lower case."""
    file = path / ADAPTER_CONFIG
    config = read_configuration(file, "adapter")
    ranks, alphas = config.get("rank_pattern") or {}, config.get("alpha_pattern") or {}
    config = {"r": 8, "lora_alpha": 8, **config, "rank_pattern": ranks, "alpha_pattern": alphas}
    for key in ("r", "lora_alpha", "rank_pattern", "alpha_pattern", *_MODULES):
        if not _is_sound(key, config.get(key)):
            raise UimonError(
                Reason.CONFIG_MISSING, f"{file}: {key} has a value that PEFT does not know; save the adapter again."
            )
    start = str(config.get("init_lora_weights", True)).lower()
    return {**config, "init_lora_weights": start}


def _is_sound(key: str, value: object) -> bool:
    """Whether a value of the configuration is of the kind that PEFT's `LoraConfig` has there."""
    match key:
        case "r":
            return type(value) is int and 1 <= value <= _MOST
        case "lora_alpha":
            return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MOST
        case "rank_pattern" | "alpha_pattern":
            of = "r" if key == "rank_pattern" else "lora_alpha"
            return isinstance(value, dict) and all(_is_pattern(k) and _is_sound(of, v) for k, v in value.items())
    layers = key == "layers_to_transform"
    each = value if isinstance(value, list) else [] if value is None else [value]
    return all(type(one) is int if layers else isinstance(one, str) for one in each)


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _check_possible(path: Path, config: Mapping[str, object]) -> None:
    """Refuse by configuration what neither vLLM nor a merge can apply as it was trained."""
    kind, start = config.get("peft_type", "LORA"), config["init_lora_weights"]
    # Numbers and strings are details of options that a flag or a group of settings turns on.
    on = (name for name, value in config.items() if value is True or (isinstance(value, dict | list) and value))
    variants = sorted(set(on) - set(_UNDERSTOOD.split()))
    if kind != "LORA":
        said = f"is of type {kind}, not LORA"
    elif variants:
        said = f"uses {variants[0]}, which uimon cannot apply"
    elif start not in _PLAIN_STARTS | _EXACT_STARTS:
        said = f"changed the base's weights at its start in a way that cannot be repeated ({start})"
    else:
        return
    raise _unsupported(
        f"{path}: the adapter {said}. Save it as an ordinary one (peft: save_pretrained with "
        "path_initial_model_for_weight_conversion), or merge it where it is trained (merge_and_unload)."
    )


def _why_merge(config: Mapping[str, object], modules: Mapping[str, Parts], rank: int, vocabulary: int) -> str:
    """Why vLLM cannot serve the adapter as it is; empty where it can."""
    start = config["init_lora_weights"]
    beyond = [module for module, parts in modules.items() if _is_vocabulary(module) or set(parts) - set(_PAIRS[0])]
    reasons = {
        "uses DoRA": config.get("use_dora"),
        f"trains whole modules ({config.get('modules_to_save')})": config.get("modules_to_save"),
        f"trains parameters and no modules ({config.get('target_parameters')})": config.get("target_parameters"),
        "trains biases": config.get("bias", "none") != "none" or config.get("lora_bias"),
        "trains single tokens": config.get("trainable_token_indices"),
        f"starts from changed weights of the base ({start})": start in _EXACT_STARTS,
        f"changes the vocabulary to {vocabulary} tokens": vocabulary,
        f"trains {', '.join(sorted(beyond)[:3])}": beyond,
        f"has rank {rank}, more than vLLM's {RANKS[-1]}": rank > RANKS[-1],
    }
    return next((clause for clause, applies in reasons.items() if applies), "")


def _check_base(path: Path, base: Inventory, merge: str) -> None:
    """Refuse a quantized base where its weights are packed, or would have to be added to."""
    settings = base.config.get("quantization_config")
    packed = any(tensor.dtype in ("U8", "I32") and "weight" in name for name, tensor in base.tensors.items())
    if packed or (settings and (merge or "bitsandbytes" in str(settings))):
        raise _unsupported(f"{path}: the base model {base.path} is quantized; name the unquantized model with --base.")


def _by_module(file: Path, tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The tensors by the module they belong to and by what they are of it. Refuses a name that says neither."""
    modules: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = KEY.fullmatch(name)
        if match is None:
            raise refuse(f"{file}: {name} is not a LoRA weight, and the engine would skip it.")
        modules.setdefault(match["module"], {})[match["part"]] = tensor
    if not modules:
        raise refuse(f"{file}: the adapter holds no tensor.")
    return modules


def _is_vocabulary(module: str) -> bool:
    return module.rsplit(".", 1)[-1] in _VOCABULARY


def _vocabulary(file: Path, modules: Mapping[str, Parts], base: Inventory) -> int:
    """The vocabulary's size where the adapter brings embeddings of another one than the base's; 0 where not."""
    rows = {
        module: {t.shape[0] for part, t in parts.items() if _SHAPES[part] == "=" and len(t.shape) == 2}
        for module, parts in modules.items()
        if _is_vocabulary(module)
    }
    sizes = sorted(set().union(*rows.values()))
    if len(sizes) > 1:
        raise refuse(f"{file}: the embeddings disagree on the size of the vocabulary ({sizes}).")
    own = {name.removesuffix(".weight"): t.shape[:1] for name, t in base.tensors.items() if name.endswith(".weight")}
    changed = sorted(
        module for module, length in own.items() if _is_vocabulary(module) and sizes not in ([], [*length])
    )
    if missing := [module for module in changed if not rows.get(module)]:
        raise refuse(f"{file}: the vocabulary has {sizes[0]} tokens, and the {missing[0]} for it is missing.")
    return sizes[0] if changed else 0


def _check_module(file: Path, module: str, parts: Parts, base: Inventory, vocabulary: int, rank: int) -> None:
    """Refuse what belongs to no module of the base, has half of a pair only, or another shape than it should."""
    weight, bias = _weight(module, base), base.tensors.get(f"{module}.bias")
    if weight is None:
        raise refuse(f"{file}: the module {module} is not in the base model {base.path}; is this the right base?")
    for pair in _PAIRS:
        if len(present := parts.keys() & set(pair)) == 1:
            raise refuse(f"{file}: {module} has {present.pop()} alone; its other half is missing.")
    rows = vocabulary if vocabulary and _is_vocabulary(module) else weight.shape[0]
    sizes = {"o": rows, "i": weight.shape[-1], "r": rank}
    for part, tensor in parts.items():
        if part.endswith("bias") and bias is None:
            raise _unsupported(f"{file}: {module} has a trained bias and none in the base; it cannot be merged.")
        form, count = _SHAPES[part], tensor.shape[0] if tensor.shape else 0
        if part == "lora_magnitude_vector" and "lora_embedding_A" in parts:
            form = "i"  # an embedding's magnitudes are those of its columns
        if form == "=":
            due = bias.shape if bias is not None and part.endswith("bias") else (rows, *weight.shape[1:])
        else:
            due = tuple(sizes.get(letter, count) for letter in form)
        if tensor.shape != due:
            raise refuse(f"{file}: {module}.{part} has shape {list(tensor.shape)}, but only {list(due)} would fit.")


def _weight(module: str, base: Inventory) -> Tensor | None:
    """The module's weight in the base. A tied head has none of its own; it is the embedding's."""
    named = base.tensors.get(f"{module}.weight")
    if named is None and module.endswith("lm_head"):
        return next((tensor for name, tensor in base.tensors.items() if name.endswith("embed_tokens.weight")), None)
    return named


def _rank(config: JsonObject, module: str) -> int:
    """The rank that the configuration gives a module. vLLM and PEFT derive its scaling from that, not from the file."""
    return int(_own(config["rank_pattern"], module, config["r"]))


def _own(pattern: Mapping[str, T], module: str, usual: T) -> T:
    """What a pattern of the configuration gives the module, else what is usual."""
    own = (value for key, value in pattern.items() if _matches(rf"(.*\.)?({key})", module))
    return next(own, usual)


def _check_whole(file: Path, config: Mapping[str, object], modules: Mapping[str, Parts], base: Inventory) -> None:
    """Refuse an adapter that lacks a module which its configuration adapts: vLLM would serve what is left of it.

    Heads that predict further tokens lie in a base's files, and are no part of the model that transformers builds.
    Experts are due only where another layer has them, since PEFT cannot adapt them where transformers fuses them.
    """
    number = re.compile(r"\.\d+\.")
    adapted = [module for module, parts in modules.items() if any(part.startswith("lora_") for part in parts)]
    patterns = {number.sub(".#.", module, count=1) for module in adapted}
    for name, tensor in sorted(base.tensors.items()):
        module = name.removesuffix(".weight")
        named = bool(config.get("target_modules")) and ".experts." not in module
        known = len(tensor.shape) == 2 and not _is_beyond(module, base.config)
        due = known and (named or number.sub(".#.", module, count=1) in patterns)
        if due and module not in modules and is_targeted(config, module):
            raise refuse(f"{file}: {module} is missing, which the adapter's configuration names or other layers have.")


def _is_beyond(module: str, config: Mapping[str, object]) -> bool:
    """Whether the module belongs to a head for further tokens: `mtp.`, or a layer after the last one.

    >>> [_is_beyond(f"model.layers.{at}.self_attn.q_proj", {"num_hidden_layers": 2}) for at in (1, 2)]
    [False, True]
    """
    text = config.get("text_config")
    layers = (text if isinstance(text, dict) else config).get("num_hidden_layers")
    found = re.search(r"\blayers\.(\d+)\.", module)
    after = found is not None and isinstance(layers, int) and int(found[1]) >= layers
    return "mtp" in module.split(".") or after


def is_targeted(config: JsonObject, module: str) -> bool:
    """Whether the configuration lets PEFT adapt the module; by rules as PEFT's own, all where it names none."""

    def named(targets: str | Iterable[object]) -> bool:
        if isinstance(targets, str):
            return _matches(targets, module)
        return any(module == target or module.endswith(f".{target}") for target in targets if isinstance(target, str))

    targets, excluded = config.get("target_modules"), config.get("exclude_modules")
    return (not targets or named(targets)) and not (excluded and named(excluded)) and _in_layers(config, module)


def _in_layers(config: Mapping[str, object], module: str) -> bool:
    """Whether the module is in one of the layers that the configuration adapts, where it names any."""
    layers = config.get("layers_to_transform")
    if layers is None or layers == []:
        return True
    found = re.search(r"\.(\d+)\.", module)
    return found is not None and int(found[1]) in (layers if isinstance(layers, list) else [layers])


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:
        return False
