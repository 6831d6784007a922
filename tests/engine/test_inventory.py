"""What headers alone can tell, without an engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.engine.weights import Tensors, altered, read, split, tiny_checkpoint, write, zeros
from watcher.engine.model_files.inventory import Fit, cold_only, compare, read_header, read_inventory
from watcher.model import Reason, UimonError

K_PROJ = "model.layers.1.self_attn.k_proj.weight"


def compare_inventories(path: Path, reference: Path | None) -> None:
    candidate = read_inventory(path)
    if reference is not None:
        compare(read_inventory(reference), candidate)


def refusal(path: Path, reference: Path | None = None) -> str:
    with pytest.raises(UimonError) as caught:
        compare_inventories(path, reference)
    assert caught.value.reason is Reason.WEIGHTS_REFUSED
    return caught.value.sentence


def test_an_equal_checkpoint_fits(tmp_path: Path) -> None:
    a, b = tiny_checkpoint(tmp_path / "a"), tiny_checkpoint(tmp_path / "b")
    assert compare(read_inventory(a), read_inventory(b)).fit is Fit.SAME


def test_shards_with_an_index_equal_a_single_file(tmp_path: Path) -> None:
    a, b = tiny_checkpoint(tmp_path / "a"), split(tiny_checkpoint(tmp_path / "b"))
    assert compare(read_inventory(a), read_inventory(b)).fit is Fit.SAME


def _drop(tensors: Tensors) -> None:
    del tensors[K_PROJ]


def _reshape(tensors: Tensors) -> None:
    tensors[K_PROJ] = zeros(8, 8)


def _add(tensors: Tensors) -> None:
    tensors["model.layers.2.self_attn.q_proj.weight"] = zeros(8, 8)


@pytest.mark.parametrize(
    ("change", "said"), [(_drop, f"{K_PROJ} is missing"), (_reshape, "has shape [8, 8]"), (_add, "is new")]
)
def test_other_tensors_under_the_same_configuration_are_refused_by_name(tmp_path: Path, change: Any, said: str) -> None:
    good = tiny_checkpoint(tmp_path / "good")
    assert said in refusal(altered(good, tmp_path / "bad", change), good)


@pytest.mark.parametrize("cut", [1, 100, 10**6])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, cut: int) -> None:
    file = tiny_checkpoint(tmp_path / "a") / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: max(len(data) - cut, 0)])
    assert str(file) in refusal(tmp_path / "a")


def test_a_base_that_is_an_adapter_itself_is_told_as_one(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path / "a")
    (path / "config.json").rename(path / "adapter_config.json")
    (path / "model.safetensors").rename(path / "adapter_model.safetensors")
    with pytest.raises(UimonError, match=r"is an adapter, not a model: merge it .* with --base") as caught:
        read_inventory(path)
    assert caught.value.reason is Reason.CONFIG_MISSING


def test_a_pointer_that_git_left_is_named(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path / "a")
    (path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    assert "model.safetensors: it is a Git LFS pointer in place of the file" in refusal(path)


def test_a_file_with_a_tail_or_garbage_is_refused(tmp_path: Path) -> None:
    file = tiny_checkpoint(tmp_path / "a") / "model.safetensors"
    file.write_bytes(file.read_bytes() + b"tail")
    assert "bytes long where its header says" in refusal(tmp_path / "a")
    file.write_bytes(b"\x10\0\0\0\0\0\0\0" + b"no json at all!!" * 9)
    assert "a header that is not JSON" in refusal(tmp_path / "a")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("[]", "a header that is not a JSON object"),
        ('{"a": 1}', "the tensor 'a' by something that is not an object"),
        ('{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}', "offsets that do not fit its shape"),
    ],
)
def test_a_header_of_another_form_is_refused(tmp_path: Path, header: str, said: str) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(4))
    with pytest.raises(UimonError, match=said):
        read_header(file)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    path = split(tiny_checkpoint(tmp_path / "a"))
    (path / "model-00002-of-00002.safetensors").unlink()
    assert "model-00002-of-00002.safetensors, named by" in refusal(path)


def test_shards_without_an_index_are_refused(tmp_path: Path) -> None:
    path = split(tiny_checkpoint(tmp_path / "a"))
    (path / "model.safetensors.index.json").unlink()
    assert "without model.safetensors.index.json" in refusal(path)


def test_the_index_decides_which_files_are_the_models(tmp_path: Path) -> None:
    path = split(tiny_checkpoint(tmp_path / "a"))
    names = set(read_inventory(path).tensors)
    write(path / "consolidated.safetensors", {"layers.0.wq.weight": zeros(8, 8)})
    assert set(read_inventory(path).tensors) == names


def test_the_single_file_goes_before_an_index(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path / "a")
    names = set(read_inventory(path).tensors)
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"gone": "gone.safetensors"}}))
    assert set(read_inventory(path).tensors) == names


def test_an_index_leads_nowhere_else(tmp_path: Path) -> None:
    path = split(tiny_checkpoint(tmp_path / "a"))
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../b/model.safetensors"}}))
    assert "is not a *.safetensors file of this directory" in refusal(path)


def test_an_index_that_contradicts_its_shards_is_refused(tmp_path: Path) -> None:
    path = split(tiny_checkpoint(tmp_path / "a"))
    shard = path / "model-00001-of-00002.safetensors"
    tensors = read(shard)
    tensors.pop("lm_head.weight")
    write(shard, tensors)
    assert "lm_head.weight, which" in refusal(path)
    write(shard, {**tensors, "lm_head.weight": zeros(32, 8), "extra": zeros(1)})
    assert "the tensor extra is not named" in refusal(path)


def test_a_directory_without_weights_is_refused(tmp_path: Path) -> None:
    assert "no *.safetensors file" in refusal(tmp_path)


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_an_unreadable_configuration_is_named(tmp_path: Path, text: str | None) -> None:
    config = tiny_checkpoint(tmp_path / "a") / "config.json"
    config.unlink() if text is None else config.write_text(text)
    with pytest.raises(UimonError, match=r"config\.json") as caught:
        read_inventory(tmp_path / "a")
    assert caught.value.reason is Reason.CONFIG_MISSING


def test_a_changed_configuration_asks_for_a_fresh_engine(tmp_path: Path) -> None:
    a = read_inventory(tiny_checkpoint(tmp_path / "a", vocab_size=32, text_config={"rope_theta": 1.0}))
    b = read_inventory(tiny_checkpoint(tmp_path / "b", vocab_size=40, text_config={"rope_theta": 2.0}))
    verdict = compare(a, b)
    assert verdict.fit is Fit.DIFFERENT
    assert verdict.why == "config.json changed in text_config, vocab_size."


def test_what_the_trainers_library_writes_anew_does_not_count_as_a_change(tmp_path: Path) -> None:
    a = tiny_checkpoint(tmp_path / "a", transformers_version="5.1", use_cache=True, text_config={"dtype": "bfloat16"})
    b = tiny_checkpoint(tmp_path / "b", transformers_version="5.2", use_cache=False, text_config={"dtype": "float32"})
    assert compare(read_inventory(a), read_inventory(b)).fit is Fit.SAME


def test_another_tensor_type_asks_for_a_fresh_engine(tmp_path: Path) -> None:
    a = tiny_checkpoint(tmp_path / "a")
    b = altered(a, tmp_path / "b", lambda tensors: tensors.update({K_PROJ: zeros(4, 8, dtype="F32")}))
    assert compare(read_inventory(a), read_inventory(b)).fit is Fit.DIFFERENT


@pytest.mark.parametrize(
    "config",
    [
        {"quantization_config": {"quant_method": "awq"}},
        {"num_experts": 8},
        {"text_config": {"num_local_experts": 8}},
        {"model_type": "mamba2"},
        {"layer_types": ["linear_attention", "full_attention"]},
        {"mamba_d_state": 16},
    ],
)
def test_weights_that_vllm_rearranges_are_not_changed_in_place(config: dict[str, Any]) -> None:
    assert cold_only(config, {})


def test_dense_weights_may_be_changed_in_place() -> None:
    assert cold_only({"model_type": "qwen2", "num_experts": None, "layer_types": ["full_attention"]}, {}) is None
