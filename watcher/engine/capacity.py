"""How many sequences an engine should run at once (vLLM's `max_num_seqs`), from the model and the memory.

An estimate, made before an engine starts. vLLM itself measures what is left for its cache of keys and values, and
preempts sequences while that is full, to compute them again later: a number too high or too low costs time, never
correctness. It depends on nothing that changes from one start to the next, above all not on the memory that happens
to be free: how many sequences share a batch shows in the last bits of a GPU's arithmetic, so another number after a
restart would make samples of one run differ that are the same otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from watcher.engine.model_files.inventory import Tensor
from watcher.model import Reason, UimonError

MOST_SEQUENCES = 256
"""vLLM 0.32's own default for GPUs below 70 GiB, the A100, and one CPU process (`EngineArgs.get_batch_defaults`; it
is 1024 for larger GPUs, where it serves many users). Each sequence takes its share of the sampler's memory."""
SEQUENCES_UNKNOWN = 64
"""Where the cache cannot be computed. A medium batch: models that are not understood here mostly cache less."""
DEFAULT_UTILIZATION = 0.92
"""vLLM 0.32's default of `gpu_memory_utilization`, a share of the GPU's total memory."""
WORKSPACE_BYTES = 3 * 2**30
"""What an engine takes beside weights and cache on each GPU: activations, CUDA's own memory, libraries' buffers.
vLLM's profile of an 8 B model on an H100 (pull request 10511 of vllm-project/vllm) shows 1.26 and 1.79 GiB."""
CPU_CACHE_SPACE = "VLLM_CPU_KVCACHE_SPACE"
CPU_CACHE_GIB = 1
"""Memory for the cache on a CPU; vLLM's CPU build takes half of the machine's without a number."""
CONTEXT_STEP = 16
"""Contexts come in steps of so many tokens."""
STEADY = 0.95
"""The share of what the cache of a GPU holds at one start that it is relied on to hold at every later one: what else
takes its memory differs by tens of MiB from start to start, in caches of a few GiB."""
_CAST = frozenset({"F16", "BF16", "F32", "F64"})


def cpu_cache_gib(environ: Mapping[str, str]) -> int:
    """Memory for the cache on a CPU, in GiB, as `VLLM_CPU_KVCACHE_SPACE` has it; empty is not set.

    Raises UimonError(CONFIG_INVALID) for what vLLM does not read, which are all but whole numbers.
    """
    said = environ.get(CPU_CACHE_SPACE, "").strip() or str(CPU_CACHE_GIB)
    if not said.isascii() or not said.isdecimal() or int(said) < 1:
        sentence = f"{CPU_CACHE_SPACE} is {said!r}, but vLLM takes whole GiB only: set it to 1 or more, or unset it."
        raise UimonError(Reason.CONFIG_INVALID, sentence)
    return int(said)


def steady_context(fits: int, *, shared: bool) -> int:
    """The context to go on with where the cache holds `fits` tokens; `shared` on a GPU, whose memory others use too.

    >>> steady_context(8064, shared=False), steady_context(8064, shared=True)
    (8064, 7648)
    """
    return int(fits * (STEADY if shared else 1)) // CONTEXT_STEP * CONTEXT_STEP


def element_bytes(dtype: str) -> int:
    """Bytes of one element in an engine of precision `dtype`, and so in its cache.

    `auto` is 2 whatever the model's own precision: vLLM serves float32 models in 16 bits unless told otherwise.
    """
    return 4 if dtype.lower() in ("float", "float32") else 2


def weights_bytes(tensors: Iterable[Tensor], dtype: str = "auto") -> int:
    """Bytes of a model's weights once they are loaded: in the engine's precision, except for quantized ones."""
    width = element_bytes(dtype)
    return sum(math.prod(t.shape) * width if t.dtype in _CAST else t.end - t.begin for t in tensors)


def gpu_cache_bytes(total_bytes: int, utilization: float | None, weights: int, shards: int = 1) -> int | None:
    """Bytes that each GPU of an engine has for its cache; None where `total_bytes` is 0, which means unknown.

    `total_bytes` is the GPU's whole memory (the smallest one's of several), `utilization` vLLM's share of it (None:
    its default), `weights` the loaded model's bytes, evenly spread over `shards` GPUs.

    >>> gpu_cache_bytes(80 * 2**30, 0.9, 15 * 2**30) // 2**30
    54
    """
    if not total_bytes:
        return None
    share = DEFAULT_UTILIZATION if utilization is None else utilization
    return max(0, int(total_bytes * share) - weights // shards - WORKSPACE_BYTES)


def sequences_at_once(
    config: Mapping[str, object],
    *,
    cache_bytes: int | None,
    context: int,
    wanted: int,
    shards: int = 1,
    dtype: str = "auto",
) -> int:
    """As many sequences of full length as the cache holds, from 1 to `wanted` and `MOST_SEQUENCES`.

    `config` is the model's config.json. `cache_bytes` is the cache of one GPU: `gpu_cache_bytes`, or on a CPU what
    VLLM_CPU_KVCACHE_SPACE gives each process; None is unknown. `context` is the engine's, in tokens; `shards` its
    `tensor_parallel_size`. Without `cache_bytes`, or for a model whose cache is not computed from its configuration
    (state-space models, multi-head latent attention), `SEQUENCES_UNKNOWN` stands in.

    >>> qwen = {"num_hidden_layers": 28, "hidden_size": 3584, "num_attention_heads": 28, "num_key_value_heads": 4}
    >>> sequences_at_once(qwen, cache_bytes=56 * 2**30, context=8192, wanted=1000)
    128
    """
    token_bytes = cache_elements(config, shards) * element_bytes(dtype)
    if cache_bytes is None or not token_bytes:
        return min(wanted, SEQUENCES_UNKNOWN)
    return max(1, min(cache_bytes // token_bytes // context, wanted, MOST_SEQUENCES))


def cache_elements(config: Mapping[str, object], shards: int = 1) -> int:
    """Numbers that each GPU caches for a token: a key and a value of every head in every layer; 0 where unknown.

    As vLLM has it, GPUs share the key-value heads evenly, and each keeps at least one. Layers that cache less
    (sliding window, linear attention) are counted in full, which errs towards fewer sequences.

    >>> cache_elements({"num_hidden_layers": 3, "hidden_size": 128, "num_attention_heads": 4})
    768
    """
    part = text_part(config)
    if part.get("kv_lora_rank"):  # latent attention: one compressed vector in place of the heads
        return 0
    layers, heads, hidden = (_count(part, key) for key in ("num_hidden_layers", "num_attention_heads", "hidden_size"))
    if not heads:
        return 0
    head_dim = _count(part, "head_dim") or hidden // heads
    kv_heads = _count(part, "num_key_value_heads") or heads
    return 2 * layers * max(1, kv_heads // shards) * head_dim


def text_part(config: Mapping[str, object]) -> Mapping[str, object]:
    """What a configuration says of the model of text, which may be one of several inside it."""
    text = config.get("text_config")
    return text if isinstance(text, Mapping) else config


def _count(config: Mapping[str, object], key: str) -> int:
    """A positive number in a configuration; 0 where it is absent, null or anything else."""
    value = config.get(key)
    return value if isinstance(value, int) and value > 0 else 0
