"""Which adapters are let through to the engine; headers only, no engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.weights import Tensors, tiny_checkpoint, write, zeros
from watcher.engine.adapters import check_adapter, engine_rank, is_untrained
from watcher.engine.guard import Inventory, read_inventory
from watcher.model import Reason, UimonError

PREFIX = "base_model.model.model.layers"


@pytest.fixture
def base(tmp_path: Path) -> Inventory:
    return read_inventory(tiny_checkpoint(tmp_path / "base"))


def pairs(layers: int = 2, rank: int = 4) -> Tensors:
    tensors: Tensors = {}
    for layer in range(layers):
        for module, out in (("q_proj", 8), ("v_proj", 4)):
            tensors[f"{PREFIX}.{layer}.self_attn.{module}.lora_A.weight"] = zeros(rank, 8)
            tensors[f"{PREFIX}.{layer}.self_attn.{module}.lora_B.weight"] = zeros(out, rank)
    return tensors


def adapter(path: Path, tensors: Tensors, **config: object) -> Path:
    path.mkdir()
    write(path / "adapter_model.safetensors", tensors)
    (path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4, "bias": "none", **config}))
    return path


def refusal(path: Path, base: Inventory, reason: Reason) -> str:
    with pytest.raises(UimonError) as caught:
        check_adapter(path, base)
    assert caught.value.reason is reason
    return caught.value.sentence


def test_a_sound_adapter_tells_its_largest_rank(tmp_path: Path, base: Inventory) -> None:
    tensors = pairs()
    tensors[f"{PREFIX}.0.self_attn.q_proj.lora_A.weight"] = zeros(6, 8)
    tensors[f"{PREFIX}.0.self_attn.q_proj.lora_B.weight"] = zeros(8, 6)
    assert check_adapter(adapter(tmp_path / "x", tensors, use_rslora=True), base).rank == 6


@pytest.mark.parametrize(
    "config",
    [
        {"use_dora": True},
        {"modules_to_save": ["lm_head"]},
        {"bias": "all"},
        {"lora_bias": True},
        {"trainable_token_indices": [1]},
        {"init_lora_weights": "pissa_niter_4"},
        {"peft_type": "IA3"},
        {"layer_replication": [[0, 1]]},
        {"target_parameters": ["experts"]},
    ],
)
def test_an_adapter_that_cannot_be_applied_as_trained_is_named_unsupported(
    tmp_path: Path, base: Inventory, config: dict[str, object]
) -> None:
    said = refusal(adapter(tmp_path / "x", pairs(), **config), base, Reason.ADAPTER_UNSUPPORTED)
    assert "merge_and_unload" in said


def test_a_trained_head_is_unsupported(tmp_path: Path, base: Inventory) -> None:
    tensors = pairs() | {
        "base_model.model.lm_head.lora_A.weight": zeros(4, 8),
        "base_model.model.lm_head.lora_B.weight": zeros(32, 4),
    }
    assert "lm_head" in refusal(adapter(tmp_path / "x", tensors), base, Reason.ADAPTER_UNSUPPORTED)


def test_keys_that_match_no_module_are_refused(tmp_path: Path, base: Inventory) -> None:
    renamed = {name.replace("model.layers", "backbone.layers"): value for name, value in pairs().items()}
    assert "is not in the base model" in refusal(adapter(tmp_path / "x", renamed), base, Reason.WEIGHTS_REFUSED)
    bare = {name.removeprefix("base_model.model."): value for name, value in pairs().items()}
    assert "no LoRA weight" in refusal(adapter(tmp_path / "y", bare), base, Reason.WEIGHTS_REFUSED)


def test_a_layer_that_the_base_does_not_have_is_refused(tmp_path: Path, base: Inventory) -> None:
    assert "layers.2" in refusal(adapter(tmp_path / "x", pairs(layers=3)), base, Reason.WEIGHTS_REFUSED)


def test_half_a_pair_and_a_wrong_width_are_refused(tmp_path: Path, base: Inventory) -> None:
    half = pairs()
    del half[f"{PREFIX}.1.self_attn.q_proj.lora_B.weight"]
    assert "other half" in refusal(adapter(tmp_path / "x", half), base, Reason.WEIGHTS_REFUSED)
    narrow = pairs()
    narrow[f"{PREFIX}.1.self_attn.q_proj.lora_A.weight"] = zeros(4, 7)
    assert "do not fit" in refusal(adapter(tmp_path / "y", narrow), base, Reason.WEIGHTS_REFUSED)


def test_a_module_missing_in_one_layer_is_refused(tmp_path: Path, base: Inventory) -> None:
    tensors = {name: value for name, value in pairs().items() if "1.self_attn.v_proj" not in name}
    said = refusal(adapter(tmp_path / "x", tensors), base, Reason.WEIGHTS_REFUSED)
    assert "model.layers.1.self_attn.v_proj is missing" in said


def test_an_empty_adapter_is_refused(tmp_path: Path, base: Inventory) -> None:
    assert "no tensor" in refusal(adapter(tmp_path / "x", {}), base, Reason.WEIGHTS_REFUSED)


def test_an_adapter_without_configuration_is_named(tmp_path: Path, base: Inventory) -> None:
    (tmp_path / "x").mkdir()
    assert "adapter_config.json" in refusal(tmp_path / "x", base, Reason.CONFIG_MISSING)


def test_only_an_adapter_whose_b_halves_are_all_zero_counts_as_untrained(tmp_path: Path, base: Inventory) -> None:
    tensors = pairs()
    assert is_untrained(check_adapter(adapter(tmp_path / "x", tensors), base))
    name = f"{PREFIX}.1.self_attn.v_proj.lora_B.weight"
    dtype, shape, data = tensors[name]
    tensors[name] = (dtype, shape, b"\1" + data[1:])
    assert not is_untrained(check_adapter(adapter(tmp_path / "y", tensors), base))


def test_a_rank_beyond_vllms_largest_is_unsupported() -> None:
    assert engine_rank(8) == 8
    with pytest.raises(UimonError) as caught:
        engine_rank(513)
    assert caught.value.reason is Reason.ADAPTER_UNSUPPORTED
