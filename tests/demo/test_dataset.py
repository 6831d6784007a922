"""The demo's data: various, deterministic, valid, and impossible to answer without the prompt."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from watcher.demo.dataset import COLORS, COMPONENTS, CORNERS, NEUTRALS, TONES, TOPICS, Example, examples, write_dataset

VOID = {"input"}
COLOR_CLASS = re.compile(r"-([a-z]+)-(\d{2,3})\b")


class Nesting(HTMLParser):
    """Tags that do not nest: `<x />` counts as closed only where HTML has no content for it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.wrong.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture(scope="module")
def many() -> list[Example]:
    return examples(0, 3000)


def markup(example: Example) -> str:
    language = "jsx" if example.request.react else "html"
    fenced = re.fullmatch(rf"```{language}\n(.*)\n```", example.answer, re.DOTALL)
    assert fenced, example.answer
    if not example.request.react:
        return fenced[1]
    function = re.fullmatch(
        r"export default function [A-Z]\w+\(\) \{\n  return \(\n(.*)\n  \);\n\}", fenced[1], re.DOTALL
    )
    assert function, fenced[1]
    return function[1].replace("<>", "<fragment>").replace("</>", "</fragment>")


def test_every_answer_is_one_fenced_block_of_tags_that_nest(many: list[Example]) -> None:
    for example in many:
        nesting = Nesting()
        nesting.feed(markup(example))
        nesting.close()
        assert not nesting.wrong, example.answer
        assert not nesting.open, example.answer


def test_react_answers_have_one_root_and_classname(many: list[Example]) -> None:
    react = [example for example in many if example.request.react]
    assert 0.1 < len(react) / len(many) < 0.3
    for example in react:
        body = markup(example)
        assert " class=" not in body
        # One root: only the first and the last line stand at the indentation of the root.
        roots = [line for line in body.split("\n") if re.match(r" {4}<", line)]
        assert len(roots) == 2, example.answer


def test_colors_of_an_answer_are_the_one_asked_for_or_neutral(many: list[Example]) -> None:
    for example in many:
        families = {name for name, _ in COLOR_CLASS.findall(example.answer) if name in COLORS}
        assert families == {example.request.color}, example.answer


def test_tone_corner_and_topic_of_the_request_are_in_the_answer(many: list[Example]) -> None:
    assert len(COMPONENTS) >= 10
    assert {example.request.component for example in many} == set(COMPONENTS)
    for example in many:
        request = example.request
        if request.component == "badge":
            background, _, on, surface, _ = TONES[request.tone]
            shades = {shade for name, shade in COLOR_CLASS.findall(example.answer) if name == request.color}
            assert shades == {background, on, surface}
            assert CORNERS[request.corner] in example.answer
            assert TOPICS[request.topic][0] in example.answer


def test_the_data_is_various(many: list[Example]) -> None:
    shown = " ".join(example.answer for example in many)
    families = {name for name, _ in COLOR_CLASS.findall(shown)}
    assert families >= {*COLORS, *NEUTRALS}
    assert len(set(re.findall(r'class(?:Name)?="([^"]+)"', shown))) > 1000


def test_the_same_seed_writes_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    first, again, other = (
        write_dataset(tmp_path / name, seed=seed, train=50, val=8) for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert first[0].read_bytes() != other[0].read_bytes()


def test_no_prompt_is_in_both_files(tmp_path: Path) -> None:
    paths = write_dataset(tmp_path, train=1000, val=64)
    records = [[json.loads(line)["messages"] for line in path.read_text().splitlines()] for path in paths]
    assert [len(part) for part in records] == [1000, 64]
    train, val = ({record[1]["content"] for record in part} for part in records)
    assert not train & val
    assert [message["role"] for message in records[1][0]] == ["system", "user", "assistant"]
