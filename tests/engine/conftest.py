"""Tiny checkpoints, built once, and the one engine that most tests share: starting one takes many seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.talks import talk
from watcher.engine import (
    Conversation,
    Engine,
    EngineSettings,
    Generation,
    Loaded,
    Perplexity,
    PromptSpec,
    Rendered,
    Sampling,
)

BUILDER = Path(__file__).parent / "tiny_models.py"
GREEDY = Sampling(max_tokens=32, temperature=0.0, top_p=1.0, seed=0)

Outputs = tuple[str, list[Generation], list[Perplexity]]


@dataclass(frozen=True, slots=True)
class Shared:
    """A living engine, rendered prompts, and what fresh engines answered on `untied-a` and `untied-b`."""

    engine: Engine
    rendered: Rendered
    loads: tuple[Loaded, Loaded]
    fresh_a: Outputs
    fresh_b: Outputs

    def outputs(self, loaded: Loaded) -> Outputs:
        """What the shared engine answers now."""
        return outputs(self.engine, loaded, self.rendered)


def outputs(engine: Engine, loaded: Loaded, rendered: Rendered) -> Outputs:
    """The probe's digest, all greedy answers, and each reference's likelihood: equal only if all bits are."""
    answers = sorted(engine.generate(rendered.prompts, GREEDY, rendered.stop_ids), key=lambda g: g.prompt_id)
    return loaded.probe, answers, [engine.perplexity((prompt,)) for prompt in rendered.prompts]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with all the tiny checkpoints."""
    root = tmp_path_factory.mktemp("tiny")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, str(BUILDER), str(root)], check=True, capture_output=True, env=environment)
    return root


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> EngineSettings:
    return EngineSettings(
        state_dir=tmp_path_factory.mktemp("engine"), max_num_seqs=8, max_model_len=256, nice=0, dtype="auto"
    )


@pytest.fixture(scope="session")
def conversations() -> tuple[Conversation, ...]:
    asked = ("a pricing page", "a login form", "a hero section", "a footer", "a table of users")
    reference = "<div class='flex items-center'>Hello</div>"
    return tuple(
        talk(f"c{number}", (("user", f"Make {what}."),), reference * (number + 1)) for number, what in enumerate(asked)
    )


@pytest.fixture(scope="session")
def shared(settings: EngineSettings, tiny: Path, conversations: tuple[Conversation, ...]) -> Iterator[Shared]:
    """The shared engine, its way of changing weights proved. A test that kills the host costs the next a start."""
    with Engine(settings) as engine:
        rendered = engine.render(tiny / "untied-a", conversations)
        first = engine.load(tiny / "untied-a", "a")
        on_a = outputs(engine, first, rendered)
        second = engine.load(tiny / "untied-b", "b")
        yield Shared(engine, rendered, (first, second), on_a, outputs(engine, second, rendered))


def reference_sums(model: Path, adapter: Path | None, prompts: Sequence[PromptSpec]) -> list[float]:
    """The references' negative log-likelihoods by transformers in fp32."""
    return all_reference_sums(model, [adapter], prompts)[0]


def all_reference_sums(
    model: Path, adapters: Sequence[Path | None], prompts: Sequence[PromptSpec]
) -> list[list[float]]:
    """The same for each adapter (None: the model itself), in a process of its own that pays its imports once."""
    asked = json.dumps([[prompt.prefix_ids or prompt.token_ids, prompt.reference_ids] for prompt in prompts])
    command = [sys.executable, str(BUILDER.with_name("reference_nll.py")), str(model)]
    command += [str(adapter or "-") for adapter in adapters]
    done = subprocess.run(command, input=asked, text=True, capture_output=True, check=True)
    sums: list[list[float]] = json.loads(done.stdout)
    return sums
