"""`kill -9` at named points of a real evaluation and publication: nothing is lost, nothing is doubled."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.outboxes import let_time_pass
from tests.support.uimon_command import ROOT
from tests.support.uimon_processes import UimonProcesses
from tests.support.wandb_run import assert_unharmed, history, trainer_steps, uids_of
from tests.support.wandb_trainer import Trainer
from watcher.demo.standin import Standin
from watcher.ledger.state_dir import StateDir
from watcher.system.crashpoint import POINTS

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

QUICK = ("--once", "--samples", "2", "--max-tokens", "8", "--swap", "warm")
ROWS = 30


@pytest.fixture
def trainer(environ: dict[str, str], tmp_path: Path) -> Iterator[Trainer]:
    """A living trainer in shared mode that has logged ten rows."""
    started = Trainer(environ, "shared", tmp_path / "trainer")
    started.log(10)
    yield started
    started.close()


# What the ledger says of the first checkpoint when the watcher is gone. What is due first is what the commit loses: a
# training row, or where there is none an evaluation.
LEFT = {
    "intake.noted": "complete",
    "intake.copied": "complete",
    "evaluation.loading": "evaluating",
    "evaluation.generating": "evaluating",
    "evaluation.before_commit": "evaluating",
    "evaluation.held": "evaluating",
    "evaluation.committed": "evaluated",
}
SESSIONS = ("publish.before_log", "publish.logged")
"""Points at which not the watcher dies, but its session with W&B."""
USUAL = (("evaluation.generating", "lora"),)
"""Without an engine `tests/trackers/wandb/test_outbox.py` kills a watcher at `publish.before_commit`."""


def matrix() -> list[Any]:
    """Every point of an evaluation and its publication, for full weights and adapters; a few in the usual tests."""
    watched = [point for point in POINTS if not point.startswith(("rescore.", "followup."))]
    cells = [(point, run) for point in watched for run in ("full", "lora")] + [("publish.before_commit", "silent")]
    return [pytest.param(*cell, marks=() if cell in USUAL else pytest.mark.soak) for cell in cells]


@pytest.mark.parametrize(("point", "run"), matrix())
def test_a_killed_watcher_goes_on_where_it_was(
    point: str,
    run: str,
    uimon: UimonProcesses,
    trainer: Trainer,
    standin: Standin,
    runs: Path,
    val: Path,
    tmp_path: Path,
) -> None:
    ckpts = tmp_path / "ckpts"
    shutil.copytree(runs / run, ckpts)
    command = ("watch", ckpts, "--run-id", "run-1", "--adopt-earlier", "--val", val, "--state-dir", uimon.state, *QUICK)
    if point == "evaluation.held":
        # The one point that only a checkpoint passes which its writer has not finished.
        state = (ckpts / "checkpoint-10" / "trainer_state.json").rename(tmp_path / "state.json")
        (ckpts / "checkpoint-10" / "training_args.bin").touch()
        shutil.move(ckpts / "checkpoint-20", tmp_path)
        code, _, log = uimon.run(*(part for part in command if part != "--once"), crash_at=point)
        state.rename(ckpts / "checkpoint-10" / "trainer_state.json")
        shutil.move(tmp_path / "checkpoint-20", ckpts)
    else:
        code, _, log = uimon.run(*command, "--drain-timeout", "5s", crash_at=point)
    assert code == -signal.SIGKILL or point in SESSIONS, log
    uimon.assert_alone()
    assert uimon.status()[0]["state"] == LEFT.get(point, uimon.status()[0]["state"])
    trainer.log(10)
    let_time_pass(StateDir(uimon.state).ledger)

    code, _, log = uimon.run(*command)
    trainer.log(10)
    trainer.finish()

    assert code == 0, log
    assert_all_there_once(uimon, standin, train_rows=0 if run == "silent" else 20)


def test_every_point_is_in_the_code_once() -> None:
    sources = [path.read_text() for path in (ROOT / "watcher").rglob("*.py")]
    armed = [point for text in sources for point in re.findall(r'crash_point\("([^"]+)"\)', text)]
    assert sorted(armed) == sorted(POINTS)


def test_a_session_killed_after_it_logged_is_settled_by_the_same_watcher(
    uimon: UimonProcesses, trainer: Trainer, standin: Standin, runs: Path, val: Path
) -> None:
    # Every session that logs dies right after it, before it could tell the watcher.
    command = (
        "watch",
        runs / "full",
        "--run-id",
        "run-1",
        "--adopt-earlier",
        "--val",
        val,
        "--state-dir",
        uimon.state,
        *QUICK,
    )
    code, _, log = uimon.run(*command, crash_at="publish.logged")
    trainer.log(20)
    trainer.finish()

    assert code == 0, log
    assert "(not_delivered)" in log
    assert_all_there_once(uimon, standin, train_rows=20)


def assert_all_there_once(uimon: UimonProcesses, standin: Standin, train_rows: int) -> None:
    """Both evaluations, the training rows and the trainer's own are in the run once; nothing else is left."""
    rows = history(standin)
    evaluations, training = uids_of(rows, "eval"), uids_of(rows, "train")
    assert len(evaluations) == len(set(evaluations)) == 2
    assert len(training) == len(set(training)) == train_rows
    assert sorted(trainer_steps(rows)) == list(range(1, ROWS + 1))
    assert_unharmed(standin)
    assert [(c["state"], c["published"]) for c in uimon.status()] == [("published", "yes")] * 2
    uimon.assert_alone()
    assert list((uimon.state / "stage").iterdir()) == []
