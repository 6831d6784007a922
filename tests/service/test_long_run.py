"""Acceptance of long runs: three starts over thousands of evaluated checkpoints, and `uimon status` between them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHECKPOINTS = 3000
STARTS = 3
LIMITS = {"first evaluation core s": 2.0, "memory peak MiB": 150.0, "idle core": 0.005, "status core s": 1.0}
"""On a machine that has nothing else to do: with many neighbors the same work takes more of a core, too."""


def _run(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True).stdout


def _status(state: Path, *options: str) -> tuple[float, float]:
    """Seconds of `uimon status` without the start of Python: by the clock, and of a core."""
    program = (
        "import sys, time; from pathlib import Path; from watcher.cli.status import run_status; "
        "import rich.console, watcher.report.terminal; began = time.perf_counter(), time.process_time(); "
        f"run_status(None, Path({str(state)!r}), best='best' in sys.argv, as_json='json' in sys.argv); "
        "print(time.perf_counter() - began[0], time.process_time() - began[1], file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall, core = done.stderr.split()[-2:]
    return float(wall), float(core)


@pytest.mark.soak
def test_three_starts_over_three_thousand_checkpoints_are_light(tmp_path: Path) -> None:
    began = time.perf_counter()
    _run("-m", "tests.service.long_run", "make", str(tmp_path), str(CHECKPOINTS))
    print(f"\nmade {CHECKPOINTS} evaluated checkpoints in {time.perf_counter() - began:.0f} s")
    for file in sorted((tmp_path / "state").iterdir()):
        if file.is_file():
            size = file.stat().st_size
            print(f"{file.name}: {size / 1e6:.0f} MB, {size / CHECKPOINTS / 1e3:.0f} KB a checkpoint")
    for number in range(STARTS):
        found = json.loads(_run("-m", "tests.service.long_run", "restart", str(tmp_path)))
        for option in ("", "best", "json"):
            wall, core = _status(tmp_path / "state", option)
            found |= {f"status {option} s".replace("  ", " "): round(wall, 2)}
            found["status core s"] = max(found.get("status core s", 0.0), core)
        print(f"start {number + 1}: {json.dumps(found)}")
        assert {name: found[name] for name, limit in LIMITS.items() if found[name] > limit} == {}
