"""A trainer that ends as trainers do, and `uimon watch` that ends after it: nothing is lost, nobody has to stop it."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.trainer_variants import STUCK, Ending
from tests.support.uimon_processes import StartTraining, UimonProcesses
from tests.support.wandb_run import PATH, RUN, assert_unharmed, history, trainer_steps, uids_of
from watcher.demo.standin import Standin
from watcher.system.processes import kill_family
from watcher.trackers.wandb.run import ENDED

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

SHARED = {"WANDB_MODE": "shared", "WANDB_X_LABEL": "trainer"}
# As long as this W&B waits for a sign of life; the real one takes minutes.
HEARTBEAT = 15.0


@dataclass(frozen=True)
class Case:
    """A trainer of `steps` steps that has `ending` happen to it at step `at`, and what it leaves: its exit code, the
    steps that it logged, its complete checkpoints, and what W&B calls its run.
    """

    ending: Ending
    steps: int
    at: int
    code: int
    logged: int
    complete: tuple[int, ...]
    state: str


CASES = [
    # One checkpoint alone needs one engine: quick enough to be run each time.
    pytest.param(Case(Ending.CRASH, 40, 24, 1, 23, (16,), "failed"), id="crash"),
    pytest.param(Case(Ending.STOP, 40, 24, 0, 24, (16, 24), "finished"), id="early stop", marks=pytest.mark.soak),
    pytest.param(
        Case(Ending.STUCK, 64, 48, -signal.SIGKILL, 48, (16, 32), "crashed"), id="time limit", marks=pytest.mark.soak
    ),
    pytest.param(Case(Ending.NORMAL, 32, 0, 0, 32, (16, 32), "finished"), id="normal", marks=pytest.mark.soak),
]


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin(heartbeat_limit=HEARTBEAT) as server:
        yield server


@pytest.mark.parametrize("case", CASES)
def test_uimon_delivers_what_is_due_and_ends_after_its_trainer(
    case: Case, uimon: UimonProcesses, standin: Standin, train: StartTraining, val: Path
) -> None:
    program = ("tests.e2e.trainer_variants", case.ending, str(case.at))
    trainer = train(*program, f"--steps={case.steps}", "--save-steps=16", "--batch=2", "--report-to=wandb", **SHARED)
    watcher = uimon.start(
        *("watch", uimon.place / "checkpoints", "--run-id", RUN, "--val", val, "--state-dir", uimon.state),
        *("--until-final", "--grace", "2s", "--idle-exit", "0", "--samples", "2", "--max-tokens", "8"),
    )
    if case.ending is Ending.STUCK:
        end_by_time_limit(trainer, uimon.place / STUCK, standin, case.logged)
    _, log = watcher.communicate(timeout=240)

    assert trainer.wait(60) == case.code
    assert watcher.returncode == 0, log
    # Without a last word a run is `crashed` once its heartbeat is missed, and `failed` once uimon has written into it.
    # That is also what comes of a trainer that ends within the second in which uimon writes.
    reasons = [f"The run is {state} at W&B" for state in (case.state, "crashed", "failed")]
    if case.ending is Ending.NORMAL:
        reasons = ["The final checkpoint, checkpoint-32, is done."]
    assert any(reason in log for reason in reasons), log
    assert standin.state(rows=False)["runs"][PATH]["state"] in ENDED
    assert_all_there_once(case, uimon, standin)


def end_by_time_limit(trainer: subprocess.Popen[bytes], stuck: Path, standin: Standin, logged: int) -> None:
    """As a scheduler does it: a signal to think about, then one that takes the process and all that it started."""
    deadline = time.monotonic() + 120
    while not (stuck.exists() and trainer_steps(history(standin))[-1:] == [logged]):
        assert time.monotonic() < deadline, "the trainer did not come to its last save"
        time.sleep(0.1)
    trainer.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        trainer.wait(1)
    kill_family(trainer.pid)


def assert_all_there_once(case: Case, uimon: UimonProcesses, standin: Standin) -> None:
    """Every complete checkpoint and each of its losses is in the run once, and so is every row of the trainer."""
    rows = history(standin)
    assert sorted(trainer_steps(rows)) == list(range(1, case.logged + 1))
    evaluations, losses = uids_of(rows, "eval"), uids_of(rows, "train")
    assert len(evaluations) == len(set(evaluations)) == len(case.complete)
    assert len(losses) == len(set(losses)) == case.complete[-1]
    assert_unharmed(standin)
    known = {c["step"]: (c["state"], c["reason"]) for c in uimon.status()}
    assert {step: known.pop(step) for step in case.complete} == dict.fromkeys(case.complete, ("published", None))
    # The save that nobody finished stays what it was, a reason and no result.
    assert known == ({case.at: ("seen", "trainer_state_missing")} if case.ending is Ending.STUCK else {})
    uimon.assert_alone()
    assert list((uimon.state / "stage").iterdir()) == []
