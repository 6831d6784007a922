"""A further language is one registered object: no other place knows any language."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scorers import Completion, Outcome, Sample, SampleError, score
from scorers.contents import Contents
from scorers.extraction import extract
from scorers.language import LANGUAGES, LanguageSupport, Role, _by_suffix, _by_word, _languages, register
from scorers.position import Position
from scorers.reading import FileReading
from scorers.verdict import SyntaxIssue, SyntaxVerdict
from watcher.cli.score.command import run_score
from watcher.evaluation.evaluate import score_answer

ROOT = Path(__file__).parents[2]
GOOD = "screen\n  button p-4 bg-blue-500\n  text mt-2 text-red-500\n"
BAD = "  button p-4\n"


def read_toy(code: str) -> FileReading:
    """A line is an element and its classes; the first one has to be `screen`."""
    lines = [line.split() for line in code.splitlines() if line.strip()]
    begins = bool(lines) and lines[0] == ["screen"]
    issues = () if begins else (SyntaxIssue("toy", Position(1, 1), "`screen` has to come first"),)
    tags, names = tuple(line[0] for line in lines), tuple(name for line in lines for name in line[1:])
    return FileReading(SyntaxVerdict(issues), Contents(tags=tags, class_names=names))


TOY = LanguageSupport("toy", read_toy, Role.COMPONENT, words=("toy", "toylang"), suffixes=(".toy",), certain=True)


@pytest.fixture(autouse=True)
def toy() -> Iterator[None]:
    tables = (_languages, _by_word, _by_suffix)
    before = [dict(table) for table in tables]
    register(TOY)
    yield
    for table, entries in zip(tables, before, strict=True):
        table.clear()
        table.update(entries)


@pytest.mark.parametrize(
    "text",
    [
        f"Here it is:\n\n```toy\n{GOOD}```\n\nEnjoy!",
        f"```toylang\n{GOOD}```",
        f"**src/App.toy**\n\n```\n{GOOD}```\n",
        f'<file path="src/App.toy">\n{GOOD}</file>',
        json.dumps({"files": [{"path": "src/App.toy", "content": GOOD}]}),
    ],
)
def test_it_is_found_checked_read_and_scored_in_every_shape(text: str) -> None:
    assert extract(Completion(text)).code.strip() == GOOD.strip()
    report = score([Completion(text)])
    sample = report.samples[0]
    assert (sample.outcome, sample.language, sample.num_colors, sample.num_classes) == (Outcome.VALID, "toy", 2, 4)
    assert report.metrics["eval/syntax_validity_rate"] == 1
    assert report.metrics["eval/unique_tailwind_classes"] == 4
    assert Sample.from_dict(json.loads(json.dumps(sample.to_dict()))) == sample


def test_its_errors_stand_where_they_are_in_the_answer() -> None:
    sample = score_answer("a", f"Here:\n```toy\n{BAD}```\n", "stop", (), None)
    assert sample.outcome is Outcome.INVALID
    assert [(error.code, error.line, error.message) for error in sample.errors] == [
        ("toy", 3, "`screen` has to come first")
    ]


def test_an_answer_that_the_token_limit_cuts_in_it_is_truncated() -> None:
    assert score_answer("a", f"```toy\n{GOOD}", "length", (), None).outcome is Outcome.TRUNCATED


@pytest.mark.parametrize("project", [False, True])
def test_its_files_are_scored_from_disk_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], project: bool
) -> None:
    (tmp_path / "page.toy").write_text(GOOD, "utf-8")
    (tmp_path / "look.css").write_text("a { color: red }", "utf-8")
    assert run_score([str(tmp_path)], project=project, as_json=True) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [(sample["language"], sample["outcome"]) for sample in printed["samples"]] == [("toy", "valid")]
    assert printed["metrics"]["eval/total_colors_used"] == 2 + project


def test_without_it_its_fence_is_no_code_and_its_samples_are_refused() -> None:
    stored = score([Completion(f"```toy\n{GOOD}```")]).samples[0].to_dict()
    for table, name in ((_languages, "toy"), (_by_word, "toy"), (_by_word, "toylang"), (_by_suffix, ".toy")):
        del table[name]
    assert score([Completion(f"```toy\n{GOOD}```")]).samples[0].outcome is Outcome.NO_CODE
    with pytest.raises(SampleError, match="toy"):
        Sample.from_dict(stored)


@pytest.mark.parametrize(
    "other",
    [
        LanguageSupport("toy", read_toy, Role.COMPONENT, ("x",), ()),
        LanguageSupport("x", read_toy, Role.COMPONENT, ("html",), ()),
        LanguageSupport("x", read_toy, Role.COMPONENT, ("x",), (".tsx",)),
    ],
)
def test_what_another_language_has_is_refused(other: LanguageSupport) -> None:
    with pytest.raises(ValueError, match="is taken by"):
        register(other)
    assert "x" not in LANGUAGES


def _compares_languages(node: ast.AST) -> bool:
    operands = ast.walk(node) if isinstance(node, ast.Compare | ast.match_case) else ()
    return any(isinstance(part, ast.Attribute) and ast.unparse(part).startswith("Language.") for part in operands)


def test_nothing_else_asks_which_language_it_is() -> None:
    rooms = (ROOT / "scorers", ROOT / "watcher")
    asking = [
        f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', '?')}"
        for room in rooms
        for file in sorted(room.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if _compares_languages(node)
    ]
    assert asking == []
