"""The user's own vLLM arguments (`--engine-args`), read by vLLM's own parser. Runs in the engine host.

What would take a promise of uimon's away is refused by name: weights that are not those of the checkpoint, formats
other than safetensors, code from a checkpoint, and whatever has a flag of uimon's own, which would then be said twice.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from typing import NoReturn

from watcher.model import Reason, UimonError

# Arguments that uimon has a flag for.
_FLAGS: Mapping[str, str] = {
    "model": "CKPTS",
    "tokenizer": "--tokenizer",
    "dtype": "--dtype",
    "max_model_len": "--max-model-len",
    "max_num_seqs": "--max-num-seqs",
    "gpu_memory_utilization": "--gpu-memory-utilization",
    "tensor_parallel_size": "--tensor-parallel",
    "seed": "--seed",
    "device_ids": "--gpu",
}
# Arguments whose value uimon's checks rest on.
_OWNED = frozenset(
    {
        "config_format",
        "convert",
        "default_mm_loras",
        "enable_lora",
        "ec_transfer_config",
        "enable_sleep_mode",
        "generation_config",
        "hf_config_path",
        "hf_overrides",
        "hf_token",
        "ignore_patterns",
        "io_processor_plugin",
        # What is kept outside the engine's own cache is not dropped with it: keys of former weights would be used.
        "kv_offloading_backend",
        "kv_offloading_size",
        "kv_transfer_config",
        "logits_processors",
        "logprobs_mode",
        "lora_dtype",
        "lora_target_modules",
        "max_cpu_loras",
        "max_lora_rank",
        "max_loras",
        "model_class_overrides",
        "model_loader_extra_config",
        "model_weights",
        "override_generation_config",
        "revision",
        "reasoning_parser_plugin",
        "runner",
        "scheduler_cls",
        "skip_tokenizer_init",
        "tokenizer_mode",
        "tokenizer_revision",
        "trust_remote_code",
        "weight_transfer_config",
        "worker_cls",
        "worker_extension_cls",
    }
)
# Ways of loading that read safetensors and nothing else.
_LOADERS = ("safetensors", "fastsafetensors", "instanttensor", "runai_streamer")


def parse_arguments(text: str) -> dict[str, object]:
    """The arguments of `vllm.LLM` that `text` gives, and only those; values have the types that vLLM gives them.

    Raises `UimonError` (`config_invalid`) with vLLM's own words where its parser refuses `text`, and for arguments
    that uimon sets itself.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise _refuse(f"cannot be split into words ({error})") from error
    if any(word.split("=")[0] == "--config" for word in words):
        raise _refuse("a --config file may change unnoticed; give its arguments here instead")
    given = _parse(words) if words else {}
    for name in sorted(given):
        if name in _FLAGS:
            raise _refuse(f"{name} is given by {_FLAGS[name]}; use that")
        if name in _OWNED or name.startswith("data_parallel"):
            raise _refuse(f"uimon sets {name} itself; leave it out")
    if given.get("load_format", _LOADERS[0]) not in _LOADERS:
        raise _refuse(f"load_format {given['load_format']} may read other than safetensors; use {', '.join(_LOADERS)}")
    return given


def plain(arguments: Mapping[str, object]) -> dict[str, str | int | float | bool | None]:
    """The same arguments with values that fit into a message: what is no plain value is written out."""
    return {n: v if isinstance(v, str | int | float | bool | None) else str(v) for n, v in arguments.items()}


def _parse(words: list[str]) -> dict[str, object]:
    from dataclasses import fields

    from vllm.engine.arg_utils import EngineArgs
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    class Parser(FlexibleArgumentParser):  # type: ignore[misc]
        def error(self, message: str) -> NoReturn:
            raise _refuse(f"vLLM says: {message}")

    parser = EngineArgs.add_cli_args(Parser(add_help=False))
    for action in parser._actions:
        action.default = argparse.SUPPRESS
    known = {field.name for field in fields(EngineArgs)}
    try:
        given: dict[str, object] = vars(parser.parse_args(words))
    except (ValueError, TypeError, OSError) as error:
        raise _refuse(f"vLLM says: {' '.join(str(error).split())}") from error
    if strange := sorted(given.keys() - known):
        raise _refuse(f"{strange[0]} is not an argument of the engine")
    return given


def _refuse(what: str) -> UimonError:
    return UimonError(Reason.CONFIG_INVALID, f"--engine-args: {what[:400]}.")
