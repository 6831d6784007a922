"""Whether a checkpoint holds every tensor of its model, before vLLM loads it for the first time. Runs in the host.

Why this exists: vLLM's own check leaves out every module that has a post-processing step, which every linear layer
and embedding has. A checkpoint without one k_proj is therefore started without a word, on uninitialized memory.

transformers loads the checkpoint's headers here, without memory (on torch's meta device). So names are compared as
they are saved: by transformers' own conversions, which fuse the experts of a file into one parameter, rename what
older versions wrote, and move the prefixes of wrappers.

Not covered: models that transformers does not know, and quantized tensors beside those of the plain model. vLLM's own
check has to do there, and the caller says so.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from watcher.engine.model_files.inventory import read_inventory, refuse

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


Shapes = Mapping[str, tuple[int, ...]]


def check_complete(path: Path) -> bool:
    """True where every tensor is there in its shape, False where transformers cannot tell.

    Raises `UimonError` (`weights_refused`) naming a tensor that is missing or has a shape the model does not.
    """
    inventory = read_inventory(path)
    config = _config(path)
    kind = _model_class(config)
    _require_one_model(path, config, kind)
    if config is None or kind is None:
        return False
    quantized = getattr(config, "quantization_config", None) is not None
    if quantized:
        # The plain model is built: the packages of the quantization need not be there to compare names.
        del config.quantization_config
    shapes = {name: tensor.shape for name, tensor in inventory.tensors.items()}
    model, whole = _load_headers(kind, config, shapes)
    if model is None:
        return False
    if not whole:
        # A conversion that nothing in the file asked for is not undone, so the other names may be the file's.
        due = max(
            (saved_shapes(one) for one in (_empty(kind, config), model)), key=lambda due: len(due.keys() & shapes)
        )
        if quantized:
            return _require_modules(path, due, shapes)
        _refuse_difference(path, due, shapes)
    _require_shared(path, model, shapes)
    return not quantized


def saved_shapes(model: PreTrainedModel) -> dict[str, tuple[int, ...]]:
    """The names and shapes that transformers would save `model` under, as its files have them."""
    from transformers.core_model_loading import revert_weight_conversion

    shared = _tied_names(model)
    state = {name: tensor for name, tensor in model.state_dict().items() if name not in shared}
    return {name: tuple(tensor.shape) for name, tensor in revert_weight_conversion(model, state).items()}


def _config(path: Path) -> PretrainedConfig | None:
    """The configuration by transformers; None where it knows no such model."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(path), trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, AttributeError, ImportError, TypeError):
        # vLLM decides whether it knows the architecture, and says so in its own words.
        return None


def _model_class(config: PretrainedConfig | None) -> type[PreTrainedModel] | None:
    """The class that saved the checkpoint, else the one for causal language models; None without either."""
    import transformers
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, PreTrainedModel

    for name in getattr(config, "architectures", None) or ():
        named = getattr(transformers, str(name), None)
        if isinstance(named, type) and issubclass(named, PreTrainedModel):
            return named
    try:
        found = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    except (KeyError, ImportError):
        return None
    model_class: type[PreTrainedModel] = found[0] if isinstance(found, tuple) else found
    return model_class


def _require_one_model(path: Path, config: PretrainedConfig | None, kind: type[PreTrainedModel] | None) -> None:
    """Refuse a configuration whose `model_type` and `architectures` are two language models.

    transformers' Auto classes build the one and vLLM the other, which may have the same tensors and compute otherwise.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    # A text model inside a wrapper has a configuration of its own there.
    if (
        config is None
        or kind is None
        or any(isinstance(part, kind.config_class) for part in (config, *vars(config).values()))
    ):
        return
    due = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    if isinstance(due, type) and MODEL_FOR_CAUSAL_LM_MAPPING.get(kind.config_class, None) is kind:
        raise refuse(
            f"{path / 'config.json'}: architectures says {kind.__name__}, and model_type {config.model_type} is "
            f"{due.__name__}, so uimon cannot know which of the two was trained; save the checkpoint with its own "
            "configuration."
        )


def _load_headers(
    kind: type[PreTrainedModel], config: PretrainedConfig, shapes: Shapes
) -> tuple[PreTrainedModel | None, bool]:
    """The model as transformers loads these names and shapes, and whether it found all of it; no model where it cannot
    be built.
    """
    import torch

    tensors = {name: torch.empty(shape, dtype=torch.bfloat16, device="meta") for name, shape in shapes.items()}
    try:
        with _quiet():
            model, loaded = kind.from_pretrained(
                None,
                config=config,
                state_dict=tensors,
                device_map="meta",
                dtype=torch.bfloat16,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except RuntimeError:
        # Experts that cannot be put together, one of them missing or of another shape.
        return _empty(kind, config), False
    except (OSError, ValueError, KeyError, AttributeError, ImportError, NotImplementedError, TypeError):
        return None, False
    return model, not (loaded["missing_keys"] or loaded["mismatched_keys"] or loaded["error_msgs"])


def _empty(kind: type[PreTrainedModel], config: PretrainedConfig) -> PreTrainedModel:
    """The model without weights."""
    import torch

    with torch.device("meta"), _quiet():
        return kind(config)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' own report of what it found, which would stand in the log beside uimon's sentence."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _tied_names(model: PreTrainedModel) -> set[str]:
    """Every name of a shared parameter but the one that it is saved under."""
    tied = getattr(model, "all_tied_weights_keys", None) or {}
    return {str(name) for name in tied}


def _require_shared(path: Path, model: PreTrainedModel, found: Shapes) -> None:
    """Refuse a tied model whose one matrix is there as the output head's only.

    transformers takes it for both. vLLM passes over a tied head, and would leave the embedding uninitialized.
    """
    for head, embedding in (getattr(model, "all_tied_weights_keys", None) or {}).items():
        own = {".".join(str(name).split(".")[-2:]) for name in (head, embedding)}
        present = {end for end in own if any(name.endswith(end) for name in found)}
        if "lm_head.weight" in present and len(own) > 1 and len(present) == 1:
            raise refuse(
                f"{path}: the tensor {embedding} is missing, which {head} shares; the checkpoint is incomplete."
            )


def _refuse_difference(path: Path, due: Shapes, found: Shapes) -> None:
    """Refuse the checkpoint, naming the first tensor by which it differs from what would be saved."""
    if found and not due.keys() & found.keys():
        raise refuse(
            f"{path}: no tensor has a name that the model of config.json has ({min(found)}, not {min(due)}); save the "
            "unwrapped model."
        )
    if missing := sorted(due.keys() - found.keys()):
        raise refuse(f"{path}: the tensor {missing[0]} is missing; the checkpoint is incomplete.")
    for name in sorted(due.keys() & found.keys()):
        if due[name] != found[name]:
            by_config = f"by config.json it would be {list(due[name])}"
            raise refuse(f"{path}: the tensor {name} has shape {list(found[name])}; {by_config}.")
    raise refuse(f"{path}: transformers finds other tensors here than config.json asks for; save the checkpoint again.")


def _require_modules(path: Path, due: Shapes, found: Shapes) -> bool:
    """Refuse a quantized checkpoint that has no tensor at all for a module of the plain model; False otherwise."""
    modules = {name.rpartition(".")[0] for name in found}
    absent = [name for name in due if name.rpartition(".")[0] not in modules]
    # Quantizers fuse and rename modules as they like. Where few names agree, an absent one says nothing.
    if absent and len(absent) < len(due) / 2:
        raise refuse(f"{path}: the tensor {min(absent)} is missing; the checkpoint is incomplete.")
    return False
