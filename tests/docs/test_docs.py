"""What README and docs/ say holds: commands, options, settings, targets and tests exist, and examples run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from tests.support.command_line import options, refused_options
from watcher.settings.load import load_settings

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (
    README,
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *ROOT.glob("docs/**/*.md"),
)
DOCKERS = {"--volumes", "--profile", "--build", "--rm", "--update"}
FOREIGN = {*DOCKERS, "--help", "--no-deps", "--wheel-dir", "--kv-cache-dtype", "--strict"}
"""Options of docker, pip, vLLM and others."""


@cache
def text(page: Path) -> str:
    return page.read_text("utf-8")


def fenced(language: str) -> list[str]:
    return [
        code
        for page in PAGES
        for code in re.findall(rf"^```{language}\n(.*?)^```$", text(page), re.DOTALL | re.MULTILINE)
    ]


def shown(page: Path) -> list[str]:
    """The commands in a page: indented lines and code in a line that begin with `uimon COMMAND`."""
    lines = re.findall(r"^ {4}(?:\.venv/bin/)?uimon ([a-z].*?)(?:\s+#.*)?$", text(page), re.MULTILINE)
    return [*lines, *re.findall(r"`uimon ([a-z][^`]*)`", text(page))]


def test_readme_can_be_read_in_one_sitting() -> None:
    lines = text(README).splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 120] == []


def test_links_of_the_files_beside_docs_lead_somewhere() -> None:
    for page in (page for page in PAGES if page.parent == ROOT):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text(page)):
            assert target.startswith("https://") or (ROOT / target).is_file(), f"{page.name}: {target}"


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r"[\w/-]+\.md", yaml.safe_dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert sorted(listed) == sorted(str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/**/*.md"))


def test_nothing_is_fetched_by_readers_of_the_pages() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert settings["theme"]["font"] is False
    assert not {"repo_url", "extra_javascript", "extra_css"} & set(settings)
    assert [page.name for page in PAGES if "```mermaid" in text(page)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_command_line_takes_what_a_page_shows(page: Path) -> None:
    assert {line: wrong for line in shown(page) if (wrong := refused_options(line))} == {}
    known = FOREIGN.union(*options().values())
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", re.sub(r"<!--.*?-->", "", text(page)))) <= known


def test_pages_show_commands() -> None:
    assert sum(len(shown(page)) for page in PAGES) > 30


@pytest.mark.parametrize("code", fenced("python"))
def test_python_in_the_pages_runs(code: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("code", fenced("toml"))
def test_settings_in_the_pages_are_settings(code: str, tmp_path: Path) -> None:
    (tmp_path / "uimon.toml").write_text(code)
    given = tomllib.loads(code)
    settings = load_settings({}, tmp_path / "uimon.toml")
    assert given
    assert settings.samples == given["samples"]


def test_targets_of_make_in_the_pages_exist() -> None:
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared
    named = {name for page in PAGES for name in re.findall(r"(?:`|^ {4})make ([a-z-]+)", text(page), re.MULTILINE)}
    assert {"demo", "test", "lint"} <= named <= set(declared[1].split())


def test_files_that_the_pages_name_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"`((?:examples|docker|docs|watcher|scorers|tests)/[\w./-]*\w)(?::\w+)?`", text(page)):
            assert (ROOT / name).exists(), f"{page.name}: {name}"


def test_names_that_the_pages_place_in_a_file_are_there() -> None:
    said = re.compile(r"`(\w+)` (?:in|of) `((?:watcher|scorers|tests)/[\w/]+\.py)`")
    placed = {found for page in PAGES for found in said.findall(" ".join(text(page).split()))}
    assert len(placed) > 8
    for name, file in placed:
        assert re.search(rf"\b{name}\b", text(ROOT / file)), f"{name} is not in {file}"


def test_names_of_code_in_the_recipes_are_there() -> None:
    named = set(re.findall(r"`(_?[A-Z]\w{3,})`", text(ROOT / "CONTRIBUTING.md"))) - {"UIMON_CRASH_AT"}
    files = (file for room in ("watcher", "scorers", "tests") for file in (ROOT / room).rglob("*.py"))
    code = "\n".join(file.read_text("utf-8") for file in files)
    defined = set(re.findall(r"^(?:class |def )?(\w+)(?=[:(\[ =])", code, re.MULTILINE))
    assert len(named) > 20
    assert named - defined == set(), "CONTRIBUTING.md names what is not in the code"


def test_tests_that_the_page_of_trainers_names_exist() -> None:
    named = set(re.findall(r"`([\w/]+\.py)::(\w+)", text(ROOT / "docs/trainers.md")))
    assert len(named) > 12
    for file, name in named:
        tree = ast.parse((ROOT / "tests" / file).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"
