"""Conversations into token ids, in a real host."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from watcher.engine import Conversation, Engine, EngineSettings
from watcher.model import Reason, UimonError

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

IM_START, IM_END = 1, 2
TALK = Conversation("c", (("user", "Make a footer."),), "<footer class='p-4'>ok</footer>")


@pytest.fixture(scope="module")
def engine(settings: EngineSettings) -> Iterator[Engine]:
    with Engine(replace(settings, max_model_len=None)) as engine:
        yield engine


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> Path:
    """A model directory that a test may change."""
    return Path(shutil.copytree(tiny / "untied-a", tmp_path / "model"))


def test_a_prompt_opens_the_assistants_turn_and_its_reference_closes_it(engine: Engine, model: Path) -> None:
    rendered = engine.render(model, (TALK,))
    (prompt,) = rendered.prompts
    assert (prompt.id, prompt.text, prompt.reference_chars) == ("c", "Make a footer.", len(TALK.reference or ""))
    assert prompt.token_ids[0] == IM_START
    assert prompt.token_ids.count(IM_START) == 2
    assert prompt.reference_ids is not None
    # The line break that ChatML writes behind the end of a turn is not for the model to say.
    assert prompt.reference_ids[-1] == IM_END
    assert IM_START not in prompt.reference_ids
    assert rendered.context == 512


def test_stop_ids_are_those_of_tokenizer_configurations_and_template(engine: Engine, model: Path) -> None:
    assert engine.render(model, (TALK,)).stop_ids == (0, IM_END)
    (model / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 50]}))
    assert engine.render(model, (TALK,)).stop_ids == (0, IM_END, 50)


def test_a_prompt_that_fills_the_context_is_skipped_with_a_sentence(engine: Engine, model: Path) -> None:
    long = Conversation("long", (("user", "x y " * 400),), None)
    rendered = engine.render(model, (long, TALK))
    assert [prompt.id for prompt in rendered.prompts] == ["c"]
    ((name, why),) = rendered.skipped
    assert name == "long"
    assert why.endswith("the context holds 512.")


def test_a_reference_whose_template_rewrites_history_is_tokenized_behind_the_prompt(
    engine: Engine, model: Path
) -> None:
    plain = engine.render(model, (TALK,)).prompts[0]
    thinking = (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think></think>\n' }}{% endif %}"
    )
    prompt = engine.render(model, (TALK,), chat_template=thinking).prompts[0]
    assert len(prompt.token_ids) > len(plain.token_ids)
    assert prompt.reference_ids == plain.reference_ids


def test_template_arguments_and_system_prompt_reach_the_template_and_its_digest(engine: Engine, model: Path) -> None:
    template = "{% if shout %}!{% endif %}{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}{% endfor %}"
    plain = engine.render(model, (TALK,), chat_template=template)
    shouted = engine.render(model, (TALK,), chat_template=template, template_kwargs={"shout": True})
    ordered = engine.render(model, (TALK,), chat_template=template, system="Be brief.")
    assert len({r.template_digest for r in (plain, shouted, ordered)}) == 3
    assert len(shouted.prompts[0].token_ids) == len(plain.prompts[0].token_ids) + 1
    own = Conversation("own", (("system", "Be long."), *TALK.messages), None)
    with_system, with_own = engine.render(model, (TALK, own), system="Be brief.").prompts
    assert with_own != with_system
    assert with_own.token_ids == engine.render(model, (own,)).prompts[0].token_ids


def test_a_conversation_that_the_template_refuses_is_skipped(engine: Engine, model: Path) -> None:
    strict = "{% if messages[0]['role'] != 'user' %}{{ raise_exception('user first') }}{% endif %}hello"
    odd = Conversation("odd", (("system", "x"), *TALK.messages), None)
    rendered = engine.render(model, (odd, TALK), chat_template=strict)
    assert rendered.skipped == (("odd", "The chat template refuses this conversation: user first."),)
    assert len(rendered.prompts) == 1


def test_a_missing_tokenizer_is_named_and_another_directory_can_stand_in(
    engine: Engine, settings: EngineSettings, model: Path, tiny: Path
) -> None:
    (model / "tokenizer.json").unlink()
    with pytest.raises(UimonError, match=f"{model}: there is no tokenizer here") as caught:
        engine.render(model, (TALK,))
    assert caught.value.reason is Reason.TOKENIZER_MISSING
    with Engine(replace(settings, tokenizer=tiny / "untied-b")) as other:
        assert other.render(model, (TALK,)).prompts


def test_a_missing_or_broken_template_is_named(engine: Engine, model: Path) -> None:
    (model / "chat_template.jinja").unlink()
    with pytest.raises(UimonError, match="has no chat template") as caught:
        engine.render(model, (TALK,))
    assert caught.value.reason is Reason.CHAT_TEMPLATE_MISSING
    with pytest.raises(UimonError, match="cannot be parsed"):
        engine.render(model, (TALK,), chat_template="{% for %}")


def test_the_context_asked_of_the_engine_is_what_the_prompts_need(engine: Engine, model: Path) -> None:
    rendered = engine.render(model, (TALK,))
    engine.reserve(rendered.prompts, 100, rendered.context)
    due = engine._context_due()
    assert due is not None
    assert len(rendered.prompts[0].token_ids) + 100 <= due < len(rendered.prompts[0].token_ids) + 116
    engine.reserve(rendered.prompts, 10_000, rendered.context)
    assert engine._context_due() == 512


def test_an_adapters_own_tokenizer_wins_and_its_base_stands_in(engine: Engine, model: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    plain = engine.render(model, (TALK,), tokenizer_dir=adapter)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(model / name, adapter / name)
    (adapter / "chat_template.jinja").write_text("{{ messages[0].content }}!")
    own = engine.render(model, (TALK,), tokenizer_dir=adapter)
    assert plain == engine.render(model, (TALK,))
    assert own.template_digest != plain.template_digest
