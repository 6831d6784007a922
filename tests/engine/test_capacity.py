from __future__ import annotations

from typing import Any

import pytest

from watcher.engine.capacity import (
    MOST_SEQUENCES,
    SEQUENCES_UNKNOWN,
    cache_elements,
    element_bytes,
    gpu_cache_bytes,
    sequences_at_once,
    weights_bytes,
)
from watcher.engine.model_files.inventory import Tensor

GIB = 2**30
# From the models' public config.json.
QWEN_7B = {
    "hidden_size": 3584,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "torch_dtype": "bfloat16",
}
QWEN_HALF_B = {"hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2}
LLAMA_8B = {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8}
QWEN3_06B = {
    "hidden_size": 1024,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
}


@pytest.mark.parametrize(
    ("config", "shards", "by_hand"),
    [
        (QWEN_7B, 1, 2 * 28 * 4 * 128),
        (QWEN_7B, 2, 2 * 28 * 2 * 128),
        (QWEN_7B, 4, 2 * 28 * 1 * 128),
        (QWEN_7B, 7, 2 * 28 * 1 * 128),  # more GPUs than heads: each still keeps one
        (QWEN_HALF_B, 1, 2 * 24 * 2 * 64),
        (QWEN3_06B, 1, 2 * 28 * 8 * 128),  # head_dim is its own, not 1024 / 16
        ({**QWEN_7B, "num_key_value_heads": None}, 1, 2 * 28 * 28 * 128),
        ({**QWEN_7B, "head_dim": None}, 1, 2 * 28 * 4 * 128),
        ({"text_config": QWEN_7B, "vision_config": {"num_hidden_layers": 99}}, 1, 2 * 28 * 4 * 128),
    ],
)
def test_what_a_token_takes_in_the_cache(config: dict[str, Any], shards: int, by_hand: int) -> None:
    assert cache_elements(config, shards) == by_hand


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"num_hidden_layers": 28, "hidden_size": 3584},
        {"num_attention_heads": 28, "hidden_size": 3584},
        {"num_hidden_layers": 28, "num_attention_heads": 28},
        {**QWEN_7B, "num_hidden_layers": "28"},
        {**QWEN_7B, "num_attention_heads": [28, 14]},
        {"model_type": "mamba", "hidden_size": 768, "num_hidden_layers": 24, "state_size": 16},
        {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12},
        {**QWEN_7B, "kv_lora_rank": 512},
        {**QWEN_7B, "text_config": {"num_hidden_layers": 28}},
    ],
)
def test_a_model_whose_cache_is_not_known_gets_a_medium_batch(config: dict[str, Any]) -> None:
    assert sequences_at_once(config, cache_bytes=500 * GIB, context=1, wanted=1000) == SEQUENCES_UNKNOWN
    assert sequences_at_once(config, cache_bytes=1, context=8192, wanted=3) == 3


def test_a_7b_model_on_an_80_gib_gpu() -> None:
    # 80 x 0.9 - 15 - 3 = 54 GiB; a token takes 2 x 28 x 4 x 128 x 2 bytes = 56 KiB, so 1,011,126 of them fit.
    cache = gpu_cache_bytes(80 * GIB, 0.9, 15 * GIB)
    assert cache == 54 * GIB
    assert sequences_at_once(QWEN_7B, cache_bytes=cache, context=8192, wanted=1000) == 123
    assert sequences_at_once(QWEN_7B, cache_bytes=cache, context=16384, wanted=1000) == 61
    assert sequences_at_once(QWEN_7B, cache_bytes=cache, context=8192, wanted=64) == 64
    assert sequences_at_once(QWEN_7B, cache_bytes=cache, context=512, wanted=1000) == MOST_SEQUENCES
    assert sequences_at_once(QWEN_7B, cache_bytes=cache, context=8192, wanted=1000, dtype="float32") == 61


def test_two_gpus_hold_more_than_twice_as_many_sequences() -> None:
    # Each has 72 - 7.5 - 3 = 61.5 GiB for half of the heads: 28 KiB a token.
    cache = gpu_cache_bytes(80 * GIB, 0.9, 15 * GIB, 2)
    assert cache == 123 * GIB // 2
    assert sequences_at_once(QWEN_7B, cache_bytes=cache, context=16384, wanted=1000, shards=2) == 140


@pytest.mark.parametrize(("shards", "measured_gib"), [(1, 53.29), (2, 58.97)])
def test_the_estimate_is_near_what_vllm_measured_for_an_8b_model_on_an_h100(shards: int, measured_gib: float) -> None:
    # vLLM's pull request 10511: 79.22 GiB x 0.90, weights 14.96 GiB; the rest it left for the cache.
    cache = gpu_cache_bytes(int(79.22 * GIB), 0.9, int(14.96 * GIB), shards)
    assert cache == pytest.approx(measured_gib * GIB, rel=0.05)


def test_on_a_cpu_the_cache_is_given() -> None:
    # 2**30 / (2 x 24 x 2 x 64 x 2) = 87,381 tokens.
    assert sequences_at_once(QWEN_HALF_B, cache_bytes=GIB, context=8192, wanted=64) == 10
    assert sequences_at_once(QWEN_HALF_B, cache_bytes=GIB, context=8192, wanted=64, shards=2) == 21


def test_one_sequence_is_the_least() -> None:
    assert gpu_cache_bytes(24 * GIB, None, 60 * GIB) == 0
    assert sequences_at_once(QWEN_7B, cache_bytes=0, context=8192, wanted=64) == 1


def test_without_a_share_vllms_own_counts() -> None:
    assert gpu_cache_bytes(100 * GIB, None, 0) == 92 * GIB - 3 * GIB


def test_memory_that_the_driver_does_not_tell_gives_a_medium_batch() -> None:
    assert gpu_cache_bytes(0, None, 15 * GIB) is None
    assert sequences_at_once(QWEN_7B, cache_bytes=None, context=8192, wanted=1000) == SEQUENCES_UNKNOWN


@pytest.mark.parametrize(
    ("dtype", "width"), [("auto", 2), ("bfloat16", 2), ("float16", 2), ("float32", 4), ("Float", 4)]
)
def test_an_engine_is_in_16_bits_unless_told_otherwise(dtype: str, width: int) -> None:
    assert element_bytes(dtype) == width


def test_weights_count_as_the_engine_holds_them() -> None:
    tensors = [
        Tensor("m.safetensors", "F32", (10, 3), 0, 120),
        Tensor("m.safetensors", "BF16", (5,), 120, 130),
        Tensor("m.safetensors", "F8_E4M3", (7,), 130, 137),
        Tensor("m.safetensors", "BF16", (), 137, 139),
    ]
    assert weights_bytes(tensors) == 60 + 10 + 7 + 2
    assert weights_bytes(tensors, "float32") == 120 + 20 + 7 + 4
