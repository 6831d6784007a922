"""The publisher on its way to the stand-in, and trainers that log there too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from tests.support.wandb_run import LIMITS
from tests.support.wandb_trainer import StartTrainer, Trainer
from watcher.trackers.wandb import RunRef, WandbPublisher


@pytest.fixture
def publisher(ref: RunRef, environ: dict[str, str], tmp_path: Path) -> WandbPublisher:
    return WandbPublisher(ref, tmp_path / "sessions", timeout=45, limits=LIMITS, environ=environ)


@pytest.fixture
def start_trainer(environ: dict[str, str], tmp_path: Path) -> Iterator[StartTrainer]:
    started: list[Trainer] = []

    def start(mode: Literal["shared", "online"]) -> Trainer:
        started.append(Trainer(environ, mode, tmp_path / "trainer"))
        return started[-1]

    yield start
    for trainer in started:
        trainer.close()
