"""Merges a LoRA adapter into its base with PEFT: `python -m watcher.engine.host.merging BASE ADAPTER TARGET`.

A program of its own, the only one that imports peft. The base is loaded in fp32, so the sum is rounded once, to the
type that each tensor has in the base's files. PEFT only warns of tensors that it did not take or did not find, so what
it took is compared with the file. An adapter of each expert by itself, as transformers 4 has them, PEFT converts to the
fused experts of transformers 5: there the sums are compared with the file's. Its one line to its parent is JSON:
`{}`, or the `reason` and the `sentence` of the refusal.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watcher.checkpoints.layouts.files import ADAPTER_WEIGHTS
from watcher.engine.failures import reason_of, sentence_of
from watcher.engine.model_files.adapters import Pair, check_adapter, plain_pairs
from watcher.engine.model_files.inventory import Inventory, read_inventory, refuse
from watcher.model import Reason, UimonError
from watcher.system.lifeline import child_arguments, join_parent

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor
    from transformers import PreTrainedModel


_TYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
# Sums of products in fp32, whose order differs.
_ROUNDING = 1e-5
# What PEFT (a safe merge), the file system and torch's allocator say.
_SIGNS = {
    "nans detected": Reason.NON_FINITE,
    "no space left": Reason.DISK_FULL,
}


def merge(base: Path, adapter: Path, target: Path) -> None:
    """Write the full model that `base` is with `adapter` to `target`.

    Raises `UimonError` as `check_adapter` does; also `weights_refused` where base and PEFT's model, or adapter and
    PEFT's adapter, do not have the same tensors, and `non_finite`.
    """
    inventory = read_inventory(base)
    info = check_adapter(adapter, inventory)
    tensors = _finite_tensors(info.file)
    # What is refused so far did not have to wait for these imports.
    from peft import PeftModel

    model = _load(base)
    tied = bool(model.config.tie_word_embeddings)
    if info.vocabulary:
        # Every new row comes from the adapter: nothing of how rows are made up here stays.
        model.resize_token_embeddings(info.vocabulary, mean_resizing=False)
    wrapped = PeftModel.from_pretrained(model, adapter, torch_device="cpu")
    pairs = None if _names_of_peft(wrapped).issuperset(tensors) else plain_pairs(adapter, info.tensors)
    if pairs is None:
        _check_taken(adapter / ADAPTER_WEIGHTS, tensors, wrapped)
    _separate(wrapped)
    merged = wrapped.merge_and_unload(safe_merge=True)
    if pairs is not None:
        _check_sums(adapter / ADAPTER_WEIGHTS, pairs, tensors, merged, inventory)
    if tied:
        _tie(merged)
    _cast(merged, inventory, base)
    merged.save_pretrained(target)
    _check_names(target, inventory)


def _finite_tensors(file: Path) -> dict[str, Tensor]:
    """The adapter's tensors. Raises `UimonError` (`non_finite`) naming the first that holds NaN or infinity."""
    from safetensors.torch import load_file

    tensors: dict[str, Tensor] = load_file(file)
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise UimonError(Reason.NON_FINITE, f"{file}: {name} holds NaN or infinity; training has diverged here.")
    return tensors


def _load(base: Path) -> PreTrainedModel:
    """The base in fp32. Raises `UimonError` (`weights_refused`) where a part of it would be made up."""
    import torch
    from transformers import AutoModelForCausalLM

    model, loaded = AutoModelForCausalLM.from_pretrained(
        base,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
    )
    if absent := sorted(map(str, (*loaded["missing_keys"], *loaded["mismatched_keys"]))):
        raise refuse(f"{base}: {absent[0]} is missing in the base model, or has another shape than the model asks for.")
    return model


def _names_of_peft(wrapped: PeftModel) -> set[str]:
    """The names that PEFT would save the adapter's tensors under."""
    from peft import get_peft_model_state_dict

    return set(get_peft_model_state_dict(wrapped, save_embedding_layers=True))


def _check_sums(
    file: Path, pairs: Mapping[str, Pair], tensors: Mapping[str, Tensor], merged: PreTrainedModel, base: Inventory
) -> None:
    """Refuse (`adapter_unsupported`) a merge with a tensor other than the base's files have, plus its pair's product.

    Tensor by tensor, as they are saved, and in fp32 on both sides: fused experts are taken apart one parameter at a
    time.
    """
    import torch
    from safetensors import safe_open
    from transformers.core_model_loading import revert_weight_conversion

    used = {tensor.file for tensor in base.tensors.values()}
    files: dict[str, Any] = {one: safe_open(str(base.path / one), framework="pt") for one in used}
    due = dict(pairs)
    for key, parameter in merged.state_dict().items():
        for name, tensor in revert_weight_conversion(merged, {key: parameter}).items():
            if name not in base.tensors:
                # A tied head, which is saved under the embedding's name.
                continue
            own = files[base.tensors[name].file].get_tensor(name).float()
            if pair := due.pop(name.removesuffix(".weight"), None):
                low, high, scaling = pair
                own += scaling * tensors[high].float() @ tensors[low].float()
            if not torch.allclose(tensor.float(), own, rtol=_ROUNDING, atol=_ROUNDING * float(own.abs().max())):
                raise _unmergeable(file, f"PEFT makes another {name} than base and adapter add up to")
    if due:
        raise _unmergeable(file, f"{min(due)} is not in the model that PEFT builds from the adapter's configuration")


def _unmergeable(file: Path, what: str) -> UimonError:
    return UimonError(
        Reason.ADAPTER_UNSUPPORTED, f"{file}: {what}; merge the adapter where it is trained (merge_and_unload)."
    )


def _check_taken(file: Path, tensors: Mapping[str, Tensor], wrapped: PeftModel) -> None:
    """Refuse an adapter of which PEFT left something out, or into which it put something."""
    from peft import get_peft_model_state_dict

    # Embeddings that go with the adapter without being trained may be in the file; everything else has to be.
    taken = get_peft_model_state_dict(wrapped, save_embedding_layers=True)
    required = get_peft_model_state_dict(wrapped, save_embedding_layers=False)
    if missing := sorted(required.keys() - tensors.keys()):
        raise refuse(f"{file}: {missing[0]} is missing, which the adapter's configuration asks for.")
    for name, tensor in tensors.items():
        if name not in taken or not taken[name].equal(tensor.to(taken[name].dtype)):
            raise refuse(f"{file}: {name} is not in the model that PEFT builds from the adapter's configuration.")


def _separate(wrapped: PeftModel) -> None:
    """Give every parameter its own memory.

    PEFT merges in place. Into the one matrix of tied embeddings it would merge what is meant for the input or for
    the output alone, or merge the same change twice (peft 0.21: 10 to 50 nats off on small models).
    """
    import torch

    seen: set[int] = set()
    for module in wrapped.modules():
        for name, parameter in module.named_parameters(recurse=False, remove_duplicate=False):
            if parameter.data_ptr() in seen:
                setattr(module, name, torch.nn.Parameter(parameter.detach().clone(), requires_grad=False))
            seen.add(parameter.data_ptr())


def _tie(merged: PreTrainedModel) -> None:
    """Tie the embeddings again where they are still equal, and have the configuration say what they are."""
    read, written = merged.get_input_embeddings(), merged.get_output_embeddings()
    merged.config.tie_word_embeddings = bool(read.weight.equal(written.weight))
    if merged.config.tie_word_embeddings:
        written.weight = read.weight


def _cast(merged: PreTrainedModel, inventory: Inventory, base: Path) -> None:
    """Round each tensor to its type in the base's files, and one that the base has not to the most frequent type."""
    import torch

    types = {name: getattr(torch, _TYPES[t.dtype]) for name, t in inventory.tensors.items() if t.dtype in _TYPES}
    usual = Counter(types.values()).most_common(1)[0][0]
    for name, parameter in merged.named_parameters():
        parameter.data = parameter.data.to(types.get(name, usual))
        if not parameter.isfinite().all():
            raise UimonError(
                Reason.NON_FINITE, f"{base}: with the adapter {name} holds NaN or infinity; training has diverged here."
            )


def _check_names(target: Path, base: Inventory) -> None:
    """Refuse a model that transformers writes under other names than the base's: vLLM might read it otherwise."""
    renamed = read_inventory(target).tensors.keys() - base.tensors.keys()
    # An untied head is new; the tensors that are only in the base are those that the model never used.
    if strange := sorted(name for name in renamed if not name.endswith("lm_head.weight")):
        raise UimonError(
            Reason.ADAPTER_UNSUPPORTED,
            f"{base.path}: transformers would write {strange[0]}, which the base does not have, so nothing can be "
            "merged into it; merge the adapter where it is trained (merge_and_unload).",
        )


def _refusal(error: Exception) -> UimonError:
    """What the parent is told of an error."""
    if isinstance(error, UimonError):
        return error
    text = str(error).lower()
    known = next((reason for sign, reason in _SIGNS.items() if sign in text), None)
    reason = known or reason_of(error, Reason.ADAPTER_UNSUPPORTED)
    if reason is Reason.ENGINE_MISSING and getattr(error, "name", None) != "peft":
        # Some package that this model alone needs; the engine itself is there.
        reason = Reason.ADAPTER_UNSUPPORTED
    return UimonError(reason, sentence_of(error, reason, "Merging the adapter into its base failed"))


def main() -> None:
    """Merge, and say how it went in one line."""
    parser = child_arguments()
    for name in ("base", "adapter", "target"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--nice", type=int, default=0)
    options = parser.parse_args()
    parent = join_parent(options)
    os.nice(options.nice)
    said: dict[str, str] = {}
    try:
        merge(options.base, options.adapter, options.target)
    except Exception as error:  # noqa: BLE001 (whatever it is, the parent has to hear of it)
        sys.excepthook(type(error), error, error.__traceback__)
        refusal = _refusal(error)
        said = {"reason": refusal.reason, "sentence": refusal.sentence}
    parent.send_object(said)


if __name__ == "__main__":
    main()
