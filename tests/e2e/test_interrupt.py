"""Ctrl-C and SIGTERM while a real engine generates."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.uimon_processes import UimonProcesses

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

# Longer than the interruption takes by far, and more prompts than fit into one step of vLLM's scheduler.
LONG = ("--samples", "64", "--max-tokens", "400", "--swap", "warm")


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.soak), signal.SIGTERM])
def test_an_interrupted_checkpoint_is_handed_back(
    number: signal.Signals, uimon: UimonProcesses, runs: Path, val: Path
) -> None:
    watcher = uimon.start(
        "watch", runs / "full", "--wandb", "off", "--val", val, "--once", "--state-dir", uimon.state, *LONG
    )
    # The second checkpoint goes into a living engine within milliseconds, so that generating is all that takes time.
    read_until(watcher, "checkpoint-10 evaluated")
    time.sleep(0.5)
    watcher.send_signal(number)
    began = time.monotonic()
    _, log = watcher.communicate(timeout=60)

    assert watcher.returncode == 0, log
    assert time.monotonic() - began < 10
    assert log.count("checkpoint-20 is requeued") == 1
    uimon.assert_alone()
    first, second = uimon.status()
    assert (first["state"], first["published"]) == ("evaluated", "no")
    assert (second["state"], second["reason"], second["metrics"]) == ("staged", "interrupted", {})
    assert len(list((uimon.state / "stage").iterdir())) == 1


def read_until(watcher: subprocess.Popen[str], text: str) -> None:
    """Read the watcher's log up to a line that contains `text`."""
    assert watcher.stderr is not None
    lines = []
    while text not in (line := watcher.stderr.readline()):
        lines.append(line)
        assert line, "".join(lines)
