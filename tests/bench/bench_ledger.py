"""What restarts cost: opening and reading a ledger that has seen ten thousand checkpoints."""

from __future__ import annotations

import time
from pathlib import Path

from watcher.ledger.ledger import Ledger
from watcher.model import Checkpoint, Condition, FileStamp, LoggedStep, TrainerState

_CHECKPOINTS = 10_000


def test_a_restart_with_ten_thousand_checkpoints(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    ledger._db.execute("PRAGMA synchronous = OFF")
    for step in range(_CHECKPOINTS):
        stamp = FileStamp("model.safetensors", 1, step, step)
        trainer = TrainerState(step, 0, (LoggedStep(step, 1.0),))
        name = f"checkpoint-{step}"
        ledger.observe(
            Checkpoint(name, Path("/c") / name, step, Condition.COMPLETE, files=(stamp,), trainer=trainer), "run"
        )
    ledger.close()
    started = time.perf_counter()
    again = Ledger(tmp_path / "ledger.sqlite3")
    again.recover()
    known = len(again.records())
    opened = time.perf_counter() - started
    print(f"\nopen, recover and read {known} checkpoints: {opened:.2f} s")
    again.close()
