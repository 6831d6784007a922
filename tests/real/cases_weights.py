"""Checkpoints, bases and adapters whose tensors have other names on disk than in memory, as people have them.

Each case is a directory with `model` or `adapter` and `base`; `plain` holds the same weights under ordinary names
where transformers could not read the case itself.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.real.making import adapted, llama, model, save, shape, tokenizer
from tests.real.model_families import FAMILIES

IMAGE = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")


def _rename(file: Path, change: Callable[[str], str]) -> None:
    from safetensors.torch import load_file, save_file

    save_file({change(name): t for name, t in load_file(file).items()}, file, metadata={"format": "pt"})


def _noisy(built: Any, seed: int = 3) -> Any:
    """The model with weights large enough for its answers to depend on each of them."""
    import torch

    torch.manual_seed(seed)
    # Norms and biases start at one and at zero, by which one left out would not show; routers have theirs as buffers.
    biases = [buffer for name, buffer in built.named_buffers() if name.endswith("bias") and buffer.is_floating_point()]
    with torch.no_grad():
        for parameter in (*built.parameters(), *biases):
            if parameter.ndim > 1:
                parameter.normal_(0.0, 0.1)
            else:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return built


def family(name: str) -> Callable[[Path], None]:
    """A full model of the family."""

    def make(place: Path) -> None:
        tokens = tokenizer()
        save(_noisy(model(FAMILIES[name](tokens))), place / "model", tokens)

    return make


def lora_over(name: str, **options: Any) -> Callable[[Path], None]:
    """An adapter for the attention of a model of the family."""

    def make(place: Path) -> None:
        tokens = tokenizer()
        base = _noisy(model(FAMILIES[name](tokens)))
        save(base, place / "base", tokens)
        save(adapted(base, **{"target_modules": ["q_proj", "v_proj"], **options}), place / "adapter", tokens)

    return make


def each_expert_lora(name: str, **options: Any) -> Callable[[Path], None]:
    """An adapter of each expert by itself, as transformers 4 has the modules and PEFT saves them: the names of the
    base's files. `plain` is the base with all of it added by hand.
    """

    def make(place: Path) -> None:
        import torch
        from safetensors.torch import load_file, save_file

        tokens = tokenizer()
        for directory in ("base", "plain"):
            save(_noisy(model(FAMILIES[name](tokens))), place / directory, tokens)
        config: dict[str, Any] = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 8, "lora_alpha": 16, **options}
        scaling = config["lora_alpha"] / config["r"]
        weights = load_file(place / "base" / "model.safetensors")
        halves: dict[str, Any] = {}
        for key in sorted(weights):
            module = key.removesuffix(".weight")
            if module.rpartition(".")[2] in config["target_modules"]:
                rows, columns = weights[key].shape
                low, high = 0.1 * torch.randn(config["r"], columns), 0.1 * torch.randn(rows, config["r"])
                halves |= {f"base_model.model.{module}.lora_{half}.weight": t for half, t in (("A", low), ("B", high))}
                weights[key] = (weights[key].float() + scaling * high @ low).to(weights[key].dtype)
        save_file(weights, place / "plain" / "model.safetensors", metadata={"format": "pt"})
        tokens.save_pretrained(place / "adapter")
        save_file(halves, place / "adapter" / "adapter_model.safetensors", metadata={"format": "pt"})
        (place / "adapter" / "adapter_config.json").write_text(json.dumps(config))

    return make


def further_tokens(place: Path) -> None:
    """A base with a head for further tokens after its last layer, as the hub has it, and an adapter of the others."""
    from safetensors.torch import load_file, save_file

    lora_over("glm4-moe")(place)
    file = place / "base" / "model.safetensors"
    weights = load_file(file)
    after = {k.replace("layers.1.", "layers.2."): tensor.clone() for k, tensor in weights.items() if "layers.1." in k}
    save_file({**weights, **after}, file, metadata={"format": "pt"})


def two_heads(place: Path) -> None:
    """A model whose configuration ties the embeddings and whose files have an output head with other values."""
    tokens = tokenizer()
    for name in ("plain", "model"):
        save(_noisy(model(FAMILIES["qwen2"](tokens))), place / name, tokens)
    config = json.loads((place / "model" / "config.json").read_text())
    (place / "model" / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))


def head_only(place: Path) -> None:
    """A tied model whose one matrix of embeddings is saved under the output head's name."""
    tokens = tokenizer()
    for name in ("plain", "model"):
        save(_noisy(model(FAMILIES["qwen2-tied"](tokens))), place / name, tokens)
    _rename(
        place / "model" / "model.safetensors", lambda name: name.replace("model.embed_tokens.weight", "lm_head.weight")
    )


def compiled(change: Callable[[str], str]) -> Callable[[Path], None]:
    """A full model whose names carry a wrapper's words."""

    def make(place: Path) -> None:
        tokens = tokenizer()
        for name in ("plain", "model"):
            save(_noisy(llama(tokens)), place / name, tokens)
        _rename(place / "model" / "model.safetensors", change)

    return make


def compiled_adapter(change: Callable[[str], str], base_change: Callable[[str], str] = str) -> Callable[[Path], None]:
    """An adapter, and perhaps a base, whose names carry a wrapper's words."""

    def make(place: Path) -> None:
        tokens = tokenizer()
        base = _noisy(llama(tokens))
        for name in ("base", "plain"):
            save(base, place / name, tokens)
        wrapped = adapted(base)
        for name in ("adapter", "plain-adapter"):
            save(wrapped, place / name, tokens)
        _rename(place / "adapter" / "adapter_model.safetensors", change)
        _rename(place / "base" / "model.safetensors", base_change)

    return make


def in_each_layer(name: str) -> str:
    """As torch.compile of each decoder layer leaves names, with checkpointed feed-forward layers."""
    parts = name.split(".")
    if "layers" in parts:
        parts.insert(parts.index("layers") + 2, "_orig_mod")
    return ".".join(parts).replace(".mlp.", ".mlp._checkpoint_wrapped_module.")


def hub(place: Path) -> None:
    """A base as Mistral's repositories are: shards and their index, the same weights once more under other names."""
    from safetensors.torch import load_file, save_file

    tokens = tokenizer()
    base = _noisy(llama(tokens))
    base.save_pretrained(place / "base", max_shard_size="300KB")
    tokens.save_pretrained(place / "base")
    whole: dict[str, Any] = {}
    for file in sorted((place / "base").glob("model-*.safetensors")):
        whole |= load_file(file)
    assert len(list((place / "base").glob("model-*.safetensors"))) > 1
    # Of other values, so that reading them would show.
    other = {name.replace("model.layers.", "layers."): tensor + 1 for name, tensor in whole.items()}
    save_file(other, place / "base" / "consolidated.safetensors")
    (place / "base" / "params.json").write_text(json.dumps({"dim": 64, "n_layers": 1}))
    (place / "base" / "original").mkdir()
    save_file(other, place / "base" / "original" / "model.safetensors")
    save(adapted(base), place / "adapter", tokens)


def single_beside_others(place: Path) -> None:
    """A base in one file, with an index of shards that are gone, an adapter and another library's weights beside it."""
    from safetensors.torch import load_file, save_file

    tokens = tokenizer()
    base = _noisy(llama(tokens))
    save(base, place / "base", tokens)
    wrapped = adapted(base)
    save(wrapped, place / "adapter", tokens)
    shutil.copy(place / "adapter" / "adapter_model.safetensors", place / "base")
    whole = load_file(place / "base" / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in whole.items()}, place / "base" / "consolidated.safetensors")
    index = {"weight_map": dict.fromkeys(whole, "consolidated.safetensors")}
    (place / "base" / "model.safetensors.index.json").write_text(json.dumps(index))


def _wrapper(kind: str, tokens: Any) -> Any:
    """A tiny random model for text and images."""
    import torch
    import transformers

    image = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    clip = {**image, "image_size": 56, "patch_size": 14}
    number = tokens.convert_tokens_to_ids
    text = shape(tokens)
    qwen = {
        "image_token_id": number("<|image_pad|>"),
        "video_token_id": number("<|video_pad|>"),
        "vision_start_token_id": number("<|vision_start|>"),
        "vision_end_token_id": number("<|vision_end|>"),
    }
    mrope = {"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 10000.0}
    qwen_vision = {"depth": 1, "num_heads": 4, "patch_size": 14, "hidden_size": 64, "intermediate_size": 64}
    configs: dict[str, Callable[[], Any]] = {
        "gemma3": lambda: transformers.Gemma3Config(
            text_config={**text, "head_dim": 32, "sliding_window": 512},
            vision_config=clip,
            mm_tokens_per_image=4,
            image_token_index=number("<|image_pad|>"),
        ),
        "llava": lambda: transformers.LlavaConfig(
            text_config=transformers.LlamaConfig(**text),
            vision_config=transformers.CLIPVisionConfig(**clip),
            image_token_index=number("<|image_pad|>"),
            tie_word_embeddings=False,
        ),
        "mistral3": lambda: transformers.Mistral3Config(
            text_config=transformers.MistralConfig(**text, head_dim=32, sliding_window=None),
            vision_config=transformers.PixtralVisionConfig(**{**clip, "head_dim": 32}),
            image_token_index=number("<|image_pad|>"),
            tie_word_embeddings=False,
        ),
        "qwen2_vl": lambda: transformers.Qwen2VLConfig(
            text_config={**text, "rope_parameters": mrope},
            vision_config={"depth": 1, "embed_dim": 64, "num_heads": 4, "hidden_size": 128, "mlp_ratio": 2},
            tie_word_embeddings=False,
            **qwen,
        ),
        "qwen2_5_vl": lambda: transformers.Qwen2_5_VLConfig(
            text_config={**text, "rope_parameters": mrope},
            vision_config={**qwen_vision, "out_hidden_size": 128, "fullatt_block_indexes": [0]},
            tie_word_embeddings=False,
            **qwen,
        ),
        "qwen3_vl": lambda: transformers.Qwen3VLConfig(
            text_config={**text, "head_dim": 32, "rope_parameters": {**mrope, "mrope_interleaved": True}},
            vision_config={**qwen_vision, "out_hidden_size": 128, "patch_size": 16, "deepstack_visual_indexes": []},
            tie_word_embeddings=False,
            **qwen,
        ),
    }
    classes = {
        "gemma3": "Gemma3ForConditionalGeneration",
        "llava": "LlavaForConditionalGeneration",
        "mistral3": "Mistral3ForConditionalGeneration",
        "qwen2_vl": "Qwen2VLForConditionalGeneration",
        "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration",
        "qwen3_vl": "Qwen3VLForConditionalGeneration",
    }
    built = getattr(transformers, classes[kind])(configs[kind]())
    return _noisy(built).to(torch.bfloat16)


def wrapper(kind: str) -> Callable[[Path], None]:
    """A wrapper as a trainer leaves it that was given the tokenizer alone: no processor's files."""

    def make(place: Path) -> None:
        tokens = tokenizer(*IMAGE)
        save(_wrapper(kind, tokens), place / "model", tokens)

    return make


def two_checkpoints(place: Path) -> None:
    """A wrapper at two steps of its training, its names with a wrapper's word."""
    tokens = tokenizer(*IMAGE)
    for seed, name in enumerate(("a", "b")):
        save(_noisy(_wrapper("gemma3", tokens), seed), place / name, tokens)
        _rename(place / name / "model.safetensors", "_orig_mod.{}".format)


def text_lora(kind: str, **options: Any) -> Callable[[Path], None]:
    """An adapter for the text of a wrapper, its modules named by the class that opened the base for training."""

    def make(place: Path) -> None:
        import transformers

        tokens = tokenizer(*IMAGE)
        save(_wrapper(kind, tokens), place / "base", tokens)
        opened = transformers.AutoModelForImageTextToText.from_pretrained(place / "base")
        usual = {"exclude_modules": r".*(visual|vision).*"}
        save(adapted(opened, **{**usual, **options}), place / "adapter", tokens)

    return make


CASES: dict[str, Callable[[Path], None]] = {
    **{name: family(name) for name in FAMILIES},
    **{f"{name}-lora": lora_over(name) for name in ("qwen3-moe", "mixtral", "olmoe", "qwen2-moe", "granite-moe")},
    "qwen3-moe-dora": lora_over("qwen3-moe", use_dora=True),
    "qwen3-moe-experts-lora": lora_over("qwen3-moe", target_parameters=["mlp.experts.gate_up_proj"]),
    "mixtral-each-expert-lora": each_expert_lora("mixtral", target_modules=["q_proj", "w1", "w2", "w3", "gate"]),
    "qwen3-moe-each-expert-lora": each_expert_lora(
        "qwen3-moe", target_modules=["v_proj", "gate_proj", "up_proj", "down_proj"]
    ),
    "qwen2-moe-each-expert-lora": each_expert_lora(
        "qwen2-moe", target_modules=["v_proj", "gate_proj", "up_proj", "down_proj"]
    ),
    "olmoe-each-expert-lora": each_expert_lora("olmoe", target_modules=["gate_proj", "up_proj", "down_proj"]),
    "further-tokens-lora": further_tokens,
    "tied-as-head": head_only,
    "tied-by-config-alone": two_heads,
    "compiled": compiled("_orig_mod.{}".format),
    "distributed": compiled("module.{}".format),
    "compiled-and-distributed": compiled("_orig_mod.module.{}".format),
    "compiled-layers": compiled(in_each_layer),
    "sharded-by-fsdp": compiled(lambda name: "_fsdp_wrapped_module." + name.replace(".mlp.", ".mlp._fpw_module.")),
    "adapter-compiled-inside": compiled_adapter(
        lambda name: name.replace("base_model.model.", "base_model.model._orig_mod.")
    ),
    "adapter-compiled-outside": compiled_adapter("_orig_mod.{}".format),
    "adapter-over-compiled-base": compiled_adapter(in_each_layer, "module.{}".format),
    "hub": hub,
    "single-beside-others": single_beside_others,
    **{kind: wrapper(kind) for kind in ("llava", "mistral3", "qwen2_vl", "qwen2_5_vl", "qwen3_vl")},
    "gemma3-wrapper": wrapper("gemma3"),
    "gemma3-two": two_checkpoints,
    **{
        f"{kind}-text-lora": text_lora(kind)
        for kind in ("gemma3", "llava", "mistral3", "qwen2_vl", "qwen2_5_vl", "qwen3_vl")
    },
    "gemma3-text-dora": text_lora("gemma3", use_dora=True),
    "gemma3-all-lora": text_lora("gemma3", exclude_modules=None),
}
