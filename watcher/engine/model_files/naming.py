"""Names of tensors, and what wrapped them: training's own wrappers, and models for text and more. Pure functions.

A trainer that saves the module it trains, and not the model inside, leaves the wrapper's attribute in every name. The
values are whole. So the words are taken out, wherever they stand, and whether the names then fit is seen afterwards,
from the model's configuration or the base: nothing is guessed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

TRAINING_WRAPPERS = {
    "_orig_mod": "torch.compile",
    "_fsdp_wrapped_module": "FSDP",
    "_fpw_module": "FSDP",
    "_forward_module": "Lightning Fabric",
    "_checkpoint_wrapped_module": "activation checkpointing",
    "module": "DDP or DeepSpeed",
}
"""The attribute under which each wrapper keeps the module, and who wraps so (torch.nn.parallel, torch.distributed,
torch._dynamo, lightning.fabric)."""
# What stands before a text model's own names, in all orders: `model.`, `model.language_model.`,
# `language_model.model.`, `language_model.`.
_FRONTS = ("model", "language_model", "text_model")
_PEFT = ("base_model", "model")


def unwrapped(name: str) -> str:
    """The name without the words of training's wrappers.

    `module` is a word of a wrapper only where a name begins, be it inside others or PEFT's: further in, a model may
    have a module of that name.

    >>> unwrapped("_orig_mod.module.model.layers.0._checkpoint_wrapped_module.mlp.up_proj.weight")
    'model.layers.0.mlp.up_proj.weight'
    >>> unwrapped("base_model.model._orig_mod.model.norm.weight")
    'base_model.model.model.norm.weight'
    """
    kept: list[str] = []
    for part in name.split("."):
        inside = kept not in ([], list(_PEFT))
        if part not in TRAINING_WRAPPERS or (part == "module" and inside):
            kept.append(part)
    return ".".join(kept)


def collision(names: Mapping[str, str]) -> tuple[str, str] | None:
    """Two names that become the same one; None where each becomes one of its own."""
    seen: dict[str, str] = {}
    for old, new in sorted(names.items()):
        if new in seen:
            return seen[new], old
        seen[new] = old
    return None


def wrappers_in(names: Iterable[str]) -> list[str]:
    """Who wrapped the model that these names are of, by the words that `unwrapped` takes out."""
    words = {part for name in names if unwrapped(name) != name for part in name.split(".")}
    return sorted({maker for word, maker in TRAINING_WRAPPERS.items() if word in words})


def inner(name: str) -> str:
    """The name inside the text model, whatever it is called from outside.

    >>> {inner(f"{front}layers.0.mlp") for front in ("model.", "model.language_model.", "language_model.model.")}
    {'layers.0.mlp'}
    >>> inner("model.visual.blocks.0.attn")
    'visual.blocks.0.attn'
    """
    parts = name.split(".")
    while len(parts) > 1 and parts[0] in _FRONTS:
        parts = parts[1:]
    return ".".join(parts)


def is_fronted(name: str) -> bool:
    """Whether a wrapper says that this tensor is the text model's."""
    return any(part in _FRONTS[1:] for part in name.removesuffix(inner(name)).split("."))
