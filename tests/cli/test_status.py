"""`uimon status` on rows that were sent and do not show yet."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.support.outboxes import train_row
from watcher.cli.status import run_status
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import StateDir
from watcher.model import UimonError


def test_unconfirmed_rows_are_counted_with_their_age(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger(StateDir(tmp_path).ledger)
    ledger.outbox().add_rows([train_row(1), train_row(2), train_row(3)])
    assert run_status(None, tmp_path, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["unconfirmed"] == {"rows": 0, "age_seconds": None}
    ledger.outbox().note_attempt(["train-1", "train-2"], 7, time.time() - 700)
    ledger.close()
    run_status(None, tmp_path, as_json=True)
    told = json.loads(capsys.readouterr().out)["unconfirmed"]
    assert told["rows"] == 2
    assert 699 < told["age_seconds"] < 900
    run_status(None, tmp_path, as_json=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert "train rows: 0 in the run, 3 wait (unconfirmed)." in shown
    assert "Unconfirmed: 2 rows were sent, the first 11 min" in shown
    assert "again once W&B has not shown them for 12 min 45 s; `--drain-timeout 15m` waits for that." in shown


def test_a_lost_ledger_beside_its_lines_is_called_lost(tmp_path: Path) -> None:
    StateDir(tmp_path).evaluations.write_text("{}\n")
    with pytest.raises(UimonError, match="is missing; `uimon watch` rebuilds it"):
        run_status(None, tmp_path, as_json=False)
