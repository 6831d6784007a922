"""What stops an evaluation is told with the user's own path and the way out; what need not stop it does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from tests.support.uimon_command import Make, Uimon
from watcher.engine.capacity import cpu_cache_gib
from watcher.engine.environment import host_environment
from watcher.engine.failures import fitting_context, missing_module, reason_of, sentence_of
from watcher.engine.hosting import error_of
from watcher.engine.model_files.tokenizer_files import TokenizerStamp
from watcher.engine.protocol import RequestFailure
from watcher.engine.types import ContextTooLong, PromptSpec, Sampling
from watcher.evaluation.suite import Suite, shortened
from watcher.ledger.ledger import Ledger
from watcher.model import Reason, State, UimonError

CASES = "tests.real.cases_sentences"

# As vLLM 0.32 words them.
TOO_LONG = (
    "To serve at least one request with the model's max seq len (8224), (1.02 GiB KV cache is needed, which is larger "
    "than the available KV cache memory (0.98 GiB). Based on the available memory, the estimated maximum model length "
    "is 8064. Try increasing `gpu_memory_utilization` (which also controls CPU memory on the CPU backend) or "
    "decreasing `max_model_len` when initializing the engine."
)
NO_BLOCKS = "No available memory for the cache blocks. Try increasing `gpu_memory_utilization`."
NOT_FREE = "Free memory on device cuda:0 (1/80 GiB) on startup is less than desired GPU memory utilization (0.92)."
NODE = "Available memory on node 0 (3/11 GiB) on kv cache allocation is less than requested memory for kv (8 GiB)."
IMPORT_LOG = """
ERROR 11-28 19:13:58 [registry.py:1020] Error in inspecting model architecture 'Qwen2_5_VLForConditionalGeneration'
ERROR 11-28 19:13:58 [registry.py:1020] Traceback (most recent call last):
ERROR 11-28 19:13:58 [registry.py:1020]   File "vllm/model_executor/models/registry.py", line 1400, in _run
ERROR 11-28 19:13:58 [registry.py:1020]     from torchvision.transforms.v2 import functional as tvF
ERROR 11-28 19:13:58 [registry.py:1020] ModuleNotFoundError: No module named 'torchvision'
"""


@pytest.mark.parametrize(
    ("text", "way_out", "worse"),
    [
        (TOO_LONG, ("--max-tokens", "--max-model-len", "VLLM_CPU_KVCACHE_SPACE", "larger share"), "smaller share"),
        (NO_BLOCKS, ("larger share", "VLLM_CPU_KVCACHE_SPACE"), "smaller share"),
        (NOT_FREE, ("--gpu", "smaller share"), "larger share"),
        (NODE, ("VLLM_CPU_KVCACHE_SPACE", "less of it"), "larger share"),
        ("CUDA out of memory. Tried to allocate 2 GiB", ("--max-num-seqs", "smaller share"), "larger share"),
        ("DefaultCPUAllocator: can't allocate memory", ("VLLM_CPU_KVCACHE_SPACE",), "larger share"),
    ],
)
def test_the_way_out_of_too_little_memory_is_that_of_the_memory(
    text: str, way_out: tuple[str, ...], worse: str
) -> None:
    error = ValueError(text)
    assert reason_of(error, Reason.ENGINE_START) is Reason.OUT_OF_MEMORY
    sentence = sentence_of(error, Reason.OUT_OF_MEMORY, "Starting vLLM failed")
    assert all(word in sentence for word in way_out), sentence
    assert worse not in sentence


@pytest.mark.parametrize(
    ("name", "way_out"), [("lm_head", "train with `tie_word_embeddings` true."), ("model.extra", "has another class")]
)
def test_a_tensor_that_vllms_class_has_no_place_for_is_named_without_its_list_of_all_others(
    name: str, way_out: str
) -> None:
    listed = "The available parameters belonging to  (Gemma2ForCausalLM) are: {'model.norm.weight'}"
    error = ValueError(f"There is no module or parameter named '{name}' in Gemma2ForCausalLM. {listed}")
    assert reason_of(error, Reason.ENGINE_START) is Reason.WEIGHTS_REFUSED
    sentence = sentence_of(error, Reason.WEIGHTS_REFUSED, "Starting vLLM failed")
    assert sentence.startswith(
        f"Starting vLLM failed: the checkpoint holds {name}, for which vLLM's Gemma2ForCausalLM "
    )
    assert way_out in sentence
    assert "model.norm.weight" not in sentence


def test_the_context_that_fits_is_taken_from_vllms_words() -> None:
    outer = RuntimeError("Engine core initialization failed")
    outer.__cause__ = ValueError(TOO_LONG)
    assert fitting_context(outer) == 8064
    assert fitting_context(ValueError(NO_BLOCKS)) == 0


@pytest.mark.parametrize(
    "said",
    [
        "Unknown quantization method: bitsandbytes. Must be one of []",
        "fp8 quantization is currently not supported in cpu.",
    ],
)
def test_a_quantization_that_vllm_does_not_read_has_a_way_out(said: str) -> None:
    assert reason_of(ValueError(said), Reason.ENGINE_ERROR) is Reason.UNKNOWN_ARCHITECTURE
    assert "save them unquantized" in sentence_of(ValueError(said), Reason.UNKNOWN_ARCHITECTURE, "Rendering failed")


def test_a_long_text_is_not_cut_within_a_path() -> None:
    error = ValueError("x" * 390 + " /state/stage/uimon-copy-10-abcdef/model.safetensors is broken")
    assert "/state" not in sentence_of(error, Reason.ENGINE_ERROR, "Loading failed")


def log_of(tmp_path: Path, text: str) -> Path:
    """The log that a host has left."""
    log = tmp_path / "engine.log"
    log.write_text(text)
    return log


def test_a_module_that_only_vllms_log_names_is_in_the_sentence(tmp_path: Path) -> None:
    said = "Starting vLLM failed: ValueError: Model architectures ['X'] failed to be inspected. Please check the logs."
    error = error_of(RequestFailure(Reason.ENGINE_START, said, True), log_of(tmp_path, IMPORT_LOG), on_gpu=False)
    assert error.reason is Reason.MODULE_MISSING
    assert "Starting vLLM failed: the model needs the Python package torchvision" in error.sentence
    assert "pip install torchvision" in error.sentence
    other = error_of(RequestFailure(Reason.ENGINE_START, said, True), log_of(tmp_path, "all is well"), on_gpu=False)
    assert other.reason is Reason.ENGINE_START


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("ModuleNotFoundError: No module named 'mamba_ssm.ops'", "mamba_ssm"),
        ("ModuleNotFoundError: No module named 'a'\nModuleNotFoundError: No module named 'b'", "b"),
        ("ImportError: \nXVideoProcessor requires the Torchvision library but it was not found in", "torchvision"),
        ("ImportError: Please install it: `pip install open_clip_torch`", "open_clip_torch"),
        ("ImportError: libcudart.so.13: cannot open shared object file", None),
        ("ValueError: no", None),
    ],
)
def test_the_last_missing_module_of_a_text(text: str, module: str | None) -> None:
    assert missing_module(text) == module


def test_an_import_that_fails_in_the_host_is_the_models_or_the_engines() -> None:
    models = ModuleNotFoundError("No module named 'torchvision'", name="torchvision")
    assert reason_of(models, Reason.ENGINE_START) is Reason.MODULE_MISSING
    assert "pip install torchvision" in sentence_of(models, Reason.MODULE_MISSING, "Starting vLLM failed")
    assert reason_of(ModuleNotFoundError("No module named 'torch'"), Reason.ENGINE_START) is Reason.ENGINE_MISSING
    outer = RuntimeError("The processor cannot be made")
    outer.__cause__ = ImportError("XProcessor requires the PIL library but it was not found in your environment.")
    assert reason_of(outer, Reason.ENGINE_START) is Reason.MODULE_MISSING
    assert "pip install pillow" in sentence_of(outer, Reason.MODULE_MISSING, "Starting vLLM failed")
    # An optional import that failed on the way is not what went wrong.
    stray = ValueError("no")
    stray.__context__ = ModuleNotFoundError("No module named 'flash_attn'")
    assert reason_of(stray, Reason.ENGINE_START) is Reason.ENGINE_START


def test_a_missing_module_is_tried_once(house: House) -> None:
    write_checkpoint(house.root, 1)
    house.engine.faults = [UimonError(Reason.MODULE_MISSING, "It needs x.")] * 2
    house.service(once=True).run()
    assert house.states() == [(1, "failed", "module_missing")]
    assert len(house.engine.faults) == 1


def test_the_cache_of_a_gpu_is_not_relied_on_to_the_last_token(tmp_path: Path) -> None:
    failure = RequestFailure(Reason.OUT_OF_MEMORY, TOO_LONG, fatal=True, fits=8064)
    for gpu, fits in ((False, 8064), (True, 7648)):
        error = error_of(failure, tmp_path / "none", on_gpu=gpu)
        assert isinstance(error, ContextTooLong)
        assert error.fits == fits


@pytest.mark.parametrize("said", ["0.5", "1.5", "0", "-1", "two", "1e1", "1GiB"])
def test_a_cache_that_vllm_would_not_read_is_refused_in_one_sentence(said: str) -> None:
    with pytest.raises(UimonError, match="whole GiB") as caught:
        cpu_cache_gib({"VLLM_CPU_KVCACHE_SPACE": said})
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert said in caught.value.sentence


def test_a_cache_that_is_set_to_nothing_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ("", " "):
        monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", said)
        assert host_environment({}, tmp_path)["VLLM_CPU_KVCACHE_SPACE"] == "1"
        assert cpu_cache_gib({"VLLM_CPU_KVCACHE_SPACE": said}) == 1
    assert cpu_cache_gib({"VLLM_CPU_KVCACHE_SPACE": " 4 "}) == 4


def suites(state: Path) -> list[Suite]:
    """The suites that a run's evaluations belong to."""
    ledger = Ledger(state)
    try:
        kept = dict(ledger._db.execute("SELECT digest, body FROM suite").fetchall())
        return [Suite.from_json(kept[name]) for name in {known.suite for known in ledger.evaluations()}]
    finally:
        ledger.close()


def test_a_context_that_the_cache_does_not_hold_is_cut_once_for_the_whole_run(
    house: House,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write_checkpoint(house.root, 1)
    house.engine.faults = [ContextTooLong("Too long.", 80)]
    house.service(once=True).run()
    write_checkpoint(house.root, 2)
    house.service(once=True).run()
    assert [state for _, state, _ in house.states()] == ["published", "published"]
    (suite,) = suites(house.state.ledger)
    assert (suite.context, suite.sampling.max_tokens) == (80, 79)
    assert sum("answers end after 79 tokens" in message for message in caplog.messages) == 1


def test_a_context_is_not_cut_where_it_was_chosen_or_evaluations_of_it_exist(house: House) -> None:
    write_checkpoint(house.root, 1)
    house.engine.faults = [ContextTooLong("Too long.", 80)] * 4
    house.service(once=True, max_tokens=90).run()
    assert house.states() == [(1, "failed", "out_of_memory")]
    house.engine.faults = []
    write_checkpoint(house.root, 2)
    house.service(once=True).run()
    house.engine.faults = [ContextTooLong("Too long.", 80)] * 4
    write_checkpoint(house.root, 3)
    house.service(once=True).run()
    assert house.states()[1:] == [(2, "published", None), (3, "failed", "out_of_memory")]
    assert house.ledger.records()[2].detail == "Too long."


@pytest.mark.parametrize("fits", [10, 40])
def test_a_context_is_not_cut_to_less_than_half(house: House, fits: int) -> None:
    write_checkpoint(house.root, 1)
    house.engine.faults = [ContextTooLong("Too long.", fits)] * 4
    house.service(once=True).run()
    assert house.states() == [(1, "failed", "out_of_memory")]


@pytest.mark.parametrize("reason", [Reason.WEIGHTS_REFUSED, Reason.TOKENIZER_MISSING, Reason.ENGINE_ERROR])
def test_what_is_said_of_uimons_copy_names_the_users_checkpoint(
    house: House,
    reason: Reason,
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = write_checkpoint(house.root, 1)
    load = house.engine.load

    def failing(path: Path, *rest: object) -> object:
        raise UimonError(reason, f"{path}/model.safetensors is not right (OSError: [Errno 2] '{path}').")

    house.engine.load = failing  # type: ignore[method-assign,assignment]
    house.service(once=True, stage="copy").run()
    house.engine.load = load  # type: ignore[method-assign]
    (record,) = house.ledger.records(State.FAILED)
    assert record.detail == f"{place}/model.safetensors is not right (OSError: [Errno 2] '{place}')."
    assert "uimon-copy" not in caplog.text


def test_what_is_said_of_a_load_names_the_users_checkpoint_too(
    house: House,
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = write_checkpoint(house.root, 1)
    stage = house.state.stage

    class Telling(list[tuple[str, bool]]):
        def pop(self, _: object = 0) -> tuple[str, bool]:
            (copy,) = stage.iterdir()
            return f"The change failed ({copy}: no).", True

    house.engine.tells = Telling([("", False)])
    house.service(once=True, stage="copy").run()
    assert f"The change failed ({place}: no)." in caplog.text


@pytest.mark.engine
def test_adapters_are_served_over_the_revision_that_they_name(made: Make, uimon: Uimon) -> None:
    place = made(CASES, "revisions")
    done = uimon.once(place / "ck", place / "val.jsonl", HF_HOME=str(place / "hf"))
    assert done.code == 0, done.log
    truth = json.loads((place / "truth.json").read_text())["stable"]
    (checkpoint,) = uimon.status()
    assert checkpoint["metrics"]["eval/perplexity"] == pytest.approx(truth, rel=0.01)
    assert "acme/tiny at commit bbbbbbbbbbbb" in (uimon.state / "engine" / "evidence.json").read_text()


def test_adapters_over_a_revision_that_is_not_here_fail_with_the_way_to_it(
    made: Make, uimon: Uimon, tmp_path: Path
) -> None:
    place = shutil.copytree(made(CASES, "revisions"), tmp_path / "copy")
    (place / "hf" / "hub" / "models--acme--tiny" / "refs" / "stable").unlink()
    done = uimon.once(place / "ck", place / "val.jsonl", HF_HOME=str(place / "hf"))
    assert done.code == 1
    (checkpoint,) = uimon.status()
    assert checkpoint["reason"] == "base_model_missing"
    assert "hf download acme/tiny --revision stable" in checkpoint["detail"]


@pytest.mark.engine
@pytest.mark.soak
def test_a_base_at_a_relative_path_is_found_around_the_checkpoints(made: Make, uimon: Uimon) -> None:
    place = made(CASES, "relative")
    done = uimon.once(place / "project" / "runs" / "dpo", place / "val.jsonl")
    assert done.code == 0, done.log
    assert str(place / "project" / "out" / "sft" / "merged") in done.log


@pytest.mark.engine
@pytest.mark.soak
@pytest.mark.timeout(600)
def test_the_context_that_fits_is_taken_and_kept_over_a_restart(made: Make, uimon: Uimon, tmp_path: Path) -> None:
    place = made(CASES, "wide")
    (tmp_path / "ck").mkdir()
    for step in (10, 20):
        shutil.copytree(place / "ck" / f"checkpoint-{step}", tmp_path / "ck" / f"checkpoint-{step}")
        usual = ("--wandb", "off", "--once", "--state-dir", uimon.state, "--val", place / "val.jsonl", "--samples", "4")
        done = uimon.run("watch", tmp_path / "ck", *usual)
        assert done.code == 0, done.log
        assert ("The engine's cache holds 8064 tokens" in done.log) == (step == 10)
    (suite,) = suites(uimon.state / "ledger.sqlite3")
    assert suite.context == 8064
    assert suite.sampling.max_tokens == 8064 - max(len(prompt.token_ids) for prompt in suite.prompts)


@pytest.mark.engine
@pytest.mark.soak
def test_a_model_that_needs_another_package_says_which_after_one_try(made: Make, uimon: Uimon) -> None:
    pytest.importorskip("transformers")
    place = made(CASES, "module")
    done = uimon.once(place / "ck", place / "val.jsonl")
    (checkpoint,) = uimon.status()
    assert (done.code, checkpoint["reason"]) == (1, "module_missing"), done.log
    assert "pip install torchvision" in checkpoint["detail"]
    assert "retries" not in done.log
    assert str(place) not in checkpoint["detail"] or "uimon-copy" not in checkpoint["detail"]


@pytest.mark.engine
@pytest.mark.soak
def test_a_damaged_checkpoint_is_named_by_the_users_path(made: Make, uimon: Uimon) -> None:
    place = made(CASES, "damaged")
    done = uimon.once(place / "ck", place / "val.jsonl", "--stage", "copy")
    (checkpoint,) = uimon.status()
    assert (done.code, checkpoint["reason"]) == (1, "weights_refused"), done.log
    assert str(place / "ck" / "checkpoint-10") in checkpoint["detail"]
    assert "uimon-copy" not in checkpoint["detail"] + done.log


def test_prompts_that_need_the_whole_cache_are_not_cut() -> None:
    prompt = PromptSpec("a", "", tuple(range(10)), tuple(range(50)), 1)
    suite = Suite((prompt,), (0,), Sampling(60, 0, 1, 0), "", "", 0, 100, "", "", TokenizerStamp("", ""))
    assert shortened(suite, 60) is None
    kept = shortened(suite, 61)
    assert kept is not None
    assert (kept.context, kept.sampling.max_tokens) == (61, 51)
    assert kept.digest != suite.digest
