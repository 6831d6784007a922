from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest

from tests.support.scripted_engine import ScriptedEngine
from watcher.engine.model_files.tokenizer_files import TokenizerStamp
from watcher.engine.types import Rendered
from watcher.evaluation.plugins import end_plugins, isolated_plugins, named_theme
from watcher.evaluation.suite import (
    Suite,
    build_suite,
    check_tokenizer,
    earlier_digests,
    request_digest,
    requests_under,
)
from watcher.model import Reason, UimonError
from watcher.settings.config import DECLARED, Settings
from watcher.settings.declaration import Panel, Samples, Setting
from watcher.validation import ValFile, load_val


@pytest.fixture
def val(tmp_path: Path) -> ValFile:
    path = tmp_path / "val.jsonl"
    path.write_text("".join(json.dumps({"question": f"page {i}", "answer": "a"}) + "\n" for i in range(3)))
    return load_val(path)


def asked(**changed: object) -> Settings:
    """The default settings with these changed, whatever the environment says."""
    return Settings.model_validate(changed)


def checkpoint(path: Path, tokens: Sequence[str] | None = ("a", "b"), template: str | None = "T") -> Path:
    """A directory with no more than a tokenizer."""
    path.mkdir(exist_ok=True)
    if tokens is not None:
        vocabulary = {token: number for number, token in enumerate(tokens)}
        (path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}}))
    if template is not None:
        (path / "chat_template.jinja").write_text(template)
    return path


def build(settings: Settings, val: ValFile, first: Path) -> Suite:
    return build_suite(settings, val, ScriptedEngine(), first, None)


def test_a_kept_suite_comes_back_as_it_was(tmp_path: Path, val: ValFile) -> None:
    suite = build(asked(n=3), val, checkpoint(tmp_path / "first"))
    again = Suite.from_json(suite.to_json())
    assert again == suite
    assert again.digest == suite.digest
    assert again.sampling.n == 3


def test_what_there_is_to_say_of_the_tokenizer_is_passed_on(tmp_path: Path, val: ValFile) -> None:
    class Noting(ScriptedEngine):
        def render(self, *args: Any, **options: Any) -> Rendered:
            return replace(super().render(*args, **options), note="It has blanks of its own.")

    said: list[str] = []
    build_suite(asked(), val, Noting(), checkpoint(tmp_path / "first"), None, (), said.append)
    assert set(said) == {"It has blanks of its own."}


class Losing(ScriptedEngine):
    """Loses the references of some prompts."""

    def render(self, *args: Any, **options: Any) -> Rendered:
        rendered = super().render(*args, **options)
        kept = tuple(prompt for prompt in rendered.prompts if "lost" not in prompt.text)
        lost = tuple((prompt.id, f"{prompt.text} is lost.") for prompt in rendered.prompts if prompt not in kept)
        return replace(rendered, prompts=kept, lost=lost)


def test_a_few_references_that_are_lost_are_left_out_and_counted(tmp_path: Path) -> None:
    path, said = tmp_path / "val.jsonl", list[str]()
    rows = ("one", "lost one", "two", "lost two", "three")
    path.write_text("".join(json.dumps({"question": row, "answer": "a"}) + "\n" for row in rows))
    first = checkpoint(tmp_path / "first")
    suite = build_suite(asked(samples=3), load_val(path), Losing(), first, None, (), said.append)
    assert [prompt.text for prompt in suite.prompts] == ["one", "two", "three"]
    assert suite.skipped == 2
    assert said == ["2 prompts are left out; the first: lost one is lost."]
    path.write_text("".join(json.dumps({"question": row, "answer": "a"}) + "\n" for row in rows[1:3]))
    alone = build_suite(asked(samples=1), load_val(path), Losing(), first, None)
    assert [prompt.text for prompt in alone.prompts] == ["two"]


def test_most_references_lost_are_a_template_of_another_training(tmp_path: Path) -> None:
    path = tmp_path / "val.jsonl"
    rows = ("one", "lost one", "lost two")
    path.write_text("".join(json.dumps({"question": row, "answer": "a"}) + "\n" for row in rows))
    with pytest.raises(UimonError, match=r"lost one is lost\.") as caught:
        build_suite(asked(), load_val(path), Losing(), checkpoint(tmp_path / "first"), None)
    assert caught.value.reason is Reason.TEMPLATE_MISMATCH


@pytest.mark.parametrize("changed", [asked(n=2), asked(engine_args="--kv-cache-dtype fp8"), asked(seed=1)])
def test_what_changes_the_samples_is_another_request_and_suite(tmp_path: Path, val: ValFile, changed: Settings) -> None:
    assert request_digest(changed, val) != request_digest(asked(), val)
    first = checkpoint(tmp_path / "first")
    assert build(changed, val, first).digest != build(asked(), val, first).digest


PINNED: tuple[tuple[dict[str, object], tuple[str, ...]], ...] = (
    ({}, ("30ed724710eb745b", "a19109e58425d2a6")),
    ({"samples": 32}, ("0191d2381abc8881", "23d31fbf35d13066")),
    ({"max_tokens": 4096}, ("34ed8f95aa964758", "522b4f65e5f8983e")),
    ({"temperature": 0}, ("43cfb3ac041c0125", "fe27cc9c38a9385b")),
    ({"top_p": 0.9}, ("009fb4471dbf4ecd", "8ec4038370930121")),
    ({"seed": 7}, ("745b24559055097e", "8654b04043797966")),
    ({"n": 4}, ("5168f76831a8b6ff", "a72488b79ff8ae78")),
    ({"system": "Be brief."}, ("06a8cd98392d07d0", "0ee962deb68ebc5d")),
    ({"chat_template_kwargs": {"enable_thinking": False}}, ("98609539c385afaf", "ae32f386899bad0d")),
    ({"max_model_len": 4096}, ("7f24165034c9a6f5", "d3be5e9619f5c0d3")),
    ({"dtype": "bfloat16"}, ("12afc961739b9d84", "4e8c28e708273119")),
    ({"engine_args": "--kv-cache-dtype fp8"}, ("7b6bafbdfd5fd422", "cce86eb5afb396f2")),
    ({"chat_template": "own.jinja"}, ("1bbfc10513d29588", "d5a5dce9b3653978")),
    ({"tokenizer": "tok"}, ("36e88600152f924f", "6337daef7bdb9278")),
    ({"val_format": "chat"}, ("dc4e05d2da0655d9",)),
    ({"val_keys": "prompt=ask,completion=html"}, ("e1b1239bfb51d451",)),
)
"""Digests of requests whose samples scorers of version 3 have scored: what ledgers hold stays what it is."""


@pytest.mark.parametrize(("changed", "digests"), PINNED)
def test_digests_of_requests_are_what_ledgers_hold(
    tmp_path: Path, val: ValFile, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], digests: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint(tmp_path / "tok")
    (tmp_path / "own.jinja").write_text("mine")
    assert sorted(requests_under(asked(**changed), replace(val, digest="0123456789abcdef"), "3")) == list(digests)


def test_what_changes_no_sample_is_in_no_digest(val: ValFile) -> None:
    others: dict[str, object] = {
        "baseline": True,
        "disk_floor_gb": 1,
        "tensor_parallel": 2,
        "run_id": "x",
        "swap": "cold",
        "stage": "copy",
        "poll": "1s",
        "gpu": "1",
    }
    assert not any(DECLARED[name].changes_samples for name in others)
    assert request_digest(asked(**others), val) == request_digest(asked(), val)


def test_a_further_setting_that_changes_samples_is_in_the_digest_of_those_that_ask_for_it(val: ValFile) -> None:
    class Further(Settings):
        top_k: Annotated[int, Setting(Panel.PROMPTS, Samples.OTHER)] = 0
        niceness: Annotated[int, Setting(Panel.SERVICE, Samples.SAME)] = 0

    digests = [request_digest(Further.model_validate(given), val) for given in ({}, {"top_k": 1}, {"niceness": 1})]
    assert digests[0] == request_digest(asked(), val) == digests[2] != digests[1]


def test_each_setting_that_is_marked_as_changing_samples_changes_the_digest(tmp_path: Path, val: ValFile) -> None:
    """What stands there by its content is tested below; all others are changed here, so that none is only marked."""
    values: dict[str, object] = {
        "samples": 1,
        "max_tokens": 1,
        "n": 2,
        "temperature": 1,
        "top_p": 0.5,
        "seed": 1,
        "system": "x",
        "chat_template_kwargs": {"a": 1},
        "max_model_len": 16,
        "dtype": "float16",
        "engine_args": "x",
        "val_format": "chat",
        "val_keys": "prompt=ask",
        "tokenizer": checkpoint(tmp_path / "tok"),
        "chat_template": tmp_path / "tok" / "chat_template.jinja",
    }
    by_arguments = {"val", "scorers", "theme"}
    lacking = {name for name, one in DECLARED.items() if one.changes_samples} - set(values) - by_arguments
    assert not lacking, f"give {sorted(lacking)} another value than the default in `values`"
    assert {name for name, one in DECLARED.items() if one.changes_samples} == set(values) | by_arguments
    digests = {request_digest(asked(**{name: value}), val) for name, value in values.items()}
    assert len(digests | {request_digest(asked(), val)}) == len(values) + 1


@pytest.mark.parametrize("changed", [asked(val_format="chat"), asked(val_keys="prompt=ask")])
def test_how_the_file_is_read_is_part_of_the_request(val: ValFile, changed: Settings) -> None:
    assert request_digest(changed, val) != request_digest(asked(), val)
    assert earlier_digests(asked(), val) != (request_digest(asked(), val),)
    assert earlier_digests(changed, val) == ()


def test_a_kept_suite_tells_what_is_measured_alone_and_what_stands_before_a_reference(
    tmp_path: Path, val: ValFile
) -> None:
    built = build(asked(), val, checkpoint(tmp_path / "first"))
    plain, *rest = built.prompts
    suite = replace(built, prompts=(replace(plain, prefix_ids=(1, 5), sampled=False), *rest))
    assert Suite.from_json(suite.to_json()) == suite
    assert suite.digest != built.digest
    assert suite.sampled == tuple(rest)


def test_another_vocabulary_than_the_first_checkpoints_is_an_error(tmp_path: Path, val: ValFile) -> None:
    suite = build(asked(), val, checkpoint(tmp_path / "first"))
    for tokens in (("b", "a"), ("a", "b", "c")):
        with pytest.raises(UimonError, match="The tokenizer of checkpoint-50 differs") as caught:
            check_tokenizer(suite, "checkpoint-50", checkpoint(tmp_path / "other", tokens))
        assert caught.value.reason is Reason.TOKENIZER_MISMATCH
        assert "--tokenizer" in caught.value.sentence
        assert "--state-dir" in caught.value.sentence


def test_the_same_or_no_tokenizer_is_accepted(tmp_path: Path, val: ValFile) -> None:
    suite = build(asked(), val, checkpoint(tmp_path / "first"))
    assert check_tokenizer(suite, "same", checkpoint(tmp_path / "same")) == ""
    assert check_tokenizer(suite, "none", checkpoint(tmp_path / "none", None, None)) == ""
    assert check_tokenizer(replace(suite, tokenizer=TokenizerStamp("", "")), "other", tmp_path / "same") == ""


def test_another_chat_template_is_said_and_accepted(tmp_path: Path, val: ValFile) -> None:
    suite = build(asked(), val, checkpoint(tmp_path / "first"))
    assert "chat template has changed" in check_tokenizer(suite, "other", checkpoint(tmp_path / "o", template="U"))


def test_what_the_user_named_is_not_compared(tmp_path: Path, val: ValFile) -> None:
    first, own = checkpoint(tmp_path / "first"), tmp_path / "own.jinja"
    own.write_text("mine")
    other = checkpoint(tmp_path / "other", ("b", "a"), "U")
    assert check_tokenizer(build(asked(tokenizer=first), val, first), "other", other) == ""
    templated = build(asked(chat_template=own), val, first)
    assert check_tokenizer(templated, "same", checkpoint(tmp_path / "same", template="U")) == ""
    with pytest.raises(UimonError, match="differs from the one that rendered the prompts"):
        check_tokenizer(templated, "other", other)


def test_plug_ins_and_their_versions_are_part_of_the_request_and_the_suite(tmp_path: Path, val: ValFile) -> None:
    def digests(version: str | None) -> tuple[str, str]:
        named = [] if version is None else [f"{own}:Own"]
        own.write_text(
            f"class Own:\n    name, version = 'own', {version!r}\n"
            "    def measure(self, completion, sample): ...\n    def aggregate(self, measurements): ...\n"
        )
        plugins = isolated_plugins(named)
        end_plugins(plugins)
        suite = build_suite(asked(scorers=named), val, ScriptedEngine(), first, None, plugins)
        assert Suite.from_json(suite.to_json()).digest == suite.digest
        return request_digest(asked(scorers=named), val, plugins), suite.digest

    own, first = tmp_path / "own.py", checkpoint(tmp_path / "first")
    without, one, two = digests(None), digests("1"), digests("2")
    assert without == (request_digest(asked(), val), build(asked(), val, first).digest)
    assert len({without[0], one[0], two[0]}) == len({without[1], one[1], two[1]}) == 3
    assert digests("1") == one


def test_a_given_theme_is_part_of_the_request_and_the_suite(tmp_path: Path, val: ValFile) -> None:
    def digests(named: list[str]) -> tuple[str, ...]:
        settings, theme = asked(theme=named), named_theme(named)
        suite = build_suite(settings, val, ScriptedEngine(), first, None, (), theme=theme)
        asked_before = earlier_digests(settings, val, (), theme)
        return request_digest(settings, val, (), theme), suite.digest, *asked_before

    first, own = checkpoint(tmp_path / "first"), tmp_path / "own.css"
    own.write_text(":root { --primary: red }")
    without, shadcn, mine = digests([]), digests(["shadcn"]), digests([str(own)])
    # Without one, a run that is in progress goes on with its suite.
    assert without == (
        request_digest(asked(), val),
        build(asked(), val, first).digest,
        *earlier_digests(asked(), val),
    )
    assert not set(without) & set(shadcn) | set(shadcn) & set(mine) | set(without) & set(mine)
    own.write_text(":root { --primary: blue }")
    assert not set(digests([str(own)])) & set(mine)


def test_a_theme_that_is_not_there_is_a_wrong_configuration() -> None:
    with pytest.raises(UimonError, match=r"The theme nothing\.css does not exist; check --theme") as caught:
        named_theme(["nothing.css"])
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_a_plug_in_that_is_not_there_is_a_wrong_configuration() -> None:
    with pytest.raises(UimonError, match="no scorer called nothing") as caught:
        isolated_plugins(["nothing"])
    assert caught.value.reason is Reason.CONFIG_INVALID
