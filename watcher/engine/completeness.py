"""Whether a checkpoint holds every tensor of its model, before vLLM loads it for the first time. Runs in the host.

Why this exists: vLLM's own check leaves out every module that has a post-processing step, which every linear layer
and embedding has. A checkpoint without one k_proj is therefore started without a word, on uninitialized memory. The
model is built here without memory (on torch's meta device) by transformers, whose names trainers write.

Not covered: models that transformers saves under other names than it builds them with (some mixture-of-experts and
vision models). Too few names match there, so the check passes over them and leaves them to vLLM's.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from watcher.engine.guard import read_inventory, refuse

# Below this share of common names the two naming schemes differ, and a missing name says nothing. One lost shard
# of a large model can be a third of its tensors.
_SAME_SCHEME = 0.5


def check_complete(path: Path) -> bool:
    """True where every tensor is there in its shape, False where the model's names cannot be compared.

    Raises `UimonError` (`weights_refused`) naming a tensor that is missing or has a shape the model does not.
    """
    expected = expected_tensors(path)
    found = {name: tensor.shape for name, tensor in read_inventory(path).tensors.items()}
    return compare_names(path, expected, found)


def compare_names(
    path: Path, expected: Sequence[Mapping[str, tuple[int, ...]]], found: Mapping[str, tuple[int, ...]]
) -> bool:
    """The comparison itself: each group in `expected` is one parameter under all its (tied) names."""
    matched = [group for group in expected if group.keys() & found.keys()]
    if len(matched) < _SAME_SCHEME * max(len(expected), 1):
        return False
    for group in expected:
        names = group.keys() & found.keys()
        if not names:
            raise refuse(f"{path}: the tensor {min(group)} is missing; the checkpoint is incomplete.")
        for name in names:
            if group[name] != found[name]:
                raise refuse(
                    f"{path}: the tensor {name} has shape {list(found[name])}; "
                    f"by config.json it would be {list(group[name])}."
                )
    return True


def expected_tensors(path: Path) -> list[Mapping[str, tuple[int, ...]]]:
    """The parameters of the model that config.json describes: one group of names (with shape) for each.

    Empty where transformers has no causal language model for the configuration.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(str(path), trust_remote_code=False, local_files_only=True)
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, KeyError, AttributeError, ImportError, NotImplementedError):
        # vLLM decides whether it knows the architecture, and says so in its own words.
        return []
    groups: dict[int, dict[str, tuple[int, ...]]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        groups.setdefault(id(parameter), {})[name] = tuple(parameter.shape)
    return list(groups.values())
