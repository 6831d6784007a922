"""What trainers leave in a checkpoint directory, told by names alone: which files an engine needs, what cannot be
served as it stands, and the command that converts it. Pure; nothing here opens a file.

Not covered: checkpoints of trainers that write neither Hugging Face's layout nor one of those named below.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from watcher.model import Kind, Reason

CONFIG = "config.json"
ADAPTER_CONFIG = "adapter_config.json"
TRAINER_STATE = "trainer_state.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
TEMPLATES = "additional_chat_templates"
"""The one subdirectory that belongs to the tokenizer."""

# Everything else in the directory is the optimizer's, the scheduler's or somebody's notes. Code (`*.py`) is left out
# on purpose: nothing from a checkpoint is ever executed.
SUPPORT = (
    CONFIG, ADAPTER_CONFIG, "generation_config.json", "*processor_config.json", "processor_config.json",
    "tokenizer*.json", "tokenizer.model*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt",
    "*.tiktoken", "tekken.json", "spiece.model", "sentencepiece*.model", "*.spm", "normalizer.json",
    "chat_template.*", f"{TEMPLATES}/*.jinja",
)  # fmt: skip
"""Patterns of the files beside the weights that an engine or its tokenizer may read."""

SHARDS = "model-*-of-*.safetensors"
WEIGHT_FILES = frozenset({WEIGHTS, INDEX, ADAPTER_WEIGHTS})
DEEPSPEED_SHARDS = ("*mp_rank_*_model_states.pt", "*mp_rank_*_optim_states.pt")
VERL_SHARDS = "model_world_size_*_rank_*.pt"
PICKLES = ("pytorch_model*.bin", "adapter_model.bin", "model*.pt", "model*.pth", "consolidated*.pth")


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A known layout that no engine loads as it is: `detail` is one sentence with the way out."""

    reason: Reason
    detail: str


def kind_of(names: Collection[str]) -> Kind:
    """What the weights in a directory of these file names are.

    An adapter's files decide even beside full weights: then the adapter is what was trained. While a checkpoint is
    being written the answer may still change, which is harmless: it is not complete either way.
    """
    return Kind.ADAPTER if ADAPTER_CONFIG in names or ADAPTER_WEIGHTS in names else Kind.FULL


def is_support(name: str) -> bool:
    """True for a file beside the weights that belongs to the model or its tokenizer.

    >>> [is_support(n) for n in ("tokenizer.json", "chat_template.jinja", "optimizer.pt", "training_args.bin")]
    [True, True, False, False]
    """
    return any(fnmatchcase(name, pattern) for pattern in SUPPORT)


def holds_weights(names: Collection[str]) -> bool:
    """True where at least a part of loadable weights is there, so that they are what the directory is about.

    >>> holds_weights({"model-00001-of-00002.safetensors"}), holds_weights({"consolidated.safetensors"})
    (True, False)
    """
    return not WEIGHT_FILES.isdisjoint(names) or any(fnmatchcase(name, SHARDS) for name in names)


def folders_with_weights(folders: Mapping[str, Collection[str]]) -> list[str]:
    """Which of a checkpoint's folders hold loadable weights: PEFT gives each adapter that has a name of its own a
    folder of that name, and other trainers put the model beside the optimizer's.
    """
    return sorted(folder for folder, names in folders.items() if may_hold_model(folder) and holds_weights(names))


def may_hold_model(folder: str) -> bool:
    """False for folders that hold the optimizer's, or sharded weights: hundreds of large files.

    >>> [may_hold_model(folder) for folder in ("ui", "global_step500", "optimizer_0")]
    [True, False, False]
    """
    return not folder.startswith(("global_step", "optim", "pytorch_model_fsdp", "."))


def was_sharded(names: Collection[str], folders: Collection[str]) -> bool:
    """True where DeepSpeed left its shards, too: what it did not gather is in them, and not in the weight files."""
    return "zero_to_fp32.py" in names or any(fnmatchcase(folder, "global_step*") for folder in folders)


def not_gathered(path: Path, name: str) -> Unsupported:
    """Weight files that DeepSpeed ZeRO-3 left without the tensors."""
    return Unsupported(
        Reason.DEEPSPEED_ZERO,
        f"{name} in {path.name} holds no weights, because DeepSpeed ZeRO-3 did not gather its shards into it: set "
        f"`stage3_gather_16bit_weights_on_model_save` to true in the DeepSpeed configuration and save again; what was "
        f"trained is in the shards beside it, from which `zero_to_fp32.py` recovers it.",
    )


def find_unsupported(path: Path, names: Collection[str], folders: Mapping[str, Collection[str]]) -> Unsupported | None:
    """Which known layout without loadable weights this is; None where it is none of them.

    `names` are the directory's files, `folders` its subdirectories with their file names. The converters write to
    a new directory, never into the trainer's.
    """
    if "zero_to_fp32.py" in names:
        return _deepspeed(path)
    for folder in sorted(folders):
        if folder.startswith("pytorch_model_fsdp"):
            return _fsdp(path, folder)
    if _is_dcp(names):
        return _dcp(path, path)
    for folder in sorted(folders):
        # Beside its weights every one of these trainers keeps its optimizer in the same format.
        if _is_dcp(folders[folder]) and not folder.startswith("optim"):
            return _dcp(path, path / folder)
    if pickled := pickles(names):
        return _pickle(path, pickled[0])
    # The script that recovers the weights lies beside them, unless somebody has left it out of a copy.
    if _is_deepspeed(names):
        return _deepspeed_alone(path, path.parent, path.name)
    tags = [folder for folder in sorted(folders) if _is_deepspeed(folders[folder])]
    return _deepspeed_alone(path, path, tags[-1]) if tags else None


def find_verl(path: Path, folders: Mapping[str, Collection[str]]) -> Unsupported | None:
    """The shards that verl leaves of a policy, where it was not told to leave a model too (`hf_model`)."""
    sharded = [folder for folder, names in folders.items() if any(fnmatchcase(n, VERL_SHARDS) for n in names)]
    backend = "fsdp"
    if not sharded:
        # Megatron's shards are in a folder of their own, beside the configuration.
        sharded, backend = [f for f, names in folders.items() if {"dist_ckpt", "huggingface"} <= set(names)], "megatron"
    if not sharded:
        return None
    source = path / ("actor" if "actor" in sharded else min(sharded))
    command = f"python -m verl.model_merger merge --backend {backend} --local_dir {shlex.quote(str(source))}"
    return Unsupported(
        Reason.FSDP_SHARDED,
        f"{path.name} holds verl's shards and no weights an engine can load: run `{command} --target_dir "
        f"{_converted(path)}` and evaluate that, or let verl save a model too, with 'hf_model' in "
        f"`actor_rollout_ref.actor.checkpoint.save_contents`.",
    )


def pickles(names: Collection[str]) -> list[str]:
    """Files that hold pickled weights."""
    return sorted(name for name in names if any(fnmatchcase(name, pattern) for pattern in PICKLES))


def _is_dcp(names: Collection[str]) -> bool:
    return ".metadata" in names and any(name.endswith(".distcp") for name in names)


def _converted(path: Path) -> str:
    return shlex.quote(f"{path.name}-converted")


def _deepspeed(path: Path) -> Unsupported:
    script, source = shlex.quote(str(path / "zero_to_fp32.py")), shlex.quote(str(path))
    return Unsupported(
        Reason.DEEPSPEED_ZERO,
        f"{path.name} holds DeepSpeed ZeRO shards and no weights an engine can load: run `python {script} {source} "
        f"{_converted(path)} --safe_serialization`, copy its config and tokenizer files there and evaluate that, or "
        f"set `stage3_gather_16bit_weights_on_model_save` to true in the DeepSpeed configuration.",
    )


def _is_deepspeed(names: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in DEEPSPEED_SHARDS)


def _deepspeed_alone(path: Path, source: Path, tag: str) -> Unsupported:
    """DeepSpeed's shards without its script: its package has the same one."""
    command = f"python -m deepspeed.utils.zero_to_fp32 {shlex.quote(str(source))} {_converted(path)}"
    return Unsupported(
        Reason.DEEPSPEED_ZERO,
        f"{path.name} holds DeepSpeed's shards and no weights an engine can load: run `{command} --tag "
        f"{shlex.quote(tag)} --safe_serialization`, copy its config and tokenizer files there and evaluate that, or "
        f"set `stage3_gather_16bit_weights_on_model_save` to true in the DeepSpeed configuration.",
    )


def _fsdp(path: Path, folder: str) -> Unsupported:
    source = shlex.quote(str(path / folder))
    return Unsupported(
        Reason.FSDP_SHARDED,
        f"{path.name} holds FSDP's sharded weights: run `accelerate merge-weights {source} {_converted(path)}`, put "
        f"the model's config and tokenizer files there and evaluate that, or train with "
        f"`fsdp_state_dict_type: FULL_STATE_DICT`.",
    )


def _dcp(path: Path, source: Path) -> Unsupported:
    command = f"python -m torch.distributed.checkpoint.format_utils dcp_to_torch {shlex.quote(str(source))}"
    return Unsupported(
        Reason.TORCH_DCP,
        f"{path.name} holds a torch distributed checkpoint: run `{command} {_converted(path)}.pt`, load that into "
        f"the model and call `save_pretrained`, and evaluate the directory that this writes.",
    )


def _pickle(path: Path, name: str) -> Unsupported:
    return Unsupported(
        Reason.PICKLE_WEIGHTS,
        f"{path.name} has its weights in {name}, a pickle, which is refused because reading one can run code: train "
        f"with `save_safetensors=True`, or load it where you trust it and call "
        f"`save_pretrained(..., safe_serialization=True)` into a new directory.",
    )
