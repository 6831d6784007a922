"""What an engine is started with; headers only, no engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.engine.weights import tiny_checkpoint
from watcher.engine.host.runner import cpu_args
from watcher.engine.launch import Demand, demand, sequences_for, vllm_arguments
from watcher.engine.model_files.inventory import Inventory, read_inventory
from watcher.engine.types import EngineSettings, PromptSpec, Sampling

SAMPLING = Sampling(max_tokens=100, temperature=0.0, top_p=1.0, seed=0, n=3)
PROMPTS = (PromptSpec("a", "", tuple(range(40)), tuple(range(20)), 9), PromptSpec("b", "", (1, 2)))
SHAPE = {"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2, "max_position_embeddings": 1024}


@pytest.fixture
def origin(tmp_path: Path) -> Inventory:
    return read_inventory(tiny_checkpoint(tmp_path / "model", **SHAPE))


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    return EngineSettings(state_dir=tmp_path)


def test_the_context_is_what_the_longest_prompt_and_its_answer_need() -> None:
    assert demand(PROMPTS, SAMPLING, 4096) == Demand(context=144, samples=6)
    assert demand(PROMPTS, SAMPLING, 128).context == 128
    long_reference = (replace(PROMPTS[0], reference_ids=tuple(range(200))),)
    assert demand(long_reference, SAMPLING, 4096).context == 256


def test_the_users_number_of_sequences_stands(settings: EngineSettings, origin: Inventory) -> None:
    assert sequences_for(replace(settings, max_num_seqs=7), origin, 64, 500) == 7


def test_sequences_follow_from_memory_and_context(
    settings: EngineSettings, origin: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    # 2 layers × K and V × 8 numbers × 2 bytes are 64 bytes a token.
    assert sequences_for(settings, origin, 2**17, 500) == 2**30 // 64 // 2**17
    assert sequences_for(settings, origin, None, 500) == 256
    assert sequences_for(settings, origin, 1024, 5) == 5
    # On a GPU the machine's setting for CPUs means nothing.
    assert sequences_for(replace(settings, gpu_bytes=80 * 2**30), origin, 1024, 500) == 256


def test_arguments_keep_what_the_checks_rest_on(settings: EngineSettings, origin: Inventory, tmp_path: Path) -> None:
    args = vllm_arguments(settings, origin, tmp_path, 144, 6, 0)
    assert args["model"] == str(origin.path)
    assert (args["load_format"], args["trust_remote_code"], args["generation_config"]) == ("safetensors", False, "vllm")
    assert (args["max_model_len"], args["max_num_seqs"]) == (144, 6)
    assert not args.keys() & {"enable_lora", "tensor_parallel_size", "gpu_memory_utilization"}


def test_only_a_model_for_more_than_text_gets_its_tokenizer_loaded_by_vllm(
    settings: EngineSettings, origin: Inventory, tmp_path: Path
) -> None:
    assert vllm_arguments(settings, origin, tmp_path, 144, 6, 0)["skip_tokenizer_init"] is True
    seeing = replace(origin, config={**origin.config, "vision_config": {}})
    assert "skip_tokenizer_init" not in vllm_arguments(settings, seeing, tmp_path, 144, 6, 0)


def test_arguments_follow_the_settings(settings: EngineSettings, origin: Inventory, tmp_path: Path) -> None:
    asked = replace(settings, tensor_parallel=2, gpu_memory_utilization=0.5, dtype="float32")
    args = vllm_arguments(asked, origin, tmp_path, None, 6, 16)
    assert (args["tensor_parallel_size"], args["gpu_memory_utilization"], args["dtype"]) == (2, 0.5, "float32")
    assert "max_model_len" not in args
    assert (args["enable_lora"], args["max_lora_rank"], args["max_loras"]) == (True, 16, 1)
    assert args["lora_target_modules"] == ["k_proj", "q_proj", "v_proj"]


def test_on_a_cpu_rotary_positions_are_not_left_to_the_kernel_that_turns_heads_wrongly() -> None:
    own = SimpleNamespace(custom_ops=["+rms_norm"])
    for _ in range(2):
        assert cpu_args({"compilation_config": own})["compilation_config"].custom_ops == [
            "+rms_norm",
            "-rotary_embedding",
        ]
    assert cpu_args({})["compilation_config"] == {"custom_ops": ["-rotary_embedding"]}
