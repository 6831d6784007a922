"""A watcher without an engine: `python -m tests.trackers.wandb.chaos_sidecar LEDGER CHECKPOINTS PERIOD`.

Every `PERIOD` seconds of its ledger's life one more evaluation becomes due, `CHECKPOINTS` in all; it publishes what
is due with the real outbox and the real W&B SDK, and ends when all is delivered. It may be killed at any moment and
started again.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tests.support.outboxes import eval_row
from tests.support.wandb_run import LIMITS, PROJECT, RUN
from watcher.demo.standin import ENTITY
from watcher.ledger.ledger import Ledger
from watcher.trackers.wandb import Backoff, Outbox, RunRef, WandbPublisher
from watcher.trackers.wandb.proof import Patience


def main() -> None:
    """Publish until all the evaluations are delivered."""
    path, checkpoints, period = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    ledger = Ledger(path)
    if ledger.recall("began") is None:
        ledger.remember("began", str(time.time()))
    began = float(ledger.recall("began") or 0)
    publisher = WandbPublisher(
        RunRef(ENTITY, PROJECT, RUN), path.parent / "sessions", timeout=30, limits=LIMITS, environ=os.environ
    )
    # W&B's stand-in shows at once what it has taken.
    pace = Backoff(base=0.2, longest=1.0, recheck=0.5)
    outbox = Outbox(ledger.outbox(), publisher, backoff=pace, patience=Patience((1.0, 2.0)), gather=0.0)
    while True:
        known = min(checkpoints, int((time.time() - began) / period))
        ledger.outbox().add_rows(eval_row(10 * (number + 1)) for number in range(known))
        report = outbox.step()
        if report.waiting is not None:
            print(report.waiting, report.detail, flush=True)
        if known == checkpoints and outbox.empty:
            return
        time.sleep(0.1)


if __name__ == "__main__":
    main()
