"""What a checkpoint's headers say, before any engine touches it. Standard library only; reads headers, not weights.

Why this exists: vLLM's in-place reload answers "done" to a checkpoint with missing tensors, with a wrong shape or
with half of its shards, and then serves a mixture of old, new and uninitialized memory. A candidate is therefore
compared with the checkpoint that the running engine was started from. Where names, shapes, types and configuration
are equal, the reload takes the very path that the start took, and the start was checked for completeness.

Not covered: the values. A flipped bit passes here; the staging digest and the probe look at values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from watcher.checkpoints.layouts.files import ADAPTER_CONFIG, CONFIG, INDEX, WEIGHTS, weights_in
from watcher.checkpoints.pointers import pointer_in
from watcher.checkpoints.safetensors_header import SafetensorsError, read_copied_header
from watcher.checkpoints.weight_index import StrayShardError, first_misplaced, read_index
from watcher.engine.model_files.plausible import require_plausible
from watcher.engine.model_files.quantized import require_agreement
from watcher.model import Reason, UimonError
from watcher.system.files import read_object, require_regular

# Written by the trainer's library or by the way of saving; they do not change what the engine computes.
VOLATILE_CONFIG = frozenset({"_name_or_path", "dtype", "torch_dtype", "transformers_version", "use_cache"})


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as a header names it; `begin` and `end` are byte offsets into the file."""

    file: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a checkpoint directory holds: tensors by name, the configuration, and the weights' bytes."""

    path: Path
    tensors: Mapping[str, Tensor]
    config: Mapping[str, object]
    bytes: int


class Fit(StrEnum):
    """How a candidate relates to the checkpoint that the engine was started from."""

    SAME = "same"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Compatibility:
    """`SAME`: the weights can be changed in place. `DIFFERENT`: a fresh engine is needed, `why` is a sentence."""

    fit: Fit
    why: str = ""


def refuse(sentence: str) -> UimonError:
    """The error for weights that must not be served."""
    return UimonError(Reason.WEIGHTS_REFUSED, sentence)


def read_header(file: Path) -> dict[str, Tensor]:
    """The tensors of one safetensors file, from its header alone.

    Raises `UimonError` (`weights_refused`) where the file is truncated, longer than its header says, or damaged.
    """
    try:
        header = read_copied_header(file)
    except SafetensorsError as error:
        raise refuse(f"{file}: it {error}; fetch it or save it again.") from None
    except OSError as error:
        raise refuse(f"{file}: its header cannot be read ({error}); fetch it or save it again.") from error
    start = header.data_start
    return {
        name: Tensor(file.name, tensor.dtype, tensor.shape, start + tensor.begin, start + tensor.end)
        for name, tensor in header.tensors.items()
    }


def read_inventory(path: Path) -> Inventory:
    """What the full model in `path` holds, by the files that transformers would read: `weight_files`.

    Raises `UimonError`: `weights_refused` where weight files are missing, damaged or contradict the index, or the
    configuration states sizes that none of them has, or quantizes them otherwise; `config_missing` without a readable
    config.json; `unreadable` where something in `path` is no regular file.
    """
    files, index = _weight_files(path)
    tensors: dict[str, Tensor] = {}
    for file in files:
        for name, tensor in read_header(file).items():
            if name in tensors:
                raise refuse(f"{path}: the tensor {name} is in {tensors[name].file} and again in {file.name}.")
            tensors[name] = tensor
    if index is not None:
        _check_index(path, index, tensors)
    config = read_config(path)
    require_regular(path)
    require_plausible(path, config, tensors)
    require_agreement(path, config, tensors)
    return Inventory(path, tensors, config, sum(file.stat().st_size for file in files))


def weight_files(path: Path) -> list[Path]:
    """The model's weight files, sorted: the single file, else the shards that the index names, else the only one.

    A repository may hold more: the same weights in the words of another library, an adapter, a draft model.
    Raises `UimonError` (`weights_refused`) where no rule says which files are the model's, or one is missing.
    """
    return _weight_files(path)[0]


def read_config(path: Path) -> dict[str, object]:
    """`config.json` in `path`.

    Raises `UimonError`: `config_missing` where there is none that can be read; `weights_refused` where it makes an
    engine load anything but the weights beside it.
    """
    file = path / CONFIG
    if not file.exists() and (path / ADAPTER_CONFIG).exists():
        # A second training over the first one's adapter: what it was trained over lies in no directory.
        said = f"{path} is an adapter, not a model: merge it into its own base (peft: merge_and_unload, then "
        raise UimonError(Reason.CONFIG_MISSING, f"{said}save_pretrained), and name the result with --base.")
    config = read_configuration(file, "model")
    try:
        pointer = pointer_in(config)
    except ValueError as error:
        raise _unreadable(file, "model", error) from None
    if pointer:
        raise refuse(f"{file}: {pointer}.")
    return config


def read_configuration(file: Path, what: str) -> dict[str, object]:
    """The configuration in a file; `what` it is of, for the sentence.

    Raises `UimonError` (`config_missing`) where there is none that can be read.
    """
    try:
        return read_object(file)
    except (OSError, ValueError) as error:
        raise _unreadable(file, what, error) from error


def _unreadable(file: Path, what: str, error: Exception) -> UimonError:
    return UimonError(Reason.CONFIG_MISSING, f"{file}: no readable {what} configuration ({error}).")


def compare(reference: Inventory, candidate: Inventory) -> Compatibility:
    """How `candidate` may follow in an engine that was started from `reference`.

    A changed configuration or tensor type is a legitimate other model and asks for a fresh engine. With an equal
    configuration the tensors have to be the same ones: raises `UimonError` (`weights_refused`) naming the first
    tensor that is missing, unknown, or of another shape.
    """
    if changed := _changed_keys(reference.config, candidate.config):
        return Compatibility(Fit.DIFFERENT, f"config.json changed in {', '.join(changed)}.")
    for name in sorted(reference.tensors.keys() | candidate.tensors.keys()):
        old, new = reference.tensors.get(name), candidate.tensors.get(name)
        if new is None:
            raise refuse(f"{candidate.path}: the tensor {name} is missing, which {reference.path.name} has.")
        if old is None:
            raise refuse(f"{candidate.path / new.file}: the tensor {name} is new; {reference.path.name} has none.")
        if old.shape != new.shape:
            raise refuse(
                f"{candidate.path / new.file}: the tensor {name} has shape {list(new.shape)}, "
                f"in {reference.path.name} it is {list(old.shape)}."
            )
    retyped = [name for name, new in candidate.tensors.items() if new.dtype != reference.tensors[name].dtype]
    if retyped:
        return Compatibility(
            Fit.DIFFERENT, f"The type of {retyped[0]} changed to {candidate.tensors[retyped[0]].dtype}."
        )
    return Compatibility(Fit.SAME)


def cold_only(config: Mapping[str, object], arguments: Mapping[str, object]) -> str | None:
    """Why the weights of a model with this configuration should not be changed in place; None where they may.

    `arguments` are the user's own for vLLM, which may quantize the weights as they are loaded.

    vLLM's layer-wise reload is known to corrupt hybrid Mamba models, and quantized and mixture-of-experts weights
    are rearranged after loading in ways that a header cannot show.
    """
    if arguments.get("quantization"):
        return "The weights are quantized."
    for part in (config, *(value for value in config.values() if isinstance(value, dict))):
        if part.get("quantization_config"):
            return "The weights are quantized."
        if is_mixture(part):
            return "The model is a mixture of experts."
        named = part.get("layer_types")
        layers = named if isinstance(named, list) else ()
        if _is_hybrid(part) or any("mamba" in str(layer) or "linear" in str(layer) for layer in layers):
            return "The model has state-space or linear-attention layers."
    return None


def is_mixture(config: Mapping[str, object]) -> bool:
    """Whether a model with this configuration has experts, by the words that their numbers go by."""
    return any("experts" in key and value not in (None, False, 0, 1) for key, value in config.items())


def _is_hybrid(config: Mapping[str, object]) -> bool:
    words = ("mamba", "ssm_", "hybrid_override", "linear_num_", "time_mix", "rglru")
    return any(key.startswith(words) for key in config) or "mamba" in str(config.get("model_type", ""))


def _weight_files(path: Path) -> tuple[list[Path], dict[str, set[str]] | None]:
    """The weight files, and what the index puts into each where it was the index that named them."""
    if (path / WEIGHTS).is_file():
        return [path / WEIGHTS], None
    if (path / INDEX).exists():
        index = _index(path)
        files = [path / name for name in sorted(index)]
        if missing := [file.name for file in files if not file.is_file()]:
            raise refuse(f"{path}: the shard {missing[0]}, named by {INDEX}, is missing.")
        return files, index
    files = weights_in(path)
    if not files:
        raise refuse(f"{path}: there is no *.safetensors file here; uimon loads safetensors weights only.")
    if len(files) > 1:
        raise refuse(f"{path}: {len(files)} *.safetensors files without {INDEX}, so nothing says which belong.")
    return files, None


def _index(path: Path) -> dict[str, set[str]]:
    """The names of the tensors in each file that the index names."""
    try:
        return read_index(path / INDEX)
    except StrayShardError as error:
        raise refuse(f"{path / INDEX} {error}; save it again.") from None
    except (OSError, ValueError) as error:
        raise refuse(f"{path / INDEX}: cannot be read ({error}); save the checkpoint again.") from error


def _check_index(path: Path, index: Mapping[str, set[str]], tensors: Mapping[str, Tensor]) -> None:
    """Refuse an index that names a tensor its shard lacks, or a shard with a tensor the index does not know."""
    held: dict[str, set[str]] = {shard: set() for shard in index}
    for name, tensor in tensors.items():
        held[tensor.file].add(name)
    for shard, due in sorted(index.items()):
        stray = first_misplaced(due, held[shard])
        if stray is not None and stray.lacking:
            raise refuse(f"{path / shard}: the tensor {stray.tensor}, which {INDEX} places here, is missing.")
        if stray is not None:
            raise refuse(f"{path / shard}: the tensor {stray.tensor} is not named by {INDEX}.")


def _changed_keys(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    keys = (old.keys() | new.keys()) - VOLATILE_CONFIG
    return sorted(key for key in keys if _steady(old.get(key)) != _steady(new.get(key)))


def _steady(value: object) -> object:
    """A nested configuration without its volatile keys."""
    if isinstance(value, dict):
        return {key: _steady(part) for key, part in value.items() if key not in VOLATILE_CONFIG}
    return value
