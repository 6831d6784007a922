"""Configurations that would have an engine load anything but the files beside them, and those that would not."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.weights import tiny_checkpoint
from tests.support.looking import inspect
from watcher.checkpoints import pointers
from watcher.checkpoints.pointers import POINTERS, TAKEN_OUT, pointer_in, without_pointers
from watcher.engine.model_files.inventory import read_inventory
from watcher.model import Condition, Reason, UimonError

SPECULATORS = {
    "speculators_model_type": "eagle3",
    "speculators_config": {
        "algorithm": "eagle3",
        "proposal_methods": [{"proposal_type": "greedy", "speculative_tokens": 3}],
        "verifier": {"name_or_path": "/models/other", "architectures": ["LlamaForCausalLM"]},
    },
    "transformer_layer_config": {"model_type": "llama"},
}
WAYS: list[tuple[str, dict[str, Any], str]] = [
    ("speculators_config", SPECULATORS, "'/models/other'"),
    ("speculators_config", {"speculators_config": {}}, "another model"),
    ("speculators_model_type", {"speculators_model_type": "dflash"}, "drafter"),
    *(("model_type", {"model_type": kind}, "drafter") for kind in ("eagle", "medusa", "speculators", "mlp_speculator")),
    *(
        ("architectures", {"architectures": [kind]}, "drafter")
        for kind in (
            *("EagleLlamaForCausalLM", "Eagle3LlamaForCausalLM", "LlamaForCausalLMEagle3", "PEagleDraftModel"),
            *("MedusaModel", "MLPSpeculatorPreTrainedModel", "DeepSeekMTPModel", "Qwen3NextMTP", "DFlashDraftModel"),
            *("Gemma4DSparkModel", "ExtractHiddenStatesModel", "PeagleQwen3ForCausalLM", "MuseGlimmerAssistantModel"),
        )
    ),
    ("configuration_files", {"configuration_files": ["config.4.0.0.json"]}, "another configuration"),
    ("transformers_weights", {"transformers_weights": "other.safetensors"}, "'other.safetensors'"),
    ("text_model_id", {"model_type": "ultravox", "text_model_id": "acme/other"}, "'acme/other'"),
    ("audio_model_id", {"audio_model_id": "/models/whisper"}, "'/models/whisper'"),
    ("vision_config.backbone", {"vision_config": {"backbone": "timm/resnet50"}}, "'timm/resnet50'"),
    ("attn_implementation", {"attn_implementation": "kernels-community/flash-attn"}, "code"),
    ("_attn_implementation", {"_attn_implementation": "acme/evil@main:run"}, "code"),
    ("text_config._attn_implementation", {"text_config": {"_attn_implementation": "acme/evil"}}, "code"),
    ("attn_implementation", {"attn_implementation": {"text_config": "acme/evil"}}, "code"),
    ("experts_implementation", {"experts_implementation": "acme/experts"}, "code"),
    ("parts.model.text_model_id", {"parts": [{"model": {"text_model_id": "acme/other"}}]}, "'acme/other'"),
]
INERT: list[dict[str, Any]] = [
    {"_name_or_path": "/models/other"},
    {"name_or_path": "acme/other", "text_config": {"_name_or_path": "acme/other"}},
    {"auto_map": {"AutoModelForCausalLM": "acme/other--modeling.Model"}},
    {"base_model_name_or_path": "acme/other", "model_name": "unsloth/tiny", "unsloth_version": "2026.1"},
    {"_attn_implementation": "flash_attention_2", "attn_implementation": None, "_attn_implementation_autoset": True},
    {"use_pretrained_backbone": True, "backbone": None, "vision_config": {"backbone": "resnet50"}},
    {"speculators_config": None, "configuration_files": [], "transformers_weights": None, "text_model_id": None},
    {"architectures": ["Eagle2_5_VLForConditionalGeneration"]},
    {"num_nextn_predict_layers": 1, "mtp_num_hidden_layers": 1},
    {"mm_vision_tower": "openai/clip", "draft_model": "acme/draft", "quantization_config": {"quant_method": "quark"}},
]


def configured(path: Path, config: dict[str, Any]) -> Path:
    """A small checkpoint whose configuration says that too."""
    return tiny_checkpoint(path, **{"architectures": ["LlamaForCausalLM"], **config})


@pytest.mark.parametrize(("key", "config", "words"), WAYS)
def test_what_names_other_weights_is_refused_by_its_key(
    tmp_path: Path, key: str, config: dict[str, Any], words: str
) -> None:
    path = configured(tmp_path / "checkpoint-5", config)
    found = inspect(path)
    assert (found.condition, found.reason) == (Condition.UNSUPPORTED, Reason.OTHER_WEIGHTS)
    assert found.detail.startswith(f"config.json in checkpoint-5: {key} ")
    assert words in found.detail
    # The same for a base, which nobody inspects.
    with pytest.raises(UimonError, match=rf"checkpoint-5/config\.json: {key} ") as caught:
        read_inventory(path)
    assert caught.value.reason is Reason.WEIGHTS_REFUSED


@pytest.mark.parametrize("config", INERT)
def test_what_decides_nothing_is_accepted_and_kept_from_the_engine(tmp_path: Path, config: dict[str, Any]) -> None:
    path = configured(tmp_path / "checkpoint-5", config)
    assert inspect(path).condition is Condition.COMPLETE
    kept = json.dumps(without_pointers(read_inventory(path).config))
    assert not any(f'"{key}"' in kept for key in TAKEN_OUT)


def test_every_key_that_is_refused_is_tried_and_in_the_table() -> None:
    tried = {key.split(".")[-1] for key, _, _ in WAYS}
    internal = {"_attn_implementation_internal", "_experts_implementation", "_experts_implementation_internal"}
    assert {pointer.key for pointer in POINTERS} - internal == tried
    assert pointers.__doc__ is not None
    assert not [key for key in (*tried, *TAKEN_OUT) if key not in pointers.__doc__]


@pytest.mark.parametrize("depth", [60, 900, 100_000])
def test_a_configuration_nested_without_end_is_none(tmp_path: Path, depth: int) -> None:
    path = configured(tmp_path / "checkpoint-5", {})
    (path / "config.json").write_text('{"a": ' * depth + "1" + "}" * depth)
    found = inspect(path)
    assert (found.condition, found.reason) == (Condition.PARTIAL, Reason.CONFIG_MISSING)
    assert "nested" in found.detail
    with pytest.raises(UimonError) as caught:
        read_inventory(path)
    assert caught.value.reason is Reason.CONFIG_MISSING


def test_drafters_are_those_of_vllms_own_list() -> None:
    spec = importlib.util.find_spec("vllm")
    assert spec is not None
    assert spec.submodule_search_locations
    source = Path(spec.submodule_search_locations[0], "model_executor", "models", "registry.py").read_text()
    listed = source.partition("_SPECULATIVE_DECODING_MODELS = {")[2].partition("\n}")[0]
    drafters = set(re.findall(r'^    "(\w+)":', listed, re.MULTILINE))
    others = set(re.findall(r'^    "(\w+)":', source, re.MULTILINE)) - drafters
    assert len(drafters) > 50
    assert {name for name in drafters | others if pointer_in({"architectures": [name]})} == drafters


CONFIGS = """
import json
from tests.real.making import tokenizer
from tests.real.model_families import DENSE, MIXTURES
from watcher.checkpoints.pointers import pointer_in
tokens = tokenizer()
made = {name: make(tokens).to_dict() for name, make in {**DENSE, **MIXTURES}.items()}
print(json.dumps({"refused": [name for name in made if pointer_in(made[name])], "count": len(made)}))
"""


def test_an_ordinary_configuration_of_each_family_is_accepted() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", CONFIGS], capture_output=True, text=True, check=True, env=environment, cwd=root
    )
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["refused"] == []
    assert said["count"] > 50
