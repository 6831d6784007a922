"""Ctrl-C and SIGTERM while a real engine generates."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Uimon
from watcher.ledger import Ledger
from watcher.model import State

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_checkpoint_is_handed_back(number: signal.Signals, uimon: Uimon, runs: Path, val: Path) -> None:
    long = ("--samples", "64", "--max-tokens", "400", "--swap", "warm")
    watcher = uimon.start(
        "watch", runs / "full", "--wandb", "off", "--val", val, "--once", "--state-dir", uimon.state, *long
    )
    # The second checkpoint goes into a living engine within milliseconds, so that generating is all that takes time.
    wait_until(lambda: states(uimon.state) == [State.EVALUATED, State.EVALUATING])
    time.sleep(0.5)
    watcher.send_signal(number)
    began = time.monotonic()
    _, log = watcher.communicate(timeout=60)

    assert watcher.returncode == 0, log
    assert time.monotonic() - began < 10
    assert log.count("checkpoint-20 is handed back") == 1
    uimon.assert_alone()
    first, second = uimon.status()
    assert (first["state"], first["published"]) == ("evaluated", "no")
    assert (second["state"], second["reason"], second["metrics"]) == ("staged", "interrupted", {})
    assert len(list((uimon.state / "stage").iterdir())) == 1


def states(state_dir: Path) -> list[State]:
    """The states of the checkpoints by step; none before there is a ledger."""
    if not (state_dir / "ledger.sqlite3").exists():
        return []
    ledger = Ledger(state_dir / "ledger.sqlite3", read_only=True)
    try:
        return [record.state for record in ledger.records()]
    finally:
        ledger.close()


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something that uimon does."""
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)
