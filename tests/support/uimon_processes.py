"""`uimon` in the background beside a trainer, as processes that can be killed and counted."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.uimon_command import UIMON
from tests.support.wandb_run import History


class UimonProcesses:
    """Processes of one state directory; whatever they start carries a mark in its environment."""

    def __init__(self, environ: Mapping[str, str], place: Path) -> None:
        self.place = place
        self.state = place / "state"
        self.command: tuple[str, ...] = UIMON
        self._mark = f"E2E_MARK={place}"
        self._environ = {**environ, "E2E_MARK": str(place)}
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str | Path, crash_at: str = "") -> subprocess.Popen[str]:
        """`uimon ARGUMENTS`, in the background; it dies where `crash_at` says."""
        command = [*self.command, *map(str, arguments)]
        self._started.append(
            subprocess.Popen(
                command,
                env={**self._environ, "UIMON_CRASH_AT": crash_at},
                cwd=self.place,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return self._started[-1]

    def run(self, *arguments: str | Path, crash_at: str = "", timeout: float = 200) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of `uimon ARGUMENTS`."""
        process = self.start(*arguments, crash_at=crash_at)
        out, log = process.communicate(timeout=timeout)
        return process.returncode, out, log

    def status(self) -> History:
        """The checkpoints of `uimon status --json`."""
        code, out, log = self.run("status", "--state-dir", self.state, "--json")
        assert code == 0, log
        checkpoints: History = json.loads(out)["checkpoints"]
        return checkpoints

    def living(self) -> list[int]:
        """Every living process that carries the mark."""
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and self._marks(entry)]

    def assert_alone(self, seconds: float = 5.0) -> None:
        """Nothing that was started is alive within `seconds`."""
        deadline = time.monotonic() + seconds
        while left := self.living():
            assert time.monotonic() < deadline, f"{len(left)} processes outlived uimon"
            time.sleep(0.05)

    def close(self) -> None:
        """End what a failed test left."""
        for process in self._started:
            process.kill()
            process.communicate()

    def _marks(self, entry: Path) -> bool:
        try:
            return self._mark.encode() in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            return False  # it ended, or is another user's


StartTraining = Callable[..., "subprocess.Popen[bytes]"]
