"""What tells whose a run is: when it began, and what its trainer has logged into it."""

from __future__ import annotations

import math
import time
from typing import Any

from tests.support.wandb_trainer import StartTrainer
from watcher.model import LoggedStep
from watcher.trackers.wandb import RunRef, inspect_run, logged_steps


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


class History:
    """A run's lines, of which a scan brings those that have all the keys."""

    def __init__(self, *lines: dict[str, object]) -> None:
        self._lines = lines

    def scan_history(self, keys: list[str], *, use_cache: bool) -> list[dict[str, object]]:
        assert not use_cache
        return [{key: line[key] for key in keys} for line in self._lines if line.keys() >= set(keys)]


def test_learning_rate_and_gradient_norm_are_read_where_they_are_logged() -> None:
    from watcher.trackers.wandb.reading import logged_steps as read

    step, loss, rate, norm = "train/global_step", "train/loss", "train/learning_rate", "train/grad_norm"
    history: Any = History(
        {step: 1, loss: 2.5, rate: 1e-4, norm: 0.5},
        {step: 2, loss: "NaN", rate: 2e-4},
        {step: 3, loss: None},
        {step: 4, "eval/loss": 1.0},
        {step: 5, loss: 1},
    )
    first, diverged, last = read(history)
    assert first == LoggedStep(1, 2.5, 0.5, 1e-4)
    assert (diverged.step, math.isnan(diverged.loss), last) == (2, True, LoggedStep(5, 1.0))
