"""Names on disk and names in memory: whatever is served gives the numbers of transformers or PEFT, or is refused.

The table at the end has the largest difference for each family of models, in nats per token, both sides in fp32.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real.making import chats, write_lines, write_state
from tests.real.model_families import DENSE, MIXTURES
from tests.support.tiny_engine import reference_sums
from tests.support.uimon_command import ROOT, Make, Uimon, environment
from tests.talks import talk
from watcher.engine import EngineSettings, Loaded, VllmEngine
from watcher.model import CheckpointKind, Reason, UimonError

CASES = "tests.real.cases_weights"
# fp32 on both sides: what is left is the order of sums.
NEAR = 1e-3
# A merge is rounded to the type of the base's files, here bf16.
NEAR_MERGED = 0.02
WRAPPERS = ("gemma3-wrapper", "llava", "mistral3", "qwen2_vl", "qwen2_5_vl", "qwen3_vl")
EACH_EXPERT = ("mixtral", "qwen3-moe", "qwen2-moe")
# Names of tensors differ most from those in memory, or are shared, or lie inside a wrapper.
NAMED_OTHERWISE = ("mixtral", "qwen3-moe", "gpt-neox", "qwen2-tied", "gemma3-wrapper")
# What vLLM's CPU build computes otherwise (see `VllmRunner.otherwise`), and what it cannot start.
REFUSED = {
    **dict.fromkeys(("ernie4.5-moe", "gemma3n-text"), Reason.WEIGHTS_REFUSED),
    # Qwen3-Next in fp32 only: its linear attention needs bf16 on a CPU. MiniMax chooses experts by sigmoid without
    # groups, for which the CPU's router has no code. vLLM knew MPT until 0.28.
    **dict.fromkeys(("phimoe", "jamba", "qwen3-next", "minimax-m2"), Reason.ENGINE_START),
    "mpt": Reason.ENGINE_ERROR,
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """What an engine gave: the load, and nats per token for each reference beside those of the other library."""

    loaded: Loaded
    own: list[float]
    other: list[float]

    @property
    def apart(self) -> float:
        return max(abs(a - b) for a, b in zip(self.own, self.other, strict=True))


def settings(tmp_path: Path) -> EngineSettings:
    return EngineSettings(
        state_dir=tmp_path / "engine",
        device_env=environment(VLLM_CPU_KVCACHE_SPACE="1"),
        max_num_seqs=4,
        max_model_len=256,
        nice=0,
        dtype="float32",
    )


def numbers(
    tmp_path: Path,
    path: Path,
    base: Path | None = None,
    plain: Path | None = None,
    plain_base: Path | None = None,
    merged: Path | None = None,
) -> Numbers:
    """The engine's numbers for a model, or for an adapter over `base`, and the other library's for the same weights.

    `plain` and `plain_base` hold them under names that the other library reads, `merged` both in one model.
    """
    asked = [
        talk(f"c{at}", (("user", f"Make {what}."),), "<div class='flex items-center'>Hello</div>" * (at + 1))
        for at, what in enumerate(("a page", "a form", "a hero"))
    ]
    with VllmEngine(settings(tmp_path)) as engine:
        rendered = engine.render(base or path, asked, tokenizer_dir=path)
        loaded = engine.load(path, "weights", CheckpointKind.ADAPTER if base else CheckpointKind.FULL, base)
        measured = [engine.perplexity((prompt,)) for prompt in rendered.prompts]
    assert not list((tmp_path / "engine" / "views").glob("full/*"))
    if merged is not None or base is None:
        other = reference_sums(merged or plain or path, None, rendered.prompts)
    else:
        other = reference_sums(plain_base or base, plain or path, rendered.prompts)
    lengths = [one.tokens for one in measured]
    return Numbers(
        loaded,
        [one.nll / count for one, count in zip(measured, lengths, strict=True)],
        [nll / count for nll, count in zip(other, lengths, strict=True)],
    )


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """What was found for each family, printed at the end."""
    found: dict[str, str] = {}
    yield found
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    assert capture is not None
    # A fixture's own output is captured, and shown after a failure only.
    with capture.global_and_fixture_disabled():
        reporter.section("largest difference from transformers or PEFT, in nats per token")
        for name, said in found.items():
            reporter.write_line(f"{name:32}{said}")


def program(module: str, *arguments: str | Path) -> dict[str, object]:
    """The JSON answer of a program of the tests."""
    command = [sys.executable, "-m", f"tests.real.{module}", *map(str, arguments)]
    done = subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "names",
    [NAMED_OTHERWISE, *(pytest.param(part, marks=pytest.mark.soak) for part in (tuple(DENSE), tuple(MIXTURES)))],
)
def test_a_whole_checkpoint_passes_and_the_loss_of_any_one_tensor_is_refused_by_its_name_on_disk(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    said = program("header_checks", tmp_path, *names)
    assert said == {name: {"whole": True, "overlooked": []} for name in names}


@pytest.mark.timeout(120)
def test_the_text_model_inside_a_wrapper_gives_the_wrappers_numbers(tmp_path: Path) -> None:
    assert program("text_parts", tmp_path, *WRAPPERS) == dict.fromkeys(WRAPPERS, 0.0)


@pytest.mark.timeout(120)
def test_an_adapter_of_each_expert_is_merged_as_its_own_file_says(tmp_path: Path) -> None:
    said = program("expert_merges", tmp_path, *(f"{name}-each-expert-lora" for name in EACH_EXPERT))
    # Of a shared expert beside the others PEFT 0.21 doubles the rank as well.
    refused = str(said.pop("qwen2-moe-each-expert-lora"))
    assert said == {"mixtral-each-expert-lora": 0.0, "qwen3-moe-each-expert-lora": 0.0}
    assert "than base and adapter add up to; merge the adapter where it is trained" in refused


@pytest.mark.engine
@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [*DENSE, *MIXTURES, *WRAPPERS])
def test_a_full_model_gives_transformers_numbers(made: Make, tmp_path: Path, table: dict[str, str], name: str) -> None:
    path = made(CASES, name) / "model"
    if name in REFUSED:
        with pytest.raises(UimonError) as caught:
            numbers(tmp_path, path)
        table[name] = f"refused: {caught.value.sentence[:90]}"
        assert caught.value.reason is REFUSED[name]
        return
    found = numbers(tmp_path, path)
    table[name] = f"{found.apart:.2g}"
    assert found.apart < NEAR


@pytest.mark.engine
@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name",
    [
        *(f"{name}-lora" for name in ("qwen3-moe", "mixtral", "olmoe", "qwen2-moe", "granite-moe")),
        "qwen3-moe-dora",
        "qwen3-moe-experts-lora",
        "mixtral-each-expert-lora",
        "further-tokens-lora",
        "hub",
        "single-beside-others",
        *(f"{kind}-text-lora" for kind in ("gemma3", "llava", "mistral3", "qwen2_vl", "qwen2_5_vl", "qwen3_vl")),
        "gemma3-text-dora",
        "gemma3-all-lora",
    ],
)
def test_an_adapter_gives_pefts_numbers(made: Make, tmp_path: Path, table: dict[str, str], name: str) -> None:
    place = made(CASES, name)
    by_hand = "each-expert" in name
    found = numbers(tmp_path, place / "adapter", place / "base", **({"merged": place / "plain"} if by_hand else {}))
    merged = "merged" in found.loaded.note
    table[name] = f"{found.apart:.2g}{' (merged)' if merged else ''}"
    assert merged == (name.endswith("dora") or any(kind in name for kind in ("moe", "mixtral", "further-tokens")))
    assert ("left out" in found.loaded.note) == (name == "gemma3-all-lora")
    assert found.apart < (NEAR_MERGED if merged else NEAR)


@pytest.mark.engine
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "compiled-layers" else pytest.mark.soak)
        for name in (
            "compiled-layers",
            "compiled",
            "distributed",
            "compiled-and-distributed",
            "sharded-by-fsdp",
            "tied-as-head",
            "tied-by-config-alone",
        )
    ],
)
def test_names_of_a_wrapped_model_are_read_as_what_they_are(
    made: Make, tmp_path: Path, table: dict[str, str], name: str
) -> None:
    place = made(CASES, name)
    found = numbers(tmp_path, place / "model", plain=place / "plain")
    table[name] = f"{found.apart:.2g}"
    assert found.apart < NEAR


@pytest.mark.engine
@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["adapter-compiled-inside", "adapter-compiled-outside", "adapter-over-compiled-base"])
def test_so_are_those_of_a_wrapped_adapter_and_base(
    made: Make, tmp_path: Path, table: dict[str, str], name: str
) -> None:
    place = made(CASES, name)
    found = numbers(tmp_path, place / "adapter", place / "base", place / "plain-adapter", place / "plain")
    table[name] = f"{found.apart:.2g}"
    assert found.apart < NEAR


@pytest.mark.engine
@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_wrapper_without_its_processor_is_watched_as_the_text_model_it_is(made: Make, uimon: Uimon) -> None:
    place = made(CASES, "gemma3-wrapper")
    run = uimon.place / "run"
    run.mkdir()
    shutil.copytree(place / "model", run / "checkpoint-10")
    write_state(run / "checkpoint-10", 10)
    done = uimon.once(run, write_lines(uimon.place / "val.jsonl", chats()))
    assert done.code == 0, done.log
    assert [row["state"] for row in uimon.status()] == ["evaluated"]


@pytest.mark.engine
@pytest.mark.soak
@pytest.mark.timeout(900)
def test_weights_that_are_read_under_other_names_are_changed_in_place(made: Make, tmp_path: Path) -> None:
    place = made(CASES, "gemma3-two")
    with VllmEngine(settings(tmp_path)) as engine:
        loads = [engine.load(place / name, name) for name in ("a", "b", "a")]
    assert [load.swap for load in loads] == ["cold", "cold", "warm"]
    assert loads[0].probe == loads[2].probe != loads[1].probe
