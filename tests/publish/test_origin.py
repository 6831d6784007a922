"""What tells whose a run is: when it began, and what its trainer has logged into it."""

from __future__ import annotations

import time

from tests.publish.conftest import StartTrainer
from watcher.model import LoggedStep
from watcher.publish import RunRef, inspect_run, logged_steps


def test_when_a_run_began_and_what_its_trainer_logged_are_read(
    ref: RunRef, environ: dict[str, str], start_trainer: StartTrainer
) -> None:
    before = time.time()
    trainer = start_trainer("online")
    trainer.log(5)
    trainer.finish()
    facts = inspect_run(ref, 60, environ=environ)
    assert facts.begun is not None
    # W&B tells whole seconds.
    assert before - 1 <= facts.begun <= time.time()
    assert logged_steps(ref, 60, environ) == [LoggedStep(step, 1 / step) for step in range(1, 6)]


def test_a_run_that_is_not_there_has_logged_nothing(ref: RunRef, environ: dict[str, str]) -> None:
    assert inspect_run(ref, 60, environ=environ).begun is None
    assert logged_steps(ref, 60, environ) == []
