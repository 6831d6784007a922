"""What in a model's directory makes vLLM 0.32 or transformers 5 load other weights, other settings or code.

`POINTERS` is the list, with the place in the libraries' source that acts on each. *Refused* is what would have
something else served than the directory's own weights: no rewriting makes that right, since nobody can know which of
the two is meant. *Taken out* is what decides nothing as long as no code of a checkpoint is run and no name is looked
up: the engine gets a configuration without it (`views`). *Never seen* is a file that no view has, because a view holds
only the files that are named (`ENGINE_FILES`).

Besides, the host gets an empty cache of the model hub and no network (`process`), so that a name that this list misses
leads nowhere, and what is served is compared with the files (`fingerprints`).

| what | where it acts | fate |
|---|---|---|
| `speculators_config` | vllm/transformers_utils/config.py `maybe_override_with_speculators`: the model that it names \
is served, the checkpoint becomes its drafter | refused |
| `speculators_model_type` | vllm/transformers_utils/configs/speculators/base.py: the same, without the model's name | \
refused |
| `model_type` speculators, eagle, medusa, mlp_speculator | config.py `_SPECULATIVE_DECODING_CONFIGS`: a drafter for \
another model | refused |
| `architectures` Eagle…, …MTP, Medusa…, …DraftModel, …DSparkModel | vllm/model_executor/models/registry.py \
`_SPECULATIVE_DECODING_MODELS`: drafters, which take layers of another model | refused |
| `architectures` and `model_type` of two models | transformers/models/auto/auto_factory.py builds by the latter, \
vllm/model_executor/models/registry.py by the former: the same tensors, another function | refused (`completeness`) |
| `configuration_files` | transformers/configuration_utils.py `get_config_dict`: another file is read in place of \
config.json, by version | refused |
| `transformers_weights` | transformers/modeling_utils.py: another weight file than the model's | refused |
| `text_model_id`, `audio_model_id` | vllm/model_executor/models/ultravox.py `secondary_weights`: parts of the weights \
come from these repositories | refused |
| `backbone` with a name of the hub | transformers/backbone_utils.py: a part's configuration is read there | refused |
| `attn_implementation`, `_attn_implementation`, `experts_implementation` with a name of the hub | \
transformers/integrations/hub_kernels.py `get_kernel`: code from there | refused |
| `auto_map`, also of the tokenizer and processors | transformers/dynamic_module_utils.py: code of the checkpoint, or \
of another repository (`owner/name--module.Class`); only with trust_remote_code, which is off everywhere | taken out |
| `_name_or_path`, `name_or_path` | transformers sets its own; vllm/transformers_utils/model_arch_config_convertor.py \
reads further files at it | taken out |
| `use_pretrained_backbone`, `base_model_name_or_path`, `mm_vision_tower`, `draft_model` in config.json | read by \
nobody in these versions | left |
| `fast_tokenizer_files` in tokenizer_config.json | transformers/tokenization_utils_base.py: another tokenizer.json; \
uimon names the file itself (`tokenizers`) | left |
| `vocab_file`, `tokenizer_file`, `merges_file` in tokenizer_config.json | transformers/tokenization_utils_base.py \
`_from_pretrained`: the directory's own file goes before | left |
| `audio_tokenizer` in processor_config.json | transformers/processing_utils.py `get_processor_dict`: a model that \
turns sound into tokens, of which no text has any | left |
| `custom_generate`, assistant models in generation_config.json | transformers' own `generate`, which is never called |\
 left |
| `hf_quant_config.json` | config.py `get_config`: quantization that config.json does not know of | never seen |
| `adapter_config.json` beside full weights of a base | transformers/models/auto/auto_factory.py: the adapter is \
loaded over the model | never seen |
| `params.json`, `consolidated*.safetensors` | config.py, default_loader.py: Mistral's format goes before | never seen |
| `*.bin`, `*.pt`, `*.gguf`, `original/` | default_loader.py `_prepare_weights` | never seen |
| `modules.json`, `1_Pooling/`, `sentence_*_config.json`, `joint_head_config.json` \
| config.py `get_pooling_config`, model_arch_config_convertor.py: another kind of model | never seen |
| `model.safetensors.index.json` with names outside of the directory | default_loader.py | refused (`inventory`) |
| links that lead out of the directory | anything | refused (`inspection`) |
| VLLM_MODEL_REDIRECT_PATH, VLLM_USE_MODELSCOPE | vllm/transformers_utils/utils.py `maybe_model_redirect`, \
weight_utils.py `maybe_download_from_modelscope`: another directory than the one named | emptied (`process`) |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from watcher.checkpoints.layouts.files import CONFIG

_DRAFTERS: Final = re.compile(
    r"P?[Ee]agle3?[A-Z].*|(Medusa|MLPSpeculator|DFlash|ExtractHiddenStates).*"
    r"|.*(Eagle3?|MTP|MTPModel|DraftModel|DSparkModel|GlimmerAssistantModel)"
)
# Real ones have five.
_DEEPEST: Final = 50
_DRAFTER_TYPES: Final = frozenset({"speculators", "eagle", "medusa", "mlp_speculator"})
# A repository of the hub, or a path.
_ELSEWHERE: Final = re.compile(r"[^\s/]*/[^\s]+|.*\\.*")
TAKEN_OUT: Final = frozenset({"auto_map", "_name_or_path", "name_or_path"})
"""Keys, at any depth, that the engine's configuration does without."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A key that is refused, at any depth, where `matters` says so of its value; `what` is what it would do, as a
    clause that `{value}` completes.
    """

    key: str
    what: str
    matters: Callable[[object], bool] = bool


def _is_elsewhere(value: object) -> bool:
    return any(_ELSEWHERE.fullmatch(text) for text in _texts(value))


def _is_drafter(value: object) -> bool:
    return any(_DRAFTERS.fullmatch(text) for text in _texts(value))


def _is_drafter_type(value: object) -> bool:
    return any(text in _DRAFTER_TYPES for text in _texts(value))


_DRAFTER: Final = "makes it a drafter that only speculates for another model"
_DRAFTED: Final = "evaluate the model that it was trained for"
_TAKE_OUT: Final = f"take that key out of {CONFIG}"
_CODE: Final = "has code loaded from {value}"
_PART: Final = "has a part of the weights loaded from {value}"

POINTERS: Final = (
    Pointer("speculators_config", "has vLLM serve {value} in place of these weights", lambda value: value is not None),
    Pointer("speculators_model_type", _DRAFTER),
    Pointer("model_type", _DRAFTER, _is_drafter_type),
    Pointer("architectures", _DRAFTER, _is_drafter),
    Pointer("configuration_files", "has another configuration read in place of this one"),
    Pointer("transformers_weights", "has other weights read than the model's own ({value})"),
    Pointer("text_model_id", _PART),
    Pointer("audio_model_id", _PART),
    Pointer("backbone", "has a part built as {value} says", _is_elsewhere),
    Pointer("attn_implementation", _CODE, _is_elsewhere),
    Pointer("_attn_implementation", _CODE, _is_elsewhere),
    Pointer("_attn_implementation_internal", _CODE, _is_elsewhere),
    Pointer("experts_implementation", _CODE, _is_elsewhere),
    Pointer("_experts_implementation", _CODE, _is_elsewhere),
    Pointer("_experts_implementation_internal", _CODE, _is_elsewhere),
)
_BY_KEY: Final = {pointer.key: pointer for pointer in POINTERS}


def pointer_in(config: Mapping[str, object]) -> str | None:
    """What in a config.json makes the engine load anything but the directory's own weights, in a sentence's predicate
    ("speculators_config has vLLM serve …; …"); None where nothing does. Raises ValueError where it is nested too deeply
    for the libraries to read.

    >>> pointer_in({"model_type": "llama", "_name_or_path": "acme/tiny", "auto_map": {"AutoModel": "m.M"}}) is None
    True
    >>> pointer_in({"text_config": {"text_model_id": "acme/other"}})
    "text_config.text_model_id has a part of the weights loaded from 'acme/other'; take that key out of config.json"
    """
    found = {
        key: (path, value) for path, key, value in _entries(config) if key in _BY_KEY and _BY_KEY[key].matters(value)
    }
    for pointer in POINTERS:
        if pointer.key in found:
            path, value = found[pointer.key]
            what = pointer.what.format(value=_shown(value))
            return f"{path} {what}; {_DRAFTED if pointer.what is _DRAFTER else _TAKE_OUT}"
    return None


def without_pointers(config: Mapping[str, object]) -> dict[str, object]:
    """The configuration without the keys that decide nothing here, at any depth.

    >>> without_pointers({"a": 1, "auto_map": {}, "text_config": {"b": 2, "_name_or_path": "acme/tiny"}})
    {'a': 1, 'text_config': {'b': 2}}
    """
    return {key: _without(value) for key, value in config.items() if key not in TAKEN_OUT}


def _without(value: object) -> object:
    if isinstance(value, Mapping):
        return without_pointers(value)
    return [_without(part) for part in value] if isinstance(value, list) else value


def _entries(config: Mapping[str, object]) -> Iterator[tuple[str, str, object]]:
    """Every key with the path to it and its value, the outer ones first."""
    level: list[tuple[str, object]] = [("", config)]
    for _ in range(_DEEPEST):
        inner: list[tuple[str, object]] = []
        for front, held in level:
            if isinstance(held, Mapping):
                for key, value in held.items():
                    yield f"{front}{key}", key, value
                    inner.append((f"{front}{key}.", value))
            elif isinstance(held, list):
                inner += [(front, part) for part in held if isinstance(part, Mapping | list)]
        level = inner
    if level:
        raise ValueError(f"nested more than {_DEEPEST} levels deep")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _shown(value: object) -> str:
    """What a value names, for a sentence: the name in it where there is one."""
    named = value.get("verifier", {}) if isinstance(value, Mapping) else value
    name = named.get("name_or_path") if isinstance(named, Mapping) else named
    text = next(_texts(name), None) or "another model"
    return repr(text) if text != "another model" else text
