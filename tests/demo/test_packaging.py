"""What `make setup` installs is what pyproject.toml asks for, and every check is part of `make test`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
CUDA_BUILDS = {"torchvision", "torchaudio", "torchcodec"}


@pytest.fixture(scope="module")
def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    matches = [re.fullmatch(r"([A-Za-z0-9._-]+)==([^\s+]+)", pin) for pin in pins]
    assert all(matches), [pin for pin, match in zip(pins, matches, strict=True) if not match]
    return {canonicalize_name(match[1]): match[2] for match in matches if match}


def make(*arguments: str) -> str:
    """What make prints, also where these tests were themselves started by make."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    ).stdout


def test_every_dependency_of_the_cpu_setup_is_pinned_to_a_version_that_it_allows(pinned: dict[str, str]) -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        document = tomllib.load(file)
    project = document["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["cpu"]]
    asked += [*project["optional-dependencies"]["dev"], *document["build-system"]["requires"]]
    for text in asked:
        requirement = Requirement(text)
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{text} is not in constraints.txt: run `make lock`"
        assert requirement.specifier.contains(version), f"{text}, but constraints.txt has {version}"


def test_no_cuda_build_is_pinned(pinned: dict[str, str]) -> None:
    harmful = [
        name for name in pinned if name in CUDA_BUILDS or (name.startswith("nvidia-") and name != "nvidia-ml-py")
    ]
    assert harmful == []


def test_continuous_integration_runs_every_check() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert "make test" in run.read_text()
    shown = make("-n", "test")
    for check in ("ruff check .", "ruff format --check .", "/mypy", "mkdocs build --strict\n", "-m pytest"):
        assert check in shown, shown


STARTING = """
import subprocess
import sys
import threading
from contextlib import suppress

START = [sys.executable, "-c", ""]

def test_starts():
    subprocess.run(START)

def test_catches_what_keeps_it_from_starting():
    with suppress(BaseException):
        subprocess.run(START)

def test_starts_in_a_thread():
    thread = threading.Thread(target=subprocess.run, args=[START])
    thread.start()
    thread.join()

def test_starts_nothing():
    pass

def test_fails():
    assert False
"""


def test_quick_tests_start_no_process(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "test_starting.py").write_text(STARTING)
    command = f"-m pytest -p tests.support.quick -c {tmp_path / 'pytest.ini'} {tmp_path}"
    done = subprocess.run([sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "1 failed, 1 passed, 3 skipped" in done.stdout, done.stdout


def test_help_lists_every_target() -> None:
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared
    shown = make("help")
    assert {line.split()[1] for line in shown.splitlines()} == set(declared[1].split())
    assert {"demo", "test", "lint", "bench", "soak", "clean"} <= set(declared[1].split())
