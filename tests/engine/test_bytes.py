"""Nothing is served but the bytes of the files: rows that are compared, and files that name others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.weights import tiny_checkpoint, write, zeros
from tests.support.tiny_engine import Shared
from watcher.engine import EngineSettings, VllmEngine
from watcher.engine.environment import host_environment
from watcher.engine.evidence import Evidence
from watcher.engine.merge import Merge
from watcher.engine.model_files.reader import Reader
from watcher.model import CheckpointKind, Reason, UimonError

CHECKS = Path(__file__).with_name("fingerprint_checks.py")
QKV = "layers.0.qkv"
NAMES = [f"layers.0.{name}.weight" for name in "kqv"]


def test_rows_are_found_however_they_are_put_together_and_what_is_not_the_files_is_named() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, str(CHECKS)], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout) == {
        "fused": [[], []],
        "another layer's": [["layers.1.qkv"], NAMES],
        "one bit": [[QKV], ["layers.0.v.weight"]],
        "a row that nobody wrote": [[QKV], ["layers.0.k.weight"]],
        "left out": [[], ["layers.0.v.weight"]],
        "two biases in one": [[], []],
        "a stack of experts": [[], []],
        "experts made longer": [[], []],
        "a buffer": [[], []],
        "transposed": [[], []],
        "half of the columns": [[], []],
        "rounded": [[], []],
        "padded": [[], []],
        "decay": [[], []],
        "adapter": [[], []],
    }


def decoy(tiny: Path, place: Path, source: str) -> Path:
    """A checkpoint that names another model wherever that decides nothing, with other files that libraries look for."""
    path = Path(shutil.copytree(tiny / source, place))
    other = str(tiny / "untied-b")
    config = json.loads((path / "config.json").read_text())
    auto_map = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "acme/other--own.Model"}
    named = {"_name_or_path": other, "name_or_path": other, "base_model_name_or_path": other, "auto_map": auto_map}
    (path / "config.json").write_text(json.dumps({**config, **named, "draft_model": other, "mm_vision_tower": other}))
    (path / "own.py").write_text("raise SystemExit('code of a checkpoint was run')\n")
    (path / "adapter_config.json").write_text((tiny / "adapter-one" / "adapter_config.json").read_text())
    shutil.copy(tiny / "adapter-one" / "adapter_model.safetensors", path)
    shutil.copy(tiny / "untied-b" / "model.safetensors", path / "consolidated.safetensors")
    (path / "hf_quant_config.json").write_text(json.dumps({"quantization": {"quant_algo": "FP8"}}))
    (path / "params.json").write_text(json.dumps({"dim": 8, "n_layers": 1}))
    (path / "pytorch_model.bin").write_bytes(b"no weights")
    tokenizer = json.loads((path / "tokenizer_config.json").read_text())
    told = {**tokenizer, "auto_map": {"AutoTokenizer": ["own.Tokenizer", None]}, "name_or_path": other}
    (path / "tokenizer_config.json").write_text(json.dumps(told))
    return path


@pytest.mark.parametrize(
    "pointer",
    [
        {"speculators_config": {"verifier": {"name_or_path": "acme/other"}}, "speculators_model_type": "eagle3"},
        {"model_type": "medusa"},
        {"architectures": ["EagleLlamaForCausalLM"]},
        {"attn_implementation": "acme/kernels"},
        {"text_config": {"text_model_id": "acme/other"}},
    ],
)
def test_what_names_another_model_starts_no_engine(tmp_path: Path, pointer: dict[str, object]) -> None:
    path, base = tiny_checkpoint(tmp_path / "model", **pointer), tiny_checkpoint(tmp_path / "base", **pointer)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4, "target_modules": "q_proj"}))
    write(adapter / "adapter_model.safetensors", {f"q.lora_{half}.weight": zeros(4, 8) for half in "AB"})
    with VllmEngine(EngineSettings(state_dir=tmp_path / "state")) as engine:
        for loaded, kind, over in ((path, CheckpointKind.FULL, None), (adapter, CheckpointKind.ADAPTER, base)):
            with pytest.raises(UimonError) as caught:
                engine.load(loaded, "a", kind, over)
            assert caught.value.reason is Reason.WEIGHTS_REFUSED
            assert str((over or loaded) / "config.json") in caught.value.sentence
        assert not engine.alive
    assert not list(tmp_path.rglob("engine-*.log"))


TWO_MODELS = """
import json, sys
from pathlib import Path
from watcher.engine.host.completeness import check_complete
from watcher.model import UimonError
path, said = Path(sys.argv[1]), {}
held = json.loads((path / "config.json").read_text())
for kind, named in json.loads(sys.argv[2]):
    (path / "config.json").write_text(json.dumps({**held, "model_type": kind, "architectures": named}))
    try:
        check_complete(path)
    except UimonError as error:
        said[f"{kind} {named[0]}"] = error.sentence
json.dump(said, sys.stdout)
"""


def test_a_class_of_another_model_is_refused(tmp_path: Path) -> None:
    """It may have the same tensors and compute otherwise: Gemma scales its embeddings, Llama does not."""
    path = tiny_checkpoint(tmp_path / "model")
    others = [("gemma", ["LlamaForCausalLM"]), ("llama", ["MistralForCausalLM"])]
    own = [("llama", ["LlamaForCausalLM"]), ("llama", ["UnknownForCausalLM"]), ("kimi_k2", ["DeepseekV3ForCausalLM"])]
    command = [sys.executable, "-c", TWO_MODELS, str(path), json.dumps(others + own)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    said = json.loads(done.stdout)
    refused = {name for name, sentence in said.items() if "which of the two was trained" in sentence}
    assert refused == {"gemma LlamaForCausalLM", "llama MistralForCausalLM"}


@pytest.mark.engine
@pytest.mark.timeout(900)
def test_names_that_decide_nothing_change_no_bit(shared: Shared, tiny: Path, tmp_path: Path) -> None:
    path = decoy(tiny, tmp_path / "decoy", "untied-a")
    assert shared.outputs(shared.engine.load(path, "a", CheckpointKind.FULL)) == shared.fresh_a
    served = Evidence(shared.engine._settings.state_dir / "evidence.json").served
    assert (23, (), "") in {(one.parameters, one.unused, one.why_not) for one in served if not one.adapter}


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_base_that_names_others_is_merged_as_it_is(tiny: Path, tmp_path: Path, settings: EngineSettings) -> None:
    """Beside a base with an adapter of its own, transformers would load that over it."""
    merged = []
    for name, base in (("plain", tiny / "untied-a"), ("decoy", decoy(tiny, tmp_path / "decoy", "untied-a"))):
        target = tmp_path / "merged" / name
        own = replace(settings, state_dir=tmp_path / name)
        with Reader(own.state_dir / "views", lambda: None).adapter(tiny / "adapter-two", base) as read:
            Merge(read.origin.path, tiny / "adapter-two", target, own, read.origin.bytes).run()
        merged.append((target / "model.safetensors").read_bytes())
    assert merged[0] == merged[1]


@pytest.mark.engine
@pytest.mark.timeout(900)
def test_an_engine_that_loads_another_model_is_found_out(settings: EngineSettings, tiny: Path, tmp_path: Path) -> None:
    view = tmp_path / "state" / "views" / "full" / "untied-a"
    redirect = tmp_path / "redirect.json"
    redirect.write_text(json.dumps({str(view): str(tiny / "untied-b")}))
    # As if a configuration had a way that nobody knows: the engine's own environment, which nothing else sets.
    elsewhere = {**settings.device_env, "VLLM_MODEL_REDIRECT_PATH": str(redirect)}
    with VllmEngine(replace(settings, state_dir=tmp_path / "state", device_env=elsewhere)) as engine:
        with pytest.raises(UimonError) as caught:
            engine.load(tiny / "untied-a", "a")
        assert not engine.alive
    assert caught.value.reason is Reason.WEIGHTS_REFUSED
    other = f"the model {tiny / 'untied-b'} and 14 more"
    said = f"{tiny / 'untied-a'}: vLLM serves {other} with other values than the files hold"
    assert str(caught.value).startswith(said)


def test_a_redirection_of_the_users_environment_is_not_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VLLM_MODEL_REDIRECT_PATH", "/elsewhere")
    monkeypatch.setenv("VLLM_USE_MODELSCOPE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", "/models")
    given = host_environment({}, tmp_path)
    assert (given["VLLM_MODEL_REDIRECT_PATH"], given["VLLM_USE_MODELSCOPE"]) == ("", "0")
    assert given["HF_HUB_CACHE"] == str(tmp_path / "no-hub")
