"""The text model inside a model for text and images (or sound): its configuration and its tensors, as a model alone.

uimon's prompts are text, for which the rest of such a model computes nothing. As a model of its own the text part
needs no processor's files and no packages for images, and it has one set of names, whichever class trained it: PEFT
and transformers name the modules of one repository by the class that opened it (`model.layers`,
`model.language_model.layers`, `language_model.model.layers`).

Standard library only. Only kinds are listed whose numbers were compared with those of the whole model in transformers
(tests/real/test_weights.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from watcher.engine.model_files.naming import inner, is_fronted

# By the text configuration's model_type: the class of the text model, and its model_type.
_TEXT_MODELS = {
    "cohere2": ("Cohere2ForCausalLM", "cohere2"),
    "gemma3_text": ("Gemma3ForCausalLM", "gemma3_text"),
    "gemma3n_text": ("Gemma3nForCausalLM", "gemma3n_text"),
    "gemma4_text": ("Gemma4ForCausalLM", "gemma4_text"),
    "llama": ("LlamaForCausalLM", "llama"),
    "llama4_text": ("Llama4ForCausalLM", "llama4_text"),
    "mistral": ("MistralForCausalLM", "mistral"),
    "ministral3": ("Ministral3ForCausalLM", "ministral3"),
    "qwen2": ("Qwen2ForCausalLM", "qwen2"),
    "qwen2_vl_text": ("Qwen2ForCausalLM", "qwen2"),
    "qwen2_5_vl_text": ("Qwen2ForCausalLM", "qwen2"),
    "qwen3": ("Qwen3ForCausalLM", "qwen3"),
    "qwen3_vl_text": ("Qwen3ForCausalLM", "qwen3"),
    "qwen3_5_text": ("Qwen3_5ForCausalLM", "qwen3_5_text"),
}
# Those that older versions of transformers wrote without a text_config, the text's keys among the others.
_FLAT = {"qwen2_vl": "qwen2_vl_text", "qwen2_5_vl": "qwen2_5_vl_text"}
_TOWERS = ("vision_config", "audio_config", "speech_config")
# vLLM's classes for these know the wrapper's names as well; a copy would cost its size for nothing.
_READS_BOTH = "qwen3_5"
# What names the parts that are not text.
_OTHER = ("vis", "audio", "speech", "image", "video", "multi_modal", "multimodal", "projector", "connector", "merger")
_TEXT = ("layers", "embed_tokens", "norm", "lm_head")
# Every kind of these takes part in the text model's own configuration where only the wrapper's has it.
_SHARED = ("dtype", "torch_dtype", "bos_token_id", "eos_token_id", "pad_token_id")


@dataclass(frozen=True, slots=True)
class TextModel:
    """`config`: that of the text model alone; `names`: the name in it of each of its tensors, by the name on disk."""

    config: Mapping[str, object]
    names: Mapping[str, str]


def is_wrapper(config: Mapping[str, object]) -> bool:
    """Whether the configuration is that of a model for more than text."""
    return any(isinstance(config.get(tower), dict) for tower in _TOWERS)


def text_model(config: Mapping[str, object], names: Iterable[str]) -> TextModel | None:
    """The text model inside a wrapper with this configuration and these tensors; None where there is none, or one that
    is not known to give the wrapper's numbers.
    """
    held = list(names)
    text = _text_config(config)
    if text is None or config.get("quantization_config") or text.get("quantization_config"):
        return None
    chosen = {name: _text_name(name) for name in held if not _is_other(name)}
    kept = {name: new for name, new in chosen.items() if new is not None}
    if len(kept) != len(chosen) or len(set(kept.values())) != len(kept):
        return None
    tied = "lm_head.weight" not in kept.values()
    said = config.get("tie_word_embeddings", text.get("tie_word_embeddings", False))
    return TextModel({**text, "tie_word_embeddings": tied or bool(said)}, kept)


def unfronted(config: Mapping[str, object], names: Iterable[str]) -> dict[str, str]:
    """The names of a text model that was saved under those of the wrapper it came from; empty where it was not.

    transformers saves a model under the names that it was loaded from: a text model out of a wrapper's files keeps the
    wrapper's prefix, beside a configuration of its own.
    """
    held = list(names)
    reads_both = str(config.get("model_type")).startswith(_READS_BOTH)
    if is_wrapper(config) or reads_both or not any(map(is_fronted, held)):
        return {}
    chosen = {name: _text_name(name) for name in held}
    kept = {name: new for name, new in chosen.items() if new is not None}
    return kept if len(set(kept.values())) == len(held) else {}


def text_config(config: Mapping[str, object]) -> Mapping[str, object] | None:
    """The configuration of the text model inside a wrapper, without regard to its tensors; None where none is known."""
    return None if config.get("quantization_config") else _text_config(config)


def _text_config(config: Mapping[str, object]) -> dict[str, object] | None:
    if not is_wrapper(config):
        return None
    inside = config.get("text_config")
    kind = inside.get("model_type") if isinstance(inside, dict) else _FLAT.get(str(config.get("model_type")))
    own = inside if isinstance(inside, dict) else {k: v for k, v in config.items() if not isinstance(v, dict)}
    known = _TEXT_MODELS.get(str(kind))
    if known is None:
        return None
    shared = {key: config[key] for key in _SHARED if key in config and own.get(key) is None}
    rope = {key: _plain_rope(own[key]) for key in ("rope_scaling", "rope_parameters") if isinstance(own.get(key), dict)}
    if not isinstance(inside, dict):
        rope |= {k: _plain_rope(v) for k, v in config.items() if k in ("rope_scaling", "rope_parameters")}
    return {**own, **shared, **rope, "architectures": [known[0]], "model_type": known[1]}


def _plain_rope(rope: object) -> object:
    """Rotary positions without their parts for height and width: in a text all three are the same number."""
    if not isinstance(rope, dict) or not any("mrope" in str(part) for part in (*rope, *rope.values())):
        return rope
    kept = {key: value for key, value in rope.items() if "mrope" not in key}
    return {key: "default" if value == "mrope" else value for key, value in kept.items()}


def _is_other(name: str) -> bool:
    """Whether the tensor belongs to what is not text."""
    if is_fronted(name):
        return False
    front = inner(name).split(".")[0]
    return any(word in front for word in _OTHER)


def _text_name(name: str) -> str | None:
    """The tensor's name in the text model; None where nothing says that it is one of its tensors."""
    inside = inner(name)
    if inside.startswith("lm_head."):
        return inside
    if is_fronted(name) or inside.split(".")[0] in _TEXT:
        return f"model.{inside}"
    return None
