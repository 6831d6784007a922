"""What a configuration says of quantized weights, against the tensors that are there. Standard library only.

Why this exists: vLLM's check for tensors that were not loaded is off for quantized models, and what a quantized model
serves cannot be compared with its files. Where configuration and files disagree, vLLM 0.32 often says nothing: weights
of 16 bits are cast to fp8 without their scales, experts of gpt-oss stay zeros, a missing scale is whatever the memory
held, and quantized numbers that nothing announces are taken for the weights themselves.

Not covered: methods that quantize while they load, or for which nothing says which tensors are packed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from watcher.checkpoints.layouts.files import CONFIG
from watcher.engine.model_files.forms import kind_of
from watcher.model import Reason, UimonError

# Those whose files always hold packed numbers.
_PACKING = re.compile(r"(fbgemm_|deepseek_v4_)?fp8|(gpt_oss_)?mxfp4|(auto_)?(gptq|awq)(_marlin)?|bitsandbytes")
_PLAIN = frozenset({"F64", "F32", "F16", "BF16", "I64", "U64", "C64", "BOOL"})
# Scales of weights; those of activations and of the cache may be left to the engine.
_SCALE = re.compile(r"(weight_)?scales?(_inv|_2)?|weight_global_scale")


class _Typed(Protocol):
    @property
    def dtype(self) -> str: ...


Parts = Mapping[str, str]


def require_agreement(path: Path, config: Mapping[str, object], tensors: Mapping[str, _Typed]) -> None:
    """Raises `UimonError` (`weights_refused`) where config.json announces quantized weights and the files hold plain
    ones, where it is the other way around, and where a quantized weight has no scale.
    """
    method = _method(config)
    modules = _by_module(tensors)
    packed = {
        module: parts for module, parts in modules.items() if any(dtype not in _PLAIN for dtype in parts.values())
    }
    if method is None:
        for module, parts in sorted(packed.items()):
            if parts.get("weight", "BF16") not in _PLAIN and (scale := next(_scales(parts), None)):
                raise _refuse(
                    f"{path}: {module} has quantized weights, with {scale}, and config.json has no "
                    "quantization_config, so they would be taken for the weights themselves; put it there."
                )
    elif not packed and tensors and _PACKING.fullmatch(method):
        raise _refuse(
            f"{path / CONFIG}: quantization_config says {method}, and every tensor of the files is plain; save "
            "the checkpoint with its own configuration, or take that key out."
        )
    elif missing := _missing_scale(packed, every=method == "fp8"):
        raise _refuse(f"{path}: the tensor {missing} is missing, without which its weights mean nothing.")


def _method(config: Mapping[str, object]) -> str | None:
    """The way in which config.json says that the weights are quantized; None where it says nothing of it."""
    for part in (config, config.get("text_config")):
        settings = part.get("quantization_config") if isinstance(part, dict) else None
        if isinstance(settings, dict):
            return str(settings.get("quant_method", ""))
    return None


def _by_module(tensors: Mapping[str, _Typed]) -> dict[str, dict[str, str]]:
    """The types of each module's tensors."""
    modules: dict[str, dict[str, str]] = {}
    for name, tensor in tensors.items():
        module, _, part = name.rpartition(".")
        modules.setdefault(module, {})[part] = tensor.dtype
    return modules


def _scales(parts: Parts) -> Iterator[str]:
    return (part for part in parts if _SCALE.fullmatch(part))


def _missing_scale(packed: Mapping[str, Parts], *, every: bool) -> str | None:
    """A scale that one module lacks and its like in another layer has; with `every`, none may be without any."""
    known: dict[tuple[str, str, str], set[str]] = {}
    for module, parts in packed.items():
        for key in _keys(module, parts):
            known.setdefault(key, set()).update(_scales(parts))
    for module, parts in sorted(packed.items()):
        due = set().union(*(known[key] for key in _keys(module, parts)))
        if (
            every
            and not due
            and parts.get("weight", "").startswith("F8")
            and not any("scale" in part for part in parts)
        ):
            due.add("weight_scale")
        if absent := sorted(due - parts.keys()):
            return f"{module}.{absent[0]}"
    return None


def _keys(module: str, parts: Parts) -> Iterator[tuple[str, str, str]]:
    """By what a module is told to be like another: the same one of its layer, with a tensor packed alike."""
    return ((kind_of(module), part, dtype) for part, dtype in parts.items() if dtype not in _PLAIN)


def _refuse(sentence: str) -> UimonError:
    return UimonError(Reason.WEIGHTS_REFUSED, sentence)
