"""Real parts from end to end: checkpoints, `uimon` as a process, and a stand-in that the real W&B SDK talks to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from watcher.demo.standin import ENTITY, Standin, standin_environment
from watcher.system.processes import kill_family

PROJECT = "ui"
RUN = "run-1"
PATH = f"{ENTITY}/{PROJECT}/{RUN}"
ROOT = Path(__file__).parents[2]
UIMON = (sys.executable, "-c", "from watcher.cli.app import main; main()")

History = list[dict[str, Any]]


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
def standin() -> Iterator[Standin]:
    with Standin() as server:
        yield server


@pytest.fixture
def environ(standin: Standin, tmp_path: Path) -> dict[str, str]:
    """What trainer and watcher share: the stand-in as their W&B, and nothing of the caller's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB", "UIMON"))}
    server = standin_environment(standin.url, tmp_path / "wandb")
    shared = {"WANDB_PROJECT": PROJECT, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return {**kept, **server, **shared, "HOME": str(tmp_path)}


class Uimon:
    """`uimon` as processes with one state directory; whatever they start carries a mark in its environment."""

    def __init__(self, environ: Mapping[str, str], place: Path) -> None:
        self.place = place
        self.state = place / "state"
        self.command: tuple[str, ...] = UIMON
        self._mark = f"E2E_MARK={place}"
        self._environ = {**environ, "E2E_MARK": str(place)}
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str | Path, crash_at: str = "") -> subprocess.Popen[str]:
        """`uimon ARGUMENTS`, in the background; it dies where `crash_at` says."""
        command = [*self.command, *map(str, arguments)]
        self._started.append(
            subprocess.Popen(
                command,
                env={**self._environ, "UIMON_CRASH_AT": crash_at},
                cwd=self.place,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return self._started[-1]

    def run(self, *arguments: str | Path, crash_at: str = "", timeout: float = 200) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of `uimon ARGUMENTS`."""
        process = self.start(*arguments, crash_at=crash_at)
        out, log = process.communicate(timeout=timeout)
        return process.returncode, out, log

    def status(self) -> History:
        """The checkpoints of `uimon status --json`."""
        code, out, log = self.run("status", "--state-dir", self.state, "--json")
        assert code == 0, log
        checkpoints: History = json.loads(out)["checkpoints"]
        return checkpoints

    def living(self) -> list[int]:
        """Every living process that carries the mark."""
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and self._marks(entry)]

    def assert_alone(self, seconds: float = 5.0) -> None:
        """Nothing that was started is alive within `seconds`."""
        deadline = time.monotonic() + seconds
        while left := self.living():
            assert time.monotonic() < deadline, f"{len(left)} processes outlived uimon"
            time.sleep(0.05)

    def close(self) -> None:
        """End what a failed test left."""
        for process in self._started:
            process.kill()
            process.communicate()

    def _marks(self, entry: Path) -> bool:
        try:
            return self._mark.encode() in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            return False  # it ended, or is another user's


@pytest.fixture
def uimon(environ: dict[str, str], tmp_path: Path) -> Iterator[Uimon]:
    started = Uimon(environ, tmp_path)
    yield started
    started.close()


StartTraining = Callable[..., "subprocess.Popen[bytes]"]


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


def history(standin: Standin) -> History:
    """The run's rows."""
    rows: History = standin.state()["history"].get(PATH, [])
    return rows


def uids(rows: History, kind: str) -> list[str]:
    """The uids of one kind of row, in the order of arrival."""
    return [row[f"{kind}/uid"] for row in rows if f"{kind}/uid" in row]


def trainer_steps(rows: History) -> list[int]:
    """The steps that the trainer itself logged, in the order of arrival."""
    return [row["train/global_step"] for row in rows if "train/loss" in row]


def assert_unharmed(standin: Standin) -> None:
    """No writer overwrote another's row, and the stand-in understood everything it was asked."""
    state = standin.state(rows=False)
    assert state["clobbered"] == []
    assert state["unknown"] == []
