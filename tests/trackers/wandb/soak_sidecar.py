"""A watcher without an engine, its time shortened: `soak_sidecar STATE CHECKPOINTS PERIOD SCALE`, as a module.

It is the service's own publisher with its claim, its companion and its care for the run's end; every pause of it is
divided by `SCALE`. Every `PERIOD` seconds of its ledger's life one more evaluation becomes due, `CHECKPOINTS` in all;
it ends when all is delivered. It may be killed at any moment and started again. Each time it commits that rows may be
in the run from now on, it notes their uids and the time in `STATE/marks.jsonl`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import watcher.trackers.wandb.run_watch
from tests.support.outboxes import eval_row, train_row
from tests.support.wandb_run import LIMITS, PROJECT, RUN
from watcher.demo.standin import ENTITY
from watcher.evaluation.rows import RowMaker
from watcher.ledger.ledger import Ledger
from watcher.model import Alert, Row, Target, UimonError
from watcher.service.board import Board
from watcher.service.publisher import Publisher
from watcher.service.signals import Signals
from watcher.trackers.wandb import (
    Backoff,
    Claim,
    ClaimedPublisher,
    Outbox,
    PublishPlan,
    PublishResult,
    RunFacts,
    RunRef,
    Settling,
    WandbPublisher,
    inspect_run,
    publisher_id,
)
from watcher.trackers.wandb.claim import Pauses
from watcher.trackers.wandb.join_state import JoinState
from watcher.trackers.wandb.proof import Patience
from watcher.trackers.wandb.run_watch import RunWatch
from watcher.trackers.wandb.tracker import Outboxes, WandbTracker, plans_of

_SESSION = 45.0
"""Seconds, of real time: what a session takes is not shortened."""
REF = RunRef(ENTITY, PROJECT, RUN)


@dataclass
class Noting:
    """Notes when rows may be in the run, and asks the publisher behind it."""

    publisher: WandbPublisher
    file: Path

    def publish(
        self,
        rows: Sequence[Row],
        alerts: Sequence[Alert],
        order: PublishPlan,
        on_mark: Callable[[Sequence[str], int], None],
    ) -> PublishResult:
        def note(uids: Sequence[str], mark: int) -> None:
            on_mark(uids, mark)
            with self.file.open("a") as file:
                file.write(json.dumps([list(uids), time.time(), order.target]) + "\n")

        return self.publisher.publish(rows, alerts, order, note)


def patience(scale: float) -> Patience:
    """The product's own, shortened."""
    return Patience(tuple(pause / scale for pause in Patience().pauses))


def _outboxes(ledger: Ledger, state: Path, scale: float, watch: RunWatch) -> Outboxes:
    wandb = WandbPublisher(
        REF, state / "wandb", timeout=_SESSION, limits=LIMITS, on_left=JoinState(ledger).note_ended_as
    )
    real = Pauses()
    pauses = Pauses(8.0, real.lag_of_marks / scale, real.lag / scale, _SESSION, real.beat / scale)
    claim = Claim(publisher_id(state), wandb.move, pauses)
    publisher = ClaimedPublisher(Noting(wandb, state / "marks.jsonl"), claim)
    pace = Backoff(2 / scale, 60 / scale, 30 / scale)
    shared = {"backoff": pace, "patience": patience(scale), "gather": 5 / scale}

    order = plans_of(ledger, watch, "auto")
    return Outboxes(
        Outbox(ledger.outbox(), publisher, order=order, **shared),  # type: ignore[arg-type]
        Outbox(ledger.outbox(Target.COMPANION), publisher, order=lambda: PublishPlan(Target.COMPANION), **shared),  # type: ignore[arg-type]
        claim,
        wandb.end,
    )


def _facts(state: Path) -> RunFacts | None:
    try:
        return inspect_run(REF, _SESSION, state / "wandb", limits=LIMITS)
    except UimonError:
        return None


def main() -> None:
    """Publish until all the evaluations are delivered."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    state, checkpoints, period, scale = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    state.mkdir(parents=True, exist_ok=True)
    watcher.trackers.wandb.run_watch._INTERVAL = 30 / scale
    ledger = Ledger(state / "ledger.sqlite3")
    if ledger.recall("began") is None:
        ledger.remember("began", os.environ.get("SOAK_BEGAN") or str(time.time()))
    began = float(ledger.recall("began") or 0)
    signals, board = Signals(), Board()
    watch = RunWatch(lambda: _facts(state), Settling.after(45 / scale))
    publisher = Publisher(
        WandbTracker(ledger, _outboxes(ledger, state, scale, watch), watch),
        RowMaker(ledger, RUN),
        ledger,
        signals,
        board,
    )
    thread = threading.Thread(target=publisher.run, daemon=True)
    thread.start()
    known = 0
    while known < checkpoints or not ledger.outbox().empty:
        assert thread.is_alive()
        known = min(checkpoints, int((time.time() - began) / period))
        steps = [10 * (number + 1) for number in range(known)]
        ledger.outbox().add_rows([*map(eval_row, steps), *map(train_row, steps)])
        signals.due.set()
        time.sleep(0.5)
    publisher.finish(60 / scale)
    thread.join()


def of_all(checkpoints: int) -> list[str]:
    """The uids of everything that is due in the end."""
    steps = [10 * (number + 1) for number in range(checkpoints)]
    return [*(eval_row(step).uid for step in steps), *(train_row(step).uid for step in steps)]


if __name__ == "__main__":
    main()
