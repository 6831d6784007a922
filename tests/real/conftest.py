"""What people really have, rebuilt small, and `uimon` as they run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.uimon_command import ROOT, Make, Uimon, environment


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """`made("tests.real.cases_x", "name")`: the directory of that case, made once a session."""
    places: dict[tuple[str, str], Path] = {}

    def make(module: str, name: str) -> Path:
        if (module, name) not in places:
            place = tmp_path_factory.mktemp(name, numbered=True)
            command = [sys.executable, "-m", "tests.real.making", module, str(place), name]
            done = subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-3000:]
            places[module, name] = place / name
        return places[module, name]

    return make


@pytest.fixture
def uimon(tmp_path: Path) -> Uimon:
    return Uimon(tmp_path, {"VLLM_CPU_KVCACHE_SPACE": "1"})
