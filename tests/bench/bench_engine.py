"""The engine beside its alternatives: reading the file, starting afresh, and vLLM without uimon around it."""

from __future__ import annotations

import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.talks import talk
from watcher.engine import EngineSettings, Generation, PromptSpec, Rendered, Sampling, VllmEngine
from watcher.engine.environment import host_environment
from watcher.engine.host.runner import sample_seed
from watcher.engine.launch import vllm_arguments
from watcher.engine.model_files.inventory import read_inventory
from watcher.engine.model_files.tokenizer_files import TokenizerStamp
from watcher.evaluation.evaluate import Context, Metrics, TableLimits, evaluate
from watcher.evaluation.suite import Suite
from watcher.ledger.ledger import Record
from watcher.ledger.samples import EvaluatedSample
from watcher.model import CheckpointKind, State

pytestmark = pytest.mark.engine

_ROOT = Path(__file__).parents[2]
# 270 million parameters, half a gigabyte.
_LARGE = {
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_hidden_layers": 16,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "head_dim": 64,
    "vocab_size": 32_000,
}
# 13 million parameters, for some seconds of generation.
_SMALL = {
    "hidden_size": 384,
    "intermediate_size": 1024,
    "num_hidden_layers": 8,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
}
_SWAPS = 3
_EVALUATIONS = 7
_PROMPTS = 64
_SAMPLING = Sampling(max_tokens=256, temperature=0.7, top_p=1.0, seed=0)
_CHUNK = 1 << 24


def _models(root: Path, shape: dict[str, int]) -> tuple[Path, Path]:
    command = [sys.executable, "-m", "tests.bench.random_model", str(root), json.dumps(shape)]
    subprocess.run(command, check=True, capture_output=True, cwd=_ROOT)
    return root / "a", root / "b"


def _prepare(file: Path, cached: bool) -> None:
    """Bring a file into the page cache, or drop it from there."""
    with file.open("rb") as stream:
        if cached:
            while stream.read(_CHUNK):
                pass
        else:
            # Only what is on the disk is dropped.
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _read(file: Path) -> float:
    """Seconds to read a file from its beginning to its end."""
    buffer = bytearray(_CHUNK)
    started = time.perf_counter()
    with file.open("rb", buffering=0) as stream:
        while stream.readinto(buffer):
            pass
    return time.perf_counter() - started


def _swap(engine: VllmEngine, path: Path) -> float:
    loaded = engine.load(path, path.name)
    assert loaded.swap == "warm"
    return loaded.seconds


def _cold_start(settings: EngineSettings, path: Path) -> float:
    with VllmEngine(settings) as engine:
        return engine.load(path, path.name).seconds


def _compare(name: str, ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Two things measured by turns: the medians, and the median of their ratios."""
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    return f"{statistics.median(ours):.2f} s, {ratio:.2f} times {name} ({statistics.median(theirs):.2f} s)"


def test_a_swap_beside_reading_the_file_and_a_cold_start(tmp_path: Path) -> None:
    models = _models(tmp_path, _LARGE)
    settings = EngineSettings(state_dir=tmp_path / "state", max_model_len=512, max_num_seqs=8, nice=0)
    reads: dict[bool, list[float]] = {True: [], False: []}
    swaps: dict[bool, list[float]] = {True: [], False: []}
    starts: list[float] = []
    with VllmEngine(settings) as engine:
        for path in models:
            engine.load(path, path.name)
        for _, cached, path in itertools.product(range(_SWAPS), (True, False), models):
            file = path / "model.safetensors"
            _prepare(file, cached)
            reads[cached].append(_read(file))
            _prepare(file, cached)
            swaps[cached].append(_swap(engine, path))
            if cached and path == models[0]:
                starts.append(_cold_start(settings, path))
    size = (models[0] / "model.safetensors").stat().st_size / 1e9
    print(f"\n{size:.2f} GB, {len(swaps[True])} swaps in place by turns with what they are compared with")
    print(f"in the page cache: a swap takes {_compare('reading the file', swaps[True], reads[True])}")
    print(f"on the disk only: a swap takes {_compare('reading the file', swaps[False], reads[False])}")
    print(f"in the page cache: a cold start takes {_compare('a swap', starts, swaps[True][:: len(models)])}")


class _WithPages(VllmEngine):
    """The engine, the texts of its answers replaced by pages: random weights write nothing that takes long to score."""

    def generate(
        self, prompts: Sequence[PromptSpec], sampling: Sampling, stop_ids: Sequence[int]
    ) -> Iterator[Generation]:
        for generation in super().generate(prompts, sampling, stop_ids):
            yield replace(generation, text=_page(generation.prompt_id), finish_reason="stop")


def _page(seed: str) -> str:
    """A page of about 1,100 characters, as 256 tokens of an ordinary vocabulary give."""
    chance = random.Random(seed)
    colors = ("blue", "teal", "rose", "amber", "slate", "violet")
    cards = (
        f'<div class="rounded-lg bg-{chance.choice(colors)}-{chance.choice((50, 500, 900))} p-{chance.randint(1, 8)}">'
        f'<h2 class="text-xl font-bold text-white">Card {n}</h2><p class="mt-2 text-gray-600">Words about it.</p></div>'
        for n in range(7)
    )
    return f"<main>{''.join(cards)}</main>"


@contextmanager
def _bare(settings: EngineSettings, model: Path, rendered: Rendered) -> Iterator[Callable[[], tuple[float, int]]]:
    """A bare `vllm.LLM` with uimon's arguments; each call generates, and returns the seconds and the tokens."""
    sequences = settings.max_num_seqs or 0
    args = vllm_arguments(settings, read_inventory(model), model, settings.max_model_len, sequences, 0)
    common = {"max_tokens": _SAMPLING.max_tokens, "temperature": _SAMPLING.temperature, "ignore_eos": True}
    params = [{**common, "seed": sample_seed(_SAMPLING.seed, prompt.id, 0)} for prompt in rendered.prompts]
    asked = {"args": args, "prompts": [prompt.token_ids for prompt in rendered.prompts], "params": params}
    environment = host_environment(settings.device_env, settings.state_dir / "cache")
    program = [sys.executable, "-m", "tests.bench.bare_vllm"]
    with (
        (settings.state_dir / "bare.log").open("w") as log,
        subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=_ROOT, env=environment
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        questions, replies = process.stdin, process.stdout

        def generate() -> tuple[float, int]:
            questions.write("\n")
            questions.flush()
            seconds, tokens = json.loads(replies.readline())
            return seconds, tokens

        questions.write(json.dumps(asked) + "\n")
        yield generate


def _suite(rendered: Rendered) -> Suite:
    """No token ends an answer: all have the same length, so all are scored when the engine has nothing left to do."""
    tokenizer = TokenizerStamp("", "")
    return Suite(rendered.prompts, (), _SAMPLING, "", "", 0, rendered.context, "auto", "", tokenizer)


def _evaluate(engine: VllmEngine, suite: Suite, model: Path) -> tuple[Metrics, int]:
    """An evaluation's metrics, and how many tokens were generated."""
    record = Record(
        1,
        "checkpoint-1",
        1,
        model,
        CheckpointKind.FULL,
        None,
        False,
        State.EVALUATING,
        None,
        "",
        "a",
        model,
        1,
        False,
        0.0,
        0.0,
    )
    context = Context(
        "run", TableLimits(8, 1_000_000), _ignore, _ignore, _ignore, interrupted=lambda: False, health=dict
    )
    evaluation, _ = evaluate(engine, suite, record, None, context)
    return evaluation.metrics, sum(
        sample.tokens for sample in evaluation.samples if isinstance(sample, EvaluatedSample)
    )


def _ignore(_: object) -> None:
    """What an evaluation tells the service."""


def test_an_evaluation_beside_bare_generation(tmp_path: Path) -> None:
    model, _ = _models(tmp_path, _SMALL)
    settings = EngineSettings(state_dir=tmp_path / "state", max_model_len=512, max_num_seqs=_PROMPTS, nice=0)
    asked = [talk(f"c{n}", (("user", f"Make page {n}."),), _page(str(n))[:400]) for n in range(_PROMPTS)]
    ours, whole, theirs = [], [], []
    with _WithPages(settings) as engine:
        rendered = engine.render(model, asked)
        suite = _suite(rendered)
        with _bare(settings, model, rendered) as generate:
            _evaluate(engine, suite, model)
            generate()
            for _ in range(_EVALUATIONS):
                metrics, tokens = _evaluate(engine, suite, model)
                seconds, bare_tokens = generate()
                assert tokens == bare_tokens == _PROMPTS * _SAMPLING.max_tokens
                everything, swap, perplexity = (
                    metrics[f"uimon/{name}_seconds"] or 0.0 for name in ("evaluation", "swap", "perplexity")
                )
                theirs.append(seconds)
                whole.append(everything)
                ours.append(everything - swap - perplexity)
    name = "generating alone with a bare vllm.LLM"
    print(f"\n{_PROMPTS} prompts, {_SAMPLING.max_tokens} tokens each, {_EVALUATIONS} times by turns")
    print(f"generating, scoring and the metrics take {_compare(name, ours, theirs)}")
    print(f"with the swap and perplexity, {_compare(name, whole, theirs)}")
