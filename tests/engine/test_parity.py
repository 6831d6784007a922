"""A living engine against fresh ones, for each kind of tiny model: not one bit of an answer may differ."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.tiny_engine import BUILDER, Outputs, outputs
from watcher.engine import Conversation, EngineSettings, Loaded, Rendered, VllmEngine
from watcher.model import CheckpointKind

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

NAMES = [
    "-".join(parts)
    for parts in itertools.product(("llama", "qwen2", "qwen3"), ("tied", "untied"), ("float32", "bfloat16"))
]
# The kind that test_swap.py leaves out of the usual run; every other one takes half a minute or more.
USUAL = "qwen3-tied-float32"
COLUMNS = ("A to B", "single", "sharded", "LoRA")


def kinds(usual: str | None) -> list[object]:
    """All kinds of models, those beyond the `usual` one for the long run."""
    return [pytest.param(name, marks=() if name == usual else pytest.mark.soak) for name in NAMES]


@dataclass(frozen=True, slots=True)
class Answers:
    """What an engine answers with one set of weights: `probe` holds log-probabilities, in nats."""

    probe: tuple[float, ...]
    outputs: Outputs

    def apart(self, other: Answers) -> float:
        """The largest difference between log-probabilities, in nats: of the probe's tokens, of whole references."""
        references = zip(self.outputs[2], other.outputs[2], strict=True)
        pairs = [*zip(self.probe, other.probe, strict=True), *((one.nll, two.nll) for one, two in references)]
        return max(abs(one - two) for one, two in pairs)


def answers(engine: VllmEngine, loaded: Loaded, rendered: Rendered) -> Answers:
    live = engine._serving.held
    assert live is not None
    return Answers(live.probe, outputs(engine, loaded, rendered))


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the checkpoints of all kinds."""
    root = tmp_path_factory.mktemp("parity")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, str(BUILDER), str(root), *NAMES], check=True, capture_output=True, env=environment)
    return root


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[dict[str, dict[str, float]]]:
    """Differences in nats by kind of model and column, printed when all are there."""
    found: dict[str, dict[str, float]] = {}
    yield found
    plugins = request.config.pluginmanager
    reporter, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")
    assert reporter is not None
    assert capture is not None
    with capture.global_and_fixture_disabled():
        reporter.section("largest difference between log-probabilities, in nats, against fresh engines")
        reporter.write_line(f"{'':24}" + "".join(f"{column:>10}" for column in COLUMNS))
        for name, row in found.items():
            cells = (f"{row[column]:>10.3g}" if column in row else f"{'-':>10}" for column in COLUMNS)
            reporter.write_line(f"{name:24}{''.join(cells)}")


def own_settings(settings: EngineSettings, name: str, state_dir: Path) -> EngineSettings:
    # Left to itself vLLM serves a checkpoint in fp32 with 16 bits.
    dtype = "float32" if name.endswith("float32") else "auto"
    return replace(settings, state_dir=state_dir, dtype=dtype)


@pytest.mark.parametrize("name", kinds(USUAL))
def test_weights_swapped_in_answer_exactly_as_in_a_fresh_engine(
    name: str,
    families: Path,
    settings: EngineSettings,
    conversations: tuple[Conversation, ...],
    table: dict[str, dict[str, float]],
    tmp_path: Path,
) -> None:
    root, row = families / name, table.setdefault(name, {})
    with VllmEngine(own_settings(settings, name, tmp_path)) as engine:
        rendered = engine.render(root / "a", conversations)
        fresh_a = answers(engine, engine.load(root / "a", "a"), rendered)
        # The first change in place is thrown away and B put into a fresh engine.
        fresh_b = answers(engine, engine.load(root / "b", "b"), rendered)
        row["A to B"] = fresh_b.apart(fresh_a)
        again = engine.load(root / "a", "a")
        warm_a = answers(engine, again, rendered)
        sharded = engine.load(root / "b-sharded", "b")
        warm_b = answers(engine, sharded, rendered)
        row |= {"single": warm_a.apart(fresh_a), "sharded": warm_b.apart(fresh_b)}
    assert (again.swap, sharded.swap) == ("warm", "warm")
    assert row["A to B"] > 0.1
    assert (row["single"], row["sharded"]) == (0.0, 0.0)
    assert (warm_a, warm_b) == (fresh_a, fresh_b)


@pytest.mark.parametrize("name", kinds(None))
def test_a_second_adapter_answers_exactly_as_the_first_of_a_fresh_engine(
    name: str,
    families: Path,
    settings: EngineSettings,
    conversations: tuple[Conversation, ...],
    table: dict[str, dict[str, float]],
    tmp_path: Path,
) -> None:
    root = families / name
    base, first, second = root / "a", root / "adapter-1", root / "adapter-2"
    with VllmEngine(own_settings(settings, name, tmp_path / "living")) as engine:
        rendered = engine.render(base, conversations)
        before = answers(engine, engine.load(first, "1", CheckpointKind.ADAPTER, base), rendered)
        loaded = engine.load(second, "2", CheckpointKind.ADAPTER, base)
        after = answers(engine, loaded, rendered)
    with VllmEngine(own_settings(settings, name, tmp_path / "fresh")) as engine:
        fresh = answers(engine, engine.load(second, "2", CheckpointKind.ADAPTER, base), rendered)
    table.setdefault(name, {})["LoRA"] = after.apart(fresh)
    assert loaded.swap == "lora"
    assert before.apart(fresh) > 0.1
    assert after.apart(fresh) == 0.0
    assert after == fresh
