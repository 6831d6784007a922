"""The service that joins the rooms: look, stage, evaluate, publish, until the run is over.

Three threads share one ledger and talk through little else. `Intake` looks at the trainer's directory and copies
what is complete; `Evaluator` takes the oldest copy and puts it through the engine; `Publisher` empties the outbox.
None waits for another: a tracker that is down does not hold up evaluation, a slow engine does not hold up copying.
"""

from watcher.service.service import Parts, Service

__all__ = ["Parts", "Service"]
