from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from watcher.demo.check import check
from watcher.demo.standin import Standin, standin_environment
from watcher.demo.verdict import Plan
from watcher.ledger.state_dir import StateDir


def test_a_run_that_cannot_be_read_is_a_failure_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    with Standin() as standin:
        for name, value in standin_environment(standin.url, tmp_path).items():
            monkeypatch.setenv(name, value)
        assert check("stand-in/uimon-demo/nowhere", StateDir(tmp_path), Plan(), Console(file=said)) == 1
    assert "run_unreadable" in said.getvalue()
    assert "nowhere" in said.getvalue()


def test_checkpoints_that_uimon_never_saw_are_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"train/global_step": step, "train/loss": 1.0} for step in (1, 2)]
    monkeypatch.setattr("watcher.demo.check.read_rows", lambda _: (rows, ""))
    said = io.StringIO()
    assert check("run", StateDir(tmp_path), Plan(steps=2, save_steps=2), Console(file=said)) == 1
    assert "checkpoint_lost" in said.getvalue()
    assert list(tmp_path.iterdir()) == []
