"""Sampling and scoring with a real engine."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.tiny_engine import GREEDY, Shared, reference_sums
from watcher.engine import EngineSettings, Generation, PromptSpec, Sampling, VllmEngine
from watcher.model import Reason, UimonError

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

DRAWN = Sampling(max_tokens=24, temperature=1.0, top_p=0.95, seed=7, n=3)


def drawn(shared: Shared, prompts: tuple[PromptSpec, ...], sampling: Sampling) -> dict[tuple[str, int], Generation]:
    return {(g.prompt_id, g.index): g for g in shared.engine.generate(prompts, sampling, shared.rendered.stop_ids)}


def test_the_same_seed_draws_the_same_samples_in_any_company(shared: Shared, tiny: Path) -> None:
    shared.engine.load(tiny / "untied-a", "a")
    prompts = shared.rendered.prompts
    once = drawn(shared, prompts, DRAWN)
    assert len(once) == 3 * len(prompts)
    assert drawn(shared, prompts[::-1], DRAWN) == once
    alone = drawn(shared, prompts[2:3], DRAWN)
    assert alone.items() <= once.items()


def test_samples_of_a_prompt_and_other_seeds_differ(shared: Shared, tiny: Path) -> None:
    shared.engine.load(tiny / "untied-a", "a")
    one = drawn(shared, shared.rendered.prompts[:1], DRAWN)
    assert len({g.text for g in one.values()}) == 3
    other = drawn(shared, shared.rendered.prompts[:1], replace(DRAWN, seed=8))
    assert {g.text for g in one.values()}.isdisjoint(g.text for g in other.values())


def test_an_answer_ends_at_a_stop_id_and_its_text_before_it(shared: Shared, tiny: Path) -> None:
    shared.engine.load(tiny / "untied-a", "a")
    prompt = shared.rendered.prompts[0]
    (cut,) = shared.engine.generate((prompt,), GREEDY, ())
    assert (cut.finish_reason, cut.tokens) == ("length", GREEDY.max_tokens)
    (ended,) = shared.engine.generate((prompt,), GREEDY, tuple(range(3, 320)))
    assert (ended.finish_reason, ended.tokens, ended.text) == ("stop", 1, "")


def test_the_engines_own_end_tokens_do_not_count(shared: Shared, tiny: Path) -> None:
    # config.json of the tiny models names token 0 as the end; only what is passed may end an answer.
    shared.engine.load(tiny / "untied-a", "a")
    prompts = tuple(replace(p, id=f"{p.id}-{n}") for n in range(8) for p in shared.rendered.prompts)
    hot = Sampling(max_tokens=100, temperature=2.0, top_p=1.0, seed=1)
    assert {g.finish_reason for g in shared.engine.generate(prompts, hot, ())} == {"length"}
    assert {g.finish_reason for g in shared.engine.generate(prompts, hot, (0,))} == {"length", "stop"}


def test_max_tokens_is_cut_to_what_the_context_leaves(shared: Shared, tiny: Path) -> None:
    shared.engine.load(tiny / "untied-a", "a")
    prompt = shared.rendered.prompts[0]
    (answer,) = shared.engine.generate((prompt,), replace(GREEDY, max_tokens=10_000), ())
    assert answer.finish_reason == "length"
    assert answer.tokens == 256 - len(prompt.token_ids)


def test_a_prompt_without_room_is_refused_and_the_engine_goes_on(shared: Shared, tiny: Path) -> None:
    shared.engine.load(tiny / "untied-a", "a")
    long = PromptSpec("long", "", (5,) * 256)
    with pytest.raises(UimonError, match="prompt long has 256 tokens"):
        list(shared.engine.generate((long,), GREEDY, ()))
    assert shared.engine.alive
    assert len(list(shared.engine.generate(shared.rendered.prompts, GREEDY, ()))) == len(shared.rendered.prompts)


def test_references_beyond_the_context_are_counted_and_left_out(shared: Shared, tiny: Path) -> None:
    shared.engine.load(tiny / "untied-a", "a")
    prompts = shared.rendered.prompts
    whole = shared.engine.perplexity(prompts)
    assert (whole.skipped, whole.tokens) == (0, sum(len(p.reference_ids or ()) for p in prompts))
    assert whole.chars == sum(p.reference_chars for p in prompts)
    long = replace(prompts[0], id="long", reference_ids=(5,) * 300, reference_chars=300)
    bare = replace(prompts[0], id="bare", reference_ids=None, reference_chars=0)
    assert shared.engine.perplexity((*prompts, long, bare)) == replace(whole, skipped=1)
    nothing = shared.engine.perplexity((long, bare))
    assert (nothing.tokens, nothing.value) == (0, None)


def test_perplexity_is_that_of_transformers(shared: Shared, settings: EngineSettings, tiny: Path) -> None:
    prompts = shared.rendered.prompts
    expected = reference_sums(tiny / "fp32", None, prompts)
    with VllmEngine(replace(settings, dtype="float32")) as engine:
        engine.load(tiny / "fp32", "fp32")
        for prompt, nll in zip(prompts, expected, strict=True):
            measured = engine.perplexity((prompt,))
            assert abs(measured.nll - nll) / measured.tokens <= 1e-5
        together = engine.perplexity(prompts)
    assert together.value is not None
    assert math.log(together.value) == pytest.approx(sum(expected) / together.tokens, abs=1e-5)


def test_an_unknown_architecture_is_named(shared: Shared, tiny: Path, tmp_path: Path) -> None:
    import json
    import shutil

    strange = tmp_path / "strange"
    shutil.copytree(tiny / "untied-a", strange)
    config = json.loads((strange / "config.json").read_text())
    config |= {"architectures": ["NeverHeardOfForCausalLM"], "model_type": "never_heard_of"}
    (strange / "config.json").write_text(json.dumps(config))
    with VllmEngine(replace(shared.engine._settings)) as engine, pytest.raises(UimonError) as caught:
        engine.load(strange, "strange")
    assert caught.value.reason is Reason.UNKNOWN_ARCHITECTURE


def test_seeded_prompts_that_fill_more_than_one_batch_are_all_answered(settings: EngineSettings, tiny: Path) -> None:
    long = tuple(PromptSpec(f"p{n}", "", tuple(3 + (n + i) % 300 for i in range(200))) for n in range(30))
    with VllmEngine(replace(settings, max_num_seqs=32)) as engine:
        engine.load(tiny / "untied-a", "a")
        answers = list(engine.generate(long, replace(DRAWN, n=1), ()))
    assert {a.prompt_id for a in answers} == {p.id for p in long}
