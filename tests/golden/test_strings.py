"""What names a module or a file in words: in strings and comments, documents, and what builds and starts uimon. No
type checker and no linter looks there, so whatever is moved leaves them behind.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

from tests.golden.comparing import HERE, ROOT

PACKAGES: Final = "watcher|scorers|tests"
DOTTED: Final = re.compile(rf"(?<![\w./@-])(?:{PACKAGES})(?:\.[A-Za-z_]\w*)+(?![\w/])")
PATH: Final = re.compile(rf"(?<![\w./-])(?:{PACKAGES}|docs|docker)/[\w./*-]*\w(?:::\w+)?")
STARTED: Final = re.compile(r"-m[ \"',]+((?:watcher|scorers|tests)(?:\.\w+)*)")
NO_TEXT: Final = frozenset({".png", ".svg", ".sql", ".lock"})
IMPORTED: Final = re.compile(rf"from ((?:{PACKAGES})(?:\.\w+)*) import (\w+(?: as \w+)?(?:, \w+(?: as \w+)?)*)")
COMMENT: Final = re.compile(r"#.*")
NO_NAMES: Final = frozenset({"tests.real.cases_x", "docker/.env", "tests/checkpoints/traces/NAME.json"})
"""Examples, and a file that each user makes."""
# Their content is data: pages, runs and logs of trainers.
DATA: Final = (HERE, ROOT / "tests" / "checkpoints" / "traces")


@cache
def files() -> tuple[Path, ...]:
    """The files of the repository that are text of ours."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = (ROOT / name for name in listed.split("\0") if name)
    return tuple(
        file
        for file in found
        if file.is_file() and file.suffix not in NO_TEXT and not any(file.is_relative_to(place) for place in DATA)
    )


@cache
def found(pattern: re.Pattern[str]) -> dict[str, frozenset[Path]]:
    """Each match, with the files that have it."""
    matches: dict[str, set[Path]] = {}
    for file in files():
        for match in pattern.finditer(file.read_text("utf-8", errors="replace")):
            matches.setdefault(match[match.lastindex or 0], set()).add(file)
    return {name: frozenset(places) for name, places in matches.items() if name not in NO_NAMES}


def is_code(name: str, file: Path) -> bool:
    """True where a Python file has the name in no string and no comment: a variable may have a package's name."""
    if file.suffix != ".py":
        return False
    text = file.read_text("utf-8")
    nodes = ast.walk(ast.parse(text))
    strings = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return not any(name in words for words in (*strings, *COMMENT.findall(text)))


def module_of(dotted: str) -> tuple[Path, list[str]] | None:
    """The file of the longest part that is a module, and the names behind it."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:end])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return file, parts[end:]
        if place.is_dir() and any(place.glob("*.py")):
            return place, parts[end:]
    return None


@cache
def defined(file: Path) -> frozenset[str]:
    """The names that a module has at its top, without importing it: some import an engine."""
    return frozenset(names_of(ast.parse(file.read_text("utf-8")).body)) if file.is_file() else frozenset()


def names_of(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from names_of(node.body)


def resolves(dotted: str) -> bool:
    """True for a module, a name in one, and what modules' names begin with; of what is behind a name the module itself
    is asked.
    """
    place = module_of(dotted)
    if place is None:
        return False
    file, names = place
    if not names or (names[0].endswith("_") and any(ROOT.glob(f"{dotted.replace('.', '/')}*.py"))):
        return True
    if len(names) == 1 or names[0] not in defined(file):
        return names[0] in defined(file)
    value: object = import_module(".".join(dotted.split(".")[: -len(names)]))
    for name in names:
        if not hasattr(value, name):
            return False
        value = getattr(value, name)
    return True


def test_every_dotted_name_is_one() -> None:
    names = found(DOTTED)
    assert len(names) > 50
    wrong = [(name, file) for name, places in names.items() if not resolves(name) for file in places]
    assert [(name, str(file.relative_to(ROOT))) for name, file in wrong if not is_code(name, file)] == []


def test_every_name_that_a_program_in_words_imports_is_there() -> None:
    lines = {
        match[0]: match for file in files() for match in IMPORTED.finditer(file.read_text("utf-8", errors="replace"))
    }
    assert len(lines) > 500
    names = {f"{match[1]}.{name.split()[0]}" for match in lines.values() for name in match[2].split(", ")}
    assert sorted(name for name in names if not resolves(name)) == []


def test_every_module_that_is_started_is_one() -> None:
    started = found(STARTED)
    assert len(started) > 3
    assert [name for name in started if not is_started(name)] == []


def is_started(name: str) -> bool:
    """True for a module, and for a package with a `__main__`."""
    place = ROOT.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()


def test_every_path_is_there() -> None:
    paths = found(PATH)
    assert len(paths) > 20
    assert [(path, sorted(map(str, places))) for path, places in paths.items() if not exists(path)] == []


def exists(path: str) -> bool:
    """True for a file or directory, for a pattern that matches one, and for a test in a file."""
    place, _, test = path.partition("::")
    matching = list(ROOT.glob(place.rstrip("."))) if "*" in place else [ROOT / place]
    return any(file.exists() and (not test or test in defined(file)) for file in matching)


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("watcher.cli", True),
        ("watcher.cli.main", True),
        ("watcher.cli.mian", False),
        ("watcher.clii", False),
        ("scorers.metrics.catalog.METRICS", True),
        ("scorers.Outcome.VALID", True),
        ("scorers.Outcome.VALIDE", False),
        ("tests.agreement", True),
    ],
)
def test_what_resolves(name: str, there: bool) -> None:
    assert resolves(name) is there
