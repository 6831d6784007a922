"""Directories of models that were made to hang a reader, or to have it build what is not there."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.weights import tiny_checkpoint
from tests.support.looking import inspect
from watcher.engine import EngineSettings
from watcher.engine.launch import sequences_for, vllm_arguments
from watcher.engine.model_files.adapters import check_adapter
from watcher.engine.model_files.inventory import cold_only, compare, read_inventory
from watcher.engine.model_files.plausible import require_plausible
from watcher.engine.model_files.tokenizer_files import read_stamp
from watcher.engine.model_files.tokenizer_stamp import StampReader
from watcher.engine.model_files.views import reading_of
from watcher.model import Checkpoint, Reason, UimonError

NAMES = ("config.json", "model.safetensors", "tokenizer.json", "generation_config.json", "model.safetensors.index.json")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("special", ["pipe", "device"])
def test_a_special_file_in_a_base_is_named_and_never_waited_for(tmp_path: Path, name: str, special: str) -> None:
    path = tiny_checkpoint(tmp_path / "base")
    (path / name).unlink(missing_ok=True)
    if special == "pipe":
        os.mkfifo(path / name)
    else:
        (path / name).symlink_to("/dev/zero")
    with pytest.raises(UimonError) as caught:
        reading_of(path)
    assert caught.value.reason in (Reason.UNREADABLE, Reason.WEIGHTS_REFUSED, Reason.CONFIG_MISSING)
    assert str(path) in caught.value.sentence


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_special_file_in_an_adapter_is_named(tmp_path: Path, name: str) -> None:
    base = read_inventory(tiny_checkpoint(tmp_path / "base"))
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"r": 8}')
    (adapter / name).unlink(missing_ok=True)
    os.mkfifo(adapter / name)
    with pytest.raises(UimonError, match=name):
        check_adapter(adapter, base)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_hidden_layers", 1_000_000),
        ("num_hidden_layers", 2**63),
        ("num_hidden_layers", 1e400),
        ("num_hidden_layers", -1),
        ("vocab_size", 10**12),
        ("hidden_size", 2**40),
        ("num_attention_heads", 10**9),
        ("max_position_embeddings", 10**15),
        ("num_experts", 10**9),
        ("text_config", {"num_hidden_layers": 1_000_000}),
        ("vision_config", {"depth": 1_000_000}),
        ("audio_config", {"encoder_layers": 1_000_000}),
        ("layers_block_type", ["x"]),
    ],
)
def test_a_configuration_that_states_what_is_not_there_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    path = tiny_checkpoint(tmp_path / "model", **{key: value})
    if key == "layers_block_type":
        assert read_inventory(path)
        return
    with pytest.raises(UimonError, match=r"states \w+ ") as caught:
        read_inventory(path)
    assert caught.value.reason is Reason.WEIGHTS_REFUSED


class Shaped:
    """A tensor that is nothing but its shape."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape


@pytest.mark.parametrize(
    "config",
    [
        {"num_hidden_layers": 80, "hidden_size": 8192, "vocab_size": 128256, "max_position_embeddings": 131072},
        {"num_hidden_layers": 80, "max_position_embeddings": 10_485_760, "attention_chunk_size": 8192},
        {"text_config": {"num_hidden_layers": 80, "sliding_window": None}, "vision_config": {"depth": 200}},
        {"rope_theta": 10**10, "time_step_limit": [0.0, float("inf")], "initializer_range": 0.02},
        {"vision_feature_layer": -2, "vision_feature_layers": [-2, -5], "chunk_size": -1, "max_relative_positions": -1},
        {"image_size": 4096, "window_size": 262_144, "num_hidden_layers": 80, "layer_types": ["full"] * 80},
    ],
)
def test_ordinary_configurations_are_plausible(tmp_path: Path, config: dict[str, Any]) -> None:
    tensors = {f"model.layers.{n}.mlp.down_proj.weight": Shaped(8192, 28672) for n in range(80)}
    require_plausible(tmp_path, config, tensors)


MEASURE = """
import resource, sys
from pathlib import Path
from watcher.checkpoints import discover, inspect
from watcher.engine.model_files.tokenizer_stamp import StampReader
from watcher.model import UimonError
path = Path(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for act in (lambda: inspect(*discover(path.parent)), lambda: StampReader().read(path)):
    try:
        print(act(), file=sys.stderr)
    except UimonError as error:
        print(error, file=sys.stderr)
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def checkpoint(root: Path) -> Path:
    path = tiny_checkpoint(root / "checkpoint-5")
    (path / "trainer_state.json").write_text(json.dumps({"global_step": 5, "max_steps": 9, "log_history": []}))
    return path


def huge_header(path: Path) -> None:
    entry = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
    header = json.dumps({f"t{n}": entry for n in range(150_000)}).encode()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)


def vocabulary(path: Path) -> None:
    merges = [["a", "b"]] * 400_000
    text = {"model": {"type": "BPE", "vocab": {f"token{n}": n for n in range(150_000)}, "merges": merges}}
    (path / "tokenizer.json").write_text(json.dumps(text))


HUGE: dict[str, Callable[[Path], object]] = {
    "header": huge_header,
    "vocabulary": vocabulary,
    "config": lambda path: (path / "config.json").write_text("[" + "[]," * 10_000_000 + "[]]"),
    "index": lambda path: (path / "model.safetensors.index.json").write_text("[" + "[]," * 10_000_000 + "[]]"),
    "log": lambda path: (path / "trainer_state.json").write_text(
        '{"global_step": 5, "log_history": [' + '{"step": 1, "loss": 1},' * 300_000 + '{"step": 2, "loss": 1}]}'
    ),
    "state": lambda path: (path / "trainer_state.json").write_text('{"x": [' + "[]," * 3_000_000 + "[]]}"),
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_file_that_would_be_gigabytes_of_objects_costs_the_watcher_little(tmp_path: Path, kind: str) -> None:
    path = checkpoint(tmp_path)
    if kind == "index":
        (path / "model.safetensors").rename(path / "model-00001-of-00001.safetensors")
    HUGE[kind](path)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True, timeout=50
    )
    before, after = map(int, done.stdout.split())
    assert after - before < 110_000, done.stderr[:500]


def test_the_stamp_of_a_large_vocabulary_is_that_of_its_files_and_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = checkpoint(tmp_path)
    text = {"model": {"type": "BPE", "vocab": {f"token{n}": n for n in range(100_000)}}}
    (path / "tokenizer.json").write_text(json.dumps(text))
    stamps = StampReader()
    assert stamps.read(path) == read_stamp(path)
    monkeypatch.setattr("watcher.engine.model_files.tokenizer_stamp._from_process", lambda _: pytest.fail("read again"))
    assert stamps.read(path) == read_stamp(path)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([2**63, -(2**63), 10**30, 10**400, 0, -1, 1, 5, 64, 1e308, float("nan"), float("inf")])
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        *("num_hidden_layers", "vocab_size", "hidden_size", "text_config", "tie_word_embeddings", "architectures"),
        *("quantization_config", "layer_types", "rope_scaling", "head_dim", "model_type", "num_experts", "torch_dtype"),
        *(
            "global_step",
            "max_steps",
            "log_history",
            "weight_map",
            "metadata",
            "model",
            "added_tokens",
            "chat_template",
        ),
        *("r", "rank_pattern", "lora_alpha", "base_model_name_or_path", "revision", "target_modules", "alpha_pattern"),
    ]
)
FILES = ("config.json", "trainer_state.json", "model.safetensors.index.json", "tokenizer.json", "adapter_config.json")


NAMED = st.sampled_from((*FILES, "tokenizer_config.json", "added_tokens.json"))


@given(name=NAMED, value=st.dictionaries(KEYS, JSON), log=JSON)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_file_of_a_checkpoint_raises_anything_but_a_named_refusal(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: dict[str, Any], log: Any
) -> None:
    path = checkpoint(tmp_path_factory.mktemp("fuzz"))
    own = path / name
    held = json.loads(own.read_text()) if own.is_file() else {}
    if name == "trainer_state.json":
        value = {"log_history": [{"step": log, "loss": log}, log], **value}
    own.write_text(json.dumps({**held, **value}))
    found = inspect(path, 5)
    assert isinstance(found, Checkpoint)
    if found.trainer is not None:
        assert all(0 <= row.step < 2**63 for row in found.trainer.log)
        assert 0 <= found.trainer.global_step < 2**63
    for read in (start, read_stamp, reading_of):
        with suppress(UimonError):
            read(path)
    if name == "adapter_config.json":
        with pytest.raises(UimonError):
            check_adapter(path, read_inventory(path))


def start(path: Path) -> None:
    """All that is worked out before an engine is started."""
    inventory = read_inventory(path)
    compare(inventory, inventory)
    cold_only(inventory.config, {})
    settings = EngineSettings(state_dir=path)
    sequences = sequences_for(settings, inventory, None, 8)
    vllm_arguments(settings, inventory, path, None, sequences, 8)
