"""Which adapters are let through to the engine; headers only, no engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.weights import Tensors, altered, tiny_checkpoint, write, zeros
from watcher.engine.model_files.adapters import check_adapter, engine_rank, is_untrained
from watcher.engine.model_files.inventory import Inventory, read_inventory
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
    ranks = {r"layers\.0\.self_attn\.q_proj": 6}
    info = check_adapter(adapter(tmp_path / "x", tensors, use_rslora=True, rank_pattern=ranks), base)
    assert (info.rank, info.merge, info.vocabulary) == (6, "", 0)


def test_a_rank_that_is_not_the_configurations_is_refused(tmp_path: Path, base: Inventory) -> None:
    said = refusal(adapter(tmp_path / "x", pairs(rank=2)), base, Reason.WEIGHTS_REFUSED)
    assert "[2, 8], but only [4, 8] would fit" in said


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("r", value) for value in ("many", 0, -4, True, 2**70, [4])),
        *(("lora_alpha", value) for value in ("x", None, False, float("nan"), 1e308, [8])),
        *((f"{kind}_pattern", value) for kind in ("rank", "alpha") for value in ("x", [1], {"q_proj": "x"}, {"(": 1})),
        *((f"{kind}_modules", value) for kind in ("target", "exclude") for value in (5, True, ["q", 3], {"a": 1})),
        *(("layers_to_transform", value) for value in (1.5, True, "1", [0, "1"], {"a": 1})),
    ],
)
def test_a_value_that_peft_would_not_read_is_refused_by_its_key(
    tmp_path: Path, base: Inventory, key: str, value: object
) -> None:
    said = refusal(adapter(tmp_path / "x", pairs(), **{key: value}), base, Reason.CONFIG_MISSING)
    assert f"adapter_config.json: {key} has a value" in said


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        ({"layer_replication": [[0, 1]]}, "layer_replication"),
        ({"alora_invocation_tokens": [1]}, "alora_invocation_tokens"),
        ({"use_something_new": True}, "use_something_new"),
        ({"init_lora_weights": "pissa_niter_4"}, "pissa_niter_4"),
        ({"init_lora_weights": "loftq"}, "loftq"),
        ({"init_lora_weights": "corda"}, "corda"),
        ({"init_lora_weights": "lora_ga"}, "lora_ga"),
    ],
)
def test_an_adapter_that_nothing_applies_as_trained_is_named_unsupported(
    tmp_path: Path, base: Inventory, config: dict[str, object], said: str
) -> None:
    sentence = refusal(adapter(tmp_path / "x", pairs(), **config), base, Reason.ADAPTER_UNSUPPORTED)
    assert said in sentence
    assert "path_initial_model_for_weight_conversion" in sentence


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"use_dora": True}, "uses DoRA"),
        ({"modules_to_save": ["lm_head"]}, "trains whole modules (['lm_head'])"),
        ({"bias": "all"}, "trains biases"),
        ({"lora_bias": True}, "trains biases"),
        ({"trainable_token_indices": [1]}, "trains single tokens"),
        ({"init_lora_weights": "pissa"}, "starts from changed weights of the base (pissa)"),
        ({"rank_pattern": {"k_proj": 600}}, "has rank 600, more than vLLM's 512"),
        ({"init_lora_weights": "gaussian", "qalora_group_size": 16, "layers_to_transform": [0, 1]}, ""),
    ],
)
def test_what_vllm_cannot_apply_is_to_be_merged_and_nothing_else(
    tmp_path: Path, base: Inventory, config: dict[str, object], why: str
) -> None:
    assert check_adapter(adapter(tmp_path / "x", pairs(), **config), base).merge == why


HEAD = "base_model.model.lm_head"
EMBEDDINGS = "base_model.model.model.embed_tokens"
Q = f"{PREFIX}.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("fitting", "other"),
    [
        ({f"{HEAD}.lora_A.weight": (4, 8), f"{HEAD}.lora_B.weight": (32, 4)}, (33, 4)),
        ({f"{EMBEDDINGS}.lora_embedding_A": (4, 32), f"{EMBEDDINGS}.lora_embedding_B": (8, 4)}, (9, 4)),
        ({f"{Q}.lora_magnitude_vector": (8,)}, (4,)),
        ({f"{EMBEDDINGS}.token_adapter.trainable_tokens_delta": (3, 8)}, (3, 7)),
        ({f"{HEAD}.weight": (32, 8)}, (32, 7)),
        ({f"{PREFIX}.0.self_attn.k_proj.base_layer.weight": (4, 8)}, (8, 8)),
    ],
)
def test_every_tensor_that_a_merge_takes_has_to_fit_the_base(
    tmp_path: Path, base: Inventory, fitting: dict[str, tuple[int, ...]], other: tuple[int, ...]
) -> None:
    tensors = pairs() | {name: zeros(*shape) for name, shape in fitting.items()}
    assert check_adapter(adapter(tmp_path / "x", tensors), base).merge.startswith("trains ")
    tensors[list(fitting)[-1]] = zeros(*other)
    assert "would fit" in refusal(adapter(tmp_path / "y", tensors), base, Reason.WEIGHTS_REFUSED)


def test_a_trained_bias_needs_one_in_the_base(tmp_path: Path, base: Inventory) -> None:
    tensors = pairs() | {f"{Q}.lora_B.bias": zeros(8)}
    said = refusal(adapter(tmp_path / "x", tensors, lora_bias=True), base, Reason.ADAPTER_UNSUPPORTED)
    assert "q_proj has a trained bias" in said


def test_a_resized_vocabulary_has_to_be_complete_and_of_one_size(tmp_path: Path, base: Inventory) -> None:
    both = {f"{HEAD}.weight": zeros(40, 8), f"{EMBEDDINGS}.weight": zeros(40, 8)}
    info = check_adapter(adapter(tmp_path / "x", pairs() | both), base)
    assert (info.vocabulary, info.merge) == (40, "changes the vocabulary to 40 tokens")
    one = {f"{EMBEDDINGS}.weight": zeros(40, 8)}
    said = refusal(adapter(tmp_path / "y", pairs() | one), base, Reason.WEIGHTS_REFUSED)
    assert "lm_head for it is missing" in said
    uneven = both | {f"{HEAD}.weight": zeros(41, 8)}
    assert "disagree" in refusal(adapter(tmp_path / "z", pairs() | uneven), base, Reason.WEIGHTS_REFUSED)


def test_a_tied_head_has_the_shape_of_the_embeddings(tmp_path: Path) -> None:
    path = altered(
        tiny_checkpoint(tmp_path / "untied"), tmp_path / "tied", lambda tensors: tensors.pop("lm_head.weight")
    )
    tensors = pairs() | {f"{HEAD}.weight": zeros(32, 8)}
    assert check_adapter(adapter(tmp_path / "x", tensors), read_inventory(path)).merge == "trains lm_head"


@pytest.mark.parametrize("how", ["bitsandbytes", "packed", "fp8"])
def test_a_quantized_base_is_refused_where_its_weights_have_to_be_known(tmp_path: Path, how: str) -> None:
    settings = None if how == "packed" else {"quant_method": how}
    path = tiny_checkpoint(tmp_path / "plain", quantization_config=settings)
    module = "model.layers.0.self_attn.q_proj"
    packed = {f"{module}.weight": ("U8", [32, 1], bytes(32))}
    if how == "fp8":
        packed = {f"{module}.weight": ("F8_E4M3", [8, 8], bytes(64)), f"{module}.weight_scale": zeros(1)}
    path = altered(path, tmp_path / "packed", lambda tensors: tensors.update(packed))
    quantized = read_inventory(path)
    sentence = refusal(adapter(tmp_path / "x", pairs(), use_dora=True), quantized, Reason.ADAPTER_UNSUPPORTED)
    assert "name the unquantized model with --base" in sentence
    if how == "fp8":
        assert check_adapter(adapter(tmp_path / "y", pairs()), quantized).merge == ""
    else:
        refusal(adapter(tmp_path / "y", pairs()), quantized, Reason.ADAPTER_UNSUPPORTED)


def test_keys_that_match_no_module_are_refused(tmp_path: Path, base: Inventory) -> None:
    renamed = {name.replace("model.layers", "backbone.layers"): value for name, value in pairs().items()}
    assert "is not in the base model" in refusal(adapter(tmp_path / "x", renamed), base, Reason.WEIGHTS_REFUSED)
    bare = {name.removeprefix("base_model.model."): value for name, value in pairs().items()}
    assert "not a LoRA weight" in refusal(adapter(tmp_path / "y", bare), base, Reason.WEIGHTS_REFUSED)


def test_a_layer_that_the_base_does_not_have_is_refused(tmp_path: Path, base: Inventory) -> None:
    assert "layers.2" in refusal(adapter(tmp_path / "x", pairs(layers=3)), base, Reason.WEIGHTS_REFUSED)


def test_half_a_pair_and_a_wrong_width_are_refused(tmp_path: Path, base: Inventory) -> None:
    half = pairs()
    del half[f"{PREFIX}.1.self_attn.q_proj.lora_B.weight"]
    assert "other half" in refusal(adapter(tmp_path / "x", half), base, Reason.WEIGHTS_REFUSED)
    narrow = pairs()
    narrow[f"{PREFIX}.1.self_attn.q_proj.lora_A.weight"] = zeros(4, 7)
    assert "would fit" in refusal(adapter(tmp_path / "y", narrow), base, Reason.WEIGHTS_REFUSED)


def test_a_module_missing_in_one_layer_is_refused(tmp_path: Path, base: Inventory) -> None:
    tensors = {name: value for name, value in pairs().items() if "1.self_attn.v_proj" not in name}
    said = refusal(adapter(tmp_path / "x", tensors), base, Reason.WEIGHTS_REFUSED)
    assert "model.layers.1.self_attn.v_proj is missing" in said


@pytest.mark.parametrize("spare", ["model.layers.2.", "mtp.layers.0."])
def test_a_head_for_further_tokens_is_none_of_the_adapters_modules(tmp_path: Path, spare: str) -> None:
    def add(tensors: Tensors) -> None:
        layer = "model.layers.1."
        tensors |= {n.replace(layer, spare): tensor for n, tensor in list(tensors.items()) if layer in n}

    whole = tiny_checkpoint(tmp_path / "base", num_hidden_layers=2)
    base = read_inventory(altered(whole, tmp_path / "hub", add))
    found = adapter(tmp_path / "x", pairs(), target_modules=["q_proj", "v_proj"])
    assert check_adapter(found, base).rank == 4


@pytest.mark.parametrize(
    "config",
    [
        {"target_modules": ["q_proj", "layers.0.self_attn.v_proj"]},
        {"target_modules": r".*\.q_proj|.*\.0\.self_attn\.v_proj"},
        {"target_modules": ["q_proj", "v_proj"], "exclude_modules": ["layers.1.self_attn.v_proj"]},
    ],
)
def test_a_module_that_was_never_adapted_is_not_missing(
    tmp_path: Path, base: Inventory, config: dict[str, object]
) -> None:
    tensors = {name: value for name, value in pairs().items() if "1.self_attn.v_proj" not in name}
    assert check_adapter(adapter(tmp_path / "x", tensors, **config), base).merge == ""


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


def test_parameters_of_experts_are_merged(tmp_path: Path, base: Inventory) -> None:
    experts = f"{PREFIX}.0.mlp.experts"
    tensors = pairs()
    for module in (experts, f"{experts}.base_layer"):
        tensors |= {f"{module}.lora_A.weight": zeros(16, 8), f"{module}.lora_B.weight": zeros(8, 16)}
    named = {"target_parameters": ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]}
    info = check_adapter(adapter(tmp_path / "x", tensors, **named), base)
    assert info.merge == f"trains parameters and no modules ({named['target_parameters']})"
    assert "is this the right base" in refusal(adapter(tmp_path / "y", tensors), base, Reason.WEIGHTS_REFUSED)
