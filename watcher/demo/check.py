"""The verdict on a demo whose trainer and uimon ran elsewhere, such as in containers:
`python -m watcher.demo.check ENTITY/PROJECT/RUN`. Reads the run through W&B's API and the ledger, prints what it finds,
and exits 1 where something is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from watcher.alerts import Episode
from watcher.demo.summary import metrics_table, print_failures, rows_line
from watcher.demo.verdict import DemoFailure, Plan, judge
from watcher.ledger.checkpoint_status import CheckpointStatus
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import StateDir
from watcher.model import JsonObject, UimonError
from watcher.output.terminal import Terminal


def check(run: str, state: StateDir, plan: Plan, console: Console) -> int:
    """Print the run's evaluations and the verdict; 1 where there is a failure."""
    rows, complaint = read_rows(run)
    if complaint:
        print_failures(console, [(DemoFailure.RUN_UNREADABLE, complaint)])
        return 1
    checkpoints, warnings = _ledger(state)
    failures = judge(plan, rows, checkpoints, warnings)
    console.print(metrics_table(rows))
    console.print(rows_line(plan, rows, checkpoints), soft_wrap=True)
    print_failures(console, failures)
    return 1 if failures else 0


def read_rows(run: str) -> tuple[list[JsonObject], str]:
    """The run's rows as W&B's API gives them, and why that failed."""
    command = [sys.executable, "-m", "watcher.demo.readback", run]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if answer.returncode != 0:
        return [], f"The run {run} could not be read back: {answer.stderr.strip()}"
    rows: list[JsonObject] = json.loads(answer.stdout)["rows"]
    return rows, ""


def _ledger(state: StateDir) -> tuple[list[CheckpointStatus], list[Episode]]:
    """What the ledger says of checkpoints and early warnings; nothing where uimon did not come to make one."""
    try:
        ledger = Ledger(state.ledger, read_only=True)
    except UimonError:
        return [], []
    try:
        return ledger.status(), [Episode.from_dict(one) for one in ledger.episodes().all()]
    finally:
        ledger.close()


def main() -> int:
    """Entry of `python -m watcher.demo.check`."""
    parser = argparse.ArgumentParser(
        prog="python -m watcher.demo.check", description=__doc__, argument_default=argparse.SUPPRESS
    )
    parser.add_argument("run", help="ENTITY/PROJECT/RUN")
    parser.add_argument("--state-dir", type=Path, required=True, help="the watcher's")
    parser.add_argument("--steps", type=int, help="how many the trainer was told to make")
    parser.add_argument("--save-steps", type=int)
    parser.add_argument(
        "--min-validity", type=float, help="of the last checkpoint; 0: a training too short to be healthy"
    )
    said = vars(parser.parse_args())
    run, state, healthy = said.pop("run"), StateDir(said.pop("state_dir")), said.get("min_validity") != 0
    return check(run, state, Plan(**said, healthy=healthy), Terminal())


if __name__ == "__main__":
    sys.exit(main())
