"""Work that follows an evaluation and does what a test says."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from watcher.followups import Retryable
from watcher.ledger.rows import Evaluation
from watcher.ledger.samples import StoredSample
from watcher.model import Reason


@dataclass
class ScriptedFollowup:
    """Finds the share of samples that begin as the first one does. `faults` are raised by the runs in turn; `hold`
    makes a run wait; `ran` are the steps that were asked for, each in a line of `log`, too, where there is one.
    """

    kind: str = "scripted"
    faults: list[Exception | None] = field(default_factory=list)
    hold: threading.Event | None = None
    metrics: Mapping[str, float | None] | None = None
    log: Path | None = None
    deaf: bool = False
    """An interruption does not end what it does."""
    ran: list[int] = field(default_factory=list)
    running: threading.Event = field(default_factory=threading.Event)
    interrupted: threading.Event = field(default_factory=threading.Event)

    def run(self, evaluation: Evaluation, samples: Sequence[StoredSample]) -> Mapping[str, float | None]:
        """The metrics, or the next fault."""
        self.ran.append(evaluation.step)
        if self.log is not None:
            with self.log.open("a") as file:
                print(evaluation.step, file=file)
        self.running.set()
        if self.hold is not None and not self.hold.wait(20):
            raise AssertionError("nobody let the work go on")
        if self.interrupted.is_set():
            raise Retryable(Reason.INTERRUPTED, "It was interrupted.")
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        if self.metrics is not None:
            return self.metrics
        alike = sum(sample.completion[:9] == samples[0].completion[:9] for sample in samples)
        return {"eval/scripted/alike": alike / len(samples), "eval/scripted/unknown": None}

    def interrupt(self) -> None:
        """Let a run that waits go, unless it is deaf."""
        self.interrupted.set()
        if self.hold is not None and not self.deaf:
            self.hold.set()
