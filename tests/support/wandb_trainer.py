"""A real trainer process that logs with the real SDK, told line by line what to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from tests.support.wandb_run import RUN

# Does what Hugging Face's W&B callback does: the same definitions, the axis in every row, no `step=`.
_TRAINER = """
import sys
import wandb

run = wandb.init(project="ui", config={"lr": 0.1})
run.define_metric("train/global_step")
run.define_metric("*", step_metric="train/global_step", step_sync=True)
print("ready", flush=True)
step = 0
for line in sys.stdin:
    command, _, count = line.strip().partition(" ")
    if command == "log":
        for _ in range(int(count)):
            step += 1
            run.log({"train/loss": 1 / step, "train/global_step": step})
    if command == "finish":
        run.finish()
    print("done", flush=True)
"""


class Trainer:
    """A trainer process; every call returns when the process has done it."""

    def __init__(self, environ: Mapping[str, str], mode: Literal["shared", "online"], directory: Path) -> None:
        variables = {
            **environ,
            "WANDB_MODE": mode,
            "WANDB_RUN_ID": RUN,
            "WANDB_X_LABEL": "trainer",
            # The shortest that the SDK takes: below a second it silently falls back to 15 s.
            "WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "1.0",
            "WANDB_SILENT": "true",
        }
        directory.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TRAINER],
            env=variables,
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._expect("ready")

    def log(self, rows: int) -> None:
        self._tell(f"log {rows}")

    def finish(self) -> None:
        self._tell("finish")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _tell(self, command: str) -> None:
        print(command, file=self._process.stdin, flush=True)
        self._expect("done")

    def _expect(self, word: str) -> None:
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline()) != f"{word}\n":
            assert line, "the trainer ended early"


StartTrainer = Callable[[Literal["shared", "online"]], Trainer]
