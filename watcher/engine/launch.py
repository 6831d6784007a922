"""How `vllm.LLM` is started for a model: context, sequences at once, and the arguments that uimon's checks rest on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from watcher.engine.capacity import cpu_cache_gib, gpu_cache_bytes, sequences_at_once, text_part, weights_bytes
from watcher.engine.model_files.adapters import adaptable_modules
from watcher.engine.model_files.inventory import Inventory
from watcher.engine.model_files.plausible import LONGEST_CONTEXT
from watcher.engine.model_files.textmodels import is_wrapper
from watcher.engine.types import EngineSettings, PromptSpec, Sampling
from watcher.system.files import whole
from watcher.system.mounts import network_file_system

# Log-probabilities of a whole prompt chunk are held in fp32 over the vocabulary: 2,048 tokens by 152,000 words are
# 1.2 GB, vLLM's default for a large GPU would be four to eight times that.
STEP_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Demand:
    """What an evaluation asks of an engine: `context` in tokens, and `samples` that could run at the same time."""

    context: int
    samples: int


def demand(prompts: Sequence[PromptSpec], sampling: Sampling, context: int) -> Demand:
    """What these prompts, their answers and their references need of a model with `context` tokens of context.

    The context comes in steps of 16, and is the model's at most.
    """
    needed = 0
    for prompt in prompts:
        answer = len(prompt.token_ids) + sampling.max_tokens if prompt.sampled else 0
        # One token more than the reference: scoring a text has vLLM generate one.
        needed = max(needed, answer, prompt.longest + 1)
    return Demand(min(context, -(-needed // 16) * 16), max(1, sum(p.sampled for p in prompts) * sampling.n))


def sequences_for(settings: EngineSettings, origin: Inventory, context: int | None, samples: int) -> int:
    """How many samples to generate at the same time: the user's number, else what the memory holds."""
    if settings.max_num_seqs is not None:
        return settings.max_num_seqs
    shards, share = settings.tensor_parallel, settings.gpu_memory_utilization
    if settings.gpu_bytes is None:
        cache: int | None = cpu_cache_gib(os.environ) * 2**30
    else:
        weights = weights_bytes(origin.tensors.values(), settings.dtype)
        cache = gpu_cache_bytes(settings.gpu_bytes, share, weights, shards)
    stated = whole(text_part(origin.config).get("max_position_embeddings"), LONGEST_CONTEXT)
    return sequences_at_once(
        origin.config,
        cache_bytes=cache,
        context=context or stated or STEP_TOKENS,
        wanted=samples,
        shards=shards,
        dtype=settings.dtype,
    )


def vllm_arguments(
    settings: EngineSettings, origin: Inventory, tokenizer: Path, context: int | None, sequences: int, rank: int
) -> dict[str, object]:
    """The arguments of `vllm.LLM` for the full model `origin`; with a `rank`, for adapters over it."""
    args: dict[str, object] = {
        "model": str(origin.path),
        "tokenizer": str(tokenizer),
        "dtype": settings.dtype,
        "seed": 0,
        "max_num_seqs": sequences,
        "max_num_batched_tokens": max(STEP_TOKENS, sequences),
        "trust_remote_code": False,
        "load_format": "safetensors",
        # Beside Mistral's own files vLLM would take the model's settings from params.json.
        "config_format": "hf",
        # The checkpoint's own temperature or penalty must not enter the sampling.
        "generation_config": "vllm",
        # Reused prefixes change the arithmetic with the order of the requests.
        "enable_prefix_caching": False,
        "worker_extension_cls": "watcher.engine.host.worker_extension.WorkerExtension",
    }
    if not _has_parts(origin.config):
        # Prompts are ids and so are answers: a class that cannot be loaded, or gives other ids, is none of vLLM's
        # business. Only the processors of models for more than text ask for a tokenizer.
        args["skip_tokenizer_init"] = True
    if is_wrapper(origin.config):
        # Prompts are text. Without this a file for the processor of images would have to be there.
        args["language_model_only"] = True
    if context is not None:
        args["max_model_len"] = context
    if settings.gpu_memory_utilization is not None:
        args["gpu_memory_utilization"] = settings.gpu_memory_utilization
    if settings.tensor_parallel > 1:
        args |= {"tensor_parallel_size": settings.tensor_parallel, "distributed_executor_backend": "mp"}
    # A view links to the weights where they lie.
    if network_file_system((origin.path / next((t.file for t in origin.tensors.values()), "")).resolve()):
        args["safetensors_load_strategy"] = "prefetch"
    if rank:
        args |= {"enable_lora": True, "max_lora_rank": rank, "max_loras": 1, "max_cpu_loras": 1}
        args["lora_target_modules"] = adaptable_modules(origin)
    return args


def _has_parts(config: Mapping[str, object]) -> bool:
    """True for a model of several models, such as one for images and one for text.

    >>> [_has_parts(c) for c in ({"vision_config": {}}, {"quantization_config": {}, "vocab_size": 9})]
    [True, False]
    """
    return any(name.endswith("_config") and name != "quantization_config" for name in config)
