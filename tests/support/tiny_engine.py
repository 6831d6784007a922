"""What a real engine answers on tiny checkpoints, and what transformers answers on the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from watcher.engine import (
    Generation,
    Loaded,
    Perplexity,
    PromptSpec,
    Rendered,
    Sampling,
    VllmEngine,
)

BUILDER = Path(__file__).parents[1] / "engine" / "tiny_models.py"
GREEDY = Sampling(max_tokens=32, temperature=0.0, top_p=1.0, seed=0)


Outputs = tuple[str, list[Generation], list[Perplexity]]


@dataclass(frozen=True, slots=True)
class Shared:
    """A living engine, rendered prompts, and what fresh engines answered on `untied-a` and `untied-b`."""

    engine: VllmEngine
    rendered: Rendered
    loads: tuple[Loaded, Loaded]
    fresh_a: Outputs
    fresh_b: Outputs

    def outputs(self, loaded: Loaded) -> Outputs:
        """What the shared engine answers now."""
        return outputs(self.engine, loaded, self.rendered)


def outputs(engine: VllmEngine, loaded: Loaded, rendered: Rendered) -> Outputs:
    """The probe's digest, all greedy answers, and each reference's likelihood: equal only if all bits are."""
    answers = sorted(engine.generate(rendered.prompts, GREEDY, rendered.stop_ids), key=lambda g: g.prompt_id)
    return loaded.probe, answers, [engine.perplexity((prompt,)) for prompt in rendered.prompts]


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
