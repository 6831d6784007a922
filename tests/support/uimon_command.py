"""`uimon` as a user runs it, to its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
UIMON = (sys.executable, "-c", "from watcher.cli.app import main; main()")
FEW = ("--samples", "4", "--max-tokens", "16", "--temperature", "0")
"""What keeps an evaluation short."""


def environment(**variables: str) -> dict[str, str]:
    """The environment of a child: a CPU, no hub, and nothing of the caller's W&B or uimon settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB", "UIMON", "HF_"))}
    quiet = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return {**kept, **quiet, **variables}


Make = Callable[[str, str], Path]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of `uimon` ended: its exit code, and all that it said."""

    code: int
    out: str
    log: str


class Uimon:
    """`uimon` as a user runs it, from a directory of its own and with one state directory."""

    def __init__(self, place: Path, variables: Mapping[str, str]) -> None:
        self.place = place
        self.state = place / "state"
        self.variables = dict(variables)

    def run(self, *arguments: str | Path, **variables: str) -> Ended:
        """`uimon ARGUMENTS`, with these environment variables; it may take ten minutes."""
        command = [*UIMON, *map(str, arguments)]
        child = environment(HOME=str(self.place), **{**self.variables, **variables})
        done = subprocess.run(
            command, env=child, cwd=self.place, capture_output=True, text=True, timeout=600, check=False
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def once(self, ckpts: Path, val: Path, *arguments: str | Path, **variables: str) -> Ended:
        """`uimon watch CKPTS --once` with nothing logged to W&B and few samples."""
        usual = ("--wandb", "off", "--once", "--state-dir", self.state, "--val", val, *FEW)
        return self.run("watch", ckpts, *usual, *arguments, **variables)

    def status(self) -> list[dict[str, Any]]:
        """The checkpoints of `uimon status --json`."""
        done = self.run("status", "--state-dir", self.state, "--json")
        assert done.code == 0, done.log
        checkpoints: list[dict[str, Any]] = json.loads(done.out)["checkpoints"]
        return checkpoints

    def samples(self) -> list[dict[str, Any]]:
        """The samples of all evaluations."""
        return [json.loads(line) for line in (self.state / "samples.jsonl").read_text("utf-8").splitlines()]
