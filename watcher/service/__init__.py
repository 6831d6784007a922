"""The service that joins the rooms: look, stage, evaluate, publish, until the run is over.

Four threads share one ledger and talk through little else. `CheckpointIngest` looks at the trainer's directory and
stages what is complete; `Evaluator` puts it through the engine; `AlertMonitor` looks for early warnings in what was
found; `Publisher` empties the outbox. Where further work follows evaluations, `FollowupWorker` does it in a fifth. None
waits for another: a tracker that is down does not hold up evaluation, a slow engine does not hold up staging.
"""

from watcher.service.service import Parts, Service

__all__ = ["Parts", "Service"]
