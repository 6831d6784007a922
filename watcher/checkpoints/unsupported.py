"""Checkpoints that no engine loads as they are, told by names alone, and the command that converts each. Pure; nothing
here opens a file.

Not covered: checkpoints of trainers that write neither Hugging Face's layout nor one of those named below.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from watcher.checkpoints.layouts.files import pickles
from watcher.model import Reason

DEEPSPEED_SHARDS = ("*mp_rank_*_model_states.pt", "*mp_rank_*_optim_states.pt")
VERL_SHARDS = "model_world_size_*_rank_*.pt"


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A known layout that no engine loads as it is: `detail` is one sentence with the way out."""

    reason: Reason
    detail: str


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
