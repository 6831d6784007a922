"""Conversations into token ids, in a real host."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.talks import talk
from watcher.engine import EngineSettings, VllmEngine
from watcher.engine.host.prompts import _vocabulary_size
from watcher.engine.model_files.tokenizer_files import read_stamp
from watcher.engine.types import Conversation
from watcher.model import Reason, UimonError

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

IM_START, IM_END = 1, 2
TURNS = (("user", "Make a footer."),)
TALK = talk("c", TURNS, "<footer class='p-4'>ok</footer>")


@pytest.fixture(scope="module")
def engine(settings: EngineSettings) -> Iterator[VllmEngine]:
    with VllmEngine(replace(settings, max_model_len=None)) as engine:
        yield engine


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> Path:
    """A model directory that a test may change."""
    return Path(shutil.copytree(tiny / "untied-a", tmp_path / "model"))


def test_a_prompt_opens_the_assistants_turn_and_its_reference_closes_it(engine: VllmEngine, model: Path) -> None:
    rendered = engine.render(model, (TALK,))
    (prompt,) = rendered.prompts
    assert (prompt.id, prompt.text, prompt.reference_chars) == ("c", "Make a footer.", len(TALK.answer or ""))
    assert prompt.token_ids[0] == IM_START
    assert prompt.token_ids.count(IM_START) == 2
    assert prompt.reference_ids is not None
    # The line break that ChatML writes behind the end of a turn is not for the model to say.
    assert prompt.reference_ids[-1] == IM_END
    assert IM_START not in prompt.reference_ids
    assert rendered.context == 512


def test_stop_ids_are_those_of_tokenizer_configurations_and_template(engine: VllmEngine, model: Path) -> None:
    assert engine.render(model, (TALK,)).stop_ids == (0, IM_END)
    (model / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 50]}))
    assert engine.render(model, (TALK,)).stop_ids == (0, IM_END, 50)


def test_a_prompt_that_fills_the_context_is_skipped_with_a_sentence(engine: VllmEngine, model: Path) -> None:
    long = talk("long", (("user", "x y " * 400),), None)
    rendered = engine.render(model, (long, TALK))
    assert [prompt.id for prompt in rendered.prompts] == ["c"]
    ((name, why),) = rendered.skipped
    assert name == "long"
    assert why.endswith("the context holds 512.")


def test_a_reference_stands_behind_what_a_finished_conversation_has_of_the_prompt(
    engine: VllmEngine, model: Path
) -> None:
    plain = engine.render(model, (TALK,)).prompts[0]
    thinking = (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think></think>\n' }}{% endif %}"
    )
    prompt = engine.render(model, (TALK,), chat_template=thinking).prompts[0]
    assert len(prompt.token_ids) > len(plain.token_ids)
    assert prompt.scored_ids == plain.scored_ids
    assert prompt.reference_ids
    assert plain.reference_ids
    # The prompt and the answer both go on with "<", which is the one token that they still share.
    assert plain.reference_ids[-len(prompt.reference_ids) :] == prompt.reference_ids
    assert len(plain.reference_ids) - len(prompt.reference_ids) <= 1


def test_template_arguments_and_system_prompt_reach_the_template_and_its_digest(
    engine: VllmEngine, model: Path
) -> None:
    template = "{% if shout %}!{% endif %}{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}{% endfor %}"
    plain = engine.render(model, (TALK,), chat_template=template)
    shouted = engine.render(model, (TALK,), chat_template=template, template_kwargs={"shout": True})
    ordered = engine.render(model, (TALK,), chat_template=template, system="Be brief.")
    assert len({r.template_digest for r in (plain, shouted, ordered)}) == 3
    assert len(shouted.prompts[0].token_ids) == len(plain.prompts[0].token_ids) + 1
    own = talk("own", (("system", "Be long."), *TURNS), None)
    with_system, with_own = engine.render(model, (TALK, own), system="Be brief.").prompts
    assert with_own != with_system
    assert with_own.token_ids == engine.render(model, (own,)).prompts[0].token_ids


def test_a_conversation_that_the_template_refuses_is_skipped(engine: VllmEngine, model: Path) -> None:
    strict = (
        "{% if messages[0]['role'] != 'user' %}{{ raise_exception('user first') }}{% endif %}"
        "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )
    odd = talk("odd", (("system", "x"), *TURNS), None)
    rendered = engine.render(model, (odd, TALK), chat_template=strict)
    assert rendered.skipped == (("odd", "The chat template refuses this conversation: user first."),)
    assert len(rendered.prompts) == 1


def test_a_missing_tokenizer_is_named_and_another_directory_can_stand_in(
    engine: VllmEngine, settings: EngineSettings, model: Path, tiny: Path
) -> None:
    (model / "tokenizer.json").unlink()
    with pytest.raises(UimonError, match=f"{model}: there is no tokenizer here") as caught:
        engine.render(model, (TALK,))
    assert caught.value.reason is Reason.TOKENIZER_MISSING
    with VllmEngine(replace(settings, tokenizer=tiny / "untied-b")) as other:
        assert other.render(model, (TALK,)).prompts


def test_a_missing_or_broken_template_is_named(engine: VllmEngine, model: Path) -> None:
    (model / "chat_template.jinja").unlink()
    with pytest.raises(UimonError, match="has no chat template") as caught:
        engine.render(model, (TALK,))
    assert caught.value.reason is Reason.CHAT_TEMPLATE_MISSING
    with pytest.raises(UimonError, match=r"^--chat-template: the chat template cannot be parsed"):
        engine.render(model, (TALK,), chat_template="{% for %}")
    (model / "chat_template.jinja").write_text("{{ messages")
    with pytest.raises(
        UimonError, match=rf"^{re.escape(str(model))}: the chat template .*\(line 1: .*[^.]\); correct it"
    ):
        engine.render(model, (TALK,))


def test_templates_of_a_folder_are_taken_as_transformers_takes_them(engine: VllmEngine, model: Path) -> None:
    plain = engine.render(model, (TALK,))
    folder = model / "additional_chat_templates"
    folder.mkdir()
    (folder / "tool_use.jinja").write_text("{{ tools | length }}{% for m in messages %}{{ m.content }}{% endfor %}")
    assert engine.render(model, (TALK,)).prompts == plain.prompts
    tooled = engine.render(model, (TALK,), template_kwargs={"tools": [{"type": "function"}]})
    assert tooled.prompts != plain.prompts
    (folder / "default.jinja").write_text("{% for m in messages %}{{ m.content }}!{% endfor %}")
    named = engine.render(model, (TALK,))
    assert named.prompts != plain.prompts
    assert named.tokenizer == read_stamp(model) != plain.tokenizer


def test_a_processors_template_stands_in_and_another_one_is_said(engine: VllmEngine, model: Path) -> None:
    plain = engine.render(model, (TALK,))
    own = (model / "chat_template.jinja").read_text()
    (model / "chat_template.json").write_text(json.dumps({"chat_template": own}))
    assert engine.render(model, (TALK,)) == plain
    (model / "chat_template.jinja").unlink()
    assert engine.render(model, (TALK,)).prompts == plain.prompts
    (model / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    assert "chat_template.json has another chat template" in engine.render(model, (TALK,)).note


def test_an_adapters_own_tokenizer_wins_and_its_base_stands_in(engine: VllmEngine, model: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    plain = engine.render(model, (TALK,), tokenizer_dir=adapter)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(model / name, adapter / name)
    (adapter / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}!{% endfor %}")
    own = engine.render(model, (TALK,), tokenizer_dir=adapter)
    assert plain == engine.render(model, (TALK,))
    assert own.template_digest != plain.template_digest


@pytest.mark.parametrize("where", ["the prompt", "the reference"])
def test_an_id_that_the_model_does_not_have_is_an_error(engine: VllmEngine, model: Path, where: str) -> None:
    known, foreign = (TALK.answer or "", "\x00") if where == "the prompt" else ("\x00", "<footer>")
    asked = talk("c", (("user", known),), foreign)
    (highest,) = engine.render(model, (asked,)).prompts
    ids = highest.token_ids if where == "the prompt" else highest.reference_ids or ()
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"vocab_size": max(ids) + 1}))
    assert engine.render(model, (asked,)).prompts
    (model / "config.json").write_text(json.dumps(config | {"vocab_size": max(ids)}))
    with pytest.raises(UimonError, match=f"gives the token id {max(ids)}, .* has only {max(ids)} tokens") as caught:
        engine.render(model, (asked,))
    assert caught.value.reason is Reason.TOKENIZER_MISMATCH
    assert f"tokenizer in {model}" in caught.value.sentence
    assert "--tokenizer" in caught.value.sentence


@pytest.mark.parametrize(
    ("config", "size"),
    [
        ({"vocab_size": 7}, 7),
        ({"text_config": {"vocab_size": 5}}, 5),
        ({"text_config": {"vocab_size": 5}, "vocab_size": 7}, 5),
        ({"text_config": {}, "vocab_size": 7}, 7),
        ({}, None),
    ],
)
def test_the_models_vocabulary_is_its_text_models(tmp_path: Path, config: object, size: int | None) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert _vocabulary_size(tmp_path) == size


def _turns(content: str, opening: str = "") -> str:
    """ChatML in which `content` is written for m['content'], and `opening` opens the answer."""
    return (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + " + content + " + '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n" + opening + "' }}{% endif %}"
    )


@pytest.mark.parametrize(
    ("template", "answer", "lost"),
    [
        ("{{ messages[0]['content'] }}", "<p>one</p>", "<p>one</p>"),
        (_turns("m['content'][:9]"), "<p>one</p><p>two</p>", "><p>two</p>"),
        (_turns("m['content'].split('</think>')[-1]"), "<think>why</think><p>", "think>why</think><p>"),
        (_turns("m['content'] | replace('p', 'q')", "<think></think>\n"), "<p>one</p>", "p>one</p>"),
    ],
)
def test_a_template_that_drops_or_rewrites_answers_loses_the_reference(
    engine: VllmEngine, model: Path, template: str, answer: str, lost: str
) -> None:
    # That the answer stands in the question does not make up for it.
    asked = talk("talk", (("user", f"Change {answer} as little as you can."),), answer)
    rendered = engine.render(model, (asked,), chat_template=template)
    assert not rendered.prompts
    ((name, sentence),) = rendered.lost
    assert name == "talk"
    assert "conversation talk does not survive" in sentence
    assert repr(lost) in sentence
    assert "--chat-template" in sentence


@pytest.mark.parametrize(
    ("template", "answer"),
    [
        (_turns("m['content'] | trim"), "\n <p>one</p>\n\n"),
        (_turns("('<think></think>' if m['role'] == 'assistant' else '') + m['content']"), "<p>one</p>"),
        (_turns("m['content']", "<think>\n"), "<think>\nwhy</think><p>"),
        (_turns("m['content']"), "a <|im_end|> b <|im_start|> c"),
        (_turns("m['content']"), "  "),
        ("{% for m in messages %}{{ m['content'] }}{% endfor %}", "a <|endoftext|> b"),
    ],
)
def test_what_templates_do_around_an_answer_is_no_loss(
    engine: VllmEngine, model: Path, template: str, answer: str
) -> None:
    asked = talk("talk", TURNS, answer)
    (prompt,) = engine.render(model, (asked,), chat_template=template).prompts
    assert prompt.reference_ids


@pytest.mark.parametrize(
    "template",
    [
        _turns("m['content'] | replace('  ', ' ')"),
        _turns("m['content'].split() | join(' ')"),
        _turns("m['content'] | replace('\n', '')"),
    ],
)
def test_a_template_that_changes_blanks_within_answers_loses_the_reference(
    engine: VllmEngine, model: Path, template: str
) -> None:
    answer = "<ul>\n  <li> one</li>\n</ul>"
    asked = talk("talk", (("user", f"Change {answer}."),), answer)
    rendered = engine.render(model, (asked,), chat_template=template)
    assert not rendered.prompts
    ((_, sentence),) = rendered.lost
    assert re.search(r"they change blanks in .*<ul>\\n  <li>", sentence)


def test_a_template_may_set_off_a_thought_from_its_answer(engine: VllmEngine, model: Path) -> None:
    apart = "('<think>\n' + m['content'].split('</think>')[0] + '\n</think>\n\n' + m['content'].split('</think>')[-1])"
    template = _turns(f"({apart} if m['role'] == 'assistant' else m['content'])")
    asked = talk("talk", TURNS, "why  not</think><p>  one</p>")
    assert engine.render(model, (asked,), chat_template=template).prompts


@pytest.mark.parametrize("normalizer", [{"type": "Lowercase"}, {"type": "Prepend", "prepend": "▁"}])
def test_what_the_tokenizers_own_normalizer_changes_is_trainings_too(
    engine: VllmEngine, model: Path, normalizer: dict[str, str]
) -> None:
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    (model / "tokenizer.json").write_text(json.dumps(tokenizer | {"normalizer": normalizer}))
    assert engine.render(model, (talk("talk", TURNS, "One Two"),)).prompts


PARTED = "{% for part in m['content'] %}[{{ part['type'] }}]{{ part['text'] | trim }}{% endfor %}"


def _parted(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


def _in_parts(asked: object, told: object) -> Conversation:
    return Conversation("c", ({"role": "user", "content": asked},), {"role": "assistant", "content": told})


def test_parts_of_text_reach_the_template_as_they_are(engine: VllmEngine, model: Path) -> None:
    template = _turns("'@'").replace(" + '@' + ", " }}" + PARTED + "{{ ")
    asked = _in_parts(_parted("Build \n", "a page."), _parted("<p>\n", "a  b</p>"))
    (prompt,) = engine.render(model, (asked,), chat_template=template).prompts
    assert prompt.text == "Build \na page."
    assert prompt.reference_chars == len("<p>\na  b</p>")
    joined = _in_parts("[text]Build[text]a page.", "[text]<p>[text]a  b</p>")
    assert prompt.scored_ids == engine.render(model, (joined,)).prompts[0].scored_ids
    swapped = template.replace("m['content'] %}[", "m['content'] | reverse %}[")
    ((_, sentence),) = engine.render(model, (asked,), chat_template=swapped).lost
    assert "does not survive" in sentence


def test_a_template_for_text_alone_writes_nothing_of_parts(engine: VllmEngine, model: Path) -> None:
    template = _turns("(m['content'] if m['content'] is string else '')")
    unseen, lost = _in_parts(_parted("Build a page."), "<p>"), _in_parts("Build a page.", _parted("<p>a</p>"))
    rendered = engine.render(model, (unseen, replace(lost, id="lost"), TALK), chat_template=template)
    assert [prompt.id for prompt in rendered.prompts] == [TALK.id]
    assert "does not write the text of the user turn, whose content is in parts" in rendered.skipped[0][1]
    assert [name for name, _ in rendered.lost] == ["lost"]


def test_one_reference_that_a_template_drops_leaves_the_others(engine: VllmEngine, model: Path) -> None:
    template = _turns("m['content'].split('</think>')[-1]")
    thought = talk("thought", TURNS, "<think>why</think><p>")
    rendered = engine.render(model, (TALK, thought), chat_template=template)
    assert [prompt.id for prompt in rendered.prompts] == [TALK.id]
    assert [name for name, _ in rendered.lost] == ["thought"]


def test_a_turns_end_inside_an_answer_does_not_end_the_reference(engine: VllmEngine, model: Path) -> None:
    asked = talk("talk", TURNS, "a <|im_end|> b")
    (prompt,) = engine.render(model, (asked,)).prompts
    assert prompt.reference_ids is not None
    assert prompt.reference_ids.count(IM_END) == 2
    assert prompt.reference_ids[-1] == IM_END


def test_an_answer_that_the_tokenizer_normalizes_is_not_lost(engine: VllmEngine, model: Path) -> None:
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    (model / "tokenizer.json").write_text(json.dumps(tokenizer | {"normalizer": {"type": "NFKC"}}))
    asked = talk("talk", TURNS, "ﬁne\u00a0½")
    assert engine.render(model, (asked,)).prompts


def test_an_answer_for_which_the_tokenizer_has_no_tokens_is_lost_alone(engine: VllmEngine, model: Path) -> None:
    words = ("[UNK]", "<|im_start|>", "<|im_end|>", "user", "assistant", "hello", "<p>", "</p>")
    special = [_added(number, words[number]) for number in range(3)]
    vocabulary = {"type": "WordLevel", "vocab": {w: i for i, w in enumerate(words)}, "unk_token": "[UNK]"}
    tokenizer = {"version": "1.0", "added_tokens": special, "pre_tokenizer": {"type": "WhitespaceSplit"}}
    (model / "tokenizer.json").write_text(json.dumps(tokenizer | {"model": vocabulary}))
    named = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "eos_token": "<|im_end|>"}
    (model / "tokenizer_config.json").write_text(json.dumps(named))
    asked = (("user", "hello"),)
    good, bad = talk("good", asked, "<p> hello </p>"), talk("bad", asked, "<p> ☃ </p>")
    rendered = engine.render(model, (bad, good))
    assert [prompt.id for prompt in rendered.prompts] == ["good"]
    ((_, sentence),) = rendered.lost
    assert re.search(r"conversation bad .* lose '☃</p>'", sentence)


def _added(number: int, content: str) -> dict[str, object]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": content, **flags}


def test_the_stamp_is_that_of_the_tokenizer_that_rendered(engine: VllmEngine, model: Path) -> None:
    stamp = engine.render(model, (TALK,)).tokenizer
    assert stamp == read_stamp(model)
    assert stamp.vocabulary
    assert stamp.template
