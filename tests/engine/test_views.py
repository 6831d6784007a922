"""What an engine reads of a directory, and adapters in the words of their base: headers and files, no engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.weights import Tensors, altered, read, split, tiny_checkpoint, write, zeros
from watcher.engine.model_files.adapters import check_adapter
from watcher.engine.model_files.fitting import Fitted, fit_adapter
from watcher.engine.model_files.inventory import read_config, read_inventory
from watcher.engine.model_files.views import ModelView, configuration_of, lay_out, named_as, reading_of
from watcher.model import Reason, UimonError

WEIGHTS = "model.safetensors"
VISION = {"model.visual.blocks.0.mlp.weight": zeros(4, 4), "model.multi_modal_projector.weight": zeros(4, 4)}


def renamed(path: Path, change: Callable[[str], str]) -> Path:
    """The tensors of a tiny checkpoint under other names, their values told apart by the names they had."""

    def apply(tensors: Tensors) -> None:
        for name in list(tensors):
            dtype, shape, data = tensors.pop(name)
            tensors[change(name)] = (dtype, shape, (name.encode() * len(data))[: len(data)])

    return altered(tiny_checkpoint(path.with_name(f"{path.name}-before")), path, apply)


def view_of(path: Path, place: Path, *, text: bool = False) -> Path:
    return lay_out(reading_of(path, text=text), place)


def values(path: Path) -> Tensors:
    return {name: tensor for file in path.glob("*.safetensors") for name, tensor in read(file).items()}


def wrapped(path: Path, change: Callable[[str], str], **config: Any) -> Path:
    """A wrapper's checkpoint: the text model's tensors under other names, beside those of a vision tower."""
    path = renamed(path, change)
    write(path / WEIGHTS, {**VISION, **read(path / WEIGHTS)})
    text = {"model_type": "qwen2_5_vl_text", "hidden_size": 8, "rope_parameters": {"mrope_section": [1], "theta": 7}}
    told = {"model_type": "qwen2_5_vl", "vision_config": {"depth": 1}, "text_config": text, "dtype": "bfloat16"}
    (path / "config.json").write_text(json.dumps({**told, **config}))
    return path


def adapter(path: Path, change: Callable[[str], str] = str, **config: Any) -> Path:
    """An adapter of rank 2 for q_proj in both layers of a tiny checkpoint."""
    tensors: Tensors = {}
    for layer in range(2):
        module = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors |= {change(f"{module}.lora_A.weight"): zeros(2, 8), change(f"{module}.lora_B.weight"): zeros(8, 2)}
    path.mkdir()
    write(path / "adapter_model.safetensors", tensors)
    told = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], **config}
    (path / "adapter_config.json").write_text(json.dumps(told))
    return path


SIDECARS = (
    *("pytorch_model.bin", "model.pt", "model.gguf", "params.json", "adapter_config.json", "adapter_model.bin"),
    *("hf_quant_config.json", "quantize_config.json", "modules.json", "1_Pooling/config.json", "config.4.0.0.json"),
    *("joint_head_config.json", "sentence_bert_config.json", "custom_generate/generate.py", "modeling_own.py"),
    *("original/params.json", "new_embeddings.safetensors.txt"),
)
"""Files by which libraries find other weights, other settings or code."""


def is_as_it_is(reading: ModelView) -> bool:
    """Whether names and configuration are the directory's own."""
    plain = dict(reading.inventory.config) == dict(reading.config)
    return plain and all(old == new for old, new in reading.names.items()) and not reading.left_out


@pytest.mark.parametrize("shards", [False, True])
def test_what_is_right_in_a_directory_is_linked(tmp_path: Path, shards: bool) -> None:
    path = tiny_checkpoint(tmp_path / "a")
    if shards:
        split(path)
    assert is_as_it_is(reading_of(path))
    view = view_of(path, tmp_path / "view")
    assert all(file.is_symlink() for file in view.glob("*.safetensors"))
    assert (values(view), read_config(view)) == (values(path), read_config(path))


def layerwise(name: str) -> str:
    return name.replace(".self_attn.", "._orig_mod.self_attn.").replace("q_proj", "_checkpoint_wrapped_module.q_proj")


@pytest.mark.parametrize(
    "change",
    [
        "_orig_mod.{}".format,
        "module.{}".format,
        "_orig_mod.module.{}".format,
        "module._orig_mod.{}".format,
        "_fsdp_wrapped_module.{}".format,
        layerwise,
    ],
)
@pytest.mark.parametrize("shards", [False, True])
def test_the_words_of_trainings_wrappers_are_taken_out(
    tmp_path: Path, change: Callable[[str], str], shards: bool
) -> None:
    plain, path = renamed(tmp_path / "plain", str), renamed(tmp_path / "a", change)
    before = values(path)
    if shards:
        split(path)
    view = view_of(path, tmp_path / "view")
    assert values(view) == values(plain)
    assert read_inventory(view).tensors.keys() == read_inventory(plain).tensors.keys()
    assert values(path) == before


def test_a_tied_matrix_under_the_heads_name_is_the_embedding(tmp_path: Path) -> None:
    def lose(tensors: Tensors) -> None:
        del tensors["model.embed_tokens.weight"]

    path = altered(tiny_checkpoint(tmp_path / "a", tie_word_embeddings=True), tmp_path / "b", lose)
    view = view_of(path, tmp_path / "view")
    assert values(view)["model.embed_tokens.weight"] == values(path)["lm_head.weight"]
    assert "lm_head.weight" not in values(view)
    (path / "config.json").write_text(json.dumps({"model_type": "llama", "tie_word_embeddings": False}))
    assert is_as_it_is(reading_of(path))


@pytest.mark.parametrize(("told", "apart", "said"), [(True, True, False), (True, False, True), (False, True, False)])
def test_a_head_with_values_of_its_own_is_no_tied_one(tmp_path: Path, told: bool, apart: bool, said: bool) -> None:
    def change(tensors: Tensors) -> None:
        dtype, shape, data = tensors["model.embed_tokens.weight"]
        tensors["lm_head.weight"] = (dtype, shape, data[:-1] + b"\x01" if apart else data)

    path = altered(tiny_checkpoint(tmp_path / "a", tie_word_embeddings=told), tmp_path / "b", change)
    reading = reading_of(path)
    assert reading.config["tie_word_embeddings"] is said
    assert values(lay_out(reading, tmp_path / "view")) == values(path)


def test_names_that_differ_by_a_wrappers_word_alone_are_refused(tmp_path: Path) -> None:
    path = altered(
        tiny_checkpoint(tmp_path / "a"),
        tmp_path / "b",
        lambda tensors: tensors.update({"_orig_mod.lm_head.weight": tensors["lm_head.weight"]}),
    )
    with pytest.raises(UimonError, match=r"torch\.compile; save the unwrapped model") as caught:
        reading_of(path)
    assert caught.value.reason is Reason.WEIGHTS_REFUSED


def test_a_models_own_module_of_that_name_stays(tmp_path: Path) -> None:
    path = renamed(tmp_path / "a", lambda name: name.replace("self_attn", "module"))
    assert is_as_it_is(reading_of(path))


def test_only_the_files_of_the_model_are_in_the_view(tmp_path: Path) -> None:
    path = split(tiny_checkpoint(tmp_path / "a"))
    write(path / "consolidated.safetensors", {"tok_embeddings.weight": zeros(32, 8)})
    (path / "tokenizer.json").write_text("{}")
    for name in SIDECARS:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("{}")
    view = view_of(path, tmp_path / "view")
    shards = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}
    assert {file.name for file in view.iterdir()} == {
        *shards,
        "config.json",
        "model.safetensors.index.json",
        "tokenizer.json",
    }
    assert all((view / shard).is_symlink() for shard in shards)


def test_the_single_file_is_read_although_an_index_is_there(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path / "a")
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "gone.safetensors"}}))
    view = view_of(path, tmp_path / "view")
    assert {file.name for file in view.iterdir()} == {WEIGHTS, "config.json"}


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name.replace("model.", "model.language_model.", 1),
        lambda name: f"language_model.{name}",
        str,
    ],
)
def test_the_text_model_inside_a_wrapper_has_one_set_of_names(tmp_path: Path, change: Callable[[str], str]) -> None:
    plain, path = renamed(tmp_path / "plain", str), wrapped(tmp_path / "a", change)
    reading = reading_of(path, text=True)
    view = lay_out(reading, tmp_path / "view")
    config = json.loads((view / "config.json").read_text())
    assert values(view) == values(plain)
    assert reading.left_out == VISION.keys()
    assert (config["architectures"], config["model_type"]) == (["Qwen2ForCausalLM"], "qwen2")
    assert (config["rope_parameters"], config["dtype"]) == ({"theta": 7}, "bfloat16")
    assert config["tie_word_embeddings"] is False
    with configuration_of(path) as directory:
        assert json.loads((directory / "config.json").read_text())["model_type"] == "qwen2"


def test_a_text_model_that_was_saved_under_its_wrappers_names_gets_its_own(tmp_path: Path) -> None:
    plain = renamed(tmp_path / "plain", str)
    path = renamed(tmp_path / "a", lambda name: name.replace("model.", "model.language_model.", 1))
    assert values(view_of(path, tmp_path / "view")) == values(plain)
    (path / "config.json").write_text(json.dumps({"model_type": "qwen3_5_text"}))
    assert is_as_it_is(reading_of(path))


@pytest.mark.parametrize(
    "config",
    [
        {"quantization_config": {"quant_method": "compressed-tensors"}},
        {"text_config": {"model_type": "something_else"}},
    ],
)
def test_a_wrapper_whose_text_model_is_not_known_to_be_equal_is_read_as_it_is(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    path = wrapped(tmp_path / "a", lambda name: f"language_model.{name}", **config)
    assert is_as_it_is(reading_of(path, text=True))


def test_a_tensor_that_may_be_the_texts_or_not_leaves_the_wrapper_as_it_is(tmp_path: Path) -> None:
    path = wrapped(tmp_path / "a", lambda name: f"language_model.{name}")
    write(path / WEIGHTS, {**read(path / WEIGHTS), "model.ghost.weight": zeros(2)})
    assert is_as_it_is(reading_of(path, text=True))


def test_sentences_name_the_users_directory(tmp_path: Path) -> None:
    view = tmp_path / "view" / "a"
    with pytest.raises(UimonError) as caught, named_as(view, tmp_path / "a"):
        raise UimonError(Reason.WEIGHTS_REFUSED, f"{view}: no.")
    assert caught.value.sentence == f"{tmp_path / 'a'}: no."


def fitted(tmp_path: Path, path: Path, base: Path, **options: Any) -> Fitted:
    inventory = read_inventory(base)
    found = fit_adapter(path, inventory, tmp_path / "fitted", **options)
    assert check_adapter(found.path, inventory).rank == 2
    return found


def test_an_adapter_that_fits_is_read_itself(tmp_path: Path) -> None:
    path = adapter(tmp_path / "adapter")
    assert fitted(tmp_path, path, tiny_checkpoint(tmp_path / "base")).path == path


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name.replace("base_model.model.", "base_model.model._orig_mod."),
        "_orig_mod.{}".format,
        "module._orig_mod.{}".format,
        lambda name: name.replace("base_model.model.model.", "base_model.model.model.language_model."),
        lambda name: name.replace("base_model.model.model.", "base_model.model.language_model.model."),
        lambda name: name.replace("base_model.model.model.", "base_model.model.module.model.language_model."),
        lambda name: name.replace(".weight", ".default.weight"),
    ],
)
def test_an_adapters_names_become_those_of_its_base(tmp_path: Path, change: Callable[[str], str]) -> None:
    plain, path = adapter(tmp_path / "plain"), adapter(tmp_path / "adapter", change)
    (path / "tokenizer.json").write_text("{}")
    found = fitted(tmp_path, path, tiny_checkpoint(tmp_path / "base"))
    assert values(found.path) == values(plain)
    assert (found.path / "tokenizer.json").exists()


def test_rules_for_trained_names_go_with_the_names(tmp_path: Path) -> None:
    path = adapter(
        tmp_path / "adapter",
        lambda name: name.replace("base_model.model.model.", "base_model.model.model.language_model."),
        target_modules=r"model\.language_model\.layers\.\d+\.self_attn\.(q_proj|v_proj)",
        exclude_modules=r".*\.v_proj",
        rank_pattern={r"model\.language_model\.layers\.0\.self_attn\.q_proj": 2},
        alpha_pattern={r"model.language_model.layers.1.self_attn.q_proj": 9},
        r=2,
    )
    found = fitted(tmp_path, path, tiny_checkpoint(tmp_path / "base"))
    config = json.loads((found.path / "adapter_config.json").read_text())
    assert config["target_modules"] == [f"model.layers.{layer}.self_attn.q_proj" for layer in range(2)]
    assert config["rank_pattern"] == {r"model\.layers\.0\.self_attn\.q_proj": 2}
    assert config["alpha_pattern"] == {r"model\.layers\.1\.self_attn\.q_proj": 9}


def test_a_module_that_the_trained_names_ask_for_must_be_there(tmp_path: Path) -> None:
    path = adapter(
        tmp_path / "adapter",
        lambda name: name.replace("base_model.model.model.", "base_model.model.model.language_model."),
        target_modules=r".*language_model.*\.(q_proj|v_proj)",
    )
    with pytest.raises(UimonError, match=r"layers\.0\.self_attn\.v_proj is missing"):
        fitted(tmp_path, path, tiny_checkpoint(tmp_path / "base"))


def test_what_no_text_passes_through_is_left_out_and_named(tmp_path: Path) -> None:
    path = adapter(tmp_path / "adapter", lambda name: name.replace("layers.1.self_attn.q_proj", "visual.blocks.0.mlp"))
    config = {"layers_to_transform": [0]}
    (path / "adapter_config.json").write_text(
        json.dumps({**json.loads((path / "adapter_config.json").read_text()), **config})
    )
    base = tiny_checkpoint(tmp_path / "base")
    found = fitted(tmp_path, path, base, beside=["model.visual.blocks.0.mlp.weight"])
    assert found.left_out == ("model.visual.blocks.0.mlp",)
    with pytest.raises(UimonError, match="is this the right base"):
        fitted(tmp_path, path, base)


def test_a_foreign_adapter_is_refused_under_its_own_names(tmp_path: Path) -> None:
    path = adapter(tmp_path / "adapter", lambda name: name.replace("layers", "blocks"))
    with pytest.raises(UimonError, match=r"model\.blocks\.0\.self_attn\.q_proj is not in the base"):
        fitted(tmp_path, path, tiny_checkpoint(tmp_path / "base"))
