"""Adapters over a living base."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engine.weights import Tensors, altered
from tests.support.tiny_engine import GREEDY, Shared, outputs, reference_sums
from watcher.engine import EngineSettings, VllmEngine
from watcher.model import CheckpointKind, Reason, UimonError

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def adapted(settings: EngineSettings) -> Iterator[VllmEngine]:
    with VllmEngine(replace(settings, dtype="float32")) as engine:
        yield engine


def test_adapters_change_the_answers_each_in_its_own_way(adapted: VllmEngine, shared: Shared, tiny: Path) -> None:
    base = tiny / "fp32"
    seen: dict[str, tuple[Any, ...]] = {}
    for name in ("zero", "one", "two", "one"):
        loaded = adapted.load(tiny / f"adapter-{name}", name, CheckpointKind.ADAPTER, base)
        assert loaded.swap == ("lora" if seen else "cold")
        now = outputs(adapted, loaded, shared.rendered)
        assert seen.setdefault(name, now) == now
    assert len({probe for probe, _, _ in seen.values()}) == 3
    assert seen["zero"][1] != seen["one"][1] != seen["two"][1]


@pytest.mark.parametrize("name", ["zero", "one"])
def test_an_adapters_perplexity_is_that_of_peft(adapted: VllmEngine, shared: Shared, tiny: Path, name: str) -> None:
    prompts = shared.rendered.prompts
    adapted.load(tiny / f"adapter-{name}", name, CheckpointKind.ADAPTER, tiny / "fp32")
    for prompt, nll in zip(prompts, reference_sums(tiny / "fp32", tiny / f"adapter-{name}", prompts), strict=True):
        measured = adapted.perplexity((prompt,))
        assert abs(measured.nll - nll) / measured.tokens <= 1e-4


def rename(tensors: Tensors) -> None:
    for name in list(tensors):
        tensors[name.replace(".model.layers.", ".model.blocks.")] = tensors.pop(name)


def silence(tensors: Tensors) -> None:
    for name, (dtype, shape, data) in list(tensors.items()):
        if ".lora_A." in name:
            tensors[name] = (dtype, shape, bytes(len(data)))


@pytest.mark.parametrize(
    ("change", "reason"), [(rename, Reason.WEIGHTS_REFUSED), (silence, Reason.STALE_WEIGHTS)], ids=["keys", "effect"]
)
def test_an_adapter_without_effect_is_refused(
    adapted: VllmEngine, shared: Shared, tiny: Path, tmp_path: Path, change: object, reason: Reason
) -> None:
    assert callable(change)
    path = altered(tiny / "adapter-one", tmp_path / "none", change, "adapter_model.safetensors")
    with pytest.raises(UimonError) as caught:
        adapted.load(path, "none", CheckpointKind.ADAPTER, tiny / "fp32")
    assert caught.value.reason is reason
    assert not adapted.alive
    loaded = adapted.load(tiny / "adapter-two", "two", CheckpointKind.ADAPTER, tiny / "fp32")
    assert len(outputs(adapted, loaded, shared.rendered)[1]) == len(shared.rendered.prompts)


def test_an_adapter_saved_again_at_its_old_path_is_read_again(
    adapted: VllmEngine, shared: Shared, tiny: Path, tmp_path: Path
) -> None:
    path = tmp_path / "adapter"
    shutil.copytree(tiny / "adapter-one", path)
    first = outputs(adapted, adapted.load(path, "one", CheckpointKind.ADAPTER, tiny / "fp32"), shared.rendered)
    shutil.copytree(tiny / "adapter-two", path, dirs_exist_ok=True)
    second = outputs(adapted, adapted.load(path, "two", CheckpointKind.ADAPTER, tiny / "fp32"), shared.rendered)
    assert first != second


def test_answers_with_an_adapter_are_seeded_too(adapted: VllmEngine, shared: Shared, tiny: Path) -> None:
    adapted.load(tiny / "adapter-one", "one", CheckpointKind.ADAPTER, tiny / "fp32")
    sampling = replace(GREEDY, temperature=1.0, seed=3)
    prompts, stops = shared.rendered.prompts, shared.rendered.stop_ids
    once = {g.prompt_id: g for g in adapted.generate(prompts, sampling, stops)}
    assert once == {g.prompt_id: g for g in adapted.generate(prompts[::-1], sampling, stops)}
