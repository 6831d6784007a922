"""The user's own vLLM arguments, read by vLLM's parser in a real host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.tiny_engine import GREEDY
from tests.talks import talk
from watcher.engine import EngineSettings, Generation, VllmEngine
from watcher.engine.hosting import Hosting
from watcher.engine.protocol import CheckArguments, CheckArgumentsDone
from watcher.model import Reason, UimonError

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def hosting(settings: EngineSettings) -> Iterator[Hosting]:
    hosting = Hosting(settings)
    yield hosting
    hosting.close()


def read(hosting: Hosting, text: str) -> Mapping[str, object]:
    reply = hosting.ask(CheckArguments(text), 60.0)
    assert isinstance(reply, CheckArgumentsDone)
    return reply.arguments


def test_only_what_is_given_is_passed_on_in_vllms_own_types(hosting: Hosting) -> None:
    given = read(hosting, "--max-num-batched-tokens 4k --no-enable-prefix-caching --cpu-offload-gb=2")
    assert given == {"max_num_batched_tokens": 4000, "enable_prefix_caching": False, "cpu_offload_gb": 2.0}
    assert read(hosting, "--additional-config '{\"x\": 1}'") == {"additional_config": "{'x': 1}"}
    assert read(hosting, "--load-format runai_streamer") == {"load_format": "runai_streamer"}
    assert read(hosting, "  ") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("--no-such-thing 1", "unrecognized arguments: --no-such-thing"),
        ("--kv-cache-dtype nope", "invalid choice: 'nope'"),
        ("--max-num-batched-tokens", "expected one argument"),
        ("another/model", "unrecognized arguments: another/model"),
        ("--config /etc/passwd", "may change unnoticed"),
        ("--kv-offloading-size 4", "uimon sets kv_offloading_size itself"),
        ("--logprobs-mode raw_logits", "uimon sets logprobs_mode itself"),
        ("--hf-token x", "uimon sets hf_token itself"),
        ("'", "cannot be split into words"),
        ("--max-num-seqs 3", "given by --max-num-seqs; use that"),
        ("-tp 2", "given by --tensor-parallel; use that"),
        ("--trust-remote-code", "uimon sets trust_remote_code itself"),
        ("--worker-extension-cls x.Y", "uimon sets worker_extension_cls itself"),
        ("--data-parallel-size 2", "uimon sets data_parallel_size itself"),
        ("--load-format dummy", "may read other than safetensors"),
        ("--load-format pt", "may read other than safetensors"),
    ],
)
def test_what_vllm_does_not_know_and_what_would_undo_a_promise_is_refused(
    hosting: Hosting, text: str, said: str
) -> None:
    with pytest.raises(UimonError) as caught:
        read(hosting, text)
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert caught.value.sentence.startswith("--engine-args: ")
    assert said in caught.value.sentence
    assert hosting.alive


def test_arguments_reach_the_engine_and_are_part_of_what_a_proof_holds_for(
    settings: EngineSettings, tiny: Path, tmp_path: Path
) -> None:
    text = "--enable-prefix-caching"
    with VllmEngine(replace(settings, state_dir=tmp_path, engine_args=text)) as engine:
        engine.check_arguments()
        prompts = engine.render(tiny / "untied-a", [talk("c", (("user", "Make a page. " * 9),))]).prompts
        engine.load(tiny / "untied-a", "a")
        live = engine._serving.held
        assert live is not None
        assert live.setup.arguments == text
        fresh: dict[str, list[Generation]] = {}
        for letter in ("b", "a", "b"):
            # The same prompt twice, so that cached prefixes are there to be wrong about.
            engine.load(tiny / f"untied-{letter}", letter)
            for _ in range(2):
                answer = list(engine.generate(prompts, GREEDY, ()))
                assert fresh.setdefault(letter, answer) == answer
        assert fresh["a"] != fresh["b"]
