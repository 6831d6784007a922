"""Real parts from end to end: checkpoints, `uimon` as a process, and a stand-in that the real W&B SDK talks to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.uimon_command import ROOT
from tests.support.uimon_processes import StartTraining, UimonProcesses
from tests.support.wandb_run import PROJECT, RUN
from watcher.demo.standin import Standin, standin_environment
from watcher.system.processes import kill_family


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directories that `tiny_run.py` makes."""
    root = tmp_path_factory.mktemp("runs")
    command = [sys.executable, "-m", "tests.e2e.tiny_run", str(root)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=ROOT)
    return root


@pytest.fixture(scope="session")
def val(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Validation prompts with references; a generation of all of them takes seconds."""
    path = tmp_path_factory.mktemp("val") / "val.jsonl"
    answer = "<div class='flex items-center'>Hello</div>"
    asked = (f"Make page {number} with a login form." for number in range(64))
    turns = ([{"role": "user", "content": text}, {"role": "assistant", "content": answer}] for text in asked)
    path.write_text("".join(json.dumps({"messages": pair}) + "\n" for pair in turns))
    return path


@pytest.fixture
def environ(standin: Standin, tmp_path: Path) -> dict[str, str]:
    """What trainer and watcher share: the stand-in as their W&B, and nothing of the caller's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB", "UIMON"))}
    server = standin_environment(standin.url, tmp_path / "wandb")
    shared = {"WANDB_PROJECT": PROJECT, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return {**kept, **server, **shared, "HOME": str(tmp_path)}


@pytest.fixture
def uimon(environ: dict[str, str], tmp_path: Path) -> Iterator[UimonProcesses]:
    started = UimonProcesses(environ, tmp_path)
    yield started
    started.close()


@pytest.fixture
def train(environ: dict[str, str], tmp_path: Path) -> Iterator[StartTraining]:
    """Start `python -m PROGRAM ARGUMENTS --out OUT`, by default where uimon runs, with these variables."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*program: str, out: Path = tmp_path, **variables: str) -> subprocess.Popen[bytes]:
        fast = {"WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "1.0", "PYTHONPATH": str(ROOT)}
        environment = {**environ, **fast, "WANDB_RUN_ID": RUN, **variables}
        out.mkdir(exist_ok=True)
        command = [sys.executable, "-m", *program, f"--out={out}"]
        with (out / "trainer.log").open("wb") as log:
            started.append(subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        kill_family(process.pid)
        process.wait()
