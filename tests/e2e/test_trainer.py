"""A real Hugging Face Trainer that logs to W&B, and `uimon watch` beside it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import PATH, ROOT, RUN, Uimon, assert_unharmed, history, trainer_steps, uids
from watcher.demo.standin import Standin
from watcher.processes import kill_family

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

STEPS = 240
ADVICE = f"WANDB_MODE=shared WANDB_RUN_ID={RUN}"

StartTraining = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def train(environ: dict[str, str], tmp_path: Path) -> Iterator[StartTraining]:
    """Start a training that saves three checkpoints of which it keeps two, logging each of its steps."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**variables: str) -> subprocess.Popen[bytes]:
        arguments = {"out": tmp_path, "steps": STEPS, "save-steps": STEPS // 3, "batch": 4, "report-to": "wandb"}
        command = [sys.executable, "-m", "watcher.demo.trainer", *(f"--{k}={v}" for k, v in arguments.items())]
        fast = {"WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "1.0", "PYTHONPATH": str(ROOT)}
        environment = {**environ, **fast, "WANDB_RUN_ID": RUN, **variables}
        with (tmp_path / "trainer.log").open("wb") as log:
            started.append(subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        kill_family(process.pid)
        process.wait()


def watch(uimon: Uimon, trainer: subprocess.Popen[bytes], val: Path) -> tuple[int, str]:
    """Watch until the final checkpoint is done and the trainer has ended; uimon's exit code and its log."""
    code, _, log = uimon.run(
        *("watch", uimon.place / "checkpoints", "--run-id", RUN, "--val", val, "--until-final"),
        *("--samples", "4", "--max-tokens", "16", "--state-dir", uimon.state, "--poll", "1s", "--idle-exit", "60s"),
        *("--settle", "2s"),
    )
    assert trainer.wait(60) == 0
    return code, log


def test_beside_a_default_mode_trainer_a_companion_is_live_and_its_run_has_all_rows_in_the_end(
    uimon: Uimon, standin: Standin, train: StartTraining, val: Path
) -> None:
    code, log = watch(uimon, train(), val)

    rows = history(standin)
    assert code == 0, log
    assert log.count(ADVICE) == 1
    assert sorted(trainer_steps(rows)) == list(range(1, STEPS + 1))
    assert_unharmed(standin)
    evaluated = [c["step"] for c in uimon.status() if c["published"] == "yes"]
    assert evaluated[-1] == STEPS
    assert sorted(row["train/global_step"] for row in rows if "eval/uid" in row) == evaluated
    training = uids(rows, "train")
    assert len(training) == len(set(training)) == STEPS
    # Nothing was written into the run before its trainer had left it.
    first = next(position for position, row in enumerate(rows) if row.keys() & {"eval/uid", "train/uid"})
    assert len(trainer_steps(rows[:first])) == STEPS
    assert standin.state()["runs"][PATH]["states"] == ["running", "finished"] * (1 + log.count("Rows are delivered"))
    companion = standin.state()["history"][f"{PATH}-uimon"]
    assert set(uids(companion, "eval")) <= set(uids(rows, "eval"))
    assert uids(companion, "eval"), log
    assert standin.state()["runs"][f"{PATH}-uimon"]["state"] == "finished"


def test_beside_a_shared_mode_trainer_every_row_of_both_arrives(
    uimon: Uimon, standin: Standin, train: StartTraining, val: Path
) -> None:
    code, log = watch(uimon, train(WANDB_MODE="shared", WANDB_X_LABEL="trainer"), val)

    rows = history(standin)
    assert code == 0, log
    assert sorted(trainer_steps(rows)) == list(range(1, STEPS + 1))
    assert_unharmed(standin)
    # The Trainer rounds the losses that it keeps, but it keeps each of them.
    training, evaluations = uids(rows, "train"), uids(rows, "eval")
    assert len(training) == len(set(training)) == STEPS
    evaluated = [c["step"] for c in uimon.status() if c["published"] == "yes"]
    assert sorted(row["train/global_step"] for row in rows if "eval/uid" in row) == evaluated
    assert len(evaluations) == len(set(evaluations)) == len(evaluated)
    assert evaluated[-1] == STEPS
    # They did write at the same time: the trainer went on after uimon's first row.
    first = next(position for position, row in enumerate(rows) if row.keys() & {"eval/uid", "train/uid"})
    assert trainer_steps(rows[first:])
