"""What scripted drivers and the CPU cannot show, on a real GPU: `make gpu`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.tiny_engine import outputs
from watcher.engine import Conversation, EngineSettings, VllmEngine
from watcher.engine.gpu import GpuChoice, SystemNvml, choose_gpu

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def chosen() -> GpuChoice:
    """The emptiest GPU, whoever else is using it."""
    return choose_gpu(None, True, SystemNvml(), None)


def test_the_driver_is_read(chosen: GpuChoice) -> None:
    assert chosen.cuda_visible_devices in [device.uuid for device in SystemNvml().devices()]
    assert 0 < chosen.free_bytes <= chosen.total_bytes


@pytest.mark.engine
@pytest.mark.timeout(900)
def test_weights_swapped_in_answer_exactly_as_in_a_fresh_engine(
    chosen: GpuChoice, settings: EngineSettings, tiny: Path, conversations: tuple[Conversation, ...], tmp_path: Path
) -> None:
    assert chosen.cuda_visible_devices is not None
    where = {"CUDA_VISIBLE_DEVICES": chosen.cuda_visible_devices}
    on_gpu = replace(settings, state_dir=tmp_path, device_env=where, gpu_bytes=chosen.total_bytes)
    with VllmEngine(on_gpu) as engine:
        rendered = engine.render(tiny / "untied-a", conversations)
        _, fresh_a, _ = outputs(engine, engine.load(tiny / "untied-a", "a"), rendered)
        proved = engine.load(tiny / "untied-b", "b")
        assert proved.note.startswith("The first change in place equals a fresh engine")
        _, fresh_b, _ = outputs(engine, proved, rendered)
        assert fresh_a != fresh_b
        for name, fresh in (("a", fresh_a), ("b", fresh_b)):
            loaded = engine.load(tiny / f"untied-{name}", name)
            assert loaded.swap == "warm"
            assert outputs(engine, loaded, rendered)[1] == fresh
