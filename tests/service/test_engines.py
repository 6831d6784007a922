"""Two leases need not give the same engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.checkpoint_files import write_checkpoint
from tests.support.fake_engines import FakeEngines
from tests.support.house import House
from tests.support.scripted_engine import ScriptedEngine
from watcher.engine.types import Loaded, PromptSpec, Sampling
from watcher.model import CheckpointKind, Reason, UimonError
from watcher.service import outage


@dataclass
class Noting(ScriptedEngine):
    """Notes what it is asked; loads nothing while it is `broken`."""

    broken: bool = False
    asked: list[str] = field(default_factory=list)

    def reserve(self, prompts: Sequence[PromptSpec], sampling: Sampling, context: int) -> None:
        self.asked.append(f"reserve {len(prompts)}")

    def load(self, path: Path, digest: str, kind: CheckpointKind, base: Path | None) -> Loaded:
        self.asked.append("load")
        if self.broken:
            raise UimonError(Reason.GPU_MISSING, "No CUDA GPUs are available.")
        return super().load(path, digest, kind, base)


@pytest.fixture
def two(house: House) -> tuple[Noting, Noting]:
    engines = Noting(), Noting()
    house.engines = FakeEngines(*engines)
    return engines


def test_each_engine_is_told_what_the_prompts_need_before_it_loads(house: House, two: tuple[Noting, Noting]) -> None:
    for step in (50, 60, 70, 80):
        write_checkpoint(house.root, step)
    house.service(once=True).run()
    assert [engine.asked for engine in two] == [["reserve 2", "load"] * 2] * 2
    assert {state for _, state, _ in house.states()} == {"published"}
    assert house.engines is not None
    assert house.engines.leased == [0, 1, 0, 1]


def test_who_is_to_blame_is_asked_of_the_engine_that_failed(
    house: House, two: tuple[Noting, Noting], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first engine fails with any checkpoint, so it costs none of them."""
    monkeypatch.setattr(outage, "PAUSES", (0.05,))
    write_checkpoint(house.root, 10)
    house.service(once=True).run()
    two[0].broken, two[0].asked, house.engines = True, [], FakeEngines(*two)
    for engine in two:
        engine.closed.clear()
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    # The checkpoint, then the one that it has evaluated before.
    assert two[0].asked == ["reserve 2", "load", "load"]
    assert two[1].asked == ["reserve 2", "load"]
    assert house.states() == [(10, "published", None), (50, "published", None)]


def test_an_engine_is_given_back_whatever_became_of_the_evaluation(house: House) -> None:
    faults = [UimonError(Reason.WEIGHTS_REFUSED, "No."), UimonError(Reason.ENGINE_DIED, "Killed."), None]
    house.engines = FakeEngines(ScriptedEngine(faults=faults))
    for step in (50, 60):
        write_checkpoint(house.root, step)
    house.service(once=True).run()
    assert house.engines.leased == [0, 0, 0]
    assert not house.engines.out
    assert house.states() == [(50, "failed", "weights_refused"), (60, "published", None)]
