"""A real Hugging Face Trainer that logs to W&B, and `uimon watch` beside it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.uimon_processes import StartTraining, UimonProcesses
from tests.support.wandb_run import PATH, RUN, assert_unharmed, history, trainer_steps, uids_of
from watcher.demo.standin import Standin

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

STEPS = 240
ADVICE = f"WANDB_MODE=shared WANDB_RUN_ID={RUN}."

# It saves three checkpoints, of which it keeps two, and logs each of its steps.
TRAINER = ("watcher.demo.trainer", f"--steps={STEPS}", f"--save-steps={STEPS // 3}", "--batch=4", "--report-to=wandb")


def watch(uimon: UimonProcesses, trainer: subprocess.Popen[bytes], val: Path) -> tuple[int, str]:
    """Watch until the final checkpoint is done and the trainer has ended; uimon's exit code and its log."""
    code, _, log = uimon.run(
        *("watch", uimon.place / "checkpoints", "--run-id", RUN, "--val", val, "--until-final"),
        *("--samples", "4", "--max-tokens", "16", "--state-dir", uimon.state, "--poll", "1s", "--idle-exit", "60s"),
        *("--settle", "2s"),
    )
    assert trainer.wait(60) == 0
    return code, log


def test_beside_a_default_mode_trainer_a_companion_is_live_and_its_run_has_all_rows_in_the_end(
    uimon: UimonProcesses, standin: Standin, train: StartTraining, val: Path
) -> None:
    code, log = watch(uimon, train(*TRAINER), val)

    rows = history(standin)
    assert code == 0, log
    assert log.count(ADVICE) == 1
    assert sorted(trainer_steps(rows)) == list(range(1, STEPS + 1))
    assert_unharmed(standin)
    evaluated = [c["step"] for c in uimon.status() if c["published"] == "yes"]
    assert evaluated[-1] == STEPS
    assert sorted(row["train/global_step"] for row in rows if "eval/uid" in row) == evaluated
    training = uids_of(rows, "train")
    assert len(training) == len(set(training)) == STEPS
    # Nothing was written into the run before its trainer had left it.
    first = next(position for position, row in enumerate(rows) if row.keys() & {"eval/uid", "train/uid"})
    assert len(trainer_steps(rows[:first])) == STEPS
    assert standin.state()["runs"][PATH]["states"] == ["running", "finished"] * (1 + log.count("Rows are delivered"))
    companion = standin.state()["history"][f"{PATH}-uimon"]
    assert set(uids_of(companion, "eval")) <= set(uids_of(rows, "eval"))
    assert uids_of(companion, "eval"), log
    assert standin.state()["runs"][f"{PATH}-uimon"]["state"] == "finished"


# The usual tests have a trainer in shared mode that crashes (test_endings.py), and the demo.
@pytest.mark.soak
def test_beside_a_shared_mode_trainer_every_row_of_both_arrives(
    uimon: UimonProcesses, standin: Standin, train: StartTraining, val: Path
) -> None:
    code, log = watch(uimon, train(*TRAINER, WANDB_MODE="shared", WANDB_X_LABEL="trainer"), val)

    rows = history(standin)
    assert code == 0, log
    assert sorted(trainer_steps(rows)) == list(range(1, STEPS + 1))
    assert_unharmed(standin)
    # The Trainer rounds the losses that it keeps, but it keeps each of them.
    training, evaluations = uids_of(rows, "train"), uids_of(rows, "eval")
    assert len(training) == len(set(training)) == STEPS
    evaluated = [c["step"] for c in uimon.status() if c["published"] == "yes"]
    assert sorted(row["train/global_step"] for row in rows if "eval/uid" in row) == evaluated
    assert len(evaluations) == len(set(evaluations)) == len(evaluated)
    assert evaluated[-1] == STEPS
    # They did write at the same time: the trainer went on after uimon's first row.
    first = next(position for position, row in enumerate(rows) if row.keys() & {"eval/uid", "train/uid"})
    assert trainer_steps(rows[first:])
