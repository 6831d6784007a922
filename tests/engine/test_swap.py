"""Weights that change in a living engine, against engines started fresh."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engine.weights import Tensors, altered, tiny_checkpoint
from tests.support.tiny_engine import GREEDY, Shared, outputs
from watcher.engine import Deadlines, EngineSettings, Generation, VllmEngine
from watcher.engine.evidence import Evidence
from watcher.engine.launch import vllm_arguments
from watcher.engine.model_files.inventory import read_inventory
from watcher.engine.serving import Live, Serving
from watcher.engine.types import Setup, SwapPolicy
from watcher.model import Reason, UimonError
from watcher.system.processes import group_members

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

PROVED = "The first change in place equals a fresh engine (within 0 nats)."


def test_swapped_in_checkpoints_answer_exactly_as_fresh_engines(shared: Shared, tiny: Path) -> None:
    first, second = shared.loads
    assert (first.swap, second.swap, second.note) == ("cold", "cold", PROVED)
    assert shared.fresh_a[1] != shared.fresh_b[1]
    for name, fresh in (("a", shared.fresh_a), ("b", shared.fresh_b), ("a", shared.fresh_a)):
        loaded = shared.engine.load(tiny / f"untied-{name}", name)
        assert loaded.swap == "warm"
        assert shared.outputs(loaded) == fresh
    sharded = shared.engine.load(tiny / "untied-b-sharded", "b")
    assert sharded.swap == "warm"
    assert shared.outputs(sharded) == shared.fresh_b


# A family with tied weights is among the usual tests of test_parity.py.
@pytest.mark.soak
def test_swapped_in_tied_checkpoints_answer_exactly_as_fresh_engines(
    settings: EngineSettings, shared: Shared, tiny: Path, tmp_path: Path
) -> None:
    with VllmEngine(replace(settings, state_dir=tmp_path)) as engine:
        fresh_a = outputs(engine, engine.load(tiny / "tied-a", "a"), shared.rendered)
        proof = engine.load(tiny / "tied-b", "b")
        assert proof.note == PROVED
        fresh_b = outputs(engine, proof, shared.rendered)
        for name, fresh in (("a", fresh_a), ("b", fresh_b)):
            loaded = engine.load(tiny / f"tied-{name}", name)
            assert loaded.swap == "warm"
            assert outputs(engine, loaded, shared.rendered) == fresh


EXTENSION = """
from watcher.engine.host.fingerprints import WeightsComparison
from watcher.engine.host.worker_extension import WorkerExtension as Own

class WorkerExtension(Own):
    def refresh_tied_head(self):
        return 0
"""
BLIND = """
    def compare_with_files(self, files, shards):
        return WeightsComparison().plain()
"""


@pytest.mark.parametrize(
    ("extension", "found"),
    [
        (EXTENSION, "The change in place left lm_head.weight as it was. "),
        (EXTENSION + BLIND, "The first change in place differs from a fresh engine by "),
    ],
    ids=["by its bytes", "by its answers"],
)
def test_a_reload_that_goes_wrong_in_silence_is_found_and_not_used_again(
    settings: EngineSettings, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extension: str, found: str
) -> None:
    # Without the refresh vLLM's CPU build keeps the old output head of a tied model and reports success.
    (tmp_path / "forgetful.py").write_text(extension)
    places = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))

    def forgetful(*asked: Any) -> dict[str, object]:
        return {**vllm_arguments(*asked), "worker_extension_cls": "forgetful.WorkerExtension"}

    monkeypatch.setattr("watcher.engine.serving.vllm_arguments", forgetful)
    with VllmEngine(replace(settings, state_dir=tmp_path, device_env={"PYTHONPATH": places})) as engine:
        engine.load(tiny / "tied-a", "a")
        second = engine.load(tiny / "tied-b", "b")
        assert (second.swap, second.alarming) == ("cold", True)
        assert second.note.startswith(found)
        live = engine._serving.held
        assert live is not None
        known = Evidence(tmp_path / "evidence.json").parity(live.setup)
        assert known is not None
        assert (known.equal, known.before, known.after, known.tolerance) == (False, "a", "b", 0.0)
        assert known.apart > 0.1
        why = engine._loader._why_cold(read_inventory(tiny / "tied-a"))
        assert why is not None
        assert why.alarming
        assert "gave other results than a fresh engine here" in why.note


def test_a_comparison_is_not_repeated_after_a_restart(settings: EngineSettings, shared: Shared, tiny: Path) -> None:
    with VllmEngine(settings) as engine:
        engine.load(tiny / "untied-a", "a")
        loaded = engine.load(tiny / "untied-b", "b")
        assert (loaded.swap, loaded.note) == ("warm", "")
        assert outputs(engine, loaded, shared.rendered) == shared.fresh_b


def drop_k_proj(tensors: Tensors) -> None:
    del tensors["model.layers.1.self_attn.k_proj.weight"]


def refused(shared: Shared, path: Path) -> UimonError:
    with pytest.raises(UimonError) as caught:
        shared.engine.load(path, path.name)
    assert not shared.engine.alive
    with pytest.raises(UimonError, match="load a checkpoint first"):
        list(shared.engine.generate(shared.rendered.prompts, GREEDY, shared.rendered.stop_ids))
    return caught.value


def test_refused_checkpoints_leave_the_next_healthy_one_exact(shared: Shared, tiny: Path, tmp_path: Path) -> None:
    shared.engine.load(tiny / "untied-a", "a")
    host = shared.engine.pid
    error = refused(shared, altered(tiny / "untied-b", tmp_path / "incomplete", drop_k_proj))
    assert error.reason is Reason.WEIGHTS_REFUSED
    assert "model.layers.1.self_attn.k_proj.weight is missing" in error.sentence
    truncated = tmp_path / "truncated"
    shutil.copytree(tiny / "untied-b", truncated)
    with (truncated / "model.safetensors").open("r+b") as file:
        file.truncate(5000)
    assert refused(shared, truncated).reason is Reason.WEIGHTS_REFUSED
    assert shared.engine.pid == host
    loaded = shared.engine.load(tiny / "untied-b", "b")
    assert loaded.swap == "warm"
    assert shared.outputs(loaded) == shared.fresh_b


def test_equal_weights_under_another_name_are_settled_by_a_fresh_engine(shared: Shared, tiny: Path) -> None:
    first = shared.engine.load(tiny / "untied-a", "a")
    second = shared.engine.load(tiny / "untied-a", "not a")
    assert second.swap == "cold"
    assert "did not change" in second.note
    assert second.probe == first.probe


def test_a_stopped_host_runs_into_its_deadline(shared: Shared, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = shared.engine
    engine.load(tiny / "untied-a", "a")
    brief = replace(engine._settings, deadlines=Deadlines(stall=2.0))
    monkeypatch.setattr(engine, "_settings", brief)
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGSTOP)
    with pytest.raises(UimonError, match="silent for 2 s") as caught:
        engine.perplexity(shared.rendered.prompts)
    assert caught.value.reason is Reason.ENGINE_TIMEOUT
    assert engine.pid is None


def long_generation(shared: Shared) -> Iterator[Generation]:
    prompts = [replace(p, id=f"{p.id}-{n}") for n in range(20) for p in shared.rendered.prompts]
    return shared.engine.generate(prompts, replace(GREEDY, max_tokens=200), ())


def test_leaving_a_generation_early_leaves_no_work_behind(shared: Shared, tiny: Path) -> None:
    shared.engine.load(tiny / "untied-b", "b")
    stream = long_generation(shared)
    next(stream)
    host = shared.engine.pid
    assert host is not None
    stream.close()  # type: ignore[attr-defined]
    assert group_members(host) == []
    assert shared.engine.pid is None


SETUP = Setup("LlamaForCausalLM", "0.32.0", "cpu", "bfloat16", False, "", 1, "")


@pytest.mark.parametrize(
    ("policy", "config", "note"),
    [
        ("cold", {}, "Each checkpoint gets a fresh engine by setting."),
        ("auto", {"num_experts": 8}, "The model is a mixture of experts."),
        ("lora", {"num_experts": 8}, "The model is a mixture of experts."),
        ("warm", {"num_experts": 8}, None),
        ("auto", {}, None),
    ],
)
def test_the_policy_decides_who_gets_a_fresh_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: SwapPolicy, config: dict[str, object], note: str | None
) -> None:
    candidate = read_inventory(tiny_checkpoint(tmp_path / "model", **config))
    live = Live(1, candidate, SETUP, "a", (0.0,), (0.0,), 0, None, 8)
    monkeypatch.setattr(Serving, "held", live)
    engine = VllmEngine(EngineSettings(state_dir=tmp_path, swap=policy))
    why = engine._loader._why_cold(candidate)
    assert (why and why.note) == note
